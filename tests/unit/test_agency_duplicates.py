"""Reports of one event found, joined as one case with two sources, and others linked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import permutations
from random import Random

import pytest

from sinks.agency.duplicates import Pair, Telling, same_events
from sinks.agency.icsr.joining import Difference, joined
from sinks.agency.icsr.model import Dosage, Drug, DrugReaction, OtherIdentifier, Patient, PrimarySource, Reaction
from sinks.agency.icsr.reader import read
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.values import MeddraTerm, Moment, NullFlavor, Quantity
from sinks.agency.icsr.writer import write
from tests.icsr_cases import FULL, NOW, SMALLEST, SMALLEST_REACTION, batch
from tests.icsr_random import any_case

NI, UNK = NullFlavor.NI, NullFlavor.UNK


def telling(name: str, onset: str | None = "2026-01-10", received: str = "2026-01-20", **said: object) -> Telling:
    base = Telling(
        name,
        "p1",
        frozenset({"FEN"}),
        frozenset({"DER"}),
        "utslag",
        None if onset is None else date.fromisoformat(onset),
        date.fromisoformat(received),
    )
    return base._replace(**said)  # type: ignore[arg-type]


# Which tell of the same


def test_what_a_report_says_of_itself_is_believed() -> None:
    doctor = telling("d")
    patient = telling("p", onset=None, received="2026-01-15", reactions=frozenset(), same_event_as="d")
    other = telling("x", patient="p2", same_event_as="d")  # another patient's
    found = same_events([doctor, patient, other], 7)
    assert found.events == (("p", "d"), ("x",))  # the patient told first
    assert found.suspected == ()
    assert found.links == {}
    assert found.astray == ("x",)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_chains_and_circles_are_one_event_in_whatever_order_they_come(order: tuple[int, ...]) -> None:
    told = [
        telling("a", received="2026-01-04", same_event_as="b"),
        telling("b", received="2026-01-03", same_event_as="c"),
        telling("c", received="2026-01-02", same_event_as="a"),
        telling("d", received="2026-01-01", same_event_as="c"),
    ]
    assert same_events([told[index] for index in order], 0).events == (("d", "c", "b", "a"),)


def test_a_report_is_not_its_own_double() -> None:
    assert same_events([telling("a", same_event_as="a"), telling("b", same_event_as="gone")], 7).astray == ("a", "b")


@pytest.mark.parametrize(
    ("second", "likeness", "grounds"),
    [
        ({}, "likely", ("same suspect drug", "same reaction", "onsets 0 days apart")),
        ({"onset": "2026-01-17"}, "likely", ("same suspect drug", "same reaction", "onsets 7 days apart")),
        ({"onset": "2026-01-18"}, None, ()),
        ({"onset": "2026-01-03"}, "likely", ("same suspect drug", "same reaction", "onsets 7 days apart")),
        ({"onset": None}, "possible", ("same suspect drug", "same reaction", "an onset is not known")),
        ({"drugs": frozenset({"OTH"})}, None, ()),
        ({"drugs": frozenset({"OTH", "FEN"})}, "likely", ("same suspect drug", "same reaction", "onsets 0 days apart")),
        ({"reactions": frozenset({"HEP"}), "words": "lever"}, None, ()),
        (
            {"reactions": frozenset(), "words": "rodnad"},
            "possible",
            ("same suspect drug", "a reaction is not coded", "onsets 0 days apart"),
        ),
        (
            {"reactions": frozenset(), "words": " UTSLAG!"},
            "likely",
            ("same suspect drug", "same reaction", "onsets 0 days apart"),
        ),
        ({"patient": "p2"}, None, ()),
    ],
)
def test_what_speaks_for_the_same_event(
    second: dict[str, object], likeness: str | None, grounds: tuple[str, ...]
) -> None:
    found = same_events([telling("a"), telling("b", received="2026-01-21", **second)], 7)  # type: ignore[arg-type]
    assert found.suspected == (() if likeness is None else (Pair("a", "b", likeness, grounds),))  # type: ignore[arg-type]
    assert len(found.events) == 2  # nothing is joined but by what a report says of itself
    linked = likeness is None and second.get("patient") is None
    assert found.links == ({"a": ("b",), "b": ("a",)} if linked else {})


def test_reports_that_say_nothing_are_not_alike_in_it() -> None:
    first, second = (telling(name, reactions=frozenset(), words=" ") for name in "ab")
    (pair,) = same_events([first, second], 7).suspected
    assert pair.likeness == "possible"
    with pytest.raises(ValueError, match="window"):
        same_events([], -1)


# One case of two

_CODE = MeddraTerm("10019211", "28.0")
_DOCTOR = PrimarySource(given_name="Maja", family_name="Lind", country="SE", qualification="1", primary="1")
_PATIENT = PrimarySource(country="SE", qualification="5", primary="1")


def reaction(code: str, **said: object) -> Reaction:
    return replace(SMALLEST_REACTION, term=MeddraTerm(code, "28.0"), **said)  # type: ignore[arg-type]


DOCTORS = replace(
    SMALLEST,
    sources=(_DOCTOR,),
    expedited=True,
    patient=Patient(name=NullFlavor.MSK, sex="2", age=Quantity(Decimal(56), "a"), history="Gout."),
    reactions=(reaction("10000001", hospitalisation=True, start=Moment("20260110")), reaction("10000002")),
    drugs=(
        Drug(
            role="1", name="Invented mab", dosages=(Dosage(lot="L7"),), matrix=(DrugReaction(0, (), None, None, "1"),)
        ),
    ),
)
PATIENTS = replace(
    SMALLEST,
    report_id="SE-GULD-2",
    worldwide_id="SE-GULD-2",
    first_received=Moment("20260301"),
    most_recent=Moment("20260301"),
    sources=(_PATIENT,),
    patient=Patient(name=UNK, sex="1", weight=None, history=UNK, age_group="5"),
    reactions=(
        reaction("10000003", confirmed=False),
        reaction(
            "10000001", medically_important=True, start=Moment("20260111"), end=Moment("20260120"), confirmed=False
        ),
    ),
    drugs=(
        Drug(
            role="1",
            name="invented  MAB",
            action="1",
            matrix=(DrugReaction(0), DrugReaction(1, (), Quantity(None, "d"))),
        ),
        Drug(role="2", name="Painkiller"),
    ),
)


def test_two_sources_are_one_case() -> None:
    case, differences = joined(DOCTORS, PATIENTS, "Guld register")
    assert case.sources == (_DOCTOR, replace(_PATIENT, primary=None))  # one is for regulatory purposes, the first
    assert (case.report_id, case.worldwide_id, case.first_received) == ("SE-GULD-1", "SE-GULD-1", Moment("20260227"))
    assert case.most_recent == Moment("20260301")
    assert case.other_identifiers == (OtherIdentifier("Guld register", "SE-GULD-2"),)
    assert case.other_identifiers_exist is True
    assert case.expedited is True
    assert case.patient == Patient(
        name=NullFlavor.MSK,
        sex="2",
        age=Quantity(Decimal(56), "a"),
        history="Gout.",
        age_group="5",
    )
    assert [one.term.code for one in case.reactions if one.term] == ["10000001", "10000002", "10000003"]
    first = case.reactions[0]
    assert (first.start, first.end) == (Moment("20260110"), Moment("20260120"))
    assert (first.hospitalisation, first.medically_important, first.death) == (True, True, NI)
    assert [one.confirmed for one in case.reactions] == [True, True, False]  # the last the patient alone has told
    assert [(one.name, one.action) for one in case.drugs] == [("Invented mab", "1"), ("Painkiller", None)]
    assert [(one.reaction, one.recurrence) for one in case.drugs[0].matrix] == [(0, "1"), (2, None)]
    assert set(differences) == {Difference("E.i.4", "E.i[1]"), Difference("D.5", ""), Difference("G.k.2.2", "G.k[1]")}


def test_the_case_may_be_sent_and_says_so_to_others() -> None:
    case = joined(DOCTORS, replace(PATIENTS, drugs=PATIENTS.drugs[1:]), "Guld register").case
    assert validate(batch(case), NOW) == []
    found = read(write(batch(case))).batch.messages[0].case
    assert found is not None
    assert len(found.sources) == 2
    assert found.other_identifiers == (OtherIdentifier("Guld register", "SE-GULD-2"),)


def test_the_doctor_s_confirms_the_patient_s() -> None:
    case, _ = joined(PATIENTS, DOCTORS, None)
    assert [(one.term and one.term.code, one.confirmed) for one in case.reactions] == [
        ("10000003", False), ("10000001", True), ("10000002", True),
    ]  # fmt: skip
    assert case.other_identifiers == ()  # the other was never sent
    assert case.sources[0].primary == "1"
    both = joined(DOCTORS, replace(DOCTORS, sources=(replace(_DOCTOR, family_name="Ek"),)), None).case
    assert [one.confirmed for one in both.reactions] == [None, None]


def test_a_case_joined_with_itself_is_itself() -> None:
    for case in (FULL, SMALLEST, *(any_case(Random(seed)) for seed in range(60))):
        found = joined(case, case, None)
        assert found.differences == ()
        assert found.case == case


def test_what_both_say_of_a_drug_is_not_said_twice() -> None:
    case, differences = joined(FULL, replace(FULL, narrative="Another.", sender_comments=None), "Hospital A")
    assert case.drugs == FULL.drugs
    assert differences == ()
    assert case.other_identifiers == (*FULL.other_identifiers, OtherIdentifier("Hospital A", "SE-GULD-2"))
    assert case.narrative == FULL.narrative  # it is written anew, of the joined data
