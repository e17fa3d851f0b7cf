"""What `guldadra status` asks ClickHouse: what has been loaded, and whether it adds up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.clickhouse import sql

if TYPE_CHECKING:
    from datetime import datetime

    from sinks.clickhouse.client import Client


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition of a registry, over all epochs of its log.

    Attributes:
        partition: its number.
        archived: accepted submissions in the archive.
        received: submissions that receipts tell of.
        accepted: accepted ones among them.
        refused: refused ones among them.
        gaps: runs of offsets between two receipts that no receipt tells of. Where submissions are sent
            in transactions, the transactions' own marks make such runs; else something is missing.
        overlaps: receipts that tell of offsets which one before them told of.
        last_submitted_at: when the latest loaded submission was made (UTC); None where there is none.
        erased: submissions that were in the archive until they were erased.
    """

    partition: int
    archived: int
    received: int
    accepted: int
    refused: int
    gaps: int
    overlaps: int
    last_submitted_at: datetime | None
    erased: int = 0

    @property
    def conserved(self) -> bool:
        """Whether every submission has one verdict, and every accepted one is in the archive or erased."""
        kept = self.archived + self.erased
        return self.received == self.accepted + self.refused and self.accepted == kept and self.overlaps == 0


def partition_status(client: Client, registry: str) -> list[PartitionStatus]:
    """How each partition of a registry stands.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    database = sql.database_of(registry)
    archived = {
        partition: (rows, latest)
        for partition, rows, latest in client.rows(
            "SELECT partition, count(), max(submitted_at) "
            f"FROM {sql.table(database, 'archive')} FINAL GROUP BY partition"
        )
    }
    archive, erased_places = sql.table(database, "archive"), sql.table(database, "erased")
    erased = dict(
        client.rows(  # a rewind of the loader brings rows back until they are erased again
            f"SELECT partition, count() FROM {erased_places} FINAL WHERE (partition, version) NOT IN "
            f"(SELECT partition, version FROM {archive} WHERE (partition, version) IN "
            f"(SELECT partition, version FROM {erased_places})) GROUP BY partition"
        )
    )
    receipts = {
        partition: sums
        for partition, *sums in client.rows(
            "SELECT partition, sum(received), sum(accepted), sum(refused), "
            "countIf(number > 1 AND first_offset > reached + 1), countIf(number > 1 AND first_offset <= reached) "
            "FROM (SELECT *, row_number() OVER earlier AS number, max(last_offset) OVER "
            "(PARTITION BY partition, epoch ORDER BY first_offset "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached "
            f"FROM {sql.table(database, 'receipts')} FINAL "
            "WINDOW earlier AS (PARTITION BY partition, epoch ORDER BY first_offset)) GROUP BY partition"
        )
    }
    found = []
    for partition in sorted(archived.keys() | receipts.keys() | erased.keys()):
        rows, latest = archived.get(partition, (0, None))
        received, accepted, refused, gaps, overlaps = receipts.get(partition, (0, 0, 0, 0, 0))
        gone = erased.get(partition, 0)
        found.append(PartitionStatus(partition, rows, received, accepted, refused, gaps, overlaps, latest, gone))
    return found
