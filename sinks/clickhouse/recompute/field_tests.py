"""What a condition asks of one field, as a SQL expression that is true or false and never null."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.recompute.fields import number

if TYPE_CHECKING:
    from schemas.definition.condition import Scalar, Test
    from sinks.clickhouse.recompute.fields import Value

_OF_ANY = {"known": ("isNotNull", "isNull"), "empty": ("empty", "notEmpty")}
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def holds(value: Value, test: Test) -> str:
    """Whether all that is asked of a value holds; null passes nothing but ``known: false``."""
    return conjunction([_asked(value, name, wanted) for name, wanted in test.asked.items()])


def conjunction(parts: list[str]) -> str:
    """All of them; true where there are none."""
    return f"({' AND '.join(parts)})" if parts else "true"


def disjunction(parts: list[str]) -> str:
    """One of them; false where there are none."""
    return f"({' OR '.join(parts)})" if parts else "false"


def never_null(expression: str) -> str:
    """The expression, false where it is null."""
    return f"ifNull({expression}, false)"


def _asked(value: Value, name: str, wanted: object) -> str:
    if name in _OF_ANY:
        if_true, if_false = _OF_ANY[name]
        return f"{if_true if wanted else if_false}({value.sql})"
    if name == "contains":
        element = "toFloat64(x)" if value.kind == "float" else "x"
        return f"arrayExists(x -> {_equals(element, wanted)}, {value.sql})"
    if name == "starts_with":
        return never_null(f"startsWith({value.sql}, {_literal(wanted)})")
    if name in _COMPARISONS:
        return never_null(f"{value.sql} {_COMPARISONS[name]} {_literal(wanted)}")
    if name == "one_of" and isinstance(wanted, tuple):
        return never_null(disjunction([_equals(value.sql, one) for one in wanted]))
    return never_null(_equals(value.sql, wanted))


def _equals(expression: str, wanted: object) -> str:
    return f"{expression} = {_literal(wanted)}"


def _literal(value: Scalar | object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number(value) if isinstance(value, int | float) else sql.text(str(value))
