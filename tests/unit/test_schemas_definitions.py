"""A registry's folder: what is right is read whole; each wrong thing is named by file and line or key."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.definition.errors import DefinitionError
from schemas.definition.folder import (
    BUNDLED,
    find_folders,
    load_registries,
    load_registry,
    released_paths,
    write_released,
)
from tests.unit.registry_folders import UNIT, WEIGHT, field, form, optional, write_json, write_registry


def problems(call: Callable[..., object], *arguments: object) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        call(*arguments)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def only_problem(folder: Path) -> str:
    found = problems(load_registry, folder)
    assert len(found) == 1, found
    return found[0]


def test_a_registry_is_read_whole(tmp_path: Path) -> None:
    folder = write_registry(
        tmp_path,
        registry={"modules": ["core"], "tariff": {"amount": 10, "currency": "SEK", "per": "pair"}},
        mappings={"seed": {"visit": {"weight": {"column": "vikt"}}}},
    )
    definition = load_registry(folder)

    assert definition.name == "minimal"
    assert definition.registry.title.sv == "Minsta registret"
    assert definition.registry.tariff is not None
    assert definition.registry.tariff.per == "pair"
    assert list(definition.forms) == ["visit", "death", "emigration", "opt_out"]
    assert definition.forms["visit"].full_name == "test.registry.visit"
    assert [f.name for f in definition.forms["visit"].fields][-2:] == ["unit", "weight"]
    assert definition.released["visit"] == (form(UNIT, WEIGHT),)
    assert definition.catalogues["units"].codes() == {"U1", "U2"}
    assert definition.mappings["seed"]["visit"].fields["weight"].column == "vikt"


def test_the_bundled_registries_have_the_forms_that_the_project_promises() -> None:
    loaded = load_registries()
    core = {"death", "emigration", "opt_out"}
    assert {name: set(definition.forms) - core for name, definition in loaded.items()} == {
        "biologics": {"treatment", "disease_activity", "adverse_reaction", "pregnancy"},
        "hip": {"primary_operation", "reoperation"},
        "hiv": {"diagnosis", "visit"},
        "metabolic": {"person", "measurement", "event"},
        "senior_alert": {"risk_assessment", "planned_action", "performed_action", "outcome"},
    }
    assert all(core <= set(definition.forms) for definition in loaded.values())
    primary = {f.name: f for f in loaded["hip"].forms["primary_operation"].fields}
    assert {
        "side",
        "diagnosis",
        "procedure",
        "cup",
        "cup_lot",
        "stem",
        "head",
        "fixation",
        "age",
        "sex",
        "bmi",
        "asa",
    } <= (primary.keys())
    assert {f.role for f in primary.values()} >= {"unit", "side", "product", "lot", "birth_year"}


def test_yaml_that_is_no_yaml_names_the_line(tmp_path: Path) -> None:
    folder = write_registry(tmp_path)
    (folder / "registry.yaml").write_text("name: minimal\nstage: [new\ntitle: x\n", encoding="utf-8")
    assert only_problem(folder).startswith(f"{folder / 'registry.yaml'}, line 3: ")


def test_a_key_that_stands_twice_in_yaml_names_the_line(tmp_path: Path) -> None:
    folder = write_registry(tmp_path)
    path = folder / "registry.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "stage: established\n", encoding="utf-8")
    lines = path.read_text(encoding="utf-8").count("\n")
    assert only_problem(folder) == f"{path}, line {lines}: the key stage stands twice"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"units": "all"}, "units"),
        ({"stage": "old"}, "stage"),
        ({"stage": None}, "stage"),
        ({"title": {"sv": "Bara svenska"}}, "title.en"),
        ({"controller": " "}, "controller"),
        ({"name": "Höft"}, "name"),
        ({"tariff": {"amount": -1, "currency": "SEK", "per": "piece"}}, "tariff.amount"),
        ({"retention_years": 0}, "retention_years"),
        ({"attested": {"coverage": {"sv": "Ja", "en": "Yes"}}}, "attested"),
        ({"attested": {"fame": {"sv": "Ja", "en": "Yes"}}}, "attested.fame.[key]"),
    ],
)
def test_a_wrong_key_of_the_registry_is_named(tmp_path: Path, changes: dict[str, Any], key: str) -> None:
    folder = write_registry(tmp_path, registry=changes)
    assert only_problem(folder).startswith(f"{folder / 'registry.yaml'}, {key}: ")


def test_a_registry_without_controller_is_read_for_intake_refuses_it(tmp_path: Path) -> None:
    assert load_registry(write_registry(tmp_path, registry={"controller": None})).registry.controller is None


def test_an_unknown_module_is_named(tmp_path: Path) -> None:
    folder = write_registry(tmp_path, registry={"modules": ["kidneys"]})
    assert only_problem(folder) == f"{folder / 'registry.yaml'}, modules: there is no module kidneys"


def test_json_that_is_no_json_names_the_line(tmp_path: Path) -> None:
    folder = write_registry(tmp_path)
    path = folder / "forms" / "visit.avsc"
    path.write_text('{\n "type": "record",\n "name": visit\n}', encoding="utf-8")
    assert problems(load_registry, folder)[0].startswith(f"{path}, line 3: ")


def test_a_key_that_stands_twice_in_json_is_named(tmp_path: Path) -> None:
    folder = write_registry(tmp_path)
    path = folder / "forms" / "visit.avsc"
    path.write_text('{"type": "record", "name": "visit", "doc": "a", "doc": "b"}', encoding="utf-8")
    assert problems(load_registry, folder)[0] == f"{path}: the key doc stands twice in one object"


@pytest.mark.parametrize("name", ["registry.yaml", "forms/visit.avsc", "catalogue/units.csv"])
def test_a_file_that_is_not_utf_8_names_the_line(tmp_path: Path, name: str) -> None:
    folder = write_registry(tmp_path)
    path = folder / name
    path.write_bytes(b"# a\n" + "Höft".encode("latin-1"))
    assert f"{path}, line 2: is not UTF-8; save the file in that encoding" in problems(load_registry, folder)


def test_a_form_may_not_stand_twice_nor_under_another_name(tmp_path: Path) -> None:
    folder = write_registry(tmp_path, registry={"modules": ["core"]}, forms=[form(name="death")])
    assert [line for line in problems(load_registry, folder) if line.endswith("there are two forms death")]

    other = write_registry(tmp_path, "other")
    (other / "forms" / "visit.avsc").rename(other / "forms" / "stay.avsc")
    assert only_problem(other) == f"{other / 'forms' / 'stay.avsc'}: the record's name visit differs from the file's"


def test_a_registry_needs_forms_of_its_own(tmp_path: Path) -> None:
    folder = write_registry(tmp_path, registry={"modules": ["core"]}, forms=[])
    assert only_problem(folder) == f"{folder}: no forms/*.avsc"


def test_codes_of_an_unknown_catalogue_or_kind_are_named(tmp_path: Path) -> None:
    device = field("device", "string", codes={"catalogue": "devices"})
    cup = field("cup", "string", codes={"catalogue": "units", "kind": "cup"})
    folder = write_registry(tmp_path, forms=[form(device, cup)])
    path = folder / "forms" / "visit.avsc"
    assert problems(load_registry, folder) == [
        f"{path}, field device: there is no catalogue/devices.csv",
        f"{path}, field cup: the catalogue has no row of kind cup",
    ]


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("code,region\nU1,North\n", 1, "column name is missing"),
        ("code;name\nU1;North\n", 1, "column code is missing"),
        ("", 1, "column code is missing"),
        ("code,name,name\nU1,a,b\n", 1, "column name stands twice"),
        ("code,name\nU1,First\nU1,Again\n", 3, "code U1 stands twice"),
        ("code,name\nU1,First\nU2\n", 3, "1 values for 2 columns"),
        ("code,name\nU1,First,more\n", 2, "3 values for 2 columns"),
        ("code,name\n,First\n", 2, "code is empty or has blanks around it"),
        ("code,name\nU1 ,First\n", 2, "code is empty or has blanks around it"),
    ],
)
def test_a_wrong_catalogue_names_the_line(tmp_path: Path, text: str, line: int, fault: str) -> None:
    folder = write_registry(tmp_path, catalogues={"units": text})
    assert f"{folder / 'catalogue' / 'units.csv'}, line {line}: {fault}" in problems(load_registry, folder)


def test_a_catalogue_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    folder = write_registry(tmp_path, catalogues={"units": '\ufeffcode,name\r\nU1,"Åre, norr"\r\n\r\n'})
    assert load_registry(folder).catalogues["units"].rows == {"U1": {"code": "U1", "name": "Åre, norr"}}


@pytest.mark.parametrize(
    ("mapping", "where"),
    [
        ({"stay": {}}, "stay: there is no form stay; there are visit"),
        ({"visit": {"height": {}}}, "visit.height: the form has no field height"),
        ({"visit": {"weight": {"keep_source_in": "note"}}}, "visit.weight: the form has no field note"),
        ({"visit": {"weight": {"columm": "vikt"}}}, "visit: fields.weight.columm: "),
        ({"visit": {"weight": {"recode": [{"value": 1}]}}}, "visit: fields.weight.recode.0: "),
        ({"visit": {"weight": {"recode": [{"pattern": "(", "value": 1}]}}}, "visit: fields.weight.recode.0: "),
        (["visit"], "name the forms"),
    ],
)
def test_a_wrong_mapping_is_named(tmp_path: Path, mapping: Any, where: str) -> None:
    folder = write_registry(tmp_path, mappings={"seed": mapping})
    found = only_problem(folder)
    assert found.startswith(str(folder / "mappings" / "seed.yaml"))
    assert where in found


def test_all_problems_of_all_registries_come_at_once(tmp_path: Path) -> None:
    write_registry(tmp_path, "one", registry={"stage": "old"}, catalogues={"units": "name\n"})
    write_registry(tmp_path, "two", forms=[form(field("x", "bytes"))])
    found = problems(load_registries, [tmp_path])
    assert [line for line in found if "one/registry.yaml, stage" in line]
    assert [line for line in found if "units.csv, line 1: column code is missing" in line]
    assert [line for line in found if "two/forms/visit.avsc, field x" in line]


def test_registries_outside_are_found_as_a_folder_or_in_one(tmp_path: Path) -> None:
    several, single = tmp_path / "several", tmp_path / "single"
    for parent in (several, single):
        parent.mkdir()
    write_registry(several, "north")
    write_registry(several, "south")
    (several / "notes").mkdir()
    found = find_folders([several, write_registry(single, "alone")])
    assert found.keys() - find_folders().keys() == {"north", "south", "alone"}
    assert found["hip"] == BUNDLED / "hip"
    assert set(load_registries([several])) == {"biologics", "hip", "hiv", "metabolic", "senior_alert", "north", "south"}


def test_two_registries_cannot_have_one_name(tmp_path: Path) -> None:
    mine = write_registry(tmp_path, "hip")
    assert problems(find_folders, [mine]) == [f"{mine}: the name hip is taken by {BUNDLED / 'hip'}"]


def test_a_place_without_registries_is_named(tmp_path: Path) -> None:
    assert problems(find_folders, [tmp_path]) == [f"{tmp_path}: no registry.yaml here, nor one folder down"]
    assert problems(find_folders, [tmp_path / "gone"])[0].startswith(f"{tmp_path / 'gone'}: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = write_registry(tmp_path)
    (folder / "registry.yaml").unlink()
    assert only_problem(folder) == f"{folder / 'registry.yaml'}: No such file or directory"

    broken = write_registry(tmp_path, "broken", catalogues={"units": "code,name\nU1,a\x00\n" + "x" * 200_000})
    assert f"{broken / 'catalogue' / 'units.csv'}, line 3: " in problems(load_registry, broken)[0]


def test_a_registry_file_that_is_a_list_is_named(tmp_path: Path) -> None:
    folder = write_registry(tmp_path)
    (folder / "registry.yaml").write_text("- minimal\n", encoding="utf-8")
    assert problems(load_registries, [folder])[0].startswith(f"{folder / 'registry.yaml'}, top level: ")


def test_releasing_keeps_the_form_once_and_in_order_beyond_nine(tmp_path: Path) -> None:
    folder = write_registry(tmp_path, released={})
    path = folder / "forms" / "visit.avsc"
    written = []
    for number in range(1, 12):
        write_json(path, form(UNIT, WEIGHT, *(optional(f"extra{n}", "int") for n in range(1, number))))
        written.append(write_released(path))
        assert write_released(path) is None
    released = folder / "forms" / "released"
    assert written == [released / f"visit.{number}.avsc" for number in range(1, 12)]
    assert released_paths(path) == written
    assert [len(version["fields"]) for version in load_registry(folder).released["visit"]] == list(range(7, 18))
    assert json.loads((released / "visit.11.avsc").read_text(encoding="utf-8")) == json.loads(path.read_text("utf-8"))


def test_a_lost_or_misnamed_release_is_named_and_never_written_over(tmp_path: Path) -> None:
    folder = write_registry(tmp_path, released={"visit": [form(), form(UNIT), form(WEIGHT)]})
    released = folder / "forms" / "released"
    (released / "visit.2.avsc").unlink()
    lost = f"{released}: visit.2.avsc is missing"
    assert only_problem(folder) == lost
    assert problems(write_released, folder / "forms" / "visit.avsc") == [lost]

    (released / "visit.3.avsc").rename(released / "visit.old.avsc")
    assert only_problem(folder) == f"{released / 'visit.old.avsc'}: a released version is named visit.<number>.avsc"


def test_a_released_version_of_another_form_is_named(tmp_path: Path) -> None:
    folder = write_registry(tmp_path, released={"visit": [form(name="stay")]})
    path = folder / "forms" / "released" / "visit.1.avsc"
    assert only_problem(folder) == f"{path}: holds the form stay, not visit"
