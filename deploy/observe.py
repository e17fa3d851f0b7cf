"""What a process shows of itself: structured logs, Prometheus metrics, and a health answer that means progress."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable

    Health = Callable[[], tuple[bool, dict[str, Any]]]

STUCK_AFTER_S = 60.0
"""A process with work waiting and no progress for this long is not healthy."""


def set_up_logs(level: str, form: str) -> None:
    """Logs to standard error: for people on a terminal, JSON elsewhere, unless told otherwise."""
    number = logging.getLevelNamesMapping()[level.upper()]
    for_people = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        # a traceback without the values of variables: among them are cookies, tokens, and what forms say of persons
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if for_people
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    if not for_people:  # the console shows errors in a way of its own
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer], foreign_pre_chain=shared
        )
    )
    handler.addFilter(_Seldom())
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


class _Seldom(logging.Filter):
    """Lets the same sentence of a library through once a second: Kafka clients say it a hundred times in an outage."""

    def __init__(self, every_s: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._clock = clock
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is told; the next one told says how many were not."""
        sentence = (record.name, str(record.msg))  # as written in the library, without what it is filled with
        now = self._clock()
        when, kept_back = self._said.get(sentence, (float("-inf"), 0))
        if now - when < self._every_s:
            self._said[sentence] = (when, kept_back + 1)
            return False
        if kept_back:
            record.msg, record.args = f"{record.getMessage()} (and {kept_back} more like it)", ()
        self._said[sentence] = (now, 0)
        return True


class Observed:
    """Serves ``/metrics`` and ``/health`` while the process works."""

    def __init__(self, host: str, port: int, health: Health) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(health))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="observe", daemon=True)

    @property
    def port(self) -> int:
        """The port it answers on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            elif self.path == "/health":
                good, facts = health()
                body = json.dumps({"healthy": good, **facts}, ensure_ascii=False).encode()
                self._answer(200 if good else 503, "application/json", body)
            else:
                self._answer(404, "text/plain", b"there are /metrics and /health\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are not worth a line each."""

    return Handler


def read_health(url: str) -> dict[str, object] | None:
    """What a process says of itself; None where it does not answer."""
    request = urllib.request.Request(url)  # noqa: S310 - http, from our own settings
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310 - likewise  # nosec B310
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error)) if error.code == 503 else None  # noqa: PLR2004 - it answers, and is not well
    except (OSError, ValueError):
        return None


def wait_until(condition: Callable[[], bool], patience_s: float) -> bool:
    """Whether something became so in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
