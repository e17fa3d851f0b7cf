"""Whether anybody has opted out since: what was worked out before is then not to be shown any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.migrations.opt_outs import LOG

if TYPE_CHECKING:
    from sinks.clickhouse.client import Client

Mark = tuple[object, ...]
"""Of all that was said of opt-outs; another one once more was said."""


def read_mark(client: Client, registry: str) -> Mark:
    """The mark of a registry's opt-outs.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    return tuple(client.rows(f"SELECT count(), max(version) FROM {sql.table(sql.database_of(registry), LOG)}"))
