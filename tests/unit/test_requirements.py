"""What is asked at which stage, and what facts prove: against the review's own lists of eight and eleven."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from schemas.requirements import REQUIREMENTS, STAGES
from sinks.clickhouse.queries.scorecard import Facts, Scorecard, judged

if TYPE_CHECKING:
    from schemas.requirements import RequirementName, Stage

GOOD = Facts(
    controller=True, purposes=2, opt_out=True, indicators=5, directed=3, targeted=1, live=True, forms=2, unreleased=0,
    received=100, refused=3, held_against=True, coverage=0.85, coverage_year=date(2024, 1, 1), coverage_target=0.8,
    variables=20, described=20, texts=10, coded=9,
)  # fmt: skip


@pytest.mark.parametrize(("stage", "number"), [("new", 8), ("newly established", 10), ("established", 11)])
def test_a_stage_asks_for_so_many(stage: Stage, number: int) -> None:
    assert sum(stage in one.asks for one in REQUIREMENTS.values()) == number


def test_what_is_asked_once_is_asked_at_every_later_stage() -> None:
    for one in REQUIREMENTS.values():
        first = min(STAGES.index(stage) for stage in one.asks)
        assert set(one.asks) == set(STAGES[first:])


@pytest.mark.parametrize(
    ("name", "changed", "states"),
    [
        ("feedback", {"indicators": 0}, ("not met", "not met", "not met")),
        ("feedback", {"live": False}, ("met", "not met", "not met")),
        ("feedback", {"targeted": 0}, ("met", "met", "not met")),
        ("platform", {"unreleased": 1}, ("not met", "not met", "not met")),
        ("platform", {"received": 3}, ("met", "not met", "not met")),
        ("coverage", {"held_against": False}, ("not met", "not met", "not met")),
        ("coverage", {"coverage": None}, ("met", "not met", "not met")),
        ("coverage", {"coverage": 0.79}, ("met", "met", "not met")),
        ("coverage", {"coverage": 0.8}, ("met", "met", "met")),
        ("comparison", {"directed": 0, "targeted": 0}, ("not met", "not met", "not met")),
        ("comparison", {"targeted": 0}, ("met", "not met", "not met")),
        ("terminology", {"described": 19}, ("not met", "not met", "not met")),
        ("terminology", {"coded": 8}, ("met", "not met", "not met")),
        ("terminology", {"texts": 0, "coded": 0}, ("met", "met", "met")),
        ("release", {}, ("to be attested", "to be attested", "to be attested")),
        ("release", {"controller": False}, ("not met", "not met", "not met")),
        ("release", {"purposes": 0}, ("not met", "not met", "not met")),
        ("release", {"opt_out": False}, ("not met", "not met", "not met")),
        ("research", {"unreleased": 1}, ("not met", "not met", "not met")),
        ("centre", {}, ("to be attested", "to be attested", "to be attested")),
        ("industry", {}, ("not asked", "to be attested", "to be attested")),
        ("dialogue", {}, ("not asked", "not asked", "to be attested")),
    ],
)
def test_a_verdict_rests_on_facts(name: RequirementName, changed: dict[str, Any], states: tuple[str, ...]) -> None:
    facts = replace(GOOD, **changed)
    assert tuple(judged(name, stage, facts, attested=False) for stage in STAGES) == states


def test_a_word_fulfils_what_facts_cannot_tell_and_nothing_else() -> None:
    assert judged("centre", "new", GOOD, attested=True) == "met"
    assert judged("release", "new", replace(GOOD, controller=False), attested=True) == "not met"


def test_a_card_tells_what_is_open_before_the_next_stage() -> None:
    states = {name: {stage: judged(name, stage, GOOD, attested=False) for stage in STAGES} for name in REQUIREMENTS}
    card = Scorecard("newly established", GOOD, states)
    assert card.next_stage == "established"
    assert card.open("established") == ["centre", "release", "research", "industry", "profession", "dialogue"]
    assert Scorecard("established", GOOD, states).next_stage is None
