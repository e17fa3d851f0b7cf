"""The company database's answer to one question, live: numbers by component and clinic, with others beside them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sinks.clickhouse.generations import progress, readable
from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.company_database.choice import regions_of, time_of
from sinks.clickhouse.queries.company_database.counting import CHOSEN, CLINIC, COUNTRY, REGION, REST, count, is_chosen
from sinks.clickhouse.queries.company_database.curves import survival_of
from sinks.clickhouse.queries.company_database.followed import Source
from sinks.clickhouse.queries.company_database.people import Decided, called, decide
from sinks.clickhouse.queries.estimates import DAYS_PER_YEAR, rate
from sinks.portal.suppression import Groups, is_cut
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.choice import Choice, Failure
    from sinks.clickhouse.queries.company_database.counting import Counted
    from sinks.clickhouse.queries.company_database.curves import Survival, Timed
    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.company_database.people import Others

_PER_YEARS = 100.0


@dataclass(frozen=True, slots=True)
class Failures:
    """How many failed in one sense.

    Attributes:
        number: how many of the pieces.
        component_years: followed until they failed, ended, or the last day.
        rate: failures per 100 component-years; None (with its limits) without follow-up.
        lower: exact 95 % limit of the rate.
        upper: exact 95 % limit of the rate.
        this_year: how many failed in the year of the reading; told of the country only.
        last_year: how many in the year before; likewise.
    """

    number: int
    component_years: float
    rate: float | None
    lower: float | None
    upper: float | None
    this_year: int | None
    last_year: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """What is told of a component, or of all that were asked for, at a place.

    Attributes:
        kind: the kind of implant.
        component: its code; None for all of the company's that were asked for.
        name: the component's name.
        place: what place it is: "country"; "chosen", all clinics asked for; "clinic"; "region", other clinics of a
            region; "rest", other clinics of several regions.
        unit: a clinic's code, or a region's name; empty otherwise.
        unit_name: the clinic's name, or the region's.
        pieces: how many were put in.
        people: into how many people; None of others, where people are not counted.
        in_use: how many are carried now.
        put_in_this_year: in the year of the reading; told of the country only.
        put_in_last_year: in the year before; likewise.
        failures: by what counts as one.
        reasons: of the failures asked about, how many for each reason; empty text where none is known.
        timed: times to failures, by what counts as one; of those that were asked for. See ``survival``.
        among_others: first years of the times in which the clinic's are counted among others'.
        not_shown: first years of the times in which too few people have the values asked for, so that none are counted.
    """

    kind: str
    component: str | None
    name: str
    place: str
    unit: str
    unit_name: str
    pieces: int
    people: int | None
    in_use: int
    put_in_this_year: int | None
    put_in_last_year: int | None
    failures: Mapping[Failure, Failures]
    reasons: Mapping[str, int]
    timed: Mapping[Failure, Timed]
    among_others: tuple[int, ...]
    not_shown: tuple[int, ...]
    fewest_at_risk: int

    def survival(self, failure: Failure) -> Survival:
        """The cumulative failures, by time since the operation; worked out each time that it is asked for.

        Raises:
            KeyError: the reading was not asked for curves of this sort of failure.
        """
        return survival_of(self.timed[failure], fewest=self.fewest_at_risk)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All other companies of one kind together.

    Attributes:
        row: their numbers; None where they are not shown.
        why_not: why they are not; None where they are.
        left_out: months that are not in the numbers, such as 2024-05: in these they may not be compared with.
        not_shown: first years of the times in which the values asked for are not told apart.
    """

    row: Row | None
    why_not: str | None
    left_out: tuple[str, ...]
    not_shown: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CompanyReading:
    """Rows, and where they come from.

    Attributes:
        choice: what was asked.
        generation: the generation of the exposures.
        through: by source partition, the version that they reach at least.
        until: the day that it is a reading of; None where nothing has been registered.
        years: how many calendar years make one time.
        smallest: people of whom fewer are not shown by themselves.
        country: the whole country, each component, and all of them; by kind.
        chosen: the chosen clinics together, likewise; none where all are asked for.
        places: each clinic that is asked for, each component at it, and what is counted as others.
        others: all other companies, by kind; empty where they were not asked for.
    """

    choice: Choice
    generation: str
    through: Mapping[int, int]
    until: date | None
    years: int
    smallest: int
    country: Sequence[Row] = ()
    chosen: Sequence[Row] = ()
    places: Sequence[Row] = ()
    others: Mapping[str, Comparison] = field(default_factory=dict)

    def grouped(self) -> Iterator[tuple[Row, Sequence[Row]]]:
        """Each row with those below it, in the order that was asked for.

        ``component``: all of a kind's, then each component, with nothing below. ``component_clinic``: the same, with
        the clinics of each. ``clinic_component``: each clinic with its components.
        """
        choice = self.choice
        heads = self.chosen or self.country
        if choice.grouping == "clinic_component":
            heads = [row for row in self.places if row.component is None]
            for head in heads:
                at = (head.kind, head.place, head.unit)
                yield head, [row for row in self.places if row.component and (row.kind, row.place, row.unit) == at]
            return
        for head in heads:
            below = [row for row in self.places if (row.kind, row.component) == (head.kind, head.component)]
            yield head, below if choice.grouping == "component_clinic" else []


def read_company(
    client: Client,
    entitled: Entitled,
    choice: Choice,
    *,
    curves: Sequence[Failure] | None = None,
    others: bool = True,
    until: date | None = None,
) -> CompanyReading:
    """Answer a question.

    Args:
        client: the way to ClickHouse.
        entitled: who asks.
        choice: what is asked.
        curves: for which sorts of failure curves are wanted; the one asked about where None.
        others: whether all other companies are wanted beside it.
        until: the day of the reading; the latest day in any form where none is given. It is not the company's to
            choose: by the difference of two days one could tell who was operated on in between.

    Raises:
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, entitled.definition)
    through = progress(client, definition.name, definition.generation)
    last_day = until or latest_day(client, definition)
    terms = entitled.terms
    empty = CompanyReading(choice, definition.generation, through, last_day, terms.years, terms.smallest)
    if last_day is None:
        return empty
    source = Source(definition, choice.kinds, last_day, terms.years, choice.fact)
    decided = Decided(Groups({}, {}), {})
    if choice.is_of_groups or others:
        decided = decide(client, source, entitled, others=others)
    wanted = (choice.failure,) if curves is None else tuple(curves)
    found = count(client, source, entitled, choice, decided, curves=wanted)
    rows = _Rows(entitled, choice, decided, last_day)
    own = sorted(map(rows.row, found.own), key=rows.order)
    return CompanyReading(
        choice, definition.generation, through, last_day, terms.years, terms.smallest,
        country=[row for row in own if row.place == COUNTRY],
        chosen=[row for row in own if row.place == CHOSEN],
        places=[row for row in own if rows.is_asked(row)],
        others={kind: rows.comparison(theirs, found.others.get(kind)) for kind, theirs in decided.others.items()},
    )  # fmt: skip


class _Rows:
    """Makes rows of what was counted."""

    def __init__(self, entitled: Entitled, choice: Choice, decided: Decided, until: date) -> None:
        self._entitled, self._choice, self._decided, self._until = entitled, choice, decided, until
        self._regions = regions_of(entitled)
        units = entitled.definition.catalogues.get("units")
        self._units = {code: row.get("name", "") for code, row in (units.rows if units else {}).items()}
        self._merged: dict[tuple[str, str], set[int]] = defaultdict(set)
        for (name, time, clinic), how in decided.groups.shown.items():
            if how != CLINIC:
                self._merged[name, clinic].add(time)

    def row(self, counted: Counted) -> Row:
        """One row, named."""
        kind, (place, unit) = counted.kind, counted.place
        of_country = place == COUNTRY
        components = [counted.component] if counted.component else self._components(kind)
        among = {time for code in components for time in self._merged.get((called(kind, code), unit), ())}
        return Row(
            kind=kind,
            component=counted.component,
            name=self._entitled.name_of(kind, counted.component) if counted.component else "",
            place=place,
            unit=unit,
            unit_name=self._units.get(unit, unit),
            pieces=counted.pieces,
            people=counted.people,
            in_use=counted.carried,
            put_in_this_year=counted.put_in[0] if of_country else None,
            put_in_last_year=counted.put_in[1] if of_country else None,
            failures={
                name: failures_of(counted.pieces, *(numbers if of_country else numbers[:2]))
                for name, numbers in counted.failures.items()
            },
            reasons=dict(sorted(counted.reasons.items())),
            timed=counted.timed,
            among_others=tuple(sorted(time for time in among if place == CLINIC and self._is_in_period(time))),
            not_shown=self._not_shown(kind, components),
            fewest_at_risk=self._entitled.terms.fewest_at_risk,
        )

    def comparison(self, theirs: Others, counted: Counted | None) -> Comparison:
        """The others of a kind, with what is left out of them."""
        if theirs.why_not is not None or counted is None:
            return Comparison(None, theirs.why_not or marked("others have none of what is asked"), (), ())
        cut = []
        if self._choice.fact:
            years = self._entitled.terms.years
            times = {time_of(month // 12, years) for month in theirs.months | theirs.left_out}
            cut = [time for time in sorted(times) if is_cut(theirs.values.get(time, ()), self._choice.values)]
        return Comparison(
            row=replace(self.row(counted), people=None, not_shown=()),
            why_not=None,
            left_out=tuple(f"{month // 12}-{month % 12 + 1:02}" for month in sorted(theirs.left_out)),
            not_shown=tuple(filter(self._is_in_period, cut)),
        )

    def is_asked(self, row: Row) -> bool:
        """Whether a row is of a place that was asked for."""
        return is_chosen((row.place, row.unit), self._choice, self._regions)

    def order(self, row: Row) -> tuple[int, int, int, str]:
        """Kinds, all of one before its components, the country before clinics, clinics as in the catalogue."""
        component = self._components(row.kind).index(row.component) + 1 if row.component else 0
        place = [COUNTRY, CHOSEN, CLINIC, REGION, REST].index(row.place)
        unit = list(self._units).index(row.unit) if row.unit in self._units else len(self._units)
        return self._choice.kinds.index(row.kind), component, place, f"{unit:06}{row.unit}"

    def _components(self, kind: str) -> list[str]:
        chosen = self._choice.components
        return [code for code in self._entitled.own[kind] if not chosen or code in chosen]

    def _not_shown(self, kind: str, components: Sequence[str]) -> tuple[int, ...]:
        cut = {
            time
            for (name, time), parts in (self._decided.groups.values or {}).items()
            if name in {called(kind, code) for code in components} and is_cut(parts, self._choice.values)
        }
        return tuple(filter(self._is_in_period, sorted(cut)))

    def _is_in_period(self, time: int) -> bool:
        first, last = self._choice.first, self._choice.last
        return not (first and time + self._entitled.terms.years <= first.year) and not (last and time > last.year)


def failures_of(
    pieces: int, number: int, days: int, this_year: int | None = None, last_year: int | None = None
) -> Failures:
    """Failures among pieces that were followed so many days, with their rate."""
    found = rate(pieces, number, days, _PER_YEARS)
    return Failures(number, days / DAYS_PER_YEAR, found.value, found.lower, found.upper, this_year, last_year)
