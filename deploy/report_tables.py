"""Reports as tables: the list of what is due, and one case with all its steps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from deploy.tables import HIGHLIGHTED, plain_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from sinks.agency.outbox import Case
    from sinks.agency.standing import Standing

_LIST = ("case", "to", "version", "state", "waits for", "due", "days left", "by law", "owner", "answered")
_NOT_SHOWN = ("content", "registry", "epoch")


def standing_table(title: str, standing: Sequence[Standing]) -> Table:
    """What is due first comes first; what is late is marked."""
    table = plain_table(title, *_LIST)
    for one in standing:
        table.add_row(*map(Text, _row(one)), style=HIGHLIGHTED if one.late else None)
    return table


def _row(one: Standing) -> tuple[str, ...]:
    clock, last = one.clock, one.receipts[-1] if one.receipts else None
    legal = "" if clock is None or clock.binding.legal is None else str(clock.binding.legal)
    return (
        one.case.rsplit("-", 1)[-1],
        one.addressee,
        f"{one.report.version} ({one.report.type.replace('_', ' ')})",
        one.report.state,
        one.waits_for or "",
        "" if clock is None else str(clock.steering.nominal),
        "" if one.days_left is None else str(one.days_left),
        legal,
        one.report.owner or "",
        "" if last is None else f"{last.code} {last.reference or ''}".strip(),
    )


def as_json(one: Standing) -> dict[str, Any]:
    """For ``--json``."""
    clock, report = one.clock, one.report
    return {
        "case": one.case,
        "addressee": one.addressee,
        "version": report.version,
        "edition": report.edition,
        "kind": report.kind,
        "type": report.type,
        "rule": report.rule,
        "state": report.state,
        "waits_for": one.waits_for,
        "owner": report.owner,
        "findings": list(report.findings),
        "asks": list(report.asks),
        "deadline": None
        if clock is None
        else {
            "role": clock.steering.role,
            "class": clock.steering.classification,
            "day_zero": clock.steering.day_zero,
            "nominal": clock.steering.nominal,
            "days_left": one.days_left,
            "legal": clock.binding.legal,
            "legal_days_left": one.legal_days_left,
            "follow_up": clock.follow_up,
        },
        "receipts": [
            {
                "message_id": receipt.message_id, "accepted": receipt.accepted, "code": receipt.code,
                "reference": receipt.reference, "reason": receipt.reason, "at": _moment(receipt.said_at),
            }
            for receipt in one.receipts
        ],
    }  # fmt: skip


def history_table(case: Case) -> Table:
    """All steps of a case, those that were refused among them."""
    table = plain_table("steps", "when", "who", "to", "version", "step", "what")
    refused = {one["id"]: why for one, why in case.refused}
    for one in steps_of(case):
        version = f"{one['case_version']}.{one['edition']}"
        why = f"refused: {refused[one['id']]}" if one["id"] in refused else _what(one)
        table.add_row(
            *map(Text, (f"{_moment(one['said_at']):%Y-%m-%d %H:%M:%S}", one["by"], one["addressee"], version,
                        one["step"], why))
        )  # fmt: skip
    return table


def steps_of(case: Case) -> list[Mapping[str, Any]]:
    """All steps in the order in which they were taken, refused ones too."""
    return sorted([*case.log, *(one for one, _ in case.refused)], key=lambda one: one["said_at"])


def step_as_json(record: Mapping[str, Any], refused: str | None) -> dict[str, Any]:
    """A step without what its message says."""
    told = {name: value for name, value in record.items() if name not in _NOT_SHOWN and value not in (None, [], False)}
    return {**told, "said_at": _moment(record["said_at"]), **({"refused": refused} if refused else {})}


def _what(one: Mapping[str, Any]) -> str:
    parts = (
        one["type"], one["nullified_as"], one["owner"], one["code"], one["reference"], one["reason"],
        f"{len(one['findings'])} findings" if one["findings"] else None,
    )  # fmt: skip
    return ", ".join(str(part).replace("_", " ") for part in parts if part)


def _moment(said_at: int) -> datetime:
    return datetime.fromtimestamp(said_at / 1000, UTC)
