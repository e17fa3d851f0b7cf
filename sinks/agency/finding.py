"""Which case and report is meant by what somebody has typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.agency.outbox import Case, taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_SHORTEST = 4


class NoSuchReportError(ValueError):
    """There is none, or more than one is meant; the message says so."""


def cases_of(steps: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[str, Case]:
    """All cases by their ids, of their steps in the order of the log."""
    folded: dict[str, Case] = {}
    for _, record in steps:
        name = record["case"]
        folded[name] = taken(folded.get(name, Case(name)), record)
    return folded


def the_case(cases: Iterable[str], text: str) -> str:
    """The id of the case that a text names: whole, or the beginning of its last part.

    Raises:
        NoSuchReportError: it names none, or more than one.
    """
    known = list(cases)
    if text in known:
        return text
    found = [one for one in known if one.rsplit("-", 1)[-1].startswith(text.upper())] if len(text) >= _SHORTEST else []
    if len(found) == 1:
        return found[0]
    if found:
        raise NoSuchReportError(f"{text} is the beginning of {len(found)} cases: write more of it")
    raise NoSuchReportError(
        f"there is no case {text}; `guldadra report list` shows them (at least {_SHORTEST} letters)"
    )


def the_report(case: Case, addressee: str | None) -> tuple[int, str]:
    """The latest report of a case, to the addressee where one is named.

    Raises:
        NoSuchReportError: there is none, or it goes to several and none is named.
    """
    addressees = list(dict.fromkeys(to for _, to in case.reports))
    if addressee is None and len(addressees) != 1:
        raise NoSuchReportError(f"{case.id} goes to {' and '.join(addressees)}: say to whom with --to")
    to = addressee or addressees[0]
    latest = case.latest(to)
    if latest is None:
        raise NoSuchReportError(f"{case.id} has no report to the {to} that was not withdrawn")
    return latest.version, to
