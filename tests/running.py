"""Our processes beside a test, in threads: their failures are the test's."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from schemas.store import BundledStore
from streams.intake.brake import BrakeLimits
from streams.intake.loop import Intake, IntakeOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.definition.registry import RegistryDefinition
    from schemas.store import SchemaStore
    from streams.control import KafkaConfig

OFF = BrakeLimits(consecutive=0, share=0)


@contextmanager
def working(*processes: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run processes beside the test, and hear of their failures."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def work(process: Callable[[threading.Event], None]) -> None:
        try:
            process(stop)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(process,)) for process in processes]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
        if failures:
            raise failures[0]


def intake_of(
    kafka: KafkaConfig,
    *registries: RegistryDefinition,
    brake: BrakeLimits = OFF,
    store: SchemaStore | None = None,
    static: bool = False,
) -> Intake:
    """Intake of some registries, in a group of the first one's name."""
    definitions = {definition.name: definition for definition in registries}
    name = registries[0].name
    options = IntakeOptions(name, group=f"intake-{name}", brake=brake, session_timeout_ms=3_000, static=static)
    return Intake(kafka, definitions, store or BundledStore(definitions), options)


@contextmanager
def running_intake(
    kafka: KafkaConfig, *registries: RegistryDefinition, brake: BrakeLimits = OFF, store: SchemaStore | None = None
) -> Iterator[Intake]:
    """Intake of some registries, running beside the test."""
    intake = intake_of(kafka, *registries, brake=brake, store=store)
    with working(intake.run):
        yield intake
