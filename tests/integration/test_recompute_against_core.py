"""The decisive one: the stream's core and the SQL read every definition alike, whatever happens to journeys.

Random submissions (corrections, retractions, opt-outs and their liftings among them) go through the pure
core step by step; what leaves it is loaded as the loader does, and `verify` must find no difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.definition.folder import load_registries
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.recompute.verify import verify
from tests.random_journeys import Stream, random_rows
from tests.recompute_support import ATTRIBUTIONS, RULES, TITLE, cohort, declaring
from tests.support import bundled

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from tests.random_journeys import Row

pytestmark = pytest.mark.embedded

QUICK = settings(deadline=None, database=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
SEEDS = st.integers(0, 2**32)
CUTS = st.lists(st.integers(0, 200), max_size=2)
VISITED = {"form": "visit", "where": {"treated": True}}
REOPERATED = {"form": "reoperation", "attributed": True}
ATTRIBUTED_TO = {"form": "operation", "attributed": True}
EVERYTHING: dict[str, Any] = {
    "cohorts": {
        "operations": cohort(
            "operation",
            {
                "n": {"kind": "count", "where": {"not": {"age": {"lt": 50}}}},
                "reoperated": {"kind": "proportion", "numerator": {"followed_by": {**REOPERATED, "within_days": 90}}},
                "late": {
                    "kind": "proportion",
                    "where": {"latest": {"form": "visit", "within_days": 30, "is": {"viral_load": {"gte": 50}}}},
                    "numerator": {"not": {"followed_by": {"form": "operation", "same": ["side"], "after_days": 2}}},
                },
                "weight": {"kind": "mean", "value": "weight", "resolution": 0.1},
                "reported": {"kind": "median", "value": "days_to_report", "where": {"side": "1"}},
                "rate": {
                    "kind": "rate",
                    "event": {"form": "reoperation", "same": ["side"], "where": {"removed": {"empty": False}}},
                    "ends": [{"form": "death"}, {"field": "followed_until"}],
                },
                "rate_90d": {
                    "kind": "rate",
                    "where": {"preceded_by": {**VISITED, "within_days": 365}},
                    "event": REOPERATED,
                    "ends": [{"form": "operation", "same": ["side"]}],
                    "horizon_days": 90,
                },
            },
            period="quarter",
            by={
                "sex": {"person": "sex"},
                "born": {"person": "birth_year", "bands": [1950, 1960]},
                "age_group": {"person": "birth_year", "age": True, "bands": [61, 71]},  # of 2020 and 2021
                "weight_group": {"field": "weight", "bands": [50, 140]},
                "private": {"field": "private"},
            },
        ),
        "visits": cohort(
            "visit",
            {
                "again": {
                    "kind": "proportion",
                    "numerator": {
                        "any": [
                            {"latest": {"form": "visit", "same": ["kind"], "is": {"treated": True}}},
                            {"preceded_by": {"form": "reoperation", "that": {"preceded_by": ATTRIBUTED_TO}}},
                        ]
                    },
                }
            },
            where={"viral_load": {"known": True}},
            once_per="month",
        ),
        "chains": cohort(
            "planned",
            {
                "done": {
                    "kind": "proportion",
                    "numerator": {
                        "followed_by": {
                            "form": "performed",
                            "attributed": True,
                            "that": {"followed_by": {"form": "death", "within_days": 180}},
                        }
                    },
                }
            },
            period="year",
            once_per="year",
        ),
    },
    "lists": {
        "latest_visit": {
            "title": TITLE,
            "form": "visit",
            "once_per": "person",
            "when": {"not": {"any": [{"viral_load": {"lt": 50}}, {"followed_by": {"form": "death"}}]}},
            "show": ["viral_load", "kind", "treated", "occurred_on"],
        },
    },
    "exposures": {
        "cup": {
            "title": TITLE,
            "form": "operation",
            "product": "cup",
            "lot": "lot",
            "by": {"sex": {"person": "sex"}, "age": {"field": "age"}, "reached": {"person": "birth_year", "age": True}},
            "ends": [
                {**REOPERATED, "where": {"removed": {"contains": "1"}}, "reason": "revision"},
                {"form": "death", "reason": "death"},
                {"field": "followed_until", "reason": "left"},
            ],
            "outcomes": REOPERATED,
        },
        "same_form": {
            "title": TITLE,
            "form": "operation",
            "where": {"age": {"gte": 50}},
            "once_per": "year",
            "product": "cup",
            "ends": [{"form": "operation", "same": ["side"], "reason": "exchange"}],
            "outcomes": {"form": "reoperation", "same": ["side"]},
        },
    },
    "rules": {**RULES, "attributions": {**ATTRIBUTIONS, "performed": {"to": "planned", "reference": "planned_id"}}},
}


def agree(client: Client, stream: Stream, rows: list[Row], cuts: list[int]) -> int:
    """Submit in a few steps; then the core's values are those that the SQL finds. How many there are."""
    stream.empty()
    for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        stream.submit(rows[start:stop])
    stream.load()
    verdict = verify(client, stream.definition, stream.definition.generation, patience_s=0)
    assert {one.table: one.shown for one in verdict.compared if one.different} == {}
    return sum(one.rows for one in verdict.compared)


@pytest.fixture(scope="module")
def everything(client: Client, small: RegistryDefinition) -> Stream:
    definition = declaring(small, **EVERYTHING)
    return Stream(client, definition)


@settings(QUICK, max_examples=8)
@given(seed=SEEDS, cuts=CUTS)
def test_every_construct_is_read_alike(client: Client, everything: Stream, seed: int, cuts: list[int]) -> None:
    assert agree(client, everything, random_rows(everything.definition, seed, 200), sorted(cuts))


@pytest.fixture(scope="module", params=sorted(load_registries()))
def bundled_registry(request: pytest.FixtureRequest, client: Client) -> Stream:
    definition = bundled(request.param)
    apply(client, {definition.name: definition})
    return Stream(client, definition)


@settings(QUICK, max_examples=2)
@given(seed=SEEDS, cuts=CUTS)
def test_the_bundled_registries_are_read_alike(
    client: Client, bundled_registry: Stream, seed: int, cuts: list[int]
) -> None:
    assert agree(client, bundled_registry, random_rows(bundled_registry.definition, seed, 200), sorted(cuts))
