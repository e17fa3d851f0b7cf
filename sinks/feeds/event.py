"""What a company is told, as a CloudEvent 1.0 in JSON: the same bytes on its topic, in its stream, to its webhooks.

Attributes are those of the CloudEvents specification; ``company`` and ``epoch`` are extensions of ours. No offset, no
registration and no person is in it: ``epoch`` counts the lives of the feed's own log, mostly 0.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from schemas.codec import NotARegistrationError
from schemas.company import is_company_code
from schemas.version import MAX_EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONTENT_TYPE = "application/cloudevents+json"
SIGNAL, NOTICE, REVIEW = "guldadra.signal.", "guldadra.notice.", "guldadra.review."
"""How the types of events begin: what follows is what has become of it, such as ``raised``."""

_EVENTS = uuid.UUID("5b0c3a4e-6f1d-5d57-9c3c-3f2b8f6d7a10")  # the name space of events' ids
_SOURCE = "/registries/"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TYPE = re.compile(r"guldadra\.(signal|notice|review)\.[a-z_]{1,40}")
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One thing that one company is told.

    Attributes:
        company: its code.
        registry: who tells it.
        id: derived from what is told, so that the same told again has the same id.
        type: what it is, such as ``guldadra.signal.raised``.
        subject: the signal (group/product/number) or notice that it is about.
        at: when it was said, in milliseconds since 1970.
        data: the company's projection.
    """

    company: str
    registry: str
    id: str
    type: str
    subject: str
    at: int
    data: Mapping[str, Any]

    def to_json(self, epoch: int) -> bytes:
        """The event as it leaves; ``epoch`` is the life of the feed's log that it is sent in."""
        event = {
            "specversion": "1.0",
            "id": self.id,
            "source": _SOURCE + self.registry,
            "type": self.type,
            "subject": self.subject,
            "time": (_1970 + timedelta(milliseconds=self.at)).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "company": self.company,
            "epoch": epoch,
            "data": self.data,
        }
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def event_id(company: str, registry: str, subject: str, *said: object) -> str:
    """The id of what a company is told: alike for the same thing, whoever works it out and however often.

    Args:
        company: its code.
        registry: who tells it.
        subject: the signal or notice.
        said: what else makes it this event and no other, as JSON knows it.
    """
    return str(uuid.uuid5(_EVENTS, json.dumps([registry, company, subject, *said], ensure_ascii=False, sort_keys=True)))


def read_event(value: bytes) -> tuple[FeedEvent, int]:
    """An event and its epoch, as ``FeedEvent.to_json`` writes them.

    Raises:
        NotARegistrationError: the bytes are none; the message names the attribute, never a value.
    """
    try:
        raw = json.loads(value)
    except ValueError as error:
        raise NotARegistrationError("the message is not JSON") from error
    if not isinstance(raw, dict) or raw.get("specversion") != "1.0":
        raise NotARegistrationError("the message is no CloudEvent 1.0")
    for name, fits in _RULES.items():
        if not fits(raw.get(name)):
            raise NotARegistrationError(f"the event's {name} is not as it must be")
    at = (datetime.fromisoformat(raw["time"]) - _1970) // timedelta(milliseconds=1)
    registry = raw["source"].removeprefix(_SOURCE)
    event = FeedEvent(raw["company"], registry, raw["id"], raw["type"], raw["subject"], at, raw["data"])
    return event, raw["epoch"]


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and value.endswith("Z") and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


_RULES: Mapping[str, Callable[[Any], bool]] = {
    "id": lambda value: isinstance(value, str) and bool(_ID.fullmatch(value)),
    "source": lambda value: isinstance(value, str) and value.startswith(_SOURCE) and len(value) > len(_SOURCE),
    "type": lambda value: isinstance(value, str) and bool(_TYPE.fullmatch(value)),
    "subject": lambda value: isinstance(value, str) and bool(value.strip()),
    "time": _is_moment,
    "company": lambda value: isinstance(value, str) and is_company_code(value),
    "epoch": lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_EPOCH,
    "data": lambda value: isinstance(value, dict),
}
