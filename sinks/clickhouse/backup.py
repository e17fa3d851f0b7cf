"""Backups of a registry: ClickHouse's own, and its long memory as files that any Avro library reads.

From the archive all that is worked out of registrations comes back: import it, restore the log from it, and let the
loader fill the form tables. What was said and done is worked out of nothing, and topics forget it: what surveillance
stated and when, what people decided of it and how it stands with carriers, what units counted, who read what. So these
histories are files of the same folder.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import structlog

from sinks.clickhouse import sql
from sinks.clickhouse.archive import partitions
from sinks.clickhouse.errors import StatementError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)

_PLACE = re.compile(r"^(Disk|File|S3|AzureBlobStorage)\(.+\)$", re.DOTALL)
_PIECE = 1 << 20
_MANIFEST = "manifest.json"
_ARCHIVE = "archive"
_COLUMNS = (
    "partition", "epoch", "offset", "submitted_at", "form", "schema_id", "patient", "registration_id", "payload",
)  # fmt: skip
_HISTORIES = (
    "signals", "pair_signals", "signal_lives", "reviews", "erased_reviews", "erased", "unit_counts", "access_log",
)  # fmt: skip
_FILE_SETTINGS = "output_format_avro_codec = 'deflate', output_format_avro_string_column_pattern"
_ARCHIVE_TEXTS = "^(form|patient|registration_id)$"  # what every Avro library reads: text as text, the payload as bytes


class BackupError(Exception):
    """A backup cannot be made or used; the message says why."""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file of an export.

    Attributes:
        name: the file's name.
        rows: how many are in it; of the archive, accepted submissions.
        sha256: of the file.
        partition: of the archive, which partition; else None.
        highest_version: of the archive, the highest in it; else None.
        table: of which rows it has.
        columns: of these.
    """

    name: str
    rows: int
    sha256: str
    partition: int | None = None
    highest_version: int | None = None
    table: str = _ARCHIVE
    columns: Sequence[str] = _COLUMNS


def backup(client: Client, registry: str, place: str) -> None:
    """Let ClickHouse back up a registry's whole database, consistently, while it works.

    Args:
        client: the way to ClickHouse.
        registry: whose database.
        place: where to, in ClickHouse's words: ``File('name')``, ``Disk('backups', 'name')``, ``S3(…)``.

    Raises:
        BackupError: the place is no such words, or the server has no backups, or cannot write there.
        DatabaseUnavailableError: it does not answer.
    """
    _run(client, f"BACKUP DATABASE {sql.identifier(sql.database_of(registry))} TO {_checked(place)}")


def restore_backup(client: Client, registry: str, place: str) -> None:
    """Bring a registry's whole database back; there must be none of its name, or an empty one.

    Raises:
        BackupError: as ``backup``, or there are tables already.
        DatabaseUnavailableError: the server does not answer.
    """
    _run(client, f"RESTORE DATABASE {sql.identifier(sql.database_of(registry))} FROM {_checked(place)}")


def export(client: Client, registry: str, folder: Path) -> list[ExportedFile]:
    """Write a registry's long memory as it stands, and a manifest.

    Of the archive an Avro file per partition, in order; of each history one, where it has anything.

    Raises:
        BackupError: the folder is not empty.
        DatabaseError: a table cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty: export to a folder of its own")
    exported = [_export_partition(client, registry, folder, place) for place in partitions(client, registry)]
    exported += [one for table in _HISTORIES if (one := _export_history(client, registry, folder, table)).rows]
    manifest = {"registry": registry, "files": [asdict(one) for one in exported]}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return exported


def import_export(client: Client, registry: str, folder: Path) -> dict[str, int]:
    """Put what was exported into a migrated registry's tables; what is there already stays.

    Of persons who opted out since it was exported, what comes back goes again with the next erasure.

    Returns:
        By table, how many rows the files hold; of the archive, accepted submissions.

    Raises:
        BackupError: the folder is another registry's export, or a file is missing or has changed; nothing
            was imported then.
        DatabaseError: the database does not answer, or is not migrated.
    """
    files = _read_manifest(registry, folder)
    held: dict[str, int] = {}
    for one in files:
        target = f"{sql.table(sql.database_of(registry), one.table)} ({_named(one.columns)})"
        client.insert(target, _pieces(folder / one.name), "Avro")
        held[one.table] = held.get(one.table, 0) + one.rows
        log.info("imported", registry=registry, file=one.name, rows=one.rows)
    return held


def _checked(place: str) -> str:
    if not _PLACE.match(place):
        raise BackupError(f"{place} is no place for a backup: write File('name'), Disk('disk', 'name') or S3(…)")
    return place


def _run(client: Client, statement: str) -> None:
    try:
        client.command(statement)
    except StatementError as error:
        raise BackupError(
            f"{error}\nWhere the server is not set up for backups, export the archive to files instead"
        ) from error


def _export_partition(client: Client, registry: str, folder: Path, partition: int) -> ExportedFile:
    archive = sql.table(sql.database_of(registry), "archive")
    here = f"FROM {archive} FINAL WHERE partition = {partition:d}"
    # what is loaded meanwhile has higher versions, so the file holds all up to one version and no more
    highest = client.rows(f"SELECT max(version) {here}")[0][0]
    until = f"{here} AND version <= {highest:d}"
    rows = client.rows(f"SELECT count() {until}")[0][0]
    name = f"{_ARCHIVE}-{partition:04d}.avro"
    digest = _write(client, f"SELECT {_named(_COLUMNS)} {until} ORDER BY version", _ARCHIVE_TEXTS, folder / name)
    return ExportedFile(name, rows, digest, partition, highest)


def _export_history(client: Client, registry: str, folder: Path, table: str) -> ExportedFile:
    """A history, which no partition of the log has as a whole; no file where it has no rows."""
    name, database = f"{table}.avro", sql.database_of(registry)
    found = client.rows(
        "SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String} "
        "AND default_kind NOT IN ('MATERIALIZED', 'ALIAS') ORDER BY position",
        {"database": database, "table": table},
    )
    columns = [column for (column,) in found]
    rows = client.rows(f"SELECT count() FROM {sql.table(database, table)} FINAL")[0][0]
    if not rows:
        return ExportedFile(name, 0, "", table=table, columns=columns)
    digest = _write(client, f"SELECT {_named(columns)} FROM {sql.table(database, table)} FINAL", ".*", folder / name)
    return ExportedFile(name, rows, digest, table=table, columns=columns)


def _named(columns: Sequence[str]) -> str:
    return ", ".join(map(sql.identifier, columns))


def _write(client: Client, select: str, texts: str, path: Path) -> str:
    """Write what is selected as a file, columns that match a pattern as texts; its checksum."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for piece in client.read_format(f"{select} SETTINGS {_FILE_SETTINGS} = '{texts}'", "Avro"):
            file.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def _read_manifest(registry: str, folder: Path) -> list[ExportedFile]:
    path = folder / _MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = [ExportedFile(**one) for one in manifest["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path} cannot be read, so {folder} is no whole export: {error}") from error
    if strange := {one.table for one in files} - {_ARCHIVE, *_HISTORIES}:
        raise BackupError(
            f"{path} speaks of {', '.join(sorted(strange))}, which is not known here: use a newer version"
        )
    if manifest["registry"] != registry:
        raise BackupError(f"{folder} is an export of registry {manifest['registry']}, not of {registry}")
    for one in files:
        try:
            found = hashlib.sha256()
            for piece in _pieces(folder / one.name):
                found.update(piece)
        except OSError as error:
            raise BackupError(f"{folder / one.name}: {error.strerror}") from error
        if found.hexdigest() != one.sha256:
            raise BackupError(f"{folder / one.name} is not as it was exported: its checksum differs")
    return files


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
