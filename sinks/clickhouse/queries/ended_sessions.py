"""Log-ins that were ended before their time, as all processes of the portal know them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.queries.awareness import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinks.clickhouse.client import Client

_TABLE = sql.table(sql.PLATFORM, "ended_sessions")
_OVERLAP = timedelta(minutes=1)  # what was ended a moment ago may yet be on its way into the table
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def write_ended(client: Client, sessions: Mapping[str, int]) -> None:
    """Have sessions known as ended: by id, until when they would have lasted, in seconds since 1970.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    rows = [json.dumps({"session": session, "until": until}) for session, until in sessions.items()]
    client.insert(_TABLE, "\n".join(rows).encode(), "JSONEachRow")


def read_ended(client: Client, reached: datetime | None) -> tuple[dict[str, int], datetime | None]:
    """The sessions that were ended since the last reading, and how far this one reaches.

    Args:
        client: the way to ClickHouse.
        reached: how far the last reading reached; None for the first.

    Returns:
        By id, until when they would have lasted, in seconds since 1970; those whose time is over left out.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    since = moment(reached - _OVERLAP if reached else _LONG_AGO)
    rows = client.rows(
        f"SELECT session, toUnixTimestamp(until), ended_at FROM {_TABLE} "
        "WHERE until > now() AND ended_at >= toDateTime64({since:String}, 3, 'UTC')",
        {"since": since},
    )
    latest = max((ended_at.replace(tzinfo=UTC) for *_, ended_at in rows), default=reached)
    return {session: until for session, until, _ in rows}, latest
