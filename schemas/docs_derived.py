"""The second half of a registry's variable catalogue: what is derived from its forms, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.indicators import UNRESOLVED
from schemas.definition.reporting import ALWAYS
from schemas.definition.written import as_yaml, breakdown_written, following_written, in_one_line
from schemas.markdown import code, row, table_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from schemas.definition.condition import Condition
    from schemas.definition.indicators import Anchors, Breakdown, Cohort, Indicator
    from schemas.definition.registry import RegistryDefinition
    from schemas.definition.text import Text

_INDICATOR_COLUMNS = (
    "Indicator",
    "Title",
    "Kind",
    "Denominator",
    "Numerator or value",
    "Better",
    "Target",
    "Shown from",
)
_LIST_COLUMNS = ("List", "Title", "Of", "Listed when", "Shows")
_EXPOSURE_COLUMNS = (
    "Group",
    "Title",
    "Of",
    "Class",
    "Product",
    "Lot",
    "Strata",
    "Ends",
    "Outcomes",
    "Specific",
    "Not known",
    "Carried until",
)
_MONITOR_COLUMNS = (
    "Monitor",
    "Exposures",
    "Outcomes",
    "Held against",
    "Per 100 component-years",
    "Watch from",
    "Alarm from",
    "Left out",
)
_PAIR_COLUMNS = (
    "Disproportionality",
    "Title",
    "Reports",
    "Drug",
    "Reaction",
    "Strata",
    "Watch by",
    "Alarm by",
    "Fewest reports",
    "Exposures",
    "Users told apart by",
)
_REPORT_COLUMNS = ("Report", "Why", "Of", "Kind", "To", "By", "Deadlines", "How it came about", "Checked by")
_AGE = " (the age reached in the registration's year)"


def derived_catalogue(definition: RegistryDefinition) -> Iterator[str]:
    """The lines about indicators, lists, exposures, monitors and reports; none where the registry declares none."""
    yield from _journey(definition)
    if definition.indicators.cohorts:
        yield from ("", "## Indicators", "")
        yield f"Conditions are written as in `indicators.yaml`. Generation of the values: `{definition.generation}`."
        for name, cohort in definition.indicators.cohorts.items():
            yield from _cohort(name, cohort)
    yield from _lists(definition)
    yield from _exposures(definition)
    yield from _monitors(definition)
    yield from _pairs(definition)
    yield from _reports(definition)


def _journey(definition: RegistryDefinition) -> Iterator[str]:
    rules = definition.journey
    if not (rules.attributions or rules.values or rules.persons):
        return
    yield from ("", "## Journeys", "")
    for outcome, rule in rules.attributions.items():
        named = f"the `{rule.to}` that `{rule.reference}` names, else to " if rule.reference else ""
        same = f", with the same {_names(rule.same)}" if rule.same else ""
        latest = f"the latest `{rule.to}` on its day or before{same}"
        yield f"- `{outcome}` belongs to {named}{latest}; one that belongs to none is `{UNRESOLVED}`."
    for name, value in rules.values.items():
        yield f"- `{name}` of `{value.form}`: whole days from `{value.days_from}` to `{value.to}`."
    for name, fact in rules.persons.items():
        yield f"- `{name}` of a person: `{fact.field}` of the latest `{fact.form}`."


def _cohort(name: str, cohort: Cohort) -> Iterator[str]:
    yield from ("", f"### {name}: {_title(cohort.title)}", "")
    yield f"- Of: {_anchors(cohort)}"
    yield f"- Cells by: unit, {cohort.period}{''.join(f', {by}' for by in _breakdowns(cohort.by))}"
    yield ""
    yield from table_head(_INDICATOR_COLUMNS)
    for indicator_name, indicator in cohort.indicators.items():
        yield row(
            [
                code(indicator_name),
                _title(indicator.title),
                _kind(indicator),
                _condition(indicator.where),
                _counted(indicator),
                indicator.direction or "",
                "" if indicator.target is None else f"{indicator.target:.12g}",
                str(indicator.smallest_shown),
            ]
        )


def _lists(definition: RegistryDefinition) -> Iterator[str]:
    if not definition.indicators.lists:
        return
    yield from ("", "## Lists", "")
    yield from table_head(_LIST_COLUMNS)
    for name, one in definition.indicators.lists.items():
        yield row([code(name), _title(one.title), _anchors(one), _condition(one.when), _names(one.show)])


def _exposures(definition: RegistryDefinition) -> Iterator[str]:
    if not definition.monitors.exposures:
        return
    yield from ("", "## Exposures", "")
    yield from table_head(_EXPOSURE_COLUMNS)
    for name, exposure in definition.monitors.exposures.items():
        ends = [code(in_one_line(following_written(end))) for end in exposure.ends]
        yield row(
            [
                code(name),
                _title(exposure.title),
                _anchors(exposure),
                exposure.class_name,
                " + ".join(map(code, exposure.product)),
                code(exposure.lot) if exposure.lot else "",
                ", ".join(_breakdowns(exposure.by)),
                "; ".join(ends),
                code(in_one_line(following_written(exposure.outcomes))),
                _condition(exposure.specific) if exposure.specific else "",
                _condition(exposure.unknown) if exposure.unknown else "",
                "; ".join(code(in_one_line(following_written(end))) for end in exposure.carried_until),
            ]
        )


def _monitors(definition: RegistryDefinition) -> Iterator[str]:
    if not definition.monitors.monitors:
        return
    yield from ("", "## Monitors", "")
    yield from table_head(_MONITOR_COLUMNS)
    for name, monitor in definition.monitors.monitors.items():
        beside = ((f"{code(name)}, each {kind}", own.thresholds) for kind, own in monitor.streams.items())
        for stream, levels in ((code(name), monitor.thresholds), *beside):
            yield row(
                [
                    stream,
                    code(monitor.exposures),
                    monitor.outcome,
                    monitor.baseline,
                    _numbers(monitor.rates),
                    _numbers(levels.watch),
                    _numbers(levels.alarm),
                    ", ".join(map(code, monitor.left_out)),
                ]
            )


def _pairs(definition: RegistryDefinition) -> Iterator[str]:
    if not definition.monitors.disproportionality:
        return
    yield from ("", "## Disproportionality", "")
    yield from table_head(_PAIR_COLUMNS)
    for name, pairs in definition.monitors.disproportionality.items():
        yield row(
            [
                code(name),
                _title(pairs.title),
                _anchors(pairs),
                code(pairs.drug),
                code(pairs.reaction),
                ", ".join(_breakdowns(pairs.by)),
                " or ".join(pairs.watch),
                " or ".join(pairs.alarm),
                str(pairs.fewest),
                *(code(one) if one else "" for one in (pairs.exposures, pairs.users)),
            ]
        )


def _reports(definition: RegistryDefinition) -> Iterator[str]:
    if not definition.reporting.rules:
        return
    yield from ("", "## Reports", "")
    yield from table_head(_REPORT_COLUMNS)
    for name, rule in definition.reporting.rules.items():
        assessed = ", causality assessed" if rule.causality_required else ""
        yield row(
            [
                code(name),
                _title(rule.reason),
                f"`{rule.form}` where {_condition(rule.when)}",
                rule.kind,
                ", ".join(rule.addressees),
                rule.sender,
                "; ".join(f"{one}: {_when(condition)}" for one, condition in rule.deadlines.items()),
                f"{rule.report_type or ''}{assessed}",
                "another person" if rule.four_eyes else "a person",
            ]
        )


def _when(condition: Condition) -> str:
    return "always" if condition == ALWAYS else _condition(condition)


def _numbers(numbers: Iterable[float]) -> str:
    return ", ".join(f"{number:.12g}" for number in numbers)


def _anchors(anchors: Anchors) -> str:
    where = f" where {_condition(anchors.where)}" if anchors.where else ""
    latest = f", the latest of each {'person' if anchors.once_per == 'person' else f'person and {anchors.once_per}'}"
    return f"`{anchors.form}`{where}{latest if anchors.once_per else ''}"


def _breakdowns(by: Mapping[str, Breakdown]) -> list[str]:
    return [
        f"{name} {code(in_one_line(breakdown_written(breakdown)))}{_AGE if breakdown.age else ''}"
        for name, breakdown in by.items()
    ]


def _kind(indicator: Indicator) -> str:
    if indicator.kind == "rate":
        horizon = "" if indicator.horizon_days is None else f", {indicator.horizon_days} days at most"
        return f"rate per {indicator.per_years:.12g} person-years{horizon}"
    if indicator.kind in ("mean", "median") and indicator.measured_in:
        return f"{indicator.kind}, {indicator.measured_in}"
    return indicator.kind


def _counted(indicator: Indicator) -> str:
    match indicator.kind:
        case "proportion":
            return _condition(indicator.numerator)
        case "mean" | "median":
            return f"{code(indicator.value)} in multiples of {indicator.resolution:.12g}"
        case "rate":
            ends = "; ".join(code(in_one_line(following_written(end))) for end in indicator.ends)
            return code(in_one_line(following_written(indicator.event))) + (f" until {ends}" if ends else "")
        case _:
            return ""


def _title(title: Text) -> str:
    return f"{title.en} ({title.sv})"


def _condition(condition: Condition | None) -> str:
    return "" if condition is None else code(as_yaml(condition))


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(code(name) for name in names)
