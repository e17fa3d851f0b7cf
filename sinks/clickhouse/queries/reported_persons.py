"""The registrations that reports are made of, person by person, as the archive has them; who opted out is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import structlog

from schemas.codec import NotARegistrationError
from schemas.store import known_versions
from sinks.agency.registered import Person, Registered, persons
from sinks.clickhouse import sql
from sinks.clickhouse.migrations.opt_outs import counts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)


class Changed(NamedTuple):
    """Whose registrations have come.

    Attributes:
        persons: their pseudonyms.
        reached: by partition, the version that was seen last.
    """

    persons: list[str]
    reached: Mapping[int, int]


def read_changed(
    client: Client,
    definition: RegistryDefinition,
    read: Collection[str],
    reported: Collection[str],
    after: Mapping[int, int],
) -> Changed:
    """Who has a registration of a form that is reported, and one since that reports are made of.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        read: the forms that reports are made of.
        reported: those among them that are reported.
        after: by partition, the version that was seen last; of a partition that is not named everything is new.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    archive = sql.table(sql.database_of(definition.name), "archive")
    known = ", ".join(map(str, after)) or "-1"
    later = [f"(partition = {partition} AND version > {version})" for partition, version in after.items()]
    newer = " OR ".join([f"partition NOT IN ({known})", *later])
    new = f"form IN ({_texts(read)}) AND ({newer})"
    found = dict(client.rows(f"SELECT partition, max(version) FROM {archive} WHERE {new} GROUP BY partition"))
    if not found:
        return Changed([], after)
    whom = client.rows(
        f"SELECT DISTINCT patient FROM {archive} WHERE form IN ({_texts(reported)}) "
        f"AND patient IN (SELECT patient FROM {archive} WHERE {new}) ORDER BY patient"
    )
    return Changed([patient for (patient,) in whom], {**after, **found})


def read_persons(
    client: Client, definition: RegistryDefinition, read: Collection[str], patients: Sequence[str]
) -> Iterator[Person]:
    """The persons with all that they count of those forms; none of one who has opted out.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    database = sql.database_of(definition.name)
    versions = known_versions(definition)
    rows = client.rows(
        "SELECT DISTINCT partition, version, form, schema_id, patient, registration_id, "
        f"toUnixTimestamp64Milli(submitted_at), payload FROM {sql.table(database, 'archive')} "
        f"WHERE patient IN {{patients:Array(String)}} AND form IN ({_texts(read)}) "
        f"AND {counts(database, 'patient', 'version')}",
        {"patients": list(patients)},
        binary=["payload"],
    )

    def registered() -> Iterator[tuple[str, Registered]]:
        for partition, version, form, schema_id, patient, registration_id, submitted_at, payload in rows:
            try:
                record = versions[schema_id].decode(payload)
            except (KeyError, NotARegistrationError) as error:
                why = type(error).__name__
                log.warning("a registration cannot be read, left out", place=(partition, version), why=why)
                continue
            yield patient, Registered(form, registration_id, version, submitted_at, record)

    yield from persons(registered())


def _texts(names: Collection[str]) -> str:
    return ", ".join(map(sql.text, sorted(names)))
