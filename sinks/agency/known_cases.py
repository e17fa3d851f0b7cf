"""All cases as the log has them so far, each step taken once; what a message says is kept while it is of concern."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from schemas import report as steps
from sinks.agency.outbox import WAITS_FOR, Case, taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from sinks.agency.outbox import Report

_FORGOTTEN = b"-"
"""Stands for what a message said that is of no more concern here; the tables have it."""


class Waiting(NamedTuple):
    """A report that waits for something."""

    case: Case
    report: Report

    @property
    def key(self) -> tuple[int, str]:
        """By which its case knows it."""
        return self.report.version, self.report.addressee


class KnownCases:
    """The cases of a registry, folded step by step in the order of the log."""

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}
        self._heard: set[str] = set()
        self._open: set[str] = set()

    def take(self, record: Mapping[str, Any]) -> None:
        """Take the next step of the log; one that was taken before changes nothing."""
        self._heard.add(record["id"])
        before = self._cases.get(record["case"], Case(record["case"]))
        after = taken(before, record)
        if after is not before:
            self._cases[after.id] = _lighter(after, record)
            waits = any(WAITS_FOR[one.state] is not None for one in after.reports.values())
            (self._open.add if waits else self._open.discard)(after.id)

    def of(self, case: str) -> Case | None:
        """A case; None where nothing was said of it."""
        return self._cases.get(case)

    def has_heard(self, identity: str) -> bool:
        """Whether a step with this id has been taken, or refused."""
        return identity in self._heard

    def refusal(self, record: Mapping[str, Any]) -> str | None:
        """Why a step that has been heard counts for nothing; None where it counts."""
        case = self._cases.get(record["case"])
        return None if case is None else next((why for one, why in case.refused if one["id"] == record["id"]), None)

    def __iter__(self) -> Iterator[Case]:
        """All of them."""
        return iter(list(self._cases.values()))

    def waiting(self) -> Iterator[Waiting]:
        """The reports that wait for something, those of earlier versions first."""
        for name in sorted(self._open):
            case = self._cases[name]
            for key in sorted(case.reports):
                if WAITS_FOR[case.reports[key].state] is not None:
                    yield Waiting(case, case.reports[key])


def _lighter(case: Case, record: Mapping[str, Any]) -> Case:
    """Without what messages say of a report that has come to its end, and without that of its earlier editions."""
    key = record["case_version"], record["addressee"]
    report = case.reports.get(key)
    if report is None or not any(_is_over(one, key, report) and one["content"] != _FORGOTTEN for one in case.log):
        return case
    log = tuple({**one, "content": _FORGOTTEN} if _is_over(one, key, report) else one for one in case.log)
    return replace(case, log=log)


def _is_over(one: Mapping[str, Any], key: tuple[int, str], report: Report) -> bool:
    mine = one["step"] == steps.DRAFTED and (one["case_version"], one["addressee"]) == key
    return mine and (WAITS_FOR[report.state] is None or one["edition"] < report.edition)
