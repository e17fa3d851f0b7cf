"""How long a `process` takes that has lost what it kept: the changelog of a million patients into an empty store."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.bench.growth import grown
from tests.bench.running import resident_mb, until

if TYPE_CHECKING:
    from tests.bench.figures import Figures
    from tests.bench.growth import Grown
    from tests.bench.running import Running
    from tests.bench.site import Site

_DONE_S = 3600.0
_RECOVERED = "guldadra_process_recovered_total"
_MILLION = 1_000_000


def recovery(site: Site, figures: Figures, left: dict[int, Grown]) -> None:
    """Into RocksDB and into memory, and the memory that each then takes."""
    patients = max(site.sizes.patients)
    one = grown(site, left, patients)
    with site.room():
        running = site.start("process", one.registry)
        until(lambda: _is_live(running) and not running.count("lag"), _DONE_S, "the preload is not done")
        running.stop()
    for _ in range(site.sizes.rounds):
        for store in ("RocksDB", "memory"):
            with site.room():
                _recover(site, figures, one, store, patients)


def _recover(site: Site, figures: Figures, one: Grown, store: str, patients: int) -> None:
    """From the first partition that recovers until the last one follows the log."""
    site.lose_state(one.registry)
    running = site.start("process", one.registry, memory=store == "memory")
    until(lambda: "recovering" in _states(running), _DONE_S, "it does not begin to recover", every_s=0.01)
    began = time.monotonic()
    until(lambda: _is_live(running), _DONE_S, "it has not recovered", every_s=0.02)
    seconds = time.monotonic() - began
    records = running.metric(_RECOVERED)
    figures.note(f"recovery into {store}: changelog records", records)
    figures.note(f"recovery into {store}: changelog records/s", records / seconds, "≥ 100,000")
    figures.note(f"recovery into {store}: seconds for {patients:,} patients", seconds, "about 10 for a million")
    memory = resident_mb(running.pid) * _MILLION / patients
    figures.note(f"recovery into {store}: memory then, MB per million patients", memory)
    running.stop()


def _states(running: Running) -> str:
    return str((running.health() or {}).get("partitions"))


def _is_live(running: Running) -> bool:
    """Whether every partition follows the log."""
    partitions = (running.health() or {}).get("partitions")
    return isinstance(partitions, dict) and bool(partitions) and set(partitions.values()) == {"live"}
