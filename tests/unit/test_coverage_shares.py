"""Coverage by hand on small numbers: the definitions, the delay, over-registration, counts that are not told."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from schemas.definition.coverage import CoverageDefinition
from schemas.definition.text import Text
from sinks.clickhouse.queries.coverage_shares import (
    Bounds,
    Delay,
    Share,
    Tally,
    Told,
    UnitMonth,
    adjusted_share_of,
    mature_months,
    reached,
    share_of,
    tally_unit,
    tally_units,
)
from streams.statistics.proportions import wilson

if TYPE_CHECKING:
    from collections.abc import Mapping

_TITLE = Text(sv="Text", en="Text")
_REFERENCE = "patient_register"
_UNITS = CoverageDefinition(title=_TITLE, share_of="units", reference=(_REFERENCE,))
_AT_REGISTERING = CoverageDefinition(title=_TITLE, share_of="registering_units", reference=(_REFERENCE,))
_ALL = CoverageDefinition(title=_TITLE, share_of="everything", reference=(_REFERENCE,))
_LINKED = CoverageDefinition(
    title=_TITLE, share_of="everything", reference=("matched", "source_only", "register_only"), found="matched"
)
_MAY, _JUNE = date(2001, 5, 1), date(2001, 6, 1)
_MADE = date(2001, 9, 1)
_LATE = date(2002, 12, 31)


def told(**counts: int | tuple[int, int]) -> Mapping[str, Told]:
    return {
        name: Told(Bounds(*count) if isinstance(count, tuple) else Bounds(count, count), _MADE)
        for name, count in counts.items()
    }


def month(registered: int, reference: int | tuple[int, int] | None = None) -> UnitMonth:
    return UnitMonth(registered, {} if reference is None else told(patient_register=reference))


def tally(
    definition: CoverageDefinition,
    *units: Mapping[date, UnitMonth],
    delay: Delay | None = None,
    until: date = _LATE,
    expected_at_least: float = 0.5,
) -> Tally:
    expected = (delay or Delay()).expected
    return tally_units(
        definition,
        [
            tally_unit(definition, unit.items(), expected, until=until, expected_at_least=expected_at_least)
            for unit in units
        ],
    )


def shares(share: Share | None) -> tuple[float, float]:
    assert share is not None
    return share.low, share.high


# Three hospitals in May: A registers 18 of its 20, B none of its 10, C 24 of its 30; D treats nobody.
_HOSPITALS = ({_MAY: month(18, 20)}, {_MAY: month(0, 10)}, {_MAY: month(24, 30)}, {_MAY: month(0, 0)})


def test_the_three_definitions_of_the_same_numbers() -> None:
    assert shares(share_of(_UNITS, tally(_UNITS, *_HOSPITALS))) == pytest.approx((2 / 3, 2 / 3))  # A and C of A, B, C
    assert shares(share_of(_AT_REGISTERING, tally(_AT_REGISTERING, *_HOSPITALS))) == (0.84, 0.84)  # 42 of 50
    assert shares(share_of(_ALL, tally(_ALL, *_HOSPITALS))) == (0.7, 0.7)  # 42 of 60


def test_the_limits_are_wilsons() -> None:
    share = share_of(_ALL, tally(_ALL, *_HOSPITALS))
    expected = wilson(42, 60)
    assert share is not None
    assert (share.lower, share.upper) == (expected.lower, expected.upper)


def test_a_linkage_counts_both_of_all_in_either() -> None:
    linked = {_MAY: UnitMonth(95, told(matched=90, source_only=15, register_only=5))}
    found = tally(_LINKED, linked)
    assert shares(share_of(_LINKED, found)) == (90 / 110, 90 / 110)
    assert adjusted_share_of(_LINKED, found) is None
    assert (found.excess, found.over) == (0, 0)


def test_over_registration_is_told_unit_by_unit_and_never_cut_off() -> None:
    over, under = {_MAY: month(12, 10)}, {_MAY: month(5, 10)}
    alone = tally(_ALL, over)
    assert share_of(_ALL, alone) == Share(1.2, 1.2, None, None)
    assert (alone.excess, alone.over) == (2, 1)
    together = tally(_ALL, over, under)
    assert shares(share_of(_ALL, together)) == (17 / 20, 17 / 20)
    assert (together.excess, together.over) == (2, 1)  # the other's gap does not hide it


def test_over_registration_at_a_unit_that_the_source_does_not_know_of() -> None:
    found = tally(_UNITS, {_MAY: month(3, 0)}, {_MAY: month(1, 4)})
    assert shares(share_of(_UNITS, found)) == (1.0, 1.0)  # one of one unit that treats
    assert (found.excess, found.over) == (3, 1)
    assert share_of(_ALL, tally(_ALL, {_MAY: month(3, 0)})) is None


def test_what_the_source_has_not_told_is_in_no_share() -> None:
    found = tally(_ALL, {_MAY: month(8, 10), _JUNE: month(7)}, {_JUNE: UnitMonth(0, told(other=3))})
    assert shares(share_of(_ALL, found)) == (0.8, 0.8)
    assert (found.registered, found.uncompared, found.months, found.without_counts) == (15, 7, 1, 1)


def test_a_count_that_is_not_told_makes_the_share_a_range() -> None:
    found = tally(_ALL, {_MAY: month(3, (1, 4)), _JUNE: month(6, 8)})  # 9 of 9 to 12
    share = share_of(_ALL, found)
    assert shares(share) == (0.75, 1.0)
    assert share is not None
    assert share.lower == wilson(9, 12).lower
    assert share.upper == wilson(9, 9).upper
    assert (found.excess, found.over) == (0, 0)
    assert tally(_ALL, {_MAY: month(6, (1, 4))}).excess == 2  # beyond even the 4
    assert shares(share_of(_UNITS, tally(_UNITS, {_MAY: month(0, (1, 4))}))) == (0.0, 0.0)  # it does treat


def test_a_matched_count_that_is_not_told_varies_in_both_parts_alike() -> None:
    hidden = {_MAY: UnitMonth(5, told(matched=(1, 4), source_only=2, register_only=0))}
    assert shares(share_of(_LINKED, tally(_LINKED, hidden))) == (1 / 3, 4 / 6)


# Of four mature registrations one came on its day, one after 10 days, two after 40.
_DELAY = Delay({0: 1, 10: 1, 40: 2})


def test_what_is_to_be_expected_of_a_month_by_a_day() -> None:
    # On 30 June the days of June are 0 to 29 days old: all 30 have the first quarter, the 20 that are 10 or more
    # days old the second, none the rest.
    assert _DELAY.expected(_JUNE, date(2001, 6, 30)) == pytest.approx((30 * 0.25 + 20 * 0.25) / 30)
    # On 20 July they are 20 to 49 days old: all have half, and the 10 that are 40 or more the whole.
    assert _DELAY.expected(_JUNE, date(2001, 7, 20)) == pytest.approx((30 * 0.5 + 10 * 0.5) / 30)
    assert _DELAY.expected(_JUNE, date(2001, 8, 9)) == 1.0
    assert _DELAY.expected(_JUNE, date(2001, 5, 31)) == 0.0
    assert Delay().expected(_JUNE, _LATE) is None


def test_the_adjusted_share_is_of_what_is_to_be_expected() -> None:
    # On 20 July all of May is to be expected (its youngest day is 50 days old) and two thirds of June.
    found = tally(_ALL, {_MAY: month(27, 30), _JUNE: month(18, 30)}, delay=_DELAY, until=date(2001, 7, 20))
    assert shares(share_of(_ALL, found)) == (0.75, 0.75)  # 45 of 60
    adjusted = adjusted_share_of(_ALL, found)
    assert shares(adjusted) == pytest.approx((0.9, 0.9))  # 45 of 30 + 20
    assert adjusted is not None
    assert adjusted.lower == pytest.approx(float(wilson(45, 50).lower))


def test_units_that_do_not_register_are_out_of_the_expectation_too() -> None:
    silent = {_JUNE: month(0, 99)}
    found = tally(_AT_REGISTERING, {_JUNE: month(18, 30)}, silent, delay=_DELAY, until=date(2001, 7, 20))
    assert shares(adjusted_share_of(_AT_REGISTERING, found)) == pytest.approx((0.9, 0.9))
    assert adjusted_share_of(_UNITS, tally(_UNITS, silent, delay=_DELAY)) is None


def test_a_month_that_is_too_young_is_told_of_and_in_no_share() -> None:
    unit = {_MAY: month(27, 30), _JUNE: month(18, 30)}
    found = tally(_ALL, unit, delay=_DELAY, until=date(2001, 7, 20), expected_at_least=0.7)
    assert (found.months, found.early, found.registered) == (1, 1, 45)
    assert shares(share_of(_ALL, found)) == (0.9, 0.9)
    kept = tally(_ALL, unit, delay=_DELAY, until=date(2001, 7, 20), expected_at_least=0.66)
    assert (kept.months, kept.early) == (2, 0)


def test_a_linkage_is_as_old_as_the_day_on_which_it_was_made() -> None:
    young = {_JUNE: UnitMonth(9, {name: Told(Bounds(3, 3), date(2001, 7, 1)) for name in _LINKED.reference})}
    assert tally(_LINKED, young, delay=_DELAY, expected_at_least=0.9).early == 1


def test_before_anything_is_mature_nothing_is_adjusted_nor_too_early() -> None:
    found = tally(_ALL, {_JUNE: month(6, 10)}, until=date(2001, 6, 30))
    assert shares(share_of(_ALL, found)) == (0.6, 0.6)
    assert adjusted_share_of(_ALL, found) is None


@pytest.mark.parametrize(
    ("low", "high", "answer"), [(0.8, 0.8, True), (0.79, 0.79, False), (0.79, 0.81, None), (0.8, 1.2, True)]
)
def test_a_target_is_reached_missed_or_cannot_be_told(low: float, high: float, answer: bool | None) -> None:
    assert reached(Share(low, high, None, None), 0.8) is answer
    assert reached(Share(low, high, None, None), None) is None
    assert reached(None, 0.8) is None


def test_mature_months_have_their_last_day_so_long_ago() -> None:
    # 2001-12-31 less 365 days is 2000-12-31, December's own last day
    assert mature_months(date(2001, 12, 31), 365, 12) == (date(2000, 1, 1), date(2000, 12, 1))
    assert mature_months(date(2001, 12, 30), 365, 12) == (date(1999, 12, 1), date(2000, 11, 1))
    assert mature_months(date(2001, 3, 2), 30, 1) == (date(2001, 1, 1), date(2001, 1, 1))
