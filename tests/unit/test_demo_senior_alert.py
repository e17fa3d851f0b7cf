"""The invented register of prevention: its chains get as far as planned, worked out by its own declarations."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from deploy.demo.senior_alert import FIRST_DAY, LAST_DAY, SeniorAlertPlan, generate
from schemas.definition.folder import load_registries
from tests.demo_support import faults, totals, worked_out

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from tests.reference_journeys import Recomputed


@pytest.fixture(scope="module")
def definition() -> RegistryDefinition:
    return load_registries()["senior_alert"]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return generate().rows


@pytest.fixture(scope="module")
def result(definition: RegistryDefinition, rows: list[dict[str, Any]]) -> Recomputed:
    return worked_out(definition, rows)


def test_the_same_plan_gives_the_same_history_and_another_seed_another() -> None:
    assert generate(SeniorAlertPlan()).rows == generate().rows
    assert generate(SeniorAlertPlan(seed=1)).rows != generate().rows


def test_every_row_keeps_the_forms_and_their_rules(definition: RegistryDefinition, rows: list[dict[str, Any]]) -> None:
    assert faults(definition, rows) == []
    days = [row["occurred_on"] for row in rows if row["form"] not in ("death", "emigration", "opt_out")]
    assert (min(days), max(days)) == (FIRST_DAY, LAST_DAY) == (date(2010, 1, 1), date(2010, 12, 31))
    # 1,350 and 60 second chains, 4 of persons who opt out; 1,200, 30, and 6 that nobody planned; 1,000, 30 and 25
    assert Counter(row["form"] for row in rows if row["form"] not in ("risk_assessment", "opt_out")) == {
        "planned_action": 1_414,
        "performed_action": 1_236,
        "outcome": 1_055,
        "death": 20,
        "emigration": 5,
    }


def test_every_step_of_the_chain_comes_out_as_planned(definition: RegistryDefinition, result: Recomputed) -> None:
    found = totals(definition, result, "assessments")
    assert found == {
        "assessed": (3_700,),  # 1,200 persons for three risks, 40 anew, 60 again
        "at_risk": (3_700, 1_560),  # 720 + 240 + 540, 60 again
        "planned": (1_560, 1_410),  # 1,350 + 60
        "performed": (1_560, 1_230),  # 1,200 + 30
        "followed_up": (1_560, 1_055),  # 1,000 + 30, 25 without a plan
        "chain_completed": (1_560, 1_030),
        "harmed": (1_055, 145),  # 120 + 25
    }


def test_open_chains_are_those_that_somebody_can_still_carry_on(result: Recomputed) -> None:
    listed = Counter(name for name, *_ in result.listed)
    # 1,560 less 1,030 whole, 40 assessed anew, 20 dead and 5 abroad; 1,500 less 1,350; the actions not planned
    assert listed == {"open_chains": 465, "without_plan": 150, "unresolved": 6}
    units = Counter(entry.unit for (name, *_), entry in result.listed.items() if name == "open_chains")
    assert len(units) == 20
    shown = [entry.shown for (name, *_), entry in result.listed.items() if name == "open_chains"]
    assert {area for area, _, _ in shown} == {"fall", "pressure_ulcer", "malnutrition"}
    assert {care for _, _, care in shown} == {"hospital", "primary_care", "home_care", "special_housing"}


def test_what_is_unresolved_is_what_nobody_planned(result: Recomputed) -> None:
    forms = {form for name, _, form, _ in result.listed if name == "unresolved"}
    assert forms == {"performed_action"}


def test_an_early_chain_has_got_further_than_a_late_one(definition: RegistryDefinition, result: Recomputed) -> None:
    whole: dict[bool, list[int]] = {True: [0, 0], False: [0, 0]}
    place = 8  # behind 1 + 2 + 2 + 2 + 2 numbers: how many, and how many of them whole, stand at 9 and 10
    assert list(definition.indicators.cohorts["assessments"].indicators)[5] == "chain_completed"
    for (_, _, period, _, indicator, _), values in result.cells.items():
        if not indicator:
            half = whole[period < (date(2010, 7, 1) - date(1970, 1, 1)).days]
            half[0] += values[place + 1]
            half[1] += values[place + 2]
    assert whole[True][1] / whole[True][0] > 0.8
    assert whole[False][1] / whole[False][0] < 0.5


def test_a_person_is_the_same_at_each_assessment(rows: list[dict[str, Any]]) -> None:
    facts: dict[str, set[tuple[Any, ...]]] = {}
    for row in rows:
        if row["form"] == "risk_assessment":
            facts.setdefault(row["person"], set()).add((row["sex"], row["birth_year"], row["age"], row["unit"]))
    assert all(len(known) == 1 for known in facts.values())
    assert len(facts) == 1_204
