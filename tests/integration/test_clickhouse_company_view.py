"""The company view on the real engine, against counts and person-time worked by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sinks.clickhouse.queries.company import CompanyRow, company_view, latest_day
from tests.clickhouse_support import AcceptedLog, insert, migrated
from tests.support import bundled

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

DAY_0 = 10_592  # 1999-01-01, in days since 1970-01-01
_1999 = date(1999, 1, 1)


class Hip:
    """A hip register whose days are counted from 1999-01-01."""

    def __init__(self, client: Client, definition: RegistryDefinition) -> None:
        self.client = client
        self.definition = definition
        self.log = AcceptedLog(definition)

    def operated(self, number: int, day: int, **fields: Any) -> None:
        self.log.add("primary_operation", number, occurred_on=DAY_0 + day, **{"cup": "CUP01", "unit": "U01", **fields})

    def reoperated(self, number: int, day: int, **fields: Any) -> None:
        self.log.add("reoperation", number, occurred_on=DAY_0 + day, **fields)

    def died(self, number: int, day: int, **fields: Any) -> None:
        self.log.add("death", number, occurred_on=DAY_0 + day, **fields)

    def view(self, until: int | None = None, kind: str = "cup") -> list[CompanyRow]:
        insert(self.client, self.definition, self.log.batch())
        last = None if until is None else _1999 + timedelta(days=until)
        return company_view(self.client, self.definition, until=last, kind=kind)

    def total(self, until: int | None = None, component: str = "CUP01") -> CompanyRow:
        return next(row for row in self.view(until) if row.component == component and row.unit is None)


@pytest.fixture(scope="module")
def definition(client: Client) -> RegistryDefinition:
    return migrated(client, "hip")


@pytest.fixture
def hip(client: Client, definition: RegistryDefinition) -> Hip:
    for form in definition.forms:
        client.command(f"TRUNCATE TABLE guldadra_{definition.name}.{form}_rows")
    return Hip(client, definition)


def counts(row: CompanyRow) -> tuple[int, int, int]:
    """Operations, reoperated ones, and days of follow-up."""
    return row.inserted, row.reoperated, round(row.component_years * 365.25)


# Day of operation and of reoperation for the 30 implants of the project's golden case
# (interop_scenario_input.csv): an implant every sixth day, five of them reoperated.
_INTEROP_REOPERATED = {2: 112, 6: 141, 11: 161, 15: 200, 20: 212}
# From interop_scenario_expected.csv: day, operations, reoperations, component-years, rate per 100, share.
_INTEROP_EXPECTED = [
    (112, 19, 1, 3.017112, 33.1443, 0.0526),
    (141, 24, 2, 4.651608, 42.9959, 0.0833),
    (161, 27, 3, 5.946612, 50.4489, 0.1111),
    (200, 30, 4, 8.772074, 45.5993, 0.1333),
    (212, 30, 5, 9.626283, 51.9411, 0.1667),
]


def test_the_inter_op_case_on_each_day_of_a_reoperation(hip: Hip) -> None:
    for implant in range(30):
        hip.operated(implant, 6 * implant)
    for implant, day in _INTEROP_REOPERATED.items():
        hip.reoperated(implant, day)
    hip.view()
    for day, inserted, reoperated, years, rate, share in _INTEROP_EXPECTED:
        (row,) = [
            row
            for row in company_view(hip.client, hip.definition, until=_1999 + timedelta(days=day))
            if row.unit is None
        ]
        assert (row.inserted, row.reoperated) == (inserted, reoperated)
        assert row.component_years == pytest.approx(years, abs=1e-6)
        assert row.rate == pytest.approx(rate, abs=1e-4)
        assert row.share == pytest.approx(share, abs=1e-4)


def test_limits_are_the_exact_ones(hip: Hip) -> None:
    for number in range(100):
        hip.operated(number, 0)
    hip.reoperated(98, 300)
    row = hip.total(until=365)
    assert counts(row) == (100, 1, 99 * 365 + 300)
    # one event's exact limits, from tables of the Poisson distribution (Garwood): 0.0253178 and 5.571643
    years = (99 * 365 + 300) / 365.25
    assert row.rate == pytest.approx(100 / years)
    assert row.lower == pytest.approx(2.53178 / years, rel=1e-5)
    assert row.upper == pytest.approx(557.1643 / years, rel=1e-6)


def test_without_reoperation_the_lower_limit_is_zero(hip: Hip) -> None:
    hip.operated(1, 0)
    row = hip.total(until=365)
    assert counts(row) == (1, 0, 365)
    assert (row.rate, row.lower) == (0.0, 0.0)


def test_the_last_day_is_the_latest_of_any_form_when_none_is_given(hip: Hip) -> None:
    hip.operated(1, 0)
    hip.operated(2, 10)
    hip.died(3, 40)
    assert counts(hip.total()) == (2, 0, 40 + 30)
    assert latest_day(hip.client, hip.definition) == _1999 + timedelta(days=40)


def test_what_lies_after_the_last_day_is_not_known_yet(hip: Hip) -> None:
    hip.operated(1, 0)
    hip.reoperated(1, 50)
    hip.operated(2, 60)
    assert counts(hip.total(until=49)) == (1, 0, 49)


def test_a_reoperation_on_the_other_side_is_no_reoperation_of_this_one(hip: Hip) -> None:
    hip.operated(1, 0, side="left")
    hip.reoperated(1, 50, side="right")
    assert counts(hip.total(until=100)) == (1, 0, 100)


def test_a_reoperation_belongs_to_the_latest_operation_on_its_side(hip: Hip) -> None:
    hip.operated(1, 0, side="left", registration_id="first", cup="CUP01")
    hip.operated(1, 30, side="left", registration_id="second", cup="CUP02")
    hip.reoperated(1, 50, side="left")
    view = {row.component: counts(row) for row in hip.view(until=100) if row.unit is None}
    assert view == {"CUP01": (1, 0, 100), "CUP02": (1, 1, 20)}


def test_each_side_of_a_patient_has_its_own_reoperation(hip: Hip) -> None:
    hip.operated(1, 0, side="left", registration_id="left one", cup="CUP01")
    hip.operated(1, 30, side="right", registration_id="right one", cup="CUP02")
    hip.reoperated(1, 50, side="left")
    view = {row.component: counts(row) for row in hip.view(until=100) if row.unit is None}
    assert view == {"CUP01": (1, 1, 50), "CUP02": (1, 0, 70)}


def test_a_reoperation_before_the_operation_belongs_to_none(hip: Hip) -> None:
    hip.operated(1, 20)
    hip.reoperated(1, 10)
    assert counts(hip.total(until=100)) == (1, 0, 80)


def test_a_reoperation_on_the_day_of_the_operation_is_its_own(hip: Hip) -> None:
    hip.operated(1, 20)
    hip.reoperated(1, 20)
    row = hip.total(until=100)
    assert counts(row) == (1, 1, 0)
    assert (row.share, row.rate, row.lower, row.upper) == (1.0, None, None, None)


def test_several_reoperations_of_one_operation_count_once_and_end_at_the_first(hip: Hip) -> None:
    hip.operated(1, 0)
    hip.reoperated(1, 70, registration_id="later")
    hip.reoperated(1, 40, registration_id="earlier")
    assert counts(hip.total(until=100)) == (1, 1, 40)


def test_of_two_operations_on_one_side_and_day_what_follows_is_the_later_recorded_ones(hip: Hip) -> None:
    hip.operated(1, 0, registration_id="z, recorded first", cup="CUP01", recorded_at=1_000)
    hip.operated(1, 0, registration_id="a, recorded later", cup="CUP02", recorded_at=1_001)
    hip.operated(1, 0, registration_id="z, recorded first", cup="CUP01", recorded_at=1_000)  # sent once more
    hip.reoperated(1, 10)
    view = {row.component: counts(row) for row in hip.view(until=100) if row.unit is None}
    assert view == {"CUP01": (1, 0, 100), "CUP02": (1, 1, 10)}


def test_death_ends_the_follow_up(hip: Hip) -> None:
    hip.operated(1, 0)
    hip.died(1, 60)
    hip.operated(2, 0)
    assert counts(hip.total(until=100)) == (2, 0, 160)


def test_a_death_before_the_operation_adds_no_negative_time(hip: Hip) -> None:
    hip.operated(1, 50)
    hip.died(1, 10)
    assert counts(hip.total(until=100)) == (1, 0, 0)


def test_a_corrected_unit_moves_the_operation(hip: Hip) -> None:
    hip.operated(1, 0, unit="U01")
    hip.operated(1, 0, unit="U02")
    assert [(row.unit, row.inserted) for row in hip.view(until=100)] == [(None, 1), ("U02", 1)]


def test_a_retracted_reoperation_is_none(hip: Hip) -> None:
    hip.operated(1, 0)
    hip.reoperated(1, 40)
    hip.reoperated(1, 40, retracted=True)
    assert counts(hip.total(until=100)) == (1, 0, 100)


def test_a_retracted_operation_is_none_and_what_followed_goes_to_the_one_before(hip: Hip) -> None:
    hip.operated(1, 0, registration_id="first", cup="CUP01")
    hip.operated(1, 30, registration_id="second", cup="CUP02")
    hip.operated(1, 30, registration_id="second", cup="CUP02", retracted=True)
    hip.reoperated(1, 40)
    view = {row.component: counts(row) for row in hip.view(until=100) if row.unit is None}
    assert view == {"CUP01": (1, 1, 40)}


def test_units_and_the_sum_of_them_with_names_from_the_catalogue(hip: Hip) -> None:
    for number, unit in enumerate(["U02", "U01", "U02"]):
        hip.operated(number, 0, unit=unit)
    hip.reoperated(0, 10)
    rows = hip.view(until=100)
    assert [(row.unit, *counts(row)) for row in rows] == [
        (None, 3, 1, 210),
        ("U01", 1, 0, 100),
        ("U02", 2, 1, 110),
    ]
    assert {(row.name, row.company) for row in rows} == {("Falka Duo", "Nordfalk Ortopedi")}


def test_another_kind_of_component_and_operations_without_one(hip: Hip) -> None:
    hip.operated(1, 0, head=None)
    hip.operated(2, 0, head="HEAD01")
    hip.reoperated(2, 10)
    hip.reoperated(1, 10)
    assert [(row.component, *counts(row)) for row in hip.view(until=100, kind="head") if row.unit is None] == [
        ("HEAD01", 1, 1, 10)
    ]


def test_an_empty_register_has_no_rows(hip: Hip) -> None:
    assert company_view(hip.client, hip.definition) == []


def test_what_the_view_needs_and_does_not_find_is_named(client: Client) -> None:
    with pytest.raises(ValueError, match=r"no component of kind knee; it has cup, stem, head"):
        company_view(client, bundled("hip"), kind="knee", until=_1999)
    with pytest.raises(ValueError, match=r"has no form primary_operation; it has death, emigration, event"):
        company_view(client, bundled("metabolic"), until=_1999)
