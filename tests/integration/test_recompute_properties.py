"""What SQL says of random conditions on random rows is what Python says of them, nulls and all."""

from __future__ import annotations

import operator
from decimal import Decimal
from math import floor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.definition.condition import parse
from sinks.clickhouse.recompute.fields import multiples, text_of
from sinks.clickhouse.recompute.journeys import ANCHOR, Journeys
from tests.recompute_support import DAY_0, DAY_MS, World, declaring

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
WORDS = st.sampled_from(["", "a", "ab", "b", "å", "'", "\\", "\\'", "a\0b", "%", "`", "null"]) | st.text(max_size=3)
INTS = st.integers(-3, 3) | st.sampled_from([-(2**31), 2**31 - 1])
LONGS = st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1, 2**53, 2**53 + 1])
DOUBLES = st.sampled_from([0.0, -0.0, 0.1, 0.3, 0.1 + 0.2, 1e300, 5e-324]) | st.floats(
    allow_nan=False, allow_infinity=False
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.sampled_from([0.5, 0.10000000149011612])
FIELDS = {"side": WORDS, "age": INTS, "counted": LONGS, "weight": DOUBLES, "height": FLOATS, "private": st.booleans()}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le,
}  # fmt: skip

TESTS: dict[str, Callable[[Any, Any], Any]] = {
    **COMPARE,
    "eq": operator.eq,
    "in": lambda value, wanted: any(value == one for one in wanted),
    "starts_with": lambda value, wanted: value.startswith(wanted),
    "contains": operator.contains,
    "empty": lambda value, wanted: (len(value) == 0) == wanted,
}


@pytest.fixture(scope="module")
def world(client: Client, small: RegistryDefinition) -> World:
    return World(client, declaring(small))


def asked_of(field: str) -> st.SearchStrategy[dict[str, Any]]:
    """What may be asked of a field."""
    values = FIELDS.get(field, st.integers(-2, 2))  # of days, where it is no field
    if field == "marks":
        return st.fixed_dictionaries({"contains": WORDS}) | st.fixed_dictionaries({"empty": st.booleans()})
    numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3).map(float) | DOUBLES
    tests: dict[str, st.SearchStrategy[Any]] = {"eq": values, "in": st.lists(values, min_size=1, max_size=3)}
    if field == "side":
        tests["starts_with"] = WORDS
    elif field != "private":
        tests |= dict.fromkeys(COMPARE, numbers | values.map(_as_double))
        tests["eq"] |= numbers
    several = st.fixed_dictionaries({}, optional=tests).filter(bool)
    return several | st.fixed_dictionaries({"known": st.booleans()})


FIELD_TESTS = st.sampled_from([*FIELDS, "marks", "days_to_report"]).flatmap(
    lambda field: asked_of(field).map(lambda asked: {field: asked})
)
CONDITIONS = st.recursive(
    FIELD_TESTS,
    lambda inner: (
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda part: {"not": part}, inner)
    ),
    max_leaves=5,
)
ROWS = st.fixed_dictionaries(
    {
        **{field: st.none() | values for field, values in FIELDS.items()},
        "marks": st.lists(WORDS, max_size=2),
        "reported_at": st.none() | st.integers((DAY_0 - 2) * DAY_MS, (DAY_0 + 3) * DAY_MS),
    }
)


def _as_double(value: Any) -> float:
    return float(value)


def plain(value: float) -> str:
    """Python's shortest digits, spelt out."""
    return format(Decimal(repr(value)), "f").removesuffix(".0")


def passes(row: dict[str, Any], condition: dict[str, Any]) -> bool:
    """Whether a condition holds, straight from the definition's own words."""
    ((key, asked),) = condition.items()
    if key == "all":
        return all(passes(row, part) for part in asked)
    if key == "any":
        return any(passes(row, part) for part in asked)
    if key == "not":
        return not passes(row, asked)
    value = row[key]
    return all(_passes_one(value, name, wanted) for name, wanted in asked.items())


def _passes_one(value: Any, name: str, wanted: Any) -> bool:
    if name == "known":
        return (value is not None) is bool(wanted)
    return value is not None and bool(TESTS[name](value, wanted))


@settings(QUICK, max_examples=60)
@given(rows=st.lists(ROWS, min_size=1, max_size=6), conditions=st.lists(CONDITIONS, min_size=1, max_size=6))
def test_conditions_on_fields(world: World, rows: list[dict[str, Any]], conditions: list[dict[str, Any]]) -> None:
    world.empty("operation")
    ids = [world.add("operation", 1, 0, **row) for row in rows]
    world.load()
    journeys = Journeys(world.definition)
    living = journeys.living("operation")
    said = [journeys.condition(parse(condition), "operation") for condition in conditions]  # type: ignore[arg-type]
    types = " + ".join(f"startsWith(toTypeName({one}), 'Nullable')" for one in said)
    found = world.client.rows(
        journeys.statement.finish(
            f"SELECT {ANCHOR}._id, [{', '.join(f'toBool({one})' for one in said)}], {types} FROM {living} AS {ANCHOR}"
        )
    )
    by_id = {one: truths for one, truths, _ in found}
    for one, row in zip(ids, rows, strict=True):
        days = None if row["reported_at"] is None else row["reported_at"] // DAY_MS - DAY_0
        expected = [passes({**row, "days_to_report": days}, condition) for condition in conditions]
        assert list(by_id[one]) == expected
    assert {nullable for *_, nullable in found} == {0}


@settings(QUICK, max_examples=40)
@given(values=st.lists(st.none() | DOUBLES | st.floats(1e-5, 1e-3) | st.floats(1e14, 1e24), min_size=1, max_size=30))
def test_doubles_are_written_in_their_shortest_digits_without_exponent(
    world: World, values: list[float | None]
) -> None:
    world.empty("operation")
    ids = [world.add("operation", 1, 0, weight=value) for value in values]
    world.load()
    journeys = Journeys(world.definition)
    text = text_of(journeys.value("operation", "weight"))
    query = journeys.statement.finish(f"SELECT {ANCHOR}._id, {text} FROM {journeys.living('operation')} AS {ANCHOR}")
    found = dict(world.client.rows(query))
    assert [found[one] for one in ids] == ["" if value is None else plain(value) for value in values]


@settings(QUICK, max_examples=40)
@given(
    values=st.lists(st.floats(-1e6, 1e6) | st.integers(-300, 300).map(lambda n: n / 8), min_size=1, max_size=30),
    resolution=st.sampled_from([1.0, 0.1, 0.5, 0.25, 10.0, 3.0, 0.01]),
)
def test_multiples_are_rounded_as_python_rounds_them(world: World, values: list[float], resolution: float) -> None:
    world.empty("operation")
    ids = [world.add("operation", 1, 0, weight=value) for value in values]
    world.load()
    journeys = Journeys(world.definition)
    rounded = multiples(journeys.value("operation", "weight"), resolution)
    query = journeys.statement.finish(f"SELECT {ANCHOR}._id, {rounded} FROM {journeys.living('operation')} AS {ANCHOR}")
    found = dict(world.client.rows(query))
    assert [found[one] for one in ids] == [floor(value / resolution + 0.5) for value in values]
