"""Conditions as SQL, one construct after the other; what holds for which registration is worked out by hand."""

from __future__ import annotations

import pytest

from tests.recompute_support import ATTRIBUTIONS, DAY_0, DAY_MS, ODD, RULES, World

pytestmark = pytest.mark.embedded


@pytest.mark.parametrize("field", ["kind", "note"])  # a code, which ClickHouse keeps in a dictionary, and any text
def test_a_text_is_equal_or_one_of_or_begins_and_null_is_none_of_it(world: World, field: str) -> None:
    world.add("visit", 1, 0, "plain", **{field: "plain"})
    world.add("visit", 1, 0, "deep", **{field: "deep"})
    world.add("visit", 1, 0, "null", **{field: None})
    world.load()
    assert world.holding("visit", {field: "plain"}) == {"plain"}
    assert world.holding("visit", {field: {"eq": "deep"}}) == {"deep"}
    assert world.holding("visit", {field: ["plain", "third"]}) == {"plain"}
    assert world.holding("visit", {field: {"starts_with": "d"}}) == {"deep"}
    assert world.holding("visit", {field: {"starts_with": ""}}) == {"plain", "deep"}
    assert world.holding("visit", {field: {"known": True}}) == {"plain", "deep"}
    assert world.holding("visit", {field: {"known": False}}) == {"null"}
    assert world.holding("visit", {"not": {field: "plain"}}) == {"deep", "null"}


def test_values_are_quoted_whatever_stands_in_them(world: World) -> None:
    world.add("visit", 1, 0, "odd", kind=ODD, note="\0 % \n åäö")
    world.add("visit", 1, 0, "plain", kind="plain", note="plain")
    world.load()
    assert world.holding("visit", {"kind": ODD}) == {"odd"}
    assert world.holding("visit", {"kind": {"starts_with": "it's \\"}}) == {"odd"}
    assert world.holding("visit", {"note": "\0 % \n åäö"}) == {"odd"}
    assert world.holding("visit", {"note": ["') OR true --", "%s", "{x:String}"]}) == set()


def test_numbers_are_compared_as_numbers(world: World) -> None:
    for name, load in {"low": 49.999, "goal": 50.0, "high": 50.001, "null": None}.items():
        world.add("visit", 1, 0, name, viral_load=load)
    world.load()
    assert world.holding("visit", {"viral_load": {"lt": 50}}) == {"low"}
    assert world.holding("visit", {"viral_load": {"lte": 50}}) == {"low", "goal"}
    assert world.holding("visit", {"viral_load": {"gt": 50}}) == {"high"}
    assert world.holding("visit", {"viral_load": {"gte": 50, "lt": 50.001}}) == {"goal"}
    assert world.holding("visit", {"viral_load": 50}) == {"goal"}
    assert world.holding("visit", {"viral_load": [49.999, 50.001]}) == {"low", "high"}


def test_doubles_floats_and_whole_numbers_are_exact_to_the_last_bit(world: World) -> None:
    # 0.1 + 0.2 is 0.30000000000000004 as a double; 0.1 as a float is 0.10000000149011612; 2**53 + 1 is no double
    world.add("operation", 1, 0, "a", weight=0.1 + 0.2, height=0.1, counted=2**53 + 1, age=5)
    world.load()
    assert world.holding("operation", {"weight": 0.3}) == set()
    assert world.holding("operation", {"weight": 0.30000000000000004}) == {"a"}
    assert world.holding("operation", {"height": 0.1}) == set()
    assert world.holding("operation", {"height": 0.10000000149011612}) == {"a"}
    assert world.holding("operation", {"height": {"gt": 0.1}}) == {"a"}
    assert world.holding("operation", {"counted": 2**53}) == set()
    assert world.holding("operation", {"counted": {"gt": float(2**53)}}) == {"a"}
    assert world.holding("operation", {"age": [5.5]}) == set()
    assert world.holding("operation", {"age": [5.0]}) == {"a"}
    assert world.holding("operation", {"age": 10**30}) == set()


def test_truth_values_and_lists(world: World) -> None:
    world.add("visit", 1, 0, "yes", treated=True)
    world.add("visit", 1, 0, "no", treated=False)
    world.add("visit", 1, 0, "null", treated=None)
    world.add("reoperation", 1, 0, "cup", removed=["stem", "cup"], scores=[1, 2])
    world.add("reoperation", 1, 0, "none")
    world.load()
    assert world.holding("visit", {"treated": True}) == {"yes"}
    assert world.holding("visit", {"treated": False}) == {"no"}
    assert world.holding("visit", {"treated": {"in": [True, False]}}) == {"yes", "no"}
    assert world.holding("reoperation", {"removed": {"contains": "cup"}}) == {"cup"}
    assert world.holding("reoperation", {"removed": {"empty": True}}) == {"none"}
    assert world.holding("reoperation", {"removed": {"empty": False}}) == {"cup"}
    assert world.holding("reoperation", {"removed": {"known": True}}) == {"cup", "none"}
    assert world.holding("reoperation", {"scores": {"contains": 2.0}}) == {"cup"}


def test_derived_values_are_whole_days_and_null_where_a_part_is(world: World) -> None:
    last_ms = (DAY_0 + 3) * DAY_MS - 1  # the last millisecond of the third day
    world.add("operation", 1, 0, "two", reported_at=last_ms, followed_until=DAY_0 + 5)
    world.add("operation", 1, 0, "three", reported_at=last_ms + 1, followed_until=DAY_0 - 2)
    world.add("operation", 1, 0, "null")
    # 1960-01-01 is day -3,653; a millisecond before 1960-01-03 00:00 is on 1960-01-02
    world.add("operation", 1, -DAY_0 - 3_653, "early", reported_at=-3_651 * DAY_MS - 1)
    world.load()
    assert world.holding("operation", {"days_to_report": 2}) == {"two"}
    assert world.holding("operation", {"days_to_report": 3}) == {"three"}
    assert world.holding("operation", {"days_to_report": 1}) == {"early"}
    assert world.holding("operation", {"days_to_report": {"known": False}}) == {"null"}
    assert world.holding("operation", {"days_followed": {"lt": 0}}) == {"three"}


def test_all_any_and_not_may_be_nested(world: World) -> None:
    world.add("visit", 1, 0, "a", kind="plain", treated=True)
    world.add("visit", 1, 0, "b", kind="plain", treated=None)
    world.add("visit", 1, 0, "c", kind=None, treated=False)
    world.load()
    assert world.holding("visit", {"kind": "plain", "treated": True}) == {"a"}
    assert world.holding("visit", {"any": [{"treated": False}, {"kind": "plain"}]}) == {"a", "b", "c"}
    either = {"any": [{"treated": True}, {"treated": False}]}
    assert world.holding("visit", {"all": [{"not": either}, {"kind": "plain"}]}) == {"b"}


def test_what_follows_may_be_on_the_same_day_but_of_its_own_form_only_later(world: World) -> None:
    world.add("visit", 1, 10, "same-day")
    world.add("reoperation", 1, 10)
    world.add("visit", 2, 11, "after")
    world.add("reoperation", 2, 10)
    world.add("visit", 3, 5, "first")
    world.add("visit", 3, 5, "second")
    world.load()
    assert world.holding("visit", {"followed_by": {"form": "reoperation"}}) == {"same-day"}
    assert world.holding("visit", {"preceded_by": {"form": "reoperation"}}) == {"same-day", "after"}
    assert world.holding("visit", {"followed_by": {"form": "visit"}}) == {"first"}
    assert world.holding("visit", {"preceded_by": {"form": "visit"}}) == {"second"}


def test_a_correction_leaves_a_registration_where_it_was_recorded(world: World) -> None:
    world.add("visit", 3, 5, "first")
    world.add("visit", 3, 5, "second")
    world.add("visit", 3, 5, "first", treated=True)
    world.load()
    assert world.holding("visit", {"followed_by": {"form": "visit"}}) == {"first"}
    world.add("visit", 3, 5, "first", treated=True, recorded_at=(DAY_0 + 5) * DAY_MS + 1)
    world.load()
    assert world.holding("visit", {"followed_by": {"form": "visit"}}) == {"second"}


def test_registrations_of_different_persons_never_meet(world: World) -> None:
    world.add("visit", 1, 0)
    world.add("reoperation", 2, 1)
    world.load()
    assert world.holding("visit", {"followed_by": {"form": "reoperation"}}) == set()


def test_what_was_retracted_is_not_there(world: World) -> None:
    world.add("visit", 1, 0, "visit")
    world.add("reoperation", 1, 1, "gone")
    world.add("reoperation", 1, 1, "gone", retracted=True)
    world.load()
    assert world.holding("visit", {"followed_by": {"form": "reoperation"}}) == set()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"within_days": 30}, {"at 30"}),
        ({"within_days": 31}, {"at 30", "at 31"}),
        ({"after_days": 31}, {"at 31"}),
        ({"after_days": 30, "within_days": 30}, {"at 30"}),
        ({"within_days": 0}, set()),
    ],
)
def test_the_last_day_of_a_limit_is_within_it(world: World, limits: dict[str, int], expected: set[str]) -> None:
    world.add("visit", 1, 100, "at 30")
    world.add("reoperation", 1, 130, "back 30")
    world.add("visit", 2, 100, "at 31")
    world.add("reoperation", 2, 131, "back 31")
    world.load()
    assert world.holding("visit", {"followed_by": {"form": "reoperation", **limits}}) == expected
    back = {name.replace("at", "back") for name in expected}
    assert world.holding("reoperation", {"preceded_by": {"form": "visit", **limits}}) == back


def test_fields_that_must_be_the_same_are_not_where_one_is_null(world: World) -> None:
    world.add("operation", 1, 0, "equal", side="left")
    world.add("reoperation", 1, 1, side="left")
    world.add("operation", 2, 0, "other side", side="right")
    world.add("reoperation", 2, 1, side="left")
    world.add("operation", 3, 0, "both null", side=None)
    world.add("reoperation", 3, 1, side=None)
    world.add("operation", 4, 0, "one null", side="left")
    world.add("reoperation", 4, 1, side=None)
    world.load()
    assert world.holding("operation", {"followed_by": {"form": "reoperation", "same": ["side"]}}) == {"equal"}
    assert world.holding("operation", {"followed_by": {"form": "reoperation", "same": ["side", "unit"]}}) == {"equal"}


def test_where_and_that_are_asked_of_the_other_registration(world: World) -> None:
    world.add("operation", 1, 0, "removed", side="left")
    world.add("reoperation", 1, 1, removed=["cup"])
    world.add("operation", 2, 0, "kept", side="left")
    world.add("reoperation", 2, 1)
    world.load()
    removed = {"form": "reoperation", "where": {"removed": {"contains": "cup"}}}
    assert world.holding("operation", {"followed_by": removed}) == {"removed"}
    seen_again = {"form": "reoperation", "that": {"followed_by": {"form": "visit", "within_days": 1}}}
    assert world.holding("operation", {"followed_by": seen_again}) == set()
    world.add("visit", 2, 2)
    world.load()
    assert world.holding("operation", {"followed_by": seen_again}) == {"kept"}


def test_an_outcome_is_attributed_by_reference_else_to_the_latest_on_its_side(world: World) -> None:
    def operated_twice(person: int, *sides: str | None) -> None:
        for number, side in enumerate(sides, 1):
            world.add("operation", person, number, f"{person}.{number}", side=side)

    operated_twice(1, "left", "left")
    world.add("reoperation", 1, 9, "by reference", operation_id="1.1", side="left")
    operated_twice(2, "left", "right", "left")
    world.add("reoperation", 2, 9, "latest left", side="left")
    operated_twice(3, "left", "right")
    world.add("reoperation", 3, 9, "wrong side", operation_id="3.2", side="left")
    operated_twice(4, "left")
    world.add("reoperation", 4, 0, "before", operation_id="4.1", side="left")
    operated_twice(5, "left")
    world.add("reoperation", 5, 9, "named is missing", operation_id="4.1", side="left")
    operated_twice(6, None)
    world.add("reoperation", 6, 9, "no side", operation_id="6.1", side=None)
    operated_twice(7, "left")
    world.add("reoperation", 7, 1, "same day", side="left")
    world.load()
    attributed = {"followed_by": {"form": "reoperation", "attributed": True}}
    assert world.holding("operation", attributed) == {"1.1", "2.3", "7.1"}
    resolved = {"by reference", "latest left", "same day"}
    assert world.holding("reoperation", {"preceded_by": {"form": "operation", "attributed": True}}) == resolved


def test_of_two_on_one_day_the_outcome_belongs_to_the_one_recorded_later(world: World) -> None:
    world.add("operation", 1, 0, "first", side="left")
    world.add("operation", 1, 0, "second", side="left")
    world.add("reoperation", 1, 0, side="left")
    world.load()
    attributed = {"followed_by": {"form": "reoperation", "attributed": True}}
    assert world.holding("operation", attributed) == {"second"}
    world.add("operation", 1, 0, "first", side="left")  # sent again, it stays where it was
    world.load()
    assert world.holding("operation", attributed) == {"second"}
    world.add("operation", 1, 0, "first", side="left", recorded_at=DAY_0 * DAY_MS + 1)
    world.load()
    assert world.holding("operation", attributed) == {"first"}


def test_an_attribution_without_reference_takes_the_latest_by_day(world: World) -> None:
    world.add("planned", 1, 3, "late", area="ulcer")
    world.add("planned", 1, 0, "early, submitted later", area="ulcer")
    world.add("planned", 1, 4, "other area", area="fall")
    world.add("performed", 1, 5, area="ulcer")
    world.load()
    assert world.holding("planned", {"followed_by": {"form": "performed", "attributed": True}}) == {"late"}


def test_latest_is_the_last_one_before_for_which_where_holds(world: World) -> None:
    at_goal = {"viral_load": {"lt": 50}}
    world.add("visit", 1, 0, viral_load=10.0)
    world.add("visit", 1, 10, viral_load=90.0)
    world.add("operation", 1, 20, "no longer")
    world.add("visit", 2, 0, viral_load=90.0)
    world.add("visit", 2, 10, viral_load=10.0)
    world.add("visit", 2, 15, viral_load=None)
    world.add("operation", 2, 20, "not known last")
    world.add("visit", 3, 20, viral_load=10.0)
    world.add("visit", 3, 21, viral_load=90.0)
    world.add("operation", 3, 20, "same day")
    world.add("operation", 4, 20, "never")
    world.load()
    assert world.holding("operation", {"latest": {"form": "visit", "is": at_goal}}) == {"same day"}
    known = {"form": "visit", "where": {"viral_load": {"known": True}}, "is": at_goal}
    assert world.holding("operation", {"latest": known}) == {"not known last", "same day"}
    assert world.holding("operation", {"latest": {**known, "within_days": 9}}) == {"same day"}
    assert world.holding("operation", {"latest": {**known, "within_days": 10}}) == {"not known last", "same day"}


def test_latest_of_its_own_form_is_never_itself_and_may_have_to_be_the_same_in_a_field(world: World) -> None:
    world.add("visit", 1, 0, "first", kind="plain", treated=False)
    world.add("visit", 1, 5, "second", kind="plain", treated=True)
    world.add("visit", 1, 5, "third", kind="deep", treated=True)
    world.add("visit", 1, 6, "fourth", kind="plain", treated=False)
    world.load()
    assert world.holding("visit", {"latest": {"form": "visit", "is": {"treated": True}}}) == {"third", "fourth"}
    assert world.holding("visit", {"latest": {"form": "visit", "is": {"treated": False}}}) == {"second"}
    same = {"latest": {"form": "visit", "same": ["kind"], "is": {"treated": True}}}
    assert world.holding("visit", same) == {"fourth"}


def test_latest_is_by_day_and_then_by_submission(world: World) -> None:
    world.add("visit", 1, 5, treated=False)
    world.add("visit", 1, 5, treated=True)
    world.add("visit", 1, 4, treated=False)
    world.add("operation", 1, 9, "treated at last")
    world.add("visit", 2, 5, treated=True)
    world.add("visit", 2, 5, treated=False)
    world.add("operation", 2, 9, "not treated at last")
    world.load()
    assert world.holding("operation", {"latest": {"form": "visit", "is": {"treated": True}}}) == {"treated at last"}


def test_a_chain_of_that_is_followed_to_its_end(world: World) -> None:
    rules = {**RULES, "attributions": {**ATTRIBUTIONS, "planned": {"to": "visit", "reference": "risk_id"}}}
    chain = {
        "followed_by": {
            "form": "planned",
            "attributed": True,
            "that": {
                "followed_by": {
                    "form": "performed",
                    "attributed": True,
                    "that": {"followed_by": {"form": "death", "within_days": 7}},
                }
            },
        }
    }
    for person, last in {1: 10, 2: 11, 3: None}.items():
        world.add("visit", person, 0, f"risk {person}")
        world.add("visit", person, 1, f"later risk {person}")
        world.add("planned", person, 2, risk_id=f"risk {person}", area="fall")
        world.add("performed", person, 3, area="fall")
        if last is not None:
            world.add("death", person, last)
    world.add("visit", 4, 0, "performed in another area")
    world.add("planned", 4, 2, area="fall")
    world.add("performed", 4, 3, area="ulcer")
    world.add("death", 4, 3)
    world.load()
    assert world.holding("visit", chain, rules) == {"risk 1"}
