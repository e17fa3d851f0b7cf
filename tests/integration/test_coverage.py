"""Coverage and silence on the real engine, from messages as the loader inserts them; numbers worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from schemas import topics
from schemas.codec import encode_event
from schemas.definition.condition import parse
from sinks.clickhouse.buffer import Buffer, Read
from sinks.clickhouse.queries.compliance import ComplianceRow, read_compliance
from sinks.clickhouse.queries.coverage import CoverageRow, read_coverage
from sinks.clickhouse.queries.coverage_counts import NoCoverageError
from sinks.clickhouse.queries.coverage_shares import Bounds
from tests.clickhouse_support import AcceptedLog, insert, migrated
from tests.support import patient

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

_1970 = date(1970, 1, 1)
_DAY_MS = 86_400_000
_AS_OF = date(2003, 3, 1)
_UNTIL = date(2003, 3, 31)


def days(day: date) -> int:
    return (day - _1970).days


class Hip:
    """A hip register: its registrations, and what the patient register counts beside it."""

    def __init__(self, client: Client, definition: RegistryDefinition) -> None:
        self.client = client
        self.definition = definition
        self.log = AcceptedLog(definition)
        self._number = 0

    def operated(self, unit: str, day: date, *, after: int = 0, **fields: Any) -> int:
        """An operation registered so many days after its day; its number."""
        self._number += 1
        self.log.add(
            "primary_operation",
            fields.pop("number", self._number),
            unit=unit,
            occurred_on=days(day),
            recorded_at=(days(day) + after) * _DAY_MS + _DAY_MS // 2,
            **fields,
        )
        return self._number

    def told(
        self, unit: str, *counts: tuple[date, str, int | None], offset: int = 0, epoch: int = 0, as_of: date = _AS_OF
    ) -> None:
        """One upload about one unit; None stands for <5."""
        record = {
            "registry": self.definition.name,
            "epoch": epoch,
            "source": "Patient register",
            "unit": unit,
            "as_of": days(as_of),
            "uploaded_at": days(as_of) * _DAY_MS,
            "counts": [
                {"period": days(month), "measure": name, "count": count, "below": 5 if count is None else None}
                for month, name, count in counts
            ],
        }
        buffer = Buffer({self.definition.name: self.definition})
        topic = topics.counts(self.definition.name)
        buffer.take(Read(topic, 0, offset, unit.encode(), encode_event("unit_counts", record)))
        assert buffer.given_up == []
        (rows,) = buffer.tables
        self.client.insert(rows.layout.table, rows.layout.container(rows.blocks), "Avro")

    def coverage(self, **options: Any) -> dict[tuple[str, date | None], CoverageRow]:
        """The rows of the definition ``all`` (or another) by place and period."""
        self.load()
        reading = read_coverage(
            self.client, self.definition, **{"only": "all", "until": _UNTIL, "per": "month", **options}
        )
        return {(row.place, row.first_day): row for row in reading.rows}

    def compliance(self, until: date = _UNTIL) -> dict[str, ComplianceRow]:
        self.load()
        return {row.unit: row for row in read_compliance(self.client, self.definition, until=until).rows}

    def load(self) -> None:
        if self.log.registrations:
            insert(self.client, self.definition, self.log.batch())


@pytest.fixture(scope="module")
def definition(client: Client) -> RegistryDefinition:
    return migrated(client, "hip")


@pytest.fixture
def hip(client: Client, definition: RegistryDefinition) -> Hip:
    for table in (*(f"{form}_rows" for form in definition.forms), "unit_counts", "opt_out_log"):
        client.command(f"TRUNCATE TABLE guldadra_{definition.name}.{table}")
    return Hip(client, definition)


_MAY_2001, _JANUARY = date(2001, 5, 1), date(2003, 1, 1)


def test_living_registrations_are_held_against_uploaded_counts(hip: Hip) -> None:
    for _ in range(3):
        hip.operated("U01", date(2001, 5, 10))
    corrected = hip.operated("U01", date(2001, 5, 20))
    hip.operated("U02", date(2001, 5, 20), number=corrected)  # its unit was wrong
    withdrawn = hip.operated("U02", date(2001, 5, 21))
    hip.operated("U02", date(2001, 5, 21), number=withdrawn, retracted=True)
    hip.operated("U02", date(2001, 6, 1))
    hip.told("U01", (_MAY_2001, "patient_register", 4))
    hip.told("U02", (_MAY_2001, "patient_register", 2))
    rows = hip.coverage()
    assert (rows["U01", _MAY_2001].found, rows["U01", _MAY_2001].reference) == (Bounds(3, 3), Bounds(4, 4))
    assert (rows["U02", _MAY_2001].found, rows["U02", _MAY_2001].reference) == (Bounds(1, 1), Bounds(2, 2))
    june = rows["U02", date(2001, 6, 1)]
    assert (june.state, june.registered, june.uncompared, june.share) == ("no counts", 1, 1, None)
    assert rows["U01", _MAY_2001].counted_on == _AS_OF
    assert rows["U01", _MAY_2001].reached is False  # 75 % of 80 %

    (nation,) = hip.coverage(place="nation", per="year").values()
    assert (nation.first_day, nation.found, nation.reference) == (date(2001, 1, 1), Bounds(4, 4), Bounds(6, 6))
    assert (nation.registered, nation.uncompared) == (5, 1)
    counties = hip.coverage(place="county", per="all")
    assert counties["Rimsele", None].found == Bounds(4, 4)
    quarters = hip.coverage(per="quarter", last=date(2001, 5, 31))
    assert (quarters["U02", date(2001, 4, 1)].registered, len(quarters)) == (1, 2)
    assert hip.coverage(first=date(2001, 5, 2)).keys() == {("U02", date(2001, 6, 1))}


def test_who_has_opted_out_is_in_no_share(hip: Hip) -> None:
    number = hip.operated("U01", date(2001, 5, 10))
    hip.operated("U01", date(2001, 5, 10))
    hip.told("U01", (_MAY_2001, "patient_register", 2))
    assert hip.coverage()["U01", _MAY_2001].found == Bounds(2, 2)
    hip.client.command(
        f"INSERT INTO guldadra_{hip.definition.name}.opt_out_log VALUES ('{patient(number)}', 'o-1', false, 1000)"
    )
    assert hip.coverage()["U01", _MAY_2001].found == Bounds(1, 1)


def test_the_latest_upload_counts_whatever_comes_again(hip: Hip) -> None:
    hip.operated("U01", date(2001, 5, 10))
    hip.told("U01", (_MAY_2001, "patient_register", 10), (date(2001, 6, 1), "patient_register", 7), offset=3)
    hip.told("U01", (_MAY_2001, "patient_register", 2), offset=4)
    hip.told("U01", (_MAY_2001, "patient_register", 10), (date(2001, 6, 1), "patient_register", 7), offset=3)
    rows = hip.coverage()
    assert rows["U01", _MAY_2001].reference == Bounds(2, 2)
    assert rows["U01", date(2001, 6, 1)].reference == Bounds(7, 7)  # of which the later one said nothing
    hip.told("U01", (_MAY_2001, "patient_register", 5), offset=0, epoch=1)  # a new life of the log begins at 0
    assert hip.coverage()["U01", _MAY_2001].reference == Bounds(5, 5)


def test_a_count_that_is_not_told_is_one_to_four(hip: Hip) -> None:
    hip.operated("U01", date(2001, 5, 10))
    hip.told("U01", (_MAY_2001, "patient_register", None))
    row = hip.coverage()["U01", _MAY_2001]
    assert row.reference == Bounds(1, 4)
    assert row.share is not None
    assert (row.share.low, row.share.high) == (0.25, 1.0)
    assert row.reached is None


def test_a_linkage_needs_all_of_its_counts(hip: Hip) -> None:
    hip.operated("U01", date(2001, 5, 10))
    hip.told("U01", (_MAY_2001, "matched", 8), (_MAY_2001, "register_only", 1), offset=1)
    assert hip.coverage(only="linked")["U01", _MAY_2001].state == "no counts"
    hip.told("U01", (_MAY_2001, "patient_register_only", 1), offset=2)
    row = hip.coverage(only="linked")["U01", _MAY_2001]
    assert (row.found, row.reference) == (Bounds(8, 8), Bounds(10, 10))


def test_the_delay_is_learnt_from_mature_months_and_adjusts_young_ones(hip: Hip) -> None:
    # Mature on 2003-03-31 (365 days) are the months to March 2002, the latest twelve from April 2001. Of the four
    # registrations there one came on its day, one after 10, two after 40 days; the one of March 2001 does not count.
    for after in (0, 10, 40, 40):
        hip.operated("U03", date(2001, 5, 10), after=after)
    hip.operated("U03", date(2001, 3, 31), after=300)
    for _ in range(2):
        hip.operated("U01", date(2003, 2, 14), after=3)
    hip.operated("U01", date(2003, 2, 14), after=60)  # not yet, by 2003-03-31
    hip.operated("U01", date(2003, 4, 1))
    february = date(2003, 2, 1)
    hip.told("U01", (february, "patient_register", 4))
    # On 31 March the days of February are 31 to 58 days old: all have half, the 19 of them that are 40 or more days
    # old the whole.
    expected = (28 * 0.5 + 19 * 0.5) / 28
    row = hip.coverage()["U01", february]
    assert row.registered == 2
    assert row.share is not None
    assert row.adjusted is not None
    assert row.share.low == 0.5
    assert row.adjusted.low == pytest.approx(0.5 / expected)
    reading = read_coverage(hip.client, hip.definition, until=_UNTIL)
    assert reading.delay_learnt_from == 4
    assert reading.mature == (date(2001, 4, 1), date(2002, 3, 1))
    # On 5 March they are 5 to 32 days old: the 23 of 10 days or more have half, the other 5 a quarter, so 46 %
    # of which the register declares to want 60.
    early = hip.coverage(until=date(2003, 3, 5))["U01", february]
    assert (early.state, early.early, early.share) == ("too early", 1, None)


def test_all_definitions_are_read_at_once_and_the_latest_day_is_the_default(hip: Hip) -> None:
    hip.operated("U01", date(2001, 5, 10), after=5)
    hip.told("U01", (_MAY_2001, "patient_register", 1))
    hip.told("U02", (_MAY_2001, "patient_register", 3))
    hip.load()
    reading = read_coverage(hip.client, hip.definition, place="nation", per="all")
    assert reading.until == date(2001, 5, 15)
    assert [(row.definition, row.found.low, row.reference.low) for row in reading.rows] == [
        ("units", 1, 2),
        ("at_registering_units", 1, 1),
        ("all", 1, 4),
        ("linked", 0, 0),
    ]


def test_the_declared_condition_and_once_a_month_decide_what_is_counted(hip: Hip) -> None:
    assert hip.definition.coverage is not None
    first = hip.operated("U01", date(2001, 5, 10))
    hip.operated("U01", date(2001, 5, 20), patient=patient(first))
    hip.operated("U01", date(2001, 5, 20), fixation="uncemented")
    hip.told("U01", (_MAY_2001, "patient_register", 5))
    assert hip.coverage()["U01", _MAY_2001].registered == 3
    cemented = hip.definition.coverage.model_copy(update={"where": parse({"fixation": "cemented"})})
    hip.definition = replace(hip.definition, coverage=cemented)
    assert hip.coverage()["U01", _MAY_2001].registered == 2
    hip.definition = replace(hip.definition, coverage=cemented.model_copy(update={"once_per": "month"}))
    assert hip.coverage()["U01", _MAY_2001].registered == 1


def test_what_is_not_declared_is_refused(hip: Hip) -> None:
    with pytest.raises(NoCoverageError, match="there is no definition most; there are units, at_registering"):
        hip.coverage(only="most")
    with pytest.raises(NoCoverageError, match=r"has no coverage\.yaml"):
        read_coverage(hip.client, replace(hip.definition, coverage=None))


def test_nothing_registered_is_nothing_to_compare(hip: Hip) -> None:
    assert read_coverage(hip.client, hip.definition).rows == ()
    found = read_compliance(hip.client, hip.definition)
    assert found.until is None
    assert {row.state for row in found.rows} == {"never reported"}
    assert len(found.rows) == len(hip.definition.catalogues["units"].rows)


def test_how_each_unit_reports(hip: Hip) -> None:
    # U01 registers on 1, 11 and 31 January 2003 (two on the 11th, 40 days after their day), then nothing.
    hip.operated("U01", date(2003, 1, 1))
    for _ in range(2):
        hip.operated("U01", date(2002, 12, 2), after=40)
    hip.operated("U01", date(2003, 1, 29), after=2)
    hip.operated("U02", date(2003, 3, 30), after=1)
    hip.told("U03", (_JANUARY, "patient_register", 9), (date(2002, 2, 1), "patient_register", None), offset=1)
    hip.told("U03", (date(2002, 1, 1), "patient_register", 100), offset=2)  # longer ago than its latest twelve months
    hip.told("U04", (_JANUARY, "patient_register", 0))
    rows = hip.compliance()
    first = rows["U01"]
    assert (first.registered, first.last_on, first.last_recorded) == (4, date(2003, 1, 29), date(2003, 1, 31))
    assert (first.days, first.usual_interval) == (59, 15.0)  # 10 and 20 days from one to the next
    assert first.expected == pytest.approx(59 * 3 / 30)  # since it began: three in 30 days
    assert first.late == 0.5  # two of four after more than 30 days
    assert first.state == "reports"  # 60 days are allowed
    assert hip.compliance(date(2003, 4, 2))["U01"].state == "silent"
    assert (rows["U02"].days, rows["U02"].usual_interval, rows["U02"].expected) == (0, None, None)
    assert (rows["U03"].state, rows["U03"].known_to_source) == ("never reported", Bounds(10, 13))
    assert (rows["U04"].state, rows["U04"].known_to_source) == ("nothing to report", Bounds(0, 0))
    assert (rows["U05"].state, rows["U05"].known_to_source) == ("never reported", None)
    assert [row.over for row in (rows["U01"], rows["U03"], rows["U04"])] == [False, True, False]


def test_a_small_units_ordinary_pause_is_no_silence(hip: Hip) -> None:
    # Eight in the 365 days to the last one, so 70 days later 1.5 are missing; the register declares three.
    for number in range(8):
        hip.operated("U01", date(2002, 1, 1 + number))
    hip.operated("U01", date(2000, 12, 1))
    until = date(2002, 3, 19)
    row = hip.compliance(until)["U01"]
    assert (row.days, row.state) == (70, "reports")
    assert row.expected == pytest.approx(70 * 8 / 365)
    assert hip.compliance(date(2002, 5, 24))["U01"].state == "reports"  # 136 days: 2.98
    assert hip.compliance(date(2002, 5, 25))["U01"].state == "silent"  # 137 days: 3.003


def test_those_to_be_asked_stand_first_the_longest_silence_before_all(hip: Hip) -> None:
    for unit, last in (("U07", 1), ("U05", 20), ("U06", 10)):
        for back in range(10):
            hip.operated(unit, date(2002, 12, 31 - back - last))
    hip.load()
    rows = read_compliance(hip.client, hip.definition, until=_UNTIL).rows
    assert [row.unit for row in rows[:3]] == ["U05", "U06", "U07"]
    assert {row.state for row in rows[3:]} == {"never reported"}
    for one in (rows[0], rows[1], rows[-1]):
        assert read_compliance(hip.client, hip.definition, until=_UNTIL, unit=one.unit).rows == (one,)
