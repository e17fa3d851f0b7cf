"""A log-out holds in every process of the portal: several applications over one database, as processes are."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sinks.clickhouse.client import connect
from sinks.clickhouse.errors import DatabaseUnavailableError
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.queries.ended_sessions import read_ended, write_ended
from tests.portal_support import Browser, browser, portal
from tests.support import bundled, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.database import EmbeddedDatabase
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        apply(client, {})
        yield client


def process(client: Client, cookie: str = "") -> Browser:
    """A browser at another process of the portal, with a cookie that it has from the first."""
    found = browser(replace(portal({"hip": bundled("hip")}, client), now=time.time))
    if cookie:
        found.cookies["guldadra"] = cookie
    return found


def is_known(visitor: Browser, cookie: str) -> bool:
    """Whether whoever comes with this cookie is taken for who they were."""
    other = Browser(visitor.app)
    other.cookies["guldadra"] = cookie
    return "Agda" in other.get("/").text


def test_a_log_out_holds_in_every_process_also_in_one_that_starts_later(client: Client) -> None:
    here = process(client)
    here.log_in("m1")
    copied = here.cookies["guldadra"]
    there = process(client, copied)
    assert is_known(there, copied)
    here.say("/logout")
    assert not is_known(here, copied), "at once where it was said"
    wait_for(lambda: not is_known(there, copied), "the log-out in the other process", 5)
    assert not is_known(process(client), copied)


def test_a_log_in_anew_ends_the_one_before_in_every_process(client: Client) -> None:
    here = process(client)
    here.log_in("m1")
    copied = here.cookies["guldadra"]
    there = process(client, copied)
    assert is_known(there, copied)
    here.log_in("a1")
    wait_for(lambda: not is_known(there, copied), "the end of the first session", 5)


def test_a_log_out_ends_no_other_session_anywhere(client: Client) -> None:
    here, there = process(client), process(client)
    here.log_in("m1")
    there.log_in("m1")
    kept = there.cookies["guldadra"]
    here.say("/logout")
    time.sleep(1.1)
    assert is_known(there, kept)
    assert is_known(here, kept)


def test_while_the_database_is_away_nobody_is_taken_for_logged_in_and_a_log_out_is_told_later(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = process(client)
    here.log_in("m1")
    copied = here.cookies["guldadra"]
    token = here.token("/")
    sessions = here.app.state.sessions  # type: ignore[attr-defined] # of the application

    def away(*_: object, **__: object) -> None:
        raise DatabaseUnavailableError("away")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(sessions._client, "insert", away)
        meanwhile.setattr(sessions._client, "rows", away)
        assert here.post("/logout", data={"forms": token}).status_code == 503
        assert "Agda" not in here.get("/").text, "the browser's own cookie is gone"
        other = Browser(here.app)
        other.cookies["guldadra"] = copied
        sessions._looked = None
        assert other.get("/").status_code == 503
    there = process(client)
    assert not is_known(here, copied), "here it is known, and now told"
    assert not is_known(there, copied)


def test_what_was_ended_is_read_once_and_let_go_when_its_time_is_over(client: Client) -> None:
    now = int(time.time())
    write_ended(client, {"a session": now + 3_600, "an old one": now - 1})
    found, reached = read_ended(client, None)
    assert found["a session"] == now + 3_600
    assert "an old one" not in found
    assert reached is not None
    assert read_ended(client, reached.replace(year=reached.year + 1))[0] == {}
