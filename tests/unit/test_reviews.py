"""What may be said of signals, carriers and notices; files of states; who is overdue, worked by hand."""

from __future__ import annotations

import io
import json
from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import fastavro
import pytest

from schemas.codec import decode_event, encode_event, fingerprint, wire_header
from schemas.definition.folder import load_registries
from schemas.review import SignalId, group_of, review_faults, signal_id
from sinks.clickhouse.queries.carriers import Carrier
from sinks.clickhouse.queries.reviews import UnitProgress, unit_progress
from streams.publish import reviews
from streams.publish.errors import InputError
from streams.publish.reviews import About, Known, Speaker, StateTold
from streams.publish.whole_file import FileRefusedError
from tests.review_support import answered, buffered, decided, identity, issued, review, stands
from tests.support import bundled, patient

if TYPE_CHECKING:
    from pathlib import Path

_HIP = load_registries()["hip"]
_ABOUT = About("cup/CUP01/0", "cup", "CUP01")
_SPEAKER = Speaker("anna", 1_717_200_000_000)
_CARRIERS = [
    Known(patient(1), "a", "U01", 2, 7),
    Known(patient(2), "b", "U01", 3, 9),
    Known(patient(3), "same", "U01", 0, 1),
    Known(patient(4), "same", "U02", 0, 2),
]
NUMBER = "19121212-1212"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("cup/INTEROP/0", SignalId("cup", "INTEROP", 0)),
        ("construct/CUP01 + STEM02/12", SignalId("construct", "CUP01 + STEM02", 12)),
        ("cup/A/B/3", SignalId("cup", "A/B", 3)),
        ("cup/INTEROP", None),
        ("cup/INTEROP/first", None),
        ("cup//0", None),
        (identity(1), None),
    ],
)
def test_a_signal_is_group_product_and_number(text: str, read: SignalId | None) -> None:
    assert signal_id(text) == read
    assert read is None or str(read) == text


@pytest.mark.parametrize(
    ("product", "group"),
    [("CUP01", "cup"), ("STEM01", "stem"), ("CUP01 + STEM01", "construct"), ("CUP01 + CUP02", None)],
)
def test_a_product_lies_in_the_first_group_that_follows_it(product: str, group: str | None) -> None:
    assert group_of(_HIP, product) == group


@pytest.mark.parametrize(
    "record",
    [
        decided(1, "taken_up"),
        decided(1, "confirmed", note="the taper"),
        decided(1, "closed", reason="one surgeon's first ten"),
        decided(1, "closed", about=identity(7), reason="sent twice"),
        stands(1, patient(1), "a", "to_call"),
        stands(1, patient(1), "a", "moved", unit="U2"),
        stands(1, patient(1), "a", "checked", about=identity(7), note="no loosening seen"),
        issued(1),
        issued(1, lots=["L1", "L2"], udi_di="09520001000010", first_day=19_000, last_day=19_000),
        answered(1, "acknowledged"),
        answered(1, "stated", statement="The taper of one lot was out of measure."),
        answered(1, "tied", notice=identity(7)),
    ],
    ids=lambda record: f"{record['kind']} {record['state']}",
)
def test_what_is_right_may_be_sent_and_is_read_as_it_was_written(record: dict[str, Any]) -> None:
    assert review_faults(record) == []
    whole = {"registry": "hip", "epoch": 3, **record}
    assert decode_event("review", encode_event("review", whole)) == whole


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        (review(1, "opinion", "good"), "kind is none of decision, carrier, notice, answer"),
        (decided(1, "checked"), "state of a decision is none of taken_up, confirmed, closed"),
        (decided(1, "closed"), "reason is needed where a decision is closed"),
        (decided(1, "closed", reason="  "), "reason is needed where a decision is closed"),
        (decided(1, "taken_up", id="1"), "id is not a UUID in lower case"),
        (decided(1, "taken_up", by=" "), "by is empty"),
        (decided(1, "taken_up", about="CUP1"), "about is neither a signal (group/product/number) nor a notice's id"),
        (decided(1, "taken_up", about="cup/CUP2/0"), "about is a signal of another group or product"),
        (decided(1, "taken_up", note=f"asked {NUMBER}"), "note holds a personal identity number"),
        (decided(1, "closed", reason=f"only {NUMBER}"), "reason holds a personal identity number"),
        (decided(1, "taken_up", note="x" * 2_001), "note is longer than 2000 characters"),
        (decided(1, "taken_up", patient=patient(1)), "patient belongs to a carrier alone"),
        (decided(1, "taken_up", said_at=2**62), "said_at lies outside what can be kept"),
        (stands(1, "anna", "a", "called"), "patient is not a pseudonym"),
        (stands(1, patient(1), "a", "moved"), "unit is needed where a carrier is moved"),
        (stands(1, patient(1), "a", "dead", partition=None), "partition is needed where a carrier is dead"),
        (stands(1, patient(1), "", "called"), "registration_id is needed where a carrier is called"),
        (stands(1, patient(1), "a", "called", partition=70_000), "partition lies outside what can be kept"),
        (stands(1, patient(1), "a", "called", lots=["L1"]), "lots belongs to a notice alone"),
        (issued(1, about=identity(2)), "about is not the id, by which the notice is known"),
        (issued(1, reference=None), "reference is needed where a notice is issued"),
        (issued(1, issued_by=f"dr {NUMBER}"), "issued_by holds a personal identity number"),
        (issued(1, lots=["L1", " "]), "lots has an empty one, and would mean what is of no known lot"),
        (issued(1, lots=[NUMBER]), "lots holds a personal identity number"),
        (issued(1, first_day=10, last_day=9), "last_day lies before first_day"),
        (issued(1, first_day=-40_000), "first_day lies outside what can be kept"),
        (answered(1, "confirmed"), "state of an answer is none of acknowledged, stated, tied"),
        (answered(1, "acknowledged", company=None), "company is needed where an answer is acknowledged"),
        (answered(1, "acknowledged", company="Nordfalk Ortopedi"), "company is no company's code"),
        (answered(1, "stated"), "statement is needed where an answer is stated"),
        (answered(1, "stated", statement=f"seen at {NUMBER}"), "statement holds a personal identity number"),
        (answered(1, "tied"), "notice is needed where an answer is tied"),
        (answered(1, "tied", notice="FSN-7"), "notice is no notice's id"),
        (
            answered(1, "acknowledged", about=identity(7)),
            "about is no signal (group/product/number), and a company answers about signals alone",
        ),
        (answered(1, "stated", statement="x", reason="x"), "reason belongs to a decision alone"),
        (decided(1, "taken_up", company="nordfalk-ortopedi"), "company belongs to an answer alone"),
    ],
)  # fmt: skip
def test_each_rule_is_told_by_field_and_never_by_value(record: dict[str, Any], fault: str) -> None:
    assert [str(one) for one in review_faults(record)] == [fault]


def test_what_anybody_wrote_wrongly_on_the_topic_is_given_up() -> None:
    hip = bundled("hip")
    buffer = buffered(hip, decided(1, "taken_up", note=f"asked {NUMBER}"), decided(2, "taken_up"))
    assert [(one.read.offset, one.error) for one in buffer.given_up] == [
        (0, "the review is not as it must be: note holds a personal identity number")
    ]
    assert sum(rows.registrations for rows in buffer.tables) == 1


def test_a_decision_is_on_a_signal_that_the_registry_may_have() -> None:
    about = reviews.about_signal(_HIP, "construct/CUP01 + STEM01/2")
    assert about == About("construct/CUP01 + STEM01/2", "construct", "CUP01 + STEM01")
    record = reviews.decision(about, "closed", _SPEAKER, reason="a coding fault")
    assert (record["group"], record["product"], record["reason"]) == ("construct", "CUP01 + STEM01", "a coding fault")
    assert (record["by"], record["said_at"]) == ("anna", 1_717_200_000_000)
    again = reviews.decision(about, "closed", _SPEAKER, reason="a coding fault")
    assert record["id"] != again["id"]  # it was said twice
    for text, told in (
        ("CUP01", "is no signal: write group/product/number"),
        ("knee/CUP01/0", "hip has no monitor group knee; it has cup, stem"),
        ("cup/STEM01/0", "STEM01 is no product of the group cup"),
    ):
        with pytest.raises(InputError, match=told):
            reviews.about_signal(_HIP, text)
    with pytest.raises(InputError, match="can be closed with a reason only"):
        reviews.decision(about, "closed", _SPEAKER, reason=" ")


def test_a_state_is_said_of_the_exposure_as_it_is_known() -> None:
    record = reviews.carrier_state(_HIP, _ABOUT, _CARRIERS[1], StateTold("b", "checked"), _SPEAKER)
    kept = ("patient", "registration_id", "unit", "partition", "exposure_version")
    assert [record[name] for name in kept] == [patient(2), "b", "U01", 3, 9]
    moved = reviews.carrier_state(_HIP, _ABOUT, _CARRIERS[1], StateTold("b", "moved", "U07"), _SPEAKER)
    assert moved["unit"] == "U07"
    for unit in (None, "U01"):
        with pytest.raises(InputError, match="moved needs the unit that the carrier has moved to"):
            reviews.carrier_state(_HIP, _ABOUT, _CARRIERS[1], StateTold("b", "moved", unit), _SPEAKER)


def test_a_company_answers_about_a_signal_and_a_product_is_confirmed_by_no_answer() -> None:
    record = reviews.answer(_ABOUT, "tied", _SPEAKER, company="nordfalk-ortopedi", notice=identity(7))
    kept = ("kind", "state", "about", "group", "product", "company", "statement", "notice")
    assert [record[name] for name in kept] == [
        "answer", "tied", "cup/CUP01/0", "cup", "CUP01", "nordfalk-ortopedi", None, identity(7),
    ]  # fmt: skip
    with pytest.raises(InputError, match="state of an answer is none of"):
        reviews.answer(_ABOUT, "closed", _SPEAKER, company="nordfalk-ortopedi")


def test_what_was_said_before_companies_answered_is_read_as_before() -> None:
    released = files("schemas") / "events" / "released" / "review.1.avsc"
    schema = json.loads(released.read_text(encoding="utf-8"))
    record = {"registry": "hip", "epoch": 3, **decided(1, "closed", reason="one surgeon")}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    read = decode_event("review", wire_header(fingerprint(schema)) + out.getvalue())
    assert read == {**record, "company": None, "statement": None, "notice": None}
    assert review_faults(read) == []


def states_of(folder: Path, text: str) -> list[dict[str, Any]]:
    path = folder / "states.csv"
    path.write_text(text, encoding="utf-8")
    return reviews.carrier_states(path, _HIP, _ABOUT, _CARRIERS, _SPEAKER)


def test_a_clinic_says_how_it_stands_with_its_list(tmp_path: Path) -> None:
    records = states_of(tmp_path, "state;registration_id;unit\nchecked;b;\n\nmoved;a;U02\n")
    assert [(one["patient"], one["registration_id"], one["state"], one["unit"], one["note"]) for one in records] == [
        (patient(2), "b", "checked", "U01", None),
        (patient(1), "a", "moved", "U02", None),
    ]
    (noted,) = states_of(tmp_path, 'registration_id,state,note\na,called,"comes in May, by bus"\n')
    assert (noted["note"], noted["unit"]) == ("comes in May, by bus", "U01")


def test_nothing_of_a_file_is_said_unless_all_of_it_is_right(tmp_path: Path) -> None:
    rows = [
        "registration_id,state,unit,note",
        "a,checked,,",
        "b,phoned,,",
        "c,checked,,",
        "a,declined,,",
        "same,checked,,",
        "b,checked,,",
        "b,checked",
    ]
    with pytest.raises(FileRefusedError) as caught:
        states_of(tmp_path, "\n".join(rows))
    assert caught.value.faults == (
        "line 3: state 'phoned' is none of to_call, called, checked, declined, not_found, moved, dead",
        "line 4: registration c is of no carrier: `guldadra trace` lists them",
        "line 5: the registration is that of line 2",
        "line 6: registration same is of several carriers: say whose with --patient, or whose list it is with --unit",
        "line 7: the registration is that of line 3",
        "line 8: 2 values for 4 columns",
    )
    with pytest.raises(FileRefusedError, match=r"line 2: state 'gone' is none of .*; unit 'U99' is not in"):
        states_of(tmp_path, "registration_id,state,unit\na,gone,U99\n")


def test_a_note_with_an_identity_number_is_refused_without_telling_it(tmp_path: Path) -> None:
    with pytest.raises(FileRefusedError) as caught:
        states_of(tmp_path, f"registration_id,state,note\na,called,ask {NUMBER}\n")
    assert caught.value.faults == ("line 2: note holds a personal identity number",)


@pytest.mark.parametrize("header", ["registration_id", "registration_id,state,comment", "registration_id,state,state"])
def test_another_header_is_told_of(tmp_path: Path, header: str) -> None:
    with pytest.raises(InputError, match=r"line 1: the columns are .*, not registration_id, state \(and unit, note\)"):
        states_of(tmp_path, f"{header}\na,called\n")


def test_the_same_notice_has_the_same_id_whoever_sends_it_when() -> None:
    def noticed(speaker: Speaker = _SPEAKER, **said: Any) -> dict[str, Any]:
        own: dict[str, Any] = {"issued_by": "Nordfalk Ortopedi", "reference": "FSN-7", "lots": ["L2", "L1"]}
        return reviews.notice(_HIP, "CUP01", speaker, **{**own, **said})

    first = noticed(first_day=date(2001, 5, 1), udi_di="09520001000010")
    assert (first["about"], first["group"], first["state"]) == (first["id"], "cup", "issued")
    assert (first["lots"], first["first_day"], first["last_day"]) == (["L1", "L2"], 11_443, None)
    assert noticed()["id"] == noticed(Speaker("bo", 1), lots=["L1", "L2", "L1"], note="again")["id"]
    assert (
        len({noticed(**said)["id"] for said in ({}, {"lots": ["L1"]}, {"reference": "FSN-8"}, {"issued_by": "x"})}) == 4
    )
    with pytest.raises(InputError, match="hip follows no product CUP00"):
        reviews.notice(_HIP, "CUP00", _SPEAKER, issued_by="x", reference="y")
    with pytest.raises(InputError, match="has UDI-DI 09520001000010 for CUP01, not 0952000100002"):
        noticed(udi_di="09520001000027")
    with pytest.raises(InputError, match="last_day lies before first_day"):
        noticed(first_day=date(2001, 5, 2), last_day=date(2001, 5, 1))


def carrier(unit: str, person: int, state: str, since: date = date(2024, 1, 1)) -> Carrier:
    return Carrier(
        unit, patient(person), f"{person}", "cup", "", "", since, None, abroad=False, put_in_at=unit, state=state,
        said_at=None, carried=state != "dead", partition=0, version=1,
    )  # fmt: skip


def test_who_is_overdue_is_counted_from_the_alarm_or_the_later_operation() -> None:
    carriers = [
        carrier("U1", 1, "checked"), carrier("U1", 2, "to_call"), carrier("U1", 3, "to_call", date(2024, 6, 10)),
        carrier("U1", 4, "called"), carrier("U1", 5, "dead"), carrier("U2", 6, "moved"), carrier("U3", 7, "not_found"),
    ]  # fmt: skip
    alarm = date(2024, 6, 1)

    def overdue(day: date, opened_on: date | None = alarm) -> list[int]:
        return [one.overdue for one in unit_progress(carriers, day, opened_on, 14)]

    assert overdue(date(2024, 6, 15)) == [0, 0, 0]  # the last of the fourteen days
    assert overdue(date(2024, 6, 16)) == [1, 1, 0]
    assert overdue(date(2024, 6, 24)) == [1, 1, 0]  # who was operated on the 10th has until then
    assert overdue(date(2024, 6, 25)) == [2, 1, 0]
    assert overdue(date(2025, 6, 25), None) == [0, 0, 0]
    assert unit_progress(carriers, date(2024, 6, 16), alarm, 14)[0] == UnitProgress(
        "U1", 5, {"checked": 1, "to_call": 2, "called": 1, "dead": 1}, 1
    )


def test_of_two_in_one_person_the_one_further_behind_counts() -> None:
    carriers = [
        carrier("U1", 1, "checked"), carrier("U1", 1, "declined"),
        carrier("U1", 2, "to_call"), carrier("U1", 2, "checked"),
        carrier("U2", 1, "checked"),
    ]  # fmt: skip
    assert unit_progress(carriers, date(2024, 7, 1), date(2024, 6, 1), 14) == [
        UnitProgress("U1", 2, {"declined": 1, "to_call": 1}, 1),
        UnitProgress("U2", 1, {"checked": 1}, 0),
    ]
