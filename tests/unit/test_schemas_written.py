"""Conditions as they are shown: what stands there means the same when it is read."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from schemas.definition.condition import parse
from schemas.definition.folder import load_registries
from schemas.definition.indicators import Breakdown, End, Following
from schemas.definition.monitors import ExposureEnd
from schemas.definition.written import as_yaml, breakdown_written, following_written, in_one_line

CONDITIONS: list[dict[str, Any]] = [
    {"fixation": "cemented"},
    {"fixation": ["cemented", "hybrid"]},
    {"systolic": {"gt": 150, "lte": 300.5}},
    {"stopped": False},
    {"number": 0},
    {"number": {"gte": 0}},
    {"kind": {"in": ["a", "b"], "starts_with": "a"}},
    {"parts": {"contains": "cup"}},
    {"parts": {"empty": False}},
    {"bmi": {"known": False}},
    {"a": 1, "not": {"b": "yes"}},
    {"all": [{"a": 1}, {"a": {"lt": 3}}]},
    {"any": [{"a": 1}, {"all": [{"b": 2}, {"c": 3}]}, {"all": [{"a": 1}]}]},
    {"not": {"any": [{"a": 1}, {"not": {"b": 1}}]}},
    {"followed_by": {"form": "visit"}},
    {"followed_by": {"form": "visit", "within_days": 0, "after_days": 0, "same": ["side"], "attributed": True}},
    {"preceded_by": {"form": "visit", "where": {"a": 1}, "that": {"followed_by": {"form": "death"}}}},
    {"latest": {"form": "visit", "where": {"a": {"known": True}}, "within_days": 365, "is": {"a": {"lt": 50}}}},
    {"all": [{"followed_by": {"form": "a"}}, {"followed_by": {"form": "b"}}, {"x": 1}]},
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_a_condition_reads_back_as_itself(condition: dict[str, Any]) -> None:
    parsed = parse(condition)
    text = as_yaml(parsed)  # type: ignore[arg-type]  # parse gives models as objects
    assert "\n" not in text
    assert parse(yaml.safe_load(text)) == parsed


def test_every_condition_of_the_bundled_registries_reads_back_as_itself() -> None:
    seen = 0
    for definition in load_registries().values():
        cohorts, lists = definition.indicators.cohorts.values(), definition.indicators.lists.values()
        indicators = [indicator for cohort in cohorts for indicator in cohort.indicators.values()]
        parts = (*cohorts, *indicators, *lists)
        for condition in (getattr(part, key, None) for part in parts for key in ("where", "numerator", "when")):
            if condition is not None:
                seen += 1
                assert parse(yaml.safe_load(as_yaml(condition))) == condition
    assert seen > 30


def test_it_is_written_as_one_would() -> None:
    assert as_yaml(parse({"viral_load": {"lt": 50}, "treated": True})) == "{viral_load: {lt: 50}, treated: true}"  # type: ignore[arg-type]
    assert in_one_line("Västerhed") == "Västerhed"
    assert breakdown_written(Breakdown(field="age", bands=(0, 65))) == {"field": "age", "bands": [0, 65]}
    assert breakdown_written(Breakdown(person="sex")) == {"person": "sex"}
    assert in_one_line(breakdown_written(Breakdown(person="born", age=True, bands=(45, 65)))) == (
        "{person: born, age: true, bands: [45, 65]}"
    )
    following = Following.model_validate({"form": "event", "where": {"event": "stroke"}, "attributed": True})
    assert following_written(following) == {"form": "event", "where": {"event": "stroke"}, "attributed": True}
    assert following_written(End(field="until")) == {"field": "until"}
    assert following_written(ExposureEnd(form="death", reason="dead")) == {"form": "death", "reason": "dead"}
