"""The feeds as they stand in the database: in order, from an event on, and what is new of many companies at once.

A position is an event's version. It never leaves the platform: outside, an event is known by its id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.version import MAX_VERSION, epoch_and_offset
from sinks.clickhouse import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinks.clickhouse.client import Client

FEED = sql.table(sql.PLATFORM, "feed")
START = -1
"""Before the first event of any feed."""

_MOST = 500


class Filed(NamedTuple):
    """An event of a feed; ``event`` is the CloudEvent in the bytes that were sent."""

    company: str
    position: int
    id: str
    registry: str
    type: str
    subject: str
    event: bytes


_COLUMNS = "company, version, id, registry, type, subject, event"


def read_feed(client: Client, company: str, after: int, through: int = MAX_VERSION, most: int = _MOST) -> list[Filed]:
    """The next events of a company after one position, through another, in order; at most so many.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    mine = "company = {company:String} AND version BETWEEN {from:UInt64} AND {through:UInt64}"
    # by their ids, which the table is sorted by: else the whole feed would be read for each page of it
    rows = client.rows(
        f"SELECT {_COLUMNS} FROM {FEED} FINAL WHERE {mine} AND id IN ("
        f"SELECT id FROM {FEED} FINAL WHERE {mine} ORDER BY version LIMIT {{most:UInt32}}) ORDER BY version",
        {"company": company, "from": after + 1, "through": through, "most": most},
        binary=["event"],
    )
    return [Filed(*row) for row in rows]


def read_news(client: Client, positions: Mapping[str, int], most: int = _MOST) -> tuple[list[Filed], dict[str, int]]:
    """What companies' feeds have after a position each; of each company at most so many.

    Returns:
        The events of each company in order, and the positions that they were read through, where those are new.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    ends = client.rows(  # asked ten times a second: it reads no more than the versions of what is new
        f"SELECT company, max(version) FROM {FEED} WHERE company IN {{companies:Array(String)}} "
        "AND version >= {from:Array(UInt64)}[indexOf({companies:Array(String)}, company)] "
        "AND version >= arrayMin({from:Array(UInt64)}) GROUP BY company ORDER BY company",
        {"companies": list(positions), "from": [after + 1 for after in positions.values()]},
    )
    found: list[Filed] = []
    reached: dict[str, int] = {}
    for company, end in ends:
        events = read_feed(client, company, positions[company], end, most)
        reached[company] = end if len(events) < most else events[-1].position  # what is only told again is no news
        found += events
    return found, reached


def last_position(client: Client, company: str) -> int:
    """Where a company's feed ends now; ``START`` where there is nothing.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    rows = client.rows(
        f"SELECT maxOrNull(version) FROM {FEED} FINAL WHERE company = {{company:String}}", {"company": company}
    )
    return START if rows[0][0] is None else int(rows[0][0])


def position_of(client: Client, company: str, event: str) -> int | None:
    """Where an event stands in a company's feed; None where there is none of that id.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    rows = client.rows(
        f"SELECT version FROM {FEED} FINAL WHERE company = {{company:String}} AND id = {{event:String}}",
        {"company": company, "event": event},
    )
    return int(rows[0][0]) if rows else None


def highest_epoch(client: Client, company: str) -> int | None:
    """The latest life of a company's feed that left anything; None where none did.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    last = last_position(client, company)
    return None if last == START else epoch_and_offset(last)[0]
