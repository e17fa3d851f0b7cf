"""Who is shown by themselves, and what others may be compared with: decided in one pass, before anything is counted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sinks.clickhouse.queries.company_database.choice import regions_of
from sinks.clickhouse.queries.company_database.followed import texts
from sinks.clickhouse.queries.small_cells import held_back
from sinks.portal.suppression import Cell, Groups, groups_of, why_not_compared
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from schemas.definition.companies import Companies
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.company_database.followed import Source

    Pieces = dict[str, int]

PIECES_EACH = 2
"""Of others only pieces are counted: so many for each person that there must be, for everybody has two sides."""


@dataclass(frozen=True, slots=True)
class Others:
    """What the others have of one kind that may be compared with.

    What fails the rule in any month is left out of everything, so that nothing is found by the difference.

    Attributes:
        months: those in which they may be compared with, counted since the year 0.
        left_out: those in which they have something, and may not.
        values: by time, the values of a fact that they may be told apart by, those put together as one set; times of
            which any month is left out are not there. Empty where no fact is asked for.
        why_not: why nothing may be compared with; None where something may.
    """

    months: frozenset[int]
    left_out: frozenset[int]
    values: Mapping[int, Sequence[frozenset[str]]]
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Decided:
    """Which clinics and values are shown by themselves, and what others may be compared with.

    Attributes:
        groups: of the company's products, each called as `called` does.
        others: by kind; empty where they were not asked for.
    """

    groups: Groups
    others: Mapping[str, Others]


@dataclass(slots=True)
class _Theirs:
    """Pieces of each other company, by month, and by time and value."""

    months: dict[int, Pieces] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    values: dict[tuple[int, str], Pieces] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))


def called(kind: str, code: str) -> str:
    """A product within a kind: what groups know it by."""
    return f"{kind}/{code}"


def decide(client: Client, source: Source, entitled: Entitled, *, others: bool) -> Decided:
    """Decide it for all of the company's products of these kinds, and where asked for everybody else's.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    own = {code for kind in source.kinds for code in entitled.own[kind]}
    people: dict[Cell, int] = {}
    by_value: dict[Cell, int] = {}
    together: dict[tuple[str, int], int] = {}
    theirs: dict[str, _Theirs] = defaultdict(_Theirs)
    for level, kind, code, time, month, clinic, value, pieces, persons in client.rows(
        _query(source, own, others=others)
    ):
        product = called(kind, code)
        if code not in own:
            company = entitled.definition.ownership.owner(code, entitled.day) or ""
            if level == _OF_TIMES:
                theirs[kind].months[month][company] += pieces
            elif level == _OF_VALUES:
                theirs[kind].values[time, value][company] += pieces
        elif level == _OF_TIMES:
            together[product, time] = persons
        elif level == _OF_CLINICS:
            people[Cell(product, time, clinic)] = persons
        else:
            by_value[Cell(product, time, clinic, value)] = persons
    groups = groups_of(
        people, together, regions_of(entitled), entitled.terms.smallest, by_value if source.fact else None
    )
    compared = {kind: _others(theirs[kind], source, entitled) for kind in source.kinds} if others else {}
    return Decided(groups, compared)


# what GROUPING SETS a row is of: of the last two columns, clinic and value, those that are summed up
_OF_VALUES, _OF_CLINICS, _OF_TIMES = 0, 1, 3


def _query(source: Source, own: Iterable[str], *, others: bool) -> str:
    ours = f"product IN {texts(sorted(own))}"
    sets = ["(kind, product, time, clinic_of)", "(kind, product, time, month_of)"]
    if source.fact:
        sets.append("(kind, product, time, clinic_of, value)")
    value, summed = ("value", "grouping(value)") if source.fact else ("''", "1")
    return (
        f"SELECT 2 * grouping(clinic_of) + {summed} AS level, kind, product, time, month_of, clinic_of, {value}, "
        "count(), uniqExactIf(person, ours)\n"
        f"FROM (SELECT *, {ours} AS ours, if(ours, 0, month) AS month_of, if(ours, clinic, '') AS clinic_of "
        f"FROM ({source.cells('true' if others else ours)}))\n"
        f"GROUP BY GROUPING SETS ({', '.join(sets)})\nSETTINGS group_by_use_nulls = 0"
    )


def _others(theirs: _Theirs, source: Source, entitled: Entitled) -> Others:
    terms = entitled.terms
    months = {month for month, companies in theirs.months.items() if why_not_in(companies, terms) is None}
    left_out = theirs.months.keys() - months
    cut = {_time(month, source.years) for month in left_out}
    by_time: dict[int, dict[str, Pieces]] = defaultdict(dict)
    for (time, value), companies in theirs.values.items():
        if time not in cut:
            by_time[time][value] = companies
    values = {}
    for time, its in by_time.items():
        pieces = {value: (sum(companies.values()),) for value, companies in sorted(its.items())}
        merged = held_back(pieces, PIECES_EACH * terms.smallest)
        parts = [frozenset({value}) for value in pieces if value not in merged] + [frozenset(merged)] * bool(merged)
        # one part that may not be shown would be found by the difference
        if all(why_not_in(_sum(its[value] for value in part), terms) is None for part in parts):
            values[time] = parts
    reason = None
    if not months:
        reason = why_not_in(_sum(theirs.months.values()), terms) or marked("in no month others may be compared with")
    return Others(frozenset(months), frozenset(left_out), values, reason)


def why_not_in(companies: Mapping[str, int], terms: Companies) -> str | None:
    """Why others may not be compared with in a month, by the pieces of each; None where they may."""
    why_not = why_not_compared(companies, fewest=terms.fewest_others, largest_share=terms.largest_share)
    if why_not is None and sum(companies.values()) < PIECES_EACH * terms.smallest:
        return marked("the others have too few pieces")
    return why_not


def _sum(several: Iterable[Pieces]) -> Pieces:
    total: Pieces = defaultdict(int)
    for companies in several:
        for company, pieces in companies.items():
            total[company] += pieces
    return total


def _time(month: int, years: int) -> int:
    return month // 12 - month // 12 % years
