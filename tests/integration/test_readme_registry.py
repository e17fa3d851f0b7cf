"""The README's registry, declared in ten minutes: built from its very text and run."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.embedded.process import ChildProcess
from deploy.embedded.runtime import running_stack
from sinks.clickhouse.client import connect
from tests.support import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.embedded, pytest.mark.stack]

README = Path(__file__).parents[2] / "README.md"
FILES = re.compile(r"^`(?P<path>[\w./]+)`[^\n]*\n\n```\w*\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the README's files and a platform that knows them."""
    place = tmp_path_factory.mktemp("readme")
    for found in FILES.finditer(README.read_text(encoding="utf-8")):
        target = place / found["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(found["text"], encoding="utf-8")
    environment = {"GULDADRA_REGISTRIES": "registries", "GULDADRA_DATA": str(place / ".guldadra")}
    assert run(place, "schemas", "release", "knee").returncode == 0
    stack = ChildProcess(
        "up",
        ["env", f"--chdir={place}", sys.executable, "-m", "deploy.cli", "up"],
        place / "up.log",
        env=environment,
        grace_seconds=60,
    )
    stack.start(lambda: running_stack(place / ".guldadra") is not None, 240)
    yield place
    assert stack.stop() == 0


def run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one command as the README says."""
    environment = {**os.environ, "GULDADRA_REGISTRIES": "registries"}
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *words],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_the_forms_pass_the_check(folder: Path) -> None:
    checked = run(folder, "schemas", "check", "knee")
    assert (checked.returncode, checked.stdout) == (0, "knee: 4 forms, nothing wrong\n")


def test_two_are_accepted_and_the_third_is_refused_with_both_reasons(folder: Path) -> None:
    published = run(folder, "publish", "knee", "arthroscopy.csv")
    assert published.returncode == 1, published.stderr
    assert "3 rows, 1 refused here, 2 published = 2 accepted + 0 refused by intake" in published.stdout
    with (folder / "arthroscopy.csv.refused.csv").open(encoding="utf-8", newline="") as file:
        (refused,) = csv.DictReader(file)
    assert refused["refused_row"] == "3"
    assert refused["registration_id"] == "A-3"
    assert "unit is not in the catalogue of units" in refused["refused_because"]
    assert "pain lies outside 0 to 10" in refused["refused_because"]

    again = run(folder, "publish", "knee", "arthroscopy.csv")
    assert "duplicates (already there, counted once): 2" in again.stdout

    stack = running_stack(folder / ".guldadra")
    assert stack is not None
    with connect(stack.clickhouse_url) as client:
        counted = client.rows("SELECT unit, count() FROM guldadra_knee.arthroscopy GROUP BY unit ORDER BY unit")
        patients = client.rows("SELECT patient FROM guldadra_knee.arthroscopy")
    assert counted == [("K1", 1), ("K2", 1)]
    assert all(re.fullmatch(r"k1-[a-z2-7]{26}", patient) for (patient,) in patients)

    def indicators() -> dict[str, tuple[int, float]]:
        shown = run(folder, "indicators", "knee", "--per", "all", "--json")
        rows = json.loads(shown.stdout)["rows"] if shown.returncode == 0 else []
        return {row["indicator"]: (row["n"], row["value"]) for row in rows}

    # of A-1 (left, pain 3) and A-2 (right, pain not known): one counts for pain, none was operated on again
    wait_for(lambda: indicators() == {"without_pain": (1, 0.0), "operated_again_1y": (2, 0.0)}, "the indicators", 60)

    state = run(folder, "status")
    assert state.returncode == 0, state.stdout
    assert "knee" in state.stdout
