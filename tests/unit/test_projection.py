"""What a company is told of a signal: what is allowed, whatever a signal holds; who is told, and of which hospitals."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest

from schemas.definition.folder import load_registries
from sinks.clickhouse.queries.company_database.entitled import Entitled, entitle
from sinks.clickhouse.queries.reviews import Answer, Decision
from sinks.clickhouse.queries.signals import StatedSignal
from sinks.portal.projection import ToldMonth, ToldWord, project, said_since, tells_hospitals, why_not_told

TODAY = date(2024, 6, 1)
SECRET = "U07 registration-4711"
ODD_DAY = date(2024, 3, 17)
NUMBER = 987_654_321

ALLOWED = {
    "registry", "id", "monitor", "definition", "product", "name", "state", "level", "why", "others_not_compared",
    "levels", "levels.level", "levels.month", "levels.observed", "levels.expected", "levels.statistic",
    "levels.threshold",
    "path", "path.month", "path.observed", "path.expected", "path.statistic", "path.rate", "path.lower", "path.upper",
    "methods", "methods.name", "methods.reached", "methods.month",
    "lots", "lots.lot", "lots.put_in", "lots.observed", "lots.expected",
    "hospitals",
}  # fmt: skip


def filled(kind: Any) -> Any:
    """A value of an Avro type with every field filled by what must not be told."""
    if isinstance(kind, list):
        return filled(next(one for one in kind if one != "null"))
    if isinstance(kind, dict):
        if kind.get("logicalType") == "date":
            return ODD_DAY
        if kind["type"] == "array":
            return [filled(kind["items"])]
        if kind["type"] == "record":
            return {field["name"]: filled(field["type"]) for field in kind["fields"]}
        return filled(kind["type"])
    return {"string": SECRET, "boolean": True, "double": float(NUMBER)}.get(kind, NUMBER)


def signal(**said: Any) -> StatedSignal:
    """An alarm about Inter-op with every field filled that the event has."""
    avro = json.loads((files("schemas") / "events" / "signal.avsc").read_text(encoding="utf-8"))
    held = {field["name"]: filled(field["type"]) for field in avro["fields"]}
    names = set(StatedSignal.__dataclass_fields__)
    told = {
        "id": "cup/INTEROP/0", "monitor": "cup", "group": "cup", "definition": "d" * 12, "product": "INTEROP",
        "state": "raised", "level": "alarm", "cause": "product", "of": "product", "products": [], "lot": "", "unit": "",
    }  # fmt: skip
    assert names <= held.keys()
    return StatedSignal(**{name: held[name] for name in names} | told | said)


@pytest.fixture(scope="module")
def sundmark() -> Entitled:
    return entitle(load_registries()["hip"], "Sundmark Orthopaedics", TODAY)


def paths(node: Any, before: str = "") -> set[str]:
    """Every key, at any depth."""
    if isinstance(node, dict):
        here = {f"{before}{key}" for key in node}
        return here.union(*(paths(value, f"{before}{key}.") for key, value in node.items()))
    return set().union(*(paths(one, before) for one in node)) if isinstance(node, list) else set()


def test_of_a_signal_with_every_field_filled_only_what_is_allowed_is_told(sundmark: Entitled) -> None:
    told = project(signal(), sundmark, others_not_compared=None, lots={SECRET}, hospitals=["U07", "U01"])
    assert told is not None
    assert paths(told.as_json()) == ALLOWED


def test_no_place_in_the_log_no_day_no_unit_and_no_text_of_a_correction_is_told(sundmark: Entitled) -> None:
    withdrawn = signal(state="withdrawn", methods=[], levels=[], lots=[])
    told = project(withdrawn, sundmark, others_not_compared=None, lots={SECRET}, hospitals=["U07"])
    assert told is not None
    text = json.dumps(told.as_json())
    assert SECRET not in text
    assert "U07" not in text
    assert not re.search(r"\d{4}-\d{2}-\d{2}", json.dumps(project_all(sundmark)))
    assert told.why == "what is registered of the product was corrected"
    assert told.hospitals is None


def project_all(entitled: Entitled) -> dict[str, Any]:
    told = project(signal(), entitled, others_not_compared=None, lots={SECRET}, hospitals=["U07"])
    assert told is not None
    return told.as_json()


def test_a_path_is_told_by_month_as_it_stood_at_the_end_of_each(sundmark: Entitled) -> None:
    def point(day: date, observed: int) -> dict[str, Any]:
        return {"day": day, "observed": observed, "expected": 0.5, "statistic": 3.0, "rate": 9.0, "lower": 1.0,
                "upper": 20.0}  # fmt: skip

    hindsight = [point(date(2024, 5, 2), 3), point(date(2024, 3, 1), 1), point(date(2024, 3, 30), 2)]
    told = project(signal(hindsight=hindsight), sundmark, others_not_compared=None)
    assert told is not None
    assert told.path == (
        ToldMonth("2024-03", 2, 0.5, 3.0, 9.0, 1.0, 20.0),
        ToldMonth("2024-05", 3, 0.5, 3.0, 9.0, 1.0, 20.0),
    )
    hidden = project(signal(hindsight=hindsight), sundmark, others_not_compared="too few other companies have any")
    assert hidden is not None
    assert hidden.path[0] == ToldMonth("2024-03", 2, None, None, 9.0, 1.0, 20.0)
    assert {(level.expected, level.statistic) for level in hidden.levels} == {(None, None)}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, None),
        ({"cause": "unit"}, "one clinic explains it"),
        ({"product": "CUP01"}, "CUP01 is not Sundmark Orthopaedics's alone"),
        ({"product": "INTEROP + STEM26"}, None),
        ({"product": "INTEROP + STEM01"}, "is not Sundmark Orthopaedics's alone"),
    ],
)
def test_who_is_told_of_what(sundmark: Entitled, said: dict[str, str], reason: str | None) -> None:
    one = signal(**said)
    found = why_not_told(one, sundmark)
    assert found is None if reason is None else reason in str(found)
    assert (project(one, sundmark, others_not_compared=None) is None) == (reason is not None)


def test_hospitals_are_told_by_name_from_the_declared_level_on(sundmark: Entitled) -> None:
    told = project(signal(level="watch"), sundmark, others_not_compared=None, hospitals=["U02", "U01", "U01"])
    assert told is not None
    assert told.hospitals == ("Rimhulta universitetssjukhus", "Tallsele lasarett")
    for names_at, levels in ((None, []), ("watch", ["watch", "alarm"]), ("alarm", ["alarm"])):
        terms = sundmark.terms.model_copy(update={"names_of_hospitals_at": names_at})
        declared = replace(sundmark, terms=terms)
        assert [level for level in ("watch", "alarm") if tells_hospitals(signal(level=level), declared)] == levels


def test_lots_are_told_where_they_may_be_shown(sundmark: Entitled) -> None:
    lots = [{"lot": name, "exposures": 9, "observed": 1, "expected": 0.1, "component_years": 1.0, "statistic": 2.0}
            for name in ("L1", "L2", "")]  # fmt: skip
    told = project(signal(lots=lots), sundmark, others_not_compared=None, lots={"L2", ""})
    assert told is not None
    assert [one.lot for one in told.lots] == ["L2"]


def test_the_fingerprint_is_another_only_where_what_is_told_is(sundmark: Entitled) -> None:
    def fingerprint(**said: Any) -> str:
        told = project(signal(**said), sundmark, others_not_compared=None)
        assert told is not None
        return told.fingerprint

    assert fingerprint() == fingerprint(message=2, version=3, units=[], happened=[])
    assert fingerprint() != fingerprint(state="weakened")


def test_of_what_was_said_it_hears_decisions_by_their_day_alone_and_its_own_answers_in_full() -> None:
    noon = datetime(2024, 6, 1, 12, tzinfo=UTC)
    decided = Decision(SECRET, "cup/INTEROP/0", "cup", "INTEROP", "closed", SECRET, SECRET, SECRET, noon)
    own, other = (
        Answer("id", "cup/INTEROP/0", company, "stated", text, "", who, noon - timedelta(days=1))
        for company, text, who in (("sundmark", "One lot.", "Siri"), ("nordfalk", SECRET, SECRET))
    )
    said = said_since([decided], [other, own], "sundmark")
    assert said == (ToldWord("2024-05-31", "stated", "Siri", "One lot."), ToldWord("2024-06-01", "closed"))
    assert SECRET not in repr(said)
