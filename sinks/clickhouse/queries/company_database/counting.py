"""All numbers of a question in one pass over the exposures: who is counted where, how each fared, and why it failed.

Each exposure is counted in the rows that it belongs to (its component, the kind as a whole, its place, the chosen
places), as the groups of `sinks.portal.suppression` have it; those of others in one row, without a place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import TYPE_CHECKING, Any

from sinks.clickhouse.queries.company_database.choice import FAILURES, Choice, Failure, regions_of
from sinks.clickhouse.queries.company_database.curves import Timed, all_times_sql, timed_sql, times_sql
from sinks.clickhouse.queries.company_database.followed import FAILED, Matrix, days_of, month_of, texts
from sinks.clickhouse.queries.company_database.people import called
from sinks.clickhouse.queries.company_database.reasons import why_sql
from sinks.clickhouse.recompute.journeys import Journeys
from sinks.portal.suppression import whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.company_database.followed import Source
    from sinks.clickhouse.queries.company_database.people import Decided
    from sinks.portal.suppression import Shown

COUNTRY, CHOSEN = "country", "chosen"
"""The place of a row: the whole country, or all chosen clinics together; no name with either."""
CLINIC, REGION, REST = "clinic", "region", "rest"
"""The same: a clinic by its code; other clinics of a region by its name; other clinics of several regions."""
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Counted:
    """One row.

    Attributes:
        kind: the kind of implant.
        component: the product's code; None for all of the company's chosen ones.
        place: what place it is, and what it is called.
        pieces: how many were put in.
        people: into how many people; 0 of others, where they are not counted.
        carried: how many are carried now.
        put_in: this year and last.
        failures: by what counts: how many, in how many days, this year, and last.
        reasons: of the failures asked about, why.
        timed: by what counts, the times to failures; where they were asked for.
    """

    kind: str
    component: str | None
    place: Place
    pieces: int
    people: int
    carried: int
    put_in: tuple[int, int]
    failures: Mapping[Failure, tuple[int, int, int, int]]
    reasons: Mapping[str, int]
    timed: Mapping[Failure, Timed]


@dataclass(frozen=True, slots=True)
class CountedAll:
    """Rows of the company's own, and by kind one of others."""

    own: Sequence[Counted]
    others: Mapping[str, Counted]


def count(
    client: Client,
    source: Source,
    entitled: Entitled,
    choice: Choice,
    decided: Decided,
    *,
    curves: Sequence[Failure],
) -> CountedAll:
    """Count all that is asked; ``decided`` says what of it is shown."""
    rows = _Rows(source, entitled, choice, decided)
    own, others = [], {}
    for kind, key, *numbers in client.rows(rows.query(curves)):
        component, place = rows.named(key)
        counted = _counted(kind, component, place, numbers, curves)
        if component == _THEIRS:
            others[kind] = counted
        else:
            own.append(counted)
    return CountedAll(own, others)


_ALL, _THEIRS = "", "\0"
_LETTERS: Mapping[Shown, str] = {"clinic": "c", "region": "r", "country": "o"}


class _Rows:
    """The rows that exposures are counted in, each a number: its component's times the places' and its place's."""

    def __init__(self, source: Source, entitled: Entitled, choice: Choice, decided: Decided) -> None:
        self._source, self._entitled, self._choice, self._decided = source, entitled, choice, decided
        self._regions = regions_of(entitled)
        self._own = sorted({code for kind in source.kinds for code in entitled.own[kind]})
        self._chosen = [code for code in self._own if not choice.components or code in choice.components]
        self._components = [_ALL, *self._chosen, _THEIRS]
        regions = sorted(set(self._regions.values()))
        self._places: list[Place] = [
            (COUNTRY, ""), (CHOSEN, ""), *((CLINIC, unit) for unit in self._regions), (CLINIC, ""),
            *((REGION, region) for region in regions), (REST, ""),
        ]  # fmt: skip

    def named(self, key: int) -> tuple[str, Place]:
        """The component's code and the place of a row."""
        component, place = divmod(key, len(self._places))
        return self._components[component], self._places[place]

    def query(self, curves: Sequence[Failure]) -> str:
        """All rows with their numbers."""
        choice, source = self._choice, self._source
        journeys = Journeys(source.definition)
        wanted = [f"product IN {texts(self._chosen)}"]
        if self._decided.others:
            wanted.append(f"product NOT IN {texts(self._own)}")
        rows = (
            f"SELECT *, product IN {texts(self._own)} AS ours, {self._place} AS place\n"
            f"FROM ({source.followed(' OR '.join(wanted))})\nWHERE {' AND '.join(self._conditions())}"
        )
        why = why_sql(journeys, source, self._entitled.terms.reason, choice.failure)
        failed = f"{choice.failure}_end = {FAILED} AND ours"
        numbers = dict(self._numbers())
        # in two steps: each exposure is looked at once, and what it is counted in is put together of few sums
        counted = (
            f"SELECT kind, product, ours, place, {', '.join(f'{what} AS {name}' for name, what in numbers.items())}, "
            f"uniqExactStateIf(person, ours) AS people, sumMapIf([{why}], [toUInt64(1)], {failed}) AS reasons"
            f"{''.join(f', {times_sql(one)}' for one in curves)}\n"
            f"FROM ({rows})\nGROUP BY kind, product, ours, place"
        )
        put_together = (
            f"SELECT kind, arrayJoin({self._keys}) AS key, uniqExactMerge(people), "
            f"{', '.join(f'sum({name})' for name in numbers)}, sumMap(reasons.1, reasons.2)"
            f"{''.join(f', {all_times_sql(one)}' for one in curves)}\n"
            f"FROM ({counted})\nGROUP BY kind, key"
        )
        for one in curves:
            put_together = timed_sql(one, put_together)
        query = journeys.statement.finish(f"SELECT * FROM ({put_together})")
        return f"{query}, short_circuit_function_evaluation = 'force_enable'"

    def _numbers(self) -> Iterator[tuple[str, str]]:
        """What is added up, by name."""
        until = self._source.until
        years = [(days_of(date(year, 1, 1)), days_of(date(year, 12, 31))) for year in (until.year, until.year - 1)]
        within = [f"countIf({{}}_day BETWEEN {first} AND {min(last, days_of(until))})" for first, last in years]
        yield "pieces", "count()"
        yield "in_use", "countIf(carried)"
        yield from ((f"put_in_{at}", one.format("first")) for at, one in enumerate(within))
        for name in FAILURES:
            yield f"{name}_number", f"countIf({name}_end = {FAILED})"
            yield f"{name}_time", f"sum({name}_days)"
            yield from ((f"{name}_{at}", one.format(name)) for at, one in enumerate(within))

    def _conditions(self) -> Iterator[str]:
        """What is counted: of the period, of values that are shown, and of others only what may be compared with."""
        choice, others = self._choice, self._decided.others
        yield "true"
        if choice.first:
            yield f"month >= {month_of(choice.first)}"
        if choice.last:
            yield f"month <= {month_of(choice.last)}"
        if choice.fact:
            axes = {
                "kind": self._source.kinds,
                "if(ours, product, '')": ["", *self._chosen],
                "time": self._times,
                "value": choice.values,
            }
            yield f"{Matrix(axes, dict.fromkeys(self._values_shown(), '+')).letter} = '+'"
        if others:
            months = {(kind, month): "+" for kind, theirs in others.items() for month in theirs.months}
            axes = {"kind": self._source.kinds, "month": sorted({month for _, month in months})}
            yield f"(ours OR {Matrix(axes, months).letter} = '+')"

    def _values_shown(self) -> Iterator[tuple[str, str, int, str]]:
        """Kind, product (empty: others'), time and value of what is shown of the chosen values."""
        chosen = frozenset(self._choice.values)
        for kind, code, time in product(self._source.kinds, self._chosen, self._times):
            for value in self._decided.groups.whole(called(kind, code), time, chosen):
                yield kind, code, time, value
        for kind, theirs in self._decided.others.items():
            for time, parts in theirs.values.items():
                yield from ((kind, "", time, value) for value in whole(parts, chosen))

    @property
    def _times(self) -> list[int]:
        times = {time for _, time in self._decided.groups.merged}
        return sorted(times.union(*(others.values for others in self._decided.others.values())))

    @property
    def _by_place(self) -> bool:
        return self._choice.grouping != "component" or bool(self._choice.regions or self._choice.units)

    @property
    def _place(self) -> str:
        """SQL of the number of an exposure's place."""
        if not self._by_place:
            return "0"
        shown = self._decided.groups.shown
        products = {called(kind, code): (kind, code) for kind in self._source.kinds for code in self._chosen}
        letters = {
            (*products[name], time, clinic): _LETTERS[how]
            for (name, time, clinic), how in shown.items()
            if name in products
        }
        clinics = list(dict.fromkeys([*self._regions, *(clinic for *_, clinic in shown)]))
        axes = {"kind": self._source.kinds, "product": self._chosen, "time": self._times, "clinic": clinics}
        known = [self._places.index((CLINIC, clinic if clinic in self._regions else "")) for clinic in clinics]
        of_region = [
            self._places.index((REGION, self._regions[clinic])) if clinic in self._regions else len(self._places) - 1
            for clinic in clinics
        ]
        letter = Matrix(axes, letters).letter
        return (
            f"multiIf({letter} = '{_LETTERS['clinic']}', transform(clinic, {texts(clinics)}, {known}, 0), "
            f"{letter} = '{_LETTERS['region']}', transform(clinic, {texts(clinics)}, {of_region}, 0), "
            f"{len(self._places) - 1})"
        )

    @property
    def _keys(self) -> str:
        """SQL of the numbers of the rows that an exposure is counted in."""
        width = len(self._places)
        component = f"transform(product, {texts(self._chosen)}, range(1, {len(self._chosen) + 1}), 0) * {width}"
        keys = ["0", component]
        if self._by_place:
            keys += ["place", f"{component} + place"]
        chosen = [at for at, place in enumerate(self._places) if is_chosen(place, self._choice, self._regions)]
        of_chosen = ""
        if self._choice.regions or self._choice.units:
            of_chosen = f", if(place IN {chosen or [-1]}, [1, {component} + 1], [])"
        own = f"arrayConcat([{', '.join(keys)}]{of_chosen})" if of_chosen else f"[{', '.join(keys)}]"
        return f"if(ours, {own}, [{(len(self._components) - 1) * width}])::Array(UInt32)"


def is_chosen(place: Place, choice: Choice, regions: Mapping[str, str]) -> bool:
    """Whether a place below the country is among those asked for; all are where none are named."""
    what, name = place
    if not choice.regions and not choice.units:
        return what in (CLINIC, REGION, REST)
    if what == CLINIC:
        return name in choice.units or regions.get(name) in choice.regions
    return what == REGION and name in choice.regions


def _counted(kind: str, component: str, place: Place, numbers: Sequence[Any], curves: Sequence[Failure]) -> Counted:
    people, pieces, carried, this, last, *rest = numbers
    failures = {name: tuple(rest[4 * at : 4 * at + 4]) for at, name in enumerate(FAILURES)}
    (names, how_many), *timed = rest[4 * len(FAILURES) :]
    return Counted(
        kind,
        component or None,
        place,
        pieces,
        people,
        carried,
        (this, last),
        failures,
        dict(zip(names, how_many, strict=True)),
        {name: Timed(*found) for name, found in zip(curves, timed, strict=False)},
    )
