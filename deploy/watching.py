"""The wiring of `guldadra surveillance`: what watches products and pairs, on a worker with Faust.

A module of its own, for the statistics are long to load, and journeys need none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from deploy.certificates import certificates_of
from deploy.generations import begin_surveillance, keeps_anything
from deploy.logbook import make_changelog
from deploy.processing import worker_of
from deploy.settings import SettingsError
from schemas.topics import surveillance_changelog
from sinks.clickhouse.errors import DatabaseError
from sinks.clickhouse.former_signals import present_life
from sinks.clickhouse.queries.reviews import read_verdicts
from sinks.clickhouse.queries.standing import read_told
from streams.confirmed import ConfirmedReader
from streams.surveillance.bins import Exposure
from streams.surveillance.declared import pairs_watched_by, watched_by
from streams.worker.exposures import Archived
from streams.worker.surveillance import Surveillance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from streams.surveillance.declared import Watched
    from streams.surveillance.pair_watch import WatchedPairs
    from streams.worker.worker import Worker

log = structlog.get_logger(__name__)


def surveillance_worker(settings: Settings, definition: RegistryDefinition) -> Worker:
    """A worker of the registry's surveillance, as its monitors are now; its changelog is made where it is missing.

    Raises:
        LogError: the registry has no log, the changelog is not as it must be, or signals of a former life are not in
            the database yet.
        SettingsError: no broker is set, the registry has no monitors, or one or its certificate is not as it must be.
        KafkaException: the broker does not answer, or the topic of reviews is missing.
        DatabaseError: there is nothing kept, and the database does not answer whether there are former signals, and
            what was said of them.
    """
    try:
        monitors: dict[str, Watched | WatchedPairs] = {**watched_by(definition), **pairs_watched_by(definition)}
    except ValueError as error:
        raise SettingsError(f"{definition.name}, monitors.yaml, {error}") from error
    if not monitors:
        raise SettingsError(
            f"registry {definition.name} watches nothing: its monitors.yaml declares neither monitors nor "
            "disproportionality"
        )
    certificates = certificates_of(definition)
    if certificates.problems:
        raise SettingsError("\n".join(certificates.problems.values()))
    others = [f"monitor {name}, {certificates.words(name)}" for name in certificates.differing]
    for words in (*certificates.missing.values(), *others):
        log.warning(words, registry=definition.name)
    kafka = settings.kafka_config()
    make_changelog(kafka, definition.name, surveillance_changelog(definition.name, definition.generation))
    begin_surveillance(settings, definition.name, definition.generation)
    reviews = ConfirmedReader(kafka, definition.name, _said_before(settings, definition))

    def archive(group: str) -> Iterator[Archived]:
        with settings.clickhouse() as client:
            told = read_told(client, definition.name, definition.generation, group, Exposure._fields)
        for partition, version, patient, registration_id, *state in told:
            exposure = Exposure(*state)
            with_strata = exposure._replace(by=tuple(exposure.by))
            yield Archived(group, partition, version, patient, registration_id, with_strata)

    def life() -> int:
        if not settings.clickhouse_url:
            return 0
        with settings.clickhouse() as client:
            return present_life(client, definition.name, definition.generation)

    work = Surveillance(definition.name, definition.generation, monitors, reviews.said, archive, life=life)
    return worker_of(settings, work)


def _said_before(settings: Settings, definition: RegistryDefinition) -> list[tuple[str, str, str]]:
    """Decisions of all time, for their topic forgets; whoever has kept anything knows the old ones, and can do without.

    Raises:
        DatabaseError: nothing is kept, and the database does not answer.
    """
    if not settings.clickhouse_url:
        return []
    kept = keeps_anything(settings.kafka_config(), definition.name, definition.generation)
    with settings.clickhouse() as client:
        try:
            return read_verdicts(client.with_patience(0.0) if kept else client, definition.name)
        except DatabaseError as error:
            if not kept:
                raise
            log.warning("what was confirmed long ago is known from what was kept alone", error=str(error))
            return []
