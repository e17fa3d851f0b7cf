"""`guldadra process` with all of a registry's indicators and exposures on: one worker, RocksDB, from cold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.bench.inputs import RECORDS, invented_hips, real_records
from tests.bench.running import resident_mb, until

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from tests.bench.figures import Figures
    from tests.bench.site import Site

_BEGIN_S = 60.0
_DONE_S = 1800.0
_AIM = "≥ 30,000"


def everything_on(site: Site, figures: Figures) -> None:
    """The invented hip register and the real records."""
    hip, metabolic = site.registry("hip"), site.registry("metabolic")
    of_hips = site.sizes.registrations
    for name, registry, (source, mapping), count in (
        ("hip", hip, invented_hips(hip, site.folder, of_hips), of_hips),
        ("metabolic", metabolic, real_records(metabolic, site.folder), RECORDS),
    ):
        with site.room():
            site.publish(registry, source, mapping, wait=False)
            site.accept(registry, count)
        for _ in range(site.sizes.rounds):
            with site.room():
                _process(site, figures, name, registry, count)


def _process(site: Site, figures: Figures, name: str, registry: RegistryDefinition, count: int) -> None:
    """From the moment when it begins to fetch until the last registration is committed."""
    site.forget(registry)
    running = site.start("process", registry)
    used, began = running.cpu_seconds, time.monotonic()
    deadline = began + _BEGIN_S
    while not running.lives:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process does not begin:\n{running.log_tail()}")
        used, began = running.cpu_seconds, time.monotonic()
        time.sleep(0.02)
    until(lambda: running.count("registrations") >= count, _DONE_S, "process is not done")
    seconds, cores = time.monotonic() - began, running.cpu_seconds - used
    figures.note(f"process, all of {name} on: registrations/s", count / seconds)
    figures.note(f"process, all of {name} on: registrations/s per core", count / cores, _AIM)
    figures.peak(f"process, all of {name} on: memory, MB", resident_mb(running.pid))
    running.stop()
