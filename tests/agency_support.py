"""Steps of reports for tests, in Avro's own numbers."""

from __future__ import annotations

from datetime import date
from typing import Any

from schemas.report import NOTHING
from sinks.agency.cases import message_id

CASE = "SE-EXEMPEL-K1"
_OF_SENDING = ("attempted", "sent", "failed", "acknowledged", "rejected")
_WITH_REASON = ("returned", "failed", "rejected", "withdrawn")


def identity(number: int) -> str:
    """A UUID with the number in it."""
    return f"00000000-0000-0000-0000-{number:012d}"


def days(text: str) -> int:
    """A day in Avro's own numbers."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def step(number: int, name: str, *, version: int = 1, **said: Any) -> dict[str, Any]:
    """A step that is right by itself: of the first edition of the first version, to the agency."""
    base: dict[str, Any] = {
        "registry": "biologics",
        "epoch": 0,
        "id": identity(number),
        "said_at": 1_767_225_600_000 + number,
        "by": "anna",
        "case": CASE,
        "case_version": version,
        "addressee": "agency",
        "edition": 1,
        "step": name,
        **NOTHING,
    }
    base |= {key: said[key] for key in base.keys() & said.keys()}
    if name == "drafted":
        base |= {"kind": "icsr", "type": "initial", "sender": "icsr_sender", "content_type": "application/xml"}
        base |= {"content": b"<a/>", "classes": ["serious"], "learnt_on": days("2026-01-01")}
    if name in _OF_SENDING:
        where = (base[key] for key in ("case", "case_version", "addressee", "edition"))
        base["message_id"] = message_id(*where)
    if name in ("acknowledged", "rejected"):
        base["code"] = "CA" if name == "acknowledged" else "CR"
    if name == "assigned":
        base["owner"] = "cecilia"
    if name in _WITH_REASON:
        base["reason"] = "so it was"
    return {**base, **said}


def follow_up(number: int, version: int, **said: Any) -> dict[str, Any]:
    """The draft of a later version that tells of a serious fact of 1 February 2026."""
    wanted = {"type": "follow_up", "learnt_on": days("2026-02-01"), **said}
    return step(number, "drafted", version=version, **wanted)
