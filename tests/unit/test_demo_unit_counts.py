"""Counts invented beside a history: right for upload, with units behind, one beyond, and small counts not told."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

from deploy.demo.history import LAST_DAY, HistoryPlan, generate
from deploy.demo.hiv import generate as generate_hiv
from deploy.demo.unit_counts import HIP, HIV, SUPPRESSED_BELOW, invent_counts, write_counts
from schemas.definition.folder import load_registries
from streams.publish.unit_counts import read_counts

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_AS_OF = LAST_DAY + timedelta(days=1)


def test_they_are_read_back_as_they_were_written_and_are_the_same_each_time(tmp_path: Path) -> None:
    hip, history = load_registries()["hip"], generate(HistoryPlan(primaries=4_000))
    counts = invent_counts(hip, history.rows, HIP, as_of=_AS_OF)
    write_counts(counts, tmp_path / "counts.csv")
    assert read_counts(tmp_path / "counts.csv", hip, _AS_OF) == counts
    assert invent_counts(hip, history.rows, HIP, as_of=_AS_OF) == counts
    assert max(one.period for one in counts) == date(2001, 12, 1)
    assert {one.below for one in counts if one.count is None} == {SUPPRESSED_BELOW}
    told = {(one.unit, one.period, one.measure): one.count for one in counts}
    for unit, month, measure in told:
        if measure == "matched" and None not in (
            three := [told[unit, month, name] for name in ("patient_register", "matched", "patient_register_only")]
        ):
            assert three[0] == three[1] + three[2]  # type: ignore[operator]  # none is None


def test_some_units_are_behind_most_are_not_and_one_registers_more_than_the_source_has() -> None:
    hip, history = load_registries()["hip"], generate(HistoryPlan(primaries=20_000))
    latest = {row["registration_id"]: row for row in history.rows if row["form"] == "primary_operation"}
    registered: dict[str, int] = defaultdict(int)
    for row in latest.values():
        registered[str(row["unit"])] += not row["retracted"]
    reference: dict[str, int] = defaultdict(int)
    hidden = set()
    for one in invent_counts(hip, history.rows, HIP, as_of=_AS_OF):
        if one.measure == "patient_register":
            reference[one.unit] += one.count or 0
            hidden |= {one.unit} if one.count is None else set()
    shares = {unit: registered[unit] / reference[unit] for unit in reference.keys() - hidden}
    assert max(shares.values()) > 1.1
    assert sum(share > 1.1 for share in shares.values()) == 1
    assert 5 <= sum(share < 0.85 for share in shares.values()) <= 15
    assert sum(0.9 < share < 1.05 for share in shares.values()) > 50


def test_only_what_the_source_would_have_is_counted() -> None:
    hiv, history = load_registries()["hiv"], generate_hiv()
    day = max(cast("datetime", row["recorded_at"]) for row in history.rows).date()
    counts = invent_counts(hiv, history.rows, HIV, as_of=day)
    doctors = {row["registration_id"] for row in history.rows if row.get("contact") == "doctor"}
    told = sum(one.count or 0 for one in counts)
    assert {one.measure for one in counts} == {"patient_register"}
    assert 0.7 * len(doctors) < told < 1.1 * len(doctors)
