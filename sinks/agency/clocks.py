"""What time is left for a case: deadlines of what its reports have not told yet."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

from sinks.agency.deadlines import Fact, next_clock

if TYPE_CHECKING:
    from schemas.reporting import SenderRole
    from sinks.agency.deadlines import Clock, Rules
    from sinks.agency.outbox import Case

_EPOCH = date(1970, 1, 1)


def clock_of(case: Case, addressee: str, rules: Rules) -> Clock | None:
    """The clock that runs for what an addressee is not known to have; None where it has all.

    A draft, a report whose sending nobody is sure of and one that was rejected tell nothing: their clocks run on. What
    was withdrawn was not to be told.
    """
    reports = [one for (_, to), one in case.reports.items() if to == addressee and one.state != "withdrawn"]
    facts = [
        Fact(classification, _EPOCH + timedelta(days=one.learnt_on), told=one.told)
        for one in reports
        if one.learnt_on is not None
        for classification in one.classes
    ]
    return next_clock(cast("SenderRole", reports[0].sender), facts, rules) if reports else None
