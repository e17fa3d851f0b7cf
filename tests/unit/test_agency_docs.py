"""docs/reporting.md says what the code does."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from schemas.definition.folder import load_registries
from schemas.report import STEPS
from schemas.reporting import CLASSES, SENDER_ROLES
from sinks.agency.deadlines import Fact, Rules, deadline_of
from sinks.agency.icsr.reader import read
from sinks.agency.icsr.telling import facts_of
from sinks.agency.outbox import IllegalStepError, State, apply, fold
from tests.agency_support import CASE, step
from tests.drafting_support import Registered2026, day

_PAGE = (Path(__file__).parents[2] / "docs" / "reporting.md").read_text(encoding="utf-8")
_WAYS: dict[str, list[str]] = {
    "nothing": [],
    "drafted": ["drafted"],
    "returned": ["drafted", "returned"],
    "checked": ["drafted", "checked"],
    "unknown": ["drafted", "checked", "attempted"],
    "sent": ["drafted", "checked", "attempted", "attempted", "sent"],
    "acknowledged": ["drafted", "checked", "attempted", "acknowledged"],
    "rejected": ["drafted", "checked", "attempted", "rejected"],
    "withdrawn": ["drafted", "withdrawn"],
}


def rows(first_column: str) -> list[list[str]]:
    """The cells of the table that begins with such a column."""
    table = _PAGE.split(f"| {first_column} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in table]


def test_the_deadlines_are_those_of_the_code() -> None:
    told = rows("role")
    assert [(role, classification) for role, classification, *_ in told] == [
        (role, classification) for role in SENDER_ROLES for classification in CLASSES[role]
    ]
    for role, classification, nominal, legal in told:
        sunday = date(2026, 3, 1)
        deadline = deadline_of(role, Fact(classification, sunday), Rules())  # type: ignore[arg-type]
        if role == "care_provider":
            assert deadline.legal is None
            continue
        assert nominal == f"{deadline.days_left(sunday)} calendar days"
        assert (legal == "the same day") == (role == "icsr_sender")


def test_every_state_has_a_way_to_it() -> None:
    assert set(_WAYS) - {"nothing"} == set(get_args(State))
    assert [name for name, *_ in rows("step")] == list(STEPS)


@pytest.mark.parametrize("state", _WAYS)
@pytest.mark.parametrize("name", STEPS)
def test_a_step_may_follow_where_the_page_says_so(name: str, state: str) -> None:
    (told,) = (re.split(", ", before) for step_name, _, before, _ in rows("step") if step_name == name)
    way = [step(number, one) for number, one in enumerate(_WAYS[state], start=1)]
    case = fold(CASE, enumerate(way))
    assert case.refused == ()
    edition = 2 if name == "drafted" and state != "nothing" else 1
    try:
        apply(case, step(99, name, edition=edition))
    except IllegalStepError:
        assert state not in told
    else:
        assert state in told


def test_each_element_that_a_registration_becomes_stands_on_the_page() -> None:
    person = Registered2026(load_registries()["biologics"])
    person.submit(
        "treatment", "t1", occurred_on=day("2025-05-02"), batch="B-1", stopped_on=day("2026-02-12"),
        stop_reason="adverse_reaction",
    )  # fmt: skip
    person.submit("death", "d1", occurred_on=day("2026-02-20"))
    person.submit(
        "adverse_reaction", "r1", occurred_on=day("2026-02-10"), seriousness=["death"], outcome="fatal",
        reaction_code="HEP", rechallenge="recurred", dechallenge="abated", concomitant_drugs=["L04AX03"],
    )  # fmt: skip
    person.submit("adverse_reaction", "r2", reporter="patient", same_event_as="r1", occurred_on=day("2026-02-10"))
    told = {fact.element for fact in facts_of(read(person.drafted()["content"]).batch)}
    listed = {one for row in rows("element") for one in re.split(", ", row[0])}
    assert told - listed == set()
    assert listed - told == {"C.1.11.1", "C.1.11.2", "G.k.9.i.1"}
