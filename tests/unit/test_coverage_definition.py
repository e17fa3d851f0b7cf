"""coverage.yaml: what is right is read; each wrong thing is named by file and key."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from schemas.definition.errors import DefinitionError
from schemas.definition.folder import load_registries, load_registry
from tests.unit.registry_folders import WEIGHT, field, form, write_registry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_TEXT = {"sv": "Text", "en": "Text"}
_RIGHT: dict[str, Any] = {
    "source": {"sv": "Patientregistret", "en": "Patient register"},
    "form": "visit",
    "where": {"weight": {"known": True}},
    "counts": {"patient_register": _TEXT},
    "definitions": {"all": {"title": _TEXT, "share_of": "everything", "reference": ["patient_register"]}},
}


def folder_with(parent: Path, changes: dict[str, Any], forms: Iterable[dict[str, Any]] | None = None) -> Path:
    folder = write_registry(parent, forms=forms)
    declared = {**copy.deepcopy(_RIGHT), **changes}
    (folder / "coverage.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    return folder


def test_it_is_read_whole_and_may_be_left_out(tmp_path: Path) -> None:
    assert load_registry(write_registry(tmp_path / "without")).coverage is None
    coverage = load_registry(folder_with(tmp_path, {"lag": {"mature_after_days": 90}})).coverage
    assert coverage is not None
    assert coverage.source.en == "Patient register"
    assert coverage.definitions["all"].needs == {"patient_register"}
    assert (coverage.lag.mature_after_days, coverage.lag.expected_at_least) == (90, 0.5)
    assert coverage.silence.after_days == 60


def test_it_begins_no_new_generation(tmp_path: Path) -> None:
    without = load_registry(write_registry(tmp_path / "without"))
    assert load_registry(folder_with(tmp_path, {})).generation == without.generation


def test_the_bundled_registries_declare_the_three_definitions() -> None:
    loaded = load_registries()
    for name in ("hip", "hiv"):
        coverage = loaded[name].coverage
        assert coverage is not None
        assert [one.share_of for one in coverage.definitions.values()][:3] == [
            "units",
            "registering_units",
            "everything",
        ]
    hip, hiv = loaded["hip"].coverage, loaded["hiv"].coverage
    assert hip is not None
    assert hiv is not None
    assert hip.definitions["linked"].needs == {"matched", "patient_register_only", "register_only"}
    assert hiv.definitions["all"].target == 0.99


def _definition(**changes: Any) -> dict[str, Any]:
    return {"definitions": {"all": {**_RIGHT["definitions"]["all"], **changes}}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"form": "operation"}, "form: there is no form operation to count; there are visit"),
        ({"where": {"height": {"gt": 1}}}, "where.height: visit has no field height"),
        ({"where": {"followed_by": {"form": "visit"}}}, "where: looks at the registration's own fields only"),
        ({"once_per": "year"}, "once_per is month or left out"),
        ({"counts": {"patient_register": _TEXT, "other": _TEXT}}, "declares other, which no definition needs"),
        (_definition(reference=["register"]), "counts does not declare register"),
        (_definition(reference=["patient_register"] * 2), "reference names a count twice"),
        (_definition(reference=[]), "definitions.all.reference"),
        (_definition(share_of="units", found="patient_register"), "found has no meaning here"),
        (_definition(share_of="half"), "definitions.all.share_of"),
        (_definition(target=80), "definitions.all.target"),
        ({"lag": {"expected_at_least": 0}}, "lag.expected_at_least"),
        ({"silence": {"after": 3}}, "silence.after"),
        ({"source": "Patientregistret"}, "source"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    folder = folder_with(tmp_path, changes)
    with pytest.raises(DefinitionError) as caught:
        load_registry(folder)
    assert all(problem.startswith(f"{folder / 'coverage.yaml'}, ") for problem in caught.value.problems)
    assert told in str(caught.value)


def test_a_form_whose_units_are_in_no_catalogue_cannot_be_counted(tmp_path: Path) -> None:
    bare = form(field("unit", "string", role="unit"), WEIGHT)
    with pytest.raises(DefinitionError, match=r"coverage\.yaml, form: visit needs a field with role unit"):
        load_registry(folder_with(tmp_path, {}, forms=[bare]))


def test_an_empty_file_is_no_declaration(tmp_path: Path) -> None:
    folder = write_registry(tmp_path)
    (folder / "coverage.yaml").write_text("", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"coverage\.yaml, source: Field required"):
        load_registry(folder)
