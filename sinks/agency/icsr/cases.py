"""A case's way: its worldwide identifier, follow-up, amendment, nullification; and cases as a batch.

The identifiers of a case (C.1.1, C.1.8.1) and when it was first received (C.1.4) stay the same all along.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sinks.agency.icsr.countries import COUNTRIES
from sinks.agency.icsr.model import Batch, Case, Message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinks.agency.icsr.values import Moment

_NULLIFIED, _AMENDED = "1", "2"
_ICSR = "1"


def case_identifier(country: str, organisation: str, number: str) -> str:
    """A case's identifier, unique in the world if the number is the organisation's own: country-organisation-number.

    Raises:
        ValueError: no such country, an organisation with a hyphen, or a part that is empty.
    """
    if country not in COUNTRIES:
        raise ValueError("the country of a case identifier is none of ISO 3166-1")
    if not organisation or "-" in organisation or not number:
        raise ValueError("a case identifier needs an organisation without a hyphen, and a number")
    return f"{country}-{organisation}-{number}"


def followed_up(case: Case, received: Moment, created: Moment) -> Case:
    """With new information from a source, received then (C.1.5); put what is new into it."""
    return replace(case, most_recent=received, created=created, nullification=None, nullification_reason=None)


def amended(case: Case, reason: str, created: Moment) -> Case:
    """Changed without new information, for that reason; put what is changed into it."""
    return replace(case, created=created, nullification=_AMENDED, nullification_reason=reason)


def nullified(case: Case, reason: str, created: Moment) -> Case:
    """Void, for that reason: an error, or a duplicate of another."""
    return replace(case, created=created, nullification=_NULLIFIED, nullification_reason=reason)


def batch_of(cases: Iterable[Case], number: str, sender: str, receiver: str, transmitted: Moment) -> Batch:
    """Cases as a batch with a message each, which has its case's identifier and date."""
    messages = tuple(Message(case.report_id, sender, receiver, case.created, case) for case in cases)
    return Batch(_ICSR, number, sender, receiver, transmitted, messages)
