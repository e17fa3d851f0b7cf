"""A trend report (MDR Art. 88), drafted where a declared outcome has increased beyond what was foreseeable.

Incidents that are not serious, and side effects that are expected, are not reported one by one; what is reported is
that they have increased. What is foreseeable, in which period, and by which method an increase is established stands
in the manufacturer's plan before the period begins: so nothing is drafted by a plan that is younger than its period,
and nothing of a period whose registrations have not all come. Serious incidents are no matter of trends: each is
reported by itself.

| method | an increase is established |
|---|---|
| `poisson_exact` | where so many incidents or more have a probability below alpha, at the foreseeable rate |
| `maxsprt` | where the log-likelihood ratio of all periods so far passes the value that keeps alpha over all looks |

Severity is the share of severe incidents among all of the period: by the exact binomial tail, with the same alpha.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from schemas.markdown import row, table_head
from sinks.agency.manufacturer.periods import Period, period
from streams.statistics.maxsprt import poisson_maxsprt_critical_value, poisson_maxsprt_llr
from streams.statistics.proportions import binomial_tail
from streams.statistics.rates import poisson_tail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

OutcomeKind = Literal["non_serious", "expected_side_effect"]
Method = Literal["poisson_exact", "maxsprt"]
Exposure = Literal["uses", "device_years"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPlan:
    """What the manufacturer's plan for surveillance after sale declares of one outcome of one device.

    Attributes:
        reference: where it stands in the plan, with its version.
        declared_on: since when it holds.
        device: the product or group of products, by its code.
        outcome: which incidents, in words.
        outcome_kind: why they are not reported one by one.
        starts_on: the first day of the first period.
        months: how long a period is.
        exposure: among what they are counted.
        foreseeable_rate: incidents per use or device-year that were foreseeable, above 0.
        foreseeable_severe: the share of severe ones that was; None where severity is not watched.
        method: by which an increase is established.
        alpha: the probability of a false one: of each period, or of all looks together with ``maxsprt``.
        planned_expected: foreseeable incidents at which a watch by ``maxsprt`` ends.

    Raises:
        ValueError: a number is out of range, or the method's own is missing.
    """

    reference: str
    declared_on: date
    device: str
    outcome: str
    outcome_kind: OutcomeKind
    starts_on: date
    months: int
    exposure: Exposure
    foreseeable_rate: float
    foreseeable_severe: float | None = None
    method: Method
    alpha: float
    planned_expected: float | None = None

    def __post_init__(self) -> None:
        if self.outcome_kind not in ("non_serious", "expected_side_effect"):
            raise ValueError("a trend is of non-serious incidents or expected side effects; serious ones go one by one")
        if self.months < 1 or not self.foreseeable_rate > 0:
            raise ValueError("a period has one month at least, and the foreseeable rate is above 0")
        if not 0 < self.alpha < 1 or not 0 <= (self.foreseeable_severe or 0) <= 1:
            raise ValueError("alpha lies between 0 and 1, and so does a share")
        if (self.method == "maxsprt") != (self.planned_expected is not None):
            raise ValueError("planned_expected is maxsprt's, and it needs it")


class Counted(NamedTuple):
    """What was counted in one period.

    Attributes:
        incidents: of the plan's outcome.
        severe: of these.
        exposure: uses or device-years.
        complete: whether all registrations of the period have come, as far as reported-through days tell.
    """

    incidents: int
    severe: int
    exposure: float
    complete: bool


class Increase(NamedTuple):
    """An increase that is established.

    Attributes:
        of: frequency or severity.
        observed: incidents; of severity, severe ones.
        expected: as many as were foreseeable, among the same exposure; of severity, among the same incidents.
        measure: the probability (``poisson_exact`` and severity), or the log-likelihood ratio (``maxsprt``).
        limit: which it has passed.
    """

    of: Literal["frequency", "severity"]
    observed: int
    expected: float
    measure: float
    limit: float


class TrendDraft(NamedTuple):
    """A trend report for the manufacturer, which judges and files it."""

    plan: TrendPlan
    period: Period
    counted: Counted
    increases: tuple[Increase, ...]


def trend_draft(plan: TrendPlan, counted: Sequence[Counted]) -> TrendDraft | None:
    """A draft on the last of some periods; None where no increase is established in it.

    Args:
        plan: what was declared.
        counted: every period so far, from the plan's first.

    Raises:
        ValueError: there is no period, the plan was declared after the first began, the last is not complete, or a
            count is impossible.
    """
    if not counted:
        raise ValueError("no period has been counted")
    if plan.declared_on > plan.starts_on:
        raise ValueError("the plan was declared after its first period began: what is foreseeable is said in advance")
    for one in counted:
        if not 0 <= one.severe <= one.incidents or not one.exposure >= 0:
            raise ValueError("a count is impossible: severe incidents are incidents, and exposure is 0 or more")
    last = counted[-1]
    if not last.complete:
        raise ValueError("registrations of the period may still come")
    increases = (*_frequency(plan, counted), *_severity(plan, last))
    when = period(plan.starts_on, plan.months, len(counted) - 1)
    return TrendDraft(plan, when, last, increases) if increases else None


def _frequency(plan: TrendPlan, counted: Sequence[Counted]) -> tuple[Increase, ...]:
    if plan.planned_expected is None:
        last = counted[-1]
        expected = plan.foreseeable_rate * last.exposure
        probability = poisson_tail(last.incidents, expected)
        if probability < plan.alpha:
            return (Increase("frequency", last.incidents, expected, probability, plan.alpha),)
        return ()
    limit = poisson_maxsprt_critical_value(plan.planned_expected, alpha=plan.alpha)
    incidents, expected = 0, 0.0
    for number, one in enumerate(counted):
        incidents, expected = incidents + one.incidents, expected + plan.foreseeable_rate * one.exposure
        ratio = float(poisson_maxsprt_llr(incidents, expected))
        if expected > plan.planned_expected:
            break  # what was planned has been watched: a new plan begins a new watch
        if ratio >= limit:
            # What was established in an earlier period was drafted then.
            return (Increase("frequency", incidents, expected, ratio, limit),) if number == len(counted) - 1 else ()
    return ()


def _severity(plan: TrendPlan, last: Counted) -> tuple[Increase, ...]:
    share = plan.foreseeable_severe
    if share is None:
        return ()
    probability = binomial_tail(last.severe, last.incidents, share)
    if probability >= plan.alpha:
        return ()
    return (Increase("severity", last.severe, share * last.incidents, probability, plan.alpha),)


_WORDS = {
    "non_serious": "incidents that are not serious",
    "expected_side_effect": "expected side effects",
    "uses": "uses",
    "device_years": "device-years",
}


def trend_as_markdown(draft: TrendDraft) -> str:
    """The draft as a text that the manufacturer reads, judges and files."""
    plan, counted = draft.plan, draft.counted
    declared = [
        ("Device", plan.device),
        ("Outcome", f"{plan.outcome} ({_WORDS[plan.outcome_kind]})"),
        ("Plan", f"{plan.reference}, declared {plan.declared_on}"),
        ("Foreseeable", f"{plan.foreseeable_rate:g} for each of the {_WORDS[plan.exposure]}"),
        (
            "Foreseeable share of severe",
            "not watched" if plan.foreseeable_severe is None else f"{plan.foreseeable_severe:g}",
        ),
        ("Method", f"{plan.method}, alpha {plan.alpha:g}"),
        ("Period", f"{draft.period.first} to {draft.period.last}"),
        (
            "Counted",
            f"{counted.incidents} incidents, {counted.severe} severe, {counted.exposure:g} {_WORDS[plan.exposure]}",
        ),
    ]
    found = [
        (one.of, str(one.observed), f"{one.expected:.3g}", f"{one.measure:.3g}", f"{one.limit:.3g}")
        for one in draft.increases
    ]
    return "\n".join(
        [
            "# Trend report (MDR Art. 88), draft",
            "",
            "Drafted of what a registry has counted, for the manufacturer, who judges it and files it.",
            "",
            *table_head(("What", "Declared or counted")),
            *map(row, declared),
            "",
            *table_head(("Increase of", "Observed", "Expected", "Measure", "Limit")),
            *map(row, found),
            "",
        ]
    )
