"""Everything at once on this machine: from the first publish to the last cell and row that a query returns."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from tests.bench.inputs import RECORDS, real_records
from tests.bench.running import peak_mb, until

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from tests.bench.figures import Figures
    from tests.bench.running import Running
    from tests.bench.site import Site

_DONE_S = 900.0
_LAST_FLUSH = "guldadra_load_last_flush_timestamp_seconds"
_SETTLED_S = 1.5  # the loader looks once a second how much there is to read


def end_to_end(site: Site, figures: Figures) -> None:
    """The vein as before, and with journeys; the real records, broker and database included."""
    for _ in range(site.sizes.rounds):
        with site.room():
            _all_at_once(site, figures, "publish, intake, load", ("intake", "load"), "")
        with site.room():
            everything = ("intake", "process", "load")
            _all_at_once(site, figures, "publish, intake, process, load", everything, "≥ 15,000")


def _all_at_once(site: Site, figures: Figures, figure: str, commands: tuple[str, ...], aim: str) -> None:
    registry = site.registry("metabolic")
    running = site.joined(registry, *commands)
    source, mapping = real_records(registry, site.folder)
    began = time.time()
    result = site.publish(registry, source, mapping, wait=True)
    if result.accepted != RECORDS:
        raise AssertionError(f"{result.accepted:,} of {RECORDS:,} were accepted")
    until(lambda: _loaded(site, registry, running), _DONE_S, "not everything is loaded", every_s=0.2)
    seconds = running["load"].metric(_LAST_FLUSH) - began
    if site.archived(registry) != RECORDS:
        raise AssertionError(f"{site.archived(registry):,} of {RECORDS:,} are in the archive")
    figures.note(f"end to end: {figure}: records/s", RECORDS / seconds, aim)
    for command, its in running.items():
        figures.peak(f"end to end: {command}: peak memory, MB", peak_mb(its.pid))
    figures.peak("end to end: publish (with this benchmark): peak memory, MB", peak_mb(os.getpid()))


def _loaded(site: Site, registry: RegistryDefinition, running: dict[str, Running]) -> bool:
    """Whether all is in the database, and nothing more has come for a while; when it came, its last flush tells."""
    if _missing(site, registry, derived="process" in running):
        return False
    load = running["load"]
    flushed = load.metric(_LAST_FLUSH)
    if load.count("lag") or load.count("waiting"):
        return False
    time.sleep(_SETTLED_S)
    return load.metric(_LAST_FLUSH) == flushed and not load.count("lag") and not load.count("waiting")


def _missing(site: Site, registry: RegistryDefinition, *, derived: bool) -> bool:
    """Whether rows are missing, or values that are through the last of them."""
    archived = site.rows(registry, "SELECT partition, max(version), count() FROM DB.archive GROUP BY partition")
    if sum(int(str(row[2])) for row in archived) < RECORDS:
        return True
    if not derived:
        return False
    progress = site.rows(registry, "SELECT partition, max(version) FROM DB.progress GROUP BY partition")
    return {row[:2] for row in archived} != set(progress)
