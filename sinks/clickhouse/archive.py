"""Questions to the archive: how much it holds, what came twice, and all of it in the order of its versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from schemas.version import MAX_VERSION, OffsetRange, version_of
from sinks.clickhouse import sql
from sinks.clickhouse.migrations.forms import rows_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

_SLICE_ROWS = 20_000
# Beyond this ClickHouse goes on on disk: the archive is larger than memory, sooner or later.
_SPILL = (
    "SETTINGS max_bytes_before_external_group_by = 200000000, max_bytes_before_external_sort = 200000000, "
    "max_bytes_ratio_before_external_group_by = 0, max_bytes_ratio_before_external_sort = 0"
)


@dataclass(frozen=True, slots=True)
class ArchiveCounts:
    """What a registry's archive holds.

    Attributes:
        archived: accepted submissions.
        registrations: how many registrations they are submissions of.
        duplicates: submissions equal to the one before them of the same registration.
        corrected: submissions that change the one before them, withdrawals among them.
        retracted: registrations that are withdrawn as things stand.
        highest: the highest version of each partition.
    """

    archived: int
    registrations: int
    duplicates: int
    corrected: int
    retracted: int
    highest: Mapping[int, int]


class Archived(NamedTuple):
    """One accepted submission as it was; ``submitted_at`` in milliseconds since 1970."""

    partition: int
    epoch: int
    offset: int
    submitted_at: int
    form: str
    schema_id: int
    patient: str
    registration_id: str
    payload: bytes


def counts(client: Client, definition: RegistryDefinition) -> ArchiveCounts:
    """Count a registry's archive.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    database = sql.database_of(definition.name)
    highest = client.rows(
        f"SELECT partition, max(version) FROM {sql.table(database, 'archive')} GROUP BY partition ORDER BY partition"
    )
    archived, duplicates, registrations = client.rows(
        f"SELECT count(), countIf(repeats), countIf(number = 1) FROM ({_in_order(database)}) {_SPILL}"
    )[0]
    retracted = sum(
        client.rows(
            f"SELECT count() FROM {sql.table(database, rows_table(form.name))} FINAL "
            f"WHERE {sql.identifier(form.name_of('retracted'))}"
        )[0][0]
        for form in definition.forms.values()
    )
    return ArchiveCounts(
        archived=archived,
        registrations=registrations,
        duplicates=duplicates,
        corrected=archived - registrations - duplicates,
        retracted=retracted,
        highest=dict(highest),
    )


def archived_in(client: Client, registry: str, ranges: Iterable[OffsetRange]) -> int:
    """How many of the submissions in these ranges are in the archive, or were until they were erased.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    database = sql.database_of(registry)
    inside = _inside(ranges)
    places = " UNION ALL ".join(
        f"SELECT partition, version FROM {sql.table(database, name)} WHERE {inside}" for name in ("archive", "erased")
    )
    found: int = client.rows(f"SELECT uniqExact(partition, version) FROM ({places})")[0][0]
    return found


def duplicates_in(client: Client, registry: str, ranges: Iterable[OffsetRange]) -> int:
    """How many of the submissions in these ranges equal the one before them of the same registration.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    database = sql.database_of(registry)
    inside = _inside(ranges)
    who = f"SELECT patient, registration_id FROM {sql.table(database, 'archive')} WHERE {inside}"
    ordered = _in_order(database, f"(patient, registration_id) IN ({who})")
    found: int = client.rows(f"SELECT countIf(repeats AND ({inside})) FROM ({ordered}) {_SPILL}")[0][0]
    return found


def highest_epoch(client: Client, registry: str) -> int | None:
    """The latest life of the log that left anything, accepted or refused; None where none did."""
    database = sql.database_of(registry)
    found: int | None = client.rows(
        "SELECT max(epoch) FROM ("
        f"SELECT maxOrNull(epoch) AS epoch FROM {sql.table(database, 'archive')} UNION ALL "
        f"SELECT maxOrNull(epoch) AS epoch FROM {sql.table(database, 'receipts')})"
    )[0][0]
    return found


def partitions(client: Client, registry: str) -> list[int]:
    """The partitions that the archive has submissions of."""
    archive = sql.table(sql.database_of(registry), "archive")
    return [row[0] for row in client.rows(f"SELECT DISTINCT partition FROM {archive} ORDER BY partition")]


def read_archive(
    client: Client,
    registry: str,
    *,
    partition: int | None = None,
    after: int = -1,
    below: int | None = None,
    slice_rows: int = _SLICE_ROWS,
) -> Iterator[Archived]:
    """Every accepted submission once, partition by partition, in the order of the versions.

    It is read in slices, by the table's own order, so memory is that of one slice however much there is.

    Args:
        client: the way to ClickHouse.
        registry: whose archive.
        partition: the only one to read; all of them where none is given.
        after: only versions above this one.
        below: only versions below this one; no bound where none is given.
        slice_rows: how many to read at once.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    bounds = (after + 1, MAX_VERSION if below is None else below - 1)
    for place in partitions(client, registry) if partition is None else [partition]:
        yield from _read_partition(client, registry, place, bounds, slice_rows)


def _read_partition(
    client: Client, registry: str, partition: int, bounds: tuple[int, int], slice_rows: int
) -> Iterator[Archived]:
    query = (
        "SELECT version, partition, epoch, offset, toUnixTimestamp64Milli(submitted_at), form, schema_id, "
        f"patient, registration_id, payload FROM {sql.table(sql.database_of(registry), 'archive')} "
        "WHERE partition = {partition:UInt16} AND version BETWEEN {first:UInt64} AND {last:UInt64} "
        "ORDER BY partition, version LIMIT {rows:UInt32}"
    )
    first, last = bounds
    while True:
        parameters = {"partition": partition, "first": first, "last": last, "rows": slice_rows}
        rows = client.rows(query, parameters, binary=["payload"])
        for version, *fields in rows:
            # without FINAL, which would read the rest of the partition for every slice, a row that was
            # inserted again stands behind itself
            if version >= first:
                first = version + 1
                yield Archived(*fields)
        if len(rows) < slice_rows:
            return


def _in_order(database: str, where: str = "1") -> str:
    """Submissions with their number within the registration, and whether they repeat the one before."""
    return (
        "SELECT partition, version, row_number() OVER one AS number, "
        "number > 1 AND content = lagInFrame(content) OVER one AS repeats FROM ("
        "SELECT partition, version, patient, registration_id, sipHash128(form, schema_id, payload) AS content "
        f"FROM {sql.table(database, 'archive')} FINAL WHERE {where}) "
        "WINDOW one AS (PARTITION BY patient, registration_id ORDER BY version "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )


def _inside(ranges: Iterable[OffsetRange]) -> str:
    """The condition that an archived submission lies in one of the ranges."""
    conditions = [
        f"(partition = {one.partition} AND version BETWEEN {version_of(one.epoch, one.first_offset)} "
        f"AND {version_of(one.epoch, one.last_offset)})"
        for one in _joined(ranges)
    ]
    return " OR ".join(conditions) or "0"


def _joined(ranges: Iterable[OffsetRange]) -> list[OffsetRange]:
    """The same submissions in as few ranges as there can be."""
    joined: list[OffsetRange] = []
    for one in sorted(ranges):
        last = joined[-1] if joined else None
        if last and last[:2] == one[:2] and one.first_offset <= last.last_offset + 1:
            joined[-1] = last._replace(last_offset=max(last.last_offset, one.last_offset))
        else:
            joined.append(one)
    return joined
