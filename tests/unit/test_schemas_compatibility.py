"""FULL_TRANSITIVE over all versions, and the lint: each fault with the field's name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import FormSchema, form_schema
from schemas.compatibility import check, release_problems, unreleased
from schemas.definition.folder import load_registries, load_registry
from tests.unit.registry_folders import DATE, TIMESTAMP, UNIT, WEIGHT, field, form, optional, write_json, write_registry

AGE = field("age", "int")
NOTE = optional("note", "string")
LIST = field("tags", {"type": "array", "items": "string"}, default=[])


def found(tmp_path: Path, *versions: tuple[dict[str, Any], ...]) -> list[str]:
    """What is wrong where a form had these fields in its versions, the last being the present one."""
    forms = [form(*fields) for fields in versions]
    folder = write_registry(tmp_path, forms=[forms[-1]], released={"visit": forms[:-1]})
    return release_problems(load_registry(folder))


@pytest.mark.parametrize(
    "versions",
    [
        ((AGE,), (AGE, NOTE)),
        ((AGE, NOTE), (AGE,)),
        ((AGE,), (AGE, LIST)),
        ((AGE, NOTE), (NOTE, AGE)),
        ((AGE,), (field("age", "int", default=0, range=[0, 115]),)),
        ((AGE,), (AGE, NOTE), (AGE,), (AGE, LIST)),
    ],
    ids=["add", "remove", "add a list", "reorder", "describe", "come and go"],
)
def test_what_every_version_can_read_is_fine(tmp_path: Path, versions: tuple[tuple[dict[str, Any], ...], ...]) -> None:
    assert found(tmp_path, *versions) == []


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ((), (AGE,), "age"),
        ((AGE,), (), "age"),
        ((AGE,), (field("age", "long"),), "age"),
        ((field("age", "long"),), (AGE,), "age"),
        ((AGE,), (field("age", "string"),), "age"),
        ((AGE,), (field("years", "int"),), "years"),
        ((LIST,), (field("tags", {"type": "array", "items": "int"}, default=[]),), "tags"),
        ((AGE,), (optional("age", "int"),), "age"),
    ],
    ids=["add without default", "remove without default", "widen", "narrow", "retype", "rename", "items", "nullable"],
)
def test_what_one_version_cannot_read_is_refused_by_field(
    tmp_path: Path, before: tuple[dict[str, Any], ...], after: tuple[dict[str, Any], ...], named: str
) -> None:
    problems = found(tmp_path, before, after)
    assert problems
    assert all(line.startswith("minimal, form visit: ") and " cannot read " in line for line in problems)
    assert any(f" field {named}: " in line for line in problems)


def test_a_widened_number_is_readable_in_one_direction_only(tmp_path: Path) -> None:
    problems = found(tmp_path, (AGE,), (field("age", "long"),))
    assert len(problems) == 1
    assert problems[0].startswith(
        "minimal, form visit: released version 1 cannot read the present version: field age: "
    )


@pytest.mark.parametrize(
    ("was", "becomes", "kinds"),
    [
        (DATE, "int", {"date", "int"}),
        ("long", TIMESTAMP, {"long", "timestamp"}),
        (["null", DATE], ["null", "int"], {"date", "int"}),
    ],
)
def test_a_date_never_becomes_a_number_though_avro_allows_it(
    tmp_path: Path, was: Any, becomes: Any, kinds: set[str]
) -> None:
    problems = found(tmp_path, (field("x", was, default=None if isinstance(was, list) else 0),), (field("x", becomes),))
    assert len(problems) == 2
    for line in problems:
        assert ": field x is " in line
        assert all(kind in line for kind in kinds)


def test_every_version_is_held_against_every_other_not_only_its_neighbour(tmp_path: Path) -> None:
    """Version 2 lets go of a field that version 3 takes up again as something else: 1 and 3 disagree."""
    text, number = optional("score", "string"), optional("score", "int")
    problems = found(tmp_path, (text,), (), (number,))
    assert len(problems) == 2
    assert "released version 1 cannot read the present version" in problems[0]
    assert "the present version cannot read released version 1" in problems[1]
    assert all(" field score: " in line for line in problems)


def test_a_record_keeps_its_full_name_for_its_subject_hangs_on_it(tmp_path: Path) -> None:
    folder = write_registry(tmp_path, forms=[form(UNIT, namespace="test.other")], released={"visit": [form(UNIT)]})
    problems = release_problems(load_registry(folder))
    assert len(problems) == 2
    assert all("test.registry.visit" in line and "test.other.visit" in line for line in problems)


def test_only_what_is_released_may_be_published(tmp_path: Path) -> None:
    folder = write_registry(tmp_path, released={})
    definition = load_registry(folder)
    never = "minimal, form visit: has never been released; run `guldadra schemas release minimal`"
    assert unreleased(definition, definition.forms["visit"]) == [never]
    assert check(definition) == [never]
    assert release_problems(definition) == []

    changed = load_registry(write_registry(tmp_path, "changed", released={"visit": [form(UNIT)]}))
    assert check(changed) == [
        "changed, form visit: has changed since its last release; run `guldadra schemas release changed`"
    ]


def test_a_better_text_needs_no_release(tmp_path: Path) -> None:
    folder = write_registry(tmp_path)
    assert check(load_registry(folder)) == []
    reworded = form({**UNIT, "doc": "Where the visit took place."}, WEIGHT)
    write_json(folder / "forms" / "visit.avsc", reworded)
    assert check(load_registry(folder)) == []


@pytest.mark.parametrize(
    "name",
    [
        "personnummer",
        "patient_personnummer",
        "personnr",
        "pnr",
        "samordningsnummer",
        "ssn",
        "social_security_number",
        "personal_identity_number",
        "national_id",
        "name",
        "first_name",
        "firstname",
        "last_name",
        "surname",
        "patient_name",
        "patientnamn",
        "contact_name",
        "efternamn",
        "address",
        "home_address",
        "hemadress",
        "email_address",
        "e_mail",
        "epost",
        "telefonnummer",
        "mobile_phone",
        "postnummer",
        "zip",
        "street",
    ],
)
def test_a_field_for_who_a_person_is_is_refused(tmp_path: Path, name: str) -> None:
    where = f"minimal, form visit, field {name}"
    assert found(tmp_path, (optional(name, "string"),)) == [
        f"{where}: would hold a name, an address or an identity number; leave it out"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "product_name",
        "company_name",
        "device_name",
        "lot_number",
        "stem_number",
        "unit_name",
        "treatment",
        "streetwise",
        "procedure",
    ],
)
def test_a_field_for_what_a_thing_is_called_is_allowed(tmp_path: Path, name: str) -> None:
    assert found(tmp_path, (optional(name, "string"),)) == []


def test_the_patient_field_itself_may_not_be_named_after_a_number(tmp_path: Path) -> None:
    renamed = form()
    renamed["fields"][1]["name"] = "personnummer"
    folder = write_registry(tmp_path, forms=[renamed])
    assert [line for line in check(load_registry(folder)) if "field personnummer: would hold" in line]


def test_what_is_not_documented_is_refused(tmp_path: Path) -> None:
    bare = form({**AGE, "doc": " "}, doc="")
    folder = write_registry(tmp_path, forms=[bare])
    assert check(load_registry(folder)) == [
        "minimal, form visit: the record has no doc",
        "minimal, form visit, field age: has no doc",
    ]


def test_a_unit_or_product_that_anybody_could_invent_is_refused(tmp_path: Path) -> None:
    assert found(tmp_path, (field("clinic", "string", role="unit"),)) == [
        "minimal, form visit, field clinic: role unit needs codes, or any unit would be accepted"
    ]


def test_the_bundled_registries_may_be_released_as_they_stand() -> None:
    for definition in load_registries().values():
        assert release_problems(definition) == []


def test_versions_that_share_an_id_are_a_problem_of_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    definition = load_registry(write_registry(tmp_path, forms=[form(UNIT, WEIGHT), form(UNIT, name="stay")]))

    def same_id(*arguments: Any) -> FormSchema:
        return replace(form_schema(*arguments), schema_id=77)

    monkeypatch.setattr("schemas.store.form_schema", same_id)
    problems = release_problems(definition)
    assert len(problems) == 1
    assert "share the id 77" in problems[0]
