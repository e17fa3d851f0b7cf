"""Which fields of which forms the definitions speak of: those a journey must keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.condition import All, AnyOf, FieldTest, Latest, Not, Related

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from schemas.definition.condition import Condition
    from schemas.definition.indicators import Anchors, Breakdown, End, Following, Indicator
    from schemas.definition.registry import RegistryDefinition

_Mention = tuple[str, str]  # form, field


def mentioned(definition: RegistryDefinition) -> dict[str, set[str]]:
    """By form, every field that a definition speaks of; derived values as the fields they are made of."""
    found: dict[str, set[str]] = {name: set() for name in definition.forms}
    for form, field in (*_of_journey(definition), *_of_indicators(definition), *_of_exposures(definition)):
        value = definition.journey.values.get(field)
        found[form] |= {field} if value is None or value.form != form else {value.days_from, value.to}
    return found


def _of_journey(definition: RegistryDefinition) -> Iterator[_Mention]:
    for outcome, attribution in definition.journey.attributions.items():
        yield from ((form, field) for form in (outcome, attribution.to) for field in attribution.same)
        yield from _roles(definition, outcome)
        if attribution.reference is not None:
            yield outcome, attribution.reference
    yield from ((fact.form, fact.field) for fact in definition.journey.persons.values())


def _of_indicators(definition: RegistryDefinition) -> Iterator[_Mention]:
    for cohort in definition.indicators.cohorts.values():
        yield from _of_anchors(definition, cohort, cohort.by)
        for indicator in cohort.indicators.values():
            yield from _of_condition(cohort.form, indicator.where)
            yield from _of_indicator(cohort.form, indicator)
    for declared in definition.indicators.lists.values():
        yield from _of_anchors(definition, declared, {})
        yield from _of_condition(declared.form, declared.when)
        yield from ((declared.form, field) for field in declared.show)


def _of_indicator(form: str, indicator: Indicator) -> Iterator[_Mention]:
    if indicator.kind == "proportion":
        yield from _of_condition(form, indicator.numerator)
    elif indicator.kind in ("mean", "median"):
        yield form, indicator.value
    elif indicator.kind == "rate":
        yield from _of_ends(form, (indicator.event, *indicator.ends))


def _of_exposures(definition: RegistryDefinition) -> Iterator[_Mention]:
    for exposure in definition.monitors.groups.values():
        yield from _of_anchors(definition, exposure, exposure.by)
        for field in exposure.product:
            yield exposure.form, field
        if exposure.lot is not None:
            yield exposure.form, exposure.lot
        yield from _of_ends(exposure.form, (*exposure.ends, *exposure.carried_until))
        if exposure.outcomes is not None:
            yield from _of_ends(exposure.form, (exposure.outcomes,))
            for condition in (exposure.specific, exposure.unknown):
                yield from _of_condition(exposure.outcomes.form, condition)


def _roles(definition: RegistryDefinition, form: str) -> Iterator[_Mention]:
    """The fields that outputs carry whatever the definitions ask."""
    for role in ("unit", "side"):
        field = definition.forms[form].field_with(role)
        if field is not None:
            yield form, field.name


def _of_anchors(definition: RegistryDefinition, anchors: Anchors, by: Mapping[str, Breakdown]) -> Iterator[_Mention]:
    yield from _roles(definition, anchors.form)
    yield from _of_condition(anchors.form, anchors.where)
    yield from ((anchors.form, breakdown.field) for breakdown in by.values() if breakdown.field is not None)


def _of_ends(form: str, ends: Iterable[Following | End]) -> Iterator[_Mention]:
    for end in ends:
        if end.form is None:  # an End that is a date of the registration itself
            yield form, str(end.field)
        else:
            yield from _of_condition(end.form, end.where)
            yield from ((one, field) for one in (form, end.form) for field in end.same)


def _of_condition(form: str, condition: Condition | None) -> Iterator[_Mention]:
    match condition:
        case FieldTest():
            yield form, condition.field
        case All() | AnyOf():
            for part in condition.parts:
                yield from _of_condition(form, part)
        case Not():
            yield from _of_condition(form, condition.part)
        case Related() | Latest():
            yield from ((one, field) for one in (form, condition.form) for field in condition.same)
            yield from _of_condition(condition.form, condition.where)
            inner = condition.that if isinstance(condition, Related) else condition.holds
            yield from _of_condition(condition.form, inner)
