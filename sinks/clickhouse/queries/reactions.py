"""Reports of adverse reactions, live: how many of each pair by stratum, and how many of those on the drug.

The reports are those that stand as exposures, so what was nullified, replaced by a later version, or is of somebody who
has opted out is not among them. As of a day D, what began later is not known yet.

For rates, a person is on a drug from the first dose to the end of the exposure, which the monitor group declares, or
D. Where courses of one drug overlap, a day counts once, and belongs to the course that began first, as do its reports.
A report counts while on the drug that it suspects, from the first day to the last, both included. A year is 365.25
days.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.generations import progress, readable
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.company import latest_day

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
    last_day = until or latest_day(client, definition)
    if last_day is None:
        return ReactionReading(definition.name, name, definition.generation, through, last_day)
    parameters = {
        "generation": definition.generation,
        "reports": name,
        "group": pairs.exposures or "",
        "until": last_day.isoformat(),
    }
    found: dict[Pair, int] = {}
    uncoded: Counter[str] = Counter()
    text = f"SELECT drug, `by`, count() FROM ({_reports(definition)}) GROUP BY drug, `by`"
    for drug, (reaction, *stratum), number in client.rows(text, parameters):
        if reaction:
            found[drug, reaction, tuple(stratum)] = number
        else:
            uncoded[drug] += number
    on_drug = _on_drug(client, definition, pairs, parameters) if pairs.exposures else ()
    return ReactionReading(
        definition.name, name, definition.generation, through, last_day, found, dict(uncoded), on_drug
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
    client: Client, definition: RegistryDefinition, pairs: Disproportionality, parameters: Mapping[str, str]
) -> Sequence[OnDrug]:
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
            {_standing(database, "group")}
        )"""


def _reports(definition: RegistryDefinition) -> str:
    """Every report until the day asked for; the first of ``by`` is its reaction."""
    standing = _standing(sql.database_of(definition.name), "reports")
    return f"""
        SELECT patient, registration_id, toString(product) AS drug, `by`, toInt32(start) AS day
        {standing}"""


def _standing(database: str, group: str) -> str:
    """FROM and WHERE of the exposures of a group, which is given as a parameter, until the day asked for."""
    return (
        f"FROM {sql.table(database, 'exposures')} FINAL WHERE generation = {{generation:String}} "
        f"AND `group` = {{{group}:String}} AND present AND start <= {{until:Date32}} "
        f"AND {counts(database, 'patient', 'version')}"
    )


def _reports_on_drug(definition: RegistryDefinition, pairs: Disproportionality) -> str:
    """The reports of each reaction by drug and users, each of the first course that it came in."""
    return f"""
        SELECT drug, users, reaction, count() FROM
        (
            SELECT report.drug AS drug, report.`by`[1] AS reaction, argMin(course.users, course.first) AS users
            FROM ({_reports(definition)}) AS report INNER JOIN ({_courses(definition, pairs)}) AS course
                ON course.patient = report.patient AND course.drug = report.drug
            WHERE report.day BETWEEN course.first AND course.last
            GROUP BY report.patient, report.registration_id, drug, reaction
        )
        GROUP BY drug, users, reaction"""
