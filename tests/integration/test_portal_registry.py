"""The registry's own pages over a real engine: what flows, how it compares, what is public, what must be fulfilled."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import date
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from schemas import topics
from schemas.codec import encode_event
from schemas.definition.coverage import Coverage
from sinks.clickhouse.buffer import Buffer, Read
from sinks.clickhouse.client import connect
from sinks.clickhouse.queries.completeness import read_completeness
from sinks.clickhouse.queries.flow import Arrival, Reason, arrivals, refusal_reasons
from sinks.clickhouse.queries.scorecard import read_scorecard
from sinks.portal.identity import Person
from sinks.portal.portal import Certified
from tests.clickhouse_support import SUBMITTED_AT, insert, receipt
from tests.derived_support import Register, cell, days, derived_registry, made, vector, write
from tests.portal_support import Browser, browser, portal
from tests.support import patient

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

COVERAGE = Coverage.model_validate(
    {
        "source": {"sv": "Patientregistret", "en": "Patient register"},
        "form": "operation",
        "counts": {"all_of_them": {"sv": "Alla", "en": "All"}},
        "definitions": {
            "units": {"title": {"sv": "Enheter", "en": "Units"}, "share_of": "units", "reference": ["all_of_them"]},
            "everything": {
                "title": {"sv": "Allt", "en": "Everything"},
                "share_of": "everything",
                "reference": ["all_of_them"],
                "target": 0.5,
            },
        },
    }
)
MONITORS = """
exposures:
  cup:
    title: {sv: Cup, en: Cup}
    form: operation
    product: cup
    by: {sex: {field: sex}}
    ends: [{form: death, reason: death}]
    outcomes: {form: reoperation}
monitors:
  cup: {exposures: cup, rates: [2.0], fewest: 2, thresholds: {per_year: [0.1, 20], watch: [4.2, 46], alarm: [6.8, 115]}}
"""


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture(scope="module")
def registry(client: Client, tmp_path_factory: pytest.TempPathFactory) -> RegistryDefinition:
    """Ten operations at U1 in 2024, five with pain told; 2023 and 2024 have cells; the source knows of 16 and of 4.

    Cells: reoperated within a year, of 2023: 10 of 100 at U1, 30 of 100 at U2, 3 of 4 at U3.
    """
    definition = derived_registry(tmp_path_factory.mktemp("registry") / "registries", monitors=MONITORS)
    definition = made(client, replace(definition, coverage=COVERAGE))
    register = Register(definition)
    for number in range(10):
        pain = 3.0 if number < 5 else None
        register.operated(patient(number), f"r{number}", f"2024-01-{number + 1:02d}", pain=pain)
    register.operated(patient(0), "r0", "2024-01-01", pain=3.0)  # sent again
    register.operated(patient(11), "late", "2026-01-31", unit="U2")
    register.load(client)
    refusals = [(12, [("age", "range"), ("sex", "required")]), (13, [("age", "range")]), (14, [("", "undecodable")])]
    insert(client, definition, receipts=[receipt(definition, 0, 14, accepted=12, refusals=refusals)])
    write(
        client,
        definition,
        11,
        cells=[
            cell("2023-03-01", vector(performed=[100], reoperated=[100, 10], pain=[100, 600, 4000])),
            cell("2023-03-01", vector(performed=[100], reoperated=[100, 30]), unit="U2", by=["male", "65+"]),
            cell("2023-03-01", vector(performed=[4], reoperated=[4, 3]), unit="U3"),
        ],
    )
    tell(client, definition, "U1", 16)
    tell(client, definition, "U3", 4)
    return definition


def tell(client: Client, definition: RegistryDefinition, unit: str, count: int) -> None:
    counted = {"period": days("2024-01-01"), "measure": "all_of_them", "count": count, "below": None}
    record = {
        "registry": definition.name, "epoch": 0, "source": "Patient register", "unit": unit,
        "as_of": days("2025-01-01"), "uploaded_at": 0, "counts": [counted],
    }  # fmt: skip
    buffer = Buffer({definition.name: definition})
    buffer.take(Read(topics.counts(definition.name), 0, 0, unit.encode(), encode_event("unit_counts", record)))
    (rows,) = buffer.tables
    client.insert(rows.layout.table, rows.layout.container(rows.blocks), "Avro")


@pytest.fixture(scope="module")
def visitor(client: Client, registry: RegistryDefinition) -> Browser:
    people = (
        Person("r", "Rolf", "registrar", registries=frozenset({registry.name})),
        Person("k", "Karin", "clinic", units=frozenset({(registry.name, "U1")})),
        Person("m", "Agda", "agency"),
    )
    certified = Certified("c0ffee", 460, 1, RESULTS, {"watch": 1.0})
    found = replace(
        portal({registry.name: registry}, client, ready=people), certificates={(registry.name, "cup"): certified}
    )
    return browser(found)


RESULTS: dict[str, Any] = {
    "false": {"watch": {"number": 195, "per_ten_years": 8.5, "lower": 7.3, "upper": 9.8}},
    "compared": [
        {
            "method": "MaxSPRT", "at": "watch",
            "false": {"number": 5, "per_ten_years": 2.0, "lower": 1.0, "upper": 3.0},
            "detected": [{"defect": "product", "ratio": 3.0, "planted": 46, "share": 0.91, "median_days": 916.0,
                          "late_days": None, "median_implants": 158.0}],
        },
    ],
    "curves": [{"method": "MaxSPRT", "defect": "product", "ratio": 3.0, "false": 2.0, "days": 916.0}],
}  # fmt: skip


@pytest.fixture
def rolf(visitor: Browser, seen: dict[str, str]) -> Browser:
    """The registrar's browser; who has logged in goes on with the cookie, for log-ins are few a minute."""
    return logged_in(visitor, seen, "r")


@pytest.fixture(scope="module")
def seen() -> dict[str, str]:
    return {}


def logged_in(visitor: Browser, seen: dict[str, str], subject: str) -> Browser:
    visitor.cookies.clear()
    if subject in seen:
        visitor.cookies.set("guldadra", seen[subject])
    else:
        visitor.log_in(subject)
        seen[subject] = str(visitor.cookies["guldadra"])
    return visitor


def path(registry: RegistryDefinition, page: str) -> str:
    return f"/r/{registry.name}/{page}"


def words(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text[-500:]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text))).replace("\N{NO-BREAK SPACE}", " ")


def rows(
    visitor: Browser, registry: RegistryDefinition, page: str, piece: str, query: str = ""
) -> list[dict[str, str]]:
    answer = visitor.get(path(registry, f"{page}/files/{piece}.csv{query}"))
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


PAGES = (
    "flow", "flow?per=day", "coverage", "coverage?place=unit&per=month&form=operation", "coverage?place=region&per=all",
    "indicators", "indicators/reoperated", "indicators/reoperated?place=county&by=sex&limits=between&of=North+county",
    "indicators/pain?per=month", "indicators/stay", "indicators/performed?per=rolling", "indicators/yearly",
    "indicators/reoperation_rate?per=all", "published", "variables", "variables?q=pain", "variables/operation",
    "monitors", "monitors/cup", "compliance",
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_page_is_there_with_all_its_files(
    rolf: Browser, registry: RegistryDefinition, page: str, language: str
) -> None:
    separator = "&" if "?" in page else "?"
    answer = rolf.get(path(registry, f"{page}{separator}lang={language}"))
    assert answer.status_code == 200, answer.text[-500:]
    assert f'<html lang="{language}">' in answer.text
    for table in re.findall(r"<table>.*?</table>", answer.text, flags=re.DOTALL):
        columns = table.count('<th scope="col"')
        for row in re.findall(r"<tr[^>]*>.*?</tr>", table.split("<tbody>")[1], flags=re.DOTALL):
            assert "colspan" in row or len(re.findall(r"<t[dh] ", row)) == columns
    for file in set(re.findall(r'href="([^"]+/files/[^"]+)"', answer.text)):
        assert rolf.get(unescape(file)).status_code == 200, file


def test_reasons_are_fields_and_rules_and_count_each_submission(client: Client, registry: RegistryDefinition) -> None:
    assert refusal_reasons(client, registry.name) == [
        Reason("age", "range", 2), Reason("", "undecodable", 1), Reason("sex", "required", 1),
    ]  # fmt: skip


def test_arrivals_are_by_the_brokers_time_and_refused_ones_beside_the_accepted_before(
    client: Client, registry: RegistryDefinition
) -> None:
    # all were accepted within the second of SUBMITTED_AT, 2001-09-09 01:46:40 UTC
    assert SUBMITTED_AT == 1_000_000_000_000
    (hour,) = arrivals(client, registry.name, "hour")
    assert (hour.start.isoformat(), hour.accepted, hour.refused) == ("2001-09-09T01:00:00+00:00", 12, 3)
    assert arrivals(client, registry.name, "day") == [
        Arrival(hour.start.replace(hour=0), 12, 3),
    ]


def test_the_flow_page_adds_up(rolf: Browser, registry: RegistryDefinition) -> None:
    said = words(rolf.get(path(registry, "flow?lang=en")))
    assert "published 15 submissions with a verdict accepted 12 refused 3 20.0 % of all" in said
    assert "sent again 1 " in said
    assert "conservation agrees" in said
    assert rows(rolf, registry, "flow", "accounts") == [
        {"partition": "0", "published": "15", "accepted": "12", "refused": "3", "loaded": "12", "erased": "0",
         "gaps": "0", "agrees": "yes"},
    ]  # fmt: skip


def test_a_process_that_does_not_answer_is_marked(client: Client, registry: RegistryDefinition) -> None:
    people = (Person("r", "Rolf", "registrar", registries=frozenset({registry.name})),)
    silent = replace(
        portal({registry.name: registry}, client, ready=people), health={"load": "http://127.0.0.1:9/health"}
    )
    visitor = browser(silent)
    visitor.log_in("r")
    answer = visitor.get(path(registry, "flow?lang=en"))
    assert "load does not answer" in words(answer)
    assert '<tr class="marked">' in answer.text


def test_coverage_is_told_by_place_with_what_is_registered_beyond(rolf: Browser, registry: RegistryDefinition) -> None:
    # U1: 10 of 16; U3: 0 of 4; so North 62.5 %, South 0 of 4, the country 10 of 20
    by_county = {one["place"]: one for one in rows(rolf, registry, "coverage", "coverage", "?time=2024-01-01")}
    assert float(by_county["North county"]["share"]) == pytest.approx(0.625)
    assert (by_county["North county"]["found"], by_county["North county"]["of"]) == ("10", "16")
    assert float(by_county["South county"]["share"]) == 0.0
    (year,) = [one for one in rows(rolf, registry, "coverage", "over_time") if one["period"] == "2024"]
    assert float(year["everything"]) == pytest.approx(0.5)
    spec = json.loads(rolf.get(path(registry, "coverage/files/tiles.json?time=2024-01-01")).text)
    tiles = {one["name"]: (one["region"], one["class"]) for one in spec["data"]["values"]}
    assert tiles["North county"][0] == "North"
    assert "50" in tiles["North county"][1]


def test_completeness_is_of_living_registrations_and_hides_small_units(
    client: Client, registry: RegistryDefinition
) -> None:
    found = read_completeness(client, registry, "operation")
    assert [field.name for field in found.fields] == ["pain", "stay", "cup"]
    assert found.nation is not None
    # eleven registrations: r0 to r9 of which five have pain, and one at U2 alone, which U1's row would give away
    assert found.nation.n == 11
    assert found.nation.known == pytest.approx([5 / 11, 0.0, 1.0])
    assert [(one.unit, one.n) for one in found.units] == [("U1", None), ("U2", None)]
    since = read_completeness(client, registry, "operation", since=date(2024, 1, 8))
    assert since.nation is None or since.nation.n is None, "three and one: too few"


def test_places_are_compared_and_small_ones_hidden(rolf: Browser, registry: RegistryDefinition) -> None:
    league = rows(rolf, registry, "indicators/reoperated", "league")
    # 43 of 204 in the country; U3 is about 4 persons, and so hidden, and U1 with it: else 204 - 100 - 100 = 4
    assert [one["place"] for one in league] == ["U2 Second clinic"]
    assert float(league[0]["value"]) == pytest.approx(0.3)
    said = words(rolf.get(path(registry, "indicators/reoperated?lang=en")))
    assert "2 places are not shown" in said
    assert "the country, 2023 21.1 %" in said


def test_the_list_of_indicators_marks_what_misses_its_target(rolf: Browser, registry: RegistryDefinition) -> None:
    answer = rolf.get(path(registry, "indicators?lang=en"))
    marked = re.findall(r'<tr class="marked">(.*?)</tr>', answer.text, flags=re.DOTALL)
    assert len(marked) == 1
    assert "Reoperated within a year" in marked[0]
    assert "at most 10.0" in marked[0].replace("\N{NO-BREAK SPACE}", " ")


def test_a_page_that_makes_no_sense_says_what_does(rolf: Browser, registry: RegistryDefinition) -> None:
    for page, said in (
        ("flow?per=week", "Give per as one of hour, day."),
        ("coverage?definition=none", "Give definition as one of units, everything."),
        ("coverage?time=1999-01-01", "There is nothing of the period 1999-01-01."),
        ("coverage?form=visit", "there is no form visit"),
        ("indicators/reoperated?place=planet", "Give place as one of unit, county, region."),
        ("indicators/yearly?per=month", "Give per as one of year, all."),
        ("indicators/reoperated?of=U9", "There is no such place: U9."),
        ("indicators/reoperated?by=diagnosis", "Give by as one of sex, age_group."),
    ):
        answer = rolf.get(path(registry, f"{page}&lang=en"))
        assert answer.status_code == 400, page
        assert said in unescape(answer.text), page
    for page in ("indicators/none", "variables/none", "monitors/none"):
        assert rolf.get(path(registry, page)).status_code == 404


def test_the_public_sees_the_country_and_no_unit(visitor: Browser, registry: RegistryDefinition) -> None:
    visitor.cookies.clear()
    said = words(visitor.get(path(registry, "published?lang=en")))
    assert "Region Test" in said
    assert "21.1 %" in said
    assert "U1" not in said
    assert "First clinic" not in said
    for page in ("variables", "variables/operation", "monitors", "monitors/cup"):
        assert visitor.get(path(registry, page)).status_code == 200, page
    for page in ("flow", "coverage", "indicators", "indicators/reoperated", "compliance"):
        assert visitor.get(path(registry, page)).status_code == 303, page


def test_a_clinic_and_an_agency_compare_units_and_see_no_flow(
    visitor: Browser, registry: RegistryDefinition, seen: dict[str, str]
) -> None:
    for subject in ("k", "m"):
        logged_in(visitor, seen, subject)
        for page in ("coverage", "indicators", "indicators/reoperated"):
            assert visitor.get(path(registry, page)).status_code == 200, (subject, page)
        for page in ("flow", "compliance"):
            assert visitor.get(path(registry, page)).status_code == 403, (subject, page)


def test_variables_are_found_by_what_they_say(rolf: Browser, registry: RegistryDefinition) -> None:
    found = rows(rolf, registry, "variables", "variables", "?q=PAIN operation")
    assert [(one["variable"], one["form"]) for one in found] == [("pain", "operation")]
    assert rows(rolf, registry, "variables", "variables", "?q=nowhere") == []
    (pain,) = [one for one in rows(rolf, registry, "variables/operation", "variables") if one["variable"] == "pain"]
    assert pain["range"] in ("0 till 1000", "0 to 1000")


def test_a_monitor_shows_its_certificate(rolf: Browser, registry: RegistryDefinition) -> None:
    said = words(rolf.get(path(registry, "monitors/cup?lang=en")))
    assert "certificate c0ffee" in said
    assert "watch 10.0 8.50 7.30 to 9.80 195" in said
    assert "a whole product, hazard ratio 3.0 46 91 % 916" in said


def test_the_scorecard_is_computed_and_tells_its_facts(
    rolf: Browser, client: Client, registry: RegistryDefinition
) -> None:
    card = read_scorecard(client, registry)
    assert card.stage == "new"
    facts = card.facts
    assert (facts.indicators, facts.directed, facts.targeted, facts.live) == (8, 1, 1, True)
    assert (facts.received, facts.refused) == (15, 3)
    assert (facts.coverage, facts.coverage_year, facts.coverage_target) == (0.5, date(2024, 1, 1), 0.5)
    assert card.states["coverage"] == {"new": "met", "newly established": "met", "established": "met"}
    assert card.states["release"]["new"] == "not met", "it states no purpose and no opt-out text"
    said = words(rolf.get(path(registry, "compliance?lang=en")))
    assert "8 indicators, 1 with a target; values are there" in said
    assert "50.0 % in 2024, the latest that can be judged; target 50 %" in said
