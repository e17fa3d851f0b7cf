"""A page that takes long to make: who is given it as it was made last, who is not, and what it says then."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import APIRouter

from sinks.portal.identity import Person
from sinks.portal.kept import Kept, Renewed
from sinks.portal.pages.pieces import Column, Page, Section, Table
from sinks.portal.pages.serving import add_page
from tests.portal_support import Browser, NoDatabase, browser, portal
from tests.support import bundled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinks.portal.portal import Asked

PAGE = "/r/hip/clinic/U01/counted"
OTHERS = "/r/hip/clinic/U02/counted"
AS_OF = "The numbers are as of 2001-09-09 01:46:"


class OptOuts(NoDatabase):
    """A database that knows how many have opted out, and nothing else."""

    said = 0

    def rows(self, query: str, *_: Any) -> list[tuple[Any, ...]]:
        return [(self.said, self.said)] if "`opt_out_log`" in query else []


@pytest.fixture
def opt_outs() -> OptOuts:
    return OptOuts()


@pytest.fixture
def visitor(opt_outs: OptOuts) -> Iterator[Browser]:
    """Pages whose numbers count how often they were made; each is kept, and none is renewed meanwhile."""
    made = count(1)

    def make(asked: Asked) -> Page:
        table = Table("numbers", "Numbers", [Column("number", "number", "number")], [[next(made)]])
        return Page(f"{asked.unit} for {asked.person.name}", [Section(tables=[table])], live="hip")

    routes = APIRouter()
    add_page(routes, "/r/{registry}/clinic/{unit}/counted", "clinic", make, renewed="for all")
    pages: Renewed[Page] = Renewed(0.0, rest=1e9)
    people = (
        Person("k", "Karin", "clinic", units=frozenset({("hip", "U01")})),
        Person("l", "Lars", "clinic", units=frozenset({("hip", "U01")})),
        Person("b", "Bo", "clinic", units=frozenset({("hip", "U01"), ("hip", "U02")})),
        Person("r", "Rolf", "registrar", registries=frozenset({"hip"})),
    )
    made_with = replace(portal({"hip": bundled("hip")}, opt_outs, ready=people, pages=pages), opt_outs=Kept(0.0))
    yield browser(made_with, more=[routes])
    pages.close()


def number(visitor: Browser, page: str = PAGE) -> str:
    """The number on a page, as its file has it."""
    path, _, query = page.partition("?")
    return str(visitor.get(f"{path}/files/numbers.csv?{query}").text.split()[1])


def test_it_is_given_as_it_was_and_says_since_when(visitor: Browser) -> None:
    visitor.log_in("k")
    new, old = (visitor.get(PAGE).text for _ in range(2))
    assert AS_OF not in new
    assert "data-old" not in new
    assert AS_OF in old
    assert "data-old" in old, "by which the script knows to ask again"
    assert number(visitor) == "1", "its files are of the same"


def test_it_is_the_same_for_who_is_bound_to_the_same_and_for_nobody_else(visitor: Browser) -> None:
    found = {}
    for who in ("k", "l", "b"):
        visitor.log_in(who)
        found[who] = number(visitor)
    assert found == {"k": "1", "l": "1", "b": "2"}
    assert number(visitor, OTHERS) == "3", "another unit's is another page"
    visitor.log_in("k")
    assert visitor.get(OTHERS).status_code == 403, "that it is kept opens nothing"
    visitor.log_in("r")
    assert visitor.get(PAGE).status_code == 403


def test_each_question_language_and_purpose_has_its_own(visitor: Browser) -> None:
    visitor.log_in("k")
    pages = [PAGE, f"{PAGE}?lang=sv", f"{PAGE}?form=reoperation", f"{PAGE}?purpose=x", PAGE, f"{PAGE}?lang=sv"]
    assert [number(visitor, page) for page in pages] == ["1", "2", "3", "4", "1", "2"]
    shown = visitor.get(f"{PAGE}?lang=sv").text
    assert "Siffrorna är per 2001-09-09" in shown


def test_nothing_that_was_made_before_somebody_opted_out_is_given(visitor: Browser, opt_outs: OptOuts) -> None:
    visitor.log_in("k")
    assert [number(visitor) for _ in range(2)] == ["1", "1"]
    opt_outs.said = 1
    assert [number(visitor) for _ in range(2)] == ["2", "2"]
