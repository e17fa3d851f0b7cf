"""Monitors as monitors.yaml declares them, made ready."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from schemas.definition.folder import load_registries
from streams.surveillance.bins import Change, Exposure
from streams.surveillance.declared import Watched, watched_by
from streams.surveillance.expected import Baseline
from streams.surveillance.levels import Levels
from tests.derived_support import MONITORS, derived_registry

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from schemas.definition.registry import RegistryDefinition

WATCHED = {"exposures": "cup", "rates": [1.0]}


@pytest.fixture
def declare(tmp_path: Path) -> Any:
    numbers = iter(range(100))

    def loaded(exposures: dict[str, Any] | None = None, **monitors: Any) -> RegistryDefinition:
        content = yaml.safe_load(MONITORS)
        content["exposures"]["cup"] |= {"specific": {"unit": "U1"}} | (exposures or {})
        content["monitors"] = monitors
        return derived_registry(tmp_path / str(next(numbers)), monitors=yaml.safe_dump(content))

    return loaded


def only(definition: RegistryDefinition) -> Watched:
    (watched,) = watched_by(definition).values()
    return watched


def test_everything_declared_is_in_it(declare: Any) -> None:
    written = {
        **WATCHED, "outcome": "specific", "baseline": "flat", "rates": [2.0], "left_out": ["CUP9"], "planned": 7.0,
        "thresholds": {"per_year": [0.0, 1.0], "watch": [3.0, 4.0], "alarm": [5.0, 6.0]}, "unit_shape": 2.5,
    }  # fmt: skip
    found = watched_by(declare(a_cup=written, other=WATCHED))
    assert [*found] == ["a_cup", "other"]
    one = found["a_cup"]
    assert (one.exposures, one.specific, set(one.deaths), set(one.left_out)) == ("cup", True, {"death"}, {"CUP9"})
    assert one.monitor.group == "a_cup"
    assert one.monitor.baseline == Baseline("flat", (2.0,))
    assert one.monitor.levels == Levels((0.0, 1.0), (3.0, 4.0), (5.0, 6.0), 7.0)
    assert one.monitor.unit_shape == 2.5
    plain = found["other"]
    assert (plain.specific, plain.left_out, plain.monitor.unit_shape) == (False, frozenset(), None)
    assert plain.monitor.baseline == Baseline("contemporary", (1.0,))


def test_a_registry_without_monitors_watches_nothing(declare: Any) -> None:
    assert watched_by(declare()) == {}


def test_the_hip_register_watches_cups_stems_heads_and_constructs_by_their_own_outcomes() -> None:
    found = watched_by(load_registries()["hip"])
    assert {name: (one.exposures, one.specific, set(one.deaths)) for name, one in found.items()} == {
        name: (name, True, {"death"}) for name in ("cup", "stem", "head", "construct")
    }


def test_what_ends_by_death_is_called_as_the_end_is(declare: Any) -> None:
    ends = [{"form": "death", "reason": "died"}, {"form": "reoperation", "reason": "death"}]
    assert only(declare({"ends": ends}, cup=WATCHED)).deaths == {"died"}


def definition_of(definition: RegistryDefinition) -> str:
    return only(definition).monitor.definition


def test_titles_do_not_change_the_hash(declare: Any) -> None:
    renamed = {"title": {"sv": "Ledskål", "en": "Socket"}}
    first = definition_of(declare(cup=WATCHED))
    assert definition_of(declare(renamed, cup=WATCHED)) == first
    assert len(first) == 12


@pytest.mark.parametrize(
    "said",
    [
        {"thresholds": {"alarm": [6.7]}}, {"thresholds": {"watch": [4.1]}}, {"rates": [1.1]}, {"outcome": "specific"},
        {"baseline": "flat"}, {"left_out": ["CUP9"]}, {"planned": 19.0}, {"unit_shape": 3.0},
    ],
)  # fmt: skip
def test_whatever_else_is_declared_of_a_monitor_does(declare: Any, said: dict[str, Any]) -> None:
    assert definition_of(declare(cup=WATCHED | said)) != definition_of(declare(cup=WATCHED))


@pytest.mark.parametrize(
    "said",
    [
        {"by": {}}, {"product": "sex"}, {"specific": {"unit": "U2"}}, {"ends": []},
        {"outcomes": {"form": "reoperation", "where": {"unit": "U1"}}},
        {"by": {"sex": {"field": "sex"}, "title": {"field": "age", "bands": [50]}}},  # named like a key
    ],
)  # fmt: skip
def test_so_does_what_is_declared_of_its_exposures(declare: Any, said: dict[str, Any]) -> None:
    assert definition_of(declare(said, cup=WATCHED)) != definition_of(declare(cup=WATCHED))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"thresholds": {"watch": [4.0, 5.0]}}, "per_year, watch and alarm must have as many rows"),
        ({"thresholds": {"watch": [7.0]}}, "alarm must not be below watch"),
        ({"thresholds": {"watch": [float("nan")]}}, "watch must be numbers above 0"),
        ({"thresholds": {"per_year": [1.0, 0.5], "watch": [4.0, 4.0], "alarm": [6.0, 6.0]}}, "per_year must ascend"),
        ({"rates": [1.0, 2.0]}, "rates must be 1 or 23, are 2"),  # 3 of the first year, 19 more, and what is later
        ({"rates": [float("inf")]}, "rates must be numbers above 0"),
    ],
)
def test_what_cannot_be_watched_by_is_told_with_the_monitors_name(
    declare: Any, said: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=rf"^monitors\.bad: {message}"):
        watched_by(declare(good=WATCHED, bad=WATCHED | said))


def exposure() -> Exposure:
    return Exposure("A", "", "U", "left", (), 100, 200, "revision", 3, 150, specific=1, first_specific=200, unknown=1)


def test_specific_outcomes_are_seen_as_the_outcomes(declare: Any) -> None:
    change = Change("p", "r", exposure(), exposure()._replace(specific=0, first_specific=None), opted_out=False)
    every = only(declare(cup=WATCHED))
    assert every.seen(change) is change
    own = only(declare(cup=WATCHED | {"outcome": "specific"})).seen(change)
    assert own.before is not None
    assert own.after is not None
    assert (own.before.outcomes, own.before.first_outcome) == (1, 200)
    assert (own.after.outcomes, own.after.first_outcome) == (0, None)
    assert replace(every, specific=True).seen(Change("p", "r", None, None, True)) == Change("p", "r", None, None, True)
