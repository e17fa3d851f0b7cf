"""The vein's stages alone, over the 452,012 real records: publish, intake and load, one after the other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from schemas import topics
from tests.bench.inputs import RECORDS, real_records
from tests.bench.running import peak_mb, until
from tests.support import read_events

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from tests.bench.figures import Figures
    from tests.bench.running import Running
    from tests.bench.site import Site

_BEGIN_S = 60.0
_DONE_S = 600.0


def vein(site: Site, figures: Figures) -> None:
    """One figure a stage, each over a filled log."""
    for _ in range(site.sizes.rounds):
        with site.room():
            _stages(site, figures)


def _stages(site: Site, figures: Figures) -> None:
    registry = site.registry("metabolic")
    cpu = time.process_time()
    result = site.publish(registry, *real_records(registry, site.folder), wait=False)
    figures.note("publish: records/s", result.published / result.seconds)
    figures.note("publish: records/s per core", result.published / (time.process_time() - cpu))
    for command, unit, done in (
        ("intake", "decided", lambda: _decided(site, registry) >= RECORDS),
        ("load", "loaded", lambda: site.archived(registry) >= RECORDS),
    ):
        running = site.start(command, registry)
        used, began = _wait_for_first(running, unit)
        until(done, _DONE_S, f"{command} is not done")
        figures.note(f"{command}: records/s", RECORDS / (time.monotonic() - began))
        figures.note(f"{command}: records/s per core", RECORDS / (running.cpu_seconds - used))
        figures.peak(f"{command}: peak memory, MB", peak_mb(running.pid))
        running.stop()


def _wait_for_first(running: Running, unit: str) -> tuple[float, float]:
    """(CPU seconds used, time) when a process has joined its group and begins; joining is not its speed."""
    used, now = running.cpu_seconds, time.monotonic()
    deadline = now + _BEGIN_S
    while not running.count(unit):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{running.name} does not begin:\n{running.log_tail()}")
        used, now = running.cpu_seconds, time.monotonic()
        time.sleep(0.005)
    return used, now


def _decided(site: Site, registry: RegistryDefinition) -> int:
    """Submissions with a receipt."""
    receipts = read_events(site.kafka, topics.receipts(registry.name), "receipt")
    return sum(receipt["received"] for receipt in receipts)
