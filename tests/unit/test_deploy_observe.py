from __future__ import annotations

import json
import logging
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

from deploy.observe import Observed, _Seldom, read_health
from deploy.ports import stable_ports

STATE: dict[str, Any] = {"good": True}


def health() -> tuple[bool, dict[str, Any]]:
    return STATE["good"], {"process": "intake", "lag": 7, "last_error": None if STATE["good"] else "åska"}


def fetch(url: str) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_metrics_and_health_are_answered_and_nothing_else() -> None:
    with Observed("127.0.0.1", 0, health) as observed:
        base = f"http://127.0.0.1:{observed.port}"
        STATE["good"] = True
        status, kind, body = fetch(f"{base}/metrics")
        assert (status, kind.split(";")[0]) == (200, "text/plain")
        assert "# TYPE process_cpu_seconds_total counter" in body

        status, kind, body = fetch(f"{base}/health")
        assert (status, kind) == (200, "application/json")
        assert json.loads(body) == {"healthy": True, "process": "intake", "lag": 7, "last_error": None}

        STATE["good"] = False
        status, _, body = fetch(f"{base}/health")
        assert status == 503
        assert json.loads(body) == {"healthy": False, "process": "intake", "lag": 7, "last_error": "åska"}
        assert read_health(f"{base}/health") == json.loads(body), "a process that is not well still tells why"

        assert fetch(f"{base}/")[0] == 404
        assert fetch(f"{base}/health/")[0] == 404
        assert read_health(f"{base}/elsewhere") is None


def test_who_does_not_answer_has_no_health() -> None:
    port = stable_ports(1)[0]
    assert read_health(f"http://127.0.0.1:{port}/health") is None


LOGGING = """
import logging, sys
import structlog
from deploy.observe import set_up_logs
set_up_logs(sys.argv[1], sys.argv[2])
log = structlog.get_logger("ours")
log.debug("too quiet")
log.info("hej", registry="höft", n=3)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("broke")
    logging.getLogger("librdkafka").exception("theirs %s", "too")
"""


def logged(level: str, form: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LOGGING, level, form], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
    return done.stderr


def test_logs_are_json_lines_ours_and_the_libraries() -> None:
    lines = [json.loads(line) for line in logged("info", "auto").splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "hej"),
        ("error", "broke"),
        ("error", "theirs too"),
    ]
    assert (lines[0]["registry"], lines[0]["n"]) == ("höft", 3)
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert all("ZeroDivisionError: division by zero" in line["exception"] for line in lines[1:])


def test_logs_for_people_are_not_json_and_the_level_holds() -> None:
    shown = logged("error", "console")
    assert "hej" not in shown
    assert "broke" in shown
    assert not shown.startswith("{")


KEEPING = """
import structlog
from deploy.observe import set_up_logs
set_up_logs("info", "{form}")
def asked(cookie, form):
    token = cookie.upper()
    raise ValueError("broke")
try:
    asked("".join(["coo", "kie"]), {{"patient": "".join(["per", "son"])}})
except ValueError:
    structlog.get_logger("ours").exception("a fault of ours")
"""


@pytest.mark.parametrize("form", ["console", "json"])
def test_an_error_is_logged_without_the_values_of_variables(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KEEPING.format(form=form)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "ValueError: broke" in done.stderr
    assert not [one for one in ("cookie'", "COOKIE", "person") if one in done.stderr]


def test_what_a_library_says_over_and_over_is_told_once_a_second_with_how_often() -> None:
    moments = iter([0.0, 0.1, 0.2, 1.5, 1.6])
    seldom = _Seldom(clock=lambda: next(moments))
    told = []
    for number in range(5):
        record = logging.LogRecord("aiokafka", logging.WARNING, "", 0, "no broker %d", (number,), None)
        if seldom.filter(record):
            told.append(record.getMessage())
    assert told == ["no broker 0", "no broker 3 (and 2 more like it)"]
    other = logging.LogRecord("aiokafka", logging.WARNING, "", 0, "something else", (), None)
    assert _Seldom(clock=lambda: 1.6).filter(other)
