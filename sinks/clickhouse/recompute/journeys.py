"""What is asked of registrations within their journeys, as named subqueries of one statement.

Registrations of one person meet by joining on the patient; which pairs count is then a matter of WHERE.
So every condition that looks at other registrations (`followed_by`, `preceded_by`, `latest`) becomes a
subquery: the keys of the registrations for which it holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.condition import All, AnyOf, FieldTest, Latest, Not, Related
from sinks.clickhouse import sql
from sinks.clickhouse.recompute.field_tests import conjunction, disjunction, holds, never_null
from sinks.clickhouse.recompute.fields import field_value, label, period_of, sources, text_of
from sinks.clickhouse.recompute.statement import KEY, Statement, column, is_among

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.definition.condition import Condition
    from schemas.definition.indicators import Anchors, Breakdown, End, Following
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.recompute.fields import Value

ANCHOR = "_anchor"
OTHER = "_other"
"""What registrations are called in queries: as no field can be called, for ``a.b`` may mean a part of a field ``a``."""

NEVER = 1 << 30
"""A day that does not come (days since 1970)."""

_KEY = ", ".join(KEY)
_ANCHOR_KEY = ", ".join(column(ANCHOR, name) for name in KEY)


class Journeys:
    """Writes the subqueries of one statement over a registry's living registrations.

    Attributes:
        definition: the registry as declared.
        statement: the statement that the subqueries stand in.
    """

    def __init__(self, definition: RegistryDefinition) -> None:
        self.definition = definition
        self.statement = Statement()

    def value(self, form: str, field: str, alias: str = ANCHOR) -> Value:
        """A field or derived value of the registration that an alias stands for."""
        return field_value(self.definition, form, field, alias)

    def living(self, form: str) -> str:
        """All living registrations of a form."""
        declared = self.definition.forms[form]
        patient, registration_id, day, recorded = (
            sql.identifier(declared.name_of(role))
            for role in ("patient", "registration_id", "occurred_on", "recorded_at")
        )
        fields = ", ".join(sql.identifier(field.name) for field in declared.fields)
        return self.statement.subquery(
            f"living_{form}",
            f"SELECT {patient} AS _patient, {registration_id} AS _id, toInt32({day}) AS _day, "
            f"{recorded} AS _recorded, {_KEY}, {fields}\n"
            f"FROM {sql.table(sql.database_of(self.definition.name), form)}",
        )

    def anchors(self, anchors: Anchors) -> str:
        """The registrations that are looked at."""
        query = (
            f"SELECT *\nFROM {self.living(anchors.form)} AS {ANCHOR}\n"
            f"WHERE {self.condition(anchors.where, anchors.form)}"
        )
        if anchors.once_per is not None:
            period = "" if anchors.once_per == "person" else f", {period_of('_day', anchors.once_per)}"
            query += f"\nORDER BY _day DESC, _recorded DESC, _id DESC\nLIMIT 1 BY _patient{period}"
        return self.statement.subquery("anchors", query)

    def condition(self, condition: Condition | None, form: str, alias: str = ANCHOR) -> str:
        """Whether a condition holds for the registration (of ``form``) that an alias stands for; never null."""
        match condition:
            case None:
                return "true"
            case FieldTest(field=field, test=test):
                return holds(self.value(form, field, alias), test)
            case All(parts=parts) | AnyOf(parts=parts):
                together = conjunction if isinstance(condition, All) else disjunction
                return together([self.condition(part, form, alias) for part in parts])
            case Not(part=part):
                return f"(NOT {self.condition(part, form, alias)})"
            case Related():
                return is_among(alias, self._related(condition, form))
            case Latest():
                return is_among(alias, self._latest(condition, form))

    def attributed(self, outcome: str) -> str:
        """Which registration each outcome belongs to: its key, and the version of the other as ``_target``."""
        rule = self.definition.journey.attributions[outcome]
        outcomes = self._others(outcome, "true", [*rule.same, *([] if rule.reference is None else [rule.reference])])
        fits = [f"{ANCHOR}._day <= {OTHER}._day", *self._equal(rule.same, rule.to, outcome)]
        if rule.reference is not None:
            # at most one has the id that is named; where none is named, all that fit are candidates
            fits.append(f"ifNull({ANCHOR}._id = {self.value(outcome, rule.reference, OTHER).sql}, true)")
        return self.statement.subquery(
            f"attributed_{outcome}",
            f"SELECT {', '.join(f'{column(OTHER, name)} AS {name}' for name in KEY)}, "
            f"argMax({ANCHOR}._version, {_order(ANCHOR)}) AS _target\n"
            f"{self._pairs(self.living(rule.to), outcomes, fits)}\n"
            f"GROUP BY {', '.join(column(OTHER, name) for name in KEY)}",
        )

    def first_days(self, anchors: str, form: str, following: Following | End) -> str:
        """The first of what follows each anchor of ``form``, by the anchor's key: its day, when it was recorded.

        Of several on that day (``_first``), the earliest recorded counts (``_first_recorded``).
        """
        return self.statement.subquery(
            "first_days",
            f"SELECT {_ANCHOR_KEY}, min({OTHER}._day) AS _first, "
            f"argMin({OTHER}._recorded, ({OTHER}._day, {OTHER}._recorded)) AS _first_recorded, true AS _found\n"
            f"{self.followings(anchors, form, following)}\nGROUP BY {_ANCHOR_KEY}",
        )

    def followings(
        self, anchors: str, form: str, following: Following | End, more: Sequence[str] = (), told: Sequence[str] = ()
    ) -> str:
        """FROM and WHERE of all pairs of an anchor and what follows it, of which ``told`` are columns more."""
        return self._related_pairs(
            anchors,
            form,
            Related(
                kind="followed_by",
                form=str(following.form),
                where=following.where,
                same=following.same,
                attributed=following.attributed,
            ),
            more,
            told,
        )

    def person_label(self, breakdown: Breakdown) -> str:
        """What a breakdown by a person's fact says of each person (``_patient``, ``_label``).

        Of an age it is the year of birth: which age that is, is a matter of the registration's day.
        """
        fact = self.definition.journey.persons[str(breakdown.person)]
        value = self.value(fact.form, fact.field, OTHER)
        said = text_of(value) if breakdown.age else label(value, breakdown)
        return self.statement.subquery(
            f"person_{breakdown.person}",
            f"SELECT _patient, argMax(toString({said}), {_order(OTHER)}) AS _label\n"
            f"FROM {self.living(fact.form)} AS {OTHER}\nGROUP BY _patient",
        )

    def _related(self, condition: Related, form: str) -> str:
        return self.statement.subquery(
            condition.kind,
            f"SELECT {_ANCHOR_KEY}\n{self._related_pairs(self.living(form), form, condition)}",
        )

    def _latest(self, condition: Latest, form: str) -> str:
        where = self.condition(condition.where, condition.form, OTHER)
        goal = self.condition(condition.holds, condition.form, OTHER)
        others = self._others(condition.form, where, condition.same, [f"{goal} AS _goal"])
        pairs = [
            *_in_order(earlier=OTHER, later=ANCHOR, strictly=form == condition.form),
            *_apart(earlier=OTHER, later=ANCHOR, within=condition.within_days, after=None),
            *self._equal(condition.same, form, condition.form),
        ]
        return self.statement.subquery(
            "latest",
            f"SELECT {_ANCHOR_KEY}\n{self._pairs(self.living(form), others, pairs)}\nGROUP BY {_ANCHOR_KEY}\n"
            f"HAVING argMax({OTHER}._goal, {_order(OTHER)})",
        )

    def _related_pairs(
        self, anchors: str, form: str, condition: Related, more: Sequence[str] = (), told: Sequence[str] = ()
    ) -> str:
        wanted = conjunction(
            [
                self.condition(part, condition.form, OTHER)
                for part in (condition.where, condition.that)
                if part is not None
            ]
        )
        later = condition.kind == "followed_by"
        first, last = (ANCHOR, OTHER) if later else (OTHER, ANCHOR)
        pairs = [
            *_in_order(earlier=first, later=last, strictly=form == condition.form),
            *_apart(earlier=first, later=last, within=condition.within_days, after=condition.after_days),
            *self._equal(condition.same, form, condition.form),
            *more,
        ]
        if condition.attributed:
            attributed = self.attributed(condition.form if later else form)
            pairs.append(f"{_with_target(last, first)} IN (SELECT {_KEY}, _target FROM {attributed})")
        return self._pairs(anchors, self._others(condition.form, wanted, condition.same, told), pairs)

    def _others(self, form: str, where: str, fields: Sequence[str], told: Sequence[str] = ()) -> str:
        """The other registrations, with no more columns than pairs are judged by: the join keeps them in memory."""
        kept = dict.fromkeys([*sources(self.definition, form, fields)])
        columns = [f"{OTHER}.{name}" for name in ("_patient", "_id", "_day", "_recorded", *KEY)]
        columns += [column(OTHER, name) for name in kept]
        return f"SELECT {', '.join([*columns, *told])} FROM {self.living(form)} AS {OTHER} WHERE {where}"

    def _pairs(self, anchors: str, others: str, pairs: Sequence[str]) -> str:
        return (
            f"FROM {anchors} AS {ANCHOR}\nINNER JOIN ({others}) AS {OTHER} ON {ANCHOR}._patient = {OTHER}._patient\n"
            f"WHERE {conjunction(list(pairs))}"
        )

    def _equal(self, same: Sequence[str], anchor_form: str, other_form: str) -> Iterator[str]:
        for field in same:
            one, other = self.value(anchor_form, field, ANCHOR), self.value(other_form, field, OTHER)
            yield never_null(f"{one.sql} = {other.sql}")


def _order(alias: str) -> str:
    """What registrations of one form are in the order of: by content, so that one sent twice does not change places."""
    return f"({alias}._day, {alias}._recorded, {alias}._id)"


def _in_order(*, earlier: str, later: str, strictly: bool) -> Iterator[str]:
    """A registration does not follow itself; of another form it may do so on the same day."""
    if strictly:
        yield f"{_order(earlier)} < {_order(later)}"
    else:
        yield f"{earlier}._day <= {later}._day"


def _apart(*, earlier: str, later: str, within: int | None, after: int | None) -> Iterator[str]:
    if within is not None:
        yield f"{later}._day - {earlier}._day <= {within}"
    if after is not None:
        yield f"{later}._day - {earlier}._day >= {after}"


def _with_target(outcome: str, target: str) -> str:
    return f"({', '.join([*(column(outcome, name) for name in KEY), f'{target}._version'])})"
