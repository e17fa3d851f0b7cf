"""A monitor group's exposures, computed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.monitors import BETWEEN
from sinks.clickhouse import sql
from sinks.clickhouse.recompute.cells import Joined
from sinks.clickhouse.recompute.field_tests import conjunction
from sinks.clickhouse.recompute.fields import recorded_day, role_text, sources, text_of
from sinks.clickhouse.recompute.journeys import ANCHOR, NEVER, OTHER, Journeys
from sinks.clickhouse.recompute.statement import KEY, column

if TYPE_CHECKING:
    from schemas.definition.monitors import Group
    from schemas.definition.registry import RegistryDefinition

_COUNTED = ("_count", "_first", "_own", "_first_own", "_not_known")


def exposures_query(definition: RegistryDefinition, group: str) -> str:
    """The exposures of a group as the table ``exposures`` has them, without generation, present and version."""
    exposure = definition.monitors.groups[group]
    form = exposure.form
    journeys = Journeys(definition)
    joined = Joined(journeys, form, journeys.anchors(exposure))
    products = [journeys.value(form, field) for field in exposure.product]
    known = conjunction([f"isNotNull({one.sql})" for one in products])
    codes = [f"toString(assumeNotNull({one.sql}))" for one in products]
    product = codes[0] if len(codes) == 1 else f"concat({f', {sql.text(BETWEEN)}, '.join(codes)})"
    lot = "''" if exposure.lot is None else text_of(journeys.value(form, exposure.lot))
    # what has not come stands first, then the ends as declared: of equally early ones the first is found
    found = [joined.first_found(end) for end in exposure.ends]
    days = f"[{', '.join([str(NEVER), *(f'toInt32({day})' for day, _ in found)])}]"
    recorded = f"[{', '.join(['NULL', *(known for _, known in found)])}]::Array(Nullable(Int32))"
    reasons = f"[{', '.join(sql.text(reason) for reason in ('', *(end.reason for end in exposure.ends)))}]"
    carried = [f"toInt32({joined.first_day(end)})" for end in exposure.carried_until] or ["_end"]
    same = () if exposure.outcomes is None else exposure.outcomes.same
    kept = dict.fromkeys(["_patient", "_id", "_day", "_recorded", *KEY, *sources(definition, form, same)])
    by = joined.labels(exposure.by)
    ended = journeys.statement.subquery(
        "ended",
        f"SELECT {', '.join(f'{column(ANCHOR, name)} AS {sql.identifier(name)}' for name in kept)}, "
        f"{product} AS _product, {lot} AS _lot, "
        f"{role_text(definition, form, 'unit', ANCHOR)} AS _unit, "
        f"{role_text(definition, form, 'side', ANCHOR)} AS _side, {by} AS _by, "
        f"arrayMin({days}) AS _end, indexOf({days}, _end) AS _place, {reasons}[_place] AS _reason, "
        f"({recorded})[_place] AS _end_recorded, "
        f"arrayMin([{', '.join(carried)}]) AS _carried\n"
        f"{joined.source}\nWHERE {known}",
    )
    rows = Joined(journeys, form, ended)
    outcomes = _outcomes(journeys, exposure, ended)
    counted = None if outcomes is None else rows.join_by_key(outcomes)
    count, first, own, first_own, not_known = ("0" if counted is None else f"{counted}.{name}" for name in _COUNTED)
    return journeys.statement.finish(
        f"SELECT {sql.text(group)} AS `group`, {ANCHOR}._patient AS patient, {ANCHOR}._id AS registration_id, "
        f"{ANCHOR}._partition AS partition, {ANCHOR}._product AS product, {ANCHOR}._lot AS lot, "
        f"{ANCHOR}._unit AS unit, {ANCHOR}._side AS side, {ANCHOR}._by AS `by`, "
        f"toDate32({ANCHOR}._day) AS start, if({ANCHOR}._end = {NEVER}, NULL, toDate32({ANCHOR}._end)) AS `end`, "
        f"{ANCHOR}._reason AS end_reason, toUInt32({count}) AS outcomes, "
        f"if({count} = 0, NULL, toDate32({first})) AS first_outcome, toUInt32({own}) AS specific, "
        f"if({own} = 0, NULL, toDate32({first_own})) AS first_specific, toUInt32({not_known}) AS unknown, "
        f"if({ANCHOR}._carried = {NEVER}, NULL, toDate32({ANCHOR}._carried)) AS carried_until, "
        f"toDate32({recorded_day(ANCHOR)}) AS recorded, toDate32({ANCHOR}._end_recorded) AS end_recorded\n"
        f"{rows.source}"
    )


def _outcomes(journeys: Journeys, exposure: Group, ended: str) -> str | None:
    """The subquery of the outcomes that come while exposed, by anchor; None where none are counted."""
    if exposure.outcomes is None:
        return None
    key = ", ".join(column(ANCHOR, name) for name in KEY)
    told = [
        f"{'false' if one is None else journeys.condition(one, exposure.outcomes.form, OTHER)} AS {name}"
        for one, name in ((exposure.specific, "_specific"), (exposure.unknown, "_unknown"))
    ]
    in_time = [f"{OTHER}._day <= {ANCHOR}._end"]
    while_exposed = journeys.followings(ended, exposure.form, exposure.outcomes, in_time, told)
    return journeys.statement.subquery(
        "outcomes",
        f"SELECT {key}, count() AS _count, min({OTHER}._day) AS _first, countIf({OTHER}._specific) AS _own, "
        f"minIf({OTHER}._day, {OTHER}._specific) AS _first_own, "
        f"countIf({OTHER}._unknown AND NOT {OTHER}._specific) AS _not_known\n"
        f"{while_exposed}\nGROUP BY {key}",
    )
