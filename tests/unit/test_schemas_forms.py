"""A form's file: what Avro allows and the platform cannot carry is refused with the field's name."""

from pathlib import Path
from typing import Any

import pytest

from schemas.definition.errors import DefinitionError
from schemas.definition.form import REQUIRED_ROLES, CatalogueCodes, CodeList, CodePattern, Form, form_of
from tests.unit.registry_folders import DATE, REQUIRED, TIMESTAMP, field, form, optional

PATH = Path("visit.avsc")


def faults(raw: object) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        form_of(raw, PATH)
    return caught.value.problems


def read(*fields: dict[str, Any]) -> Form:
    return form_of(form(*fields), PATH)


@pytest.mark.parametrize(
    ("avro_type", "expected"),
    [
        ("string", ("string", False, False)),
        ({"type": "string"}, ("string", False, False)),
        ("long", ("long", False, False)),
        ("float", ("float", False, False)),
        (DATE, ("date", False, False)),
        (["null", TIMESTAMP], ("timestamp", True, False)),
        (["int", "null"], ("int", True, False)),
        ({"type": "array", "items": DATE}, ("date", False, True)),
    ],
)
def test_a_type_is_read_without_its_wrapping(avro_type: Any, expected: tuple[str, bool, bool]) -> None:
    found = read(field("x", avro_type)).fields[-1]
    assert (found.kind, found.nullable, found.repeated) == expected


@pytest.mark.parametrize(
    "avro_type",
    [
        "bytes",
        "null",
        None,
        5,
        {"type": "map", "values": "int"},
        {"type": "enum", "name": "e", "symbols": ["a"]},
        {"type": "array", "items": ["null", "int"]},
        {"type": "array", "items": {"type": "array", "items": "int"}},
        {"type": "int", "logicalType": "time-millis"},
        {"type": "long", "logicalType": "timestamp-micros"},
        {"type": "string", "logicalType": "uuid"},
        {"type": "int", "logicalType": {}},
        ["null", "int", "string"],
        ["int", "string"],
        ["null"],
        [],
        ["null", {"type": "array", "items": "int"}],
    ],
)
def test_a_type_that_cannot_be_carried_is_refused_by_field(avro_type: Any) -> None:
    found = faults(form(field("x", avro_type)))
    assert len(found) == 1
    assert found[0].startswith(f"{PATH}, field x: ")


@pytest.mark.parametrize("role", REQUIRED_ROLES)
def test_a_missing_role_is_named(role: str) -> None:
    without = [f for f in REQUIRED if f["role"] != role]
    assert faults(form(required=without)) == [f"{PATH}: needs exactly one field with role {role}, has 0"]


@pytest.mark.parametrize("role", REQUIRED_ROLES)
def test_a_role_that_two_fields_have_is_named(role: str) -> None:
    second = {**next(f for f in REQUIRED if f["role"] == role), "name": "second"}
    assert faults(form(second)) == [f"{PATH}: needs exactly one field with role {role}, has 2"]


@pytest.mark.parametrize("avro_type", ["long", ["null", DATE], {"type": "array", "items": DATE}])
def test_a_required_role_on_another_type_is_named(avro_type: Any) -> None:
    wrong = [{**f, "type": avro_type} if f["role"] == "occurred_on" else f for f in REQUIRED]
    assert faults(form(required=wrong)) == [f"{PATH}, field occurred_on: role occurred_on needs type date, never null"]


@pytest.mark.parametrize(
    ("role", "avro_type", "needed"),
    [
        ("birth_year", "string", "int"),
        ("unit", "int", "string"),
        ("later_date", "string", "date"),
        ("lot", "long", "string"),
    ],
)
def test_an_optional_role_on_another_type_is_named(role: str, avro_type: str, needed: str) -> None:
    assert faults(form(field("x", avro_type, role=role))) == [f"{PATH}, field x: role {role} needs type {needed}"]


def test_a_role_that_only_one_field_may_have_is_named() -> None:
    units = [field(name, "string", role="unit") for name in ("unit", "ward")]
    assert faults(form(*units)) == [f"{PATH}: only one field may have role unit: unit, ward"]
    years = {"type": "array", "items": "int"}
    assert faults(form(field("born", years, role="birth_year"))) == [
        f"{PATH}, field born: role birth_year cannot be a list"
    ]


def test_several_products_are_allowed() -> None:
    assert len(read(field("cup", "string", role="product"), field("stem", "string", role="product")).fields) == 7


def test_a_misspelt_key_is_named_for_it_would_pass_over_a_rule() -> None:
    assert "unknown key rnage" in faults(form(field("age", "int", rnage=[0, 115])))[0]
    assert "unknown key kind" in faults(form(field("age", "int", kind="date")))[0]
    assert faults(form(aliases=["stay"]))[0].startswith(f"{PATH}, aliases: ")


@pytest.mark.parametrize(
    ("attributes", "key"),
    [
        ({"role": "colour"}, "role"),
        ({"source": "guessed"}, "source"),
        ({"range": [1]}, "range"),
        ({"codes": {"lists": ["a"]}}, "codes"),
        ({"codes": {"list": []}}, "codes.list"),
        ({"codes": {"system": "KVÅ"}}, "codes.system.pattern"),
        ({"codes": {"system": "KVÅ", "pattern": "("}}, "codes.system"),
        ({"codes": {"catalogue": "units", "sort": "cup"}}, "codes.catalogue.sort"),
    ],
)
def test_a_wrong_attribute_is_named(attributes: dict[str, Any], key: str) -> None:
    assert faults(form(field("x", "string", **attributes)))[0].startswith(f"{PATH}, field x: {key}")


def test_attributes_fit_the_type() -> None:
    assert "range needs a number type" in faults(form(field("x", "string", range=[0, 1])))[0]
    assert "range needs a number type" in faults(form(field("x", "int", range=[2, 1])))[0]
    assert "codes need type string" in faults(form(field("x", "int", codes={"list": ["1"]})))[0]


def test_the_three_kinds_of_codes() -> None:
    fields = read(
        field("a", "string", codes={"list": ["x", "y"]}),
        field("b", "string", codes={"system": "KVÅ", "pattern": "NF.*"}),
        field("c", "string", codes={"catalogue": "units", "kind": "cup"}),
    ).fields
    assert [f.codes for f in fields[-3:]] == [
        CodeList(list=("x", "y")),
        CodePattern(system="KVÅ", pattern="NF.*"),
        CatalogueCodes(catalogue="units", kind="cup"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        field("x", "int", default="five"),
        field("x", "int", default=True),
        optional("x", "int") | {"default": 5},
        optional("x", "int") | {"type": ["int", "null"]},
        field("x", {"type": "array", "items": "int"}, default=["a"]),
    ],
)
def test_a_default_that_is_not_of_the_type_is_refused(wrong: dict[str, Any]) -> None:
    found = faults(form(wrong))
    assert len(found) == 1
    assert found[0].startswith(str(PATH))
    assert "default" in found[0].lower()


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ([], "top level"),
        ({}, "type"),
        (form(type="enum"), "type"),
        (form(name="Visit"), "name"),
        (form(name="a b"), "name"),
        (form(namespace="å"), "namespace"),
        (form(doc=5), "doc"),
        (form(fields=[]), "fields"),
        (form(fields="none"), "fields"),
        (form(fields=["a"]), "fields.0"),
    ],
)
def test_a_record_that_is_none_is_named(raw: Any, key: str) -> None:
    assert faults(raw)[0].startswith(f"{PATH}, {key}: ")


def test_a_field_declared_twice_or_badly_named_is_named() -> None:
    assert f"{PATH}, field a: declared twice" in faults(form(field("a", "int"), field("a", "int")))
    assert faults(form(field("Age", "int")))[0].startswith(f"{PATH}, field Age: name: ")


def test_roles_are_found_by_name() -> None:
    visit = read(field("clinic", "string", role="unit"))
    assert visit.name_of("unit") == "clinic"
    assert visit.field_with("side") is None
    with pytest.raises(KeyError, match="side"):
        visit.name_of("side")
