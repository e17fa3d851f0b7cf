"""Any condition that the language can say, of any histories: the code made of it holds where the reference says so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.definition.checks import indicator_problems, monitor_problems
from schemas.definition.condition_checks import Known
from schemas.definition.form import OPT_OUT
from schemas.definition.indicators import Indicators
from schemas.definition.monitors import Monitors
from streams.journeys.core import JourneyCore
from tests.journey_histories import FIELDS, VALUES, histories
from tests.journey_registries import NAMES, registry
from tests.journey_support import Loader, batches_of
from tests.reference_journeys import recompute

if TYPE_CHECKING:
    from schemas.definition.form import FormField
    from schemas.definition.registry import RegistryDefinition

TITLE = {"sv": "En titel", "en": "A title"}
DAYS = st.none() | st.integers(0, 4)
COMPARISONS = ("gt", "gte", "lt", "lte")
NUMBERS = ("int", "long", "float", "double")


def forms_of(definition: RegistryDefinition) -> list[str]:
    return [form for form in definition.forms if form != OPT_OUT]


def field_tests(declared: FormField) -> st.SearchStrategy[Any]:
    """What can be asked of a field, as YAML has it."""
    values = st.sampled_from(FIELDS.get(declared.name, VALUES[declared.kind]))
    if declared.repeated:
        return st.fixed_dictionaries({"contains": values}) | st.fixed_dictionaries({"empty": st.booleans()})
    asked: list[st.SearchStrategy[Any]] = [st.fixed_dictionaries({"known": st.booleans()})]
    if declared.kind not in ("date", "timestamp"):
        asked += [values, st.lists(values, min_size=1, max_size=2)]
    if declared.kind == "string":
        asked.append(st.fixed_dictionaries({"starts_with": st.sampled_from(["", "a", "ab", "A"])}))
    if declared.kind in NUMBERS:
        asked.append(st.dictionaries(st.sampled_from(COMPARISONS), values, min_size=1, max_size=2))
    return st.one_of(asked)


def own_conditions(definition: RegistryDefinition, form: str) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on a registration by itself."""
    tests = {one.name: field_tests(one) for one in definition.forms[form].fields if one.name != "patient"}
    derived = {
        name: st.dictionaries(st.sampled_from(COMPARISONS), st.integers(-2, 3), min_size=1, max_size=2)
        for name, value in definition.journey.values.items()
        if value.form == form
    }
    leaf = st.sampled_from(sorted({**tests, **derived})).flatmap(
        lambda name: st.fixed_dictionaries({name: {**tests, **derived}[name]})
    )
    return st.recursive(leaf, combined, max_leaves=3)


def combined(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(parts, min_size=1, max_size=3)
    return (
        st.fixed_dictionaries({"all": several})
        | st.fixed_dictionaries({"any": several})
        | st.fixed_dictionaries({"not": parts})
    )


@st.composite
def relations(draw: st.DrawFn, definition: RegistryDefinition, earlier: str, later: str) -> dict[str, Any]:
    """What ties two registrations: fields that are the same, attribution."""
    kinds = [
        {one.name: one.kind for one in definition.forms[form].fields if not one.repeated} for form in (earlier, later)
    ]
    shared = sorted(name for name, kind in kinds[0].items() if kinds[1].get(name) == kind and name != "patient")
    said: dict[str, Any] = {}
    if draw(st.booleans()):
        said["same"] = draw(st.lists(st.sampled_from(shared), max_size=1))
    rule = definition.journey.attributions.get(later)
    if rule is not None and rule.to == earlier:
        said["attributed"] = draw(st.booleans())
    return said


@st.composite
def conditions(draw: st.DrawFn, definition: RegistryDefinition, form: str, depth: int = 2) -> dict[str, Any]:
    """Conditions on a registration within its journey."""
    kind = draw(st.sampled_from(["own", "followed_by", "preceded_by", "latest", "combined"] if depth else ["own"]))
    if kind == "own":
        return draw(own_conditions(definition, form))
    if kind == "combined":
        return draw(combined(conditions(definition, form, depth - 1)))
    other = draw(st.sampled_from(forms_of(definition)))
    earlier, later = (form, other) if kind == "followed_by" else (other, form)
    said: dict[str, Any] = {"form": other, **draw(relations(definition, earlier, later))}
    if draw(st.booleans()):
        said["where"] = draw(own_conditions(definition, other))
    if (within := draw(DAYS)) is not None:
        said["within_days"] = within
    if kind == "latest":
        said.pop("attributed", None)
        return {kind: {**said, "is": draw(own_conditions(definition, other))}}
    if (after := draw(DAYS)) is not None and after <= (after if within is None else within):
        said["after_days"] = after
    if draw(st.booleans()):
        said["that"] = draw(conditions(definition, other, depth - 1))
    return {kind: said}


@st.composite
def followings(draw: st.DrawFn, definition: RegistryDefinition, form: str) -> dict[str, Any]:
    other = draw(st.sampled_from(forms_of(definition)))
    said = {"form": other, **draw(relations(definition, form, other))}
    return {**said, "where": draw(own_conditions(definition, other))} if draw(st.booleans()) else said


@st.composite
def ends(draw: st.DrawFn, definition: RegistryDefinition, form: str) -> dict[str, Any]:
    dates = [one.name for one in definition.forms[form].fields if one.kind == "date"]
    if draw(st.booleans()):
        return {"field": draw(st.sampled_from(dates))}
    return draw(followings(definition, form))


def breakdowns(definition: RegistryDefinition, form: str) -> st.SearchStrategy[dict[str, Any]]:
    kinds = {one.name: one.kind for one in definition.forms[form].fields if not one.repeated}
    whole = [name for name, kind in kinds.items() if kind in ("string", "boolean", "int", "long")]
    sources: list[st.SearchStrategy[dict[str, Any]]] = [st.fixed_dictionaries({"field": st.sampled_from(whole)})]
    numbers = [name for name, kind in kinds.items() if kind in NUMBERS]
    numbers += [name for name, value in definition.journey.values.items() if value.form == form]
    if numbers:
        bands = st.lists(st.integers(-1, 3), min_size=1, max_size=3, unique=True).map(sorted)
        sources.append(st.fixed_dictionaries({"field": st.sampled_from(numbers), "bands": bands}))
    born = definition.forms[form].field_with("birth_year")
    ages = {"age": st.just(value=True), "bands": st.lists(st.integers(38, 52), max_size=2, unique=True).map(sorted)}
    if born is not None:
        sources.append(st.fixed_dictionaries({"field": st.just(born.name), **ages}))
    persons = definition.journey.persons
    if "birth_year" in persons:
        sources.append(st.fixed_dictionaries({"person": st.just("birth_year"), **ages}))
    if persons:
        sources.append(st.fixed_dictionaries({"person": st.sampled_from(sorted(persons))}))
    return st.one_of(sources)


@st.composite
def declared(draw: st.DrawFn, definition: RegistryDefinition) -> RegistryDefinition:
    """The registry with one cohort, one list and one monitor group of random content."""
    form = draw(st.sampled_from(forms_of(definition)))
    anchors: dict[str, Any] = {"form": form, "title": TITLE}
    by = draw(st.dictionaries(st.sampled_from(["one", "other"]), breakdowns(definition, form), max_size=2))
    if draw(st.booleans()):
        anchors["where"] = draw(own_conditions(definition, form))
    once_per = draw(st.sampled_from([None, "month", "quarter", "year", "person"]))
    if once_per is not None:
        anchors["once_per"] = once_per
    period = draw(st.sampled_from(["month", "quarter", "year"])) if once_per in (None, "person") else once_per
    share: dict[str, Any] = {"kind": "proportion", "numerator": draw(conditions(definition, form))}
    if draw(st.booleans()):
        share["where"] = draw(conditions(definition, form))
    rate: dict[str, Any] = {"kind": "rate", "event": draw(followings(definition, form)), "horizon_days": draw(DAYS)}
    rate["ends"] = draw(st.lists(ends(definition, form), max_size=2))
    indicators = {"share": {"title": TITLE, **share}, "rate": {"title": TITLE, **rate}}
    exposure: dict[str, Any] = {"product": "registration_id", "outcomes": draw(followings(definition, form))}
    exposure["ends"] = [
        {**end, "reason": f"r{n}"} for n, end in enumerate(draw(st.lists(ends(definition, form), max_size=2)))
    ]
    changed = replace(
        definition,
        indicators=Indicators.model_validate(
            {
                "cohorts": {"all": {**anchors, "by": by, "period": period, "indicators": indicators}},
                "lists": {"some": {**anchors, "when": draw(conditions(definition, form)), "show": ["occurred_on"]}},
            }
        ),
        monitors=Monitors.model_validate({"exposures": {"group": {**anchors, "by": by, **exposure}}}),
    )
    known = Known(changed.forms, changed.journey)
    assert list(indicator_problems(known, changed.indicators)) == []
    assert list(monitor_problems(known, changed.monitors)) == []
    return changed


def run(name: str, data: st.DataObject) -> None:
    definition = data.draw(declared(registry(name)))
    submissions = data.draw(histories(name))
    loader = Loader(definition)
    loader.take(JourneyCore(definition).step(batches_of(name, submissions), -1, lambda keys: [None] * len(keys)), -1)
    assert loader.shown() == recompute(definition, submissions)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, derandomize=True, database=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_any_definition_says_of_any_history_is_what_the_stream_makes_of_it(name: str, data: st.DataObject) -> None:
    run(name, data)
