"""Narratives told of a case's data: what they say, in both languages, and what they never say."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

import pytest

from sinks.agency.icsr import model, values
from sinks.agency.icsr.model import (
    Condition,
    Dosage,
    Drug,
    DrugReaction,
    Indication,
    Parent,
    Patient,
    PrimarySource,
    Reaction,
    Summary,
)
from sinks.agency.icsr.narrative import narrative, with_narrative
from sinks.agency.icsr.narrative_words import WORDS, Words
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.values import MeddraTerm, Moment, NullFlavor, Quantity
from tests.icsr_cases import FULL, NOW, SMALLEST, SMALLEST_REACTION, batch
from tests.icsr_random import any_case

if TYPE_CHECKING:
    from sinks.agency.icsr.model import Case
    from sinks.agency.icsr.narrative_words import Language

_NAMES = {"10000001": "Rash", "10000002": "Gout"}
MSK = NullFlavor.MSK


def term(code: str) -> MeddraTerm:
    return MeddraTerm(code, "28.0")


CASE = replace(
    SMALLEST,
    first_received=Moment("20260220"),
    most_recent=Moment("20260227"),
    sources=(
        PrimarySource(given_name="Maja", family_name="Lind", country="SE", qualification="1", primary="1"),
        PrimarySource(country="SE", qualification="5"),
    ),
    patient=Patient(
        name="AB", sex="2", age=Quantity(Decimal("56.4"), "a"), conditions=(Condition(term("10000002")),), history=MSK
    ),
    reactions=(
        replace(
            SMALLEST_REACTION, term=term("10000001"), native_text="Kliande utslag.", native_language="swe",
            hospitalisation=True, start=Moment("202602"), end=Moment("20260226"), outcome="1",
        ),
        Reaction(native_text="Trött", native_language="swe"),
    ),
    drugs=(
        Drug(role="2", name="Painkiller", action="4"),
        Drug(
            role="1", name="Invented mab", action="1",
            dosages=(Dosage(Quantity(Decimal(40), "mg"), Quantity(Decimal(2), "wk"), Moment("20250901"), lot="L7"),),
            indications=(Indication("Reumatism"),),
            matrix=(DrugReaction(0, (), Quantity(Decimal(1), "d"), None, "2"),),
        ),
    ),
    tests=(model.Test(Moment("20260216"), "S-CRP", None, "1", values.TestValue(Decimal("121.5"), "mg/L", ">")),),
)  # fmt: skip


_ENGLISH = """\
Spontaneous report from a physician and a patient or another who is no health professional, first received \
2026-02-20. Latest information received 2026-02-27.
The patient is a woman, 56 years old. History: Gout.
Suspect drug: Invented mab, 40 mg once in 2 weeks from 2025-09-01, for “Reumatism”, batch L7. \
Action taken with Invented mab: withdrawn. Concomitant drug: Painkiller.
Reaction: Rash, “Kliande utslag”, from 2026-02, until 2026-02-26, 1 day after Invented mab was begun, \
serious: hospitalisation, outcome: recovered. \
Reaction: “Trött” (in words only), not serious by any criterion, outcome: not known. \
Invented mab given again, Rash: it did not recur.
Test “S-CRP” 2026-02-16: >121.5 mg/L, positive."""
_SWEDISH = """\
Spontanrapport från en läkare och patienten eller någon annan utanför vården, först mottagen 2026-02-20. \
Senaste uppgifter mottagna 2026-02-27.
Patienten är en kvinna, 56 år gammal. Tidigare sjukdomar: MedDRA 10000002.
Misstänkt läkemedel: Invented mab, 40 mg en gång på 2 veckor från 2025-09-01, mot ”Reumatism”, sats L7. \
Åtgärd med Invented mab: utsatt. Samtidigt läkemedel: Painkiller.
Reaktion: Utslag, ”Kliande utslag”, från 2026-02, till 2026-02-26, 1 dag efter insättning av Invented mab, \
allvarlig: sjukhusvård, förlopp: tillfrisknad. \
Reaktion: ”Trött” (endast i ord), inte allvarlig enligt något kriterium, förlopp: okänt. \
Invented mab gavs på nytt, Utslag: den kom inte tillbaka.
Prov ”S-CRP” 2026-02-16: >121.5 mg/L, positivt."""


def test_a_case_is_told_in_both_languages() -> None:
    assert narrative(CASE, "en", _NAMES) == _ENGLISH
    assert narrative(CASE, "sv", {"10000001": "Utslag"}) == _SWEDISH


def test_a_suspect_drug_without_a_batch_says_so() -> None:
    assert "Suspect drug: Invented drug, batch not known." in narrative(SMALLEST, "en", {})


@pytest.mark.parametrize(
    ("age", "told"),
    [
        (Quantity(Decimal("89.9"), "a"), "90 years old"),
        (Quantity(Decimal(90), "a"), "90 years old or more"),
        (Quantity(Decimal(104), "a"), "90 years old or more"),
        (Quantity(Decimal(9), "10.a"), "90 years old or more"),
        (Quantity(Decimal(7), "mo"), "7 months old"),
        (Quantity(Decimal(1), "a"), "1 year old"),
    ],
)
def test_the_oldest_are_not_told_apart(age: Quantity, told: str) -> None:
    text = narrative(replace(CASE, patient=replace(CASE.patient or Patient(), age=age)), "en", {})
    assert f"The patient is a woman, {told}. " in text
    assert "104" not in text


def test_words_that_tell_who_the_patient_is_are_left_out() -> None:
    person = Patient(
        name="Zyxa Qvist", gp_record="GP77123", hospital_record="H-4711", birth_date=Moment("19700115"), sex="2",
        history="Zyxa Qvist has had it since 1999.", parent=Parent(name="Ulla Mor", birth_date=Moment("19400229")),
    )  # fmt: skip
    source = PrimarySource(
        given_name="Maja", family_name="Lindqvistsson", telephone="+46 10 123", country="SE", primary="1"
    )
    for words in (
        "zyxa QVIST fell", "see GP77123", "H-4711", "born 1970-01-15", "born 19700115", "Ulla Mor said so", "19400229",
        "Dr Lindqvistsson saw it", "call +46 10 123", "19570428-9999",
    ):  # fmt: skip
        case = replace(
            CASE,
            patient=person,
            sources=(source,),
            reactions=(replace(SMALLEST_REACTION, term=None, native_text=words, native_language="eng"),),
            tests=(model.Test(Moment("2026"), f"Test of {words}", None, None, None, words),),
        )
        for language in WORDS:
            text = narrative(case, language, {})
            assert words.casefold() not in text.casefold()
            assert WORDS[language].left_out in text
            assert "Qvist" not in text
    kept = replace(CASE, patient=person, reactions=(replace(SMALLEST_REACTION, term=None, native_text="the majority"),))
    assert "“the majority”" in narrative(kept, "en", {})  # a name within a word is none


def test_no_case_tells_who_anybody_is() -> None:
    secret = "Qzxwv"

    def hidden(case: Case) -> Case:
        patient = replace(
            case.patient or Patient(),
            name=secret,
            gp_record=f"{secret}1",
            birth_date=Moment("18880808"),
            history=f"of {secret}.",
        )
        source = PrimarySource(
            given_name=secret, street=secret, city=secret, organisation=secret, country="SE", primary="1"
        )
        return replace(case, patient=patient, sources=(source,), reporter_comments=secret, narrative=secret)

    for seed in range(60):
        case = hidden(any_case(Random(seed)))
        for language in WORDS:
            text = narrative(case, language, {})
            assert secret not in text
            assert "1888" not in text


@pytest.mark.parametrize("case", [FULL, SMALLEST, CASE])
def test_a_case_with_its_narrative_may_be_sent(case: Case) -> None:
    case = replace(case, reactions=tuple(replace(one, term=one.term or term("10000001")) for one in case.reactions))
    case = replace(case, tests=case.tests if case is not CASE else (), drugs=case.drugs)
    told = with_narrative(case, lambda _: _NAMES)
    now = {str(one) for one in validate(batch(told), NOW)}
    assert now <= {str(one) for one in validate(batch(case), NOW)}
    assert told.narrative == narrative(case, "en", _NAMES)
    assert told.summaries[-1] == Summary(narrative(case, "sv", _NAMES), "swe")
    assert with_narrative(told, lambda _: _NAMES) == told


def test_a_narrative_is_no_longer_than_may_be_sent() -> None:
    long = replace(SMALLEST_REACTION, native_text="x" * 250, native_language="eng", term=None)
    text = narrative(replace(SMALLEST, reactions=(long,) * 400), "en", {})
    assert len(text) <= 100_000
    assert text.endswith("The rest stands in the elements.")


def test_whatever_may_be_sent_is_told_in_words() -> None:
    for seed in range(40):
        for language in WORDS:
            assert "{}" not in narrative(any_case(Random(seed)), language, {})


def test_both_languages_fill_in_the_same_and_know_the_same_codes() -> None:
    def shape(language: Language, name: str) -> object:
        value = getattr(WORDS[language], name)
        return value.count("{}") if isinstance(value, str) else set(value)

    for one in fields(Words):
        assert shape("en", one.name) == shape("sv", one.name), one.name
