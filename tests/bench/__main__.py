"""``make bench``: what the platform carries on this machine, in one run, and the same small job on other engines.

Each figure has a module of its own. The broker is a real Kafka where Java and Maven are, else the embedded one,
and it says which. A part that fails says so, and the others go on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from deploy.kafka.launcher import available
from deploy.observe import set_up_logs
from tests.bench.end_to_end import end_to_end
from tests.bench.everything_on import everything_on
from tests.bench.feeds import feeds
from tests.bench.figures import Figures
from tests.bench.freshness import cell_freshness, row_freshness, signal_freshness
from tests.bench.growth import growth
from tests.bench.peers.__main__ import compare, options_of
from tests.bench.portal import portal
from tests.bench.recovery import recovery
from tests.bench.reports import reports
from tests.bench.running import peak_mb
from tests.bench.site import Site, Sizes
from tests.bench.surveillance import surveillance
from tests.bench.vein import vein

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.bench.growth import Grown

    Section = Callable[[Site, Figures], None]

PEERS = "peers"
_DEFAULT_ROUNDS = int(os.environ.get("GULDADRA_BENCH_ROUNDS", "3"))


def sections() -> Mapping[str, Section]:
    """The parts but the peers, in their order; recovery goes on with what growth has left, if it has."""
    left: dict[int, Grown] = {}
    return {
        "vein": vein,
        "rows": row_freshness,
        "everything-on": everything_on,
        "end-to-end": end_to_end,
        "cells": cell_freshness,
        "signals": signal_freshness,
        "growth": partial(growth, left=left),
        "recovery": partial(recovery, left=left),
        "surveillance": surveillance,
        "reports": reports,
        "feeds": feeds,
        "portal": portal,
    }


def measure(options: argparse.Namespace, console: Console) -> tuple[Figures, str]:
    """All parts but the peers, and which broker they ran on."""
    figures = Figures()
    sizes = Sizes(
        rounds=options.rounds,
        partitions=options.partitions,
        registrations=options.registrations,
        patients=options.patients,
        fresh=options.fresh,
        rates=options.rates,
        seconds=options.seconds,
    )
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="guldadra-bench-")))
        site = Site(folder, sizes, parts)
        for name, section in sections().items():
            if name not in options.only:
                continue
            console.print(f"… {name}")
            began = time.monotonic()
            try:
                section(site, figures)
            except Exception as error:  # noqa: BLE001 - the other parts go on
                figures.failures[name] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
                console.print(f"{name} failed: {error}", markup=False)
            console.print(f"  {time.monotonic() - began:,.0f} s")
        figures.peak("broker: peak memory, MB", peak_mb(site.broker_pid))
        figures.peak("database: peak memory, MB", peak_mb(site.database.pid))
    return figures, site.broker_name


def main(arguments: list[str] | None = None) -> int:
    """Measure, print tables and write the JSON; 1 where a part failed."""
    options = _options(arguments)
    console = Console(width=130)
    set_up_logs("warning", "console")
    found: dict[str, Any] = {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    failed = False
    if set(options.only) != {PEERS}:
        figures, broker = measure(options, console)
        console.print(f"{broker}, chdb, {os.cpu_count()} cores, Python {platform.python_version()}, "
                      f"medians of {options.rounds}")  # fmt: skip
        console.print(figures.table())
        found |= {"broker": broker, **figures.as_json()}
        failed = bool(figures.failures)
    if PEERS in options.only:
        failed = not _peers(options, console, found) or failed
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(f"all figures of all rounds: {options.json}")
    return int(failed)


def _peers(options: argparse.Namespace, console: Console, found: dict[str, Any]) -> bool:
    """The small job on every engine; whether all of them came to what is right."""
    missing = available()
    if missing is not None:
        console.print(f"no comparison with other engines: {missing}")
        found[PEERS] = missing
        return True
    console.print("… peers")
    common = [f"--rounds={options.rounds}", f"--partitions={options.partitions}"]
    results = [compare(options_of([*common, f"--registrations={options.registrations}"]), console)]
    if options.large:
        few = "--engines=guldadra,kafka-streams"
        results.append(compare(options_of([*common, few, "--data=hip", f"--registrations={options.large}"]), console))
    found[PEERS] = [one for result in results for one in result.as_json()]
    return not any(one.get("failed") or not one.get("right") for one in found[PEERS])


def _options(arguments: list[str] | None) -> argparse.Namespace:
    every = (*sections(), PEERS)
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--only", type=lambda text: text.split(","), default=list(every), help=f"parts, of {','.join(every)}")
    add("--rounds", type=int, default=_DEFAULT_ROUNDS, help="of each figure; medians are told")
    add("--partitions", type=int, default=4, help="of every topic")
    add("--registrations", type=int, default=300_000, help="of the hip register; the metabolic has 452,012 at any time")
    add("--patients", type=_numbers, default=(10_000, 100_000, 1_000_000), help="sizes that growth is measured at")
    add("--fresh", type=int, default=50_000, help="registrations measured at each of them")
    add("--rates", type=_numbers, default=(500, 1_000), help="registrations a second, for the wait for a changed cell")
    add("--seconds", type=int, default=60, help="how long each of them is kept up")
    add("--large", type=int, default=0, help="also give the quickest engines so many registrations, such as 1500000")
    add("--json", type=Path, default=Path(".guldadra/bench/figures.json"), help="file to write every round to")
    options = parser.parse_args(arguments)
    if unknown := set(options.only) - set(every):
        parser.error(f"--only: {', '.join(sorted(unknown))} is none of {', '.join(every)}")
    return options


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
