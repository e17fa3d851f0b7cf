"""Numbered migrations: SQL files, applied once per database, in order, and taken back in reverse.

``<set>/<number>_<name>.up.sql`` and ``….down.sql``, of the sets ``registry`` and ``platform``; ``$database`` stands for
the database, statements end with a semicolon at the end of a line, and ``-- loses data`` in a down file says that it
does.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.migrations.step import MigrationError, Step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from importlib.resources.abc import Traversable

    from sinks.clickhouse.client import Client

_UP = re.compile(r"^(\d{4})_(\w+)\.up\.sql$")
_LOSES_DATA = "-- loses data"
_RECORDS = (
    "(number UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) "
    "ENGINE = ReplacingMergeTree ORDER BY number COMMENT 'Migrations applied to this database'"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered change to a database, both ways."""

    number: int
    name: str
    up: str
    down: str

    @property
    def label(self) -> str:
        """Number and name, as the files have them."""
        return f"{self.number:04d} {self.name}"

    @property
    def checksum(self) -> str:
        """The SHA-256 of both texts: an applied migration must stay as it was."""
        return hashlib.sha256(f"{self.up}\0{self.down}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Applied:
    """What a database says of a migration that was applied to it."""

    number: int
    name: str
    checksum: str
    applied_at: datetime


def read_platform_migrations() -> tuple[Migration, ...]:
    """The migrations of the platform's own database, by number; raises as ``read_migrations``."""
    return read_migrations(files("sinks.clickhouse.migrations") / "platform")


def read_migrations(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """The migrations of registries' databases, by number.

    Raises:
        MigrationError: a number is missing or doubled, or a migration has no way back.
    """
    place = folder if folder is not None else files("sinks.clickhouse.migrations") / "registry"
    found = []
    for path in sorted(place.iterdir(), key=lambda path: path.name):
        match = _UP.match(path.name)
        if match is None:
            continue
        down = place / path.name.replace(".up.sql", ".down.sql")
        if not down.is_file():
            raise MigrationError(f"{path.name} has no {down.name}: every migration can be taken back")
        found.append(
            Migration(
                int(match[1]),
                match[2],
                path.read_text(encoding="utf-8"),
                down.read_text(encoding="utf-8"),
            )
        )
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise MigrationError(f"{place}: the migrations' numbers are {numbers}, and must be 1, 2, 3, …")
    return tuple(found)


def read_applied(client: Client, database: str) -> tuple[Applied, ...]:
    """What has been applied to a database, by number; nothing where it is not there."""
    here = client.rows(
        "SELECT 1 FROM system.tables WHERE database = {database:String} AND name = 'migrations'",
        {"database": database},
    )
    if not here:
        return ()
    rows = client.rows(
        f"SELECT number, name, checksum, applied_at FROM {sql.table(database, 'migrations')} FINAL ORDER BY number"
    )
    return tuple(Applied(*row) for row in rows)


def up_steps(database: str, migrations: Sequence[Migration], applied: Sequence[Applied]) -> list[Step]:
    """What is left to apply, the database itself included.

    Raises:
        MigrationError: what was applied is not what the files say.
    """
    _refuse_differences(database, migrations, applied)
    done = {one.number for one in applied}
    steps = [] if done else [_creation(database)]
    for migration in migrations:
        if migration.number in done:
            continue
        record = (
            f"INSERT INTO {sql.table(database, 'migrations')} (number, name, checksum) VALUES "
            f"({migration.number}, {sql.text(migration.name)}, {sql.text(migration.checksum)})"
        )
        steps.append(
            Step(
                database,
                f"apply migration {migration.label}",
                (*_statements(migration.up, database), record),
            )
        )
    return steps


def down_steps(database: str, migrations: Sequence[Migration], applied: Sequence[Applied], to: int) -> list[Step]:
    """How to take back the applied migrations above number ``to``, the latest first.

    Raises:
        MigrationError: what was applied is not what the files say.
    """
    _refuse_differences(database, migrations, applied)
    done = {one.number for one in applied}
    return [
        Step(
            database,
            f"take back migration {migration.label}",
            (
                *_statements(migration.down, database),
                _forget(database, migration),
            ),
            loses_data=_LOSES_DATA in migration.down,
        )
        for migration in reversed(migrations)
        if migration.number in done and migration.number > to
    ]


def _forget(database: str, migration: Migration) -> str:
    records = sql.table(database, "migrations")
    return f"ALTER TABLE {records} DELETE WHERE number = {migration.number} SETTINGS mutations_sync = 2"


def _creation(database: str) -> Step:
    return Step(
        database,
        "create the database",
        (
            f"CREATE DATABASE IF NOT EXISTS {sql.identifier(database)}",
            f"CREATE TABLE IF NOT EXISTS {sql.table(database, 'migrations')} {_RECORDS}",
        ),
    )


def _refuse_differences(database: str, migrations: Sequence[Migration], applied: Sequence[Applied]) -> None:
    known = {migration.number: migration for migration in migrations}
    for one in applied:
        migration = known.get(one.number)
        if migration is None:
            raise MigrationError(
                f"{database} has migration {one.number:04d} {one.name}, which this version does not know: "
                "use the version that applied it, or a later one"
            )
        if migration.checksum != one.checksum:
            raise MigrationError(
                f"{database}: migration {migration.label} has been changed since it was applied on "
                f"{one.applied_at:%Y-%m-%d}: put its files back as they were, and write a new migration"
            )


def _statements(text: str, database: str) -> tuple[str, ...]:
    filled = Template(text).substitute(database=sql.identifier(database))
    lines = "\n".join(line for line in filled.splitlines() if not line.startswith("--"))
    return tuple(part.strip() for part in re.split(r";\s*$", lines, flags=re.MULTILINE) if part.strip())
