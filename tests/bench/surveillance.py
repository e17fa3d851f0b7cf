"""Surveillance alone, without a broker: a national history with all monitors of the hip register, then live steps."""

from __future__ import annotations

import time
from itertools import repeat
from statistics import median
from typing import TYPE_CHECKING

from schemas.definition.folder import load_registries
from streams.surveillance.declared import watched_by
from streams.worker.garbage import seldom_collected
from streams.worker.surveillance import Surveillance
from tests.bench.national import GROUPS, History, Plan

if TYPE_CHECKING:
    from tests.bench.figures import Figures
    from tests.bench.site import Site

_BULK, _LIVE, _STEPS = 20_000, 100, 100  # registrations in a transaction, and how many of the small ones


def surveillance(site: Site, figures: Figures) -> None:
    """Processor time of decoding and steps; what Kafka and the store take comes on top of it."""
    history = History(Plan())
    definition = load_registries()["hip"]
    registered = sum(1 for _ in history.registered())
    whole, rest = divmod(registered - _STEPS * _LIVE, _BULK)
    for _ in range(site.sizes.rounds):
        work = Surveillance("hip", definition.generation, watched_by(definition))
        took: dict[int, list[float]] = {_BULK: [], _LIVE: []}
        sizes = [*repeat(_BULK, whole), rest, *repeat(_LIVE, _STEPS)]
        with seldom_collected():
            for size, messages in zip(sizes, history.messages(definition.generation, sizes), strict=True):
                began = time.process_time()
                work.step(0, [(0, work.decode(one)) for one in messages], -1, lambda keys: [None for _ in keys])
                took[_LIVE if size == _LIVE else _BULK].append(time.process_time() - began)
        figures.note("surveillance: 20 years of 300,000 operations, s of one core", sum(took[_BULK]), "< 60")
        figures.note("surveillance: registrations/s per core", (registered - _STEPS * _LIVE) / sum(took[_BULK]))
        per_monitor = sorted(one / len(GROUPS) * 1000 for one in took[_LIVE])
        figures.note("surveillance: a live step of 100 registrations, ms a monitor", median(per_monitor), "< 40")
        figures.note("surveillance: the slowest of 100 live steps, ms a monitor", per_monitor[-1])
