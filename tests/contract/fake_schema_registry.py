"""The few answers of a Confluent schema registry that our code asks for, in this process.

An id is the schema's own fingerprint here, so that bytes can be compared whole. What the real one
does, compatibility above all, is tested on the real one.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from schemas.codec import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeSchemaRegistry:
    """What it was told, and what it was asked."""

    def __init__(self) -> None:
        self.subjects: dict[str, list[str]] = {}
        self.levels: dict[str, str] = {}
        self.asked: list[str] = []
        self.failing: int | None = None
        """Answer everything with this status, if set."""
        self.refusing: int | None = None
        """Answer registrations with this status, if set."""
        self.url = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON for one request."""
        self.asked.append(f"{method} {path}")
        if self.failing is not None:
            return self.failing, {"error_code": self.failing, "message": "out of order"}
        match (method, *(unquote(step) for step in path.strip("/").split("/"))):
            case ("PUT", "config", subject):
                self.levels[subject] = body["compatibility"]
                found = body
            case ("POST", "subjects", subject, "versions"):
                return self._register(subject, body["schema"])
            case ("POST", "subjects", subject):
                found = self._registered(subject, body["schema"])
            case ("GET", "schemas", "ids", schema_id):
                known = (schema for versions in self.subjects.values() for schema in versions)
                found = next(({"schema": schema} for schema in known if str(_id_of(schema)) == schema_id), None)
            case _:
                found = None
        return (200, found) if found else (404, {"error_code": 40403, "message": "not found"})

    def _register(self, subject: str, schema: str) -> tuple[int, Any]:
        if self.refusing is not None:
            return self.refusing, {"error_code": self.refusing, "message": "incompatible with version 1"}
        versions = self.subjects.setdefault(subject, [])
        if schema not in versions:
            versions.append(schema)
        return 200, {"id": _id_of(schema)}

    def _registered(self, subject: str, schema: str) -> dict[str, Any] | None:
        versions = self.subjects.get(subject, [])
        if schema not in versions:
            return None
        return {"subject": subject, "version": versions.index(schema) + 1, "schema": schema, "id": _id_of(schema)}


def _id_of(schema: str) -> int:
    return fingerprint(json.loads(schema))


@contextmanager
def running() -> Iterator[FakeSchemaRegistry]:
    """The registry on a port of its own while the test runs."""
    fake = FakeSchemaRegistry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def do_PUT(self) -> None:
            self._reply()

        def _reply(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = fake.answer(self.command, urlsplit(self.path).path, json.loads(raw) if raw else None)
            reply = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            """Say nothing: the test asks `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
