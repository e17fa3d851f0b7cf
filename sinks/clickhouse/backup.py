"""Backups of a registry: ClickHouse's own, and the archive as files that any Avro library reads.

The archive is the only long memory. From it alone everything else comes back: import it, restore the
log from it, and let the loader fill the form tables.
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
    from collections.abc import Iterator
    from pathlib import Path

    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)

_PLACE = re.compile(r"^(Disk|File|S3|AzureBlobStorage)\(.+\)$", re.DOTALL)
_PIECE = 1 << 20
_MANIFEST = "manifest.json"
_COLUMNS = "partition, epoch, offset, submitted_at, form, schema_id, patient, registration_id, payload"
_FILE_SETTINGS = (  # what every Avro library reads: text as text, the payload as bytes
    "output_format_avro_codec = 'deflate', "
    "output_format_avro_string_column_pattern = '^(form|patient|registration_id)$'"
)


class BackupError(Exception):
    """A backup cannot be made or used; the message says why."""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One partition of an exported archive.

    Attributes:
        name: the file's name.
        partition: the partition.
        rows: accepted submissions in it.
        highest_version: of them.
        sha256: of the file.
    """

    name: str
    partition: int
    rows: int
    highest_version: int
    sha256: str


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


def export_archive(client: Client, registry: str, folder: Path) -> list[ExportedFile]:
    """Write a registry's archive as it stands: an Avro file per partition, in order, and a manifest.

    Raises:
        BackupError: the folder is not empty.
        DatabaseError: the archive cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty: export to a folder of its own")
    exported = [_export_partition(client, registry, folder, place) for place in partitions(client, registry)]
    manifest = {"registry": registry, "files": [asdict(one) for one in exported]}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return exported


def import_archive(client: Client, registry: str, folder: Path) -> int:
    """Put an exported archive into a migrated registry's archive; what is there already stays.

    Returns:
        How many accepted submissions the files hold.

    Raises:
        BackupError: the folder is another registry's export, or a file is missing or has changed; nothing
            was imported then.
        DatabaseError: the database does not answer, or is not migrated.
    """
    files = _read_manifest(registry, folder)
    target = f"{sql.table(sql.database_of(registry), 'archive')} ({_COLUMNS})"
    for one in files:
        client.insert(target, _pieces(folder / one.name), "Avro")
        log.info("imported", registry=registry, file=one.name, rows=one.rows)
    return sum(one.rows for one in files)


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
    name = f"archive-{partition:04d}.avro"
    digest = hashlib.sha256()
    select = f"SELECT {_COLUMNS} {until} ORDER BY version SETTINGS {_FILE_SETTINGS}"
    with (folder / name).open("wb") as file:
        for piece in client.read_format(select, "Avro"):
            file.write(piece)
            digest.update(piece)
    return ExportedFile(name, partition, rows, highest, digest.hexdigest())


def _read_manifest(registry: str, folder: Path) -> list[ExportedFile]:
    path = folder / _MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = [ExportedFile(**one) for one in manifest["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path} cannot be read, so {folder} is no whole export: {error}") from error
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
