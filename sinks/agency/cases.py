"""The names of cases, messages and steps, derived of what they name: whoever makes one again makes the same."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid5

from schemas.report import is_case_id
from schemas.reporting import ADDRESSEES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_STEPS = UUID("6a2d2a5e-0d0a-5d6c-9a57-3d3b1f3c8f11")
_MESSAGE_ID = re.compile(r"([^.]+)\.([AM])([1-9][0-9]{0,3})\.([1-9][0-9]{0,3})")
_DIGITS = 20  # of 32 values each: a hundred bits


def case_number(registry: str, kind: str, form: str, patient: str, registration_id: str) -> str:
    """The number of the case that a registration makes, 20 capitals and digits that tell nothing of it.

    Args:
        registry: whose registration.
        kind: of report: one registration may make a case of each.
        form: its form.
        patient: the person's pseudonym.
        registration_id: its id.
    """
    named = json.dumps([registry, kind, form, patient, registration_id])
    digest = hashlib.sha256(named.encode()).digest()
    return base64.b32encode(digest).decode()[:_DIGITS]


class Message(NamedTuple):
    """Which edition of which report a message is."""

    case: str
    version: int
    addressee: str
    edition: int


def message_id(case: str, version: int, addressee: str, edition: int) -> str:
    """The id under which an edition of a report is sent, each time that it is sent."""
    return f"{case}.{addressee[0].upper()}{version}.{edition}"


def parsed_message_id(text: str) -> Message | None:
    """What a message id names; None where it is none of ours."""
    found = _MESSAGE_ID.fullmatch(text)
    if found is None or not is_case_id(found[1]):
        return None
    addressee = next(one for one in ADDRESSEES if one[0].upper() == found[2])
    return Message(found[1], int(found[3]), addressee, int(found[4]))


def step_id(record: Mapping[str, Any], attempt: int = 0) -> str:
    """The id of a step that a machine takes: the same step of the same edition has the same id.

    Args:
        record: the step, as its message has it.
        attempt: of steps about sending, which attempt of the edition.
    """
    named = (record["case"], record["case_version"], record["addressee"], record["edition"], record["step"], attempt)
    return str(uuid5(_STEPS, "/".join(map(str, named))))
