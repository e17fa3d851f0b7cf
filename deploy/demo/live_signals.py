"""Signals as they come, told while registrations are still being published."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deploy.words import subject_name
from sinks.clickhouse.errors import DatabaseError
from sinks.clickhouse.generations import GenerationError
from sinks.clickhouse.queries.signals import read_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.signals import StatedSignal

_LOOK_EVERY_S = 0.3


@contextmanager
def signals_told(client: Client, definition: RegistryDefinition, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell each signal when it is raised, or becomes something else, for as long as this lasts."""
    over = threading.Event()
    seen: dict[str, tuple[str, str]] = {}

    def look() -> None:
        try:
            found = read_signals(client, definition).signals
        except (DatabaseError, GenerationError):
            return  # nothing is derived yet
        for one in found:
            # that it was raised may have been missed: what is new in it since is an update
            state = "raised" if one.state == "updated" else one.state
            if seen.get(one.id) != (state, one.level):
                seen[one.id] = (state, one.level)
                tell(_words(definition, one, state))

    def watch() -> None:
        while not over.wait(_LOOK_EVERY_S):
            look()
        look()

    watching = threading.Thread(target=watch, name="signals")
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def _words(definition: RegistryDefinition, signal: StatedSignal, state: str) -> str:
    said = signal.levels[-1]
    name = subject_name(definition, signal.group, signal.product)
    fired = f"; by event date on {said['day']}" if said["day"] else ""
    return (
        f"signal {signal.id} ({name}) is {state}: [bold]{signal.level}[/], {said['observed']} outcomes where "
        f"{said['expected']:.3g} were expected{fired}"
    )
