"""Indicators on the real engine: sums of hand-made cells, and what is read off them, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from schemas.definition.folder import load_registry
from sinks.clickhouse.generations import GenerationError
from sinks.clickhouse.queries.indicators import CannotBeReadError, Cut, IndicatorReading, IndicatorRow, read_indicators
from sinks.clickhouse.sql import database_of
from tests.derived_support import INDICATORS, Register, cell, days, derived_registry, made, point, vector, write

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded


class Readings:
    """A registry whose latest day is 2024-12-31."""

    def __init__(self, client: Client, definition: RegistryDefinition) -> None:
        self.client = client
        self.definition = definition
        self.version = 100

    def has(self, *cells: dict[str, Any], partition: int = 0) -> None:
        write(self.client, self.definition, self.version, cells=cells, partition=partition)

    def read(self, *names: str, until: date | None = None, **cut: Any) -> IndicatorReading:
        return read_indicators(self.client, self.definition, names, cut=Cut(**cut), until=until)

    def rows(self, *names: str, until: date | None = None, **cut: Any) -> list[IndicatorRow]:
        return list(self.read(*names, until=until, **cut).rows)

    def counts(self, *names: str, until: date | None = None, **cut: Any) -> list[tuple[Any, ...]]:
        """Place, first day, breakdown and n of each row."""
        rows = self.rows(*names, until=until, **cut)
        return [(row.place, row.first_day and row.first_day.isoformat(), row.breakdown, row.n) for row in rows]


@pytest.fixture(scope="module")
def definition(client: Client, tmp_path_factory: pytest.TempPathFactory) -> RegistryDefinition:
    made_so = made(client, derived_registry(tmp_path_factory.mktemp("registries")))
    register = Register(made_so)
    register.operated("k1-anna", "a", "2024-12-31")
    register.load(client)
    return made_so


@pytest.fixture
def readings(client: Client, definition: RegistryDefinition) -> Readings:
    for table in ("cells", "progress"):
        client.command(f"TRUNCATE TABLE {database_of(definition.name)}.{table}")
    return Readings(client, definition)


def test_the_nation_by_year_is_the_sum_of_partitions_units_months_and_breakdowns(readings: Readings) -> None:
    readings.has(
        cell("2023-01-01", vector(performed=[100], reoperated=[100, 9])),
        cell("2023-12-01", vector(performed=[40], reoperated=[40, 2]), unit="U2", by=["male", "65+"]),
        cell("2024-01-01", vector(performed=[7])),
    )
    readings.has(cell("2023-01-01", vector(performed=[8], reoperated=[8, 4])), partition=1)
    whole, after = readings.rows("performed")
    assert (whole.place, whole.first_day, whole.last_day, whole.n) == ("", date(2023, 1, 1), date(2023, 12, 31), 148)
    assert (after.first_day, after.n) == (date(2024, 1, 1), 7)
    (reoperated,) = readings.rows("reoperated")
    assert reoperated.estimate is not None
    # 15 of 148, an example of Newcombe's (1998): 6.24 to 16.05 %
    assert (reoperated.n, reoperated.estimate.events) == (148, 15)
    assert reoperated.estimate.lower == pytest.approx(0.0624, abs=5e-5)
    assert reoperated.estimate.upper == pytest.approx(0.1605, abs=5e-5)


def test_units_counties_and_regions_are_those_of_the_catalogue(readings: Readings) -> None:
    for unit, number in (("U1", 10), ("U2", 20), ("U3", 40), ("gone", 80)):
        readings.has(cell("2023-01-01", vector(performed=[number]), unit=unit))
    by_unit = [(place, n) for place, _, _, n in readings.counts("performed", place="unit")]
    assert by_unit == [("U1", 10), ("U2", 20), ("U3", 40), ("gone", 80)]
    by_county = [(place, n) for place, _, _, n in readings.counts("performed", place="county")]
    assert by_county == [("", 80), ("North county", 10), ("South county", 60)]
    assert [place for place, *_ in readings.counts("performed", place="region")] == ["", "North", "South"]
    assert readings.counts("performed", unit="U2") == [("", "2023-01-01", (), 20)]


def test_every_time_that_can_be_asked_for(readings: Readings) -> None:
    for month, number in (("2022-12-01", 10), ("2023-02-01", 20), ("2023-03-01", 40), ("2024-12-01", 80)):
        readings.has(cell(month, vector(performed=[number])))
    readings.has(cell("1969-12-01", vector(performed=[5])))

    def by(per: str) -> list[tuple[Any, Any]]:
        return [(first_day, n) for _, first_day, _, n in readings.counts("performed", per=per)]

    assert by("month") == [
        ("1969-12-01", 5), ("2022-12-01", 10), ("2023-02-01", 20), ("2023-03-01", 40), ("2024-12-01", 80),
    ]  # fmt: skip
    assert by("quarter") == [("1969-10-01", 5), ("2022-10-01", 10), ("2023-01-01", 60), ("2024-10-01", 80)]
    assert by("year") == [("1969-01-01", 5), ("2022-01-01", 10), ("2023-01-01", 60), ("2024-01-01", 80)]
    assert by("all") == [(None, 155)]
    (row,) = readings.rows("performed", per="all")
    assert row.last_day == date(2024, 12, 31)


def test_rolling_windows_are_twelve_whole_months_since_the_register_began(readings: Readings) -> None:
    for month, number in (("2023-11-01", 1), ("2023-12-01", 10), ("2024-12-01", 100)):
        readings.has(cell(month, vector(performed=[number], pain=[number, 2 * number, 4 * number])))
    rows = readings.rows("pain", per="rolling")
    # windows begin in November 2023, December 2023 and January 2024; none begins before the register did
    assert [(str(row.first_day), str(row.last_day), row.n) for row in rows] == [
        ("2023-11-01", "2024-10-31", 11), ("2023-12-01", "2024-11-30", 10), ("2024-01-01", "2024-12-31", 100),
    ]  # fmt: skip
    for quarter, number in (("2023-04-01", 1), ("2023-10-01", 10), ("2024-01-01", 100), ("2024-04-01", 1_000)):
        readings.has(cell(quarter, [number], cohort="quarters", by=[]))
    assert [(first, n) for _, first, _, n in readings.counts("quarterly", per="rolling")] == [
        ("2023-04-01", 111), ("2023-07-01", 1_110), ("2023-10-01", 1_110), ("2024-01-01", 1_100),
    ]  # fmt: skip


def test_breakdowns_are_kept_apart_or_summed(readings: Readings) -> None:
    for sex, age, number in (("female", "<65", 10), ("female", "65+", 20), ("male", "65+", 40), ("", "65+", 80)):
        readings.has(cell("2023-01-01", vector(performed=[number]), by=[sex, age]))
    assert [(by, n) for *_, by, n in readings.counts("performed", breakdown=("sex",))] == [
        (("",), 80), (("female",), 30), (("male",), 40),
    ]  # fmt: skip
    assert [(by, n) for *_, by, n in readings.counts("performed", breakdown=("age_group", "sex"))] == [
        (("65+", ""), 80), (("65+", "female"), 20), (("65+", "male"), 40), (("<65", "female"), 10),
    ]  # fmt: skip


def test_means_and_medians_add_up(readings: Readings) -> None:
    readings.has(
        cell("2023-01-01", vector(pain=[2, 6, 20], stay=[3])),
        cell("2023-02-01", vector(pain=[1, 8, 64], stay=[1]), unit="U2"),
        cell("2023-01-01", [1], indicator="stay", bucket=3),
        cell("2023-01-01", [2], indicator="stay", bucket=100),
        cell("2023-02-01", [1], indicator="stay", bucket=5, unit="U2"),
        cell("2023-02-01", [0], indicator="stay", bucket=7, unit="U2"),
    )
    (pain,) = readings.rows("pain")
    assert pain.estimate is not None
    assert (pain.estimate.value, pain.estimate.sd) == pytest.approx((7 / 3, 1.527525), abs=1e-6)
    (stay,) = readings.rows("stay", place="nation", unit=None)
    assert stay.n is None  # four: fewer than are shown
    (stay,) = [row for row in readings.rows("stay", unit="U1") if row.estimate]
    assert stay.estimate is not None
    assert (stay.n, stay.estimate.value, stay.estimate.quartiles) == (3, 10.0, (0.3, 10.0))


def test_open_follow_up_lasts_until_the_day_of_the_reading(readings: Readings) -> None:
    started = days("2024-01-01") + days("2024-12-01")
    readings.has(cell("2024-01-01", vector(reoperation_rate=[3, 1, 100, 2, started])))
    (row,) = readings.rows("reoperation_rate")
    assert row.estimate is not None
    # until 2024-12-31: 100 days closed, 365 and 30 open
    assert row.estimate.years == pytest.approx(495 / 365.25)
    assert row.estimate.value == pytest.approx(100 * 365.25 / 495)
    # Garwood's limits of one event: 0.0253178 and 5.571643
    assert row.estimate.lower == pytest.approx(2.53178 * 365.25 / 495, rel=1e-5)
    assert row.estimate.upper == pytest.approx(557.1643 * 365.25 / 495, rel=1e-6)
    (later,) = readings.rows("reoperation_rate", until=date(2025, 1, 10))
    assert later.estimate is not None
    assert later.estimate.years == pytest.approx(515 / 365.25)


def test_follow_up_with_a_horizon_stops_there(readings: Readings) -> None:
    readings.has(
        cell("2023-01-01", vector(early_rate=[4, 1, 50])),
        cell("2023-01-01", [1], indicator="early_rate", bucket=days("2023-01-15")),  # 716 days ago: 365 of them
        cell("2023-01-01", [2], indicator="early_rate", bucket=days("2024-12-21")),  # 10 days ago
    )
    (row,) = readings.rows("early_rate")
    assert row.estimate is not None
    assert (row.n, row.estimate.events) == (4, 1)
    assert row.estimate.years == pytest.approx((50 + 365 + 2 * 10) / 365.25)


def test_a_cohort_is_mature_when_all_its_follow_up_is_over(readings: Readings) -> None:
    for month in ("2023-11-01", "2023-12-01", "2024-12-01"):
        readings.has(cell(month, vector(performed=[5], reoperated=[5, 0])))
    # 2023-12-31 + 365 days is 2024-12-30, the day before the latest
    assert [row.mature for row in readings.rows("reoperated", per="month")] == [True, True, False]
    assert [row.mature for row in readings.rows("performed", per="month")] == [True, True, True]
    until = date(2024, 12, 29)  # before the latest: December 2024 is not over on it
    rows = readings.rows("reoperated", per="month", until=until)
    assert [(str(row.first_day), row.mature) for row in rows] == [("2023-11-01", True), ("2023-12-01", False)]


def test_a_reading_of_an_earlier_day_leaves_out_periods_that_were_not_over(readings: Readings) -> None:
    for month in ("2023-10-01", "2023-11-01", "2023-12-01"):
        readings.has(cell(month, vector(performed=[10])))
        readings.has(cell(month, [10], cohort="years", by=[]))
    assert readings.counts("performed", until=date(2023, 11, 30)) == [("", "2023-01-01", (), 20)]
    assert readings.counts("performed", until=date(2023, 11, 29)) == [("", "2023-01-01", (), 10)]
    assert readings.counts("performed", until=date(2024, 1, 1)) == [("", "2023-01-01", (), 30)]
    assert readings.read("performed", until=date(2023, 11, 29)).until == date(2023, 11, 29)


def test_small_cells_and_what_would_give_them_away_are_shown_to_the_unit_only(readings: Readings) -> None:
    readings.has(
        cell("2023-01-01", vector(performed=[4], reoperated=[4, 1])),
        cell("2023-01-01", vector(performed=[5], reoperated=[5, 1]), unit="U2"),
        cell("2023-01-01", vector(performed=[6], reoperated=[6, 1]), unit="U3"),
    )
    (nation,) = readings.rows("reoperated")
    assert nation.n == 15
    small, beside, shown = readings.rows("reoperated", place="unit")
    assert (small.place, small.n, small.estimate) == ("U1", None, None)
    assert (beside.place, beside.n, beside.estimate) == ("U2", None, None)  # else 15 - 5 - 6 = 4
    assert (shown.place, shown.n) == ("U3", 6)
    (own,) = readings.rows("reoperated", place="unit", unit="U1")
    assert (own.n, own.estimate and own.estimate.value) == (4, 0.25)


def test_what_is_empty_now_has_no_row(readings: Readings) -> None:
    readings.has(cell("2023-01-01", vector(performed=[4])), cell("2023-02-01", vector(performed=[1])))
    readings.version += 1
    readings.has(cell("2023-01-01", vector()))
    assert readings.counts("performed", per="month", unit="U1") == [("", "2023-02-01", (), 1)]


def test_a_reading_says_where_it_comes_from(readings: Readings) -> None:
    readings.has(cell("2023-01-01", vector(performed=[10])), partition=2)
    readings.has(partition=0)
    reading = readings.read("performed")
    assert (reading.registry, reading.generation) == (readings.definition.name, readings.definition.generation)
    assert (reading.through, reading.until) == ({0: 100, 2: 100}, date(2024, 12, 31))


def test_what_cannot_be_read_is_named(readings: Readings) -> None:
    with pytest.raises(CannotBeReadError, match=r"has no indicator nothing; it has performed, reoperated, "):
        readings.read("nothing", "performed")
    with pytest.raises(CannotBeReadError, match="cohort quarters is kept by quarter"):
        readings.read("quarterly", per="month")
    no_places = replace(readings.definition, catalogues={})
    with pytest.raises(CannotBeReadError, match="has no column county"):
        read_indicators(readings.client, no_places, ["performed"], cut=Cut(place="county"))


def test_without_a_pointer_there_is_nothing_to_read(client: Client, tmp_path: Path) -> None:
    definition = made(client, derived_registry(tmp_path), current=False)
    with pytest.raises(GenerationError, match=r"no derived values yet: run `guldadra process derived_"):
        read_indicators(client, definition)
    point(client, definition.name, definition.generation)
    assert read_indicators(client, definition).rows == []  # and no registrations: no latest day either


def test_an_older_generation_is_read_by_the_definitions_that_it_was_made_by(readings: Readings, tmp_path: Path) -> None:
    """The new definitions put the numbers in other places; readers still use the old cells."""
    readings.has(cell("2023-01-01", vector(performed=[40], reoperated=[30, 6])))
    (tmp_path / "new").mkdir()
    changed = INDICATORS.replace("performed: {kind: count, title: {sv: Antal, en: Number}}", "", 1)
    folder = derived_registry(tmp_path / "new", indicators=changed, name=readings.definition.name).folder
    new = load_registry(folder)
    assert new.generation != readings.definition.generation
    old = read_indicators(readings.client, new, ["reoperated"])
    assert (old.generation, old.rows[0].n) == (readings.definition.generation, 30)
    point(readings.client, new.name, "0123456789ab")
    with pytest.raises(GenerationError, match="was made by definitions that are not known here"):
        read_indicators(readings.client, new, ["reoperated"])
    point(readings.client, new.name, readings.definition.generation)
