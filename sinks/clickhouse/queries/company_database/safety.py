"""Volumes and problems by period and region, as a periodic safety update report (PSUR) wants them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.clickhouse.generations import readable
from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.company_database.choice import FAILURES, regions_of
from sinks.clickhouse.queries.company_database.followed import FAILED, Matrix, Source, texts
from sinks.clickhouse.queries.company_database.people import called, decide
from sinks.clickhouse.queries.company_database.reasons import why_sql
from sinks.clickhouse.recompute.journeys import Journeys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.choice import Failure
    from sinks.clickhouse.queries.company_database.entitled import Entitled

WHOLE_COUNTRY, OTHER_REGIONS = "whole country", "other regions"


@dataclass(frozen=True, slots=True)
class SafetyRow:
    """One component in one region in one time.

    Attributes:
        kind: the kind of implant.
        component: its code.
        name: its name.
        first_year: of the time, which is a calendar year where nothing else is declared.
        region: its name; "whole country"; or "other regions", with too few people each.
        put_in: volumes: pieces put in within the time.
        failures: problems: by what counts as one, how many happened within the time, whenever it was put in.
        reasons: of the first reoperations, how many for each reason.
    """

    kind: str
    component: str
    name: str
    first_year: int
    region: str
    put_in: int
    failures: Mapping[Failure, int]
    reasons: Mapping[str, int]


def read_safety(
    client: Client, entitled: Entitled, kinds: Sequence[str], *, until: date | None = None
) -> list[SafetyRow]:
    """Every component, time and region of these kinds; the regions of a time make up the whole country.

    A failure belongs to the region, and to the group of few people, that the implant was put in at.

    Raises:
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, entitled.definition)
    last_day = until or latest_day(client, definition)
    if last_day is None:
        return []
    source = Source(definition, tuple(kinds), last_day, entitled.terms.years)
    groups = decide(client, source, entitled, others=False).groups
    names = sorted(set(regions_of(entitled).values()))
    put_in: dict[tuple[str, str, int, str], int] = defaultdict(int)
    failed: dict[tuple[str, str, int, str], dict[Failure, int]] = defaultdict(lambda: dict.fromkeys(FAILURES, 0))
    why: dict[tuple[str, str, int, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for kind, code, place, time, at, pieces, reasons in client.rows(_query(source, entitled, groups.merged, names)):
        region = names[place - 1] if place else OTHER_REGIONS
        for named in (region, WHOLE_COUNTRY):
            put_in[kind, code, time, named] += pieces
            for failure, when in zip(FAILURES, at, strict=True):
                if when:
                    failed[kind, code, when, named][failure] += pieces
            if at[FAILURES.index("reoperation")]:
                why[kind, code, at[FAILURES.index("reoperation")], named][reasons] += pieces
    keys = sorted(
        put_in.keys() | failed.keys(), key=lambda key: (kinds.index(key[0]), *key[1:3], _order(key[3], names))
    )
    return [
        SafetyRow(
            kind, code, entitled.name_of(kind, code), time, region, put_in.get((kind, code, time, region), 0),
            dict(failed[kind, code, time, region]), dict(sorted(why[kind, code, time, region].items())),
        )
        for kind, code, time, region in keys
    ]  # fmt: skip


def _order(region: str, names: Sequence[str]) -> int:
    return {WHOLE_COUNTRY: -1, OTHER_REGIONS: len(names)}.get(region, names.index(region) if region in names else 0)


def _query(
    source: Source, entitled: Entitled, merged: Mapping[tuple[str, int], frozenset[str]], names: Sequence[str]
) -> str:
    """Pieces by kind, product, region (its place, 0 for those shown together), time, and times of failures."""
    regions = regions_of(entitled)
    own = sorted({code for kind in source.kinds for code in entitled.own[kind]})
    products = {called(kind, code): (kind, code) for kind in source.kinds for code in own}
    clinics = list(regions)
    letters = {
        (*products[name], time, clinic): "r"
        for (name, time), few in merged.items()
        for clinic in clinics
        if regions[clinic] not in few
    }
    axes = {
        "kind": source.kinds, "product": own, "time": sorted({time for _, time in merged}), "clinic": clinics,
    }  # fmt: skip
    places = [names.index(regions[clinic]) + 1 for clinic in clinics]
    place = f"if({Matrix(axes, letters).letter} = 'r', transform(clinic, {texts(clinics)}, {places}, 0), 0)"
    when = ", ".join(
        f"if({name}_end = {FAILED}, toYear(toDate32({name}_day)) - toYear(toDate32({name}_day)) % {source.years}, 0)"
        for name in FAILURES
    )
    journeys = Journeys(source.definition)
    why = why_sql(journeys, source, entitled.terms.reason, "reoperation")
    query = journeys.statement.finish(
        f"SELECT kind, product, {place} AS place, time, [{when}] AS at, count(), {why} AS why\n"
        f"FROM ({source.followed(f'product IN {texts(own)}')})\nGROUP BY kind, product, place, time, at, why"
    )
    return f"{query}, short_circuit_function_evaluation = 'force_enable'"
