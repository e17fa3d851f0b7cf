"""What the process of reports tells Prometheus; deploy/prometheus/reports.yaml has the alerts that go by it."""

from __future__ import annotations

from collections import Counter as Counting
from typing import TYPE_CHECKING, get_args

from prometheus_client import Counter, Gauge

from sinks.agency.outbox import State
from sinks.agency.standing import standings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from sinks.agency.deadlines import Rules
    from sinks.agency.outbox import Case

REPORTS = Gauge("guldadra_reports", "Reports by what has become of them", ["registry", "state"])
WAITING = Gauge("guldadra_reports_waiting", "Reports by what they wait for", ["registry", "waits_for"])
DAYS_LEFT = Gauge(
    "guldadra_report_days_left", "Days left of the report that is due next, negative once it is late; 999: none is due",
    ["registry", "deadline"],
)  # fmt: skip
LATE = Gauge("guldadra_reports_late", "Reports past a deadline", ["registry", "deadline"])
STEPS = Counter("guldadra_report_steps", "Steps said", ["registry", "step"])
LAST_PROGRESS = Gauge("guldadra_report_last_progress_timestamp_seconds", "When all that was due had last been done",
                      ["registry"])  # fmt: skip
_NONE_DUE = 999


def tell(registry: str, cases: Iterable[Case], rules: Rules, today: date) -> None:
    """Set what is told of a registry's reports."""
    known = list(cases)
    states = Counting(one.state for case in known for one in case.reports.values())
    for state in get_args(State):
        REPORTS.labels(registry, state).set(states[state])
    standing = [one for case in known for one in standings(case, rules, today)]
    waits = Counting(one.waits_for for one in standing if one.waits_for is not None)
    WAITING.clear()
    for what, number in waits.items():
        WAITING.labels(registry, what).set(number)
    for deadline, left in (
        ("nominal", [one.days_left for one in standing if one.days_left is not None]),
        ("legal", [one.legal_days_left for one in standing if one.legal_days_left is not None]),
    ):
        DAYS_LEFT.labels(registry, deadline).set(min(left, default=_NONE_DUE))
        LATE.labels(registry, deadline).set(sum(days < 0 for days in left))
