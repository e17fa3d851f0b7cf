"""``python -m tests.bench.peers``: the same small job on the engines that people would otherwise choose, side by side.

The job, over one registration per message: decode it, keep the patient's journey, keep the number of living
registrations per form, unit and month, and write each changed number. Every engine starts from cold on a real Kafka
broker, with its changelogs on and at least once, and its counts are held against a recomputation in plain Python.
Needs Java 17 and Maven, and takes the peers' own packages from the ordinary registries, once.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from deploy.embedded.process import ProcessFailedError
from deploy.kafka.launcher import KafkaBroker, available
from deploy.observe import set_up_logs
from tests.bench.peers.engine import Job
from tests.bench.peers.inputs import head, hip, metabolic
from tests.bench.peers.log import Log
from tests.bench.peers.measure import Measured, measure
from tests.bench.peers.ours import intake_of
from tests.bench.peers.peers import PEERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.bench.peers.engine import Engine
    from tests.bench.peers.inputs import Given

DATA = ("hip", "metabolic")
_BROKER = {
    # The time of a message is the broker's own, by which a run's end is told.
    "log.message.timestamp.type": "LogAppendTime",
    # So that an engine of several consumers shares the partitions at once, instead of moving them when it has begun.
    "group.initial.rebalance.delay.ms": "1000",
}


class Results:
    """All runs so far, by data and engine."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], list[Measured]] = {}
        self.failures: dict[tuple[str, str], str] = {}
        self.intake: dict[str, float] = {}

    def table(self) -> Table:
        """Medians, with the lowest and highest speed."""
        figures = ("registrations", "a second", "(range)", "CPU s/100,000", "peak MB", "load")
        table = Table("data", "engine", *figures, "counts")
        for column in table.columns[2 : 2 + len(figures)]:
            column.justify = "right"
        for (data, engine), runs in self.runs.items():
            speeds = [run.per_second for run in runs]
            table.add_row(
                data,
                engine,
                f"{runs[0].registrations:,}",
                f"{statistics.median(speeds):,.0f}",
                f"{min(speeds):,.0f} to {max(speeds):,.0f}",
                f"{_median(runs, lambda run: run.cpu_per_100_000):.1f}",
                f"{_median(runs, lambda run: run.peak_mb):,.0f}",
                f"{_median(runs, lambda run: run.load):.1f}",
                next((f"[red]{run.wrong}[/]" for run in runs if run.wrong), "right"),
            )
        for (data, engine), why in self.failures.items():
            table.add_row(data, engine, *[""] * len(figures), f"[red]failed: {why.partition(':')[0]}[/]")
        return table

    def as_json(self) -> list[dict[str, Any]]:
        """Every run, and the medians."""
        found: list[dict[str, Any]] = [
            {
                "data": data,
                "engine": engine,
                "registrations": runs[0].registrations,
                "registrations_per_second": _median(runs, lambda run: run.per_second),
                "cpu_seconds_per_100000": _median(runs, lambda run: run.cpu_per_100_000),
                "peak_mb": _median(runs, lambda run: run.peak_mb),
                "load": _median(runs, lambda run: run.load),
                "right": not any(run.wrong for run in runs),
                "intake_cpu_seconds_per_100000": self.intake.get(data) if engine.startswith("guldadra") else None,
                "rounds": [run.as_json() for run in runs],
            }
            for (data, engine), runs in self.runs.items()
        ]
        found += [{"data": data, "engine": engine, "failed": why} for (data, engine), why in self.failures.items()]
        return found


def _median(runs: Sequence[Measured], figure: Callable[[Measured], float]) -> float:
    return statistics.median(figure(run) for run in runs)


class Bench:
    """A broker with the inputs on it, and the engines that go over them in turn."""

    def __init__(self, options: argparse.Namespace, folder: Path, log: Log, console: Console) -> None:
        self._options = options
        self._folder = folder
        self._log = log
        self._console = console
        self._number = 0
        self.results = Results()

    def inputs(self) -> Iterable[Given]:
        """Each data set, published."""
        partitions = self._options.partitions
        for data in self._options.data:
            self._console.print(f"… publishing {data}")
            if data == "hip":
                yield hip(self._log, self._folder, self._options.registrations, partitions)
            else:
                yield metabolic(self._log, self._folder, partitions)

    def go_over(self, given: Given) -> None:
        """All rounds over one input, engine after engine in each round, for the machine is not always the same."""
        own = {name: self._own(given, name) for name in self._options.engines}
        for number in range(1, self._options.rounds + 1):
            for name, its in own.items():
                for engine in PEERS[name]:
                    self._run(engine, its, f"round {number} of {self._options.rounds}")

    def _own(self, given: Given, name: str) -> Given:
        """The input, or its first part for one that is slow."""
        most = self._options.most.get(name, given.registrations)
        return given if most >= given.registrations else head(self._log, given, most)

    def _run(self, engine: Engine, given: Given, round_name: str) -> None:
        place = (given.name, engine.name)
        if place in self.results.failures:
            return
        self._number += 1
        name = f"bench-run-{self._number:03}"
        job = Job(name, self._log, given, f"{name}-output", self._folder / name)
        job.folder.mkdir()
        self._log.make(job.output, len(given.partitions))
        try:
            run = measure(engine, job, self._options.patience)
        except ProcessFailedError as error:
            self.results.failures[place] = str(error)
            self._console.print(f"{given.name}, {round_name}: {error}", markup=False)
        else:
            self.results.runs.setdefault(place, []).append(run)
            if (intake := intake_of(given)) is not None:
                self.results.intake[given.name] = intake.cpu_per_100_000
            said = f"{run.per_second:,.0f} a second, {run.cpu_per_100_000:.1f} CPU s/100,000, {run.wrong or 'right'}"
            self._console.print(f"{given.name}, {round_name}, {engine.name}: {said}", markup=False)
        self._log.drop(self._log.named(name))
        shutil.rmtree(job.folder)


def compare(options: argparse.Namespace, console: Console) -> Results:
    """Measure, and print a table."""
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="guldadra-peers-")))
        broker = parts.enter_context(KafkaBroker(folder / "kafka", settings=_BROKER, heap="1g"))
        bench = Bench(options, folder, Log(broker.bootstrap), console)
        for given in bench.inputs():
            bench.go_over(given)
    results = bench.results
    console.print(f"real Kafka, {options.partitions} partitions, {os.cpu_count()} cores, medians of {options.rounds}")
    for name in options.most.keys() & set(options.engines):
        console.print(f"{name} was given the first {options.most[name]:,} registrations at most, for it is slow")
    for data, used in results.intake.items():
        console.print(
            f"{data}: guldadra reads what its intake has accepted. Intake checks every submission against the "
            f"registry's rules, once for all readers, in {used:.1f} CPU s/100,000 of its own; they are not in the "
            "table. The peers read the submissions themselves and check nothing"
        )
    console.print(results.table())
    return results


def main(arguments: list[str] | None = None) -> int:
    """Measure, print a table, and write the JSON; 1 where an engine failed or was wrong, 2 where none could run."""
    options = options_of(arguments)
    console = Console(width=130)
    set_up_logs("warning", "console")
    missing = available()
    if missing is not None:
        console.print(missing)
        return 2
    results = compare(options, console)
    if options.json is not None:
        setting = {"cores": os.cpu_count(), "python": platform.python_version(), "partitions": options.partitions}
        found = {**setting, "rounds": options.rounds, "results": results.as_json()}
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    wrong = any(run.wrong for runs in results.runs.values() for run in runs)
    return 1 if wrong or results.failures else 0


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    """What was asked for, by the command line's arguments; those of this process if not given."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--engines", type=_names(PEERS), default=list(PEERS), help=f"of {','.join(PEERS)}; all if not given")
    add("--data", type=_names(DATA), default=list(DATA), help=f"of {','.join(DATA)}; both if not given")
    add("--registrations", type=int, default=300_000, help="of the hip register; the metabolic has 452,012 at any time")
    add("--rounds", type=int, default=3)
    add("--partitions", type=int, default=4)
    add("--most", type=_most, default={"faust": 60_000}, help="ENGINE=N,…: a slow engine gets the first N only")
    add("--patience", type=float, default=900.0, help="seconds that one run may take")
    add("--json", type=Path, help="file to write every run to")
    return parser.parse_args(arguments)


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        found = text.split(",")
        if unknown := set(found) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not one of {', '.join(known)}")
        return found

    return names


def _most(text: str) -> dict[str, int]:
    return {engine: int(most) for engine, _, most in (part.partition("=") for part in text.split(",") if part)}


if __name__ == "__main__":
    sys.exit(main())
