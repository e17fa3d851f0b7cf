"""docs/simulation.md says what its certificate says."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from deploy.simulation_tables import page
from schemas.definition.folder import BUNDLED
from streams.surveillance.simulation.certificate import as_json, read_certificate
from streams.surveillance.simulation.plan import Plan
from streams.surveillance.simulation.runs import PLANNED
from streams.surveillance.simulation.thresholds import BUDGETS

CERTIFICATE = read_certificate((BUNDLED / "hip" / "certificate.json").read_text(encoding="utf-8"))
PAGE = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_certificate() -> None:
    assert page(CERTIFICATE, whole=False) in PAGE


def test_it_was_made_by_the_plan_as_it_is() -> None:
    assert CERTIFICATE.plan == as_json(asdict(Plan()))
    assert {levels.planned for levels in CERTIFICATE.levels.values()} == {PLANNED}


def test_the_budgets_are_kept_and_inter_op_is_raised_when_it_is_wanted() -> None:
    for level, budget in BUDGETS.items():
        assert CERTIFICATE.results["false"][level]["lower"] <= 10 * budget
    raised = {level: one["number"] for one in CERTIFICATE.results["interop"]["flat"] for level in one["raised"]}
    assert raised == {"watch": 2, "alarm": 3}
