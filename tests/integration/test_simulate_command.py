"""`guldadra simulate` on a small registry, in processes of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from deploy.kept_runs import keep as keep_run
from deploy.kept_runs import kept as kept_run
from deploy.kept_runs import name_of, path_of
from deploy.settings import load_settings
from deploy.simulating import NothingToSimulateError, declared_watching, plan_of, simulate
from deploy.simulation_tables import chart, page
from schemas.definition.generation import hash_of_watching
from streams.surveillance.expected import Baseline
from streams.surveillance.simulation.certificate import read_certificate
from streams.surveillance.simulation.plan import Plan
from streams.surveillance.simulation.runs import CGR, FEWEST, METHODS, PLANNED, run
from streams.surveillance.simulation.watching import Watching, watching_of
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
    lot=15,
    companies=3,
    slow_units=1,
    mistaken=0.01,
    false_outcomes=0.005,
    opting_out=0.5,
)


@pytest.fixture
def guldadra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    monkeypatch.setattr("deploy.simulating.plan_of", lambda _: SMALL)
    return Shell(monkeypatch, capsys, tmp_path)


def said(found: list[Run]) -> list[list[float]]:
    return [
        [*one.null[method].score.tolist(), *one.found[method].day.tolist(), *one.unit.score.tolist()]
        for one in found
        for method in one.null
    ]


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """Four histories, one after the other in this process."""
    return [run(SMALL, seed, number) for number, seed in enumerate(np.random.SeedSequence(5).spawn(4))]


def test_what_comes_of_a_seed_does_not_depend_on_the_number_of_processes(runs: list[Run]) -> None:
    assert said(simulate(SMALL, histories=3, seed=5, processes=2)) == said(runs[:3])
    assert sum(map(len, said(runs))) > 100
    assert [one.unit_ratio for one in runs] == [0.0, 2.0, 0.0, 3.0]  # in every second history, one after the other
    assert [CGR in one.null for one in runs] == [True, False, False, True]
    assert said(runs[:1]) != said(runs[1:2])


def test_a_run_that_was_cut_short_goes_on_from_what_is_kept(runs: list[Run], tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    told: list[int] = []
    assert said(simulate(SMALL, histories=2, seed=5, processes=1, keep=folder)) == said(runs[:2])
    assert sorted(one.name for one in folder.iterdir()) == ["00000.npz", "00001.npz"]
    (first, second) = (path_of(folder, number) for number in range(2))
    assert kept_run(first, name_of(SMALL, 5, PLANNED, watching_of(SMALL))) is not None  # by what it is of
    shutil.copy(second, first)  # what is there is read, not simulated again
    again = simulate(SMALL, histories=3, seed=5, processes=1, keep=folder, on_progress=told.append)
    assert said(again) == said([runs[1], *runs[1:3]])
    assert told == [1, 2, 3]
    for one, kept in zip(runs[1:3], again[1:], strict=True):
        assert [(each.defect, each.ratio, each.onset) for each in kept.planted] == [
            (each.defect, each.ratio, each.onset) for each in one.planted
        ]
        assert all(np.array_equal(a.starts, b.starts) for a, b in zip(one.planted, kept.planted, strict=True))
        assert (kept.unit_since, kept.streams) == (one.unit_since, one.streams)


def test_what_is_kept_of_something_else_is_refused(runs: list[Run], guldadra: Shell) -> None:
    folder = guldadra.folder / "kept"
    folder.mkdir()
    keep_run(runs[0], path_of(folder, 0), name_of(SMALL, 5, PLANNED, watching_of(SMALL)))
    refused = guldadra("simulate", "hip", "--years", "1", "--processes", "1", "--seed", "6", "--keep", "kept")
    assert refused.code == 2
    assert "--keep" in refused.err
    assert "00000.npz is a history of another plan, seed, planned end or monitor" in refused.err
    path_of(folder, 0).write_bytes(b"half of it")
    refused = guldadra("simulate", "hip", "--years", "1", "--processes", "1", "--seed", "5", "--keep", "kept")
    assert "00000.npz cannot be read" in refused.err


def test_the_hip_register_s_groups_are_simulated() -> None:
    hip = load_settings().definitions(("hip",))["hip"]
    assert plan_of(hip) == Plan()
    assert plan_of(hip).groups == (("cup",), ("stem",), ("head",), ("cup", "stem"))


def test_a_certificate_is_of_what_is_declared_whatever_it_is_called() -> None:
    monitors = load_settings().definitions(("hip",))["hip"].monitors
    cup, stem = monitors.exposures["cup"], monitors.exposures["stem"]

    def with_cup(**changed: object) -> str:
        exposures = monitors.exposures | {"cup": cup.model_copy(update=changed)}
        return hash_of_watching(monitors.model_copy(update={"exposures": exposures}))

    assert with_cup(title=stem.title) == hash_of_watching(monitors)
    assert with_cup(lot=stem.lot) != hash_of_watching(monitors)


def test_the_declared_prior_is_simulated() -> None:
    hip = load_settings().definitions(("hip",))["hip"]
    watching = declared_watching(hip, SMALL)
    assert watching.monitor(20.0).baseline == Baseline("contemporary", (1.0,))
    seed = np.random.SeedSequence(5)
    # the prior holds until the others have had an outcome, which in a history of this size they soon have
    flat = run(SMALL, seed, 0, PLANNED, Watching(Baseline("flat", (1000.0,))))
    assert said([flat]) != said([run(SMALL, seed, 0, PLANNED, watching)])


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
    assert set(certificate.levels) == {"product", "construct", "family", "company", "lot", "unit"}
    assert {levels.planned for levels in certificate.levels.values()} == {20.0}
    assert certificate.fewest == FEWEST
    assert certificate.simulated == {
        "outcome": "all", "baseline": "contemporary", "rates": [1.0], "unit_shape": None, "left_out": [],
    }  # fmt: skip
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
        assert set(one["false_of"]) == {"product", "lot", "unit"}
        assert {(row["defect"], row["ratio"]) for row in one["detected"]} >= {("interop", 0.0), ("unit", 8.0)}
    for level, together in certificate.results["false"].items():
        of_kinds = certificate.results["false_of"][level]
        assert set(of_kinds) == set(certificate.levels)
        assert sum(one["number"] for one in of_kinds.values()) == together["number"]
    points = chart(certificate)["data"]["values"]
    assert all(np.isfinite(point["days"]) and point["false"] > 0 for point in points)


def test_as_json_it_is_the_certificate(guldadra: Shell, monkeypatch: pytest.MonkeyPatch, runs: list[Run]) -> None:
    monkeypatch.setattr("deploy.simulating.simulate", lambda *_, histories, **__: runs[:histories])
    told = guldadra("simulate", "hip", "--years", "1", "--json")
    certificate = read_certificate(told.out)
    assert certificate.catalogue_years == 28  # four histories at least
    assert {levels.planned for levels in certificate.levels.values()} == {PLANNED}
    assert told.err == ""


def test_an_unknown_registry_is_told(guldadra: Shell) -> None:
    refused = guldadra("simulate", "foot")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("guldadra: there is no registry foot")
