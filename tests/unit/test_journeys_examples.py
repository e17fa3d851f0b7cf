"""The journeys' fine points, each worked out by hand.

`Journeys` submits one registration at a time and holds what is shown against the reference after each, so
the reference is held against these numbers too. Vectors have their numbers in the order of the indicators
in `tests.journey_registries`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from schemas.codec import decode_event, form_schema
from schemas.definition.folder import load_registry
from schemas.topics import exposures
from schemas.version import version_of
from streams.journeys.core import JourneyCore
from streams.step import Step, UnknownSchemaError
from tests.journey_registries import UNIT, registry, written
from tests.journey_support import (
    DAY_2000,
    DAY_MS,
    PARTITION,
    Journeys,
    Loader,
    Worker,
    accepted,
    batch,
    batches_of,
    core,
    submission,
)
from tests.reference_journeys import Exposed, Submission, recompute
from tests.unit.registry_folders import form, optional

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def implants() -> Journeys:
    return Journeys("implants")


@pytest.fixture
def care() -> Journeys:
    return Journeys("care")


@pytest.fixture
def chain() -> Journeys:
    return Journeys("chain")


# Order within a journey


def test_of_two_on_one_day_the_one_recorded_later_follows_however_often_they_are_sent(care: Journeys) -> None:
    care.add("sample", "2", 0, load=60.0, drug="a", recorded_at=DAY_2000 * DAY_MS + 1)
    care.add("sample", "1", 0, load=10.0, drug="a", recorded_at=DAY_2000 * DAY_MS)
    # samples, followed (n, hits), rate (n, events, closed days, open, open starts): the first ends at once
    assert _by_label(care, "samples") == {
        ("<50",): (1, 1, 1, 1, 0, 0, 0, 0),
        ("50+",): (1, 1, 0, 1, 0, 0, 1, DAY_2000),
    }
    before = _by_label(care, "samples")
    care.add("sample", "1", 0, load=10.0, drug="a", recorded_at=DAY_2000 * DAY_MS)  # sent again, it stays where it was
    assert _by_label(care, "samples") == before
    care.add("sample", "1", 0, load=10.0, drug="a", recorded_at=DAY_2000 * DAY_MS + 2)  # as corrected it is the later
    assert _by_label(care, "samples") == {
        ("<50",): (1, 1, 0, 1, 0, 0, 1, DAY_2000),
        ("50+",): (1, 1, 1, 1, 0, 0, 0, 0),
    }


def test_of_two_forms_on_one_day_either_follows_and_precedes_the_other(implants: Journeys) -> None:
    implants.add("reoperation", "r", 0, side="left")
    implants.add("operation", "o", 0, side="left")
    # reoperated within 2 days (n, hits) stands behind the count
    assert implants.vector("operations")[:3] == (1, 1, 1)
    # preceded by its own operation (n, hits), by one of the side a day before or more with cup A (n, hits)
    assert implants.vector("reoperations") == (1, 1, 1, 0)


def test_the_latest_is_on_the_same_day_or_before_and_never_itself(care: Journeys) -> None:
    care.add("visit", "1", 0, load=60.0)
    # persons seen; at goal (n, hits); better (n, hits): the latest with a load was 50 or more
    assert care.vector("yearly") == (1, 0, 0, 1, 0)
    care.add("visit", "2", 0, load=40.0)  # once a year: the later of the day, before it the one of 60
    assert care.vector("yearly") == (1, 0, 0, 1, 1)
    care.add("visit", "1", 1, load=60.0)  # moved behind it: before it the one of 40, which is not "better"
    assert care.vector("yearly") == (1, 0, 0, 1, 0)
    care.add("visit", "2", -3, load=60.0)  # in the year before; four days apart, and within_days is 3
    assert care.vector("yearly") == (2, 0, 0, 2, 0)
    care.add("visit", "2", -2, load=60.0)
    assert care.vector("yearly") == (2, 0, 0, 2, 1)


def test_of_several_before_the_last_one_speaks_whatever_those_before_it_said(care: Journeys) -> None:
    care.add("sample", "1", 0, load=60.0, drug="a")
    care.add("sample", "2", 1, load=40.0, drug="a")
    care.add("sample", "3", 2, load=60.0, drug="b")
    care.add("visit", "v", 2, drug="a")
    # doses (n, total, squares); sampled with the same drug, below 50 (n, hits); not sampled that day (n, hits)
    assert care.vector("monthly") == (0, 0, 0, 1, 1, 1, 0)
    care.add("sample", "2", 1, load=60.0, drug="a")
    assert care.vector("monthly") == (0, 0, 0, 1, 0, 1, 0)
    care.add("sample", "4", 2, load=40.0, drug=None)  # null is the same drug as nothing
    care.add("visit", "v", 2, drug=None)
    assert care.vector("monthly") == (0, 0, 0, 1, 0, 1, 0)


# Days apart


@pytest.mark.parametrize(
    ("day", "within_2", "after_2"), [(-1, 0, 0), (0, 1, 0), (1, 1, 0), (2, 1, 1), (3, 0, 1)]
)  # fmt: skip
def test_within_and_after_days_include_their_own_day(implants: Journeys, day: int, within_2: int, after_2: int) -> None:
    implants.add("operation", "o", 0, side="left")
    implants.add("reoperation", "r", day, side="left")
    assert implants.vector("operations")[:5] == (1, 1, within_2, 1, after_2)


def test_what_precedes_is_told_by_the_same_days(implants: Journeys) -> None:
    implants.add("operation", "o", 0, side="left", cup="A")
    for day, own, of_the_side in ((0, 1, 0), (1, 1, 1), (3, 1, 1), (4, 0, 1)):
        implants.add("reoperation", "r", day, side="left")
        assert implants.vector("reoperations") == (1, own, 1, of_the_side)


# Attribution


def test_a_reference_counts_only_on_the_same_side_and_not_before_its_operation(implants: Journeys) -> None:
    implants.add("operation", "1", 0, side="left")
    implants.add("operation", "2", 1, side="left")
    implants.add("reoperation", "r", 2, side="left", operation_id="1")
    assert implants.exposed("cup") == {}  # no product, no exposure
    assert implants.on("unresolved") == {}
    wrong_ones: list[dict[str, Any]] = [{"side": "right"}, {"side": None}, {"operation_id": "3"}]
    for wrong in wrong_ones:
        implants.add("reoperation", "r", 2, **{"side": "left", "operation_id": "1", **wrong})
        # the latest on the side does not step in for the one that was named
        assert implants.on("unresolved") == {"r": ("U1", DAY_2000 + 2, ())}
        assert implants.vector("operations")[1:3] == (2, 0)
    implants.add("reoperation", "r", 0, side="left", operation_id="2")
    assert set(implants.on("unresolved")) == {"r"}
    implants.add("reoperation", "r", 1, side="left", operation_id="2")
    assert implants.on("unresolved") == {}


def test_without_a_reference_an_outcome_belongs_to_the_latest_of_its_side(implants: Journeys) -> None:
    implants.add("operation", "1", 0, side="left", cup="A")
    implants.add("operation", "2", 2, side="left", cup="B")
    implants.add("operation", "3", 3, side="right", cup="C")
    implants.add("operation", "4", 5, side="left", cup="D")
    implants.add("reoperation", "r", 4, side="left")
    assert {name: state.outcomes for name, state in implants.exposed("cup").items()} == {
        "1": 0,
        "2": 1,
        "3": 0,
        "4": 0,
    }
    implants.retract("operation", "2")
    assert {name: state.outcomes for name, state in implants.exposed("cup").items()} == {"1": 1, "3": 0, "4": 0}
    implants.retract("operation", "1")
    assert set(implants.on("unresolved")) == {"r"}


def test_an_unresolved_outcome_resolves_itself_whatever_comes_first() -> None:
    steps = [("operation", "o", 0), ("reoperation", "r", 1), ("reoperation", "s", 2)]
    for order in itertools.permutations(steps):
        journeys = Journeys("implants")
        for at, (name, registration_id, day) in enumerate(order):
            journeys.add(
                name, registration_id, day, side="left", **({} if name == "operation" else {"operation_id": "o"})
            )
            come = {one[1] for one in order[: at + 1]}
            assert set(journeys.on("unresolved")) == (set() if "o" in come else come)
        assert journeys.vector("operations")[:3] == (1, 1, 1)


def test_links_of_a_chain_belong_to_the_one_before(chain: Journeys) -> None:
    chain.add("risk", "1", 0, area="hip", at_risk=True, score=3)
    chain.add("performed", "d", 2, area="hip")  # nothing is planned yet
    assert set(chain.on("unresolved")) == {"d"}
    chain.add("planned", "b", 1, area="hip")
    assert chain.on("unresolved") == {}
    # after a plan, itself after a risk of score 2 or more (n, hits); after another (n, hits)
    assert chain.vector("performed") == (1, 1, 1, 0)
    assert chain.on("open") == {"1": ("U1", DAY_2000, ("hip", "3", "true", "0"))}
    chain.add("outcome", "o", 2, area="heel", harmed=False)  # belongs to the latest risk, of any area
    assert set(chain.on("open")) == {"1"}  # the outcome is to follow the action by a day or more
    chain.add("outcome", "o", 3, area="heel", harmed=False)
    assert chain.on("open") == {}
    # completed (n, hits); harmed first (n, events, closed days, open, open starts): the plan ended it on day 1
    assert chain.vector("risks") == (1, 1, 1, 0, 1, 0, 0)


# Submissions


def test_a_correction_moves_a_person_from_cell_to_cell(implants: Journeys) -> None:
    implants.add("operation", "o", 0, sex="female", age=2, cemented=True, asa=2, weight=10.2)
    # weight in half kilograms: 10.2 / 0.5 + ½ = 20.9, so 20
    numbers = (1, 1, 0, 0, 0, 1, 0, 1, 20, 400)
    assert implants.shown.cells["operations", "U1", DAY_2000, ("female", "1-2", "true", "2"), "", 0] == numbers
    implants.add("operation", "o", -1, sex="male", age=3, cemented=False, asa=None, weight=10.2, unit="U2")
    cells = {cell: values for cell, values in implants.shown.cells.items() if cell[0] == "operations"}
    assert cells == {("operations", "U2", DAY_2000 - 31, ("male", "3+", "false", ""), "", 0): numbers}
    former = ("operations", "U1", DAY_2000, ("female", "1-2", "true", "2"), "", 0)
    assert implants.worker.loader.cells[former] == (1, (0,) * 10)  # an emptied cell was sent as zeros


def test_the_same_again_sends_nothing_but_how_far_the_values_are(implants: Journeys) -> None:
    one = implants.add("operation", "o", 0, cup="A")
    again = submission("implants", version_of(0, 1), "operation", "p", "o", DAY_2000, **_said(one))
    step = implants.worker.step(batches_of("implants", [again]))
    assert [output.topic for output in step.outputs] == ["cells.implants"]
    assert step.version == 1


def test_a_retraction_of_what_was_never_there_keeps_nothing(implants: Journeys) -> None:
    implants.retract("operation", "o")
    assert implants.worker.store == {}
    implants.add("operation", "o", 0)
    implants.retract("operation", "o", patient="q")
    implants.retract("reoperation", "o")
    assert implants.vector("operations")[0] == 1
    implants.retract("operation", "o")
    assert implants.worker.store == {}


def test_opting_out_takes_everything_and_what_was_does_not_come_back(implants: Journeys) -> None:
    implants.add("operation", "1", 0, cup="A")
    implants.add("operation", "1", 0, patient="q", cup="A")
    implants.opt_out()
    assert {key[1] for key in implants.shown.exposures} == {"q"}
    implants.add("operation", "2", 0, cup="A")  # while opted out, nothing is taken
    implants.add("operation", "1", 1, cup="A")
    assert implants.vector("operations")[0] == 1
    implants.retract("opt_out", "o")
    assert implants.vector("operations")[0] == 1
    implants.add("operation", "2", 5, cup="B")
    assert implants.shown.exposures["cup", "p", "2"].start == DAY_2000 + 5
    assert ("cup", "p", "1") not in implants.shown.exposures


def test_who_opted_out_twice_is_out_until_both_are_lifted(implants: Journeys) -> None:
    implants.opt_out("o")
    implants.opt_out("again")
    implants.retract("opt_out", "o")
    implants.add("operation", "1", 0)
    assert implants.vector("operations") == ()
    implants.retract("opt_out", "again")
    implants.add("operation", "1", 0)
    assert implants.vector("operations")[0] == 1


def test_lifting_what_never_was_means_nothing_and_lifting_again_means_what_it_did(implants: Journeys) -> None:
    implants.add("operation", "1", 0)
    implants.retract("opt_out", "o")
    assert implants.vector("operations")[0] == 1
    implants.opt_out("o")
    implants.retract("opt_out", "o")
    implants.add("operation", "2", 0)
    assert implants.vector("operations")[0] == 1
    implants.retract("opt_out", "o")  # what was registered up to here is gone
    assert implants.vector("operations") == ()
    implants.add("operation", "3", 0)
    implants.retract("opt_out", "other")
    assert implants.vector("operations")[0] == 1


def test_who_opts_out_and_is_back_as_before_within_one_step_leaves_again() -> None:
    worker = Worker("implants")
    operation = submission("implants", 0, "operation", "p", "1", DAY_2000, cup="A", side="left")
    worker.step(batches_of("implants", [operation]))
    back = [
        submission("implants", 1, "opt_out", "p", "o", DAY_2000),
        submission("implants", 2, "opt_out", "p", "o", DAY_2000, retracted=True),
        submission("implants", 3, "operation", "p", "1", DAY_2000, cup="A", side="left"),
    ]
    worker.step(batches_of("implants", back))
    expected = recompute(registry("implants"), [operation, *back])
    assert {key[2] for key in expected.exposures} == {key[3] for key in expected.listed} == {"1"}
    # readers leave out, and erasure deletes, all rows about the person of versions below 3
    assert worker.loader.shown({"p": 3}) == expected
    worker.step(
        batches_of("implants", [submission("implants", 4, "operation", "p", "1", DAY_2000, cup="A", side="left")])
    )
    assert {version for version, _ in worker.loader.exposures.values()} == {3}


# Person-time


def test_an_event_on_the_day_of_another_end_counts(implants: Journeys) -> None:
    implants.add("operation", "o", 0, cup="A", side="left")
    assert implants.vector("cups")[:5] == (1, 0, 0, 1, DAY_2000)
    implants.add("death", "d", 10)
    assert implants.vector("cups")[:5] == (1, 0, 10, 0, 0)
    implants.add("reoperation", "r", 10, side="left")
    assert implants.vector("cups")[:5] == (1, 1, 10, 0, 0)
    implants.add("emigration", "e", 9)
    assert implants.vector("cups")[:5] == (1, 0, 9, 0, 0)


def test_a_date_ends_follow_up_from_its_first_day_on(implants: Journeys) -> None:
    for until, follow_up in (
        (-1, (1, 0, 0, 1, DAY_2000)),  # before it began: no end
        (0, (1, 0, 0, 0, 0)),
        (4, (1, 0, 4, 0, 0)),
    ):
        implants.add("operation", "o", 0, cup="A", followed_until=DAY_2000 + until)
        assert implants.vector("cups")[:5] == follow_up


@pytest.mark.parametrize(
    ("day", "numbers", "open_since"),
    [
        (0, (1, 1, 0, 0, 0), {}),
        (3, (1, 1, 3, 0, 0), {}),  # the last day of the horizon
        (4, (1, 0, 3, 0, 0), {}),  # too late to count: closed, after three days
        (None, (1, 0, 0, 0, 0), {DAY_2000: 1}),
    ],
)
def test_follow_up_stops_at_the_horizon(
    implants: Journeys, day: int | None, numbers: tuple[int, ...], open_since: dict[int, int]
) -> None:
    implants.add("operation", "o", 0, side="left")
    if day is not None:
        implants.add("reoperation", "r", day, side="left", removed=["cup"])
    assert implants.vector("cups")[5:10] == numbers
    assert implants.buckets("revision_rate_at_once") == open_since


@pytest.mark.parametrize(("day", "events"), [(0, 1), (1, 0)])
def test_a_horizon_of_no_days_is_the_day_itself(implants: Journeys, day: int, events: int) -> None:
    implants.add("operation", "o", 0)
    implants.add("death", "d", day)
    assert implants.vector("cups")[10:] == (1, events, 0, 0, 0)


# Numbers


@pytest.mark.parametrize(
    ("load", "bucket"),
    [
        (0.0, 0),
        (0.05, 1),  # 0.05 / 0.1 is 0.5 as a double, and a half goes up
        (0.25, 3),  # 2.5
        (0.15, 1),  # 1.4999999999999998: doubles have no 0.15
        (-0.05, 0),  # -0.5 goes up to 0
        (-0.25, -2),  # -2.5
        (-0.26, -3),
    ],
)
def test_a_value_is_counted_in_multiples_of_the_resolution(care: Journeys, load: float, bucket: int) -> None:
    care.add("visit", "1", 0, load=load)
    assert care.buckets("load") == {bucket: 1}


def test_values_that_are_null_are_in_no_denominator(care: Journeys) -> None:
    care.add("visit", "1", 0)
    # all tests (n, hits), load n, ratio (n, total, squares), cells n, days to next n
    assert care.vector("visits") == ()
    care.add("visit", "1", 0, ratio=-1.0)  # -1 / 0.3 + ½ is -2.83
    assert care.vector("visits") == (0, 0, 0, 1, -3, 9, 0, 0)


def test_days_from_a_time_are_told_in_utc_also_before_1970(implants: Journeys) -> None:
    for moment, days in ((0, 0), (-1, -1), (-DAY_MS, -1), (-DAY_MS - 1, -2), (2 * DAY_MS - 1, 1)):
        implants.add("operation", "o", -DAY_2000, reported_at=moment)
        assert implants.buckets("days_to_report") == {days: 1}


# Texts


@pytest.mark.parametrize(
    ("age", "label"), [(None, ""), (0, "<1"), (1, "1-2"), (2, "1-2"), (3, "3+"), (99, "3+")]
)  # fmt: skip
def test_a_band_begins_with_its_lower_bound(implants: Journeys, age: int | None, label: str) -> None:
    implants.add("operation", "o", 0, age=age)
    assert implants.labels("operations") == {("", label, "", "")}


def test_bands_of_a_number_that_is_not_whole(care: Journeys) -> None:
    for ratio, label in ((-1.5, "<-1"), (-1.0, "-1--1"), (-0.5, "-1--1"), (0.5, "0-0"), (1.0, "1+")):
        care.add("visit", "1", 0, ratio=ratio)
        assert care.labels("visits") == {("", label, "", "")}


def test_truth_values_and_whole_numbers_are_told_apart_as_they_are(implants: Journeys) -> None:
    for cemented, asa, labels in ((True, 1, ("true", "1")), (False, -1, ("false", "-1")), (None, None, ("", ""))):
        implants.add("operation", "o", 0, cemented=cemented, asa=asa)
        assert implants.labels("operations") == {("", "", *labels)}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, ""),
        (70.0, "70"),
        (0.1, "0.1"),
        (-0.0, "-0"),
        (1 / 3, "0.3333333333333333"),
        (1e-7, "0.0000001"),
        (123_456_789.25, "123456789.25"),
        (2.5e22, "25000000000000000000000"),
    ],
)
def test_a_list_shows_numbers_without_exponent(care: Journeys, number: float | None, text: str) -> None:
    care.add("visit", "1", 0, load=50.0, extreme=number)
    assert care.on("to_call")["1"].shown[3] == text


def test_a_list_shows_every_type_as_text(care: Journeys) -> None:
    care.add("visit", "1", 0, load=50.5)
    nothing = ("1", "50.5", *[""] * 9, "2000-01-01")
    assert care.on("to_call") == {"1": ("U1", DAY_2000, nothing)}
    fields: dict[str, Any] = {
        "ratio": 0.10000000149011612,
        "cells": 2**53 + 1,
        "doses": -1,
        "treated": False,
        "drug": "å'\"\\",
    }
    fields |= {"next_on": DAY_2000 + 59, "seen_at": DAY_2000 * DAY_MS - 1}
    care.add("visit", "1", 1, load=50.5, extreme=1.5, **fields)
    assert care.on("to_call")["1"].shown == (
        "1", "50.5", "0.10000000149011612", "1.5", "9007199254740993", "-1", "false", "å'\"\\", "2000-02-29",
        "946684799999", "60", "2000-01-02",
    )  # fmt: skip


def test_the_unit_is_empty_where_the_form_has_none_or_it_is_not_said(care: Journeys, implants: Journeys) -> None:
    care.add("sample", "1", 0, load=50.0)
    assert {cell[1] for cell in care.shown.cells if cell[0] == "samples"} == {""}
    assert care.on("last_of_quarter") == {"1": ("", DAY_2000, ("50", ""))}
    implants.add("operation", "o", 0, unit=None, cup="A")
    assert {cell[1] for cell in implants.shown.cells} == {""}
    assert implants.exposed("cup")["o"].unit == ""


def test_facts_about_a_person_are_the_latest_over_the_whole_journey(care: Journeys) -> None:
    care.add("visit", "1", 0, load=1.0)
    care.add("person", "a", 2, sex="female", birth_year=1949)
    care.add("person", "b", 1, sex="male", birth_year=1960)
    assert care.labels("visits") == {("", "", "female", "<1950")}
    care.add("person", "b", 2, sex="male", birth_year=1960)
    assert care.labels("visits") == {("", "", "male", "1960+")}
    care.add("person", "c", 3)  # the latest says nothing, and the one before it does not speak for it
    assert care.labels("visits") == {("", "", "", "")}


def test_an_age_is_the_registrations_year_less_the_year_of_birth(care: Journeys) -> None:
    # in 1999 whoever was born in 1959 turned 40, and 41 in 2000: on whatever day of the year
    care.add("person", "a", 300, birth_year=1959)
    assert care.labels("persons") == {("40-49",)}  # 2000-10-27: 41
    # 1999-12-31, 2000-01-01, 2000-12-31, 2001-01-01
    for day, age in ((-1, "40"), (0, "41"), (365, "41"), (366, "42")):
        care.add("visit", "1", day, load=1.0)
        assert care.labels("yearly") == {("", "", age)}


def test_ages_reach_a_band_at_new_year_and_follow_the_latest_year_of_birth(care: Journeys) -> None:
    care.add("sample", "1", -1, drug="a")
    care.add("sample", "2", 0, drug="a")
    assert {key: state.by for key, state in care.exposed("sampled").items()} == {"1": ("",), "2": ("",)}
    care.add("person", "a", 5, birth_year=1960)
    assert {key: state.by for key, state in care.exposed("sampled").items()} == {"1": ("<40",), "2": ("40-49",)}
    assert care.labels("persons") == {("40-49",)}
    care.add("person", "b", 6, birth_year=2001)  # a slip: not born yet
    assert {key: state.by for key, state in care.exposed("sampled").items()} == {"1": ("<40",), "2": ("<40",)}
    care.add("visit", "1", 0, load=1.0)
    assert care.labels("yearly") == {("", "", "-1")}
    care.add("person", "c", 7)  # the latest does not say
    assert care.labels("yearly") == {("", "", "")}


def test_cells_stand_at_the_first_day_of_their_period(care: Journeys) -> None:
    # 1999-12-31 and 2000-02-29: the month, the quarter, the year
    for registration_id, day in (("1", -1), ("2", 59)):
        care.add("visit", registration_id, day, load=1.0)
        care.add("sample", registration_id, day)
    starts = {cohort: {cell[2] - DAY_2000 for cell in care.shown.cells if cell[0] == cohort} for cohort in
              ("visits", "samples", "yearly")}  # fmt: skip
    assert starts == {"visits": {-31, 31}, "samples": {-92, 0}, "yearly": {-365, 0}}


# Exposures


def test_an_exposure_ends_on_the_first_of_its_ends_and_of_two_the_one_declared_first(implants: Journeys) -> None:
    implants.add("operation", "o", 0, cup="A", cup_lot="L", side="left", sex="female", age=1)
    opened = Exposed("A", "L", "U1", "left", ("female", "<2"), DAY_2000, None, "", 0, None, recorded=DAY_2000)
    assert implants.exposed("cup") == {"o": opened}
    implants.add("death", "d", 10)
    died: dict[str, Any] = {"end": DAY_2000 + 10, "end_reason": "death", "end_recorded": DAY_2000 + 10}
    assert implants.exposed("cup") == {"o": opened._replace(**died)}
    implants.add("reoperation", "r", 11, side="left", removed=["cup"])  # after the last day: neither end nor outcome
    assert implants.exposed("cup") == {"o": opened._replace(**died, carried_until=DAY_2000 + 11)}
    implants.add("reoperation", "r", 10, side="left", removed=["cup"])
    revised = opened._replace(
        end=DAY_2000 + 10, end_reason="revision", outcomes=1, first_outcome=DAY_2000 + 10,
        specific=1, first_specific=DAY_2000 + 10, carried_until=DAY_2000 + 10, end_recorded=DAY_2000 + 10,
    )  # fmt: skip
    assert implants.exposed("cup") == {"o": revised}
    implants.add("reoperation", "s", 3, side="left", removed=["stem"])
    assert implants.exposed("cup") == {"o": revised._replace(outcomes=2, first_outcome=DAY_2000 + 3)}
    implants.retract("death", "d")
    implants.retract("reoperation", "r")
    assert implants.exposed("cup") == {"o": opened._replace(outcomes=1, first_outcome=DAY_2000 + 3)}


def test_a_date_of_the_registration_ends_it_so_many_days_later_as_declared(implants: Journeys) -> None:
    implants.add("operation", "o", 0, cup="A", side="left", followed_until=DAY_2000 + 4)
    told = implants.exposed("cup")["o"]
    assert (told.end, told.end_reason, told.carried_until) == (DAY_2000 + 4, "lost", DAY_2000 + 7)
    implants.add(
        "operation", "o", 0, cup="A", side="left", followed_until=DAY_2000 - 1
    )  # before it began, and so never
    told = implants.exposed("cup")["o"]
    assert (told.end, told.carried_until) == (None, None)


def test_what_happens_after_the_horizon_is_no_outcome_and_the_product_is_carried_on(implants: Journeys) -> None:
    implants.add("operation", "o", 0, cup="A", side="left", followed_until=DAY_2000 + 4)
    ended = {"end": DAY_2000 + 4, "end_reason": "lost"}

    def told() -> tuple[dict[str, Any], int, int | None, int | None]:
        one = implants.exposed("cup")["o"]
        return {"end": one.end, "end_reason": one.end_reason}, one.outcomes, one.first_outcome, one.carried_until

    implants.add("reoperation", "r", 5, side="left", removed=["cup"])
    assert told() == (ended, 0, None, DAY_2000 + 5)
    implants.add("reoperation", "s", 4, side="left", removed=[])  # the last day is followed still
    assert told() == (ended, 1, DAY_2000 + 4, DAY_2000 + 5)
    implants.add("operation", "o", 0, cup="A", side="left", followed_until=DAY_2000 + 5)  # the horizon is put off
    assert told() == ({"end": DAY_2000 + 5, "end_reason": "revision"}, 2, DAY_2000 + 4, DAY_2000 + 5)


def test_an_outcome_is_the_products_own_or_not_or_nobody_knows(implants: Journeys) -> None:
    implants.add("operation", "o", 0, cup="A", stem="S", side="left", sex="female", age=1)
    implants.add("reoperation", "nothing", 3, side="left", removed=[])
    implants.add("reoperation", "stem", 5, side="left", removed=["stem"])
    implants.add("reoperation", "cup", 7, side="left", removed=["cup", "stem"])
    cup = implants.exposed("cup")["o"]
    assert (cup.outcomes, cup.first_outcome, cup.specific, cup.first_specific, cup.unknown) == (
        3, DAY_2000 + 3, 1, DAY_2000 + 7, 1,
    )  # fmt: skip
    construct = implants.exposed("construct")["o"]  # the first exchange ends it, whatever was taken out
    began = Exposed("A + S", "", "U1", "left", (), DAY_2000, None, "", 0, None, recorded=DAY_2000)
    assert construct == began._replace(
        end=DAY_2000 + 5, end_reason="revision", outcomes=2, first_outcome=DAY_2000 + 3,
        specific=1, first_specific=DAY_2000 + 5, carried_until=DAY_2000 + 5, end_recorded=DAY_2000 + 5,
    )  # fmt: skip
    implants.retract("reoperation", "cup")
    cup = implants.exposed("cup")["o"]
    assert (cup.outcomes, cup.specific, cup.first_specific, cup.unknown) == (2, 0, None, 1)
    implants.add("operation", "o", 0, cup="A", side="left", sex="female", age=1)
    assert implants.exposed("construct") == {}  # half a construct is none


def test_an_exposure_tells_when_it_and_its_end_were_recorded(implants: Journeys) -> None:
    def recorded() -> tuple[int | None, int | None]:
        cup = implants.exposed("cup")["o"]
        began, ended = (None if day is None else day - DAY_2000 for day in (cup.recorded, cup.end_recorded))
        return began, ended

    def late(days: int) -> dict[str, Any]:  # in the last millisecond of a day, counted from 2000-01-01
        return {"recorded_at": (DAY_2000 + days + 1) * DAY_MS - 1}

    implants.add("operation", "o", 0, cup="A", side="left", **late(4))
    assert recorded() == (4, None)
    implants.add("reoperation", "head", 3, side="left", removed=["head"], **late(5))  # an outcome, and no end
    assert recorded() == (4, None)
    implants.add("death", "d", 9, **late(30))
    assert recorded() == (4, 30)
    implants.add("reoperation", "later", 9, side="left", removed=["cup"], **late(20))  # of two ends the first declared
    assert recorded() == (4, 20)
    implants.add("reoperation", "sooner", 9, side="left", removed=["cup"], **late(11))
    assert recorded() == (4, 11)
    implants.add("reoperation", "latest", 8, side="left", removed=["cup"], **late(40))  # recorded last, came first
    assert recorded() == (4, 40)
    # an end that the operation tells itself is known as long as the operation is; before 1970 days count down
    implants.add("operation", "o", 0, cup="A", side="left", followed_until=DAY_2000 + 1, recorded_at=-1)
    assert recorded() == (-1 - DAY_2000, -1 - DAY_2000)


def test_that_an_exposure_is_no_more_because_its_person_opted_out_is_no_correction_and_it_may_come_back() -> None:
    worker = Worker("implants")
    worker.step(batches_of("implants", [submission("implants", 0, "operation", "p", "o", DAY_2000, cup="A")]))
    opted_out = [submission("implants", 1, "opt_out", "p", "out", DAY_2000 + 1)]
    step = worker.step(batches_of("implants", opted_out))
    assert [change["opted_out"] for change in _changes(step, "cup")] == [True]
    lifted = [submission("implants", 4, "opt_out", "p", "out", DAY_2000 + 1, retracted=True)]
    assert _changes(worker.step(batches_of("implants", lifted)), "cup") == []  # nothing comes back by itself
    again = [submission("implants", 5, "operation", "p", "o", DAY_2000, cup="A", side="left")]
    (change,) = _changes(worker.step(batches_of("implants", again)), "cup")
    assert (change["before"], len(change["after"]), change["opted_out"]) == ([], 1, True)
    later = [submission("implants", 6, "operation", "p", "o", DAY_2000, cup="A", side="left", retracted=True)]
    (change,) = _changes(worker.step(batches_of("implants", later)), "cup")
    assert (change["after"], change["opted_out"]) == ([], False)  # it is retracted, as anybody's may be
    worker = Worker("implants")
    worker.step(batches_of("implants", [submission("implants", 2, "operation", "q", "o", DAY_2000, cup="A")]))
    retracted = [submission("implants", 3, "operation", "q", "o", DAY_2000, cup="A", retracted=True)]
    assert [change["opted_out"] for change in _changes(worker.step(batches_of("implants", retracted)), "cup")] == [
        False
    ]


def _changes(step: Step, group: str) -> list[dict[str, Any]]:
    batches = [decode_event("exposure_batch", one.value) for one in step.outputs if one.topic == exposures("implants")]
    return [change for batch in batches if batch["group"] == group for change in batch["changes"]]


def test_of_a_person_exposed_once_only_the_latest_counts(implants: Journeys) -> None:
    implants.add("reoperation", "1", 0, side="left", new_cup="A")
    implants.add("reoperation", "2", 1, side="left", removed=["cup"])
    # the last one, which puts nothing in, is the one looked at
    assert implants.exposed("revision_cup") == {}
    implants.add("reoperation", "1", 1, side="left", new_cup="A")  # the same day, recorded at the same time: by id
    assert implants.exposed("revision_cup") == {}
    later = (DAY_2000 + 1) * DAY_MS + 1
    implants.add("reoperation", "1", 1, side="left", new_cup="A", recorded_at=later)  # the same day, recorded later
    assert implants.exposed("revision_cup") == {
        "1": Exposed("A", "", "U1", "left", (), DAY_2000 + 1, None, "", 0, None, recorded=DAY_2000 + 1)
    }


# Batches


def test_what_cannot_be_read_is_told_and_the_rest_is_taken() -> None:
    good = [submission("implants", version, "operation", "p", str(version), DAY_2000, cup="A") for version in range(3)]
    broken = accepted("implants", good[2])
    batches = [*batches_of("implants", good[:1]), batch(0, [accepted("implants", good[1]), broken])]
    broken["payload"] = broken["payload"][:-1]
    worker = Worker("implants")
    step = worker.step(batches)
    assert step.registrations == 2
    assert [(one.batch, one.registration, one.error) for one in step.unreadable] == [
        (1, broken, "the payload ends too early")
    ]
    assert step.version == 2  # it is behind us, so that it is told of once
    assert set(worker.loader.shown().exposures) == {("cup", "p", "0"), ("cup", "p", "1")}
    assert worker.step(batches).unreadable == []


def test_a_schema_that_is_not_declared_here_stops_the_step() -> None:
    one = accepted("implants", submission("implants", 0, "operation", "p", "o", DAY_2000))
    with pytest.raises(UnknownSchemaError, match="schema id 7 ") as raised:
        core("implants").step([batch(0, [{**one, "schema_id": 7}])], -1, lambda keys: [None] * len(keys))
    assert raised.value.schema_id == 7


def test_a_registration_of_an_older_version_is_read_in_the_present_shape(tmp_path: Path) -> None:
    older = form(UNIT, optional("load", "int"))
    present = form(
        optional("drug", "string"), optional("load", "long", range=[0, 100]), UNIT
    )  # moved, widened, one more
    definitions = """
cohorts:
  visits:
    title: &title {sv: En titel, en: A title}
    form: visit
    by: {drug: {field: drug}}
    indicators:
      loads: {title: *title, kind: mean, value: load}
"""
    folder = written(
        tmp_path,
        "evolved",
        (present,),
        {"indicators.yaml": definitions},
        modules=[],
        released={"visit": [older, present]},
    )
    definition = load_registry(folder)
    fields = {
        "registration_id": "1", "patient": "p", "occurred_on": DAY_2000, "recorded_at": 0, "retracted": False,
        "unit": "U1", "load": 3,
    }  # fmt: skip
    old = Submission(0, "visit", "p", "1", False, fields)
    new = Submission(1, "visit", "p", "2", False, {**fields, "registration_id": "2", "drug": "a", "load": 4})
    schemas = [form_schema(definition.forms["visit"], avro) for avro in (older, present)]
    registrations = [accepted("evolved", one, schema) for one, schema in zip((old, new), schemas, strict=True)]
    loader = Loader(definition)
    loader.take(JourneyCore(definition).step([batch(0, registrations)], -1, lambda keys: [None] * len(keys)), -1)
    assert loader.shown().cells == {
        ("visits", "U1", DAY_2000, ("",), "", 0): (1, 3, 9),
        ("visits", "U1", DAY_2000, ("a",), "", 0): (1, 4, 16),
    }


def test_a_step_of_nothing_new_says_how_far_the_values_are(implants: Journeys) -> None:
    implants.add("operation", "o", 0)
    step = implants.worker.step([batch(0, [])])
    assert (step.version, step.registrations, step.writes) == (0, 0, {})
    assert [(output.topic, output.partition) for output in step.outputs] == [("cells.implants", PARTITION)]


def test_versions_go_on_in_the_next_epoch() -> None:
    worker = Worker("implants")
    old = submission("implants", version_of(0, 9), "operation", "p", "o", DAY_2000, sex="female")
    new = submission("implants", version_of(1, 0), "operation", "p", "o", DAY_2000, sex="male")
    assert worker.step(batches_of("implants", [old, new])).version == 1 << 48
    assert {cell[3][0] for cell in worker.loader.shown().cells if cell[0] == "operations"} == {"male"}
    assert worker.step(batches_of("implants", [old])).registrations == 0


def test_many_changes_at_once_leave_in_messages_that_fit() -> None:
    many = [
        submission("implants", version, "operation", f"p{version}", "o", DAY_2000 + version % 7, cup="A")
        for version in range(5_001)
    ]
    worker = Worker("implants")
    step = worker.step(batches_of("implants", many, [1_000] * 5))
    topics = [output.topic for output in step.outputs]
    assert topics.count("exposures.implants") == 2
    assert topics.count("lists.implants") == 2
    assert sum(numbers[0] for cell, numbers in worker.loader.shown().cells.items() if cell[0] == "operations") == 5_001
    assert len(worker.loader.shown().exposures) == 5_001


def test_long_texts_leave_in_messages_that_fit() -> None:
    long = "\N{MUSICAL SYMBOL G CLEF}" * 2_000  # the longest that intake takes: 8,000 bytes
    many = [
        submission("implants", version, "operation", f"p{version}", "o", DAY_2000, cup=long, cup_lot=long)
        for version in range(300)
    ]
    worker = Worker("implants")
    step = worker.step(batches_of("implants", many))
    sizes = [len(output.value) for output in step.outputs if output.topic == "exposures.implants"]
    assert sum(sizes) > 300 * 16_000 > 4 << 20
    assert max(sizes) < 4 << 20
    assert len(worker.loader.shown().exposures) == 300


def _by_label(journeys: Journeys, cohort: str) -> dict[tuple[str, ...], tuple[int, ...]]:
    return {cell[3]: numbers for cell, numbers in journeys.shown.cells.items() if cell[0] == cohort and cell[4] == ""}


def _said(one: Submission) -> dict[str, Any]:
    """What a registration says of itself, but for its day and who it is."""
    return {name: one.fields[name] for name in one.fields.keys() - {"registration_id", "patient", "occurred_on"}}
