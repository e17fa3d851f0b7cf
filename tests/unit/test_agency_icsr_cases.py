"""A case's way through follow-up, amendment and nullification, and cases as a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sinks.agency.icsr.cases import amended, batch_of, case_identifier, followed_up, nullified
from sinks.agency.icsr.reader import read
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.values import Moment
from sinks.agency.icsr.writer import write
from tests.icsr_cases import NOW, SMALLEST, batch

if TYPE_CHECKING:
    from sinks.agency.icsr.model import Case

LATER = Moment("20260302080000+0100")


def through_xml(case: Case) -> Case:
    assert validate(batch(case), NOW) == []
    read_back = read(write(batch(case))).batch.messages[0].case
    assert read_back is not None
    return read_back


def test_a_follow_up_keeps_the_case_and_its_first_receipt() -> None:
    case = through_xml(replace(followed_up(SMALLEST, Moment("20260301"), LATER), narrative="She is well again."))
    assert (case.report_id, case.worldwide_id, case.first_received) == ("SE-GULD-1", "SE-GULD-1", Moment("20260227"))
    assert (case.most_recent, case.created) == (Moment("20260301"), LATER)
    assert (case.nullification, case.nullification_reason) == (None, None)


def test_an_amendment_keeps_the_date_of_the_latest_information() -> None:
    case = through_xml(amended(SMALLEST, "The dose was typed wrong.", LATER))
    assert (case.nullification, case.nullification_reason) == ("2", "The dose was typed wrong.")
    assert (case.most_recent, case.created) == (Moment("20260227"), LATER)


def test_a_nullification_says_why() -> None:
    case = through_xml(nullified(SMALLEST, "A duplicate of SE-GULD-0.", LATER))
    assert (case.nullification, case.nullification_reason) == ("1", "A duplicate of SE-GULD-0.")


def test_what_follows_an_amendment_is_none() -> None:
    case = followed_up(amended(SMALLEST, "A reason.", LATER), Moment("20260301"), LATER)
    assert (case.nullification, case.nullification_reason) == (None, None)


def test_an_identifier_has_a_country_an_organisation_and_a_number() -> None:
    assert case_identifier("SE", "GULD", "2026-17") == "SE-GULD-2026-17"
    for country, organisation, number in (
        ("se", "GULD", "1"),
        ("SE", "GU-LD", "1"),
        ("SE", "", "1"),
        ("SE", "GULD", ""),
    ):
        with pytest.raises(ValueError, match="case identifier"):
            case_identifier(country, organisation, number)


def test_a_batch_has_a_message_for_each_case() -> None:
    other = replace(SMALLEST, report_id="SE-GULD-8", created=LATER)
    made = batch_of([SMALLEST, other], "B-1", "GULD", "AGENCY", LATER)
    assert [(message.identifier, message.created) for message in made.messages] == [
        ("SE-GULD-1", SMALLEST.created),
        ("SE-GULD-8", LATER),
    ]
    assert validate(made, NOW) == []
