"""The company database's pages over a real engine: who is let in, what is shown, and that no other's is."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import polars as pl
import pytest
from scipy.stats import chi2

from sinks.portal.identity import Person
from tests.company_support import Hip, made
from tests.portal_support import Browser, browser, portal

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

PEOPLE = tuple(
    Person(name, name, "company", company=company)
    for name, company in (
        ("sundmark", "Sundmark Orthopaedics"),
        ("nordfalk", "Nordfalk Ortopedi"),
        ("skarvik", "Skarvik Implants"),  # its contract has run out
        ("ostera", "Ostera Hip Systems"),  # and here never was one
    )
)


@pytest.fixture(scope="module")
def hip(client: Client) -> RegistryDefinition:
    """Thirty of Inter-op, five of them reoperated, and three of Nordfalk's first cup."""
    definition = made(client)
    told = Hip(client, definition)
    for implant in range(30):
        told.operated(implant, 6 * implant, cup="INTEROP", unit=f"U{implant % 6 + 1:02}")
    for implant, day in {2: 112, 6: 141, 11: 161, 15: 200, 20: 212}.items():
        told.reoperated(implant, day)
    for other in range(3):
        told.operated(100 + other, other)
    told.load()
    return definition


@pytest.fixture
def visitor(client: Client, hip: RegistryDefinition) -> Browser:
    return browser(portal({hip.name: hip}, client, ready=PEOPLE))


def page(visitor: Browser, hip: RegistryDefinition, who: str, rest: str = "") -> tuple[int, str]:
    visitor.log_in(who)
    answer = visitor.get(f"/r/{hip.name}/company{rest}")
    return answer.status_code, answer.text


def rows_of(visitor: Browser, hip: RegistryDefinition, who: str, rest: str) -> list[dict[str, str]]:
    status, text = page(visitor, hip, who, rest)
    assert status == 200, text
    first, *lines = text.splitlines()
    return [dict(zip(first.split(","), line.split(","), strict=False)) for line in lines]


def test_a_company_sees_its_own_components_and_no_other_s(visitor: Browser, hip: RegistryDefinition) -> None:
    (own,) = rows_of(visitor, hip, "sundmark", "/files/components-cup.csv")
    assert (own["component"], own["put_in"], own["reoperation"], own["in_use"]) == ("INTEROP", "30", "5", "25")
    status, shown = page(visitor, hip, "sundmark")
    assert status == 200
    assert "CUP01" not in shown
    assert "INTEROP" not in page(visitor, hip, "nordfalk")[1]


def test_without_a_contract_in_force_nobody_is_let_in(visitor: Browser, hip: RegistryDefinition) -> None:
    for who in ("skarvik", "ostera"):
        for rest in ("", "/compare", "/signals", "/reports"):
            status, shown = page(visitor, hip, who, rest)
            assert status == 400
            assert "no contract" in shown


def test_by_clinic_small_ones_are_put_together(visitor: Browser, hip: RegistryDefinition) -> None:
    rows = rows_of(visitor, hip, "nordfalk", "/compare/files/numbers.csv?kind=cup&by=component_clinic&component=CUP01")
    # three people in one clinic are fewer than five: no clinic is named
    assert {row["place"] for row in rows} <= {"the country", "other clinics"}
    assert {row["put_in"] for row in rows if row["place"] == "the country"} == {"3"}
    clinics = rows_of(visitor, hip, "sundmark", "/compare/files/numbers.csv?kind=cup&by=component_clinic")
    assert (
        sum(int(row["put_in"]) for row in clinics if row["component"] == "INTEROP" and row["place"] != "the country")
        == 30
    )


def test_what_is_asked_together_and_may_not_be_is_refused_in_words(visitor: Browser, hip: RegistryDefinition) -> None:
    status, shown = page(visitor, hip, "sundmark", "/compare?kind=cup&component=CUP01")
    assert status == 400
    assert "component CUP01: Sundmark Orthopaedics has" in shown


def test_the_pages_stand_in_both_languages(visitor: Browser, hip: RegistryDefinition) -> None:
    for rest, swedish in (
        ("", "i bruk nu"),
        ("/compare", "Välj och jämför"),
        ("/signals", "Signaler"),
        ("/reports", "Marknadsandel"),
    ):
        assert page(visitor, hip, "sundmark", f"{rest}?lang=en")[0] == 200
        status, shown = page(visitor, hip, "sundmark", f"{rest}?lang=sv")
        assert (status, swedish in shown) == (200, True), rest


def test_what_is_paid_is_for_the_year_before(visitor: Browser, hip: RegistryDefinition) -> None:
    assert rows_of(visitor, hip, "sundmark", "/reports/files/lots.csv?kind=cup")[0]["pieces"] == "30"


def test_charts_are_pictures_too(visitor: Browser, hip: RegistryDefinition) -> None:
    visitor.log_in("sundmark")
    answer = visitor.get(f"/r/{hip.name}/company/compare/files/curves.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert "<svg" in answer.text


def test_clinics_stand_beside_each_other_in_a_funnel_with_table_and_pictures(
    visitor: Browser, hip: RegistryDefinition
) -> None:
    query = "?kind=cup&by=component_clinic"
    rows = rows_of(visitor, hip, "sundmark", f"/compare/files/funnel-1.csv{query}")
    # five each at U01 to U06; reoperated are implants 2, 6, 11, 15 and 20: at U03, U01, U06, U04 and U03
    assert {row["unit"]: row["failed"] for row in rows} == {
        "U01": "1", "U02": "0", "U03": "2", "U04": "1", "U05": "0", "U06": "1",
    }  # fmt: skip
    assert sum(float(row["expected"]) for row in rows) == pytest.approx(5)
    for kind, media in (("svg", "image/svg+xml"), ("png", "image/png")):
        answer = visitor.get(f"/r/{hip.name}/company/compare/files/funnel-1.{kind}{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    few = "/compare?kind=cup&by=component_clinic&component=CUP01"
    assert "No clinic is shown by itself" in page(visitor, hip, "nordfalk", few)[1], "three people are no clinic's"
    assert "Choose to show by clinic" in page(visitor, hip, "sundmark", "/compare?kind=cup")[1]


def test_both_definitions_stand_beside_each_other_with_exact_limits(visitor: Browser, hip: RegistryDefinition) -> None:
    (own,) = rows_of(visitor, hip, "sundmark", "/files/components-cup.csv")
    # put in on days 0, 6, … 174; known until day 212; reoperated on the days of the fixture, the cup exchanged
    failed = {2: 112, 6: 141, 11: 161, 15: 200, 20: 212}
    years = sum(failed.get(implant, 212) - 6 * implant for implant in range(30)) / 365.25
    for name in ("revision", "reoperation", "specific"):
        assert own[name] == "5"
        assert float(own[f"{name}_years"]) == pytest.approx(years)
        assert float(own[f"{name}_rate"]) == pytest.approx(500 / years)
        assert float(own[f"{name}_lower"]) == pytest.approx(chi2.ppf(0.025, 10) / 2 * 100 / years)
        assert float(own[f"{name}_upper"]) == pytest.approx(chi2.ppf(0.975, 12) / 2 * 100 / years)
    assert own["udi_di"] == hip.catalogues["components"].rows["INTEROP"]["udi_di"]
    clinics = rows_of(visitor, hip, "sundmark", "/compare/files/numbers.csv?kind=cup&by=clinic_component")
    assert {"revision_rate", "reoperation_rate", "specific_rate", "udi_di"} <= clinics[0].keys()


def test_what_rates_rest_on_stands_on_every_page_with_rates(visitor: Browser, hip: RegistryDefinition) -> None:
    for rest in ("", "/compare", "/signals", "/reports"):
        assert "What rates rest on" in page(visitor, hip, "sundmark", rest)[1], rest


def test_reasons_and_cumulative_failures_are_told_of_each_row(visitor: Browser, hip: RegistryDefinition) -> None:
    query = "?kind=cup&by=component_clinic&failure=revision"
    reasons = rows_of(visitor, hip, "sundmark", f"/compare/files/reasons.csv{query}")
    by_place = {(row["component"], row["place"]): row["number"] for row in reasons}
    assert by_place["INTEROP", "the country"] == "5"
    assert sum(int(row["number"]) for row in reasons if row["component"] == "INTEROP") == 10, "once more by clinic"
    # fewer than 40 are at risk after a year: no point is shown
    assert rows_of(visitor, hip, "sundmark", f"/compare/files/cumulative.csv{query}") == []


def test_the_market_share_is_a_chart_with_its_reasons(visitor: Browser, hip: RegistryDefinition) -> None:
    shares = rows_of(visitor, hip, "sundmark", "/reports/files/market.csv?kind=cup")
    assert [row["from"] for row in shares] == ["2001-01-01", "2001-04-01"]
    assert {row["share"] for row in shares} == {""}, "Nordfalk alone is no three others"
    visitor.log_in("sundmark")
    assert visitor.get(f"/r/{hip.name}/company/reports/files/market.svg?kind=cup").status_code == 200


def test_the_api_gives_the_same_in_every_form_a_page_at_a_time(visitor: Browser, hip: RegistryDefinition) -> None:
    visitor.log_in("sundmark")
    of = f"/api/v1/registries/{hip.name}/company"
    whole = visitor.get(f"{of}/comparison?kind=cup&by=component_clinic").json()
    assert whole["as_of"] == "2001-08-01", "day 212"
    found, cursor = [], None
    while True:
        onwards = f"&cursor={cursor}" if cursor else ""
        part = visitor.get(f"{of}/comparison?kind=cup&by=component_clinic&limit=3{onwards}").json()
        assert len(part["rows"]) <= 3
        found += part["rows"]
        if (cursor := part["next"]) is None:
            break
    assert found == whole["rows"]
    assert {row["whose"] for row in found} == {"own"}
    assert "CUP01" not in str(whole)
    path = f"{of}/components"
    first = visitor.get(path)
    assert visitor.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 304
    as_csv = visitor.get(path, headers={"accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [row["reoperation.number"] for row in rows if row["component"] == "INTEROP"] == ["5"]
    parquet = visitor.get(path, headers={"accept": "application/vnd.apache.parquet"})
    own = pl.read_parquet(io.BytesIO(parquet.content)).filter(pl.col("component") == "INTEROP")
    assert own["put_in"].to_list() == [30]
    for rest in ("components", "comparison", "signals", "safety", "awareness"):
        visitor.log_in("ostera")
        refused = visitor.get(f"{of}/{rest}")
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json"), rest
        assert "no contract" in refused.json()["detail"]
    visitor.log_in("sundmark")
    wrong = visitor.get(f"{of}/safety?kind=knee")
    assert (wrong.status_code, wrong.headers["content-type"]) == (400, "application/problem+json")
