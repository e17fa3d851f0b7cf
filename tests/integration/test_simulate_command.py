"""`guldadra simulate` on a small registry, in processes of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from deploy.settings import load_settings
from deploy.simulating import NothingToSimulateError, plan_of, simulate
from deploy.simulation_tables import chart, page
from schemas.definition.generation import hash_of_exposures
from streams.surveillance.simulation.certificate import read_certificate
from streams.surveillance.simulation.plan import Plan
from streams.surveillance.simulation.runs import METHODS, PLANNED, run
from tests.deploy_support import Shell

if TYPE_CHECKING:
    from pathlib import Path

    from streams.surveillance.simulation.runs import Run

SMALL = Plan(
    kinds=(("cup", 1.0), ("stem", 1.0)),
    components=24,
    new_a_year=(2, 4),
    at_one_unit=2,
    units=6,
    surgeons=2,
    operations=250,
    run_in=1,
    years=7,
    hazard=(20.0, 8.0, 5.0, 2.0),
)


@pytest.fixture
def guldadra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    monkeypatch.setattr("deploy.simulating.plan_of", lambda _: SMALL)
    return Shell(monkeypatch, capsys, tmp_path)


def said(found: list[Run]) -> list[list[float]]:
    return [
        [*one.null[method].score.tolist(), *one.found[method].day.tolist(), *one.unit.score.tolist()]
        for one in found
        for method in METHODS
    ]


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """Four histories, one after the other in this process."""
    return [run(SMALL, seed, number) for number, seed in enumerate(np.random.SeedSequence(5).spawn(4))]


def test_what_comes_of_a_seed_does_not_depend_on_the_number_of_processes(runs: list[Run]) -> None:
    assert said(simulate(SMALL, histories=3, seed=5, processes=2)) == said(runs[:3])
    assert sum(map(len, said(runs))) > 100
    assert [one.unit_ratio for one in runs] == [2.0, 3.0, 8.0, 2.0]
    assert said(runs[:1]) != said(runs[1:2])


def test_the_hip_register_s_groups_are_simulated() -> None:
    hip = load_settings().definitions(("hip",))["hip"]
    assert plan_of(hip) == Plan()
    assert plan_of(hip).groups == (("cup",), ("stem",), ("head",), ("cup", "stem"))


def test_a_certificate_is_of_what_is_declared_whatever_it_is_called() -> None:
    monitors = load_settings().definitions(("hip",))["hip"].monitors
    cup, stem = monitors.exposures["cup"], monitors.exposures["stem"]

    def with_cup(**changed: object) -> str:
        exposures = monitors.exposures | {"cup": cup.model_copy(update=changed)}
        return hash_of_exposures(monitors.model_copy(update={"exposures": exposures}))

    assert with_cup(title=stem.title) == hash_of_exposures(monitors)
    assert with_cup(lot=stem.lot) != hash_of_exposures(monitors)


def test_a_registry_without_exposures_has_nothing_to_simulate() -> None:
    with pytest.raises(NothingToSimulateError, match=r"monitors\.yaml"):
        plan_of(load_settings().definitions(("metabolic",))["metabolic"])


def test_the_command_prints_and_keeps_a_certificate(guldadra: Shell) -> None:
    told = guldadra(
        "simulate", "hip", "--years", "30", "--processes", "1", "--seed", "3", "--planned", "20", "--out", "kept"
    )
    assert told.code in {0, 1}, told.err
    folder = guldadra.folder / "kept"
    certificate = read_certificate((folder / "certificate.json").read_text(encoding="utf-8"))
    assert told.code == (0 if certificate.results["within"] else 1)
    assert (certificate.registry, certificate.seed, certificate.catalogue_years) == ("hip", 3, 35)
    assert certificate.plan["components"] == 24
    assert certificate.levels.planned == 20.0
    assert f"certificate {certificate.id}" in told.out
    assert "wrote kept/time_to_detection.svg" in told.out
    assert (folder / "tables.md").read_text(encoding="utf-8") == page(certificate)
    assert (folder / "time_to_detection.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (folder / "time_to_detection.png").read_bytes().startswith(b"\x89PNG")
    # every method and level has its row, with limits
    compared = certificate.results["compared"]
    assert {(one["method"], one["at"]) for one in compared} >= {(METHODS[0], "watch"), (METHODS[0], "alarm")}
    assert {one["method"] for one in compared} == set(METHODS)
    for one in compared:
        false = one["false"]
        assert false["lower"] <= false["per_ten_years"] <= false["upper"]
        assert {(row["defect"], row["ratio"]) for row in one["detected"]} >= {("interop", 0.0)}
    points = chart(certificate)["data"]["values"]
    assert all(np.isfinite(point["days"]) and point["false"] > 0 for point in points)


def test_as_json_it_is_the_certificate(guldadra: Shell, monkeypatch: pytest.MonkeyPatch, runs: list[Run]) -> None:
    monkeypatch.setattr("deploy.simulating.simulate", lambda *_, histories, **__: runs[:histories])
    told = guldadra("simulate", "hip", "--years", "1", "--json")
    certificate = read_certificate(told.out)
    assert certificate.catalogue_years == 28  # four histories at least
    assert certificate.levels.planned == PLANNED
    assert told.err == ""


def test_an_unknown_registry_is_told(guldadra: Shell) -> None:
    refused = guldadra("simulate", "foot")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("guldadra: there is no registry foot")
