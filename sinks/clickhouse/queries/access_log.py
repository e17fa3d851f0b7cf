"""Who has read what that is near to a person: a row for each reading, never changed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from sinks.clickhouse import sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sinks.clickhouse.client import Client

_TABLE = "access_log"


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading.

    Attributes:
        read_at: when.
        subject: what the provider calls who read.
        name: their name.
        role: what they read as.
        bound_to: the company, units or registries that the account is bound to.
        area: what kind of thing was read, a row of the table of access.
        unit: the unit that it was of; empty where of none in particular.
        about: what exactly, such as a signal's id.
        purpose: what for, as they stated it.
        people: how many persons it was about.
    """

    read_at: datetime
    subject: str
    name: str
    role: str
    bound_to: str
    area: str
    unit: str
    about: str
    purpose: str
    people: int


def write_reading(client: Client, registry: str, reading: Reading) -> None:
    """Keep a reading.

    Raises:
        DatabaseError: it cannot be kept; then nothing may be shown.
    """
    row = {**asdict(reading), "id": str(uuid4()), "read_at": f"{reading.read_at:%Y-%m-%d %H:%M:%S.%f}"[:-3]}
    client.insert(sql.table(sql.database_of(registry), _TABLE), json.dumps(row).encode(), "JSONEachRow")


def read_readings(
    client: Client, registry: str, *, since: date | None = None, subject: str = "", area: str = "", limit: int = 500
) -> Sequence[Reading]:
    """The latest readings of a registry's data, the last first.

    Args:
        client: the way to ClickHouse.
        registry: whose data.
        since: those of earlier days are left out.
        subject: those of others are left out.
        area: those of another kind of thing are left out.
        limit: how many at most.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    columns = ", ".join(sql.identifier(name) for name in Reading.__slots__)
    rows = client.rows(
        f"SELECT {columns} FROM {sql.table(sql.database_of(registry), _TABLE)} FINAL "
        "WHERE read_at >= toDateTime64({since:String}, 3, 'UTC') "
        "AND ({subject:String} = '' OR subject = {subject:String}) "
        "AND ({area:String} = '' OR area = {area:String}) "
        "ORDER BY read_at DESC LIMIT {limit:UInt32}",
        {"since": f"{since or '1970-01-01'} 00:00:00", "subject": subject, "area": area, "limit": limit},
    )
    return [Reading(*row) for row in rows]
