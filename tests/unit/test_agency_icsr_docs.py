"""docs/e2b_r3.md is the table as it is; where it is not: write `element_table()` of sinks.agency.icsr.docs to it."""

from __future__ import annotations

from pathlib import Path

from sinks.agency.icsr.docs import element_table

PAGE = Path(__file__).parents[2] / "docs" / "e2b_r3.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == element_table()


def test_it_says_of_an_element_from_where_and_what_may_stand_there() -> None:
    page = element_table()
    assert (
        "| E.i.2.1b | Reaction / Event (MedDRA code) | `messages[r].case.reactions[r].term.code` | number, at most 8 "
        "| mandatory |  |  | 2.16.840.1.113883.3.989.2.1.1.19 2.16.840.1.113883.6.163 |"
    ) in page
    assert (
        "| D.5 | Sex | `messages[r].case.patient.sex` | number, at most 1 | optional | MSK, UNK, ASKU, NASK |" in page
    )
    assert "| **G.k.4.r** | **Dosage and Relevant Information** |" in page
    assert page.count("`messages[r].case.") == 222 - 5 - 4
