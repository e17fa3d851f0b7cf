"""What registrations call for: the first report, its corrections, follow-ups and withdrawals, each once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from schemas.definition.folder import load_registries
from schemas.report import NOTHING
from sinks.agency.cases import message_id, step_id
from sinks.agency.coding.mapping import read_mapping
from sinks.agency.ends import Ends
from sinks.agency.icsr.reader import read
from sinks.agency.icsr.values import MeddraTerm, Moment
from sinks.agency.outbox import PLATFORM
from tests.drafting_support import IN_EARNEST, Registered2026, day
from tests.icsr_facts import ours, theirs

if TYPE_CHECKING:
    from sinks.agency.icsr.model import Batch, Case

_BIOLOGICS = load_registries()["biologics"]
_HIP = load_registries()["hip"]


@pytest.fixture
def person() -> Registered2026:
    """On Alvorix since May 2025, with a batch."""
    made = Registered2026(_BIOLOGICS)
    made.submit("treatment", "t1", "2025-05-03", occurred_on=day("2025-05-02"), batch="B-77", birth_year=1961)
    return made


def serious(**fields: Any) -> dict[str, Any]:
    said = {"occurred_on": day("2026-02-10"), "seriousness": ["hospitalisation"], "reaction_code": "HEP"}
    return {**said, "reaction_text": "höga levervärden", "outcome": "recovering", **fields}


def told(record: dict[str, Any]) -> Batch:
    found = read(record["content"])
    assert found.findings == []
    assert ours(found.batch) == theirs(record["content"])  # by a reader of others
    return found.batch


def case_told(record: dict[str, Any]) -> Case:
    (message,) = told(record).messages
    assert message.case is not None
    return message.case


def step(person: Registered2026, record: dict[str, Any], name: str, **said: Any) -> None:
    place = {key: record[key] for key in ("case", "case_version", "addressee", "edition")}
    by = "anna" if name in ("checked", "returned", "withdrawn") else PLATFORM
    made = {**NOTHING, "said_at": 0, "by": by, **place, "step": name, **said}
    if name in ("attempted", "sent", "acknowledged", "rejected"):
        made["message_id"] = message_id(*place.values())
    person.say([{**made, "id": step_id(made)}])


def sent(person: Registered2026, record: dict[str, Any]) -> None:
    for name in ("checked", "attempted", "sent"):
        step(person, record, name)


def test_a_serious_reaction_calls_for_one_report_with_its_facts(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", "2026-03-01", **serious(reporter="doctor", rechallenge="recurred"))
    record = person.drafted()
    assert (record["kind"], record["type"], record["sender"]) == ("icsr", "initial", "icsr_sender")
    assert (record["classes"], record["learnt_on"]) == (["serious"], day("2026-03-01"))
    assert record["sources"] == ["adverse_reaction/r1", "treatment/t1"]
    assert (record["findings"], record["asks"], record["by"]) == ([], [], PLATFORM)
    case = case_told(record)
    assert (case.report_id, case.worldwide_id, case.report_type) == (record["case"], record["case"], "1")
    assert record["case"].startswith("SE-EXEMPELTEST-")
    (source,) = case.sources
    assert (source.qualification, source.organisation, source.country) == ("1", "Rimhulta reumatologklinik", "SE")
    assert case.patient is not None
    assert (case.patient.age, case.patient.sex) == (case.patient.age, "2")
    assert case.patient.age is not None
    assert (str(case.patient.age.value), case.patient.age.unit) == ("65", "a")
    (reaction,) = case.reactions
    assert reaction.term is not None
    assert (reaction.native_text, reaction.term.code, reaction.outcome) == ("höga levervärden", "90000006", "2")
    assert (reaction.hospitalisation, reaction.start) == (True, Moment("20260210"))
    (drug,) = case.drugs
    assert (drug.role, drug.name, drug.substances[0].name) == ("1", "Alvorix", "alvoritab")
    (dosage,) = drug.dosages
    assert (dosage.lot, dosage.start, drug.matrix[0].recurrence) == ("B-77", Moment("20250502"), "1")
    assert drug.indications[0].text == "ICD-10-SE M05.9"


def test_the_batch_has_the_message_id_that_acknowledgements_name(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious())
    record = person.drafted()
    assert told(record).number == message_id(record["case"], 1, "agency", 1)


def test_what_is_not_serious_or_told_before_calls_for_nothing(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious(seriousness=[]))
    assert person.due() == []


def test_it_is_due_from_when_it_was_first_serious(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", "2026-02-01", **serious(seriousness=[]))
    person.submit("adverse_reaction", "r1", "2026-02-20T23:30:00", **serious())
    person.submit("adverse_reaction", "r1", "2026-02-25", **serious(outcome="recovered"))
    record = person.drafted()
    assert record["learnt_on"] == day("2026-02-21")  # after midnight in Stockholm
    case = case_told(record)
    assert case.first_received is not None
    assert case.most_recent is not None
    assert (case.first_received.text, case.most_recent.text) == ("20260221", "20260225")


def test_what_nobody_has_coded_waits_and_goes_on_once_it_is_coded(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious(reaction_code=None, reaction_code_version=None))
    record = person.drafted()
    assert [one.split(":")[0].split(" ")[0] for one in record["findings"]] == ["E.i.2.1a", "E.i.2.1b"]
    assert record["learnt_on"] == day("2026-03-01")  # the clock runs
    person.submit("adverse_reaction", "r1", "2026-03-02", **serious())
    coded = person.drafted()
    assert (coded["edition"], coded["findings"], coded["learnt_on"]) == (2, [], day("2026-03-01"))


def test_the_users_own_mapping_says_what_codes_and_words_are_in_meddra() -> None:
    mapping, faults = read_mapping(
        ["system,code,llt,version", "reactions,HEP,10019717,28.0", "text,Höga levervärden,10024690,28.0"]
    )
    assert faults == []
    terms = []
    for code in ("HEP", None, "DER"):
        person = Registered2026(_BIOLOGICS, mapping=mapping)
        person.submit("treatment", "t1", occurred_on=day("2025-05-02"), batch="B-1")
        person.submit("adverse_reaction", "r1", **serious(reaction_code=code))
        terms.append(case_told(person.drafted()).reactions[0].term)
    assert terms == [MeddraTerm("10019717", "28.0"), MeddraTerm("10024690", "28.0"), MeddraTerm("90000003", "0.0")]


def test_a_biological_drug_without_its_batch_is_sent_and_asked_about() -> None:
    person = Registered2026(_BIOLOGICS)
    person.submit("treatment", "t1", occurred_on=day("2025-05-02"), batch=None)
    person.submit("adverse_reaction", "r1", **serious())
    record = person.drafted()
    assert record["asks"] == ["G.k.4.r.7: the batch of Alvorix is not known: ask who gave it"]
    assert record["findings"] == []
    assert case_told(record).drugs[0].dosages[0].lot is None


def test_without_a_treatment_nobody_knows_of_whom_it_is() -> None:
    person = Registered2026(_BIOLOGICS)
    person.submit("adverse_reaction", "r1", **serious(batch="B-1"))
    (finding,) = person.drafted()["findings"]
    assert finding.startswith("D.1 (N.2.r[1]): The patient is not identifiable.")
    person.submit("treatment", "t1", occurred_on=day("2025-05-02"), birth_year=1961)
    assert person.drafted()["findings"] == []


def test_two_who_tell_of_one_event_are_one_case_with_two_sources(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious())
    first = person.drafted()
    sent(person, first)
    person.submit("adverse_reaction", "r2", **serious(reporter="patient", same_event_as="r1"))
    second = person.drafted()
    assert (second["case"], second["case_version"], second["type"]) == (first["case"], 2, "follow_up")
    assert [one.qualification for one in case_told(second).sources] == ["1", "5"]
    assert [one.primary for one in case_told(second).sources] == ["1", None]


def test_what_was_sent_is_followed_up_and_what_was_not_is_corrected(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious())
    first = person.drafted()
    person.submit("adverse_reaction", "r1", "2026-03-02", **serious(outcome="fatal"))
    corrected = person.drafted()
    assert (corrected["case_version"], corrected["edition"], corrected["type"]) == (1, 2, "initial")
    sent(person, corrected)
    person.submit("treatment", "t1", occurred_on=day("2025-05-02"), batch="B-78", birth_year=1961)
    followed = person.drafted()
    assert (followed["case_version"], followed["edition"], followed["type"]) == (2, 1, "follow_up")
    assert case_told(followed).drugs[0].dosages[0].lot == "B-78"
    assert first["case"] == corrected["case"] == followed["case"]


def test_the_same_again_calls_for_nothing(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious())
    sent(person, person.drafted())
    person.submit("adverse_reaction", "r1", "2026-03-02", **serious())
    person.submit("treatment", "other", drug="BRA", occurred_on=day("2025-05-02"), birth_year=1961)
    assert person.due() == []


def test_a_retraction_withdraws_what_has_not_gone(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious())
    person.drafted()
    person.submit("adverse_reaction", "r1", retracted=True, **serious())
    withdrawn = person.drafted()
    assert (withdrawn["step"], withdrawn["by"]) == ("withdrawn", PLATFORM)
    person.submit("adverse_reaction", "r1", **serious())
    again = person.drafted()
    assert (again["case_version"], again["type"]) == (2, "initial")


def test_a_retraction_nullifies_what_has_gone_as_an_error(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious())
    sent(person, person.drafted())
    person.submit("adverse_reaction", "r1", retracted=True, **serious(reaction_text="fel person"))
    record = person.drafted()
    assert (record["type"], record["nullified_as"], record["classes"]) == ("nullification", "error", [])
    assert record["findings"] == []
    case = case_told(record)
    assert (case.nullification, case.reactions[0].native_text) == ("1", "höga levervärden")
    person.submit("adverse_reaction", "r1", **serious())
    assert person.drafted()["step"] == "withdrawn"  # it stands again, so it is not nullified


def test_what_proves_to_be_told_by_another_registration_is_nullified_as_its_duplicate(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious())
    first = person.drafted()
    person.submit("adverse_reaction", "r2", **serious(reporter="patient"))
    second = person.drafted()
    sent(person, first)
    sent(person, second)
    person.submit("adverse_reaction", "r2", **serious(reporter="patient", same_event_as="r1"))
    records = {one["case"]: one for one in person.due()}
    duplicate = records[second["case"]]
    assert (duplicate["type"], duplicate["nullified_as"]) == ("nullification", "duplicate")
    assert duplicate["duplicate_of"] == first["case"]
    assert records[first["case"]]["type"] == "follow_up"


def test_what_is_judged_otherwise_is_amended(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious())
    sent(person, person.drafted())
    person.submit("adverse_reaction", "r1", **serious(seriousness=[]))
    record = person.drafted()
    assert (record["type"], record["classes"], record["findings"]) == ("amendment", [], [])
    assert case_told(record).nullification == "2"


def test_what_a_person_has_withdrawn_is_not_drafted_again_until_something_is_learnt(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious())
    step(person, person.drafted(), "withdrawn", reason="not ours")
    assert person.due() == []
    person.submit("adverse_reaction", "r1", **serious(outcome="fatal"))
    assert person.drafted()["case_version"] == 2


def test_a_persons_edition_stands_until_the_registration_says_something_else(person: Registered2026) -> None:
    person.submit("adverse_reaction", "r1", **serious())
    record = person.drafted()
    own = {**record, "edition": 2, "by": "anna", "content": b"<changed/>"}
    person.say([{**own, "id": step_id(own)}])
    assert person.due() == []


def test_what_was_reported_before_a_day_is_none_of_ours() -> None:
    person = Registered2026(_BIOLOGICS, since=date(2026, 3, 1))
    person.submit("adverse_reaction", "r1", "2026-02-28T22:00:00", **serious())
    assert person.due() == []
    person.submit("adverse_reaction", "r2", "2026-02-28T23:30:00", **serious())  # 1 March in Stockholm
    person.drafted()


def test_what_is_tried_out_and_what_is_in_earnest_are_cases_of_their_own() -> None:
    made = {}
    for ends in (Ends("SE", "EXEMPEL", "Exempelregistret", "6", "EXTEST", "AGTEST"), IN_EARNEST):
        person = Registered2026(_BIOLOGICS, ends)
        person.submit("adverse_reaction", "r1", **serious())
        made[ends.production] = person.drafted()
        assert ends.is_ours(made[ends.production]["case"])
        assert told(made[ends.production]).receiver == ends.receiver
    assert made[True]["case"] == made[False]["case"].replace("EXEMPELTEST", "EXEMPEL")
    assert not IN_EARNEST.is_ours(made[False]["case"])


def test_an_incident_goes_to_agency_and_manufacturer_at_once_from_when_it_was_registered() -> None:
    person = Registered2026(_HIP)
    person.submit("primary_operation", "p1", occurred_on=day("2020-01-01"), cup_lot="L-5", birth_year=1950)
    person.submit(
        "reoperation", "o1", "2026-03-01", occurred_on=day("2026-02-10"), reason="loosening", side="left",
        recorded_at=day("2026-02-11") * 86_400_000,
    )  # fmt: skip
    agency, manufacturer = person.due()
    assert [one["addressee"] for one in (agency, manufacturer)] == ["agency", "manufacturer"]
    assert (agency["kind"], agency["sender"], agency["four_eyes"]) == ("incident", "care_provider", True)
    assert agency["learnt_on"] == day("2026-02-11")  # the care provider knew it when it registered
    text = agency["content"].decode()
    assert "Main reason for the reoperation: loosening" in text
    assert "| cup | Falka Duo | Nordfalk Ortopedi | 09520001000010 | P0908030101 | L-5 |" in text
    assert "76 years, female" in text
    assert person.patient not in text
    assert agency["asks"] == ["lot: that of stem is not known: ask the unit"]
    person.say([agency, manufacturer])
    assert person.due() == []
