"""Cells, exposures and list entries computed anew; every number here is worked out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from schemas.definition.indicators import UNRESOLVED
from sinks.clickhouse.recompute.cells import cells_query
from tests.recompute_support import DAY_0, DAY_MS, TITLE, World, cohort, declaring, share_of

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

FEB_1 = 31  # 2020-02-01, counted from 2020-01-01
FEB_29 = 59
JUL_1 = 182
YEAR = 366
GOAL = {"viral_load": {"lt": 50}}


def test_cells_are_by_unit_and_period(world: World) -> None:
    world.add("visit", 1, 0, unit="U1", viral_load=10.0)
    world.add("visit", 2, 30, unit="U1", viral_load=90.0)
    world.add("visit", 3, FEB_1, unit="U1", viral_load=10.0)
    world.add("visit", 4, 0, unit="U2", viral_load=None)
    world.load()
    by_month = declaring(world.definition, cohorts={"visits": share_of("visit", GOAL)})
    assert world.cells(by_month, "visits") == {
        ("U1", "2020-01-01", "", 0): [2, 1],
        ("U1", "2020-02-01", "", 0): [1, 1],
        ("U2", "2020-01-01", "", 0): [1, 0],
    }


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("month", {"1960-01-01", "1969-12-01", "2020-02-01", "2020-07-01", "2199-12-01"}),
        ("quarter", {"1960-01-01", "1969-10-01", "2020-01-01", "2020-07-01", "2199-10-01"}),
        ("year", {"1960-01-01", "1969-01-01", "2020-01-01", "2199-01-01"}),
    ],
)
def test_a_period_is_its_first_day_also_before_1970_and_late(world: World, period: str, expected: set[str]) -> None:
    # 1960-01-01, 1969-12-31, 2020-02-29, 2020-07-01, 2199-12-31
    for day in (-3_653 - DAY_0, -1 - DAY_0, FEB_29, JUL_1, 84_005 - DAY_0):
        world.add("visit", 1, day)
    world.load()
    declared = declaring(world.definition, cohorts={"visits": cohort("visit", {"n": {"kind": "count"}}, period=period)})
    assert {cell[1] for cell in world.cells(declared, "visits")} == expected


def test_where_narrows_the_anchors_and_an_indicators_where_its_denominator(world: World) -> None:
    world.add("visit", 1, 0, viral_load=10.0, treated=True)
    world.add("visit", 1, 1, viral_load=90.0, treated=False)
    world.add("visit", 1, 2, viral_load=None, treated=True)
    world.load()
    declared = declaring(
        world.definition,
        cohorts={
            "known": cohort(
                "visit",
                {
                    "n": {"kind": "count"},
                    "treated_at_goal": {"kind": "proportion", "where": {"treated": True}, "numerator": GOAL},
                },
                where={"viral_load": {"known": True}},
            ),
            "deep": share_of("visit", {}, where=None)
            | {"indicators": {"deep_n": {"kind": "count", "title": TITLE, "where": {"kind": "deep"}}}},
        },
    )
    assert world.cells(declared, "known") == {("U1", "2020-01-01", "", 0): [2, 1, 1]}
    assert world.cells(declared, "deep") == {}


def test_once_per_period_counts_the_latest_of_each_person(world: World) -> None:
    world.add("visit", 1, 0, viral_load=10.0)
    world.add("visit", 1, 30, viral_load=90.0)  # the latest in January, not at goal
    world.add("visit", 1, 30, viral_load=None)  # later still, but where does not hold
    world.add("visit", 1, FEB_1, viral_load=10.0)
    world.add("visit", 2, 5, viral_load=90.0)
    world.add("visit", 2, 5, viral_load=10.0, recorded_at=(DAY_0 + 5) * DAY_MS + 1)  # of the same day, recorded later
    world.load()
    known = {"viral_load": {"known": True}}
    declared = declaring(
        world.definition,
        cohorts={"monthly": share_of("visit", GOAL, where=known, once_per="month")},
        lists={"once": {"title": TITLE, "form": "visit", "where": known, "once_per": "person", "when": GOAL}},
    )
    assert world.cells(declared, "monthly") == {
        ("U1", "2020-01-01", "", 0): [2, 1],
        ("U1", "2020-02-01", "", 0): [1, 1],
    }
    assert [day for _, day, _ in world.listed(declared, "once", "visit").values()] == [FEB_1, 5]


def test_breakdowns_are_texts_bands_and_what_is_known_of_the_person(world: World) -> None:
    world.add("person", 1, 0, sex="female", birth_year=1949)
    world.add("person", 1, 9, sex="female", birth_year=1950)  # the latest counts
    world.add("person", 2, 9, sex="male", birth_year=1950)
    world.add("person", 2, 10, sex=None, birth_year=None)
    world.add("operation", 1, 0, age=54, private=True)
    world.add("operation", 2, 0, age=55, private=False)
    world.add("operation", 2, 0, age=64, private=None)
    world.add("operation", 3, 0, age=65)
    world.add("operation", 3, 0, age=None)
    world.load()
    by = {
        "sex": {"person": "sex"},
        "born": {"person": "birth_year", "bands": [1950]},
        "age_group": {"field": "age", "bands": [55, 65]},
        "private": {"field": "private"},
        "age": {"field": "age"},
    }
    declared = declaring(world.definition, cohorts={"all": cohort("operation", {"n": {"kind": "count"}}, by=by)})
    assert world.cells(declared, "all") == {
        ("U1", "2020-01-01", "female", "1950+", "<55", "true", "54", "", 0): [1],
        ("U1", "2020-01-01", "", "", "55-64", "false", "55", "", 0): [1],
        ("U1", "2020-01-01", "", "", "55-64", "", "64", "", 0): [1],
        ("U1", "2020-01-01", "", "", "65+", "", "65", "", 0): [1],
        ("U1", "2020-01-01", "", "", "", "", "", "", 0): [1],
    }


def test_an_age_is_the_registrations_year_less_the_year_of_birth(world: World) -> None:
    world.add("person", 1, 800, birth_year=1949)
    world.add("person", 1, 900, "own", birth_year=1956)  # 2022-06-19; the latest counts
    world.add("person", 2, 0, birth_year=1900)
    world.add("person", 2, 5, birth_year=None)
    world.add("operation", 1, -1)  # 2019-12-31: 63
    world.add("operation", 1, 0)  # 2020-01-01: 64
    world.add("operation", 1, YEAR - 1)  # 2020-12-31: 64
    world.add("operation", 1, YEAR)  # 2021-01-01: 65
    world.add("operation", 2, 0)
    world.add("operation", 3, 0)  # of whom nothing is known
    world.load()
    by = {
        "born": {"person": "birth_year"},
        "age": {"person": "birth_year", "age": True},
        "age_group": {"person": "birth_year", "age": True, "bands": [64, 65]},
    }
    own = {"age": {"field": "birth_year", "age": True}, "old": {"field": "birth_year", "age": True, "bands": [66]}}
    counted = {"kind": "count"}
    declared = declaring(
        world.definition,
        cohorts={
            "all": cohort("operation", {"n": counted}, by=by, period="year"),
            "persons": cohort("person", {"persons": counted}, by=own, period="year"),
        },
    )
    assert world.cells(declared, "all") == {
        ("U1", "2019-01-01", "1956", "63", "<64", "", 0): [1],
        ("U1", "2020-01-01", "1956", "64", "64-64", "", 0): [2],
        ("U1", "2021-01-01", "1956", "65", "65+", "", 0): [1],
        ("U1", "2020-01-01", "", "", "", "", 0): [2],
    }
    assert world.cells(declared, "persons") == {
        ("", "2022-01-01", "73", "66+", "", 0): [1],  # day 800: 2022-03-11
        ("", "2022-01-01", "66", "66+", "", 0): [1],
        ("", "2020-01-01", "120", "66+", "", 0): [1],
        ("", "2020-01-01", "", "", "", 0): [1],
    }


def test_bands_of_a_number_with_decimals(world: World) -> None:
    for weight in (49.99, 50.0, 99.99, 100.0):
        world.add("operation", 1, 0, weight=weight)
    world.load()
    by = {"weight": {"field": "weight", "bands": [50, 100]}}
    declared = declaring(world.definition, cohorts={"all": cohort("operation", {"n": {"kind": "count"}}, by=by)})
    counts = {cell[2]: numbers for cell, numbers in world.cells(declared, "all").items()}
    assert counts == {"<50": [1], "50-99": [2], "100+": [1]}


def test_a_mean_is_of_multiples_rounded_half_up(world: World) -> None:
    # by 0.5: 1.2 is 2.4 -> 2, 1.25 is 2.5 -> 3, -1.25 is -2.5 -> -2, null is not counted
    for weight in (1.2, 1.25, -1.25, None):
        world.add("operation", 1, 0, weight=weight)
    world.load()
    mean = {"kind": "mean", "value": "weight", "resolution": 0.5}
    declared = declaring(world.definition, cohorts={"all": cohort("operation", {"mean": mean, "n": {"kind": "count"}})})
    assert world.cells(declared, "all") == {("U1", "2020-01-01", "", 0): [3, 3, 17, 4]}  # 2+3-2, 4+9+4


def test_a_median_counts_by_value_in_cells_of_its_own(world: World) -> None:
    for day, reported in ((0, 2), (0, 2), (0, 31), (40, 40)):
        world.add("operation", 1, day, reported_at=(DAY_0 + reported) * DAY_MS)
    world.add("operation", 1, 0, reported_at=None)
    world.load()
    declared = declaring(
        world.definition, cohorts={"all": cohort("operation", {"lag": {"kind": "median", "value": "days_to_report"}})}
    )
    assert world.cells(declared, "all") == {
        ("U1", "2020-01-01", "", 0): [3],
        ("U1", "2020-01-01", "lag", 2): [2],
        ("U1", "2020-01-01", "lag", 31): [1],
        ("U1", "2020-02-01", "", 0): [1],
        ("U1", "2020-02-01", "lag", 0): [1],
    }


def rate(world: World, **more: Any) -> RegistryDefinition:
    """Reoperations per person-time, ended by death, then by the last day of follow-up."""
    declared = {
        "kind": "rate",
        "event": {"form": "reoperation", "same": ["side"]},
        "ends": [{"form": "death"}, {"field": "followed_until"}],
        **more,
    }
    return declaring(world.definition, cohorts={"all": cohort("operation", {"rate": declared})})


def test_person_time_ends_at_the_first_event_or_end(world: World) -> None:
    left = {"side": "left"}
    world.add("operation", 1, 0, **left)
    world.add("reoperation", 1, 10, **left)
    world.add("reoperation", 1, 20, **left)
    world.add("operation", 2, 0, **left)
    world.add("reoperation", 2, 10, **left)
    world.add("death", 2, 9)
    world.add("operation", 3, 0, **left, followed_until=DAY_0 + 30)
    world.add("reoperation", 3, 31, **left)
    world.add("operation", 4, 7, **left)  # nothing ends it
    world.add("reoperation", 4, 9, side="right")
    world.add("operation", 5, 8, **left, followed_until=DAY_0 + 7)  # a day before the first ends nothing
    world.add("operation", 6, 8, **left, followed_until=DAY_0 + 8)  # the first day itself ends it
    world.load()
    declared = rate(world)
    # n; the event of 1; 10 + 9 + 30 + 0 days; 4 and 5 are open, since days 7 and 8
    assert world.cells(declared, "all") == {("U1", "2020-01-01", "", 0): [6, 1, 49, 2, 2 * DAY_0 + 7 + 8]}


def test_an_event_on_the_day_of_another_end_counts_and_on_the_first_day_too(world: World) -> None:
    world.add("operation", 1, 0, side="left")
    world.add("reoperation", 1, 10, side="left")
    world.add("death", 1, 10)
    world.add("operation", 2, 0, side="left", followed_until=DAY_0)
    world.add("reoperation", 2, 0, side="left")
    world.load()
    assert world.cells(rate(world), "all") == {("U1", "2020-01-01", "", 0): [2, 2, 10, 0, 0]}


def test_with_a_horizon_follow_up_stops_there_and_what_is_open_stands_by_start_day(world: World) -> None:
    for person, event in {1: 30, 2: 31}.items():
        world.add("operation", person, 0, side="left")
        world.add("reoperation", person, event, side="left")
    world.add("operation", 3, 0, side="left")
    world.add("death", 3, 40)
    world.add("operation", 4, 7, side="left")
    world.add("operation", 5, 7, side="left")
    world.load()
    declared = rate(world, horizon_days=30)
    # the event at 30 counts, that at 31 does not; 30 + 30 + 30 days
    assert world.cells(declared, "all") == {
        ("U1", "2020-01-01", "", 0): [5, 1, 90, 0, 0],
        ("U1", "2020-01-01", "rate", DAY_0 + 7): [2],
    }


def test_an_event_may_have_to_be_attributed_and_the_denominator_to_be_of_one_kind(world: World) -> None:
    world.add("operation", 1, 0, "early", side="left", age=50)
    world.add("operation", 1, 5, "late", side="left", age=80)
    world.add("reoperation", 1, 9, side="left", operation_id="early")
    world.load()
    event = {"form": "reoperation", "attributed": True}
    assert world.total(rate(world, event=event, ends=[]), "all") == [2, 1, 9, 1, DAY_0 + 5]
    old = rate(world, event=event, ends=[], where={"age": {"gte": 80}})
    assert world.total(old, "all") == [1, 0, 0, 1, DAY_0 + 5]


def test_cells_are_kept_by_partition(client: Client, small: RegistryDefinition) -> None:
    world = World(client, small, partition=3)
    world.add("visit", 1, 0)
    world.load()
    declared = declaring(small, cohorts={"all": cohort("visit", {"n": {"kind": "count"}})})
    assert [row[6] for row in client.rows(cells_query(declared, "all"))] == [3]


CUP = {
    "title": TITLE,
    "form": "operation",
    "product": "cup",
    "lot": "lot",
    "by": {"age_group": {"field": "age", "bands": [65]}, "sex": {"person": "sex"}},
    "ends": [
        {"form": "reoperation", "attributed": True, "where": {"removed": {"contains": "cup"}}, "reason": "revision"},
        {"form": "death", "reason": "death"},
        {"field": "followed_until", "reason": "left"},
    ],
    "outcomes": {"form": "reoperation", "attributed": True},
}


def test_an_exposure_lasts_from_its_anchor_to_the_first_end(world: World) -> None:
    cup = {"cup": "C1", "side": "left", "unit": "U2"}
    world.add("person", 1, 0, sex="female")
    world.add("operation", 1, 3, "revised", **cup, lot="L", age=65)
    world.add("reoperation", 1, 5, side="left")
    world.add("reoperation", 1, 9, side="left", removed=["cup"])
    world.add("reoperation", 1, 9, side="left")
    world.add("reoperation", 1, 10, side="left")  # after the exposure
    world.add("operation", 2, 0, "open", **cup)
    world.add("reoperation", 2, 400, side="left")
    world.add("operation", 3, 0, "no outcome", **cup, followed_until=DAY_0 + 1)
    world.add("operation", 4, 0, "no cup", cup=None, side="left")
    world.load()
    declared = declaring(world.definition, exposures={"cup": CUP})
    assert world.exposures(declared, "cup") == {
        "revised": ("C1", "L", "U2", "left", ["65+", "female"], 3, 9, "revision", 3, 5),
        "open": ("C1", "", "U2", "left", ["", ""], 0, None, "", 1, 400),
        "no outcome": ("C1", "", "U2", "left", ["", ""], 0, 1, "left", 0, None),
    }


def test_of_two_ends_on_one_day_the_one_declared_first_is_the_reason(world: World) -> None:
    world.add("operation", 1, 0, "both", cup="C1", side="left", followed_until=DAY_0 + 9)
    world.add("reoperation", 1, 9, side="left", removed=["cup"])
    world.add("death", 1, 9)
    world.load()
    ends = list(reversed(CUP["ends"]))  # type: ignore[call-overload]
    declared = declaring(
        world.definition, exposures={"cup": CUP, "turned": {**CUP, "ends": ends}, "endless": {**CUP, "ends": []}}
    )
    assert world.exposures(declared, "cup")["both"][6:8] == (9, "revision")
    assert world.exposures(declared, "turned")["both"][6:8] == (9, "left")
    assert world.exposures(declared, "endless")["both"][6:8] == (None, "")


def test_an_exposure_may_end_by_a_later_registration_of_its_own_form(world: World) -> None:
    world.add("operation", 1, 0, "first", cup="C1", side="left")
    world.add("operation", 1, 0, "second", cup="C2", side="left")
    world.add("operation", 1, 8, "third", cup=None, side="left")
    world.load()
    exchanged = {
        **CUP,
        "by": {},
        "ends": [{"form": "operation", "same": ["side"], "where": {"cup": {"known": True}}, "reason": "exchange"}],
        "outcomes": {"form": "operation", "same": ["side"]},
    }
    declared = declaring(world.definition, exposures={"cup": exchanged})
    assert world.exposures(declared, "cup") == {
        "first": ("C1", "", "U1", "left", [], 0, 0, "exchange", 1, 0),
        "second": ("C2", "", "U1", "left", [], 0, None, "", 1, 8),
    }


def test_a_list_has_the_fields_that_it_shows_as_texts(world: World) -> None:
    world.add(
        "operation", 1, 4, "full", unit="U2", side="left", age=-5, weight=71.0, height=0.1, private=False,
        followed_until=-1, counted=2**60, reported_at=DAY_0 * DAY_MS + 1_500, cup="it's",
    )  # fmt: skip
    world.add("operation", 1, 5, "empty")
    world.load()
    show = [
        "side", "age", "weight", "height", "private", "followed_until", "counted", "cup", "days_to_report",
        "occurred_on",
    ]  # fmt: skip
    declared = declaring(
        world.definition,
        lists={"all": {"title": TITLE, "form": "operation", "when": {"occurred_on": {"known": True}}, "show": show}},
    )
    shown = ["left", "-5", "71", "0.10000000149011612", "false", "1969-12-31", str(2**60), "it's", "-4", "2020-01-05"]
    assert world.listed(declared, "all", "operation") == {
        "full": ("U2", 4, shown),
        "empty": ("U1", 5, ["", "", "", "", "", "", "", "", "", "2020-01-06"]),
    }


def test_an_outcome_that_fits_nothing_is_unresolved(world: World) -> None:
    world.add("operation", 1, 5, "known", side="left")
    world.add("reoperation", 1, 9, "fits", side="left", operation_id="known")
    world.add("reoperation", 1, 4, "too early", side="left", operation_id="known")
    world.add("reoperation", 1, 9, "not known", unit="U2", side="left", operation_id="unknown")
    world.add("reoperation", 2, 9, "no operation", side="left")
    world.add("performed", 1, 9, "no plan", area="fall")
    world.load()
    declared = declaring(world.definition)
    assert world.listed(declared, UNRESOLVED, "reoperation") == {
        "too early": ("U1", 4, []),
        "not known": ("U2", 9, []),
        "no operation": ("U1", 9, []),
    }
    assert world.listed(declared, UNRESOLVED, "performed") == {"no plan": ("", 9, [])}
    world.add("operation", 1, 9, "unknown", side="left")
    world.load()
    assert set(world.listed(declared, UNRESOLVED, "reoperation")) == {"too early", "no operation"}
