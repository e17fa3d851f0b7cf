"""The steps of reports as the tables have them, in Avro's own numbers: what `sinks.agency.outbox` folds into states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sinks.clickhouse import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sinks.clickhouse.client import Client

_LEFT_OUT = b"-"
"""Stands for a content that was not asked for: a draft without one would be none."""
_ALWAYS = ("id", "case", "case_version", "addressee", "edition", "step", "by", "four_eyes", "classes", "sources",
           "findings", "asks")  # fmt: skip
_WHERE_SAID = (
    "kind", "type", "rule", "sender", "nullified_as", "duplicate_of", "patient", "content_type", "facts", "owner",
    "message_id", "code", "reference", "reason",
)  # fmt: skip


def read_steps(
    client: Client, registry: str, cases: Sequence[str] | None = None, *, contents: bool = False
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each step once, with its version, in the order of the versions.

    Args:
        client: the way to ClickHouse.
        registry: whose reports.
        cases: only of these; of all where none are named.
        contents: whether what the messages say is wanted too; it is most of the bytes.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    said = ", ".join(f"nullIf(toString({sql.identifier(name)}), '')" for name in _WHERE_SAID)
    content = "if(step = 'drafted', content, '')" if contents else f"if(step = 'drafted', '{_LEFT_OUT.decode()}', '')"
    columns = (
        f"version, {', '.join(map(sql.identifier, _ALWAYS))}, {said}, toUnixTimestamp64Milli(said_at), "
        f"toInt32(learnt_on), {content} AS content"
    )
    only = "WHERE `case` IN {cases:Array(String)} " if cases is not None else ""
    rows = client.rows(
        f"SELECT {columns} FROM {sql.table(sql.database_of(registry), 'reports')} FINAL {only}ORDER BY version",
        {} if cases is None else {"cases": list(cases)},
        binary=["content"],
    )
    for version, *values in rows:
        *named, said_at, learnt_on, body = values
        record = dict(zip((*_ALWAYS, *_WHERE_SAID), named, strict=True))
        lists = {name: list(record[name]) for name in ("classes", "sources", "findings", "asks")}
        place = {"registry": registry, "epoch": version >> 48, "said_at": said_at}
        yield version, {**place, **record, **lists, "learnt_on": learnt_on, "content": body or None}
