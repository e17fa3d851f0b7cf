"""Reports of adverse reactions, live: how many of each pair by stratum, and how many of those on the drug.

The counts are sums of the finest cells, so what was nullified, replaced by a later version, or is of somebody who has
opted out is not in them. As of a day D, months that are not over on D are left out where later days are known.

For rates, a person is on a drug from the first dose to the end of the exposure, which the monitor group declares, or
D. Where courses of one drug overlap, a day counts once, and belongs to the course that began first, as do its reports.
A report counts while on the drug that it suspects, from the first day to the last, both included. A year is 365.25
days.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schemas.definition.indicators import layout
from sinks.clickhouse import sql
from sinks.clickhouse.generations import progress, readable
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.queries.cell_sums import CannotBeReadError, CellSums, Cut
from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.indicators import last_period
from sinks.clickhouse.recompute.cells import Joined
from sinks.clickhouse.recompute.journeys import ANCHOR, Journeys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from schemas.definition.monitors import Disproportionality
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

Pair = tuple[str, str, tuple[str, ...]]
"""Drug, reaction, and the values of the strata in the order declared."""


@dataclass(frozen=True, slots=True)
class OnDrug:
    """The persons on one drug who use it in one way.

    Attributes:
        drug: its code.
        users: what tells new users from prevalent ones; empty where nothing does.
        persons: how many there were; who used it in two ways is among both.
        days: for how many days, together.
        reports: how many reports of each reaction there were meanwhile; the uncoded ones under the empty text.
    """

    drug: str
    users: str
    persons: int
    days: int
    reports: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReactionReading:
    """Counts, and where they come from.

    Attributes:
        registry: whose.
        name: what monitors.yaml calls the pairs.
        generation: the generation of cells and exposures.
        through: by source partition, the version that they reach at least.
        until: the day that it is a reading of; None where nothing has been registered.
        counts: how many reports there are of each drug and reaction in each stratum.
        uncoded: by drug, how many have no reaction yet, and so are in no pair.
        on_drug: by drug, then users; none where monitors.yaml names no exposures.
    """

    registry: str
    name: str
    generation: str
    through: Mapping[int, int]
    until: date | None
    counts: Mapping[Pair, int] = field(default_factory=dict)
    uncoded: Mapping[str, int] = field(default_factory=dict)
    on_drug: Sequence[OnDrug] = ()


def read_reactions(
    client: Client, definition: RegistryDefinition, name: str | None = None, *, until: date | None = None
) -> ReactionReading:
    """Read the reports of the generation that readers use.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        name: which of the registry's disproportionalities; the only one where none is named.
        until: the day of the reading; the latest day in any form where none is given.

    Raises:
        CannotBeReadError: there is none of that name, or none at all, or there are several.
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, definition)
    name, pairs = _declared(definition, name)
    through = progress(client, definition.name, definition.generation)
    latest = latest_day(client, definition)
    last_day = until or latest
    if latest is None or last_day is None:
        return ReactionReading(definition.name, name, definition.generation, through, last_day)
    cohort = definition.indicators.cohorts[pairs.reports]
    strata = [one for one in cohort.by if one not in (pairs.drug, pairs.reaction)]
    cut = Cut(per="all", breakdown=(pairs.drug, pairs.reaction, *strata))
    last = last_period(cohort.period, last_day, whole=last_day < latest)
    place = next(layout(cohort)[one] for one, said in cohort.indicators.items() if said.kind == "count")
    found: Counter[Pair] = Counter()
    uncoded: Counter[str] = Counter()
    for group, vector in CellSums(client, definition, pairs.reports, cut, last).vectors().items():
        drug, reaction, *stratum = group.breakdown
        if not reaction:
            uncoded[drug] += vector.numbers[place]
        elif drug and vector.numbers[place]:
            found[drug, reaction, tuple(stratum)] += vector.numbers[place]
    on_drug = _on_drug(client, definition, pairs, last_day)
    return ReactionReading(
        definition.name, name, definition.generation, through, last_day, dict(found), dict(+uncoded), on_drug
    )


def _declared(definition: RegistryDefinition, name: str | None) -> tuple[str, Disproportionality]:
    known = definition.monitors.disproportionality
    if not known:
        raise CannotBeReadError(
            f"registry {definition.name} has no pairs of drug and reaction: its monitors.yaml declares no "
            "disproportionality"
        )
    if name is None and len(known) == 1:
        return next(iter(known.items()))
    if name not in known:
        what = "several disproportionalities" if name is None else f"no disproportionality {name}"
        raise CannotBeReadError(f"registry {definition.name} has {what}; name one of {', '.join(known)}")
    return name, known[name]


def _on_drug(
    client: Client, definition: RegistryDefinition, pairs: Disproportionality, until: date
) -> Sequence[OnDrug]:
    if pairs.exposures is None:
        return ()
    parameters = {"generation": definition.generation, "group": pairs.exposures, "until": until.isoformat()}
    reports: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for drug, users, reaction, number in client.rows(_reports_on_drug(definition, pairs), parameters):
        reports[drug, users][reaction] += number
    courses = _courses(definition, pairs)
    text = (
        f"SELECT drug, users, uniqExact(patient), sum(days) FROM ({courses}) GROUP BY drug, users ORDER BY drug, users"
    )
    return [
        OnDrug(drug, users, persons, days, dict(reports[drug, users]))
        for drug, users, persons, days in client.rows(text, parameters)
    ]


def _courses(definition: RegistryDefinition, pairs: Disproportionality) -> str:
    """Every course until the day asked for: from ``first`` to ``last``, and the ``days`` that none before it has."""
    database = sql.database_of(definition.name)
    group = definition.monitors.exposures[str(pairs.exposures)]
    users = "''" if pairs.users is None else f"by[{list(group.by).index(pairs.users) + 1}]"
    earlier = (
        "PARTITION BY drug, patient ORDER BY first, registration_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    )
    return f"""
        SELECT patient, drug, users, first, last,
            greatest(0, last - greatest(first, ifNull(max(toNullable(last)) OVER ({earlier}), first))) AS days
        FROM
        (
            SELECT patient, registration_id, toString(product) AS drug, {users} AS users, toInt32(start) AS first,
                toInt32(least(ifNull(`end`, {{until:Date32}}), {{until:Date32}})) AS last
            FROM {sql.table(database, "exposures")} FINAL
            WHERE generation = {{generation:String}} AND `group` = {{group:String}} AND present
            AND start <= {{until:Date32}} AND {counts(database, "patient", "version")}
        )"""


def _reports_on_drug(definition: RegistryDefinition, pairs: Disproportionality) -> str:
    """The reports of each reaction by drug and users, each of the first course that it came in."""
    cohort = definition.indicators.cohorts[pairs.reports]
    journeys = Journeys(definition)
    reports = Joined(journeys, cohort.form, journeys.anchors(cohort))
    named = reports.labels({one: cohort.by[one] for one in (pairs.drug, pairs.reaction)})
    told = journeys.statement.subquery(
        "reports",
        f"SELECT {ANCHOR}._patient AS patient, {ANCHOR}._id AS id, {ANCHOR}._day AS day, {named} AS named\n"
        f"{reports.source}\nWHERE {ANCHOR}._day <= toInt32({{until:Date32}})",
    )
    courses = journeys.statement.subquery("courses", _courses(definition, pairs))
    return journeys.statement.finish(
        "SELECT drug, users, reaction, count() FROM\n("
        "SELECT report.named[1] AS drug, report.named[2] AS reaction, argMin(course.users, course.first) AS users\n"
        f"FROM {told} AS report INNER JOIN {courses} AS course "
        "ON course.patient = report.patient AND course.drug = report.named[1]\n"
        "WHERE report.day BETWEEN course.first AND course.last\n"
        "GROUP BY report.patient, report.id, drug, reaction)\nGROUP BY drug, users, reaction"
    )
