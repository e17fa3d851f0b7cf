"""Whether journey.yaml, indicators.yaml and monitors.yaml speak of what the registry's forms have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.condition import fields_only
from schemas.definition.condition_checks import (
    NUMBERS,
    condition_problems,
    no_field,
    no_form,
    relation_problems,
    single_field,
    unlike,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.definition.condition_checks import Known
    from schemas.definition.indicators import Anchors, Breakdown, Cohort, End, Following, Indicators, Mean, Median
    from schemas.definition.journey import Attribution, DerivedValue
    from schemas.definition.monitors import Disproportionality, Exposure, Monitors

_MOMENTS = ("date", "timestamp")
#: In multiples of the resolution, either side of nought. A mean's squares are added up in 64 bits. All values of a
#: median that a cell has are kept as one record of the changelog, which takes 4 MiB: each value is at most 5 bytes
#: and its count as many (up to 4,294,967,295), so 200,001 values come to 2 MB; the days between two dates of the
#: years 1900 to 2299, which need no range, to 3 MB.
_MOST_MULTIPLES = {"mean": 1_000_000, "median": 100_000}


def journey_problems(known: Known) -> Iterator[str]:
    """What is wrong in journey.yaml; each line begins with the key."""
    for outcome, attribution in known.rules.attributions.items():
        at = f"attributions.{outcome}"
        yield from no_form(known, at, outcome, attribution.to)
        if {outcome, attribution.to} <= known.forms.keys():
            yield from _attribution_problems(known, at, outcome, attribution)
    for name, value in known.rules.values.items():
        at = f"values.{name}"
        yield from no_form(known, at, value.form)
        if value.form in known.forms:
            yield from _derived_problems(known, at, name, value)
    for name, fact in known.rules.persons.items():
        yield from no_form(known, f"persons.{name}", fact.form)
        if fact.form in known.forms:
            yield from single_field(known, f"persons.{name}", fact.form, fact.field)


def indicator_problems(known: Known, indicators: Indicators) -> Iterator[str]:
    """What is wrong in indicators.yaml; each line begins with the key."""
    for name, cohort in indicators.cohorts.items():
        at = f"cohorts.{name}"
        yield from _anchor_problems(known, at, cohort)
        if cohort.form in known.forms:
            yield from _breakdown_problems(known, at, cohort.form, cohort.by)
            yield from _of_indicators(known, at, cohort)
    for name, declared in indicators.lists.items():
        at = f"lists.{name}"
        yield from _anchor_problems(known, at, declared)
        if declared.form in known.forms:
            yield from condition_problems(known, f"{at}.when", declared.form, declared.when)
            for field in declared.show:
                yield from single_field(known, f"{at}.show", declared.form, field)


def monitor_problems(known: Known, monitors: Monitors) -> Iterator[str]:
    """What is wrong in monitors.yaml; each line begins with the key."""
    for name, exposure in monitors.exposures.items():
        at = f"exposures.{name}"
        yield from _anchor_problems(known, at, exposure)
        if exposure.form in known.forms:
            yield from _of_exposure(known, at, exposure)
    for name, monitor in monitors.monitors.items():
        at = f"monitors.{name}"
        group = monitors.exposures.get(monitor.exposures)
        if group is None:
            yield f"{at}.exposures: there is no group {monitor.exposures}"
        elif monitor.outcome == "specific" and group.specific is None:
            yield f"{at}.outcome: {monitor.exposures} does not declare which outcomes are specific"

    for name, pairs in monitors.disproportionality.items():
        yield from _of_pairs(known, f"disproportionality.{name}", name, pairs, monitors)


def _of_pairs(known: Known, at: str, name: str, pairs: Disproportionality, monitors: Monitors) -> Iterator[str]:
    if name in monitors.exposures or name in monitors.monitors:
        yield f"{at}: an exposure or monitor has that name, and signals are known by it"
    if "reaction" in pairs.by:
        yield f"{at}.by.reaction: the reaction is told apart as it is"
    yield from _anchor_problems(known, at, pairs)
    if pairs.form in known.forms:
        for key in ("drug", "reaction"):
            field = getattr(pairs, key)
            if known.kind_of(pairs.form, field) != ("string", False):
                yield f"{at}.{key}: {field} is no text of {pairs.form}"
        yield from _breakdown_problems(known, at, pairs.form, pairs.by)
    group = None if pairs.exposures is None else monitors.exposures.get(pairs.exposures)
    if pairs.exposures is not None and group is None:
        yield f"{at}.exposures: there is no group {pairs.exposures}"
    elif group is not None and pairs.users is not None and pairs.users not in group.by:
        yield f"{at}.users: group {pairs.exposures} has no stratum {pairs.users}"
    elif pairs.exposures is None and pairs.users is not None:
        yield f"{at}.users: means nothing without exposures"


def _attribution_problems(known: Known, at: str, outcome: str, attribution: Attribution) -> Iterator[str]:
    for form in (outcome, attribution.to):
        yield from no_field(known, at, form, attribution.same)
    yield from unlike(known, at, outcome, attribution.to, attribution.same)
    if attribution.reference is not None and known.kind_of(outcome, attribution.reference) != ("string", False):
        yield f"{at}.reference: {attribution.reference} is no text of {outcome}"
    if outcome == attribution.to:
        yield f"{at}: an outcome cannot belong to a registration of its own form"


def _derived_problems(known: Known, at: str, name: str, value: DerivedValue) -> Iterator[str]:
    for field in (value.days_from, value.to):
        found = known.field_of(value.form, field)
        if found is None or found.kind not in _MOMENTS or found.repeated:
            yield f"{at}: {field} is no date or time of {value.form}"
    if known.field_of(value.form, name) is not None:
        yield f"{at}: {value.form} has a field of that name"


def _of_indicators(known: Known, at: str, cohort: Cohort) -> Iterator[str]:
    for name, indicator in cohort.indicators.items():
        here = f"{at}.indicators.{name}"
        yield from condition_problems(known, f"{here}.where", cohort.form, indicator.where)
        if indicator.kind == "proportion":
            yield from condition_problems(known, f"{here}.numerator", cohort.form, indicator.numerator)
        elif indicator.kind in ("mean", "median"):
            kind = known.kind_of(cohort.form, indicator.value)
            if kind is None or kind[0] not in NUMBERS or kind[1]:
                yield f"{here}.value: {indicator.value} is no number of {cohort.form}"
            else:
                yield from _range_problems(known, f"{here}.value", cohort.form, indicator)
        elif indicator.kind == "rate":
            yield from _following_problems(known, f"{here}.event", cohort.form, indicator.event)
            for end in indicator.ends:
                yield from _end_problems(known, f"{here}.ends", cohort.form, end)


def _range_problems(known: Known, at: str, form: str, indicator: Mean | Median) -> Iterator[str]:
    """What is counted in whole multiples must have bounds, or one slip of the pen would be more than 64 bits hold."""
    field = known.field_of(form, indicator.value)
    if field is None:
        return  # a derived value, of days between dates
    if field.range is None:
        yield f"{at}: {field.name} needs a range in {form}, for numbers without bounds cannot be added up exactly"
    elif max(map(abs, field.range)) / indicator.resolution > _MOST_MULTIPLES[indicator.kind]:
        yield (
            f"{at}: the range of {field.name} is more than {_MOST_MULTIPLES[indicator.kind]:,} times the resolution, "
            "which is more than can be kept exactly"
        )


def _of_exposure(known: Known, at: str, exposure: Exposure) -> Iterator[str]:
    for field in (*exposure.product, *(() if exposure.lot is None else (exposure.lot,))):
        kind = known.kind_of(exposure.form, field)
        if kind != ("string", False):
            yield f"{at}: {field} is no text of {exposure.form}"
    yield from _breakdown_problems(known, at, exposure.form, exposure.by)
    for end in exposure.ends:
        yield from _end_problems(known, f"{at}.ends", exposure.form, end)
    for until in exposure.carried_until:
        yield from _end_problems(known, f"{at}.carried_until", exposure.form, until)
    yield from _following_problems(known, f"{at}.outcomes", exposure.form, exposure.outcomes)
    for name in ("specific", "unknown"):
        condition = getattr(exposure, name)
        if condition is not None and not fields_only(condition):
            yield f"{at}.{name}: looks at the outcome's own fields only"
        elif exposure.outcomes.form in known.forms:
            yield from condition_problems(known, f"{at}.{name}", exposure.outcomes.form, condition)
    if exposure.unknown is not None and exposure.specific is None:
        yield f"{at}.unknown: means nothing without specific"


def _anchor_problems(known: Known, at: str, anchors: Anchors) -> Iterator[str]:
    yield from no_form(known, at, anchors.form)
    if anchors.where is not None and not fields_only(anchors.where):
        yield f"{at}.where: looks at the registration's own fields only; the rest belongs to the indicators' where"
    elif anchors.form in known.forms:
        yield from condition_problems(known, f"{at}.where", anchors.form, anchors.where)


def _breakdown_problems(known: Known, at: str, form: str, by: Mapping[str, Breakdown]) -> Iterator[str]:
    for name, breakdown in by.items():
        here = f"{at}.by.{name}"
        if breakdown.person is not None:
            fact = known.rules.persons.get(breakdown.person)
            if fact is None:
                yield f"{here}: journey.yaml has no person's fact {breakdown.person}"
                continue
            source, field = fact.form, fact.field
        else:
            source, field = form, str(breakdown.field)
        if source not in known.forms:
            continue  # told of at the fact itself
        yield from single_field(known, here, source, field)
        kind = known.kind_of(source, field)
        if kind is not None and breakdown.age and not known.is_birth_year(source, field):
            yield f"{here}: age is counted from a year of birth, and {field} of {source} has not the role birth_year"
        if kind is not None and breakdown.bands and kind[0] not in NUMBERS:
            yield f"{here}: bands need a number, and {field} is {kind[0]}"
        if kind is not None and breakdown.first is not None and kind[0] != "string":
            yield f"{here}: first counts the characters of a text, and {field} is {kind[0]}"
        if kind is not None and not breakdown.bands and kind[0] in ("float", "double", *_MOMENTS):
            yield f"{here}: {field} is {kind[0]}, which has too many values: give bands of a number"


def _end_problems(known: Known, at: str, form: str, end: End) -> Iterator[str]:
    if end.form is not None:
        yield from relation_problems(known, at, form, end.form, end.same, attributed=end.attributed)
        if end.form in known.forms:
            yield from condition_problems(known, f"{at}.where", end.form, end.where)
    elif (kind := known.kind_of(form, str(end.field))) is None or kind != ("date", False):
        yield f"{at}: {end.field} is no date of {form}"
    if end.where is not None and not fields_only(end.where):
        yield f"{at}.where: looks at the registration's own fields only"


def _following_problems(known: Known, at: str, form: str, following: Following) -> Iterator[str]:
    yield from relation_problems(known, at, form, following.form, following.same, attributed=following.attributed)
    if following.form in known.forms:
        yield from condition_problems(known, f"{at}.where", following.form, following.where)
    if following.where is not None and not fields_only(following.where):
        yield f"{at}.where: looks at the registration's own fields only"
