"""A reminder, no report: whether a care provider tells the health-care inspectorate (Lex Maria) is its own to judge.

A serious incident with a device that harmed a patient, or could have, may also be a serious injury by health care,
which the care provider reports to the inspectorate (IVO) itself, apart from the agency and the manufacturer. The
platform sends nothing there; it reminds until somebody has noted what was decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sinks.agency.deadlines import Fact, Rules, deadline_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import date

    from sinks.agency.deadlines import Deadline

TEXT = {
    "sv": (
        "Händelsen kan också vara en allvarlig vårdskada, eller en risk för en. Om den ska anmälas till IVO "
        "(lex Maria) avgör vårdgivaren. Härifrån skickas ingen anmälan dit."
    ),
    "en": (
        "The event may also be a serious injury by health care, or a risk of one. Whether it is to be reported to the "
        "health-care inspectorate (Lex Maria) is for the care provider to decide. No report goes there from here."
    ),
}


class CareIncident(NamedTuple):
    """A serious incident that a care provider has registered.

    Attributes:
        case: its case.
        unit: that registered it.
        learnt_on: when the care provider knew of it.
    """

    case: str
    unit: str
    learnt_on: date


class Reminder(NamedTuple):
    """What a unit is reminded of, as ``TEXT`` says it.

    Attributes:
        deadline: the care provider's own target; the law says "at once".
    """

    case: str
    unit: str
    deadline: Deadline


def reminders(incidents: Iterable[CareIncident], noted: Collection[str], rules: Rules) -> list[Reminder]:
    """The reminders that are open, what should be decided first at the top.

    Args:
        incidents: those of care providers; one case once.
        noted: cases of which somebody has noted what was decided, whichever way.
        rules: the care provider's own target.
    """
    open_ones = {one.case: one for one in incidents if one.case not in noted}
    made = [
        Reminder(one.case, one.unit, deadline_of("care_provider", Fact("incident", one.learnt_on), rules))
        for one in open_ones.values()
    ]
    return sorted(made, key=lambda one: (one.deadline.nominal, one.case))
