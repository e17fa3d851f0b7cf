"""journey.yaml, indicators.yaml and monitors.yaml: what is wrong is named by file and key, in one line each."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from schemas.definition.condition import All, FieldTest, Not, parse
from schemas.definition.errors import DefinitionError
from schemas.definition.folder import load_registry
from schemas.definition.generation import deciding
from schemas.definition.indicators import Breakdown, layout, width
from schemas.definition.monitors import Monitors
from tests.unit.registry_folders import DATE, TIMESTAMP, UNIT, field, form, optional, write_registry

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition

Declared = dict[str, Any]

TITLE = {"sv": "En titel", "en": "A title"}
SIDE = field("side", "string", role="side", codes={"list": ["left", "right"]})
LIST = {"type": "array", "items": "string"}
FORMS = [
    form(
        UNIT,
        SIDE,
        optional("viral_load", "int"),
        optional("weight", "double", range=[0, 500]),
        optional("doses", "int"),
        optional("smoker", "boolean"),
        optional("until", DATE),
        optional("reported_at", TIMESTAMP),
        field("drugs", LIST, codes={"system": "ATC", "pattern": "J05A[A-Z][0-9]{2}"}),
        optional("drug", "string", codes={"system": "ATC", "pattern": "J05A[A-Z][0-9]{2}"}),
    ),
    form(
        UNIT,
        SIDE,
        optional("visit_id", "string"),
        optional("number", "int"),
        optional("weight", "string"),
        field("parts", LIST, codes={"list": ["cup", "stem"]}),
        name="event",
    ),
    form(field("sex", "string"), field("birth_year", "int", role="birth_year"), name="person"),
]
JOURNEY: Declared = {
    "attributions": {"event": {"to": "visit", "reference": "visit_id", "same": ["side"]}},
    "values": {"days_to_report": {"form": "visit", "days_from": "occurred_on", "to": "reported_at"}},
    "persons": {"sex": {"form": "person", "field": "sex"}, "born": {"form": "person", "field": "birth_year"}},
}
INDICATORS: Declared = {
    "cohorts": {
        "visits": {
            "title": TITLE,
            "form": "visit",
            "where": {"viral_load": {"known": True}},
            "once_per": "year",
            "period": "year",
            "by": {"sex": {"person": "sex"}, "born": {"person": "born", "bands": [1950, 1970]}},
            "indicators": {
                "visits_counted": {"kind": "count", "title": TITLE},
                "at_goal": {
                    "kind": "proportion",
                    "title": TITLE,
                    "numerator": {"viral_load": {"lt": 50}},
                    "direction": "higher",
                    "target": 0.8,
                },
                "with_event": {
                    "kind": "proportion",
                    "title": TITLE,
                    "numerator": {"followed_by": {"form": "event", "attributed": True, "within_days": 730}},
                },
                "mean_weight": {"kind": "mean", "title": TITLE, "value": "weight", "resolution": 0.1},
                "lag": {"kind": "median", "title": TITLE, "value": "days_to_report"},
                "events": {
                    "kind": "rate",
                    "title": TITLE,
                    "event": {"form": "event", "same": ["side"]},
                    "ends": [{"form": "death"}, {"field": "until"}],
                },
            },
        }
    },
    "lists": {
        "to_call": {
            "title": TITLE,
            "form": "visit",
            "once_per": "person",
            "when": {
                "viral_load": {"gte": 50},
                "latest": {"form": "visit", "is": {"viral_load": {"gte": 50}}},
                "not": {"any": [{"followed_by": {"form": "death"}}, {"smoker": True}]},
            },
            "show": ["viral_load", "until"],
        }
    },
}
MONITORS: Declared = {
    "exposures": {
        "drug": {
            "title": TITLE,
            "form": "visit",
            "product": "drug",
            "by": {"side": {"field": "side"}},
            "ends": [
                {"form": "event", "attributed": True, "where": {"parts": {"contains": "cup"}}, "reason": "revision"},
                {"form": "death", "reason": "death"},
            ],
            "outcomes": {"form": "event", "attributed": True},
        }
    },
    "monitors": {"a_drug": {"exposures": "drug", "rates": [1.0]}},
}
PAIRED: Declared = {
    **MONITORS,
    "disproportionality": {
        "pairs": {
            "title": TITLE,
            "form": "visit",
            "where": {"smoker": False},
            "drug": "drug",
            "reaction": "side",
            "by": {"born": {"person": "born", "bands": [1950, 1970]}},
            "exposures": "drug",
            "users": "side",
        }
    },
}
RIGHT: dict[str, Declared] = {"journey": JOURNEY, "indicators": INDICATORS, "monitors": MONITORS}

VISITS = "cohorts.visits"
AT_GOAL = f"{VISITS}.indicators.at_goal"
MEAN = f"{VISITS}.indicators.mean_weight"
MEDIAN = {"kind": "median", "title": TITLE, "value": "weight"}
RATE = f"{VISITS}.indicators.events"
CALL = "lists.to_call"
DRUG = "exposures.drug"
PAIRS = "disproportionality.pairs"
WATCHED = "monitors.a_drug"
GONE = object()


def changed(content: Declared, path: str, value: object) -> Declared:
    """The content with the value at a dotted path; GONE takes it out."""
    copied: Declared = copy.deepcopy(content)
    *steps, last = path.split(".")
    place: Any = copied
    for step in steps:
        place = place[int(step) if isinstance(place, list) else step]
    if value is GONE:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = copy.deepcopy(value)
    return copied


def declare(folder: Path, **contents: Declared) -> Path:
    """A registry that declares these, and the right ones for the rest."""
    registry = write_registry(folder, forms=FORMS, registry={"modules": ["core"]})
    for name, content in {**RIGHT, **contents}.items():
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        (registry / f"{name}.yaml").write_text(text, encoding="utf-8")
    return registry


def loaded(folder: Path, **contents: Declared) -> RegistryDefinition:
    folder.mkdir(exist_ok=True)
    return load_registry(declare(folder, **contents))


def problems(folder: Path, **contents: Declared) -> list[str]:
    registry = declare(folder, **contents)
    with pytest.raises(DefinitionError) as caught:
        load_registry(registry)
    prefix = f"{registry}/"
    assert all(line.startswith(prefix) and "\n" not in line for line in caught.value.problems)
    return [line.removeprefix(prefix) for line in caught.value.problems]


def test_what_is_right_is_read(tmp_path: Path) -> None:
    definition = loaded(tmp_path)
    cohort = definition.indicators.cohorts["visits"]
    # count 1, proportion 2, proportion 2, mean 3, median 1, rate 5
    assert layout(cohort) == {
        "visits_counted": 0,
        "at_goal": 1,
        "with_event": 3,
        "mean_weight": 5,
        "lag": 8,
        "events": 9,
    }
    assert width(cohort) == 14
    assert definition.monitors.exposures["drug"].class_name == "primary"
    monitor = definition.monitors.monitors["a_drug"]
    assert (monitor.exposures, monitor.outcome, monitor.baseline, monitor.rates) == (
        "drug",
        "all",
        "contemporary",
        (1.0,),
    )
    assert cohort.by["born"].labels == ("<1950", "1950-1969", "1970+")


def test_a_registry_need_not_declare_anything(tmp_path: Path) -> None:
    registry = write_registry(tmp_path)
    (registry / "indicators.yaml").write_text("# nothing yet\n", encoding="utf-8")
    definition = load_registry(registry)
    assert (definition.journey.attributions, definition.indicators.cohorts, definition.monitors.exposures) == (
        {},
        {},
        {},
    )
    assert len(definition.generation) == 12


Wrong = tuple[str, str, object, str, str]
WRONG: list[Wrong] = [
    # file, what is changed to what, the key that is named, and what is said of it
    ("journey", "attributions.event.to", "stay", "attributions.event", "there is no form stay; there are event, "),
    ("journey", "attributions.stay", {"to": "visit"}, "attributions.stay", "there is no form stay"),
    ("journey", "attributions.event.to", "event", "attributions.event", "cannot belong to a registration of its own"),
    ("journey", "attributions.event.reference", "visit", "attributions.event.reference", "visit is no text of event"),
    ("journey", "attributions.event.reference", "number", "attributions.event.reference", "number is no text of event"),
    ("journey", "attributions.event.reference", "parts", "attributions.event.reference", "parts is no text of event"),
    ("journey", "attributions.event.same", ["number"], "attributions.event", "visit has no field number"),
    ("journey", "attributions.event.same", ["weight"], "attributions.event", "weight is not of the same type in"),
    ("journey", "attributions.event.sames", ["side"], "attributions.event.sames", "Extra inputs are not permitted"),
    ("journey", "attributions.opt_out", {"to": "visit"}, "attributions.opt_out", "is counted by nothing"),
    ("journey", "values.days_to_report.to", "weight", "values.days_to_report", "weight is no date or time of visit"),
    ("journey", "values.days_to_report.to", "gone", "values.days_to_report", "gone is no date or time of visit"),
    ("journey", "values.days_to_report.form", "stay", "values.days_to_report", "there is no form stay"),
    (
        "journey",
        "values.weight",
        {"form": "visit", "days_from": "occurred_on", "to": "until"},
        "values.weight",
        "visit has a field of that name",
    ),
    ("journey", "values.Lag", JOURNEY["values"]["days_to_report"], "values.Lag.[key]", "String should match pattern"),
    ("journey", "persons.sex.field", "gone", "persons.sex", "person has no field gone"),
    ("journey", "persons.sex", {"form": "visit", "field": "drugs"}, "persons.sex", "visit.drugs is a list"),
    ("journey", "persons.sex.form", "stay", "persons.sex", "there is no form stay"),
    ("indicators", f"{VISITS}.form", "stay", VISITS, "there is no form stay; there are event, "),
    ("indicators", f"{VISITS}.form", "opt_out", VISITS, "opt_out is how a person leaves the register"),
    ("indicators", f"{VISITS}.title.en", GONE, f"{VISITS}.title.en", "Field required"),
    ("indicators", f"{VISITS}.title.sv", " ", f"{VISITS}.title.sv", "String should match pattern"),
    ("indicators", f"{VISITS}.indicators", {}, f"{VISITS}.indicators", "at least 1 item"),
    ("indicators", f"{VISITS}.period", "week", f"{VISITS}.period", "Input should be 'month', 'quarter' or 'year'"),
    ("indicators", f"{VISITS}.period", "month", VISITS, "once_per year counts a person once in that period"),
    ("indicators", f"{VISITS}.once_per", "week", f"{VISITS}.once_per", "Input should be 'month'"),
    ("indicators", f"{VISITS}.where", {"gone": 1}, f"{VISITS}.where.gone", "visit has no field gone"),
    ("indicators", f"{VISITS}.where", [{"smoker": True}], f"{VISITS}.where", "a condition is a mapping"),
    ("indicators", f"{VISITS}.where", {}, f"{VISITS}.where", "a condition is a mapping"),
    (
        "indicators",
        f"{VISITS}.where",
        {"followed_by": {"form": "event"}},
        f"{VISITS}.where",
        "looks at the registration's own fields only; the rest belongs to the indicators' where",
    ),
    ("indicators", f"{VISITS}.by.sex", {}, f"{VISITS}.by.sex", "give either field or person"),
    ("indicators", f"{VISITS}.by.sex.field", "side", f"{VISITS}.by.sex", "give either field or person"),
    ("indicators", f"{VISITS}.by.sex.person", "age", f"{VISITS}.by.sex", "journey.yaml has no person's fact age"),
    ("indicators", f"{VISITS}.by.born.bands", [1970, 1950], f"{VISITS}.by.born", "in rising order"),
    ("indicators", f"{VISITS}.by.born.bands", [1950, 1950], f"{VISITS}.by.born", "in rising order"),
    ("indicators", f"{VISITS}.by.sex.bands", [1], f"{VISITS}.by.sex", "bands need a number, and sex is string"),
    ("indicators", f"{VISITS}.by.x", {"field": "weight"}, f"{VISITS}.by.x", "has too many values: give bands"),
    ("indicators", f"{VISITS}.by.x", {"field": "until"}, f"{VISITS}.by.x", "has too many values: give bands"),
    ("indicators", f"{VISITS}.by.x", {"field": "drugs"}, f"{VISITS}.by.x", "visit.drugs is a list"),
    ("indicators", f"{VISITS}.by.x", {"field": "viral_load", "age": True}, f"{VISITS}.by.x", "not the role birth_year"),
    ("indicators", f"{VISITS}.by.x", {"field": "days_to_report", "age": True}, f"{VISITS}.by.x", "not the role birth"),
    ("indicators", f"{VISITS}.by.sex.age", True, f"{VISITS}.by.sex", "and sex of person has not the role birth_year"),
    ("indicators", f"{VISITS}.by.born.first", 1, f"{VISITS}.by.born", "first counts the characters of a text"),
    ("indicators", f"{VISITS}.by.x", {"field": "gone"}, f"{VISITS}.by.x", "visit has no field gone"),
    ("indicators", f"{VISITS}.by.unit", {"field": "unit"}, VISITS, "cells are always by unit and period"),
    ("indicators", f"{VISITS}.indicators.At", {"kind": "count"}, f"{VISITS}.indicators.At", "match pattern"),
    ("indicators", f"{AT_GOAL}.kind", "share", AT_GOAL, "does not match any of the expected tags"),
    ("indicators", f"{AT_GOAL}.target", 80, f"{AT_GOAL}.proportion.target", "less than or equal to 1"),
    ("indicators", f"{AT_GOAL}.direction", "up", f"{AT_GOAL}.proportion.direction", "'lower' or 'higher'"),
    ("indicators", f"{AT_GOAL}.smallest_shown", -1, f"{AT_GOAL}.proportion.smallest_shown", "greater than or equal"),
    ("indicators", f"{AT_GOAL}.value", "weight", f"{AT_GOAL}.proportion.value", "Extra inputs are not permitted"),
    ("indicators", f"{AT_GOAL}.numerator", GONE, f"{AT_GOAL}.proportion.numerator", "Field required"),
    ("indicators", f"{MEAN}.value", "side", f"{MEAN}.value", "side is no number of visit"),
    ("indicators", f"{MEAN}.value", "doses", f"{MEAN}.value", "doses needs a range in visit"),
    ("indicators", f"{MEAN}.resolution", 0.0001, f"{MEAN}.value", "more than 1,000,000 times the resolution"),
    ("indicators", MEAN, MEDIAN | {"resolution": 0.0049}, f"{MEAN}.value", "more than 100,000 times the resolution"),
    ("indicators", f"{MEAN}.value", "gone", f"{MEAN}.value", "gone is no number of visit"),
    ("indicators", f"{MEAN}.resolution", 0, f"{MEAN}.mean.resolution", "greater than 0"),
    ("indicators", f"{RATE}.event.form", "stay", f"{RATE}.event", "there is no form stay"),
    ("indicators", f"{RATE}.event.same", ["number"], f"{RATE}.event", "visit has no field number"),
    ("indicators", f"{RATE}.event.where", {"gone": 1}, f"{RATE}.event.where.gone", "event has no field gone"),
    (
        "indicators",
        f"{RATE}.event.where",
        {"followed_by": {"form": "death"}},
        f"{RATE}.event.where",
        "looks at the registration's own fields only",
    ),
    (
        "indicators",
        f"{RATE}.ends.0",
        {"form": "event", "where": {"preceded_by": {"form": "visit"}}},
        f"{RATE}.ends.where",
        "looks at the registration's own fields only",
    ),
    ("indicators", f"{RATE}.ends.0.attributed", True, f"{RATE}.ends", "does not attribute death to visit"),
    ("indicators", f"{RATE}.ends.0.field", "until", f"{RATE}.rate.ends.0", "give either form or field"),
    ("indicators", f"{RATE}.ends.1.same", ["side"], f"{RATE}.rate.ends.1", "where, same and attributed go with form"),
    ("indicators", f"{RATE}.ends.0.plus_days", 30, f"{RATE}.rate.ends.0", "plus_days goes with field"),
    ("indicators", f"{RATE}.ends.1.field", "reported_at", f"{RATE}.ends", "reported_at is no date of visit"),
    ("indicators", f"{RATE}.horizon_days", -1, f"{RATE}.rate.horizon_days", "greater than or equal to 0"),
    ("indicators", f"{RATE}.per_years", 0, f"{RATE}.rate.per_years", "greater than 0"),
    ("indicators", f"{CALL}.form", "stay", CALL, "there is no form stay"),
    ("indicators", f"{CALL}.when", GONE, f"{CALL}.when", "Field required"),
    ("indicators", f"{CALL}.show", ["gone"], f"{CALL}.show", "visit has no field gone"),
    ("indicators", f"{CALL}.show", ["drugs"], f"{CALL}.show", "visit.drugs is a list"),
    (
        "indicators",
        "lists.unresolved",
        INDICATORS["lists"]["to_call"],
        "top level",
        "unresolved is the list of outcomes",
    ),
    (
        "indicators",
        "cohorts.again",
        {"title": TITLE, "form": "visit", "indicators": {"at_goal": {"kind": "count", "title": TITLE}}},
        "top level",
        "an indicator's name stands once in a registry: at_goal",
    ),
    ("indicators", "panels", {}, "panels", "Extra inputs are not permitted"),
    ("monitors", f"{DRUG}.form", "stay", DRUG, "there is no form stay"),
    ("monitors", f"{DRUG}.product", "viral_load", DRUG, "viral_load is no text of visit"),
    ("monitors", f"{DRUG}.product", "drugs", DRUG, "drugs is no text of visit"),
    ("monitors", f"{DRUG}.lot", "gone", DRUG, "gone is no text of visit"),
    ("monitors", f"{DRUG}.by.weight", {"field": "weight"}, f"{DRUG}.by.weight", "give bands of a number"),
    ("monitors", f"{DRUG}.by.weight", {"field": "viral_load", "first": 1}, f"{DRUG}.by.weight", "characters of a text"),
    ("monitors", f"{DRUG}.product", ["drug", "weight"], DRUG, "weight is no text of visit"),
    ("monitors", f"{DRUG}.product", [], f"{DRUG}.product", "at least 1 item"),
    ("monitors", f"{DRUG}.specific", {"followed_by": {"form": "visit"}}, f"{DRUG}.specific", "own fields only"),
    ("monitors", f"{DRUG}.unknown", {"parts": {"empty": True}}, f"{DRUG}.unknown", "means nothing without specific"),
    ("monitors", f"{DRUG}.carried_until", [{"form": "stay"}], f"{DRUG}.carried_until", "there is no form stay"),
    ("monitors", f"{DRUG}.ends.0.reason", GONE, f"{DRUG}.ends.0.reason", "Field required"),
    ("monitors", f"{DRUG}.ends.1.attributed", True, f"{DRUG}.ends", "does not attribute death to visit"),
    ("monitors", f"{DRUG}.ends.0.where", {"parts": "cup"}, f"{DRUG}.ends.where.parts", "asked with contains or empty"),
    ("monitors", f"{DRUG}.outcomes", GONE, f"{DRUG}.outcomes", "Field required"),
    ("monitors", f"{DRUG}.outcomes.form", "visit", f"{DRUG}.outcomes", "does not attribute visit to visit"),
    ("monitors", f"{DRUG}.class", "Revision", f"{DRUG}.class", "String should match pattern"),
    ("monitors", f"{WATCHED}.exposures", "gone", f"{WATCHED}.exposures", "there is no group gone"),
    (
        "monitors",
        f"{WATCHED}.outcome",
        "specific",
        f"{WATCHED}.outcome",
        "does not declare which outcomes are specific",
    ),
    ("monitors", f"{WATCHED}.rates", GONE, f"{WATCHED}.rates", "Field required"),
    ("monitors", f"{WATCHED}.rates", [], f"{WATCHED}.rates", "at least 1 item"),
    ("monitors", f"{WATCHED}.rates", [0.0], f"{WATCHED}.rates.0", "greater than 0"),
    ("monitors", f"{WATCHED}.planned", 0, f"{WATCHED}.planned", "greater than 0"),
    ("monitors", f"{WATCHED}.baseline", "others", f"{WATCHED}.baseline", "Input should be 'contemporary', 'flat'"),
    ("monitors", f"{WATCHED}.threshold", {"watch": [4.0]}, f"{WATCHED}.threshold", "Extra inputs are not permitted"),
    ("monitors", f"{WATCHED}.thresholds", {"wach": [4.0]}, f"{WATCHED}.thresholds.wach", "Extra inputs"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong[1]}: {wrong[4]}")
def test_a_wrong_declaration_is_named_by_file_and_key(tmp_path: Path, wrong: Wrong) -> None:
    name, path, value, key, said = wrong
    found = problems(tmp_path, **{name: changed(RIGHT[name], path, value)})
    assert any(line.startswith(f"{name}.yaml, {key}") and said in line for line in found), found


@pytest.mark.parametrize(
    ("path", "value", "key", "said"),
    [
        (".form", "stays", "", "there is no form stays; there are"),
        (".where", {"followed_by": {"form": "event"}}, ".where", "looks at the registration's own fields only"),
        (".where", {"gone": True}, ".where.gone", "visit has no field gone"),
        (".drug", "weight", ".drug", "weight is no text of visit"),
        (".reaction", "drugs", ".reaction", "drugs is no text of visit"),
        (".by.weight", {"field": "weight"}, ".by.weight", "give bands of a number"),
        (".by.reaction", {"field": "drug"}, ".by.reaction", "the reaction is told apart as it is"),
        (".watch", ["prr"], ".watch.0", "Input should be 'evans', 'ror', 'ic' or 'ebgm'"),
        (".watch", [], ".watch", "at least 1 item"),
        (".fewest", 0, ".fewest", "greater than 0"),
        (".dominant", 1.5, ".dominant", "less than or equal to 1"),
        (".prior", {"p": 1.0}, ".prior.p", "less than 1"),
        (".refit", 0, ".refit", "greater than 0"),
        (".reports", "visits", ".reports", "Extra inputs are not permitted"),
        (".exposures", "cups", ".exposures", "there is no group cups"),
        (".exposures", GONE, ".users", "means nothing without exposures"),
        (".users", "user", ".users", "group drug has no stratum user"),
    ],
)
def test_wrong_pairs_are_named_by_key(tmp_path: Path, path: str, value: object, key: str, said: str) -> None:
    found = problems(tmp_path, monitors=changed(PAIRED, f"{PAIRS}{path}", value))
    assert any(line.startswith(f"monitors.yaml, {PAIRS}{key}: ") and said in line for line in found), found


@pytest.mark.parametrize("name", ["drug", "a_drug"])
def test_pairs_have_a_name_of_their_own(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, monitors={**MONITORS, "disproportionality": {name: _pairs()}})
    assert found == (
        f"monitors.yaml, disproportionality.{name}: an exposure or monitor has that name, and signals are known by it"
    )


def _pairs() -> Declared:
    found: Declared = PAIRED["disproportionality"]["pairs"]
    return found


def test_pairs_are_a_group_whose_first_stratum_is_the_reaction(tmp_path: Path) -> None:
    definition = loaded(tmp_path, monitors=PAIRED)
    groups = definition.monitors.groups
    assert [*groups] == ["drug", "pairs"]
    reports = groups["pairs"]
    assert (reports.form, reports.product, [*reports.by], reports.ends) == (
        "visit",
        ("drug",),
        ["reaction", "born"],
        (),
    )
    assert (reports.by["reaction"].field, reports.outcomes, reports.where is None) == ("side", None, False)
    pairs = definition.monitors.disproportionality["pairs"]
    assert (pairs.watch, pairs.alarm, pairs.fewest) == (("evans", "ic"), ("ebgm",), 3)
    # where DuMouchel (1999) begins
    assert tuple(dict(pairs.prior).values()) == (0.2, 0.1, 2.0, 4.0, 1 / 3)
    assert (definition.monitors.watch_anything, Monitors().watch_anything) == (True, False)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("where", GONE), ("drug", "side"), ("by", {}), ("watch", ["ror"]), ("alarm", []), ("fewest", 5),
        ("dominant", 0.8), ("unmask", False), ("prior", {"p": 0.1}), ("fewest_pairs", 30), ("refit", 0.2),
    ],
)  # fmt: skip
def test_what_decides_signals_of_pairs_begins_a_generation(tmp_path: Path, path: str, value: object) -> None:
    paired = loaded(tmp_path / "a", monitors=PAIRED)
    other = loaded(tmp_path / "b", monitors=changed(PAIRED, f"{PAIRS}.{path}", value))
    titled = loaded(tmp_path / "c", monitors=changed(PAIRED, f"{PAIRS}.title.en", "Reports"))
    assert len({paired.generation, other.generation, loaded(tmp_path / "d").generation}) == 3
    assert titled.generation == paired.generation


def test_of_a_registry_without_pairs_nothing_is_said_of_them() -> None:
    assert "disproportionality" not in deciding(Monitors())


CONDITIONS: list[tuple[object, str, str]] = [
    # a numerator of visits, the key behind `numerator`, and what is said of it
    ({"gone": 1}, ".gone", "visit has no field gone"),
    ({"not": {"gone": 1}}, ".gone", "visit has no field gone"),
    ({"any": [{"smoker": True}, {"gone": 1}]}, ".gone", "visit has no field gone"),
    ({"smoker": {}}, "", "smoker: asks nothing"),
    ({"smoker": None}, "", "smoker: null equals nothing: write {known: false}"),
    ({"smoker": "yes"}, ".smoker", "'yes' cannot be a value of smoker, which is boolean"),
    ({"smoker": 1}, ".smoker", "1 cannot be a value of smoker"),
    ({"viral_load": True}, ".viral_load", "True cannot be a value of viral_load, which is int"),
    ({"viral_load": "high"}, ".viral_load", "'high' cannot be a value of viral_load, which is int"),
    ({"viral_load": [50, "high"]}, ".viral_load", "'high' cannot be a value of viral_load"),
    ({"viral_load": []}, "", "viral_load.in: Tuple should have at least 1 item"),
    ({"viral_load": [{"lt": 50}]}, "", "is no text, number or truth value"),
    ({"viral_load": {"lt": "50"}}, "", "viral_load.lt: Input should be a valid number"),
    ({"viral_load": {"lt": True}}, "", "viral_load.lt: Input should be a valid number"),
    ({"weight": {"lt": float("nan")}}, "", "weight.lt: Input should be a finite number"),
    ({"weight": float("inf")}, "", "inf is no text, number or truth value"),
    ({"viral_load": {"less": 50}}, "", "viral_load.less: Extra inputs are not permitted"),
    ({"viral_load": {"known": True, "lt": 50}}, "", "known stands alone"),
    ({"viral_load": {"starts_with": "5"}}, ".viral_load", "starts_with needs text, and viral_load is int"),
    ({"viral_load": {"contains": 5}}, ".viral_load", "contains is for lists"),
    ({"viral_load": {"empty": True}}, ".viral_load", "empty is for lists"),
    ({"side": {"gt": 1}}, ".side", "gt needs a number, and side is string"),
    ({"side": "up"}, ".side", "'up' is none of the codes of side"),
    ({"side": ["left", "up"]}, ".side", "'up' is none of the codes of side"),
    ({"until": {"gt": 1}}, ".until", "gt needs a number, and until is date"),
    ({"drugs": "J05AR06"}, ".drugs", "a list is asked with contains or empty"),
    ({"drugs": {"contains": "J05"}}, ".drugs", "'J05' is none of the codes of drugs"),
    ({"drug": "j05ar06"}, ".drug", "'j05ar06' is none of the codes of drug"),
    ({"all": []}, "", "all is a list of conditions"),
    ({"any": {"smoker": True}}, "", "any is a list of conditions"),
    ({"any": [{"smoker": True}, None]}, "", "any has an empty line"),
    ({"not": None}, "", "not has no condition"),
    ({"followed_by": "event"}, "", "followed_by names a form"),
    ({"followed_by": {"within_days": 3}}, "", "followed_by.form: Field required"),
    ({"followed_by": {"form": "event", "before": 3}}, "", "followed_by.before: Extra inputs are not permitted"),
    ({"followed_by": {"form": "event", "within_days": -1}}, "", "followed_by.within_days: "),
    ({"followed_by": {"form": "event", "within_days": 1.5}}, "", "followed_by.within_days: "),
    (
        {"followed_by": {"form": "event", "within_days": 30, "after_days": 31}},
        "",
        "nothing is 31 days away or more and within 30",
    ),
    ({"followed_by": {"form": "event", "where": {"number": {}}}}, "", "followed_by.where: number: asks nothing"),
    ({"followed_by": {"form": "stay"}}, ".followed_by", "there is no form stay"),
    ({"followed_by": {"form": "opt_out"}}, ".followed_by", "is counted by nothing"),
    ({"followed_by": {"form": "event", "where": {"gone": 1}}}, ".followed_by.where.gone", "event has no field gone"),
    (
        {"followed_by": {"form": "event", "where": {"followed_by": {"form": "death"}}}},
        ".followed_by.where",
        "the rest belongs under that",
    ),
    (
        {"followed_by": {"form": "event", "that": {"followed_by": {"form": "person", "that": {"gone": 1}}}}},
        ".followed_by.that.followed_by.that.gone",
        "person has no field gone",
    ),
    ({"followed_by": {"form": "event", "same": ["drug"]}}, ".followed_by", "event has no field drug"),
    ({"followed_by": {"form": "event", "same": ["number"]}}, ".followed_by", "visit has no field number"),
    ({"followed_by": {"form": "event", "same": ["weight"]}}, ".followed_by", "weight is not of the same type"),
    ({"followed_by": {"form": "visit", "same": ["drugs"]}}, ".followed_by", "visit.drugs is a list"),
    ({"followed_by": {"form": "death", "attributed": True}}, ".followed_by", "does not attribute death to visit"),
    ({"preceded_by": {"form": "event", "attributed": True}}, ".preceded_by", "does not attribute visit to event"),
    ({"latest": {"form": "event"}}, "", "latest.is: Field required"),
    ({"latest": {"form": "event", "is": {"gone": 1}}}, ".latest.is.gone", "event has no field gone"),
    ({"latest": {"form": "stay", "is": {"number": 1}}}, ".latest", "there is no form stay"),
    (
        {"latest": {"form": "event", "is": {"followed_by": {"form": "death"}}}},
        ".latest.is",
        "looks at the registration's own fields only",
    ),
    ({"latest": {"form": "event", "after_days": 3, "is": {"number": 1}}}, "", "latest.after_days: Extra inputs"),
]


@pytest.mark.parametrize(("condition", "key", "said"), CONDITIONS)
def test_a_wrong_condition_is_named_by_file_and_key(tmp_path: Path, condition: object, key: str, said: str) -> None:
    # what cannot be read is told of the model's own path, which has the kind in it
    at = f"{AT_GOAL}.numerator{key}" if key else f"{AT_GOAL}.proportion.numerator"
    (found,) = problems(tmp_path, indicators=changed(INDICATORS, f"{AT_GOAL}.numerator", condition))
    assert found.startswith(f"indicators.yaml, {at}: ")
    assert said in found


@pytest.mark.parametrize(
    "condition",
    [
        {"weight": 70},
        {"viral_load": {"gte": 0.5, "lte": 50}},
        {"drugs": {"empty": False, "contains": "J05AR06"}},
        {"drug": {"starts_with": "J05"}},
        {"smoker": {"known": False}},
        {"days_to_report": {"gt": 30}},
        {"followed_by": {"form": "event", "within_days": 30, "after_days": 30, "same": ["side"]}},
        {"preceded_by": {"form": "visit", "where": {"smoker": False}, "that": {"preceded_by": {"form": "person"}}}},
        {"latest": {"form": "event", "where": {"number": [1, 2]}, "within_days": 0, "is": {"parts": {"empty": True}}}},
    ],
)
def test_a_right_condition_is_taken(tmp_path: Path, condition: object) -> None:
    loaded(tmp_path, indicators=changed(INDICATORS, f"{AT_GOAL}.numerator", condition))


def test_who_was_last_of_a_person_may_be_counted_in_any_period(tmp_path: Path) -> None:
    content = changed(INDICATORS, f"{VISITS}.once_per", "person")
    for period in ("month", "quarter", "year"):
        definition = loaded(tmp_path / period, indicators=changed(content, f"{VISITS}.period", period))
        assert definition.indicators.cohorts["visits"].once_per == "person"


def test_yaml_is_read_as_it_says() -> None:
    condition = parse({"viral_load": {"lt": 50}, "not": {"side": ["left"]}})
    assert isinstance(condition, All)
    first, second = condition.parts
    assert isinstance(first, FieldTest)
    assert (first.field, first.test.asked) == ("viral_load", {"lt": 50})
    assert isinstance(second, Not)
    assert isinstance(second.part, FieldTest)
    assert second.part.test.asked == {"one_of": ("left",)}
    only = parse({"smoker": False})
    assert isinstance(only, FieldTest)
    assert only.test.asked == {"eq": False}


def test_a_median_may_have_as_many_values_as_one_record_holds(tmp_path: Path) -> None:
    # weights are at most 500, which is 100,000 times 0.005
    definition = loaded(tmp_path, indicators=changed(INDICATORS, MEAN, MEDIAN | {"resolution": 0.005}))
    assert definition.indicators.cohorts["visits"].indicators["mean_weight"].kind == "median"


@pytest.mark.parametrize("bands", [[], [18, 65]])
def test_an_age_may_be_of_a_person_or_of_the_registrations_own_year_of_birth(tmp_path: Path, bands: list[int]) -> None:
    by = {"age": {"person": "born", "age": True, "bands": bands}}
    own = {"title": TITLE, "form": "person", "by": {"age": {"field": "birth_year", "age": True, "bands": bands}}}
    persons = {**own, "indicators": {"persons_counted": {"kind": "count", "title": TITLE}}}
    content = changed(changed(INDICATORS, f"{VISITS}.by", by), "cohorts.persons", persons)
    cohorts = loaded(tmp_path, indicators=content).indicators.cohorts
    assert [cohort.by["age"].age for cohort in cohorts.values()] == [True, True]


def test_a_single_band_has_two_sides() -> None:
    assert Breakdown(field="age", bands=(65,)).labels == ("<65", "65+")
    assert Breakdown(field="age").labels == ()


def test_problems_of_all_three_files_come_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        journey=changed(JOURNEY, "persons.sex.field", "gone"),
        indicators=changed(INDICATORS, f"{CALL}.show", ["gone"]),
        monitors=changed(MONITORS, f"{DRUG}.product", "gone"),
    )
    # the breakdown by that fact is told of as well
    assert [line.split(",")[0] for line in found] == [
        "journey.yaml",
        "indicators.yaml",
        "indicators.yaml",
        "monitors.yaml",
    ]


def test_a_key_that_stands_twice_names_the_line(tmp_path: Path) -> None:
    registry = declare(tmp_path)
    path = registry / "journey.yaml"
    path.write_text("persons: {}\nvalues: {}\npersons: {}\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match="line 3: the key persons stands twice"):
        load_registry(registry)


def test_a_generation_is_of_what_decides_the_values(tmp_path: Path) -> None:
    first = loaded(tmp_path / "a").generation
    assert first == loaded(tmp_path / "b").generation
    assert len(first) == 12
    assert set(first) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("indicators", f"{AT_GOAL}.numerator.viral_load.lt", 51),
        ("indicators", f"{AT_GOAL}.where", {"smoker": True}),
        ("indicators", f"{VISITS}.where", GONE),
        ("indicators", f"{VISITS}.once_per", GONE),
        ("indicators", f"{VISITS}.by.born.bands", [1950, 1971]),
        ("indicators", f"{VISITS}.by.born", GONE),
        ("indicators", f"{VISITS}.by.born.age", True),
        ("indicators", f"{MEAN}.resolution", 0.2),
        ("indicators", f"{MEAN}.kind", "median"),
        ("indicators", f"{RATE}.horizon_days", 365),
        ("indicators", f"{RATE}.ends.1", {"form": "person"}),
        ("indicators", f"{RATE}.ends.1.plus_days", 30),
        ("indicators", f"{CALL}.when.viral_load.gte", 51),
        ("indicators", f"{CALL}.show", ["viral_load"]),
        ("monitors", f"{DRUG}.ends.1.reason", "died"),
        ("monitors", f"{DRUG}.class", "revision"),
        ("monitors", f"{WATCHED}.rates", [1.5]),
        ("monitors", f"{WATCHED}.thresholds", {"alarm": [6.7]}),
        ("monitors", f"{DRUG}.outcomes.where", {"parts": {"empty": False}}),
        ("journey", "attributions.event.reference", GONE),
        ("journey", "values.days_to_report.to", "until"),
        ("journey", "persons.born.field", "sex"),
    ],
)
def test_what_changes_the_values_begins_a_generation(tmp_path: Path, name: str, path: str, value: object) -> None:
    content = changed(RIGHT[name], path, value)
    if path == "persons.born.field":  # text has no bands
        indicators = changed(INDICATORS, f"{VISITS}.by.born.bands", GONE)
        before = loaded(tmp_path / "a", indicators=indicators).generation
        assert loaded(tmp_path / "b", indicators=indicators, journey=content).generation != before
        return
    assert loaded(tmp_path / "b", **{name: content}).generation != loaded(tmp_path / "a").generation


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("indicators", f"{VISITS}.title.sv", "En annan"),
        ("indicators", f"{AT_GOAL}.title.en", "viral_load"),  # a field's name, said as a title
        ("indicators", f"{AT_GOAL}.title.en", "visit_id"),
        ("indicators", f"{AT_GOAL}.target", 0.9),
        ("indicators", f"{AT_GOAL}.target", GONE),
        ("indicators", f"{AT_GOAL}.direction", GONE),
        ("indicators", f"{AT_GOAL}.smallest_shown", 10),
        ("indicators", f"{MEAN}.measured_in", "kg"),
        ("indicators", f"{RATE}.per_years", 100),
        ("indicators", f"{CALL}.title.sv", "En annan"),
        ("monitors", f"{DRUG}.title.sv", "En annan"),
    ],
)
def test_what_is_only_shown_begins_no_generation(tmp_path: Path, name: str, path: str, value: object) -> None:
    content = changed(RIGHT[name], path, value)
    assert loaded(tmp_path / "b", **{name: content}).generation == loaded(tmp_path / "a").generation


def test_the_order_of_breakdowns_and_indicators_decides_where_numbers_stand(tmp_path: Path) -> None:
    first = loaded(tmp_path / "a").generation
    for number, key in enumerate(("by", "indicators")):
        turned = dict(reversed(INDICATORS["cohorts"]["visits"][key].items()))
        content = changed(INDICATORS, f"{VISITS}.{key}", turned)
        assert loaded(tmp_path / str(number), indicators=content).generation != first


@pytest.mark.parametrize("taken", ["title", "target", "direction"])
def test_what_is_named_like_a_key_is_not_overlooked(tmp_path: Path, taken: str) -> None:
    def generation(folder: str, below: int) -> str:
        counted = {"kind": "proportion", "title": TITLE, "numerator": {"viral_load": {"lt": below}}}
        return loaded(
            tmp_path / folder, indicators=changed(INDICATORS, f"{VISITS}.indicators.{taken}", counted)
        ).generation

    assert generation("a", 40) != generation("b", 41)


def test_catalogues_mappings_and_what_nothing_speaks_of_begin_no_generation(tmp_path: Path) -> None:
    first = loaded(tmp_path / "a").generation
    registry = declare(tmp_path)
    (registry / "catalogue" / "units.csv").write_text("code,name\nU1,Another\nU3,A third\n", encoding="utf-8")
    (registry / "mappings" / "seed.yaml").write_text("visit: {weight: {column: vikt}}\n", encoding="utf-8")
    assert load_registry(registry).generation == first

    forms = copy.deepcopy(FORMS)
    forms[1]["fields"].append(optional("colour", "string"))
    forms.append(form(UNIT, name="letter"))
    other = tmp_path / "other"
    other.mkdir()
    registry = write_registry(other, forms=forms, registry={"modules": ["core"]})
    for name, content in RIGHT.items():
        (registry / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    assert load_registry(registry).generation == first


def test_the_type_of_a_field_that_is_spoken_of_begins_a_generation(tmp_path: Path) -> None:
    first = loaded(tmp_path / "a").generation
    forms = copy.deepcopy(FORMS)
    (viral_load,) = [one for one in forms[0]["fields"] if one["name"] == "viral_load"]
    viral_load["type"] = ["null", "long"]
    other = tmp_path / "other"
    other.mkdir()
    registry = write_registry(other, forms=forms, registry={"modules": ["core"]})
    for name, content in RIGHT.items():
        (registry / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    assert load_registry(registry).generation != first


def test_another_default_is_another_generation(tmp_path: Path) -> None:
    """What was registered before a field was there is read with its default, so other values come of it."""
    generations = set()
    for default in (False, True):
        folder = write_registry(
            tmp_path / str(default), forms=[form(UNIT, field("treated", "boolean", default=default))], released={}
        )
        (folder / "indicators.yaml").write_text(
            "cohorts: {visits: {title: {sv: B, en: V}, form: visit, indicators: {seen: "
            "{title: {sv: S, en: S}, kind: proportion, numerator: {treated: true}}}}}\n",
            encoding="utf-8",
        )
        generations.add(load_registry(folder).generation)
    assert len(generations) == 2
