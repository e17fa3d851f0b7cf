"""What else a company is shown, on the real engine and by hand: market share, funnel, lots, safety report, invoice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from scipy.stats import chi2, poisson

from sinks.clickhouse.client import connect
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.company_database.catalogue_items import RefusedField, UnknownItem, read_catalogue_items
from sinks.clickhouse.queries.company_database.funnel import funnel
from sinks.clickhouse.queries.company_database.hospitals import read_hospitals
from sinks.clickhouse.queries.company_database.invoice import InvoiceLine, read_invoice
from sinks.clickhouse.queries.company_database.lots import lots_shown, read_lots
from sinks.clickhouse.queries.company_database.market import MarketShare, read_markets
from sinks.clickhouse.queries.company_database.reporting import read_reporting
from sinks.clickhouse.queries.company_database.safety import OTHER_REGIONS, WHOLE_COUNTRY, read_safety
from tests.clickhouse_support import insert, receipt
from tests.company_support import FIRST, Hip, made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import Registry, RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.entitled import Entitled

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture(scope="module")
def definition(client: Client) -> RegistryDefinition:
    return made(client)


@pytest.fixture
def hip(client: Client, definition: RegistryDefinition) -> Hip:
    return Hip(client, definition)


def until(day: int) -> date:
    return FIRST + timedelta(days=day)


def put_in(hip: Hip, first: int, day: int, **cups: int) -> int:
    """So many of each cup on a day; the next number."""
    for cup, number in cups.items():
        for _ in range(number):
            hip.operated(first, day, cup=cup)
            first += 1
    return first


def test_the_market_share_is_of_months_in_which_others_may_be_compared_with(hip: Hip) -> None:
    after = put_in(hip, 0, 0, CUP01=6, CUP05=5, CUP08=4, CUP11=3)  # January: 6 of 18
    after = put_in(hip, after, 40, CUP01=4, CUP05=9, CUP08=1, CUP11=1)  # February: one has 9 of 11, 82 %
    after = put_in(hip, after, 70, CUP01=2, CUP05=6, CUP08=4, CUP11=4)  # March: 2 of 16
    put_in(hip, after, 100, CUP02=3, CUP05=9, CUP08=9)  # April: two others
    hip.load()
    assert read_markets(hip.client, hip.entitled(), ["cup"], until=until(120))["cup"] == [
        MarketShare(date(2001, 1, 1), 12, 8 / 34, None, ("2001-02",)),
        MarketShare(date(2001, 4, 1), 3, None, "too few other companies have any", ("2001-04",)),
    ]
    (year,) = read_markets(hip.client, hip.entitled(), ["cup"], per="year", until=until(120))["cup"]
    assert year == MarketShare(date(2001, 1, 1), 15, 8 / 34, None, ("2001-02", "2001-04"))


def test_before_it_changed_hands_a_product_is_in_its_owner_s_share(hip: Hip) -> None:
    before = -(FIRST - date(2000, 6, 30)).days
    after = put_in(hip, 0, before, CUP16=2, CUP18=6, CUP05=5, CUP08=4, CUP11=3)
    put_in(hip, after, before + 1, CUP16=2, CUP18=6, CUP05=5, CUP08=4, CUP11=3)
    hip.load()
    tornquist = hip.entitled("Tornquist Rosell")
    shares = read_markets(hip.client, tornquist, ["cup"], until=until(0))["cup"]
    assert [(one.first_day.month, one.own, one.share) for one in shares] == [(4, 2, 2 / 20), (7, 8, 8 / 20)]
    assert [line.pieces for line in read_invoice(hip.client, tornquist, 2000).lines if line.kind == "cup"] == [4, 6]


def test_the_funnel_holds_clinics_against_the_country_s_rate(hip: Hip) -> None:
    for number in range(20):
        hip.operated(number, 0, unit="U01" if number < 10 else "U02")
    for number in (0, 1, 2):
        hip.reoperated(number, 200)
    hip.load()
    reading = hip.read(hip.entitled(), {"by": ["component_clinic"]}, until=400)
    found = funnel(reading, "cup", "reoperation", "CUP01")
    assert found is not None
    (first, second) = found.clinics
    # 17 followed for 400 days and 3 for 200; U01 has 7 and 3 of these
    rate = 3 / (17 * 400 + 3 * 200)
    assert (first.unit, first.observed) == ("U01", 3)
    assert first.expected == pytest.approx(rate * (7 * 400 + 3 * 200))
    assert (second.unit, second.observed) == ("U02", 0)
    assert second.expected == pytest.approx(rate * 10 * 400)
    assert first.ratio == pytest.approx(3 / first.expected)
    for (lower, upper), level in zip(first.limits, (0.95, 0.998), strict=True):
        # of 1.4 expected none at all is nothing unusual: e^-1.4 is 25 %
        highest = chi2.ppf((1 + level) / 2, 2 * first.expected + 2) / 2 / first.expected
        assert (lower, upper) == pytest.approx((0, highest))
    assert (first.standing, second.standing) == ("inside", "inside")
    assert first.component_years == pytest.approx((7 * 400 + 3 * 200) / 365.25)
    assert found.rate == pytest.approx(rate * 365.25 * 100)
    together = funnel(reading, "cup", "reoperation")
    assert together is not None
    assert [one.observed for one in together.clinics] == [3, 0]
    assert funnel(reading, "stem", "reoperation") is None


def test_a_clinic_that_fails_beyond_chance_stands_outside_by_exact_limits(hip: Hip) -> None:
    for number in range(220):
        hip.operated(number, 0, unit="U01" if number < 20 else "U02")
    for number in range(12):
        hip.reoperated(number, 200)
    hip.load()
    found = funnel(hip.read(hip.entitled(), {"by": ["component_clinic"]}, until=400), "cup", "reoperation", "CUP01")
    assert found is not None
    (bad, other) = found.clinics
    assert (bad.unit, bad.observed, bad.standing) == ("U01", 12, "outside 99.8")
    expected = 12 / (208 * 400 + 12 * 200) * (8 * 400 + 12 * 200)
    assert bad.expected == pytest.approx(expected)
    assert poisson.sf(11, expected) < 0.001, "so many, or more, by chance alone"
    # none at all where 11.2 are expected
    assert (other.observed, other.standing) == (0, "outside 99.8")
    assert other.limits[1][0] == pytest.approx(chi2.ppf(0.001, 2 * other.expected) / 2 / other.expected)


def test_lots_of_few_people_are_shown_together(hip: Hip) -> None:
    number = 0
    for lot, people in {"A": 8, "B": 6, "C": 3, None: 4}.items():
        for _ in range(people):
            number += 1
            hip.operated(number, 0, cup_lot=lot)
    hip.reoperated(1, 50)
    hip.load()
    rows = read_lots(hip.client, hip.entitled(), "cup", until=until(100))
    assert [(one.component, one.udi_di, one.lot, one.lots, one.pieces, one.people) for one in rows] == [
        ("CUP01", "09520001000010", "A", 1, 8, 8), ("CUP01", "09520001000010", "B", 1, 6, 6),
        ("CUP01", "09520001000010", None, 2, 7, None),
    ]  # fmt: skip
    assert [one.failures["revision"].number for one in rows] == [1, 0, 0]
    assert rows[0].failures["revision"].component_years == pytest.approx((7 * 100 + 50) / 365.25)
    assert rows[0].in_use == 7
    assert lots_shown(rows, "CUP01") == {"A", "B"}
    assert lots_shown(rows, "CUP02") == set()


def test_both_sides_of_a_person_in_two_lots_are_one_person(hip: Hip) -> None:
    for number in range(1, 6):
        hip.operated(number, 0, cup_lot="A")
    hip.operated(5, 10, registration_id="again", side="right", cup_lot="B")
    for number in range(6, 10):
        hip.operated(number, 0, cup_lot="B")
    hip.load()
    # five in each lot, nine people: one of the five may be the other's
    rows = read_lots(hip.client, hip.entitled(), "cup", until=until(100))
    assert [(one.lot, one.pieces) for one in rows] == [(None, 10)]


def test_a_safety_report_has_volumes_and_problems_by_year_and_region(hip: Hip) -> None:
    for number in range(8):
        hip.operated(number, 10, unit="U01")
        hip.operated(20 + number, 400, unit="U01")
    for number in range(6):
        hip.operated(40 + number, 10, unit="U17")
    hip.operated(60, 400, unit="U17")  # alone in its region that year: together with the other region
    hip.reoperated(0, 300)
    hip.reoperated(1, 420, components_removed=[], reason="infection")
    hip.reoperated(60, 430)
    hip.load()
    units = hip.definition.catalogues["units"].rows
    north, south = units["U01"]["region"], units["U17"]["region"]
    rows = read_safety(hip.client, hip.entitled(), ("cup",), until=until(500))
    found = {(one.first_year, one.region): one for one in rows}
    assert {key: one.put_in for key, one in found.items()} == {
        (2001, WHOLE_COUNTRY): 14, (2001, north): 8, (2001, south): 6,
        (2002, WHOLE_COUNTRY): 9, (2002, north): 0, (2002, OTHER_REGIONS): 9,
    }  # fmt: skip
    assert found[2001, north].failures == {"revision": 1, "reoperation": 1, "specific": 1}
    assert found[2001, north].reasons == {"loosening": 1}
    # put in the year before, and there
    assert found[2002, north].failures == {"revision": 0, "reoperation": 1, "specific": 0}
    assert found[2002, OTHER_REGIONS].failures == {"revision": 1, "reoperation": 1, "specific": 1}
    assert found[2002, WHOLE_COUNTRY].reasons == {"infection": 1, "loosening": 1}
    assert [one.region for one in rows][:1] == [WHOLE_COUNTRY]
    assert {one.name for one in rows} == {"Falka Duo"}


def test_per_piece_each_cup_and_each_stem_is_paid_for(hip: Hip) -> None:
    hip.operated(1, 0, head="HEAD01")
    hip.operated(2, 364, stem="STEM05")
    hip.operated(3, 365)  # the year after
    hip.operated(4, 5, cup="CUP05", stem="STEM05")
    hip.load()
    invoice = read_invoice(hip.client, hip.entitled(), 2001)
    assert invoice.lines == (
        InvoiceLine("cup", "CUP01", "Falka Duo", 2, Fraction(2)),
        InvoiceLine("stem", "STEM01", "Falka Rak", 1, Fraction(1)),
    )
    assert (invoice.per, invoice.amount, invoice.currency, invoice.total) == (
        "piece", Decimal("10.0"), "SEK", Decimal("30.00"),
    )  # fmt: skip


def declaring(entitled: Entitled, registry: Registry) -> Entitled:
    return replace(entitled, definition=replace(entitled.definition, registry=registry))


def test_per_pair_an_operation_is_paid_for_once_by_all_together(hip: Hip) -> None:
    hip.operated(1, 0)
    hip.operated(2, 0, stem="STEM08")
    hip.operated(3, 0, cup="CUP08", stem="STEM08")
    hip.load()
    tariff = hip.definition.registry.tariff
    assert tariff is not None
    paid = {}
    for company in ("Nordfalk Ortopedi", "Helmsjö Medical"):
        entitled = hip.entitled(company)
        registry = hip.definition.registry.model_copy(update={"tariff": tariff.model_copy(update={"per": "pair"})})
        invoice = read_invoice(hip.client, declaring(entitled, registry), 2001)
        paid[company] = ([line.amounts for line in invoice.lines], invoice.total)
    assert paid == {
        "Nordfalk Ortopedi": ([Fraction(1, 2) + Fraction(1, 2), Fraction(1, 2)], Decimal("15.00")),
        "Helmsjö Medical": ([Fraction(1, 2), Fraction(1, 2) + Fraction(1, 2)], Decimal("15.00")),
    }
    free = declaring(hip.entitled(), registry.model_copy(update={"tariff": None}))
    with pytest.raises(CannotBeReadError, match="asks for no fee"):
        read_invoice(hip.client, free, 2001)


def test_products_that_the_catalogue_lacks_are_told(hip: Hip) -> None:
    for number in range(6):
        hip.operated(number, 0, cup="CUP99")
    hip.operated(10, 0, cup="CUP98", stem="STEM99")
    hip.load()
    refusals = [
        (
            0,
            [
                ("cup", "is not in the catalogue of components of kind cup"),
                ("unit", "is not in the catalogue of units"),
            ],
        ),
        (1, [("cup", "is not in the catalogue of components of kind cup")]),
        (2, [("new_stem", "is not in the catalogue of components of kind stem"), ("age", "lies outside 0 to 115")]),
    ]
    refused = receipt(hip.definition, 0, 2, accepted=0, refusals=refusals)
    insert(hip.client, hip.definition, receipts=[refused])
    found = read_catalogue_items(hip.client, hip.entitled(), until=until(10))
    # of one person each, CUP98 would be found: so CUP99, the next smallest, is told with it
    assert found.unknown == (UnknownItem("cup", None, 7), UnknownItem("stem", None, 1))
    assert found.refused == (
        RefusedField("primary_operation", "cup", 2), RefusedField("reoperation", "new_stem", 1),
    )  # fmt: skip
    every = read_catalogue_items(hip.client, hip.entitled(smallest=1), until=until(10)).unknown
    assert [(one.code, one.pieces) for one in every] == [("CUP98", 1), ("CUP99", 6), ("STEM99", 1)]


def test_hospitals_are_those_with_somebody_who_carries_it_now(hip: Hip) -> None:
    hip.operated(1, 0, unit="U05")
    hip.operated(2, 0, unit="U02")
    hip.operated(3, 0, unit="U03")
    hip.operated(4, 0, unit="U04", cup="CUP02")
    hip.reoperated(3, 10, unit="U09", new_cup="CUP01")
    hip.died(2, 20)
    hip.load()
    assert read_hospitals(hip.client, hip.entitled(), "CUP01", until=until(5)) == ["U02", "U03", "U05"]
    # of the first two one has died, and one has got another of the same at U09
    assert read_hospitals(hip.client, hip.entitled(), "CUP01", until=until(30)) == ["U05", "U09"]
    assert read_hospitals(hip.client, hip.entitled(), "CUP01 + STEM05", until=until(30)) == ["U05", "U09"]


def test_the_reporting_lag_stands_beside_the_rates(hip: Hip) -> None:
    for number, late in enumerate([1, 2, 3, 4, 5, 6, 7, 8, 9, 60]):
        hip.operated(number, 10, recorded_at=(11_323 + 10 + late) * 86_400_000)
    hip.load()
    found = read_reporting(hip.client, hip.entitled(), until=date(2003, 1, 1))
    assert found is not None
    assert (found.source, found.registered, found.half_within, found.most_within) == ("Patient register", 10, 5, 9)
    assert {row.state for row in found.coverage} == {"no counts"}


def test_an_empty_register_has_nothing_to_tell(hip: Hip) -> None:
    entitled = hip.entitled()
    assert read_markets(hip.client, entitled, ["cup"]) == {"cup": []}
    assert read_lots(hip.client, entitled, "cup") == []
    assert read_safety(hip.client, entitled, ("cup",)) == []
    assert read_hospitals(hip.client, entitled, "CUP01") == []
    assert read_invoice(hip.client, entitled, 2001).total == 0
    assert read_catalogue_items(hip.client, entitled).unknown == ()
