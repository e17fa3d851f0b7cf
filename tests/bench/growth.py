"""How the rate holds as patients become many: fresh registrations onto ten thousand, a hundred thousand, a million."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.accepted import AcceptedLog, Hips
from tests.bench.running import resident_mb, until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.definition.registry import RegistryDefinition
    from tests.bench.figures import Figures
    from tests.bench.running import Running
    from tests.bench.site import Site

_DONE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Grown:
    """A hip register with so many patients, all of its definitions on.

    Attributes:
        registry: under a name of its own.
        hips: goes on from there.
        log: where that is put.
        taken: registrations so far.
    """

    registry: RegistryDefinition
    hips: Hips
    log: AcceptedLog
    taken: int


def grown(site: Site, running: Mapping[int, Grown], patients: int) -> Grown:
    """One that is there already, or a new one on the log, which nobody has processed yet."""
    if patients in running:
        return running[patients]
    registry = site.registry("hip")
    hips, log = Hips(registry), AcceptedLog(site.kafka, registry.name, site.sizes.partitions)
    return Grown(registry, hips, log, log.write(hips.operations(patients)))


def growth(site: Site, figures: Figures, left: dict[int, Grown]) -> None:
    """The rate at each size, and the memory at the largest; the largest is left for whoever comes next."""
    for patients in site.sizes.patients:
        with site.room():
            one = grown(site, {}, patients)
            running = site.start("process", one.registry)
            until(lambda: running.count("registrations") >= one.taken, _DONE_S, "the preload is not done")  # noqa: B023 - called here
            for _ in range(site.sizes.rounds):
                _fresh(site, figures, one, patients, running)
            figures.note(f"growth: {patients:,} patients: memory with RocksDB, MB", resident_mb(running.pid))
            running.stop()
            if patients == max(site.sizes.patients):
                left[patients] = one
    smallest, largest = (figures.median(_rate(pick(site.sizes.patients))) for pick in (min, max))
    figures.note("growth: rate at the largest size / rate at the smallest", largest / smallest, "≥ 0.75")


def _rate(patients: int) -> str:
    return f"growth: {patients:,} patients: registrations/s"


def _fresh(site: Site, figures: Figures, one: Grown, patients: int, running: Running) -> None:
    """Some registrations that become visible at once."""
    before, used = running.count("registrations"), running.cpu_seconds
    fresh = one.log.write(one.hips.fresh(site.sizes.fresh), at_once=site.sizes.fresh)
    began = time.monotonic()
    until(lambda: running.count("registrations") >= before + fresh, _DONE_S, "they are not taken", every_s=0.02)
    figures.note(_rate(patients), fresh / (time.monotonic() - began))
    figures.note(f"growth: {patients:,} patients: registrations/s per core", fresh / (running.cpu_seconds - used))
