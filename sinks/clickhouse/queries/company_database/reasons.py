"""Why implants failed: the reason on the registration of the outcome that an exposure's failure was.

An exposure knows the day of its failure. What was registered of that person on that day is the outcome: what names the
exposure's own registration, or else what names none and is of the same side; of several, the earliest recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.queries.company_database.followed import FAILED
from sinks.clickhouse.recompute.field_tests import disjunction
from sinks.clickhouse.recompute.fields import Value, text_of
from sinks.clickhouse.recompute.journeys import OTHER, Journeys
from sinks.clickhouse.recompute.statement import column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.definition.condition import Condition
    from schemas.definition.monitors import Exposure
    from sinks.clickhouse.queries.company_database.choice import Failure
    from sinks.clickhouse.queries.company_database.followed import Source


def why_sql(journeys: Journeys, source: Source, reason: str | None, failure: Failure) -> str:
    """SQL of the reason of an exposure's failure, in rows of `Source.followed`; empty where none is known.

    With the setting that makes ``if`` look at what it needs only, it costs what the failures cost.

    Outcomes that are failures are few, so they are looked up in a table made of them once a query, as opt-outs are.

    Args:
        journeys: the statement that it will stand in.
        source: the kinds.
        reason: the field that says why; None where there is none.
        failure: what counts as a failure.
    """
    if reason is None:
        return "''"
    outcomes = " UNION ALL ".join(_of_kind(journeys, source, kind, reason, failure) for kind in source.kinds)
    told = f"(SELECT (groupArray(outcome), groupArray(why)) FROM ({outcomes}))"

    def found(outcome: str, otherwise: str) -> str:
        return f"transform({outcome}, {told}.1, {told}.2, {otherwise})"

    day = f"toInt32({failure}_day)"  # of the same type as there, or it has another hash
    why = found(
        f"sipHash64(kind, patient, {day}, 'of', registration_id)",
        found(f"sipHash64(kind, patient, {day}, 'side', {_side_of(source)})", "''"),
    )
    return f"if({failure}_end = {FAILED}, {why}, '')"


def _side_of(source: Source) -> str:
    """SQL of an exposure's side; empty where its outcomes have none, or where itself has none."""
    forms, exposures = source.definition.forms, source.definition.monitors.exposures
    told = [sql.text(kind) for kind in source.kinds if forms[str(exposures[kind].outcomes.form)].field_with("side")]
    return f"if(kind IN ({', '.join(told)}), toString(side), '')" if told else "''"


def _of_kind(journeys: Journeys, source: Source, kind: str, reason: str, failure: Failure) -> str:
    """Each outcome that may be such a failure, by a number made of all that tells which, with its reason."""
    definition = source.definition
    exposure = definition.monitors.exposures[kind]
    form = str(exposure.outcomes.form)
    rule = definition.journey.attributions.get(form) if exposure.outcomes.attributed else None
    names = "''" if rule is None or rule.reference is None else f"ifNull({column(OTHER, rule.reference)}, '')"
    field = definition.forms[form].field_with("side")
    side = "''"
    if field is not None and definition.forms[exposure.form].field_with("side") is not None:
        side = text_of(Value(column(OTHER, field.name), field.kind))
    such = [journeys.condition(one, form, OTHER) for one in _conditions(exposure, failure)]
    return (
        f"SELECT if({names} != '', sipHash64({sql.text(kind)}, _patient, _day, 'of', {names}), "
        f"sipHash64({sql.text(kind)}, _patient, _day, 'side', {side})) AS outcome, "
        f"argMin(ifNull({column(OTHER, reason)}, ''), (_recorded, _id)) AS why\n"
        f"FROM {journeys.living(form)} AS {OTHER}\n"
        f"WHERE {journeys.condition(exposure.outcomes.where, form, OTHER)} AND {disjunction(such)}\nGROUP BY outcome"
    )


def _conditions(exposure: Exposure, failure: Failure) -> Sequence[Condition | None]:
    """Of what one must hold so that an outcome is such a failure."""
    if failure == "specific":
        return [exposure.specific]
    if failure == "revision":
        return [end.where for end in exposure.ends if end.form == exposure.outcomes.form]
    return [None]
