"""Reviews as tables for people: signals and notices, how far each has come, and what was said of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.tables import HIGHLIGHTED, plain_table
from deploy.words import notice_of, unit_name
from schemas.review import CARRIER, CHECKED, MOVED, STATES, TO_CALL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.reviews import Answer, Decision, FollowUp, UnitProgress

_MOST_UNITS = 5


def subjects_table(
    definition: RegistryDefinition, found: Sequence[FollowUp], decisions: Sequence[Decision], references: dict[str, str]
) -> Table:
    """Every signal and notice: what was decided last, and how far its carriers have been followed up.

    Args:
        definition: the registry.
        found: the signals and notices.
        decisions: all that were made, in order.
        references: of each notice, by its id, the reference that people know it by.
    """
    latest = {one.about: one for one in decisions}
    table = plain_table(f"{definition.registry.title.en}: signals and notices under review")
    for heading in ("signal or notice", "product", "latest decision", "carriers"):
        table.add_column(heading, overflow="fold")
    for one in found:
        about = one.subject.about
        decided = latest.get(about)
        said = f"{_words(decided.state)} {decided.said_at:%Y-%m-%d}, {decided.by}" if decided else "none"
        name = f"{about}\n{references[about]}" if about in references else about
        style = HIGHLIGHTED if one.overdue else None
        table.add_row(name, one.subject.product, said, progress_line(one), style=style)
    table.caption = notice_of(definition)
    return table


def decisions_table(about: str, decisions: Sequence[Decision]) -> Table:
    """The history of one signal or notice."""
    table = plain_table(f"{about}: decisions")
    for heading in ("said (UTC)", "decision", "by", "reason", "note"):
        table.add_column(heading, overflow="fold")
    for one in decisions:
        table.add_row(f"{one.said_at:%Y-%m-%d %H:%M}", _words(one.state), one.by, one.reason, one.note)
    return table


def answers_table(about: str, answers: Sequence[Answer], companies: Mapping[str, str]) -> Table:
    """What companies answered about one signal; it changes nothing of it."""
    table = plain_table(f"{about}: what companies answered")
    for heading in ("said (UTC)", "company", "answer", "by", "statement", "notice"):
        table.add_column(heading, overflow="fold")
    for one in answers:
        company = companies.get(one.company, one.company)
        table.add_row(f"{one.said_at:%Y-%m-%d %H:%M}", company, one.state, one.by, one.statement, one.notice)
    return table


def progress_table(definition: RegistryDefinition, found: FollowUp) -> Table:
    """How far each unit is with its carriers."""
    table = plain_table(f"{found.subject.about}: carriers until {found.reading.until}")
    table.add_column("unit")
    states = [state for state in STATES[CARRIER] if found.number(state)]
    for heading in ("persons", *map(_words, states), "overdue"):
        table.add_column(heading, justify="right")
    for one in found.units:
        cells = [
            f"{number:,}" for number in (one.persons, *(one.states.get(state, 0) for state in states), one.overdue)
        ]
        table.add_row(unit_name(definition, one.unit), *cells, style=HIGHLIGHTED if one.overdue else None)
    table.caption = notice_of(definition)
    return table


def progress_line(found: FollowUp) -> str:
    """How far it is in a sentence: "checked 24 of 25; overdue: U17 (2 to call)"."""
    parts = [f"checked {found.number(CHECKED):,} of {found.persons:,}" if found.persons else "no carriers"]
    if found.erased:
        parts.append(f"{found.erased:,} more opted out and are not told of")
    if found.overdue:
        named = [_overdue(one) for one in found.overdue[:_MOST_UNITS]]
        more = [f"{len(found.overdue) - _MOST_UNITS:,} more units"] if len(found.overdue) > _MOST_UNITS else []
        parts.append(f"overdue: {', '.join([*named, *more])}")
    return "; ".join(parts)


def _overdue(one: UnitProgress) -> str:
    moved = one.states.get(MOVED, 0)
    left = one.states.get(TO_CALL, 0) + moved
    late = f", {one.overdue:,} of them late" if one.overdue != left else ""
    return f"{one.unit} ({left:,} to call{late})"


def _words(state: str) -> str:
    return state.replace("_", " ")
