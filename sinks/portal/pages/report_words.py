"""The words in which reports are told of: what they are, how they stand, what they wait for, what is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES: Mapping[str, str] = {
    "drafted": marked("drafted"),
    "returned": marked("returned"),
    "checked": marked("checked by a person"),
    "unknown": marked("nobody knows whether it has left"),
    "sent": marked("sent"),
    "acknowledged": marked("acknowledged"),
    "rejected": marked("not taken by the addressee"),
    "withdrawn": marked("withdrawn"),
}
WAITS: Mapping[str, str] = {
    "coding": marked("coding"),
    "completion": marked("what is missing"),
    "check": marked("a check"),
    "second_check": marked("another person's check"),
    "draft": marked("another draft"),
    "sending": marked("sending"),
    "reconciliation": marked("certainty"),
    "acknowledgement": marked("an answer"),
    "correction": marked("a correction"),
}
TYPES: Mapping[str, str] = {
    "initial": marked("first report"),
    "follow_up": marked("follow-up"),
    "amendment": marked("amendment"),
    "nullification": marked("nullification"),
}
KINDS: Mapping[str, str] = {
    "icsr": marked("case safety report"),
    "incident": marked("incident with a device"),
    "mir": marked("manufacturer's incident report"),
}
ADDRESSEES: Mapping[str, str] = {"agency": marked("the agency"), "manufacturer": marked("the manufacturer")}
STEPS: Mapping[str, str] = {
    **STATES,
    "assigned": marked("given to somebody"),
    "attempted": marked("sending begun"),
    "failed": marked("sending failed"),
}
ACTS: Mapping[str, str] = {
    "check": marked("It is right: send it on"),
    "return": marked("It is wrong: give it back, with the reason"),
    "assign": marked("Give it to somebody"),
    "code": marked("Code the reaction"),
    "withdraw": marked("It is not to be reported, with the reason"),
    "nullify": marked("It was sent in error: make it void, with the reason"),
    "send": marked("It has been handed over by hand"),
    "receipt": marked("The addressee has taken it"),
}
"""What people may do with a report here."""
