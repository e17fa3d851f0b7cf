"""Histories of `guldadra simulate` as files, so that a run that was cut short loses none of those that were done."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.surveillance.simulation.defects import Planted
from streams.surveillance.simulation.runs import METHODS, Run, Scores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from streams.surveillance.simulation.plan import Plan
    from streams.surveillance.simulation.watching import Watching

_SCORES = [field.name for field in fields(Scores)]
_FORMAT = 1  # of the files, and of what is simulated by one plan: another number where either changes


class OtherRunsError(Exception):
    """A folder holds histories of another plan, seed, planned end or monitor, or a file in it cannot be read."""


def name_of(plan: Plan, seed: int, planned: float, watching: Watching) -> str:
    """What makes histories the same, whatever their number."""
    said = json.dumps([_FORMAT, asdict(plan), seed, planned, watching.as_said()], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def path_of(folder: Path, number: int) -> Path:
    """Where a history is kept."""
    return folder / f"{number:05}.npz"


def keep(run: Run, path: Path, name: str) -> None:
    """Write a history, whole or not at all."""
    columns: dict[str, Any] = {
        "name": name,
        "unit": [run.unit_ratio, run.unit_since],
        "streams": np.array(list(run.streams.items()), dtype=np.int64).reshape(-1, 2),
        "defect": [planted.defect for planted in run.planted],
        "ratio": [planted.ratio for planted in run.planted],
        "onset": [planted.onset for planted in run.planted],
        "implants": [planted.starts.size for planted in run.planted],
        "starts": np.concatenate([np.empty(0, dtype=np.int64), *(planted.starts for planted in run.planted)]),
        **_written("unit", run.unit),
    }
    for number, method in enumerate(METHODS):
        if method in run.null:
            columns |= _written(f"null{number}", run.null[method]) | _written(f"found{number}", run.found[method])
    half = path.with_suffix(".part")
    with half.open("wb") as file:
        np.savez_compressed(file, **columns)
    half.replace(path)


def kept(path: Path, name: str) -> Run | None:
    """A history that was kept; None where there is none.

    Raises:
        OtherRunsError: it is one of another plan, seed, planned end or monitor, or cannot be read.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as said:
            if str(said["name"]) != name:
                raise OtherRunsError(
                    f"{path} is a history of another plan, seed, planned end or monitor: name an empty folder"
                )
            return _run(said)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise OtherRunsError(f"{path} cannot be read: {error}; take it away, and it is simulated again") from error


def _run(said: Mapping[str, Any]) -> Run:
    starts = np.split(said["starts"], np.cumsum(said["implants"]))[:-1]
    columns = (said["defect"].tolist(), said["ratio"].tolist(), said["onset"].tolist(), starts)
    ratio, since = said["unit"].tolist()
    through = [(number, method) for number, method in enumerate(METHODS) if f"null{number}.day" in said]
    return Run(
        {method: _read(said, f"null{number}") for number, method in through},
        tuple(Planted(*one) for one in zip(*columns, strict=True)),
        {method: _read(said, f"found{number}") for number, method in through},
        ratio,
        int(since),
        _read(said, "unit"),
        dict(said["streams"].tolist()),
    )


def _written(of: str, scores: Scores) -> dict[str, Any]:
    return {f"{of}.{name}": getattr(scores, name) for name in _SCORES}


def _read(said: Mapping[str, Any], of: str) -> Scores:
    return Scores(*(said[f"{of}.{name}"] for name in _SCORES))
