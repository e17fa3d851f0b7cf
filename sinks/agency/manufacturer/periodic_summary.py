"""Periodic summaries of similar serious incidents (MDR Art. 87(9)), in place of single reports; by agreement alone.

Similar serious incidents with the same device may be told in summaries where their root cause is known, a field
safety corrective action is implemented, or they are common and well documented, and the coordinating agency has
agreed with the manufacturer on format, content and frequency. So nothing is summed up that an agreement on record
does not cover, and what it does not cover is told as what goes on its own, with the reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from schemas.markdown import row, table_head
from schemas.reporting import CLASSES
from sinks.agency.manufacturer.periods import Period, period

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

Condition = Literal["root_cause_known", "corrective_action_implemented", "common_and_well_documented"]
CONDITIONS: tuple[Condition, ...] = ("root_cause_known", "corrective_action_implemented", "common_and_well_documented")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What an agency has agreed on.

    Attributes:
        agency: which.
        reference: its number of the agreement.
        agreed_on: when.
        condition: why summaries are allowed.
        devices: the products, by their codes.
        problems: codes of the device problem (IMDRF Annex A) that are similar incidents.
        classes: of deadlines whose incidents may be summed up.
        starts_on: the first day of the first period.
        months: how long a period is.
        due_days: how many days after a period its summary is due.
        ends_on: the last day that it holds; None until further notice.
        format: format and content, as they were agreed.

    Raises:
        ValueError: it names no reference, device, problem or class that there is, or begins before it was agreed.
    """

    agency: str
    reference: str
    agreed_on: date
    condition: Condition
    devices: frozenset[str]
    problems: frozenset[str]
    classes: frozenset[str]
    starts_on: date
    months: int
    due_days: int
    ends_on: date | None = None
    format: str

    def __post_init__(self) -> None:
        if not self.agency.strip() or not self.reference.strip() or not self.format.strip():
            raise ValueError("an agreement names the agency, its reference, and what was agreed")
        if not self.devices or not self.problems or not self.classes:
            raise ValueError("an agreement names devices, problems and classes of incidents")
        if not self.classes <= set(CLASSES["manufacturer"]) or self.condition not in CONDITIONS:
            raise ValueError("there is no such class or condition")
        if self.starts_on < self.agreed_on or self.months < 1 or self.due_days < 1:
            raise ValueError(
                "an agreement begins when it was made, with periods of a month and a time of a day at least"
            )


class SeriousIncident(NamedTuple):
    """An incident as far as summaries look at it.

    Attributes:
        case: its case.
        device: the product, by its code.
        problem: code of the device problem.
        classification: the class of its deadline.
        country: where it happened.
        aware_on: when the manufacturer knew of it.
    """

    case: str
    device: str
    problem: str
    classification: str
    country: str
    aware_on: date


class PeriodicSummary(NamedTuple):
    """A summary for the manufacturer, which judges and files it.

    Attributes:
        agreement: by which.
        period: of awareness.
        due: the last day.
        covered: the incidents that it sums up.
        apart: cases that are to be reported one by one, with the reason.
    """

    agreement: Agreement
    period: Period
    due: date
    covered: tuple[SeriousIncident, ...]
    apart: tuple[tuple[str, str], ...]


def not_covered(agreement: Agreement, incident: SeriousIncident) -> str | None:
    """Why an incident goes on its own; None where its agreement covers it."""
    if incident.aware_on < agreement.starts_on:
        return "it was known before the agreement began"
    if agreement.ends_on is not None and incident.aware_on > agreement.ends_on:
        return "it was known after the agreement ended"
    for what, told, agreed in (
        ("device", incident.device, agreement.devices),
        ("problem", incident.problem, agreement.problems),
        ("class", incident.classification, agreement.classes),
    ):
        if told not in agreed:
            return f"its {what} is none of those agreed on"
    return None


def summary_of(agreement: Agreement, incidents: Iterable[SeriousIncident], number: int) -> PeriodicSummary:
    """The summary of one period, also where it has no incident: that is what it says then.

    Args:
        agreement: on record.
        incidents: all that the manufacturer knows of; those of other periods are left out.
        number: which period, from 0.

    Raises:
        ValueError: the period begins after the agreement's end.
    """
    when = period(agreement.starts_on, agreement.months, number)
    if agreement.ends_on is not None:
        if when.first > agreement.ends_on:
            raise ValueError("the agreement has ended before the period begins")
        when = Period(when.first, min(when.last, agreement.ends_on))
    known = sorted((one for one in incidents if one.aware_on in when), key=lambda one: (one.aware_on, one.case))
    reasons = {one.case: not_covered(agreement, one) for one in known}
    return PeriodicSummary(
        agreement,
        when,
        when.last + timedelta(days=agreement.due_days),
        tuple(one for one in known if reasons[one.case] is None),
        tuple((case, reason) for case, reason in reasons.items() if reason is not None),
    )


def summary_as_markdown(summary: PeriodicSummary) -> str:
    """The summary as a text that the manufacturer reads, judges and files."""
    agreed, covered = summary.agreement, summary.covered
    told = [
        ("Agency and agreement", f"{agreed.agency}, {agreed.reference}, {agreed.agreed_on}"),
        ("Condition", agreed.condition.replace("_", " ")),
        ("Format and content", agreed.format),
        ("Devices", ", ".join(sorted(agreed.devices))),
        ("Period", f"{summary.period.first} to {summary.period.last}"),
        ("Due", str(summary.due)),
        ("Incidents", str(len(covered))),
    ]
    counts = Counter((one.device, one.problem, one.country) for one in covered)
    return "\n".join(
        [
            "# Periodic summary report (MDR Art. 87(9)), draft",
            "",
            "Drafted of what a registry has counted, for the manufacturer, who judges it and files it.",
            "",
            *table_head(("What", "Answer")),
            *map(row, told),
            "",
            *table_head(("Device", "Problem", "Country", "Incidents")),
            *(row((*what, str(count))) for what, count in sorted(counts.items())),
            "",
            *table_head(("To be reported one by one", "Reason")),
            *map(row, summary.apart),
            "",
        ]
    )
