"""What a step of a report must have: the shape of the messages on ``reports.<registry>``.

Whoever sends a ``Report`` and whoever loads it read the same rules, for anybody may write to a topic. Whether a step
may follow those before it is another question (``sinks.agency.outbox``). A fault names field and rule, never the value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from schemas.identity import PSEUDONYM, hides_identity_number
from schemas.reporting import ADDRESSEES, CLASSES, SENDERS_OF
from schemas.rules import DAYS_HELD, LONGEST_TEXT, MOMENTS_HELD, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DRAFTED, ASSIGNED, RETURNED, CHECKED = "drafted", "assigned", "returned", "checked"
ATTEMPTED, SENT, FAILED = "attempted", "sent", "failed"
ACKNOWLEDGED, REJECTED, WITHDRAWN = "acknowledged", "rejected", "withdrawn"
INITIAL, NULLIFICATION, DUPLICATE = "initial", "nullification", "duplicate"
TYPES = (INITIAL, "follow_up", "amendment", NULLIFICATION)
NULLIFIED_AS = ("error", DUPLICATE)
"""The only reasons to nullify a case; a patient who opts out is none."""
NOTHING: Mapping[str, Any] = {
    "kind": None,
    "type": None,
    "rule": None,
    "sender": None,
    "four_eyes": False,
    "classes": [],
    "learnt_on": None,
    "nullified_as": None,
    "duplicate_of": None,
    "patient": None,
    "sources": [],
    "content_type": None,
    "content": None,
    "facts": None,
    "findings": [],
    "asks": [],
    "owner": None,
    "message_id": None,
    "code": None,
    "reference": None,
    "reason": None,
}
"""What a step says that says nothing but who, when, and of which report: the schema's own defaults."""
LARGEST_CONTENT = 3 << 20
"""In bytes; with all else a message has to fit the topic's 4 MiB."""

_NEEDED: Mapping[str, tuple[str, ...]] = {
    DRAFTED: ("kind", "type", "sender", "content_type", "content"),
    ASSIGNED: ("owner",),
    RETURNED: ("reason",),
    CHECKED: (),
    ATTEMPTED: ("message_id",),
    SENT: ("message_id",),
    FAILED: ("message_id", "reason"),
    ACKNOWLEDGED: ("message_id", "code"),
    REJECTED: ("message_id", "code", "reason"),
    WITHDRAWN: ("reason",),
}
STEPS = tuple(_NEEDED)
_BESIDE = (
    "rule", "four_eyes", "classes", "learnt_on", "nullified_as", "duplicate_of", "patient", "sources", "facts",
    "findings", "asks",
)  # fmt: skip
_MAY_HAVE: Mapping[str, tuple[str, ...]] = {
    **_NEEDED,
    DRAFTED: (*_NEEDED[DRAFTED], *_BESIDE),
    ASSIGNED: (*_NEEDED[ASSIGNED], "reason"),
    ACKNOWLEDGED: (*_NEEDED[ACKNOWLEDGED], "reference", "reason"),
    REJECTED: (*_NEEDED[REJECTED], "reference"),
}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CASE = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,30}-[A-Z0-9]{1,40}")
_TEXTS = ("by", "rule", "content_type", "facts", "owner", "code", "reference", "reason")
_HIGHEST_NUMBER = 1_000
_LONGEST_MESSAGE_ID = 100
"""As of ICH E2B(R3), N.1.2."""


def case_id(country: str, organisation: str, number: str) -> str:
    """The worldwide unique id of a case (ICH E2B(R3), C.1.8.1): country, organisation and number.

    Raises:
        ValueError: the country is no code of two capitals, or the others are not capitals and digits (organisation 30
            at most, number 40).
    """
    made = f"{country}-{organisation}-{number}"
    if not is_case_id(made):
        raise ValueError(f"{made} is no case id: two capitals, then organisation and number in capitals and digits")
    return made


def is_case_id(text: str) -> bool:
    """Whether a text has the shape of a case id."""
    return _CASE.fullmatch(text) is not None


def report_faults(record: Mapping[str, Any]) -> list[Fault]:
    """The faults of a ``Report`` in Avro's own numbers; none where it may be sent, and loaded."""
    step = record["step"]
    if step not in STEPS:
        return [Fault("step", f"is none of {', '.join(STEPS)}")]
    return [*_identity_faults(record), *_step_faults(record, step), *_draft_faults(record), *_value_faults(record)]


def _identity_faults(record: Mapping[str, Any]) -> Iterator[Fault]:
    if not _UUID.fullmatch(record["id"]):
        yield Fault("id", "is not a UUID in lower case")
    if not is_case_id(record["case"]):
        yield Fault("case", "is no case id (country-organisation-number)")
    if record["addressee"] not in ADDRESSEES:
        yield Fault("addressee", f"is none of {', '.join(ADDRESSEES)}")
    if not record["by"].strip():
        yield Fault("by", "is empty")
    for name in ("case_version", "edition"):
        if not 1 <= record[name] <= _HIGHEST_NUMBER:
            yield Fault(name, f"is not from 1 to {_HIGHEST_NUMBER}")


def _step_faults(record: Mapping[str, Any], step: str) -> Iterator[Fault]:
    for name in _NEEDED[step]:
        value = record[name]
        if value is None or not (value if isinstance(value, bytes) else str(value).strip()):
            yield Fault(name, f"is needed where a report is {step}")
    for name in NOTHING:
        if name not in _MAY_HAVE[step] and record[name] not in (None, False, []):
            yield Fault(name, f"has no place where a report is {step}")


def _draft_faults(record: Mapping[str, Any]) -> Iterator[Fault]:
    kind, sender, kind_of_version = record["kind"], record["sender"], record["type"]
    if kind is not None and kind not in SENDERS_OF:
        yield Fault("kind", f"is none of {', '.join(SENDERS_OF)}")
    elif kind is not None and sender is not None and sender not in SENDERS_OF[kind]:
        yield Fault("sender", f"of kind {kind} is {' or '.join(SENDERS_OF[kind])}")
    elif sender is not None and not set(record["classes"]) <= set(CLASSES[sender]):
        yield Fault("classes", f"of {sender} are {', '.join(CLASSES[sender])}")
    if bool(record["classes"]) != (record["learnt_on"] is not None):
        yield Fault("learnt_on", "goes with classes")
    if kind_of_version is not None and kind_of_version not in TYPES:
        yield Fault("type", f"is none of {', '.join(TYPES)}")
    elif kind_of_version == INITIAL and not record["classes"]:
        yield Fault("classes", "are needed of an initial report, which has a deadline")
    yield from _nullification_faults(record)


def _nullification_faults(record: Mapping[str, Any]) -> Iterator[Fault]:
    nullified_as, other = record["nullified_as"], record["duplicate_of"]
    if (record["type"] == NULLIFICATION) != (nullified_as is not None):
        yield Fault("nullified_as", "goes with a nullification")
    elif nullified_as is not None and nullified_as not in NULLIFIED_AS:
        yield Fault("nullified_as", f"is none of {', '.join(NULLIFIED_AS)}")
    if (nullified_as == DUPLICATE) != (other is not None):
        yield Fault("duplicate_of", "goes with a nullification as duplicate")
    elif other is not None and (not is_case_id(other) or other == record["case"]):
        yield Fault("duplicate_of", "is no other case's id")


def _value_faults(record: Mapping[str, Any]) -> Iterator[Fault]:
    if record["patient"] is not None and not PSEUDONYM.fullmatch(record["patient"]):
        yield Fault("patient", "is not a pseudonym")
    named = ((name, record[name] or "") for name in _TEXTS)
    listed = ((name, text) for name in ("sources", "findings", "asks") for text in record[name])
    for name, text in (*named, *listed):
        if len(text) > LONGEST_TEXT:
            yield Fault(name, f"is longer than {LONGEST_TEXT} characters")
        elif hides_identity_number(text):
            yield Fault(name, "holds a personal identity number")
    if len(record["message_id"] or "") > _LONGEST_MESSAGE_ID:
        yield Fault("message_id", f"is longer than {_LONGEST_MESSAGE_ID} characters")
    if len(record["content"] or b"") > LARGEST_CONTENT:
        yield Fault("content", f"is larger than {LARGEST_CONTENT} bytes")
    for name, (low, high) in (("said_at", MOMENTS_HELD), ("learnt_on", DAYS_HELD)):
        if record[name] is not None and not low <= record[name] <= high:
            yield Fault(name, "lies outside what can be kept")
