"""How long a clinic's registration takes to be in what a query returns, at a steady rate: a row, a cell, a signal."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer

from schemas import topics
from tests.support import message, registration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.definition.registry import RegistryDefinition
    from tests.bench.figures import Figures
    from tests.bench.site import Site

_LOOK_S = 0.05
_PATIENCE_S = 60.0
_WARM_S = 5  # of the steady rate, before anything is measured
_PROBE_EVERY_S = 0.125
_PROBE_PATIENTS = 10_000_000
_SEXES = ("female", "male")
_AGES = (50, 60, 70, 80, 90)  # one in each of the bundled age groups
_LABELS = ("<55", "55-64", "65-74", "75-84", "85+")
_FIRST_YEAR = 1970

_DAY_MS = 86_400_000
_DAY_2001 = 11_323  # the first of January
_FAILS_AFTER = 5

_Message = tuple[bytes, bytes]
Cell = tuple[str, str, str]
"""First day of the month, sex, age group."""


@dataclass(frozen=True, slots=True)
class _Probe:
    """A registration whose cell nobody else's registrations are in."""

    cell: Cell
    key: bytes
    value: bytes


def row_freshness(site: Site, figures: Figures) -> None:
    """Publish to a row in the archive, for every registration."""
    rate = min(site.sizes.rates)
    with site.room():
        registry = site.registry("metabolic")
        site.joined(registry, "intake", "load")
        producer = _producer(site)
        messages = [message(registry, "measurement", number) for number in range(rate * (site.sizes.seconds + _WARM_S))]
        sent: dict[tuple[int, int], float] = {}
        seen: dict[tuple[int, int], float] = {}
        reached = dict.fromkeys(range(site.sizes.partitions), -1)

        def look() -> bool:
            found = site.rows(registry, "SELECT partition, max(offset) FROM DB.archive GROUP BY partition")
            now = time.monotonic()
            for row in found:
                partition, offset = int(str(row[0])), int(str(row[1]))
                seen.update(((partition, place), now) for place in range(reached[partition] + 1, offset + 1))
                reached[partition] = max(reached[partition], offset)
            return len(seen) >= len(messages)

        def send(number: int) -> None:
            key, value = messages[number]
            keep = _keep(sent, time.monotonic()) if number >= rate * _WARM_S else _pass
            producer.produce(topics.submitted(registry.name), value, key, on_delivery=keep)
            producer.poll(0)

        _steadily(rate, len(messages), send, look)
        _note(figures, f"publish to row at {rate:,}/s", [seen[place] - at for place, at in sent.items()])


def cell_freshness(site: Site, figures: Figures) -> None:
    """Publish to a changed cell, for some registrations among many; everything runs."""
    for rate in site.sizes.rates:
        with site.room():
            _cells_at(site, figures, rate)


def _cells_at(site: Site, figures: Figures, rate: int) -> None:
    registry = site.registry("hip")
    site.joined(registry, "intake", "process", "load")
    producer = _producer(site)
    *units, probed = registry.catalogues["units"].rows
    count = rate * (site.sizes.seconds + _WARM_S)
    messages = [
        message(registry, "primary_operation", number, unit=units[number % len(units)]) for number in range(count)
    ]
    every = max(1, int(rate * _PROBE_EVERY_S))
    probes = dict(zip(range(rate * _WARM_S, count, every), _probes(registry, probed), strict=False))
    sent: dict[Cell, float] = {}
    seen: dict[Cell, float] = {}
    query = (
        "SELECT toString(period), by[1], by[2] FROM DB.cells FINAL "
        f"WHERE generation = '{registry.generation}' AND cohort = 'primary_operations' AND unit = '{probed}'"
    )

    def look() -> bool:
        found = site.rows(registry, query)
        now = time.monotonic()
        for period, sex, age_group in found:
            seen.setdefault((str(period), str(sex), str(age_group)), now)
        return len(seen) >= len(probes)

    def send(number: int) -> None:
        key, value = messages[number]
        if (probe := probes.get(number)) is not None:
            sent[probe.cell] = time.monotonic()
            key, value = probe.key, probe.value
        producer.produce(topics.submitted(registry.name), value, key)
        producer.poll(0)

    _steadily(rate, count, send, look)
    waits = [seen[cell] - at for cell, at in sent.items()]
    _note(figures, f"publish to cell at {rate:,}/s", waits, "< 500", "< 1,000")


def signal_freshness(site: Site, figures: Figures) -> None:
    """Publish to a signal that can be read, for some reoperations among many operations; everything runs.

    Each probe is one more patient from whom a cup and stem that nobody else has were taken out after a few days: the
    first raises the signal, each further one is in what it says then.
    """
    for rate in site.sizes.rates:
        with site.room():
            _signals_at(site, figures, rate)


def _signals_at(site: Site, figures: Figures, rate: int) -> None:
    registry = site.registry("hip")
    site.joined(registry, "intake", "process", "surveillance", "load")
    producer = _producer(site)
    units = [*registry.catalogues["units"].rows]
    many = rate * (site.sizes.seconds + _WARM_S)
    messages = [_sound(registry, number, units[number % len(units)]) for number in range(many)]
    every = max(1, int(rate * _PROBE_EVERY_S))
    failing = _failing(registry, units[0])
    probes = dict(zip(range(rate * _WARM_S, many, every), failing, strict=False))
    sent: list[float] = []
    seen: list[float] = []

    def look() -> bool:
        found = site.rows(registry, "SELECT max(known[-1].observed) FROM DB.signals WHERE monitor = 'construct'")
        now = time.monotonic()
        seen.extend(now for _ in range(len(seen), int(str(found[0][0]))))
        return len(seen) >= len(probes)

    def send(number: int) -> None:
        key, value = messages[number]
        if (probe := probes.get(number)) is not None:
            operated, (key, value) = probe
            producer.produce(topics.submitted(registry.name), operated[1], operated[0])
            sent.append(time.monotonic())
        producer.produce(topics.submitted(registry.name), value, key)
        producer.poll(0)

    _steadily(rate, many, send, look)
    waits = [at - published for published, at in zip(sent, seen, strict=False)]
    _note(figures, f"publish to signal at {rate:,}/s", waits, "", "< 1,000")


def _sound(registry: RegistryDefinition, number: int, unit: str) -> _Message:
    """An operation of the last year, with what most have; its hip lasts."""
    day = _DAY_2001 - number % 365
    return message(registry, "primary_operation", number, unit=unit, occurred_on=day, recorded_at=(day + 1) * _DAY_MS)


def _failing(registry: RegistryDefinition, unit: str) -> Iterator[tuple[_Message, _Message]]:
    """One patient after the other with one cup and stem: an operation, a year before all others, its reoperation."""
    usual = registration(registry, "primary_operation")
    components = registry.catalogues["components"]
    (cup, *_), (stem, *_) = (sorted(components.codes(kind) - {usual[kind]}) for kind in ("cup", "stem"))
    day = _DAY_2001 - 365
    operated = {"unit": unit, "occurred_on": day, "recorded_at": day * _DAY_MS, "cup": cup, "stem": stem}
    again = {"unit": unit, "occurred_on": day + _FAILS_AFTER, "components_removed": ["cup", "stem"]}
    for number in count(_PROBE_PATIENTS):
        yield (
            message(registry, "primary_operation", number, side="left", **operated),
            message(registry, "reoperation", number, side="left", primary_registration_id=None, **again),
        )


def _probes(registry: RegistryDefinition, unit: str) -> Iterator[_Probe]:
    """One for each month, sex and age group of a unit."""
    number = _PROBE_PATIENTS
    for month in range(12 * 30):
        first = date(_FIRST_YEAR + month // 12, month % 12 + 1, 1)
        for sex in _SEXES:
            for age, label in zip(_AGES, _LABELS, strict=True):
                number += 1
                fields: dict[str, Any] = {"occurred_on": (first - date(1970, 1, 1)).days, "sex": sex, "age": age}
                said = registration(registry, "primary_operation", number, unit=unit, **fields)
                key, value = message(registry, "primary_operation", number, **said)
                yield _Probe((first.isoformat(), sex, label), key, value)


def _steadily(rate: int, count: int, send: Callable[[int], None], look: Callable[[], bool]) -> None:
    """Send so many a second, and look again and again until all has been seen.

    Raises:
        TimeoutError: it has not, long after the last was sent.
    """
    began = looked = time.monotonic()
    number, complete = 0, False
    while not complete:
        due = min(int((time.monotonic() - began) * rate), count)
        for one in range(number, due):
            send(one)
        number = due
        if time.monotonic() - looked > _LOOK_S:
            complete = look() and number >= count
            looked = time.monotonic()
        if looked - began > count / rate + _PATIENCE_S:
            raise TimeoutError("not everything that was published has been seen")
        time.sleep(0.002)


def _producer(site: Site) -> Producer:
    return Producer({**site.kafka, "partitioner": topics.MURMUR2, "linger.ms": 5, "acks": "all"})


def _keep(sent: dict[tuple[int, int], float], at: float) -> Callable[[Any, Any], None]:
    def delivered(error: Any, found: Any) -> None:
        assert error is None, error
        sent[found.partition(), found.offset()] = at

    return delivered


def _pass(error: Any, _: Any) -> None:
    assert error is None, error


def _note(figures: Figures, figure: str, waits: list[float], p50: str = "", p99: str = "") -> None:
    waits = sorted(waits)
    figures.note(f"{figure}: p50 ms", 1000 * statistics.median(waits), p50)
    figures.note(f"{figure}: p99 ms", 1000 * waits[int(0.99 * len(waits))], p99)
