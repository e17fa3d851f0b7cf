"""Who sees what: each address that is of somebody, asked by everybody, over an engine that has something to show.

An address shows its mark to those who are entitled. Whoever is refused gets the refusal and no mark; whoever is let in
to what is theirs alone finds no mark of others. Both are told from an answer that is merely empty, for the mark is
there. The table is written by hand.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import pytest

from schemas.company import company_code
from sinks.clickhouse.client import connect
from sinks.clickhouse.queries.webhooks import find_webhook, new_webhook, save
from sinks.portal.portal import Provider
from tests.portal_support import Browser, Voices, browser, portal
from tests.portal_world import NORDFALK, RECALL, SUNDMARK, World, event_of, listened, world_of
from tests.unit.test_portal_login import ISSUER, FakeProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx2

    from deploy.embedded.database import EmbeddedDatabase
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

EVERYBODY = (
    "public", "nordfalk", "sundmark", "skarvik", "clinic", "other unit", "other clinic", "registrar",
    "other registrar", "vigilance", "other vigilance", "agency", "admin",
)  # fmt: skip
COMPANIES = ("nordfalk", "sundmark", "skarvik")
OF_OWN = ("clinic", "other unit", "registrar", "vigilance")
CARE = (*OF_OWN, "agency")


class Row(NamedTuple):
    """An address and what becomes of it.

    Attributes:
        address: with <hip>, <own> and <others> for the registries' names.
        mark: what it shows.
        shown: to whom.
        without: who gets an answer without the mark.
        senseless: whom it is told that it cannot be answered: no contract, or nothing of theirs.
        absent: for whom there is no such thing.
    """

    address: str
    mark: str
    shown: tuple[str, ...]
    without: tuple[str, ...] = ()
    senseless: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


NEAR = f"about={RECALL}&purpose=to+call"
TABLE = (
    # one company's, and another's
    Row("/r/<hip>/company", "CUP01", ("nordfalk",), ("sundmark",), ("skarvik",)),
    Row("/r/<hip>/company", "INTEROP", ("sundmark",), ("nordfalk",), ("skarvik",)),
    Row("/r/<hip>/company/files/components-cup.csv", "CUP01", ("nordfalk",), ("sundmark",), ("skarvik",)),
    Row("/r/<hip>/company/compare", ">23<", ("nordfalk",), ("sundmark",), ("skarvik",)),
    Row("/r/<hip>/company/compare?component=CUP01", ">23<", ("nordfalk",), (), ("sundmark", "skarvik")),
    Row("/r/<hip>/company/compare/files/numbers.csv", "CUP01", ("nordfalk",), ("sundmark",), ("skarvik",)),
    Row("/r/<hip>/company/compare/files/numbers.csv?component=CUP01", ",23,", ("nordfalk",), (), ("skarvik",),
        ("sundmark",)),
    Row("/r/<hip>/company/compare/files/curves.json", "CUP01", (), ("nordfalk", "sundmark"), ("skarvik",)),
    Row("/r/<hip>/company/signals", "cup/CUP01/0", ("nordfalk",), ("sundmark",), ("skarvik",)),
    Row("/r/<hip>/company/signals", "cup/INTEROP/0", ("sundmark",), ("nordfalk",), ("skarvik",)),
    Row("/r/<hip>/company/signals", "cup/CUP02/0", (), ("nordfalk", "sundmark"), ("skarvik",)),
    Row("/r/<hip>/company/signals?id=cup/CUP01/0", "3.5", ("nordfalk",), (), ("skarvik",), ("sundmark",)),
    Row("/r/<hip>/company/signals?id=cup/CUP02/0", "3.5", (), (), ("skarvik",), ("nordfalk", "sundmark")),
    Row("/r/<hip>/company/signals/files/path.csv?id=cup/CUP01/0", "2002-11", ("nordfalk",), (), ("skarvik",),
        ("sundmark",)),
    Row("/r/<hip>/company/reports", "LOT-NORDFALK", ("nordfalk",), ("sundmark",), ("skarvik",)),
    Row("/r/<hip>/company/reports/files/lots.csv", "LOT-SUNDMARK", ("sundmark",), ("nordfalk",), ("skarvik",)),
    Row("/r/<hip>/company/reports/files/safety.csv", "CUP01", ("nordfalk",), ("sundmark",), ("skarvik",)),
    Row("/r/<hip>/company/awareness", "cup/CUP01/0", ("nordfalk",), ("sundmark",), ("skarvik",)),
    Row("/api/v1/registries/<hip>/company/components", "CUP01", ("nordfalk",), ("sundmark",), ("skarvik",)),
    Row("/api/v1/registries/<hip>/company/comparison", "CUP01", ("nordfalk",), ("sundmark",), ("skarvik",)),
    Row("/api/v1/registries/<hip>/company/signals", "cup/CUP01/0", ("nordfalk",), ("sundmark",), ("skarvik",)),
    Row("/api/v1/registries/<hip>/company/signals", "cup/CUP02/0", (), ("nordfalk", "sundmark"), ("skarvik",)),
    Row("/api/v1/registries/<hip>/company/safety", "CUP01", ("nordfalk",), ("sundmark",), ("skarvik",)),
    # signals as they are stated are no company's
    Row("/r/<hip>/signals", "cup/CUP01/0", ("agency",)),
    Row("/r/<hip>/signal?id=cup/CUP02/0", "9.25", ("agency",)),
    Row("/api/v1/registries/<hip>/signals", "cup/CUP01/0", ("agency",)),
    # one unit's, and another's
    Row("/r/<own>/clinic/U1", "15.0", ("clinic",)),
    Row("/r/<own>/clinic/U1/files/indicators.csv", "15.0", ("clinic",)),
    Row("/r/<own>/clinic/U2/files/indicators.csv", "36.2", ("other unit",)),
    Row("/r/<own>/clinic/U1/over-time", "Reoperated", ("clinic",)),
    Row("/r/<own>/clinic/U1/over-time/files/reoperated.csv", "0.15", ("clinic",)),
    Row("/r/<own>/clinic/U1/over-time/files/reoperated.svg", "<svg", ("clinic",)),
    Row(f"/r/<own>/clinic/U1/carriers?{NEAR}", "own-anna", ("clinic",)),
    Row(f"/r/<own>/clinic/U1/carriers/files/carriers.csv?{NEAR}", "own-anna", ("clinic",)),
    Row(f"/r/<own>/clinic/U2/carriers/files/carriers.csv?{NEAR}", "own-caja", ("other unit",)),
    Row(f"/r/<own>/clinic/U2/carriers/files/carriers.csv?{NEAR}&unit=U1", "own-anna", (), ("other unit",)),
    Row("/r/<own>/clinic/U1/lists/in_pain?purpose=x", "own-anna", ("clinic",)),
    Row("/r/<own>/clinic/U1/lists/in_pain/files/in_pain.csv?purpose=x", "own-anna", ("clinic",)),
    Row("/r/<own>/clinic/U2/lists/in_pain/files/in_pain.csv?purpose=x", "own-caja", ("other unit",)),
    Row("/r/<own>/clinic/U2/lists/in_pain/files/in_pain.csv?purpose=x&unit=U1", "own-anna", (), ("other unit",)),
    Row(f"/r/<others>/clinic/U1/carriers/files/carriers.csv?{NEAR}", "others-anna", ("other clinic",)),
    Row("/r/<others>/clinic/U1/lists/in_pain/files/in_pain.csv?purpose=x", "others-anna", ("other clinic",)),
    # one registry's, and another's
    Row("/r/<own>/signals", "cup/CUP1/0", CARE),
    Row("/r/<own>/signals/files/signals.csv", "cup/CUP1/0", CARE),
    Row("/r/<own>/signal?id=cup/CUP1/0", "9.25", CARE),
    Row("/r/<own>/signal/files/paths.csv?id=cup/CUP1/0", "9.25", CARE),
    Row("/r/<own>/signal/files/paths.svg?id=cup/CUP1/0", "<svg", CARE),
    Row("/r/<own>/indicators", "Reoperated", CARE),
    Row("/r/<own>/indicators/reoperated", "32", CARE),
    Row("/r/<own>/question?form=operation&by=unit", "U2", OF_OWN),
    Row("/r/<own>/question/files/answer.csv?form=operation&by=unit", "U1 First clinic,10,10", OF_OWN),
    Row("/r/<own>/flow", "accounts.csv", ("registrar", "admin")),
    Row("/r/<own>/compliance", "<table", ("registrar", "admin")),
    Row("/r/<own>/awareness", "<table", ("registrar", "vigilance")),
    Row("/r/<own>/webhooks", "endpoints.csv", ("registrar",)),
    Row("/r/<others>/webhooks", "endpoints.csv", ("other registrar",)),
    Row("/api/v1/registries/<own>/awareness", "rows", ("registrar", "vigilance")),
    Row("/r/<own>/reports", "queue.csv", ("registrar", "vigilance", "agency")),
    Row("/r/<own>/reports/trail", "trail.csv", ("registrar", "vigilance", "agency")),
    Row("/r/<own>/report?id=SE-EXEMPEL-1", "nothing", (), absent=("registrar", "vigilance", "agency")),
    Row("/r/<others>/reports", "queue.csv", ("other registrar", "other vigilance", "agency")),
    Row("/r/<own>/access", "at most 2,000 are shown", ("registrar", "admin")),
    Row("/r/<others>/signals", "cup/CUP1/0", ("other clinic", "other registrar", "other vigilance", "agency")),
    Row("/r/<others>/question/files/answer.csv?form=operation&by=unit", "U1 First clinic,10,10",
        ("other clinic", "other registrar", "other vigilance")),
    Row("/r/<others>/access", "at most 2,000 are shown", ("other registrar", "admin")),
    Row("/api/v1/registries/<own>/signals", "cup/CUP1/0", CARE),
    Row("/api/v1/registries/<own>/indicators?name=reoperated", "reoperated", CARE),
    Row("/api/v1/registries/<own>/indicators?name=reoperated&place=unit&unit=U1", '"U1"', ("clinic",)),
    Row("/api/v1/registries/<own>/question?form=operation&by=unit", '"U1"', OF_OWN),
    Row("/api/v1/registries/<others>/signals", "cup/CUP1/0",
        ("other clinic", "other registrar", "other vigilance", "agency")),
    Row("/api/v1/registries/<others>/question?form=operation&by=unit", '"U1"',
        ("other clinic", "other registrar", "other vigilance")),
    # everybody's
    Row("/r/<own>/published", "Reoperated", EVERYBODY),
    Row("/r/<own>/variables", "operation", EVERYBODY),
    Row("/r/<own>/monitors", "cup", EVERYBODY),
    Row("/api/v1/registries", "<own>", EVERYBODY),
    Row("/api/v1/registries/<own>/variables", "operation", EVERYBODY),
    Row("/api/v1/registries/<others>/published", "reoperated", EVERYBODY),
)  # fmt: skip


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture(scope="module")
def world(client: Client, tmp_path_factory: pytest.TempPathFactory) -> World:
    return world_of(client, tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def voices() -> Voices:
    return Voices()


@pytest.fixture(scope="module")
def visitors(client: Client, world: World, voices: Voices) -> Mapping[str, Browser]:
    """Everybody's browser, logged in."""
    made = portal(world.definitions, client, ready=tuple(world.people.values()), voice=voices, log_ins_a_minute=100_000)
    found = {"public": browser(made)}
    for name, person in world.people.items():
        found[name] = Browser(found["public"].app)
        assert found[name].log_in(person.subject).status_code == 303
    return found


def expected(row: Row, who: str) -> int:
    if who in (*row.shown, *row.without):
        return 200
    if who in row.senseless:
        return 400
    if who in row.absent:
        return 404
    if who == "public":
        return 401 if row.address.startswith("/api/") else 303
    return 403


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.address} {row.mark}")
def test_each_address_shows_its_mark_to_those_who_are_entitled_and_to_nobody_else(
    visitors: Mapping[str, Browser], world: World, row: Row
) -> None:
    mark = world.at(row.mark)
    for who in EVERYBODY:
        answer = visitors[who].get(world.at(row.address))
        shown = mark in answer.text and answer.status_code == 200
        assert (who, answer.status_code, shown) == (who, expected(row, who), who in row.shown), answer.text[-300:]


def test_a_token_opens_what_a_session_of_the_same_account_does(client: Client, world: World) -> None:
    provider = FakeProvider()
    made = portal(world.definitions, client, provider=Provider(ISSUER, "guldadra"), log_ins_a_minute=100_000)
    served = browser(made, provider=provider.transport())
    rows = [row for row in TABLE if row.address.startswith("/api/")]
    for who, person in world.people.items():
        provider.claims = {name: value for name, value in person.as_claims().items() if value}
        token = {"authorization": f"Bearer {provider.signed()}"}
        for row in rows:
            answer = served.get(world.at(row.address), headers=token)
            shown = world.at(row.mark) in answer.text and answer.status_code == 200
            assert (who, answer.status_code, shown) == (who, expected(row, who), who in row.shown), row.address


def say(visitors: Mapping[str, Browser], who: str, address: str, said: Mapping[str, str]) -> httpx2.Response:
    """Send a form with the session's own token; the public has one at the log-in."""
    token = visitors[who].token("/login" if who == "public" else "/")
    return visitors[who].post(address, data={"forms": token, **said})


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_carrier_s_state_is_said_by_the_own_clinic_alone(
    visitors: Mapping[str, Browser], world: World, voices: Voices, who: str
) -> None:
    voices.told.clear()
    said = {"about": RECALL, "purpose": "to call", "registration_id": "own-anna", "state": "called"}
    answer = say(visitors, who, world.at("/r/<own>/clinic/U1/carriers"), said)
    assert answer.status_code == (303 if who == "clinic" else 403)
    assert len(voices.told) == (1 if who == "clinic" else 0)


def test_nor_of_another_unit_s_carrier_at_one_s_own_address(
    visitors: Mapping[str, Browser], world: World, voices: Voices
) -> None:
    voices.told.clear()
    for registration in ("own-caja", "others-anna", "nobody"):
        said = {"about": RECALL, "purpose": "to call", "registration_id": registration, "state": "called"}
        answer = say(visitors, "clinic", world.at("/r/<own>/clinic/U1/carriers"), said)
        assert answer.status_code == 400
    assert voices.told == []


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_signal_is_decided_on_by_its_own_registry_alone(
    visitors: Mapping[str, Browser], world: World, voices: Voices, who: str
) -> None:
    voices.decided.clear()
    said = {"id": "cup/CUP1/0", "state": "taken_up", "reason": "x"}
    answer = say(visitors, who, world.at("/r/<own>/review"), said)
    entitled = who in {"registrar", "vigilance"}
    assert answer.status_code == (303 if entitled else 403)
    assert len(voices.decided) == (1 if entitled else 0)


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_signal_is_answered_by_the_company_whose_product_it_is(
    visitors: Mapping[str, Browser], world: World, voices: Voices, who: str
) -> None:
    voices.answered.clear()
    address = world.at("/r/<hip>/company/answer")
    for signal in ("cup/CUP01/0", "cup/INTEROP/0", "cup/CUP02/0", "cup/NONE/0"):
        answer = say(visitors, who, address, {"id": signal, "state": "acknowledged"})
        own = (who, signal) in {("nordfalk", "cup/CUP01/0"), ("sundmark", "cup/INTEROP/0")}
        refused = 400 if who == "skarvik" else 404 if who in COMPANIES else 403
        assert answer.status_code == (303 if own else refused)
    assert len(voices.answered) == (1 if who in {"nordfalk", "sundmark"} else 0)


@pytest.mark.parametrize("who", EVERYBODY)
def test_webhooks_are_the_registrar_s_of_that_registry(
    visitors: Mapping[str, Browser], world: World, client: Client, who: str
) -> None:
    theirs = new_webhook(
        client, company_code(NORDFALK), world.others.name, "https://machine.example/", by="Rut", at=datetime.now(UTC)
    )
    save(client, theirs)
    for what, field in (("rotate", "rotated"), ("remove", "removed"), ("retry", "retried")):
        answer = say(visitors, who, world.at(f"/r/<own>/webhooks/{what}"), {field: theirs.id})
        # this portal only reads, of which nobody is told who may not anyway; and it is another registry's
        assert answer.status_code == ((400 if what != "retry" else 404) if who == "registrar" else 403)
    assert not find_webhook(client, theirs.id).removed


FEED = "/api/v1/feed?since=start"


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_feed_is_of_the_company_alone_that_listens(visitors: Mapping[str, Browser], world: World, who: str) -> None:
    cookie = visitors[who].cookies.get("guldadra", "")
    last = event_of(world.hip, NORDFALK)  # another's event is no place to go on from
    names = {"nordfalk": NORDFALK, "sundmark": SUNDMARK}
    for more in ({}, {"last-event-id": last}):
        status, body = listened(
            visitors[who].app,  # type: ignore[arg-type] # the application
            FEED,
            {"cookie": f"guldadra={cookie}", **more},
            enough=lambda body: b'"of":' in body or b'"of": ' in body,
            seconds=1.0,
        )
        assert status == (200 if who in names else 401 if who == "public" else 403)  # Skarvik's contract has run out
        for name, company in names.items():
            told = company.encode() in body and world.hip.name.encode() in body
            is_had = more and name == "nordfalk"  # it says that it has it already
            assert told == (name == who and not is_had)


@pytest.mark.parametrize("who", EVERYBODY)
def test_that_there_is_news_of_a_registry_is_everybody_s_and_says_nothing_more(
    visitors: Mapping[str, Browser], world: World, who: str
) -> None:
    cookie = visitors[who].cookies.get("guldadra", "")
    app = visitors[who].app
    status, body = listened(
        app,  # type: ignore[arg-type] # the application
        world.at("/live/<own>"),
        {"cookie": f"guldadra={cookie}"},
        enough=bool,
        seconds=3.0,
    )
    assert (status, body) == (200, b"retry: 3000\n\n")


def test_nobody_learns_whether_there_is_a_registry_that_is_not_theirs(visitors: Mapping[str, Browser]) -> None:
    for who in ("clinic", "registrar", "vigilance"):
        answer = visitors[who].get("/r/no_such_registry/signals")
        assert answer.status_code == 403
