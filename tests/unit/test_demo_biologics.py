"""The invented register of biological treatment: what was planned, worked out from its rows by its own declarations."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from deploy.demo.biologics import WINDOW_DAYS, BiologicsPlan, generate, read_reports
from schemas.definition.folder import load_registries
from streams.surveillance.drugs import screen
from tests.demo_support import faults, totals, worked_out

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from tests.reference_journeys import Recomputed

PLANNED = {(drug.drug, code): n for drug in read_reports() for code, n in drug.reports.items() if n}


@pytest.fixture(scope="module")
def definition() -> RegistryDefinition:
    return load_registries()["biologics"]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return generate().rows


@pytest.fixture(scope="module")
def result(definition: RegistryDefinition, rows: list[dict[str, Any]]) -> Recomputed:
    return worked_out(definition, rows)


def reported(result: Recomputed) -> Counter[tuple[str, ...]]:
    """The reports by drug, reaction, sex and age."""
    found: Counter[tuple[str, ...]] = Counter()
    for (cohort, _, _, by, indicator, _), numbers in result.cells.items():
        if cohort == "reactions" and not indicator:
            found[by] += numbers[0]
    return found


def test_the_same_plan_gives_the_same_history_and_another_seed_another() -> None:
    assert generate(BiologicsPlan()).rows == generate().rows
    assert generate(BiologicsPlan(seed=1)).rows != generate().rows


def test_every_row_keeps_the_forms_and_their_rules(definition: RegistryDefinition, rows: list[dict[str, Any]]) -> None:
    assert faults(definition, rows) == []
    registered = Counter(row["form"] for row in rows)
    assert {form: registered[form] for form in ("pregnancy", "death", "emigration", "opt_out")} == {
        "pregnancy": 8, "death": 10, "emigration": 5, "opt_out": 6,
    }  # fmt: skip
    assert {drug.drug for drug in read_reports()} == set(definition.catalogues["products"].rows)
    assert {code for _, code in PLANNED} == set(definition.catalogues["reactions"].rows)


def test_slips_are_as_planned_and_change_no_count(rows: list[dict[str, Any]], result: Recomputed) -> None:
    first: dict[str, dict[str, Any]] = {}
    seen: Counter[str] = Counter()
    for row in rows:
        if row["form"] == "adverse_reaction":
            earlier = first.setdefault(row["registration_id"], row)
            if earlier is not row:
                seen["retracted" if row["retracted"] else "twice" if row == earlier else "corrected"] += 1
            elif row["same_event_as"]:
                seen["linked"] += 1
                assert (row["reporter"], first[row["same_event_as"]]["reporter"]) == ("patient", "doctor")
    assert seen == {"linked": 25, "corrected": 12, "twice": 8, "retracted": 10}
    counted = Counter[tuple[str, str]]()
    for (drug, code, *_), number in reported(result).items():
        counted[drug, code] += number
    assert {pair: n for pair, n in counted.items() if pair[1]} == PLANNED
    assert sum(n for (_, code), n in counted.items() if not code) == 15


def test_the_reports_that_are_watched_are_those_of_the_cohort(result: Recomputed) -> None:
    watched = Counter((one.product, *one.by) for (group, _, _), one in result.exposures.items() if group == "reactions")
    assert watched == reported(result)


def test_one_pair_is_found_and_one_is_hidden_by_a_dominant_drug(result: Recomputed) -> None:
    counts = {(drug, code, tuple(stratum)): n for (drug, code, *stratum), n in reported(result).items() if code}
    found = {(one.drug, one.reaction): one for one in screen(counts).pairs}
    assert {"evans", "ic"} <= set(found["FEN", "HEP"].table.rules)
    assert found["FEN", "HEP"].table.a == 12
    hidden = found["CED", "TUB"]
    assert (hidden.table.a, hidden.leading, hidden.masked) == (6, "DOM", True)
    assert [pair for pair, one in found.items() if one.masked] == [("CED", "TUB")]


def test_the_indicators_count_what_was_planned(definition: RegistryDefinition, result: Recomputed) -> None:
    treatments = totals(definition, result, "treatments")
    assert treatments["treatments"] == (720 + 20,)  # restarts are courses of their own
    country = totals(definition, result, "visits", by_period=True)
    n, low = country[2010, "low_activity"]
    treated, low_treated = country[2010, "low_activity_treated"]
    assert n >= treated > 600
    assert low >= low_treated > 200
    assert totals(definition, result, "reactions")["reactions"] == (sum(PLANNED.values()) + 15,)
    assert Counter(name for name, *_ in result.listed) == {"to_code": 15}


def test_a_person_is_on_a_drug_until_ninety_days_after_the_stop(rows: list[dict[str, Any]], result: Recomputed) -> None:
    latest = {row["registration_id"]: row for row in rows if row["form"] == "treatment"}
    on_drug = {name: one for (group, _, name), one in result.exposures.items() if group == "drug"}
    assert len(on_drug) == 740
    epoch = date(1970, 1, 1)
    for registration_id, exposure in on_drug.items():
        stopped = latest[registration_id]["stopped_on"]
        if exposure.end_reason == "stopped":
            assert epoch + timedelta(days=exposure.end or 0) == stopped + timedelta(days=WINDOW_DAYS)
        elif exposure.end is None:
            assert stopped is None
    # nine reports began too late to be of any course, one or two of the rest may be of two
    in_time = sum(PLANNED.values()) + 15 - 9
    assert in_time <= sum(one.outcomes for one in on_drug.values()) <= in_time + 20


def test_nothing_happens_after_death_or_emigration(rows: list[dict[str, Any]]) -> None:
    last: dict[str, date] = {}
    for row in rows:
        if row["form"] not in ("death", "emigration") and not row["retracted"]:
            last[row["person"]] = max(row["occurred_on"], last.get(row["person"], date.min))
    for row in rows:
        if row["form"] in ("death", "emigration"):
            assert row["occurred_on"] > last[row["person"]]
