"""The embedded database's HTTP server: ClickHouse's own interface, on 127.0.0.1, for one folder.

Run as a process of its own, ``python -m deploy.embedded.server --path FOLDER --port PORT``: the engine belongs to one
process, and its users (loader, portal, commands) are others. It speaks as much of the interface as clickhouse-connect
uses; it has no users, sessions or external data, and refuses what a web page could have sent.
"""

import argparse
import contextlib
import json
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from itertools import chain
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import BinaryIO, cast
from urllib.parse import urlsplit

import structlog

from deploy.embedded.body import READ_BYTES, BadBodyError, read_body
from deploy.embedded.engine import ClickHouseError, Engine, Output, Session
from deploy.embedded.folder import BACKUPS_FOLDER, ENGINE_FOLDER, HOST, SPOOL_FOLDER, FolderError, announce, own_folder
from deploy.embedded.request import Request
from deploy.embedded.statement import find_data_insert

log = structlog.get_logger(__name__)

SPOOL_BYTES = 16 << 20  # a larger result that must be whole before its status is sent waits on disk
DRAIN_SECONDS = 5.0
BAD_ARGUMENTS = 36


class DatabaseServer(ThreadingTCPServer):
    """One thread per connection, all on one engine."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, spool: Path, engine: Engine) -> None:
        self.engine = engine
        self.spool = spool
        self._idle = threading.Condition()
        self._busy = 0
        self._closing = False
        super().__init__((HOST, port), Handler)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Mark a request as under way.

        Raises:
            ConnectionAbortedError: The server is stopping.
        """
        with self._idle:
            if self._closing:
                raise ConnectionAbortedError
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def drain(self) -> bool:
        """Take no more requests and wait a little for those under way; whether all have ended."""
        with self._idle:
            self._closing = True
            return self._idle.wait_for(lambda: self._busy == 0, DRAIN_SECONDS)

    def handle_error(self, *_: object) -> None:
        """Log what a handler did not expect; a client that hangs up is nothing to report."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            log.error("request failed", exc_info=error)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    server: DatabaseServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written apart; Nagle would hold back the second for 40 ms
    wbufsize = READ_BYTES

    def do_GET(self) -> None:
        """Answer /ping, or run a statement that only reads."""
        url = urlsplit(self.path)
        if url.path == "/ping" or not url.query:
            self._send(HTTPStatus.OK, {}, [b"Ok.\n"], 4)
        else:
            self.do_POST()

    def do_POST(self) -> None:
        """Run one statement."""
        body = read_body(cast("BinaryIO", self.rfile), self.headers)
        try:
            with self.server.working():
                self._refuse_web_pages()
                request = Request(self, body)
                with self.server.engine.session(request.database, request.settings) as session:
                    self._run(request, session)
        except ClickHouseError as error:
            self._fail(body, error)
        except ValueError as error:  # a body that cannot be read, text that is not UTF-8, a length that is no number
            self._fail(body, ClickHouseError(BAD_ARGUMENTS, f"Code: 36. DB::Exception: {error}. (BAD_ARGUMENTS)"))
        except ConnectionError:
            self.close_connection = True  # the client hung up; an insert under way is cancelled

    def _refuse_web_pages(self) -> None:
        name = self.headers.get("Host", HOST).rsplit(":", 1)[0]
        if "Origin" in self.headers or name not in {HOST, "localhost"}:
            raise BadBodyError("the embedded database answers programs on this machine, not web pages")

    def _run(self, request: Request, session: Session) -> None:
        head, rest = request.statement()
        if insert := find_data_insert(head):
            session.insert(insert, chain([head[insert.data_start :]], rest))
            output = Output(None, iter(()))
        else:
            output = session.run(head + b"".join(rest), request.params, request.default_format)
        headers = {
            "X-ClickHouse-Query-Id": request.query_id,
            "X-ClickHouse-Timezone": request.settings.get("session_timezone") or self.server.engine.timezone,
        }
        if output.format is not None:
            headers["X-ClickHouse-Format"] = output.format
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES, dir=str(self.server.spool)) as spool:
            spooled = iter(partial(spool.read, READ_BYTES), b"")
            for piece in output.pieces:
                spool.write(piece)
                if spool.tell() > READ_BYTES and not request.wait:
                    spool.seek(0)
                    self._stream(headers, chain(spooled, output.pieces))
                    return
            size = spool.tell()
            spool.seek(0)
            counts = {name: str(count) for name, count in asdict(session.progress).items()}
            headers["X-ClickHouse-Summary"] = json.dumps({**counts, "elapsed_ns": str(session.elapsed_ns)})
            self._send(HTTPStatus.OK, headers, spooled, size)

    def _send(self, status: HTTPStatus, headers: Mapping[str, str], pieces: Iterable[bytes], size: int) -> None:
        self._send_head(status, {**headers, "Content-Length": str(size)})
        for piece in pieces:
            self.wfile.write(piece)
        self.wfile.flush()

    def _stream(self, headers: Mapping[str, str], pieces: Iterable[bytes]) -> None:
        """Send a result as it comes.

        An error on the way is written after the rows, between tags, and the connection is cut without an end of the
        body, so that no reader takes the part for the whole.
        """
        tag = secrets.token_hex(8)
        self._send_head(HTTPStatus.OK, {**headers, "Transfer-Encoding": "chunked", "X-ClickHouse-Exception-Tag": tag})
        try:
            for piece in filter(None, pieces):
                self._write_chunk(piece)
            self._write_chunk(b"")
        except ClickHouseError as error:
            message = f"{error}\n"
            size = len(message.encode())
            self._write_chunk(f"\r\n__exception__\r\n{tag}\r\n{message}{size} {tag}\r\n__exception__\r\n".encode())
            self.close_connection = True
        self.wfile.flush()

    def _write_chunk(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def _fail(self, body: Iterator[bytes], error: ClickHouseError) -> None:
        log.info("refused", code=error.code)  # never the message: it may quote a patient's row
        try:
            for _ in body:  # a client that is still sending would not read the answer
                pass
        except (ValueError, ConnectionError):
            self.close_connection = True
        message = f"{error}\n".encode()
        with contextlib.suppress(ConnectionError):
            self._send(error.status, {"X-ClickHouse-Exception-Code": str(error.code)}, [message], len(message))

    def _send_head(self, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain; charset=UTF-8", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write no line per request."""


def serve(folder: Path, port: int, memory_bytes: int) -> None:
    """Serve an embedded database's folder until SIGTERM or SIGINT."""
    stop_signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)  # before there are threads: only sigwait shall take them
    with own_folder(folder) as lock:
        spool = folder / SPOOL_FOLDER
        shutil.rmtree(spool, ignore_errors=True)  # what a killed server left behind
        spool.mkdir()
        engine = Engine(folder / ENGINE_FOLDER, folder / BACKUPS_FOLDER, spool, memory_bytes)
        server = DatabaseServer(port, spool, engine)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        announce(lock, port)
        log.info("ready", url=f"http://{HOST}:{port}", version=engine.version)
        signal.sigwait(stop_signals)
        server.shutdown()
        log.info("stopping", all_requests_ended=server.drain())
        server.server_close()
        engine.close()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="deploy.embedded.server", description=serve.__doc__)
    parser.add_argument("--path", type=Path, required=True, help="the database's folder")
    parser.add_argument("--port", type=int, default=0, help="0: any free one; the lock file tells which")
    parser.add_argument("--memory-mb", type=int, required=True, help="what the engine may take, in MB")
    given = parser.parse_args()
    try:
        serve(given.path.resolve(), given.port, given.memory_mb << 20)
    except (FolderError, OSError, ValueError) as error:
        sys.exit(f"the embedded database cannot start: {error}")


if __name__ == "__main__":
    main()
