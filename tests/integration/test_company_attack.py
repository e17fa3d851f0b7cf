"""A company asks all that its pages, files and feed allow, by two accounts in several sessions, and reckons with it.

What each row is about is worked out from the history that the test made, as whoever asks would understand it. No row,
and no difference of rows, may be about fewer than five people, but for the country's own months.
"""

from __future__ import annotations

import csv
import io
import itertools
import random
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from schemas import topics
from schemas.codec import decode_event
from sinks.clickhouse.client import connect
from sinks.feeds.projection import feed_projection
from sinks.portal.identity import Person
from tests.company_support import FIRST, TODAY, Hip, made
from tests.derived_support import load
from tests.portal_support import Browser, browser, portal
from tests.portal_world import NORDFALK, stated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

CUP = "CUP01"
CLINICS = {"U01": 20, "U02": 9, "U03": 2, "U17": 7, "U18": 3, "U40": 1}
ACCOUNTS = tuple(Person(name, name, "company", company=NORDFALK) for name in ("anna", "bo"))
FACTS = {"sex", "age_group", "diagnosis"}
QUESTIONS = tuple(
    "&".join(parts)
    for parts in (
        ("by=component",),
        *(("by=component", f"from={year}", f"until={year}") for year in (2001, 2002, 2003)),
        ("by=component", "from=2001", "until=2002"),
        ("by=component", "from=2001-02"),
        ("by=component", "from=2001-02", "until=2001-02"),
        ("by=component", "from=2002", "until=2002-11"),
        *(("by=component", fact) for fact in ("sex=female", "sex=male", "age_group=<55", "diagnosis=M16")),
        *(("by=component", "sex=male", f"from={year}", f"until={year}") for year in (2001, 2002, 2003)),
        ("by=component_clinic",),
        *(("by=component_clinic", f"from={year}", f"until={year}") for year in (2001, 2002, 2003)),
        ("by=component_clinic", "from=2001", "until=2002"),
        *(("by=component_clinic", fact) for fact in ("sex=female", "sex=male", "age_group=<55", "diagnosis=M16")),
        ("by=component_clinic", "unit=U01"),
        ("by=component_clinic", "unit=U01", "unit=U02"),
        ("by=component_clinic", "unit=U03"),
        ("by=component_clinic", "unit=U01", "sex=male"),
    )
)


class Piece(NamedTuple):
    """A cup that was put in."""

    person: int
    unit: str
    day: date
    lot: str
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Told:
    """A row that the company was told: from where, what it is about, and how many pieces it says that is."""

    source: str
    about: frozenset[int]
    pieces: int


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture(scope="module")
def definition(client: Client) -> RegistryDefinition:
    return made(client)


@pytest.fixture(scope="module")
def pieces(client: Client, definition: RegistryDefinition) -> Sequence[Piece]:
    """Three years of one company's cup at clinics large and small, in 150 people; some with two."""
    hip, dice = Hip(client, definition), random.Random(5)
    found: list[Piece] = []
    for person in range(150):
        facts = {"sex": dice.choice(["female", "female", "male"])}
        for side in ("left", "right")[: 1 + (dice.random() < 0.15)]:
            day, age = dice.randint(0, 1_094), dice.choice([50, 60, 70, 70, 80])
            unit = dice.choices(list(CLINICS), list(CLINICS.values()))[0]
            diagnosis, lot = dice.choice(["M16.1", "M16.9", "S72.0"]), dice.choice(["L1", "L1", "L1", "L2", "L3"])
            hip.operated(
                person, day, registration_id=f"op-{person}-{side}", side=side, unit=unit, cup=CUP, cup_lot=lot, age=age,
                sex=facts["sex"], diagnosis=diagnosis,
            )  # fmt: skip
            band = "<55" if age == 50 else f"{age // 10 * 10 - 5}-{age // 10 * 10 + 4}"
            said = {**facts, "age_group": band, "diagnosis": diagnosis[:3]}
            found.append(Piece(person, unit, FIRST + timedelta(days=day), lot, said))
    hip.load()
    load(client, definition, [(topics.signals(definition.name), stated(definition, CUP))])
    return found


def visitor_of(client: Client, definition: RegistryDefinition, smallest: int) -> Browser:
    """The portal of the registry where so many people are the fewest that are shown."""
    terms = definition.registry.companies
    assert terms is not None
    changed = definition.registry.model_copy(update={"companies": terms.model_copy(update={"smallest": smallest})})
    return browser(portal({definition.name: replace(definition, registry=changed)}, client, ready=ACCOUNTS))


def file_of(visitor: Browser, definition: RegistryDefinition, path: str) -> list[dict[str, str]]:
    answer = visitor.get(f"/r/{definition.name}/company{path}")
    assert answer.status_code == 200, answer.text[-500:]
    return list(csv.DictReader(io.StringIO(answer.text)))


def page_of(visitor: Browser, definition: RegistryDefinition, path: str) -> str:
    answer = visitor.get(f"/r/{definition.name}/company{path}")
    assert answer.status_code == 200, answer.text[-500:]
    return unescape(answer.text)


def table_of(page: str, name: str) -> list[list[str]]:
    """The rows of a page's table, as text."""
    table = page.partition(f'<section class="table" id="{name}">')[2].partition("<tbody>")[2].partition("</table>")[0]
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.DOTALL)
    ]


def years_in(said: str) -> set[int]:
    return {int(one) for one in re.findall(r"\d{4}", said)}


def asked_for(question: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for part in question.split("&"):
        name, _, value = part.partition("=")
        found[name].append(value)
    return found


def chosen(pieces: Sequence[Piece], question: str, hidden: set[int]) -> frozenset[int]:
    """The pieces that a question is about, without what it is said not to count."""
    asked = asked_for(question)
    first, last = asked["from"] or ["2001"], asked["until"] or ["2004"]
    facts = {name: values for name, values in asked.items() if name in FACTS}
    return frozenset(
        place
        for place, one in enumerate(pieces)
        if first[0] <= f"{one.day}"[: len(first[0])]
        and f"{one.day}"[: len(last[0])] <= last[0]
        and one.day.year not in hidden
        and all(one.facts[name] in values for name, values in facts.items())
    )


def told_by_choice(
    visitor: Browser, definition: RegistryDefinition, pieces: Sequence[Piece], question: str
) -> Iterator[Told]:
    """The rows of a choice: the country's, each clinic's, and the others', where it can be told who they are."""
    query = f"?kind=cup&component={CUP}&{question}"
    hidden: set[int] = set()
    if asked_for(question).keys() & FACTS and (
        said := re.search(r"those put in in ([\d, ]+)", page_of(visitor, definition, f"/compare{query}&lang=en"))
    ):
        hidden = years_in(said[1])
    about = chosen(pieces, question, hidden)
    units = definition.catalogues["units"].rows
    rows = [
        one for one in file_of(visitor, definition, f"/compare/files/numbers.csv{query}") if one["component"] == CUP
    ]
    left = about
    named = set(asked_for(question)["unit"])
    for one in rows:
        code = next((code for code, row in units.items() if row["name"] == one["place"]), None)
        if one["place"] == "the country":
            yield Told(f"{question}: the country", about, int(one["put_in"]))
        elif code is not None:
            away = years_in(one["among_others"])
            its = frozenset(
                place for place in about if pieces[place].unit == code and pieces[place].day.year not in away
            )
            left -= its
            yield Told(f"{question}: {code}", its, int(one["put_in"]))
    rest = [one for one in rows if one["place"].startswith("other clinics")]
    if rest and not named:
        yield Told(f"{question}: others", left, sum(int(one["put_in"]) for one in rest))
        for one in rest:
            region = one["place"].removeprefix("other clinics of ")
            its = frozenset(place for place in left if units[pieces[place].unit]["region"] == region)
            yield Told(f"{question}: others in {region}", its, int(one["put_in"]))


def told_by_reports(visitor: Browser, definition: RegistryDefinition, pieces: Sequence[Piece]) -> Iterator[Told]:
    """The rows of the lots, of the safety report by year and region, and of the market by quarter."""
    units = definition.catalogues["units"].rows
    every = frozenset(range(len(pieces)))
    left = every
    for one in file_of(visitor, definition, "/reports/files/lots.csv?kind=cup"):
        if one["component"] == CUP and re.fullmatch(r"L\d", one["lot"]):
            its = frozenset(place for place in every if pieces[place].lot == one["lot"])
            left -= its
            yield Told(f"lot {one['lot']}", its, int(one["pieces"]))
    yield Told("other lots", left, len(left))
    by_year: dict[int, list[dict[str, str]]] = defaultdict(list)
    for one in file_of(visitor, definition, "/reports/files/safety.csv?kind=cup"):
        if one["component"] == CUP:
            by_year[int(one["year"])].append(one)
    for year, rows in by_year.items():
        of_year = left = frozenset(place for place in every if pieces[place].day.year == year)
        for one in rows:
            if one["region"] == "the country":
                yield Told(f"safety {year}", of_year, int(one["put_in"]))
            elif one["region"] != "other regions":
                its = frozenset(place for place in of_year if units[pieces[place].unit]["region"] == one["region"])
                left -= its
                yield Told(f"safety {year} {one['region']}", its, int(one["put_in"]))
        yield from (
            Told(f"safety {year} others", left, int(one["put_in"])) for one in rows if one["region"] == "other regions"
        )
    for one in file_of(visitor, definition, "/reports/files/market.csv?kind=cup"):
        first = date.fromisoformat(one["from"])
        its = frozenset(
            place
            for place in every
            if (pieces[place].day.year, (pieces[place].day.month - 1) // 3) == (first.year, (first.month - 1) // 3)
        )
        yield Told(f"market {first}", its, int(one["own"]))


def few_people_found(pieces: Sequence[Piece], told: Sequence[Told]) -> list[str]:
    """Rows, and differences of a row and one or two that lie in it, that are about one to four people.

    A row whose number is not that of what it is taken to be about was not understood: the attacker sees that, and
    lets it be. What is of whole months of the country is shown in any case.
    """
    understood = {one.about: one.source for one in told if one.about and one.pieces == len(one.about)}
    months: dict[tuple[int, int], set[int]] = defaultdict(set)
    for place, one in enumerate(pieces):
        months[one.day.year, one.day.month].add(place)
    found = []

    def look(about: frozenset[int], *sources: str) -> None:
        people = {pieces[place].person for place in about}
        whole = set[int]().union(*(months[pieces[place].day.year, pieces[place].day.month] for place in about))
        if 0 < len(people) < 5 and whole != about:
            found.append(" less ".join(sources))

    for wide, source in understood.items():
        look(wide, source)
        within = [(narrow, its) for narrow, its in understood.items() if narrow < wide]
        for narrow, its in within:
            look(wide - narrow, source, its)
        for (narrow, its), (other, of_other) in itertools.combinations(within, 2):
            if not narrow & other:
                look(wide - narrow - other, source, its, of_other)
    return found


def all_told(
    client: Client, definition: RegistryDefinition, pieces: Sequence[Piece], smallest: int, *, every: int = 1
) -> list[Told]:
    """What two accounts are told, by turns; of the questions each so many."""
    first = visitor_of(client, definition, smallest)
    second = Browser(first.app)
    assert (first.log_in("anna").status_code, second.log_in("bo").status_code) == (303, 303)
    found: list[Told] = []
    for number, question in enumerate(QUESTIONS[::every]):
        found += told_by_choice((first, second)[number % 2], definition, pieces, question)
    return [*found, *told_by_reports(second, definition, pieces)]


def test_all_that_a_company_is_told_together_tells_of_no_few_people(
    client: Client, definition: RegistryDefinition, pieces: Sequence[Piece]
) -> None:
    told = all_told(client, definition, pieces, 5)
    understood = [one for one in told if one.pieces == len(one.about)]
    assert len(understood) > 0.8 * len(told)  # else the attack is none
    assert {one.source.split()[0] for one in understood} >= {"lot", "safety", "market", "by=component_clinic:"}
    assert few_people_found(pieces, told) == []


def test_the_attack_finds_people_where_nothing_is_hidden(
    client: Client, definition: RegistryDefinition, pieces: Sequence[Piece]
) -> None:
    found = few_people_found(pieces, all_told(client, definition, pieces, 1, every=3))
    assert any(" less " in one for one in found)
    assert any(" less " not in one for one in found)


def test_an_answer_hangs_on_nobody_s_account_session_or_earlier_questions(
    client: Client, definition: RegistryDefinition, pieces: Sequence[Piece]
) -> None:
    assert pieces
    first = visitor_of(client, definition, 5)
    second, third = Browser(first.app), Browser(first.app)
    first.log_in("anna")
    third.log_in("anna")
    second.log_in("bo")
    path = f"/compare/files/numbers.csv?kind=cup&component={CUP}&by=component_clinic"
    before = file_of(first, definition, path)
    for narrower in ("&unit=U03", "&from=2001&until=2001", "&sex=male"):
        file_of(first, definition, path + narrower)
    assert [file_of(one, definition, path) for one in (first, second, third)] == [before] * 3


def test_a_page_says_what_its_file_does(
    client: Client, definition: RegistryDefinition, pieces: Sequence[Piece]
) -> None:
    assert pieces
    visitor = visitor_of(client, definition, 5)
    visitor.log_in("anna")
    for path, name, columns in (
        (f"/compare?kind=cup&component={CUP}&by=component_clinic", "numbers", ("put_in", "people", "in_use")),
        ("/reports?kind=cup", "lots", ("lots", "pieces", "people", "in_use")),
        ("/reports?kind=cup", "safety", ("put_in",)),
        ("", "components-cup", ("in_use", "put_in")),
    ):
        address, _, query = path.partition("?")
        rows = file_of(visitor, definition, f"{address}/files/{name}.csv?{query}")
        shown = table_of(page_of(visitor, definition, path), name)
        places = [list(rows[0]).index(column) for column in columns]
        in_file = [[row[column] for column in columns] for row in rows]
        on_page = [[row[place].replace("–", "") for place in places] for row in shown]  # noqa: RUF001 - a dash
        assert on_page == in_file, name


def test_the_feed_says_of_a_signal_no_more_than_the_page(
    client: Client, definition: RegistryDefinition, pieces: Sequence[Piece]
) -> None:
    assert pieces
    visitor = visitor_of(client, definition, 5)
    visitor.log_in("anna")
    path = file_of(visitor, definition, f"/signals/files/path.csv?id=cup/{CUP}/0")
    told = feed_projection(definition, {"nordfalk": NORDFALK}, lambda: TODAY)(
        decode_event("signal", stated(definition, CUP)), "nordfalk"
    )
    assert told is not None
    assert [(row["month"], int(row["outcomes"])) for row in path] == [
        (month["month"], month["observed"]) for month in told["path"]
    ]
    allowed = {
        "registry", "id", "monitor", "definition", "product", "name", "state", "level", "why", "levels", "path",
        "others_not_compared", "methods",
    }  # fmt: skip
    assert set(told) == allowed
    assert not re.search(r"U\d\d|op-\d|\d{4}-\d\d-\d\d|offset|version|partition|k1-", words_of(told))


def words_of(said: Any) -> str:
    """All that is said, in one text."""
    if isinstance(said, dict):
        return " ".join([*said, *(words_of(one) for one in said.values())])
    return " ".join(words_of(one) for one in said) if isinstance(said, list | tuple) else str(said)
