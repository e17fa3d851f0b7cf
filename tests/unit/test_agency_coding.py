"""MedDRA: a dictionary of invented terms read as the real one is distributed, a mapping, and what waits for a code."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from sinks.agency.coding.mapping import OwnMapping, read_mapping
from sinks.agency.coding.meddra import Meddra, MeddraFileError, bag, plain, read_meddra
from sinks.agency.coding.queue import Uncoded, Waiting, coded, coding_queue, terms_of
from sinks.agency.deadlines import Fact, Rules, next_clock
from sinks.agency.icsr import model
from sinks.agency.icsr.model import Condition, Drug, Indication, Patient, Reaction
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.values import MeddraTerm, Moment, NullFlavor
from tests.icsr_cases import FULL, NOW, SMALLEST, batch

if TYPE_CHECKING:
    from pathlib import Path

    from sinks.agency.icsr.model import Case

_LLT = """\
90000001$Glow of the left ear$90000001$$$$$$$Y$$
90000002$Ear glowing$90000001$$$$$$$Y$$
90000003$Ear-glow (invented)$90000001$$$$$$$N$$
90000004$Blå tunga$90000004$$$$$$$Y$$
90000005$Bla tunga$90000005$$$$$$$Y$$
90000006$EAR GLOWING$90000006$$$$$$$Y$$
"""
_PT = """\
90000001$Glow of the left ear$$91000000$$$$$$$$
90000004$Blå tunga$$92000000$$$$$$$$
90000005$Bla tunga$$92000000$$$$$$$$
90000006$EAR GLOWING$$91000000$$$$$$$$
"""
_HIERARCHY = """\
90000001$1$2$91000000$Glow of the left ear$h$g$Invented ear disorders$Ear$$91000000$Y$
90000001$1$2$92000000$Glow of the left ear$h$g$Invented tongue disorders$Tong$$91000000$N$
90000004$1$2$92000000$Blå tunga$h$g$Invented tongue disorders$Tong$$92000000$Y$
90000005$1$2$92000000$Bla tunga$h$g$Invented tongue disorders$Tong$$92000000$Y$
90000006$1$2$91000000$EAR GLOWING$h$g$Invented ear disorders$Ear$$91000000$Y$
"""
_NONE = OwnMapping({})
_ON = date(2026, 3, 10)


def distribution(folder: Path, encoding: str = "utf-8", **files: str) -> Path:
    """The dictionary's files, some of them otherwise."""
    texts = {"llt": _LLT, "pt": _PT, "mdhier": _HIERARCHY, "meddra_release": "28.0$English$$$$\n", **files}
    for name, text in texts.items():
        if text:
            (folder / f"{name}.asc").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    return folder


@pytest.fixture
def dictionary(tmp_path: Path) -> Meddra:
    return read_meddra(distribution(tmp_path))


def waiting(case: Case, since: str = "2026-03-01", **classes: str) -> Waiting:
    facts = [Fact(name, date.fromisoformat(day)) for name, day in classes.items()]
    return Waiting(case, date.fromisoformat(since), next_clock("icsr_sender", facts, Rules()))


def told(text: str, term: MeddraTerm | None = None) -> Case:
    return replace(
        SMALLEST, reactions=(replace(SMALLEST.reactions[0], term=term, native_text=text, native_language="swe"),)
    )


def queue(case: Case, dictionary: Meddra | None, mapping: OwnMapping = _NONE) -> list[Uncoded]:
    return coding_queue([waiting(case)], "28.0", dictionary, mapping, _ON)


# The distribution


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_distribution_is_read(tmp_path: Path, encoding: str) -> None:
    found = read_meddra(distribution(tmp_path, encoding))
    assert (found.version, found.language, len(found.terms)) == ("28.0", "English", 6)
    assert found.terms["90000004"].name == "Blå tunga"
    assert found.terms["90000003"] == ("90000003", "Ear-glow (invented)", "90000001", False)
    assert found.preferred["90000001"] == ("Glow of the left ear", "Invented ear disorders")  # the primary class


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"llt": ""}, "llt.asc: is not in the folder"),
        ({"mdhier": ""}, "mdhier.asc: is not in the folder"),
        ({"llt": _LLT + "9000000$x$90000001$$$$$$$Y$$\n"}, "llt.asc, line 7"),
        ({"llt": _LLT + "90000007$x$90000001$$$$$$$J$$\n"}, "llt.asc, line 7"),
        ({"llt": _LLT + "90000001$x$90000001$$$$$$$Y$$\n"}, "llt.asc, line 7"),
        ({"llt": _LLT + "90000007$x$90009999$$$$$$$Y$$\n"}, "its preferred term is not in mdhier.asc"),
        ({"llt": "90000001$x\n"}, "llt.asc, line 1: has 2 fields, and needs 10"),
        ({"mdhier": _HIERARCHY.replace("$Y$", "$?$")}, "mdhier.asc, line 1"),
        ({"pt": _PT + "90000009$Other$$9$$$$$$$$\n"}, "pt.asc, line 5"),
        ({"pt": _PT.replace("Blå", "Grå")}, "pt.asc, line 2"),
        ({"meddra_release": ""}, "the version is not told"),
        ({"meddra_release": "soon$English\n"}, "the version is not told"),
    ],
)
def test_what_is_wrong_with_a_distribution_is_told_by_file_and_line(
    tmp_path: Path, files: dict[str, str], words: str
) -> None:
    with pytest.raises(MeddraFileError, match=words):
        read_meddra(distribution(tmp_path, **files))


def test_the_version_is_the_distribution_s_own_or_given(tmp_path: Path) -> None:
    with pytest.raises(MeddraFileError, match=r"is of version 28.0, not 27.1"):
        read_meddra(distribution(tmp_path), "27.1")
    (tmp_path / "meddra_release.asc").unlink()
    assert read_meddra(tmp_path, "27.1").version == "27.1"


def test_words_are_compared_without_case_and_marks_but_with_their_letters() -> None:
    assert plain("  Ear-GLOW, (invented) ") == "ear glow invented"
    assert plain("Blå") != plain("Bla")
    assert bag("glowing ear") == bag("Ear, glowing")


# The mapping


def test_a_mapping_says_what_own_texts_and_codes_are(dictionary: Meddra) -> None:
    lines = [
        "system,code,llt,version",
        "reactions,EAR,90000001,28.0",
        "text,Lysande öra,90000002,28.0",
        "text,  lysande ÖRA!,90000001,28.0",
        "text,old,90000003,28.0",
        "text,none,99999999,28.0",
        "text,other,99999999,27.1",
        "text,short,9,28.0",
        "text,version,90000001,v28",
        ",x,90000001,28.0",
    ]
    mapping, faults = read_mapping(lines, dictionary)
    assert mapping.term_of("reactions", "EAR") == MeddraTerm("90000001", "28.0")
    assert mapping.term_of("reactions", "ear") is None
    assert mapping.term_of("text", "LYSANDE öra") == MeddraTerm("90000002", "28.0")
    assert mapping.term_of("text", "other") == MeddraTerm("99999999", "27.1")
    assert [(one.line, one.text.split(" ")[0]) for one in faults] == [
        (4, "is"), (5, "llt"), (6, "llt"), (8, "llt"), (9, "version"), (10, "has"),
    ]  # fmt: skip
    assert "is not current in MedDRA 28.0" in faults[1].text
    assert read_mapping(["code,llt"], None) == (OwnMapping({}), [(0, "the file has no column system, version")])


# The queue


def test_a_reaction_without_a_code_waits_and_holds_the_report_back(dictionary: Meddra) -> None:
    (found,) = queue(told("ear glowing"), dictionary)
    assert (found.case, found.element, found.place, found.words) == ("SE-GULD-1", "E.i.2.1b", "E.i[1]", "ear glowing")
    assert (found.fault, found.holds_back, found.since, found.waited) == ("missing", True, date(2026, 3, 1), 9)
    assert (found.role, found.days_left) == (None, None)
    names = {one.element for one in validate(batch(told("ear glowing")), NOW)}
    assert "E.i.2.1b" in names  # the validator holds it back for the same


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("Ear glowing", [("90000002", "exact"), ("90000006", "normalised")]),
        ("ear, GLOWING.", [("90000002", "normalised"), ("90000006", "normalised")]),
        ("Glowing ear", [("90000002", "same_words"), ("90000006", "same_words")]),
        ("blå tunga", [("90000004", "normalised")]),
        ("ear glow invented", []),  # not current
        ("left ear", []),
    ],
)
def test_terms_are_suggested_by_their_words(dictionary: Meddra, words: str, wanted: list[tuple[str, str]]) -> None:
    (found,) = queue(told(words), dictionary)
    assert [(one.term.code, one.how) for one in found.suggestions] == wanted
    assert all(one.term.version == "28.0" for one in found.suggestions)


def test_the_user_s_own_mapping_comes_first_and_needs_no_dictionary(dictionary: Meddra) -> None:
    mapping, _ = read_mapping(["system,code,llt,version", "text,Ear glowing,90000001,28.0", "text,x,90000001,27.1"])
    (found,) = queue(told("EAR GLOWING"), dictionary, mapping)
    assert [(one.term.code, one.how) for one in found.suggestions] == [
        ("90000001", "mapping"), ("90000006", "exact"), ("90000002", "normalised"),
    ]  # fmt: skip
    (alone,) = queue(told("ear glowing"), None, mapping)
    assert [(one.name, one.how) for one in alone.suggestions] == [("ear glowing", "mapping")]
    (other,) = queue(told("x"), None, mapping)
    assert other.suggestions == ()  # a code of another version is none


@pytest.mark.parametrize(
    ("term", "fault", "suggested"),
    [
        (MeddraTerm("90000002", "27.1"), "other_version", [("90000002", "same_code")]),
        (MeddraTerm("90000003", "27.1"), "other_version", [("90000001", "preferred")]),
        (MeddraTerm("90000003", "28.0"), "not_current", [("90000001", "preferred")]),
        (MeddraTerm("99999999", "28.0"), "unknown", []),
        (MeddraTerm("90000002", None), "other_version", [("90000002", "same_code")]),
        (MeddraTerm(None, "28.0"), "missing", []),
    ],
)
def test_a_code_that_is_not_the_message_s_is_told(
    dictionary: Meddra, term: MeddraTerm, fault: str, suggested: list[tuple[str, str]]
) -> None:
    (found,) = queue(told("något annat", term), dictionary)
    assert (found.fault, found.holds_back) == (fault, True)
    assert [(one.term.code, one.how) for one in found.suggestions] == suggested


def test_what_is_coded_does_not_wait(dictionary: Meddra) -> None:
    assert queue(told("ear glowing", MeddraTerm("90000002", "28.0")), dictionary) == []
    assert queue(SMALLEST, None) == []  # without a dictionary a code of the right version is believed
    with pytest.raises(ValueError, match=r"is of MedDRA 28.0, and reports are sent in 27.1"):
        coding_queue([], "27.1", dictionary, _NONE, _ON)


def test_indications_causes_tests_and_history_wait_too(dictionary: Meddra) -> None:
    case = replace(
        told("x", MeddraTerm("90000002", "28.0")),
        patient=replace(SMALLEST.patient or Patient(), conditions=(Condition(comments="as a child"),)),
        drugs=(Drug(role="1", indications=(Indication("Ear glowing"), Indication(NullFlavor.MSK), Indication(None))),),
        tests=(model.Test(name="Glow"),),
    )
    found = queue(case, dictionary)
    assert [(one.element, one.place, one.words, one.holds_back) for one in found] == [
        ("D.7.1.r.1b", "D.7.1.r[1]", None, True),
        ("F.r.2.2b", "F.r[1]", "Glow", False),
        ("G.k.7.r.2b", "G.k[1] G.k.7.r[1]", "Ear glowing", False),
    ]


def test_what_is_due_first_stands_first(dictionary: Meddra) -> None:
    def named(number: int) -> Case:
        return replace(told("ear glowing"), worldwide_id=f"SE-GULD-{number}")

    reports = [
        waiting(named(1), "2026-02-01"),
        waiting(named(2), "2026-03-01", non_serious="2026-03-01"),
        waiting(named(3), "2026-03-08", serious="2026-03-08"),
        waiting(named(4), "2026-02-20", serious="2026-02-20"),
        waiting(named(5), "2026-01-01"),
    ]
    found = coding_queue(reports, "28.0", dictionary, _NONE, _ON)
    assert [(one.case[-1], one.role, one.days_left) for one in found] == [
        ("4", "icsr_sender", -3),  # 15 days from 20 February: 7 March
        ("3", "icsr_sender", 13),
        ("2", "icsr_sender", 81),
        ("5", None, None),
        ("1", None, None),
    ]


def test_a_code_is_put_where_the_queue_says() -> None:
    wanted = MeddraTerm("90000001", "28.0")
    places = list(terms_of(FULL))
    assert len({(one.element, str(one.place)) for one in places}) == len(places) == 26
    for one in places:
        changed = coded(FULL, one.element, str(one.place), wanted)
        after = {(each.element, str(each.place)): each.term for each in terms_of(changed)}
        before = {(each.element, str(each.place)): each.term for each in places}
        assert after == before | {(one.element, str(one.place)): wanted}
    for element, place in (("E.i.2.1b", "E.i[9]"), ("E.i.2.1a", "E.i[1]"), ("x", "")):
        with pytest.raises(KeyError):
            coded(FULL, element, place, wanted)


def test_the_tenth_reaction_is_not_the_first() -> None:
    reaction = Reaction(start=Moment("2026"))
    case = replace(SMALLEST, reactions=(reaction,) * 12)
    changed = coded(case, "E.i.2.1b", "E.i[10]", MeddraTerm("90000001", "28.0"))
    assert [one.term is not None for one in changed.reactions] == [number == 9 for number in range(12)]
