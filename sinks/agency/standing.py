"""How each addressee's side of a case stands: what it waits for, whose it is, and what time is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.agency.clocks import clock_of
from sinks.agency.outbox import WAITS_FOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from sinks.agency.deadlines import Clock, Rules
    from sinks.agency.outbox import Case, Receipt, Report

CODING = "coding"
_CODED = "E.i.2.1"


@dataclass(frozen=True, slots=True)
class Standing:
    """One addressee's side of a case.

    Attributes:
        case: its id.
        addressee: whose side.
        report: the latest version that was not withdrawn; the last withdrawn where all were.
        waits_for: what the latest version waits for: ``coding`` where nobody has coded a reaction, ``completion`` where
            something else is missing, ``second_check`` where one of two has checked it, else as ``WAITS_FOR`` has it.
        clock: what runs; None where all has been told.
        days_left: to the nominal day; None where nothing runs.
        legal_days_left: to the last day that the law allows; None where nothing runs, or the law names none.
        receipts: what the addressee has answered to any version.
    """

    case: str
    addressee: str
    report: Report
    waits_for: str | None
    clock: Clock | None
    days_left: int | None
    legal_days_left: int | None
    receipts: tuple[Receipt, ...]

    @property
    def late(self) -> bool:
        """Whether the nominal day has passed."""
        return self.days_left is not None and self.days_left < 0


def standings(case: Case, rules: Rules, today: date) -> Iterator[Standing]:
    """The sides of a case."""
    for addressee in dict.fromkeys(to for _, to in sorted(case.reports)):
        own = [one for (_, to), one in sorted(case.reports.items()) if to == addressee]
        report = case.latest(addressee) or own[-1]
        clock = clock_of(case, addressee, rules) if case.latest(addressee) else None
        yield Standing(
            case.id,
            addressee,
            report,
            waits_for(report),
            clock,
            None if clock is None else clock.steering.days_left(today),
            None if clock is None else clock.binding.legal_days_left(today),
            tuple(receipt for one in own for receipt in one.receipts),
        )


def waits_for(report: Report) -> str | None:
    """What a report waits for."""
    if report.state == "drafted" and report.findings:
        return CODING if any(one.startswith(_CODED) for one in report.findings) else "completion"
    if report.state == "drafted" and report.checked_by is not None:
        return "second_check"
    return WAITS_FOR[report.state]


def in_order(standing: Iterable[Standing]) -> list[Standing]:
    """What is due first comes first; then what waits without a deadline, and last what is done."""
    return sorted(
        standing,
        key=lambda one: (
            one.days_left is None,
            one.days_left if one.days_left is not None else 0,
            one.waits_for is None,
            one.case,
            one.addressee,
        ),
    )
