"""What the processes say of themselves, by HTTP: whether they are well, what waits, what went wrong last.

Each answers at its ``/health`` (JSON) and, at the same address, ``/metrics`` (Prometheus). One that does not answer in
time is not well; nobody waits for it longer.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client.samples import Sample

_PATIENCE_S = 0.7
_NOT_WELL = 503
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Process:
    """One process.

    Attributes:
        name: as the deployment calls it.
        kind: "intake", "process", "surveillance", "load"; empty where it does not answer.
        registry: the one that it works for; empty where it works for several, or does not answer.
        healthy: whether it says that it is well.
        lag: messages that it has yet to take; None where it does not answer.
        caught_up: whether it has nothing left to do.
        last_error: the latest failure, also of what went well the next time.
        stopped: by registry, what the stop switch says, as far as it knows.
        partitions: by partition, what is happening to it.
        waiting: by topic or registry and partition, what it has yet to take.
        dead_letters: how many messages it has given up since it started, by topic where it knows.
    """

    name: str
    kind: str = ""
    registry: str = ""
    healthy: bool = False
    lag: int | None = None
    caught_up: bool = False
    last_error: str = ""
    stopped: Mapping[str, str] = field(default_factory=dict)
    partitions: Mapping[int, str] = field(default_factory=dict)
    waiting: Mapping[tuple[str, int], int] = field(default_factory=dict)
    dead_letters: Mapping[str, int] = field(default_factory=dict)


def read_processes(addresses: Mapping[str, str]) -> list[Process]:
    """Ask every process, all at once.

    Args:
        addresses: where each answers ``/health``, by name.
    """
    if not addresses:
        return []
    with ThreadPoolExecutor(min(len(addresses), _AT_ONCE)) as pool:
        return list(pool.map(_read, addresses.items()))


def of_registry(processes: Iterable[Process], registry: str) -> list[Process]:
    """The processes that have to do with a registry, those that do not answer among them."""
    return [one for one in processes if one.registry in ("", registry)]


def _read(named: tuple[str, str]) -> Process:
    name, address = named
    health = _health(address)
    if health is None:
        return Process(name)
    lag, error, stopped = health.get("lag"), health.get("last_error"), health.get("stopped")
    samples = list(_samples(urlsplit(address)._replace(path="/metrics").geturl()))
    return Process(
        name=name,
        kind=_text(health.get("process")),
        registry=_text(health.get("registry")),
        healthy=health.get("healthy") is True,
        lag=lag if isinstance(lag, int) else None,
        caught_up=health.get("caught_up", lag == 0) is True,
        last_error="" if error is None else str(error),
        stopped={str(key): str(value) for key, value in stopped.items()} if isinstance(stopped, dict) else {},
        partitions=_partitions(health.get("partitions")),
        waiting=dict(_waiting(samples)),
        dead_letters=_dead_letters(samples),
    )


def _health(address: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE_S) as answer:  # noqa: S310 - http, from our own settings  # nosec B310
            return _said(answer)
    except urllib.error.HTTPError as error:
        with error:
            return _said(error) if error.code == _NOT_WELL else None
    except (OSError, ValueError):
        return None


def _said(answer: IO[bytes]) -> dict[str, Any] | None:
    try:
        return dict(json.load(answer))
    except (OSError, ValueError, TypeError):
        return None


def _samples(address: str) -> Iterator[Sample]:
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE_S) as answer:  # noqa: S310 - likewise  # nosec B310
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            yield from family.samples
    except (OSError, ValueError):
        return


def _waiting(samples: Sequence[Sample]) -> Iterator[tuple[tuple[str, int], int]]:
    for one in samples:
        if one.name.endswith("_lag") and "partition" in one.labels:
            of = one.labels.get("topic") or one.labels.get("registry") or ""
            yield (of, int(one.labels["partition"])), int(one.value)


def _dead_letters(samples: Sequence[Sample]) -> dict[str, int]:
    return {
        one.labels.get("topic", ""): int(one.value)
        for one in samples
        if one.name.endswith("_dead_letters_total") and one.value
    }


def _partitions(said: object) -> dict[int, str]:
    return {int(number): str(words) for number, words in said.items()} if isinstance(said, dict) else {}


def _text(said: object) -> str:
    return said if isinstance(said, str) else ""
