"""Since when a company is aware of a signal or notice: its first delivery to a machine, its first reading by a person.

The first stays the first: whatever is recorded later, and however often, changes nothing. Nothing is ever deleted.
"""

from __future__ import annotations

import csv
import io
import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sinks.clickhouse import sql
from sinks.clickhouse.queries.feeds import FEED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.feeds import Filed

DELIVERY, READING = "delivery", "reading"
COLUMNS = (
    "registry", "company", "subject", "aware_at", "delivered_at", "delivered_by", "event", "read_at", "read_by",
)  # fmt: skip
"""The columns of an export."""

_TABLE = sql.table(sql.PLATFORM, "company_awareness")


class Aware(NamedTuple):
    """One thing by which a company is aware of a subject.

    Attributes:
        registry: who told it.
        company: its code.
        subject: signal or notice.
        kind: ``DELIVERY`` or ``READING``.
        at: when.
        channel: how, such as ``sse``, ``webhook``, ``page`` or ``api``.
        event: id of the event that was delivered; empty for a reading.
        by: who read it; empty for a delivery.
    """

    registry: str
    company: str
    subject: str
    kind: str
    at: datetime
    channel: str
    event: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Awareness:
    """Since when a company is aware of a subject, and by what; what has not happened is None, or empty."""

    registry: str
    company: str
    subject: str
    aware_at: datetime
    delivered_at: datetime | None
    delivered_by: str
    event: str
    read_at: datetime | None
    read_by: str


def delivered(event: Filed, at: datetime, channel: str) -> Aware:
    """An event was handed to a company's machine."""
    return Aware(event.registry, event.company, event.subject, DELIVERY, at, channel, event=event.id)


def record(client: Client, found: Iterable[Aware]) -> None:
    """Keep what makes companies aware; may be repeated.

    Raises:
        DatabaseError: the database does not answer, or refuses; nothing is kept then.
    """
    rows = [json.dumps({**one._asdict(), "at": moment(one.at)}, ensure_ascii=False) for one in found]
    if rows:
        client.insert(_TABLE, "\n".join(rows).encode(), "JSONEachRow")


def record_reading(
    client: Client, registry: str, company: str, subjects: Iterable[str], *, at: datetime, channel: str, by: str
) -> None:
    """A person of a company was shown signals or notices; raises as ``record``.

    Args:
        client: the way to the database.
        registry: whose they are.
        company: its code.
        subjects: signals (group/product/number) and notices.
        at: when.
        channel: ``page`` or ``api``.
        by: the person, as the log-in knows them.
    """
    record(client, [Aware(registry, company, one, READING, at, channel, by=by) for one in subjects])


def record_through(client: Client, company: str, position: int, at: datetime, channel: str) -> None:
    """A company's machine has told the last event that it has: so it has all before it. Raises as ``record``."""
    rows = client.rows(
        f"SELECT registry, subject, argMin(id, version) FROM {FEED} FINAL "
        "WHERE company = {company:String} AND version <= {position:UInt64} AND (registry, subject) NOT IN ("
        f"SELECT registry, subject FROM {_TABLE} WHERE company = {{company:String}} AND kind = {{kind:String}}) "
        "GROUP BY registry, subject",
        {"company": company, "position": position, "kind": DELIVERY},
    )
    record(
        client,
        [Aware(registry, company, subject, DELIVERY, at, channel, event=event) for registry, subject, event in rows],
    )


def read_awareness(client: Client, registry: str | None = None, company: str | None = None) -> list[Awareness]:
    """Since when companies are aware of what, of one registry or company or all; by registry, company and moment.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """
    rows = client.rows(
        "SELECT registry, company, subject, min(at) AS aware_at, "
        "minOrNullIf(at, kind = {delivery:String}), anyIf(channel, kind = {delivery:String}), "
        "anyIf(event, kind = {delivery:String}), "
        "minOrNullIf(at, kind = {reading:String}), anyIf(by, kind = {reading:String}) "
        f"FROM {_TABLE} FINAL WHERE ({{registry:String}} = '' OR registry = {{registry:String}}) "
        "AND ({company:String} = '' OR company = {company:String}) "
        "GROUP BY registry, company, subject ORDER BY registry, company, aware_at, subject",
        {"delivery": DELIVERY, "reading": READING, "registry": registry or "", "company": company or ""},
    )
    return [Awareness(*in_utc(row)) for row in rows]


def as_csv(found: Sequence[Awareness]) -> str:
    """An export: ``COLUMNS``, moments as RFC 3339 in UTC."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in found:
        writer.writerow(_cell(getattr(one, column)) for column in COLUMNS)
    return out.getvalue()


class Recorder:
    """Keeps deliveries for whoever makes many: of each company and subject the first alone; safe between threads.

    What could not be kept, for the database was away, is kept with the next.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._known: set[tuple[str, str, str]] = set()
        self._waiting: list[Aware] = []

    def take(self, found: Aware) -> None:
        """Take note of a delivery; ``keep`` writes it down."""
        key = (found.registry, found.company, found.subject)
        with self._lock:
            if key not in self._known:
                self._known.add(key)
                self._waiting.append(found)

    def keep(self) -> None:
        """Write down what has been taken; raises as ``record``, and keeps it then."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        try:
            record(self._client, waiting)
        except BaseException:
            with self._lock:
                self._waiting = [*waiting, *self._waiting]
            raise


def in_utc(row: Sequence[Any]) -> tuple[Any, ...]:
    """A row of the database with its moments in UTC, which the driver leaves out."""
    return tuple(value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in row)


def rfc_3339(at: datetime) -> str:
    """A moment in UTC to the millisecond, as programs exchange it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(at: datetime) -> str:
    """A moment as ClickHouse reads it, to the millisecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return rfc_3339(value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text  # a spreadsheet must not run it
