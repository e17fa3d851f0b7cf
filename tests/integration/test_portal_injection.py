"""What somebody writes is a value, whatever stands in it: of no use as SQL, and no way to another's rows.

Each free parameter of each address is filled with what breaks out of texts where values are written into statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from sinks.clickhouse.client import connect
from tests.portal_support import Browser, Voices, browser, portal
from tests.portal_world import RECALL, World, listened, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy.embedded.database import EmbeddedDatabase
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

EVIL = (
    "'", "''", "\\", "\\'", "\\\\'", '"', "`", "' OR 1=1 -- ", "' OR '1'='1", "') OR (1=1", "1; DROP TABLE x",
    "' UNION ALL SELECT patient FROM guldadra.feed -- ", "/*", "*/ OR 1 /*", "--", "#", ";", "%", "100%", "%s",
    "%(units)s", "%(first)s", "%(generation)s", "%%", "{first:Date32}", "{generation:String}", "{nothing:String}",
    "{", "{x:", "$$", "$x$", "\n", "\t", "\r\n", "\x00", "CUP1\x00", "\u2018", "\u2028", "é", "🦴", "0", "-1",
    "99999999999999999999", "1e999", "nan", "inf", "0001-01-01", "9999-12-31", "1899-12-31", "2300-01-01", "true",
    "null", "None", "[]", "' AND sleep(3) AND '", "x" * 200, "x" * 5_000, "../../etc/passwd", "<script>", "+", "&",
    "=", "(", "]", "_", "?",
)  # fmt: skip
ADDRESSES: Mapping[str, tuple[str, ...]] = {
    "clinic": (
        *(
            f"/r/<own>/question?form=operation&{one}"
            for one in (
                "where=cup:eq:§",
                "where=cup:ne:§",
                "where=cup:in:§,§",
                "where=cup:starts_with:§",
                "where=cup:known:§",
                "where=age:gt:§",
                "where=pain:lte:§",
                "where=pain:eq:§",
                "where=§:eq:x",
                "where=cup:§:x",
                "where=§",
                "of=cup:eq:§",
                "by=§",
                "value=§",
                "unit=§",
                "first=§",
                "last=§",
                "first=§&last=§",
                "counted=§",
                "also=§",
                "also=reoperation&also_where=reoperation:unit:eq:§",
                "also=reoperation&also_where=§",
                "where_field=cup&where_test=eq&where_value=§",
                "form=§",
                "lang=§",
            )
        ),
        "/r/<own>/question?form=§",
        "/r/<own>/question/files/answer.csv?form=operation&by=unit&where=cup:eq:§",
        "/r/<own>/clinic/U1/carriers?purpose=x&about=§",
        f"/r/<own>/clinic/U1/carriers?purpose=§&about={RECALL}",
        "/r/<own>/clinic/U1/carriers?purpose=x&about=cup/§/0",
        "/r/<own>/clinic/U1/carriers?purpose=x&about=§/CUP1/0",
        "/r/<own>/clinic/U1/lists/§?purpose=x",
        "/r/<own>/clinic/§/lists/in_pain?purpose=x",
        "/r/<own>/clinic/U1/over-time?indicator=§",
        "/r/<own>/clinic/U1/files/§.csv",
        "/r/§/clinic/U1",
        "/r/<own>/indicators/§",
        "/r/<own>/indicators/reoperated?place=§",
        "/r/<own>/indicators/reoperated?per=§",
        "/r/<own>/indicators/reoperated?breakdown=§&by=§&year=§&period=§&order=§&sort=§",
        "/r/<own>/signal?id=§",
        "/r/<own>/signal?id=cup/§/0",
        "/r/<own>/coverage?definition=§&period=§&year=§&place=§",
        "/r/<own>/variables/§",
        "/r/<own>/monitors/§",
        "/r/<own>/published?year=§",
        *(
            f"/api/v1/registries/<own>/{one}"
            for one in (
                "indicators?name=§",
                "indicators?breakdown=§",
                "indicators?unit=§",
                "indicators?place=§",
                "indicators?per=§",
                "indicators?cursor=§",
                "signals?cursor=§",
                "signals?limit=§",
                "variables?cursor=§",
                "question?form=operation&where=cup:eq:§",
                "question?form=operation&by=unit&where=cup:starts_with:§",
                "question?form=§",
            )
        ),
        "/api/v1/registries/§/variables",
    ),
    "nordfalk": (
        *(
            f"/r/<hip>/company/compare?{one}"
            for one in (
                "kind=§",
                "component=§",
                "from=§",
                "until=§",
                "region=§",
                "unit=§",
                "by=§",
                "failure=§",
                "sex=§",
                "age_group=§",
                "diagnosis=§",
                "§=x",
            )
        ),
        "/r/<hip>/company/compare/files/numbers.csv?diagnosis=§",
        "/r/<hip>/company/signals?id=§",
        "/r/<hip>/company/awareness?id=§&signal=§",
        "/api/v1/registries/<hip>/company/comparison?kind=§",
        "/api/v1/registries/<hip>/company/comparison?component=§",
        "/api/v1/registries/<hip>/company/comparison?diagnosis=§&by=component_clinic",
        "/api/v1/registries/<hip>/company/safety?kind=§&cursor=§",
        "/r/<hip>/company/reports?kind=§",
        "/r/<hip>/company/reports/files/§.csv",
    ),
    "registrar": (
        "/r/<own>/awareness?signal=§&id=§&company=§&since=§",
        "/api/v1/registries/<own>/awareness?signal=§&cursor=§",
        "/r/<own>/webhooks?webhook=§&id=§",
        "/r/<own>/access?since=§",
        "/r/<own>/access?who=§",
        "/r/<own>/flow?since=§&day=§&period=§",
        "/r/<own>/compliance?unit=§",
    ),
}
ALL_AT_ONCE = (
    "' OR 1=1 -- ",
    "\\') OR (1=1) /* ` \" ;",
    "%s %(units)s 100%",
    "{first:Date32}{x:String}$x$",
    "\x00\n\t\u2018é🦴<script>",
    "99999999999999999999",
    "nan",
    "0001-01-01",
    "9999-12-31",
    "x" * 5_000,
)
"""Several of them in each, for addresses of which there are many."""
OF_OTHERS = ("others-", "INTEROP", "LOT-SUNDMARK", "own-caja")


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture(scope="module")
def world(client: Client, tmp_path_factory: pytest.TempPathFactory) -> World:
    return world_of(client, tmp_path_factory.mktemp("injection"))


@pytest.fixture(scope="module")
def visitors(client: Client, world: World) -> Mapping[str, Browser]:
    made = portal(
        world.definitions, client, ready=tuple(world.people.values()), voice=Voices(), log_ins_a_minute=100_000
    )
    found = {name: browser(made) for name in ADDRESSES}
    for name, visitor in found.items():
        assert visitor.log_in(name).status_code == 303
    return found


@pytest.mark.parametrize(("who", "address"), [(who, one) for who, some in ADDRESSES.items() for one in some])
def test_whatever_is_written_is_answered_or_refused_and_shows_nothing_of_others(
    visitors: Mapping[str, Browser], world: World, who: str, address: str
) -> None:
    for evil in ALL_AT_ONCE:
        answer = visitors[who].get(world.at(address).replace("§", quote(evil, safe="")))
        assert answer.status_code in {200, 400, 403, 404, 422}, (evil, answer.status_code)
        assert not [one for one in OF_OTHERS if one in answer.text], evil


@pytest.mark.parametrize("evil", [one for one in EVIL if len(one) < 100])
def test_a_condition_holds_for_what_is_that_very_text(visitors: Mapping[str, Browser], world: World, evil: str) -> None:
    """No cup is called so: of 20 operations none is of it, and all are of another."""

    def people(test: str) -> int:
        address = world.at("/api/v1/registries/<own>/question?form=operation&where=")
        answer = visitors["clinic"].get(address + quote(f"cup:{test}:{evil}", safe=""))
        assert answer.status_code == 200, answer.text
        return int(answer.json()["total"]["people"] or 0)

    wanted = evil.strip()  # spaces round a value are not part of it
    assert people("eq") == 0
    assert people("ne") == 20
    assert people("starts_with") == (20 if wanted == "" else 0)


@pytest.mark.parametrize("evil", ALL_AT_ONCE)
def test_an_event_s_id_is_of_one_s_own_feed_or_of_none(
    visitors: Mapping[str, Browser], world: World, evil: str
) -> None:
    visitor = visitors["nordfalk"]
    status, body = listened(
        visitor.app,  # type: ignore[arg-type] # the application
        f"/api/v1/feed?since={quote(evil, safe='')}",
        {"cookie": f"guldadra={visitor.cookies['guldadra']}"},
        enough=lambda body: b"data:" in body,
        seconds=2.0,
    )
    assert status == (422 if len(evil) > 64 else 200)
    assert b"Sundmark" not in body
    if status == 200:
        assert world.hip.name.encode() in body  # an id that is not known means the start


@pytest.mark.parametrize(
    ("who", "address", "fields"),
    [
        ("registrar", "/r/<own>/review", ("id", "state", "reason", "note")),
        ("registrar", "/r/<own>/webhooks/add", ("company", "url", "since")),
        ("registrar", "/r/<own>/webhooks/rotate", ("rotated",)),
        ("registrar", "/r/<own>/webhooks/remove", ("removed",)),
        ("registrar", "/r/<own>/webhooks/retry", ("retried", "event")),
        ("nordfalk", "/r/<hip>/company/answer", ("id", "state", "statement", "notice")),
        ("clinic", "/r/<own>/clinic/U1/carriers", ("about", "purpose", "registration_id", "state", "unit", "note")),
    ],
)
def test_whatever_is_said_is_taken_or_refused(
    visitors: Mapping[str, Browser], world: World, who: str, address: str, fields: tuple[str, ...]
) -> None:
    for evil in ALL_AT_ONCE:
        answer = visitors[who].say(world.at(address), **dict.fromkeys(fields, evil))
        assert answer.status_code in {303, 400, 403, 404}, (evil, answer.status_code)


def test_all_tables_are_there_yet(client: Client, world: World) -> None:
    for definition in world.definitions.values():
        for form in definition.forms:
            client.rows(f"SELECT count() FROM guldadra_{definition.name}.{form}")
    assert client.rows(f"SELECT count() FROM guldadra_{world.own.name}.operation") == [(20,)]
