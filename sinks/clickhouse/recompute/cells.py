"""A cohort's cells, computed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.definition.indicators import End
from sinks.clickhouse import sql
from sinks.clickhouse.recompute.field_tests import conjunction
from sinks.clickhouse.recompute.fields import Value, age_of, label, multiples, period_of, recorded_day, role_text, texts
from sinks.clickhouse.recompute.journeys import ANCHOR, NEVER, Journeys
from sinks.clickhouse.recompute.statement import KEY, column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.definition.indicators import Breakdown, Cohort, Following, Indicator, Rate
    from schemas.definition.registry import RegistryDefinition


class Joined:
    """The anchors as the rows of a query, with what is joined to each."""

    def __init__(self, journeys: Journeys, form: str, anchors: str) -> None:
        self.journeys = journeys
        self.form = form
        self.anchors = anchors
        self._joins: list[str] = []

    @property
    def source(self) -> str:
        """FROM and its joins."""
        return "\n".join([f"FROM {self.anchors} AS {ANCHOR}", *self._joins])

    def labels(self, by: Mapping[str, Breakdown]) -> str:
        """The array of what the breakdowns say, in the order declared."""
        return texts([self._label(breakdown) for breakdown in by.values()])

    def first_day(self, end: Following | End) -> str:
        """The first day that something follows, or a date field has, on the anchor's day or later; else NEVER."""
        return self.first_found(end)[0]

    def first_found(self, end: Following | End) -> tuple[str, str]:
        """That day, and the day on which it was recorded; what the latter is where nothing is found does not matter."""
        if isinstance(end, End) and end.field is not None:
            date = f"toInt32({self.journeys.value(self.form, end.field).sql})"
            day = f"assumeNotNull({date}) + {end.plus_days}"
            return f"if(ifNull({date} >= {ANCHOR}._day, false), {day}, {NEVER})", recorded_day(ANCHOR)
        alias = self.join_by_key(self.journeys.first_days(self.anchors, self.form, end))
        return f"if({alias}._found, {alias}._first, {NEVER})", recorded_day(alias, "_first_recorded")

    def join_by_key(self, subquery: str) -> str:
        """Join a subquery that has at most one row for each anchor; its alias."""
        return self._join(subquery, KEY)

    def _label(self, breakdown: Breakdown) -> str:
        if breakdown.person is None:
            value = self.journeys.value(self.form, str(breakdown.field))
        else:
            said = f"{self._join(self.journeys.person_label(breakdown), ('_patient',))}._label"
            if not breakdown.age:
                return said
            value = Value(f"toInt32OrNull({said})", "int")
        return label(age_of(value, f"{ANCHOR}._day") if breakdown.age else value, breakdown)

    def _join(self, subquery: str, columns: Sequence[str]) -> str:
        alias = f"_joined_{len(self._joins) + 1}"
        on = " AND ".join(f"{column(alias, name)} = {column(ANCHOR, name)}" for name in columns)
        self._joins.append(f"LEFT JOIN {subquery} AS {alias} ON {on}")
        return alias


class _Share(NamedTuple):
    """What an anchor adds to its cohort: numbers of the vector; for some, to a cell by bucket: (how many, which)."""

    numbers: list[str]
    bucket: tuple[str, str] | None = None


def cells_query(definition: RegistryDefinition, name: str) -> str:
    """The cells of a cohort as the table ``cells`` has them, without generation and version; no empty ones."""
    cohort = definition.indicators.cohorts[name]
    journeys = Journeys(definition)
    joined = Joined(journeys, cohort.form, journeys.anchors(cohort))
    emitted = _emitted(joined, cohort)
    shares = journeys.statement.subquery(
        "shares",
        f"SELECT {role_text(definition, cohort.form, 'unit', ANCHOR)} AS _unit, "
        f"{period_of(f'{ANCHOR}._day', cohort.period)} AS _period, {joined.labels(cohort.by)} AS _by, "
        f"{ANCHOR}._partition AS _partition, arrayJoin({emitted}) AS _share\n{joined.source}",
    )
    return journeys.statement.finish(
        f"SELECT {sql.text(name)} AS cohort, _unit AS unit, _period AS period, _by AS `by`, "
        "_share.1 AS indicator, _share.2 AS bucket, _partition AS partition, sumForEach(_share.3) AS values\n"
        f"FROM {shares}\n"
        "GROUP BY unit, period, `by`, indicator, bucket, partition\n"
        "HAVING arrayExists(number -> number != 0, values)"
    )


def _emitted(joined: Joined, cohort: Cohort) -> str:
    """An anchor's shares as an array of (indicator, bucket, numbers)."""
    vector: list[str] = []
    buckets: list[str] = []
    for name, indicator in cohort.indicators.items():
        share = _share_of(joined, indicator)
        vector += share.numbers
        if share.bucket is not None:
            count, bucket = share.bucket
            buckets.append(f"({sql.text(name)}, toInt32({bucket}), [toInt64({count})])")
    numbers = ", ".join(f"toInt64({one})" for one in vector)
    shares = [f"('', toInt32(0), [{numbers}])", *buckets]
    return f"[{', '.join(shares)}]"


def _share_of(joined: Joined, indicator: Indicator) -> _Share:
    journeys, form = joined.journeys, joined.form
    counted = journeys.condition(indicator.where, form)
    if indicator.kind == "count":
        return _Share([counted])
    if indicator.kind == "proportion":
        return _Share([counted, conjunction([counted, journeys.condition(indicator.numerator, form)])])
    if indicator.kind == "rate":
        return _rate_share(joined, indicator, counted)
    value = journeys.value(form, indicator.value)
    known = conjunction([counted, f"isNotNull({value.sql})"])
    multiple = multiples(value, indicator.resolution)
    if indicator.kind == "median":
        return _Share([known], (known, multiple))
    return _Share([known, f"{known} * {multiple}", f"{known} * {multiple} * {multiple}"])


def _rate_share(joined: Joined, rate: Rate, counted: str) -> _Share:
    event = joined.first_day(rate.event)
    others = [joined.first_day(end) for end in rate.ends]
    other_end = f"least({', '.join(others)})" if len(others) > 1 else "".join(others) or str(NEVER)
    end = f"least({event}, {other_end})"
    start = f"{ANCHOR}._day"
    is_open = conjunction([counted, f"{end} = {NEVER}"])
    closed = conjunction([counted, f"{end} < {NEVER}"])
    in_time = [counted, f"{event} < {NEVER}", f"{event} <= {other_end}"]
    if rate.horizon_days is None:
        days = f"{closed} * ({end} - {start})"
        return _Share([counted, conjunction(in_time), days, is_open, f"{is_open} * {start}"])
    in_time.append(f"{event} - {start} <= {rate.horizon_days}")
    days = f"{closed} * least({end} - {start}, {rate.horizon_days})"
    return _Share([counted, conjunction(in_time), days, "0", "0"], (is_open, start))
