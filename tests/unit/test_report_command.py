"""`guldadra report read`: what a report says and what is wrong with it, and what an agency answered."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from sinks.agency.icsr.acknowledgement import Acknowledgement, BatchVerdict, MessageAcknowledgement, MessageVerdict
from sinks.agency.icsr.telling import Fact, facts_of
from sinks.agency.icsr.values import TestValue as Result
from sinks.agency.icsr.writer import write
from tests.deploy_support import Shell
from tests.icsr_acknowledgements import write_acknowledgement
from tests.icsr_cases import FULL, SMALLEST, batch

if TYPE_CHECKING:
    from pathlib import Path

    from sinks.agency.icsr.model import Case


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    return Shell(monkeypatch, capsys, tmp_path)


def file_of(shell: Shell, *cases: Case) -> str:
    (shell.folder / "report.xml").write_bytes(write(batch(*cases)))
    return "report.xml"


def test_a_report_is_told_element_by_element_and_nothing_is_wrong(shell: Shell) -> None:
    ran = shell("report", "read", file_of(shell, SMALLEST), "--json")
    assert (ran.code, ran.err) == (0, "")
    said = json.loads(ran.out)
    assert said["findings"] == []
    values = {(one["element"], one["place"]): one["value"] for one in said["facts"]}
    assert values["N.1.2", ""] == "SE-GULD-BATCH-1"
    assert values["C.1.1", "N.2.r[1]"] == "SE-GULD-1"
    # the term as the invented case has it, and why nobody said whether it was fatal
    assert values["E.i.2.1b", "N.2.r[1] E.i[1]"] == "10019211"
    assert values["E.i.3.2a", "N.2.r[1] E.i[1]"] == "(NI)"
    shown = shell("report", "read", "report.xml")
    assert shown.code == 0
    assert "SE-GULD-1" in shown.out
    assert "nothing is wrong with it" in shown.out


def test_what_is_wrong_is_told_by_element_and_ends_with_one(shell: Shell) -> None:
    wrong = replace(SMALLEST, report_id="SE-GULD-[bold]1")
    ran = shell("report", "read", file_of(shell, replace(wrong, reactions=())))
    assert ran.code == 1
    assert "SE-GULD-[bold]1" in ran.out, "what a file says is no command to the terminal"
    assert "E.i.2.1b" in ran.out
    assert "The report has no reaction." in ran.out


def test_several_cases_and_sections_have_places_of_their_own(shell: Shell) -> None:
    other = replace(SMALLEST, report_id="SE-GULD-2")
    said = json.loads(shell("report", "read", file_of(shell, SMALLEST, other), "--json").out)
    values = {(one["element"], one["place"]): one["value"] for one in said["facts"]}
    assert (values["C.1.1", "N.2.r[1]"], values["C.1.1", "N.2.r[2]"]) == ("SE-GULD-1", "SE-GULD-2")


def test_every_element_that_a_case_can_have_is_told() -> None:
    facts = facts_of(batch(FULL))
    assert all(isinstance(one, Fact) and one.value and one.name for one in facts)
    assert len({one.element for one in facts}) > 200


def test_an_open_result_keeps_its_sign() -> None:
    above = replace(FULL, tests=(replace(FULL.tests[0], value=Result(Decimal(500), "U/L", ">")),))
    assert [one.value for one in facts_of(batch(above)) if one.element in {"F.r.3.2", "F.r.3.3"}] == [">500", "U/L"]


@pytest.mark.parametrize(
    ("verdict", "message", "code"),
    [(BatchVerdict.AA, MessageVerdict.CA, 0), (BatchVerdict.AE, MessageVerdict.CR, 1)],
)
def test_an_answer_is_told_and_says_by_its_code_whether_all_was_taken(
    shell: Shell, verdict: BatchVerdict, message: MessageVerdict, code: int
) -> None:
    reasons = ("the patient is missing",) if code else ()
    answer = Acknowledgement(
        "SE-GULD-BATCH-1", verdict, (MessageAcknowledgement("SE-GULD-1", message, reasons=reasons),)
    )
    (shell.folder / "ack.xml").write_bytes(write_acknowledgement(answer))
    ran = shell("report", "read", "ack.xml", "--json")
    assert ran.code == code
    assert json.loads(ran.out) == [
        {"of": "batch", "number": "SE-GULD-BATCH-1", "verdict": verdict.value, "reasons": ""},
        {"of": "report", "number": "SE-GULD-1", "verdict": message.value, "reasons": "; ".join(reasons)},
    ]
    assert message.value in shell("report", "read", "ack.xml").out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no XML at all", "not well-formed XML"),
        ("<html/>", "is another message than MCCI_IN200100UV01"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "has a document type"),
    ],
)
def test_what_is_no_report_is_refused_with_the_files_name(shell: Shell, text: str, why: str) -> None:
    (shell.folder / "odd.xml").write_text(text, encoding="utf-8")
    ran = shell("report", "read", "odd.xml")
    assert ran.code == 2
    assert ran.err.startswith("guldadra: odd.xml: ")
    assert why in ran.err


def test_schemas_that_are_not_there_are_told(shell: Shell) -> None:
    (shell.folder / "schemas").mkdir()
    ran = shell("report", "read", file_of(shell, SMALLEST), "--schema-dir", "schemas")
    assert ran.code == 2
    assert "is no schema that can be used" in ran.err
