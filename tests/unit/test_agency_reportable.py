"""reporting.yaml: what is right is read, each wrong thing named by file and key, and what it makes of registrations."""

from __future__ import annotations

import copy
import shutil
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.definition.condition import Condition, parse
from schemas.definition.errors import DefinitionError
from schemas.definition.folder import BUNDLED, load_registries, load_registry
from schemas.definition.reporting import Reporting, ReportingRule
from schemas.docs import variable_catalogue
from sinks.agency.deadlines import Fact, Rules, next_clock
from sinks.agency.reportable import reportable
from tests.random_journeys import random_rows
from tests.reference_journeys import holds_alone
from tests.unit.registry_folders import DATE, UNIT, WEIGHT, field, form, optional, visit, write_registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition

_LOADED = load_registries()
_HIP, _BIOLOGICS = _LOADED["hip"], _LOADED["biologics"]
_TEXT = {"sv": "Därför", "en": "Because"}
_ICSR: dict[str, Any] = {
    "form": "visit",
    "when": {"weight": {"gt": 100}},
    "reason": _TEXT,
    "kind": "icsr",
    "addressees": ["agency"],
    "sender": "icsr_sender",
    "deadlines": {"serious": {"weight": {"gt": 200}}, "non_serious": "always"},
    "report_type": "spontaneous",
}
_INCIDENT: dict[str, Any] = {
    **{key: _ICSR[key] for key in ("form", "when", "reason")},
    "kind": "incident",
    "addressees": ["agency", "manufacturer"],
    "sender": "care_provider",
    "deadlines": {"incident": "always"},
}


def folder_with(parent: Path, rule: Mapping[str, Any] | None, **written: Any) -> Path:
    folder = write_registry(parent, **written)
    declared = {"rules": {"heavy": copy.deepcopy(dict(rule))}} if rule is not None else None
    (folder / "reporting.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    return folder


def loaded(parent: Path, rule: Mapping[str, Any], **written: Any) -> RegistryDefinition:
    return load_registry(folder_with(parent, rule, **written))


def reaction(**said: Any) -> dict[str, Any]:
    return {"retracted": False, "seriousness": ["death"], "same_event_as": None, **said}


def test_it_is_read_whole_and_may_be_left_out_or_empty(tmp_path: Path) -> None:
    assert load_registry(write_registry(tmp_path / "without")).reporting == Reporting()
    assert load_registry(folder_with(tmp_path / "empty", None)).reporting == Reporting()
    rule = loaded(tmp_path, {**_ICSR, "report_type": "study", "causality_required": True}).reporting.rules["heavy"]
    assert (rule.form, rule.kind, rule.sender, rule.report_type) == ("visit", "icsr", "icsr_sender", "study")
    assert (rule.addressees, rule.causality_required, rule.four_eyes) == (("agency",), True, False)
    assert rule.reason.sv == "Därför"
    assert loaded(tmp_path / "incident", {**_INCIDENT, "four_eyes": True}).reporting.rules["heavy"].four_eyes


@pytest.mark.parametrize("name", ["hip", "biologics"])
def test_it_begins_no_new_generation(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    shutil.copytree(BUNDLED / name, folder)
    (folder / "reporting.yaml").unlink()
    without = load_registry(folder)
    assert without.reporting == Reporting()
    assert _LOADED[name].reporting != Reporting()
    assert without.generation == _LOADED[name].generation


@pytest.mark.parametrize(
    ("right", "changes", "told"),
    [
        (_ICSR, {"form": "operation"}, "rules.heavy.form: there is no form operation; there are visit"),
        (_ICSR, {"form": "opt_out"}, "rules.heavy.form: opt_out is how a person leaves the register"),
        (_ICSR, {"when": {"height": {"gt": 1}}}, "rules.heavy.when.height: visit has no field height"),
        (_ICSR, {"when": {"weight": "much"}}, "rules.heavy.when.weight: 'much' cannot be a value of weight"),
        (_ICSR, {"when": {"followed_by": {"form": "visit"}}}, "when: looks at the registration's own fields only"),
        (_ICSR, {"when": None}, "rules.heavy.when: Value error, a condition is needed"),
        (_ICSR, {"when": "always"}, "rules.heavy.when: Value error, a condition is a mapping"),
        (
            _ICSR,
            {"deadlines": {"serious": {"preceded_by": {"form": "visit"}}, "non_serious": "always"}},
            "rules.heavy.deadlines.serious: looks at the registration's own fields only",
        ),
        (
            _ICSR,
            {"deadlines": {"serious": {"height": 1}, "non_serious": "always"}},
            "rules.heavy.deadlines.serious.height: visit has no field height",
        ),
        (
            _ICSR,
            {"deadlines": {"death": "always"}},
            "deadlines: icsr_sender has no class death; it has serious, non_se",
        ),
        (_ICSR, {"deadlines": {"serious": {"weight": {"gt": 1}}}}, "deadlines: one class holds always"),
        (_ICSR, {"deadlines": {"serious": None}}, "rules.heavy.deadlines.serious: Value error, a condition is needed"),
        (_ICSR, {"deadlines": {}}, "rules.heavy.deadlines: "),
        (_ICSR, {"addressees": []}, "rules.heavy.addressees: "),
        (_ICSR, {"addressees": ["agency", "agency"]}, "rules.heavy: Value error, addressees names one twice"),
        (_ICSR, {"addressees": ["agency", "ministry"]}, "rules.heavy.addressees.1: "),
        (_ICSR, {"sender": "care_provider"}, "sender of a report of kind icsr is icsr_sender"),
        (_INCIDENT, {"sender": "icsr_sender"}, "sender of a report of kind incident is care_provider"),
        (_INCIDENT, {"addressees": ["agency"]}, "a care provider tells agency and manufacturer"),
        (_ICSR, {"report_type": None}, "report_type is for a report of kind icsr, which needs one"),
        (_INCIDENT, {"report_type": "other"}, "report_type is for a report of kind icsr, which needs one"),
        (_ICSR, {"report_type": "study"}, "causality_required: what is solicited"),
        (_INCIDENT, {"causality_required": True}, "causality_required means nothing for a report of kind incident"),
        (_ICSR, {"reason": {"sv": "Därför"}}, "rules.heavy.reason.en: "),
        (_ICSR, {"kind": "letter"}, "rules.heavy.kind: "),
        (_ICSR, {"until": 2030}, "rules.heavy.until: "),
    ],
)
def test_each_wrong_thing_is_named_by_file_and_key(
    tmp_path: Path, right: dict[str, Any], changes: dict[str, Any], told: str
) -> None:
    folder = folder_with(tmp_path, {**right, **changes})
    with pytest.raises(DefinitionError) as caught:
        load_registry(folder)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{folder / 'reporting.yaml'}, ")
    assert told in problem


def test_a_serious_reaction_is_reported_by_the_earliest_of_its_deadlines(tmp_path: Path) -> None:
    definition = loaded(tmp_path, _ICSR)
    assert reportable(definition, "visit", visit(weight=100.0)) == ()
    assert reportable(definition, "visit", visit(weight=None)) == ()
    (heavy,) = reportable(definition, "visit", visit(weight=150.0))
    assert (heavy.name, heavy.classes) == ("heavy", ("non_serious",))
    (heavier,) = reportable(definition, "visit", visit(weight=250.0))
    assert heavier.classes == ("serious", "non_serious")
    learnt = date(2026, 1, 1)
    assert heavier.facts(learnt) == (Fact("serious", learnt), Fact("non_serious", learnt))
    clock = next_clock(heavier.rule.sender, heavier.facts(learnt), Rules())
    assert clock is not None
    assert clock.steering.nominal == date(2026, 1, 16)


def test_what_is_retracted_or_of_another_form_makes_no_report(tmp_path: Path) -> None:
    definition = loaded(tmp_path, _ICSR, forms=[form(WEIGHT), form(WEIGHT, name="call")])
    assert reportable(definition, "visit", visit(weight=250.0, retracted=True)) == ()
    assert reportable(definition, "call", visit(weight=250.0)) == ()


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({}, ["serious_reaction"]),
        ({"seriousness": []}, []),
        ({"same_event_as": "doctor-1"}, []),  # joins the case that the doctor's made
        ({"retracted": True}, []),
    ],
)
def test_the_biologics_register_reports_serious_reactions(said: dict[str, Any], names: list[str]) -> None:
    found = reportable(_BIOLOGICS, "adverse_reaction", reaction(**said))
    assert [one.name for one in found] == names
    for one in found:
        assert (one.rule.kind, one.rule.addressees, one.classes) == ("icsr", ("agency",), ("serious",))


@pytest.mark.parametrize(
    ("reason", "reported"),
    [("loosening", True), ("implant_fracture", True), ("wear", True), ("infection", False), ("other", False)],
)
def test_the_hip_register_reports_implants_that_failed(reason: str, *, reported: bool) -> None:
    found = reportable(_HIP, "reoperation", {"retracted": False, "reason": reason})
    assert [(one.name, one.rule.addressees, one.classes) for one in found] == (
        [("implant_failure", ("agency", "manufacturer"), ("incident",))] if reported else []
    )


def test_what_looks_at_other_registrations_is_no_question_for_one() -> None:
    when = parse({"followed_by": {"form": "reoperation"}})
    rule = ReportingRule.model_validate({**_INCIDENT, "form": "reoperation", "when": when})
    definition = _with(_HIP, rule)
    with pytest.raises(TypeError, match="followed_by looks at other registrations"):
        reportable(definition, "reoperation", {"retracted": False})


def _with(definition: RegistryDefinition, rule: ReportingRule) -> RegistryDefinition:
    changed = copy.copy(definition)
    object.__setattr__(changed, "reporting", Reporting(rules={"asked": rule}))
    return changed


_ALL_KINDS = [
    WEIGHT,
    optional("score", "int"),
    optional("note", "string"),
    field("sure", "boolean"),
    field("parts", {"type": "array", "items": "string"}, default=[]),
    optional("stopped_on", DATE),
]
_NUMBERS = st.sampled_from([-1, 0, 1, 2, 40, 49.999, 50, 140.5])
_TEXTS = st.sampled_from(["1", "2", "12", ""])
_FIELD_TESTS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(
        ("weight", "score", "days_to_stop"),
        st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte", "eq"]), _NUMBERS, min_size=1)
        | st.fixed_dictionaries({"in": st.lists(_NUMBERS, min_size=1)}),
    ),
    "note": st.fixed_dictionaries({"starts_with": _TEXTS}) | st.fixed_dictionaries({"eq": _TEXTS}),
    "sure": st.fixed_dictionaries({"eq": st.booleans()}),
    "parts": st.fixed_dictionaries({"contains": _TEXTS}) | st.fixed_dictionaries({"empty": st.booleans()}),
}
_KNOWN = st.fixed_dictionaries({"known": st.booleans()})
_TEST = st.sampled_from(sorted(_FIELD_TESTS)).flatmap(
    lambda name: st.fixed_dictionaries({name: _FIELD_TESTS[name] | (_FIELD_TESTS[name] if name == "parts" else _KNOWN)})
)
_CONDITION = st.recursive(
    _TEST,
    lambda inner: (
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> tuple[RegistryDefinition, list[dict[str, Any]]]:
    folder = write_registry(
        tmp_path_factory.mktemp("kinds"), registry={"modules": ["core"]}, forms=[form(UNIT, *_ALL_KINDS)]
    )
    derived = {"form": "visit", "days_from": "recorded_at", "to": "stopped_on"}
    (folder / "journey.yaml").write_text(yaml.safe_dump({"values": {"days_to_stop": derived}}), encoding="utf-8")
    definition = load_registry(folder)
    visits = [said for name, _, _, _, said in random_rows(definition, 7, 80) if name == "visit"]
    return definition, [{**said, "retracted": False} for said in visits]


@settings(max_examples=150)
@given(written=_CONDITION)
def test_conditions_are_read_as_journeys_read_them(
    every_kind: tuple[RegistryDefinition, list[dict[str, Any]]], written: dict[str, Any]
) -> None:
    definition, visits = every_kind
    condition: Condition = parse(written)  # type: ignore[assignment]
    asked = _with(definition, ReportingRule.model_validate({**_INCIDENT, "when": condition}))
    for said in visits:
        assert bool(reportable(asked, "visit", said)) == holds_alone(definition, condition, "visit", said), said


def test_the_catalogue_of_variables_tells_what_is_reported_and_why(tmp_path: Path) -> None:
    text = variable_catalogue(loaded(tmp_path, {**_ICSR, "report_type": "study", "causality_required": True}))
    line = next(line for line in text.splitlines() if line.startswith("| `heavy` |"))
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "`heavy`", "Because (Därför)", "`visit` where `{weight: {gt: 100}}`", "icsr", "agency", "icsr_sender",
        "non_serious: always; serious: `{weight: {gt: 200}}`", "study, causality assessed", "a person",
    ]  # fmt: skip
    assert "## Reports" not in variable_catalogue(load_registry(write_registry(tmp_path / "without")))
    for definition in (_HIP, _BIOLOGICS):
        for rule in definition.reporting.rules.values():
            assert rule.reason.sv in variable_catalogue(definition)
