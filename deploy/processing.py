"""The wiring of `guldadra process`: journeys on a worker with Faust, beside the archive that fills a new generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy.logbook import make_changelog
from schemas.topics import journeys_changelog
from sinks.clickhouse.archive import read_archive
from sinks.clickhouse.restore import batches
from streams.journeys.core import JourneyCore
from streams.worker.app import GroupOptions
from streams.worker.journeys import Journeys
from streams.worker.worker import Worker, WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from streams.worker.work import Work


def journeys_worker(settings: Settings, definition: RegistryDefinition) -> Worker:
    """A worker of the registry's journeys, as its definitions are now; its changelog is made where it is missing.

    Raises:
        LogError: the registry has no log, or the changelog is not as it must be.
        SettingsError: no broker is set.
    """
    make_changelog(settings.kafka_config(), definition.name, journeys_changelog(definition.name, definition.generation))

    def archive(partition: int, after: int, below: int | None) -> Iterator[bytes]:
        with settings.clickhouse() as client:
            archived = read_archive(client, definition.name, partition=partition, after=after, below=below)
            yield from (batch for _, _, batch in batches(definition.name, archived))

    work = Journeys(definition.name, definition.generation, JourneyCore(definition), archive)
    return worker_of(settings, work)


def worker_of(settings: Settings, work: Work[Any]) -> Worker:
    """A worker of some work, as the settings say."""
    group = GroupOptions(
        instance=settings.instance if settings.static_membership else None,
        session_timeout=settings.session_timeout_s,
        heartbeat=settings.session_timeout_s / 6,
        rebalance_timeout=settings.session_timeout_s if settings.static_membership else settings.session_timeout_s / 2,
    )
    return Worker(
        settings.kafka_config(),
        work,
        WorkerOptions(
            group=group,
            folder=settings.state,
            memory=settings.state_memory_mb << 20,
            one_transaction=settings.one_transaction,
        ),
    )
