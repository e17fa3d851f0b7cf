"""Signals of drugs and reactions on pages: cells and measures by hand, what hides them, rates, and their review."""

from __future__ import annotations

import csv
import io
from datetime import date
from math import log2
from typing import TYPE_CHECKING, Any

import pytest
from scipy.stats import chi2

from deploy.demo.biologics import generate
from sinks.portal.api.client import Guldadra, ProblemError
from sinks.portal.identity import Person
from tests.integration.test_clickhouse_reactions import as_submitted, own_copy, streamed
from tests.integration.test_pair_signals import Reported, put
from tests.portal_support import Browser, Voices, browser, portal
from tests.review_support import decided, say

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

HEPATITIS, HIDDEN = "reactions/FEN:HEP/0", "reactions/CED:TUB/0"


@pytest.fixture(scope="module")
def biologics(client: Client, tmp_path_factory: pytest.TempPathFactory) -> RegistryDefinition:
    """The signals of ``Reported``, and two persons on Fenorel of whom one is reported."""
    found = own_copy(tmp_path_factory.mktemp("pairs"), "biologics_pages")
    stream = streamed(client, found)
    stream.submit(as_submitted(treated(), {}))
    stream.load()
    put(client, found, Reported(found).messages_out)
    return found


def treated() -> list[dict[str, Any]]:
    """Anna on Fenorel from 2006-01-01 with hepatitis in March, Bo from June; what is known ends with 2007-01-01."""
    forms = {row["form"]: row for row in reversed(generate().rows)}
    on_drug = {**forms["treatment"], "drug": "FEN", "user": "new", "stopped_on": None}
    reported = {**forms["adverse_reaction"], "drug": "FEN", "reaction_code": "HEP", "same_event_as": None}
    return [
        {**on_drug, "person": "A", "registration_id": "t1", "occurred_on": date(2006, 1, 1)},
        {**on_drug, "person": "B", "registration_id": "t2", "occurred_on": date(2006, 6, 1)},
        {**reported, "person": "A", "registration_id": "r1", "occurred_on": date(2006, 3, 1)},
        {**forms["disease_activity"], "person": "B", "registration_id": "v1", "occurred_on": date(2007, 1, 1)},
    ]


@pytest.fixture
def voices() -> Voices:
    return Voices()


@pytest.fixture
def visitor(client: Client, biologics: RegistryDefinition, voices: Voices) -> Browser:
    name = biologics.name
    people = (
        Person("v", "Vera", "vigilance", registries=frozenset({name})),
        Person("m", "Agda", "agency"),
        Person("o", "Olof", "vigilance", registries=frozenset({"hip"})),
        Person("s", "Siri", "company", company="Sundmark Orthopaedics"),
    )
    found = browser(portal({name: biologics}, client, ready=people, voice=voices))
    found.log_in("v")
    return found


def rows(visitor: Browser, path: str, **query: str) -> list[dict[str, str]]:
    found = visitor.get(path, params=query)
    assert found.status_code == 200, found.text
    return list(csv.DictReader(io.StringIO(found.text)))


def test_all_pairs_stand_on_the_signals_page_for_vigilance_and_agency(
    visitor: Browser, biologics: RegistryDefinition
) -> None:
    for who in ("v", "m"):
        visitor.log_in(who)
        found = {one["signal"]: one for one in rows(visitor, f"/r/{biologics.name}/signals/files/pairs.csv")}
        assert found.keys() >= {HEPATITIS, HIDDEN, "reactions/DOM:TUB/0"}
        # 4 of 44 reports of Fenorel among 710, of which 4 are of hepatitis
        assert found[HEPATITIS]["reports"] == "4"
        assert float(found[HEPATITIS]["expected"]) == pytest.approx(44 * 4 / 710)
        assert "Signals" in visitor.get("/").text
    for who, status in (("o", 403), ("s", 403)):
        visitor.log_in(who)
        assert visitor.get(f"/r/{biologics.name}/pair", params={"id": HEPATITIS}).status_code == status


def test_one_pair_with_cells_measures_and_what_hides_it(visitor: Browser, biologics: RegistryDefinition) -> None:
    page = f"/r/{biologics.name}/pair"
    (hepatitis,) = rows(visitor, f"{page}/files/measures.csv", id=HEPATITIS)
    assert [hepatitis[name] for name in "abcd"] == ["4", "40", "0", "666"]
    assert (hepatitis["prr"], hepatitis["prr_lower"]) == ("inf", ""), "no other drug has it"
    # Norén: log2 of (a + 1/2) / (expected + 1/2)
    assert float(hepatitis["ic"]) == pytest.approx(log2(4.5 / (44 * 4 / 710 + 0.5)))
    assert float(hepatitis["ic_lower"]) < float(hepatitis["ic"]) < float(hepatitis["ic_upper"])
    assert float(hepatitis["eb05"]) < float(hepatitis["ebgm"]) < float(hepatitis["eb95"])

    with_all, without = rows(visitor, f"{page}/files/measures.csv", id=HIDDEN)
    # Cedrana's 6 with tuberculosis and 74 with dermatitis, of the 666 reports before Fenorel's; Domitra's 60 and 100
    assert [with_all[name] for name in "abcd"] == ["6", "74", "66", "520"]
    assert [without[name] for name in "abcd"] == ["6", "74", "6", "420"]
    assert float(without["prr"]) == pytest.approx((6 / 80) / (6 / 426))
    assert float(without["ror"]) == pytest.approx((6 * 420) / (74 * 6))
    assert (with_all["rules"], "evans" in without["rules"]) == ("", True)
    shown = visitor.get(page, params={"id": HIDDEN}).text
    assert "may hide others" in shown
    (level, *_) = rows(visitor, f"{page}/files/levels.csv", id=HIDDEN)
    assert (level["level"], level["masked"]) == ("watch", "yes")
    assert [one["a"] for one in rows(visitor, f"{page}/files/history.csv", id=HEPATITIS)] == ["3", "4"]


def test_a_program_reads_the_same_of_every_pair(visitor: Browser, biologics: RegistryDefinition) -> None:
    found = {one.id: one for one in Guldadra("", http=visitor).pairs(biologics.name)}
    assert found.keys() >= {HEPATITIS, HIDDEN, "reactions/DOM:TUB/0"}
    hepatitis = found[HEPATITIS]
    assert (hepatitis.drug, hepatitis.reaction, hepatitis.reported) == ("FEN", "HEP", 4)
    assert hepatitis.expected == pytest.approx(44 * 4 / 710)
    assert (hepatitis.prr.value, hepatitis.prr.lower) == (None, None), "no other drug has it, so it has no bound"
    assert hepatitis.ic.value == pytest.approx(log2(4.5 / (44 * 4 / 710 + 0.5)))
    hidden = found[HIDDEN]
    # Cedrana's 6 of 80 reports, beside 66 of 586 of all others
    assert hidden.prr.value == pytest.approx((6 / 80) / (66 / 586))
    assert hidden.ror.value == pytest.approx((6 * 520) / (74 * 66))
    assert hidden.leading == "DOM"
    assert hidden.share == pytest.approx(60 / 72)
    assert {"watch", "alarm"} >= hidden.raised_on.keys() >= {"watch"}
    visitor.log_in("s")
    with pytest.raises(ProblemError, match="role"):
        next(Guldadra("", http=visitor).pairs(biologics.name))


def test_its_rate_on_the_drug_has_exact_limits(visitor: Browser, biologics: RegistryDefinition) -> None:
    (found,) = rows(visitor, f"/r/{biologics.name}/pair/files/rates.csv", id=HEPATITIS)
    years = (365 + 214) / 365.25  # Anna's year, and Bo's from June on
    assert (found["users"], found["persons"], found["reports"]) == ("new", "2", "1")
    assert float(found["years"]) == pytest.approx(years)
    assert float(found["rate"]) == pytest.approx(100 / years)
    assert float(found["lower"]) == pytest.approx(chi2.ppf(0.025, 2) / 2 * 100 / years)
    assert float(found["upper"]) == pytest.approx(chi2.ppf(0.975, 4) / 2 * 100 / years)


def test_a_decision_on_a_pair_is_sent_and_shown(
    visitor: Browser, client: Client, biologics: RegistryDefinition, voices: Voices
) -> None:
    sent = visitor.say(f"/r/{biologics.name}/review", id=HEPATITIS, state="taken_up", reason="", note="")
    assert sent.status_code == 303
    assert sent.headers["location"].startswith(f"/r/{biologics.name}/pair?")
    assert voices.decided == [(biologics.name, HEPATITIS, "taken_up", "Vera", "", "")]
    said = decided(1, "taken_up", about=HEPATITIS, group="reactions", product="FEN:HEP", reason="ten cases read")
    say(client, biologics, said)
    (word,) = rows(visitor, f"/r/{biologics.name}/pair/files/said.csv", id=HEPATITIS)
    assert (word["what"], word["reason"]) == ("taken up", "ten cases read")
    visitor.log_in("m")
    assert 'value="confirmed"' not in visitor.get(f"/r/{biologics.name}/pair", params={"id": HEPATITIS}).text


def test_a_pair_that_is_none_is_told_and_swedish_is_spoken(visitor: Browser, biologics: RegistryDefinition) -> None:
    assert visitor.get(f"/r/{biologics.name}/pair", params={"id": "reactions/FEN:NONE/0"}).status_code == 400
    shown = visitor.get(f"/r/{biologics.name}/pair", params={"id": HEPATITIS, "lang": "sv"}).text
    assert "Celler och mått" in shown
