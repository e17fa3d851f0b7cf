"""One HTTP request to the embedded database, in ClickHouse's terms."""

import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from deploy.embedded.body import BadBodyError, decompress, form_fields

HEAD_BYTES = 64 << 10  # an INSERT's columns and settings fit in far less

# Parameters that are not settings of the query. Sessions and progress headers have no meaning here; protocol version 0
# is what the client falls back to when the answer to its probe has no block header.
IGNORED = frozenset({
    "buffer_size", "cancel_http_readonly_queries_on_client_close", "client_protocol_version", "enable_http_compression",
    "http_headers_progress_interval_ms", "password", "quota_key", "send_progress_in_http_headers", "session_check",
    "session_id", "session_timeout", "user",
})  # fmt: skip
UNSUPPORTED = frozenset({"compress", "decompress", "role"})


class Request:
    """What is asked for.

    Args:
        handler: The connection, its request line and headers read.
        body: The body as sent, piece by piece.

    Attributes:
        query_id: The client's, or a new one.
        database: The current database; empty for the default.
        settings: Settings for this query.
        params: Values of ``{name:Type}`` in the query, in ClickHouse's escaped form.
        default_format: The output format where the query names none.
        wait: Whether the status must wait for the whole result.

    Raises:
        BadBodyError: The form cannot be read, or a parameter is not supported.
    """

    def __init__(self, handler: BaseHTTPRequestHandler, body: Iterator[bytes]) -> None:
        given = dict(parse_qsl(urlsplit(handler.path).query, keep_blank_values=True))
        self._query = given.pop("query", "").encode()
        self._body = decompress(body, handler.headers.get("Content-Encoding", "").lower())
        content_type = handler.headers.get("Content-Type", "")
        if content_type.lower().startswith("multipart/form-data"):
            fields = form_fields(content_type, b"".join(self._body))
            self._query += fields.pop("query", b"")
            given |= {name: value.decode() for name, value in fields.items()}
        self.query_id = given.pop("query_id", "") or str(uuid.uuid4())
        self.database = given.pop("database", "")
        self.default_format = given.pop("default_format", "TabSeparated")
        self.wait = given.pop("wait_end_of_query", "0") == "1"
        self.params = {
            name.removeprefix("param_"): given.pop(name) for name in list(given) if name.startswith("param_")
        }
        if asked := sorted(UNSUPPORTED & given.keys()):
            raise BadBodyError(f"the embedded database does not support the parameter {asked[0]}")
        self.settings = {name: value for name, value in given.items() if name not in IGNORED}
        if handler.command == "GET":  # as on a server: a link can read, but change nothing
            self.settings.setdefault("readonly", "2")

    def statement(self) -> tuple[bytes, Iterator[bytes]]:
        """The statement's beginning, long enough to tell what it is, and the rest of the body.

        A query in the URL and the body are one text, with a newline between them.
        """
        head = bytearray(self._query)
        for number, piece in enumerate(self._body):
            if number == 0 and head:
                head += b"\n"
            head += piece
            if len(head) >= HEAD_BYTES:
                break
        return bytes(head), self._body
