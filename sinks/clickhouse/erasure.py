"""Erasure: what does not count any more, because its person opted out, leaves the tables for good.

Readings leave it out from the moment of the opt-out; this takes the rows away, as often as it is called:
after a rewind of the loader or a restored backup they are back, and go again.

**Why the derived values stay the same.** A row goes only if its version is below its person's
`counted_from`. It counts in nothing now, and never will again: a lifting that is yet to come lies above it
too. Whoever computes the values anew from what is left, in the order of the versions, finds all of the
person's opt-outs and all that counts, and ends with the same cells and exposures. A registration that was
corrected after the opt-out was lifted keeps that correction, and its latest submission is all that counts of
it. On the way there some older cell lacks a person that it once had; but the opt-out took the person out of
it, and what comes again with a lower version than the row in the table replaces nothing.

**Why it never takes too much.** Who is opted out in the tables may have lifted it in a submission that is not
loaded yet, with registrations behind it that count. So a row goes only up to the version that its partition
had in the archive *before* the opt-outs were read: the archive is filled in the order of the log, so every
opt-out and lifting up to there is in it. And a person is left for the next time while the log of opt-outs
lacks a submission that the archive has.

Only places in the log are kept of what goes (table ``erased``), so that accepted = archived + erased; and of what was
said of carriers an id for each person (``erased_reviews``), so that it can be told how many they were.

A report to an agency is not a registration: it was made by another duty, and stays. But it is linked to the person no
more: pseudonym and registrations go from it, of whoever has opted out at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from schemas.definition.form import OPT_OUT
from sinks.clickhouse import sql
from sinks.clickhouse.migrations.forms import rows_table
from sinks.clickhouse.migrations.opt_outs import LOG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)

_ARCHIVE = "archive"
_PERSONS_AT_ONCE = 500  # their names stand in the statement


@dataclass(frozen=True, slots=True)
class _Table:
    """A table with rows of persons, and what it calls their columns (in SQL).

    ``kept_in`` names the table that takes ``kept`` of what goes, once for each ``per``; empty where nothing is kept.
    """

    name: str
    patient: str
    partition: str
    version: str
    where: str = "1"
    kept_in: str = ""
    kept: str = ""
    per: str = ""


def erase(client: Client, definition: RegistryDefinition) -> dict[str, int]:
    """Delete what does not count any more of the persons who opted out; may be repeated at any time.

    Returns:
        How many rows went, by table; replaced versions that still lay there are counted too. Of ``reports``, how many
        were unlinked.

    Raises:
        DatabaseError: the database does not answer, is not migrated, or refuses to delete.
    """
    database = sql.database_of(definition.name)
    reached = dict(client.rows(f"SELECT partition, max(version) FROM {sql.table(database, _ARCHIVE)} GROUP BY 1"))
    waiting = {patient for (patient,) in client.rows(_persons_not_in_the_log(database))}
    found = client.rows(f"SELECT patient, counted_from FROM {sql.table(database, 'opt_outs')}")
    counted_from = {patient: version for patient, version in found if patient not in waiting}
    erased = {table.name: 0 for table in _tables(definition)}
    if counted_from and reached:
        for table in _tables(definition):
            erased[table.name] = _erase_from(client, database, table, counted_from, reached)
    erased["reports"] = _unlink_reports(client, database)
    if any(erased.values()):
        log.info("erased", registry=definition.name, **erased)
    return erased


def _tables(definition: RegistryDefinition) -> Iterator[_Table]:
    for form in definition.forms.values():
        if form.name != OPT_OUT:
            patient = sql.identifier(form.name_of("patient"))
            yield _Table(rows_table(form.name), patient, "_partition", "_version")
    yield _Table("exposures", "patient", "partition", "version")
    yield _Table("list_entries", "patient", "partition", "version")
    yield _Table(
        "reviews", "patient", "partition", "exposure_version", "kind = 'carrier'",
        kept_in="erased_reviews", kept="about, argMin(id, version)", per="about, patient",
    )  # fmt: skip
    yield _Table(
        _ARCHIVE, "patient", "partition", "version", f"form != {sql.text(OPT_OUT)}",
        kept_in="erased", kept="partition, version", per="partition, version",
    )  # fmt: skip


def _unlink_reports(client: Client, database: str) -> int:
    """Take from drafts of persons who opted out whose they are; how many."""
    reports = sql.table(database, "reports")
    linked = f"patient != '' AND patient IN (SELECT patient FROM {sql.table(database, 'opt_outs')})"
    persons = [patient for (patient,) in client.rows(f"SELECT DISTINCT patient FROM {reports} WHERE {linked}")]
    total = 0
    for first in range(0, len(persons), _PERSONS_AT_ONCE):
        some = f"patient IN ({', '.join(map(sql.text, persons[first : first + _PERSONS_AT_ONCE]))})"
        count: int = client.rows(f"SELECT count() FROM {reports} WHERE {some}")[0][0]
        client.command(
            f"ALTER TABLE {reports} UPDATE patient = '', sources = [] WHERE {some} SETTINGS mutations_sync = 2"
        )
        total += count
    return total


def _persons_not_in_the_log(database: str) -> str:
    return (
        f"SELECT DISTINCT patient FROM {sql.table(database, _ARCHIVE)} WHERE form = {sql.text(OPT_OUT)} "
        f"AND (patient, version) NOT IN (SELECT patient, version FROM {sql.table(database, LOG)})"
    )


def _erase_from(
    client: Client, database: str, table: _Table, counted_from: Mapping[str, int], reached: Mapping[int, int]
) -> int:
    quoted = sql.table(database, table.name)
    candidates = client.rows(
        f"SELECT DISTINCT {table.patient} FROM {quoted} WHERE {table.where} "
        f"AND {table.patient} IN (SELECT patient FROM {sql.table(database, 'opt_outs')})"
    )
    persons = sorted(patient for (patient,) in candidates if patient in counted_from)
    total = 0
    for first in range(0, len(persons), _PERSONS_AT_ONCE):
        some = {patient: counted_from[patient] for patient in persons[first : first + _PERSONS_AT_ONCE]}
        goes = f"{table.where} AND {_below(table, some, reached)}"
        count: int = client.rows(f"SELECT count() FROM {quoted} WHERE {goes}")[0][0]
        if count and table.kept_in:
            kept = sql.table(database, table.kept_in)
            client.command(f"INSERT INTO {kept} SELECT {table.kept} FROM {quoted} WHERE {goes} GROUP BY {table.per}")
        if count:
            # a mutation rewrites the parts at once: a mark that hides rows until some later merge erases nothing
            client.command(f"ALTER TABLE {quoted} DELETE WHERE {goes} SETTINGS mutations_sync = 2")
        total += count
    return total


def _below(table: _Table, counted_from: Mapping[str, int], reached: Mapping[int, int]) -> str:
    """The condition on rows of some persons; all numbers stand in it, so it means the same whenever it is run."""
    persons = ", ".join(map(sql.text, counted_from))
    starts = ", ".join(f"toUInt64({version})" for version in counted_from.values())
    partitions = ", ".join(map(str, reached))
    ends = ", ".join(f"toUInt64({version + 1})" for version in reached.values())
    return (
        f"{table.patient} IN ({persons}) "
        f"AND {table.version} < transform({table.patient}, [{persons}], [{starts}], toUInt64(0)) "
        f"AND {table.version} < transform({table.partition}, [{partitions}], [{ends}], toUInt64(0))"
    )
