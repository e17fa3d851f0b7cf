"""Rows to messages: the right message for a row in words, and the fast way equal to the plain one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import form_schema, plain_schema, split_wire
from schemas.definition.folder import load_registries, load_registry
from schemas.definition.mapping import ColumnMapping, FormMapping
from schemas.identity import PseudonymKey
from schemas.rules import Fault, compile_rules
from streams.publish.cells import Memo
from streams.publish.errors import InputError, NoKeyError
from streams.publish.map import FormMapper, Mapped, RegistryMapper
from streams.publish.slices import Broken, Slice, Table
from tests.unit.registry_folders import (
    DATE,
    PSEUDONYM,
    TIMESTAMP,
    UNIT,
    WEIGHT,
    field,
    optional,
    write_registry,
)
from tests.unit.registry_folders import form as avro_form

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition

KEY = PseudonymKey("k1", bytes(range(32)))
WIRE_ID = 0x01020304
NOW = 1_006_430_400_000  # 2001-11-22 12:00 UTC
REGISTRIES = load_registries()
HIP, METABOLIC = REGISTRIES["hip"], REGISTRIES["metabolic"]

OPERATION = {
    "registration_id": "op-1", "patient": PSEUDONYM, "unit": "U01", "occurred_on": "2001-03-15",
    "recorded_at": "2001-03-15T12:00:00Z", "side": "left", "diagnosis": "M16.1", "procedure": "NFB49",
    "cup": "CUP01", "stem": "STEM01", "fixation": "cemented", "age": "70", "birth_year": "1930", "sex": "female",
    "bmi": "27,5",
}  # fmt: skip


def mapper(definition: RegistryDefinition, form: str, mapping: FormMapping | None = None, **options: Any) -> FormMapper:
    return FormMapper(
        definition,
        definition.forms[form],
        mapping=mapping or FormMapping(),
        **{"pseudonym": KEY.pseudonym, "wire_id": lambda: WIRE_ID, "now_ms": lambda: NOW, **options},
    )


def table(form: str, *rows: Mapping[str, Any]) -> Table:
    names = dict.fromkeys(name for row in rows for name in row)
    return Table(form, range(1, len(rows) + 1), {name: [row.get(name) for row in rows] for name in names})


def read_back(definition: RegistryDefinition, form: str, message: bytes) -> dict[str, Any]:
    wire_id, payload = split_wire(message)
    assert wire_id == WIRE_ID
    return form_schema(definition.forms[form], definition.forms[form].avro).decode(payload)


def pseudonym(identity: str, kind: str) -> str:
    digest = hmac.new(KEY.secret, f"{kind}:{identity}".encode(), hashlib.sha256).digest()[:16]
    return "k1-" + base64.b32encode(digest).decode().rstrip("=").lower()


def test_a_row_of_text_becomes_the_registration_it_says() -> None:
    mapped = mapper(HIP, "primary_operation").map(table("primary_operation", {**OPERATION, "cup_lot": " "}))
    assert mapped.refused == {}
    assert (mapped.rows, mapped.keys) == ([1], [PSEUDONYM.encode()])
    assert read_back(HIP, "primary_operation", mapped.values[0]) == {
        "registration_id": "op-1", "patient": PSEUDONYM, "unit": "U01", "occurred_on": 11_396,
        "recorded_at": 11_396 * 86_400_000 + 43_200_000, "retracted": False, "side": "left", "diagnosis": "M16.1",
        "procedure": "NFB49", "cup": "CUP01", "cup_lot": None, "stem": "STEM01", "stem_lot": None, "head": None,
        "head_lot": None, "fixation": "cemented", "age": 70, "birth_year": 1930, "sex": "female", "bmi": 27.5,
        "asa": None,
    }  # fmt: skip


def test_every_fault_of_a_row_is_named_and_the_other_rows_go_on() -> None:
    bad = {**OPERATION, "unit": "U99", "cup": "", "age": "old", "bmi": "5", "occurred_on": "2001-11-24", "asa": "9"}
    mapped = mapper(HIP, "primary_operation").map(table("primary_operation", OPERATION, bad, OPERATION))
    assert mapped.rows == [1, 3]
    assert mapped.refused == {2: (Fault("cup", "is missing"), Fault("age", "is not a whole number"))}
    sound = {**bad, "cup": "CUP01", "age": "70"}
    assert mapper(HIP, "primary_operation").map(table("primary_operation", sound)).refused == {
        1: (
            Fault("unit", "is not in the catalogue of units"),
            Fault("bmi", "lies outside 10 to 90 kg/m2"),
            Fault("asa", "lies outside 1 to 5"),
            Fault("occurred_on", "lies in the future"),
        )
    }


@pytest.mark.parametrize(
    ("text", "smoker"),
    [
        ("Tobak: 11 cigarett/dag", True),
        ("Röker 20 cigaretter dagligen", True),
        ("rökare", True),
        ("2 pip/dag", True),
        ("aldrig rökt", False),
        ("Har aldrig rökt", False),
        ("Icke-rökare", False),
        ("Röker inte längre", False),
        ("Ingen rökning", False),
        ("Slutade röka 1998, dessförinnan 20 cig/dag", False),
        ("F.d. rökare", False),
        ("0 cigarett/dag", False),
        ("Tobak: 10 cigarett/dag", True),
        ("Snus, 2 dosor i veckan", None),
        ("  ", None),
    ],
)
def test_what_the_journal_says_of_tobacco_is_recoded_and_kept(text: str, smoker: bool | None) -> None:
    row = {
        "registration_id": "p-1", "personnummer": "19460823-9986", "unit": "C01", "occurred_on": "2001-03-15",
        "recorded_at": "2001-03-15", "birth_year": "1946", "kön": "K", "vikt": "70,5", "tobak": text,
    }  # fmt: skip
    mapped = mapper(METABOLIC, "person", METABOLIC.mappings["journal"]["person"]).map(table("person", row))
    assert mapped.refused == {}
    found = read_back(METABOLIC, "person", mapped.values[0])
    assert (found["smoker"], found["smoker_source"]) == (smoker, text if text.strip() else None)
    assert (found["sex"], found["weight"], found["height"]) == ("female", 70.5, None)
    assert found["patient"] == pseudonym("194608239986", "personal_identity_number")


def test_a_recoded_column_is_named_with_its_fault() -> None:
    row = {"personnummer": "19460823-9985", "kön": "kanske", "registration_id": "p-1"}
    mapped = mapper(METABOLIC, "person", METABOLIC.mappings["journal"]["person"]).map(table("person", row))
    assert {fault for fault in mapped.refused[1] if "column" in fault.field} == {
        Fault("patient (column personnummer)", "is not a valid personal identity or coordination number"),
        Fault("sex (column kön)", "fits no line of the mapping's recoding"),
    }


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("personal_identity_number", "460823-9986", pseudonym("194608239986", "personal_identity_number")),
        ("personal_identity_number", 194608239986, pseudonym("194608239986", "personal_identity_number")),
        ("personal_identity_number", f" {PSEUDONYM} ", PSEUDONYM),
        ("opaque", "P01", pseudonym("P01", "opaque")),
        ("opaque", 17, pseudonym("17", "opaque")),
        ("opaque", PSEUDONYM, pseudonym(PSEUDONYM, "opaque")),
        ("pseudonym", PSEUDONYM, PSEUDONYM),
    ],
)
def test_whoever_names_a_patient_gets_a_pseudonym(kind: Any, raw: object, expected: str) -> None:
    mapping = FormMapping(fields={"patient": ColumnMapping(column="who", identity=kind)})
    row = {**OPERATION, "who": raw}
    del row["patient"]
    mapped = mapper(HIP, "primary_operation", mapping).map(table("primary_operation", row))
    assert mapped.keys == [expected.encode()]
    assert read_back(HIP, "primary_operation", mapped.values[0])["patient"] == expected


@pytest.mark.parametrize(
    ("kind", "raw", "rule"),
    [
        ("pseudonym", "19460823-9986", "is not a pseudonym (publish makes them)"),
        ("personal_identity_number", "P01", "is not a valid personal identity or coordination number"),
        ("personal_identity_number", " ", "is missing"),
        ("opaque", 1.5, "is not text"),
    ],
)
def test_who_is_nobody_is_refused(kind: Any, raw: object, rule: str) -> None:
    mapping = FormMapping(fields={"patient": ColumnMapping(identity=kind)})
    mapped = mapper(HIP, "primary_operation", mapping).map(table("primary_operation", {**OPERATION, "patient": raw}))
    assert mapped.refused == {1: (Fault("patient", rule),)}


def test_without_a_key_pseudonyms_pass_and_numbers_stop_the_run() -> None:
    keyless = mapper(HIP, "primary_operation", pseudonym=None)
    assert keyless.map(table("primary_operation", OPERATION)).keys == [PSEUDONYM.encode()]
    with pytest.raises(NoKeyError, match="guldadra keys create"):
        keyless.map(table("primary_operation", {**OPERATION, "patient": "19460823-9986"}))


def test_a_moved_registration_is_withdrawn_there_and_registered_here() -> None:
    other = "k1-" + "b" * 26
    rows = [OPERATION, {**OPERATION, "previous_patient": other}, {**OPERATION, "previous_patient": " "}]
    mapped = mapper(HIP, "primary_operation").map(table("primary_operation", *rows))
    assert mapped.rows == [1, 2, 2, 3]
    assert mapped.keys == [key.encode() for key in (PSEUDONYM, other, PSEUDONYM, PSEUDONYM)]
    there, here = (read_back(HIP, "primary_operation", value) for value in mapped.values[1:3])
    assert there == {**here, "patient": other, "retracted": True}
    assert here["retracted"] is False


def test_a_move_to_oneself_or_from_nobody_is_refused() -> None:
    rows = [{**OPERATION, "previous_patient": PSEUDONYM}, {**OPERATION, "previous_patient": "P17"}]
    assert mapper(HIP, "primary_operation").map(table("primary_operation", *rows)).refused == {
        1: (Fault("previous_patient", "is the patient that it has now"),),
        2: (Fault("previous_patient", "is not a valid personal identity or coordination number"),),
    }


def test_a_retraction_is_held_to_its_own_rules() -> None:
    row = {**OPERATION, "retracted": "ja", "unit": "U99", "occurred_on": "2099-01-01"}
    mapped = mapper(HIP, "primary_operation").map(table("primary_operation", row))
    assert mapped.refused == {}
    assert read_back(HIP, "primary_operation", mapped.values[0])["retracted"] is True


def test_unknown_columns_are_refused_by_name_unless_they_are_to_be_left_out() -> None:
    rows: list[dict[str, Any]] = [{**OPERATION, "note": None}, {**OPERATION, "note": "seen"}]
    assert mapper(HIP, "primary_operation").map(table("primary_operation", *rows)).refused == {
        2: (Fault("note", "is no column of form primary_operation"),)
    }
    assert mapper(HIP, "primary_operation", ignore_columns=True).map(table("primary_operation", *rows)).rows == [1, 2]


def test_a_message_too_large_for_a_broker_is_refused(tmp_path: Path) -> None:
    schema = avro_form(UNIT, field("notes", {"type": "array", "items": "string"}, default=[]))
    definition = load_registry(write_registry(tmp_path, forms=[schema]))
    row = {
        "registration_id": "v-1",
        "patient": PSEUDONYM,
        "occurred_on": "2001-03-15",
        "recorded_at": "2001-03-15",
        "unit": "U1",
    }
    rows = [{**row, "notes": ["x" * 1_999] * count} for count in (440, 460)]
    mapped = mapper(definition, "visit").map(table("visit", *rows))
    assert mapped.rows == [1]
    assert mapped.refused == {2: (Fault("", "is larger than 900,000 bytes"),)}


def test_values_of_different_kinds_that_python_calls_equal_stay_apart(tmp_path: Path) -> None:
    definition = load_registry(write_registry(tmp_path))
    row = {
        "registration_id": "v-1",
        "patient": PSEUDONYM,
        "occurred_on": "2001-03-15",
        "recorded_at": "2001-03-15",
        "unit": "U1",
    }
    own = mapper(definition, "visit")
    assert own.map(table("visit", {**row, "weight": 1})).refused == {}
    weights: list[Any] = [1, True, 1.0, "1"]
    mapped = own.map(table("visit", *({**row, "weight": weight} for weight in weights)))
    assert mapped.refused == {2: (Fault("weight", "is not a number"),)}
    assert len(set(mapped.values)) == 1


def test_zero_below_zero_makes_the_same_message_as_zero(tmp_path: Path) -> None:
    definition = load_registry(write_registry(tmp_path))
    row = {
        "registration_id": "v-1",
        "patient": PSEUDONYM,
        "occurred_on": "2001-03-15",
        "recorded_at": "2001-03-15",
        "unit": "U1",
    }
    one, other = (
        mapper(definition, "visit").map(table("visit", {**row, "weight": zero})).values for zero in (0.0, -0.0)
    )
    assert one == other


def test_a_birth_after_the_registration_is_found_among_others() -> None:
    """Births and operations of a slice overlap, so its extremes say nothing and each row must be looked at."""
    years = [
        ("1930", "2001-03-15"),
        ("1999", "1998-12-31"),
        ("1999", "1999-01-01"),
        ("2000", "1998-12-31"),
        ("", "1998-12-31"),
    ]
    rows = [
        {**OPERATION, "birth_year": year, "age": "1", "occurred_on": day, "recorded_at": "2001-03-15"}
        for year, day in years
    ]
    assert mapper(HIP, "primary_operation").map(table("primary_operation", *rows)).refused == {
        row: (Fault("occurred_on", "lies before the year of birth"),) for row in (2, 4)
    }


def test_tomorrow_is_fine_once_it_has_come() -> None:
    clock = [NOW]
    own = mapper(HIP, "primary_operation", now_ms=lambda: clock[0])
    row = {**OPERATION, "occurred_on": "2001-11-24"}
    assert own.map(table("primary_operation", row)).refused == {1: (Fault("occurred_on", "lies in the future"),)}
    clock[0] += 86_400_000
    assert own.map(table("primary_operation", row)).refused == {}


def test_a_field_is_not_filled_twice() -> None:
    fields = {
        "smoker": ColumnMapping(column="tobak", keep_source_in="smoker_source"),
        "smoker_source": ColumnMapping(column="tobak"),
    }
    with pytest.raises(InputError, match="smoker_source: the mapping fills it twice"):
        mapper(METABOLIC, "person", FormMapping(fields=fields))


def test_a_constant_fills_every_row_and_its_column_is_unknown() -> None:
    constant = FormMapping(fields={"side": ColumnMapping(constant="right")})
    row = {name: value for name, value in OPERATION.items() if name != "side"}
    mapped = mapper(HIP, "primary_operation", constant).map(table("primary_operation", row, row))
    assert {read_back(HIP, "primary_operation", value)["side"] for value in mapped.values} == {"right"}
    assert mapper(HIP, "primary_operation", constant).map(table("primary_operation", OPERATION)).refused == {
        1: (Fault("side", "is no column of form primary_operation"),)
    }


def registry_mapper(definition: RegistryDefinition, **options: Any) -> RegistryMapper:
    given_options: dict[str, Any] = {"mapping": None, "key": KEY, "wire_id": lambda _: WIRE_ID, "now_ms": lambda: NOW}
    return RegistryMapper(definition, **{**given_options, **options})


DEATH = {"registration_id": "d-1", "patient": PSEUDONYM, "occurred_on": "2001-03-15", "recorded_at": "2001-03-15"}


def columns(*rows: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_forms_go_out_in_the_order_of_the_rows() -> None:
    part = Slice(
        7,
        (
            Table("death", [2, 5], columns(DEATH, DEATH)),
            Table("primary_operation", [1, 4], columns(OPERATION, OPERATION)),
            Table("birth", [3], columns(DEATH)),
            Table(None, [7], columns(DEATH)),
        ),
        (Broken(6, "is not JSON", "{"),),
    )
    mapped = registry_mapper(HIP).map(part)
    assert mapped.rows == [1, 2, 4, 5]
    assert [len(value) for value in mapped.values][:2] == [len(value) for value in mapped.values][2:]
    assert mapped.refused == {
        3: (Fault("form", "is none of the registry's forms"),),
        6: (Fault("", "is not JSON"),),
        7: (Fault("form", "is missing"),),
    }


def test_only_later_rows_are_left_after_a_row() -> None:
    mapped = Mapped([1, 2, 2, 4], [b"a", b"b", b"c", b"d"], [b"1", b"2", b"3", b"4"], {3: ()})
    assert mapped.after(0) is mapped
    assert mapped.after(2) == Mapped([4], [b"d"], [b"4"], {3: ()})
    assert mapped.after(1).values == [b"2", b"3", b"4"]


def test_columns_are_looked_at_before_the_first_row() -> None:
    check = registry_mapper(HIP).check_columns
    check(Slice(1, (Table("death", [1], columns({**DEATH, "side": " ", "refused_text": ""})),)), tabular=True)
    with pytest.raises(InputError, match="form death has no field for: side, extra, \\(no name\\)"):
        check(Slice(1, (Table("death", [1], columns({**DEATH, "side": "left", "extra": "", "": ""})),)), tabular=True)
    registry_mapper(HIP, ignore_columns=True).check_columns(
        Slice(1, (Table("death", [1], columns({**DEATH, "extra": "1"})),)), tabular=True
    )
    short = {name: value for name, value in DEATH.items() if name != "recorded_at"}
    with pytest.raises(InputError, match="form death needs columns that are not there: recorded_at"):
        check(Slice(1, (Table("death", [1], columns(short)),)), tabular=True)
    check(Slice(1, (Table("death", [1], columns(short)),)), tabular=False)


def test_a_mapping_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="registry hip has no mapping journal; there are: demo"):
        registry_mapper(HIP, mapping="journal")


# The fast way against the plain one, over rows of every kind of value that a file or program may hold.

EVERY_KIND = avro_form(
    UNIT,
    WEIGHT,
    field("born", "int", role="birth_year", range=[1880, 2100]),
    optional("seen_on", DATE),
    optional("seen_at", TIMESTAMP),
    field("days", {"type": "array", "items": DATE}, default=[]),
    field("tags", {"type": "array", "items": "string"}, default=[], codes={"list": ["a", "b"]}),
    field("count", "long", default=0),
    field("share", "float", default=0.5),
    optional("ratio", "float"),
    optional("note", "string"),
    field("checked", "boolean", default=True),
)
PLAUSIBLE: dict[str, list[Any]] = {
    "registration_id": ["v-1", "å" * 100, "v" * 101, 7],
    "patient": [PSEUDONYM, "19460823-9986", "460823-9986", "nobody"],
    "occurred_on": ["2001-03-15", date(2001, 3, 16), "1899-12-31", "2001-12-24"],
    "recorded_at": ["2001-03-15T12:00:00Z", datetime(2001, 3, 15, tzinfo=UTC), "1949-01-01"],
    "retracted": [True, False, "nej", "ja"],
    "unit": ["U1", "U2", "U9"],
    "weight": ["70,5", 70, "1,234", 501, "-1"],
    "born": ["1950", 1950, 2001, 1800],
    "seen_on": ["1949-12-31", "2001-03-15"],
    "seen_at": ["1950-01-01T00:00:00Z", "2001-12-24"],
    "days": ["2001-03-15;1949-01-01", ["2001-03-15"], "2001-03-15"],
    "tags": ["a;b", ["a"], ["c"], '["a"]'],
    "count": [2**63 - 1, 2**63, "-5", 1.0],
    "share": ["0,25", 1e39, None],
    "ratio": ["0,25", 1e39, None],
    "note": ["460823-9986 came", "x" * 2_001, "plain", "\ud800"],
    "checked": ["ja", 0],
    "previous_patient": ["k1-" + "b" * 26, "nobody"],
    "extra": ["something"],
}
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.text(max_size=2), max_size=2)
)


@st.composite
def any_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(st.sampled_from(list(PLAUSIBLE)), unique=True))
    common = {
        name: values[0] for name, values in PLAUSIBLE.items() if name not in ("previous_patient", "extra", "seen_on")
    }
    changed = st.fixed_dictionaries({name: st.sampled_from(PLAUSIBLE[name]) | ANYTHING for name in names})
    return [{**common, "retracted": False, **draw(changed)} for _ in range(draw(st.integers(1, 8)))]


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> RegistryDefinition:
    return load_registry(write_registry(tmp_path_factory.mktemp("registry"), forms=[EVERY_KIND]))


def test_each_day_of_a_list_is_held_against_the_birth(every_kind: RegistryDefinition) -> None:
    common = {
        name: PLAUSIBLE[name][0]
        for name in ("registration_id", "patient", "occurred_on", "recorded_at", "unit", "born")
    }
    rows = [{**common, "days": days} for days in ("1999-01-01", "2001-03-15;1949-12-31", "1950-01-01;2001-03-15")]
    assert mapper(every_kind, "visit").map(table("visit", *rows)).refused == {
        2: (Fault("days", "lies before the year of birth"),)
    }


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(any_rows(), min_size=1, max_size=3))
def test_tables_become_what_their_rows_become_one_by_one(every_kind: RegistryDefinition, batches: list[Any]) -> None:
    """Holds remembered pieces, rules asked about many values, and extremes against rules and fastavro's bytes."""
    form = every_kind.forms["visit"]
    rules, schema = compile_rules(every_kind, form), plain_schema(form.avro)
    plain, fast = mapper(every_kind, "visit"), mapper(every_kind, "visit")
    for rows in batches:
        expected = Mapped()
        for number, row in enumerate(rows, start=1):
            registrations, faults = plain.registrations(row)
            assert bool(registrations) != bool(faults)
            for one in registrations:
                assert rules(one, NOW) == []
                out = io.BytesIO()
                fastavro.schemaless_writer(out, schema, one, strict=True)
                expected.add(number, one["patient"].encode(), b"\0\1\2\3\4" + out.getvalue())
            if faults:
                expected.refused[number] = faults
        assert fast.map(table("visit", *rows)) == expected


def test_what_is_remembered_stays_right_and_within_bounds() -> None:
    asked: list[int] = []

    def double(raws: Any) -> list[int]:
        asked.extend(raws)
        return [2 * raw for raw in raws]

    memo = Memo(double, size=4)
    for column in ([1, 2, 1], [2, 3, 4], [5, 1], [1, 5, 5], list(range(10))):
        assert memo.of(column) == [2 * raw for raw in column]
        assert len(memo) <= max(4, len(set(column)))
    assert asked[:4] == [1, 2, 3, 4]
    assert asked.count(5) == 2  # once, and once more after beginning anew for ten at a time
