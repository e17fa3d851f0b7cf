"""Rules: each one broken alone gives exactly its fault, and no fault ever repeats a value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from schemas.definition.folder import load_registries, load_registry
from schemas.rules import FUTURE_TOLERANCE_MS, Fault, compile_rules
from tests.unit.registry_folders import DATE, TIMESTAMP, UNIT, WEIGHT, field, form, optional, visit, write_registry

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.rules import Rules

DAY_MS = 86_400_000
SUBMITTED = 10_000 * DAY_MS  # midnight of the day that `visit` was on
NUMBER = "19570428-9999"  # an official test number
UNITS = "code,name,kind\nU1,One,ward\nU2,Two,clinic\n"


def rules_for(tmp_path: Path, *fields: dict[str, Any]) -> Rules:
    schema = form(UNIT, WEIGHT, *fields)
    definition = load_registry(write_registry(tmp_path, forms=[schema], catalogues={"units": UNITS}))
    return compile_rules(definition, definition.forms["visit"])


@pytest.fixture
def minimal(tmp_path: Path) -> Rules:
    return rules_for(tmp_path)


def test_a_registration_that_is_right_has_no_fault(minimal: Rules) -> None:
    assert minimal(visit(), SUBMITTED) == []
    assert minimal(visit(weight=None), SUBMITTED) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"registration_id": ""}, ("registration_id", "is empty")),
        ({"registration_id": " \t"}, ("registration_id", "is empty")),
        ({"registration_id": "x" * 101}, ("registration_id", "is longer than 100 characters")),
        ({"registration_id": f"v-{NUMBER}"}, ("registration_id", "holds a personal identity number")),
        ({"patient": "195704289999"}, ("patient", "is not a pseudonym (publish makes them)")),
        ({"patient": ""}, ("patient", "is not a pseudonym (publish makes them)")),
        ({"patient": "k1-" + "a" * 27}, ("patient", "is not a pseudonym (publish makes them)")),
        ({"patient": "k1-" + "a" * 26 + "\n"}, ("patient", "is not a pseudonym (publish makes them)")),
        ({"unit": "U3"}, ("unit", "is not in the catalogue of units")),
        ({"unit": ""}, ("unit", "is not in the catalogue of units")),
        ({"weight": -0.1}, ("weight", "lies outside 0 to 500 kg")),
        ({"weight": 500.1}, ("weight", "lies outside 0 to 500 kg")),
        ({"weight": math.nan}, ("weight", "lies outside 0 to 500 kg")),
        ({"weight": math.inf}, ("weight", "lies outside 0 to 500 kg")),
        ({"occurred_on": 10_002}, ("occurred_on", "lies in the future")),
        ({"occurred_on": -25_568}, ("occurred_on", "lies outside the years 1900 to 2299")),
        ({"recorded_at": SUBMITTED + DAY_MS + 1}, ("recorded_at", "lies in the future")),
        ({"recorded_at": -25_567 * DAY_MS - 1}, ("recorded_at", "lies outside the years 1900 to 2299")),
    ],
)
def test_a_rule_broken_alone_is_the_only_fault(minimal: Rules, changes: dict[str, Any], fault: tuple[str, str]) -> None:
    assert minimal(visit(**changes), SUBMITTED) == [Fault(*fault)]


@pytest.mark.parametrize(
    "changes",
    [
        {"registration_id": "x" * 100},
        {"weight": 0},
        {"weight": 500.0},
        {"occurred_on": -25_567},
        {"recorded_at": -25_567 * DAY_MS},
        {"unit": "U2"},
    ],
)
def test_the_last_value_inside_a_bound_is_right(minimal: Rules, changes: dict[str, Any]) -> None:
    assert minimal(visit(**changes), SUBMITTED) == []


def test_the_future_begins_a_day_after_the_submission(minimal: Rules) -> None:
    assert FUTURE_TOLERANCE_MS == DAY_MS
    noon = SUBMITTED + DAY_MS // 2
    assert minimal(visit(occurred_on=10_001, recorded_at=noon + DAY_MS), noon) == []
    assert minimal(visit(occurred_on=10_002), noon) == [Fault("occurred_on", "lies in the future")]
    assert minimal(visit(recorded_at=noon + DAY_MS + 1), noon) == [Fault("recorded_at", "lies in the future")]
    before_1970 = -5 * DAY_MS - 1
    assert minimal(visit(occurred_on=-5, recorded_at=before_1970), before_1970) == []
    assert [f.field for f in minimal(visit(occurred_on=-4, recorded_at=before_1970), before_1970)] == ["occurred_on"]


def test_all_faults_come_at_once_in_the_order_of_the_fields(minimal: Rules) -> None:
    faults = minimal(visit(registration_id="", unit="?", weight=-1, occurred_on=20_000), SUBMITTED)
    assert [fault.field for fault in faults] == ["registration_id", "unit", "weight", "occurred_on"]


def test_nothing_lies_before_the_year_of_birth(tmp_path: Path) -> None:
    rules = rules_for(tmp_path, optional("born", "int", role="birth_year"), optional("until", DATE, role="later_date"))
    first_of_1997 = 9862
    early = Fault("occurred_on", "lies before the year of birth")
    assert rules(visit(born=1997, until=None), SUBMITTED) == []
    assert rules(visit(born=1997, until=None, occurred_on=first_of_1997), SUBMITTED) == []
    assert rules(visit(born=1997, until=None, occurred_on=first_of_1997 - 1), SUBMITTED) == [early]
    assert rules(visit(born=None, until=None, occurred_on=first_of_1997 - 1), SUBMITTED) == []
    assert rules(visit(born=1997, until=100), SUBMITTED) == [Fault("until", "lies before the year of birth")]
    recorded = rules(visit(born=1997, until=None, recorded_at=first_of_1997 * DAY_MS - 1), SUBMITTED)
    assert recorded == [Fault("recorded_at", "lies before the year of birth")]


@pytest.mark.parametrize(
    ("avro_type", "good", "bad", "rule"),
    [
        ("int", [-(2**31), 2**31 - 1], [-(2**31) - 1, 2**31], "does not fit int"),
        ("long", [-(2**63), 2**63 - 1], [-(2**63) - 1, 2**63], "does not fit long"),
        ("double", [0.0, -1e308], [math.nan, math.inf, -math.inf], "is not a finite number"),
        ("float", [0.5], [math.nan, math.inf], "is not a finite number"),
    ],
)
def test_numbers_without_a_range_fit_their_type(
    tmp_path: Path, avro_type: str, good: list[float], bad: list[float], rule: str
) -> None:
    plain, nullable = field("plain", avro_type), optional("absent", avro_type)
    listed = field("listed", {"type": "array", "items": avro_type}, default=[])
    rules = rules_for(tmp_path, plain, nullable, listed)
    assert rules(visit(plain=good[0], absent=None, listed=[]), SUBMITTED) == []
    assert rules(visit(plain=good[0], absent=good[-1], listed=good), SUBMITTED) == []
    for value in bad:
        faults = rules(visit(plain=value, absent=value, listed=[good[0], value]), SUBMITTED)
        assert faults == [Fault(name, rule) for name in ("plain", "absent", "listed")]


def test_a_range_wider_than_the_type_does_not_widen_it(tmp_path: Path) -> None:
    rules = rules_for(tmp_path, field("count", "int", range=[0, 1e12]))
    assert rules(visit(count=2**31 - 1), SUBMITTED) == []
    assert [fault.field for fault in rules(visit(count=2**31), SUBMITTED)] == ["count"]


def test_codes_of_each_kind(tmp_path: Path) -> None:
    rules = rules_for(
        tmp_path,
        field("side", "string", role="side", codes={"list": ["left", "right"]}),
        field("code", "string", codes={"system": "KVÅ", "pattern": "NF[A-Z][0-9]{2}"}),
        optional("ward", "string", codes={"catalogue": "units", "kind": "ward"}),
        field("tags", {"type": "array", "items": "string"}, codes={"list": ["a", "b"]}),
    )
    good = {"side": "left", "code": "NFB49", "ward": "U1", "tags": ["a", "b", "a"]}
    assert rules(visit(**good), SUBMITTED) == []
    assert rules(visit(**good | {"ward": None, "tags": []}), SUBMITTED) == []
    for name, value, rule in [
        ("side", "Left", "is not one of the form's codes"),
        ("code", "NFB499", "is not a code of KVÅ"),
        ("code", "xNFB49", "is not a code of KVÅ"),
        ("ward", "U2", "is not in the catalogue of units of kind ward"),
        ("tags", ["a", "c"], "is not one of the form's codes"),
    ]:
        assert rules(visit(**good | {name: value}), SUBMITTED) == [Fault(name, rule)]


def test_free_text_hides_no_identity_number_anywhere(tmp_path: Path) -> None:
    rules = rules_for(
        tmp_path,
        optional("note", "string", role="source_text"),
        field("lots", {"type": "array", "items": "string"}, role="lot"),
    )
    hidden = "holds a personal identity number"
    assert rules(visit(note=None, lots=[]), SUBMITTED) == []
    assert rules(visit(note="Tobak: 11 cigarett/dag", lots=["A1", "09520001000010"]), SUBMITTED) == []
    assert rules(visit(note=f"se {NUMBER}", lots=[]), SUBMITTED) == [Fault("note", hidden)]
    assert rules(visit(note="", lots=["A1", NUMBER]), SUBMITTED) == [Fault("lots", hidden)]
    assert rules(visit(note="x" * 2001, lots=[]), SUBMITTED) == [Fault("note", "is longer than 2000 characters")]


def test_dates_in_a_list_are_held_to_the_same_rules(tmp_path: Path) -> None:
    born = field("born", "int", role="birth_year")
    days = field("days", {"type": "array", "items": DATE})
    moments = field("moments", {"type": "array", "items": TIMESTAMP})
    rules = rules_for(tmp_path, born, days, moments)
    assert rules(visit(born=1990, days=[9_000, 10_001], moments=[SUBMITTED]), SUBMITTED) == []
    future, early = "lies in the future", "lies before the year of birth"
    assert rules(visit(born=1990, days=[9_000, 10_002], moments=[]), SUBMITTED) == [Fault("days", future)]
    assert rules(visit(born=1990, days=[7_000], moments=[0]), SUBMITTED) == [
        Fault("days", early),
        Fault("moments", early),
    ]


def test_a_retraction_may_name_what_the_catalogue_no_longer_has(minimal: Rules) -> None:
    gone = visit(retracted=True, unit="closed", weight=9_999.0, occurred_on=10_500, recorded_at=SUBMITTED + 9 * DAY_MS)
    assert minimal(gone, SUBMITTED) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"patient": NUMBER}, ("patient", "is not a pseudonym (publish makes them)")),
        ({"registration_id": ""}, ("registration_id", "is empty")),
        ({"registration_id": NUMBER}, ("registration_id", "holds a personal identity number")),
        ({"unit": NUMBER}, ("unit", "holds a personal identity number")),
        ({"note": NUMBER}, ("note", "holds a personal identity number")),
        ({"count": 2**31}, ("count", "does not fit int")),
        ({"occurred_on": 200_000}, ("occurred_on", "lies outside the years 1900 to 2299")),
    ],
)
def test_a_retraction_is_no_way_in_for_what_must_not_be_kept(
    tmp_path: Path, changes: dict[str, Any], fault: tuple[str, str]
) -> None:
    rules = rules_for(tmp_path, optional("note", "string"), field("count", "int", range=[0, 3]))
    retraction = visit(retracted=True, note=None, count=99)
    assert rules(retraction, SUBMITTED) == []
    assert rules(retraction | changes, SUBMITTED) == [Fault(*fault)]


def test_no_fault_repeats_a_value(tmp_path: Path) -> None:
    rules = rules_for(tmp_path, field("side", "string", codes={"list": ["left"]}), optional("note", "string"))
    secret = f"hemlig {NUMBER}"
    faults = rules(visit(registration_id=secret, patient=secret, unit=secret, side=secret, note=secret), SUBMITTED)
    assert len(faults) == 5
    assert not [fault for fault in faults if "hemlig" in fault.rule or "9999" in fault.rule]


def test_the_bundled_hip_takes_an_operation_and_names_each_slip() -> None:
    definition = load_registries()["hip"]
    rules = compile_rules(definition, definition.forms["primary_operation"])
    component = {kind: min(definition.catalogues["components"].codes(kind)) for kind in ("cup", "stem", "head")}
    operation = {
        **{name: value for name, value in visit().items() if name != "weight"},
        "unit": min(definition.catalogues["units"].codes()),
        "side": "left",
        "diagnosis": "M16.1",
        "procedure": "NFB49",
        **component,
        "cup_lot": "L1",
        "stem_lot": None,
        "head_lot": None,
        "fixation": "hybrid",
        "age": 71,
        "birth_year": 1926,
        "sex": "female",
        "bmi": 24.5,
        "asa": 2,
    }
    assert rules(operation, SUBMITTED) == []
    slips = {"cup": component["stem"], "diagnosis": "U071", "procedure": "NFC20", "age": 116, "asa": 6, "bmi": 9.9}
    for name, value in slips.items():
        assert [fault.field for fault in rules({**operation, name: value}, SUBMITTED)] == [name]
