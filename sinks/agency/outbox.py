"""What a case's reports have come to, by their steps: a pure state machine over the messages of ``reports.<registry>``.

    drafted ──► checked ──► unknown ──► sent ──► acknowledged
       ▲  ╲        │           │          │
       │   ╲       ╰► withdrawn╰──────────┴────► rejected
    returned ╲                                       │
       ▲      ▼                                      │
       ╰── (checker)        drafted, next edition ◄──╯

An attempt is said before it is made, so a report is *unknown* from then on until its outcome is: sent, failed, or what
the addressee answers. It is sent again under the same message id only, which is derived of case, version, addressee and
edition. A version of the case that was rejected is corrected by its next edition; one that was sent is followed by the
next version. Illegal steps change nothing and are kept beside, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from schemas import report as steps
from sinks.agency.cases import message_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Record = Mapping[str, Any]

PLATFORM = "guldadra"
"""Who takes a step that no person takes."""

State = Literal[
    "drafted", "returned", "checked", "unknown", "sent", "acknowledged", "rejected", "withdrawn"
]  # fmt: skip
WAITS_FOR: Mapping[State, str | None] = {
    "drafted": "check",
    "returned": "draft",
    "checked": "sending",
    "unknown": "reconciliation",
    "sent": "acknowledgement",
    "rejected": "correction",
    "acknowledged": None,
    "withdrawn": None,
}
"""What a report in each state waits for; nothing is forgotten until that is nothing."""
_LEFT: tuple[State, ...] = ("sent", "acknowledged")
"""The states in which the addressee is known to have, or to be getting, the message."""


class IllegalStepError(ValueError):
    """A step that may not follow those before it; the message says why."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an addressee answered.

    Attributes:
        message_id: to which message.
        accepted: whether it took it.
        code: its own code.
        reference: its own number for the case.
        reason: why, in its own words.
        said_at: when the answer was entered, in milliseconds since 1970-01-01 (UTC).
    """

    message_id: str
    accepted: bool
    code: str
    reference: str | None
    reason: str | None
    said_at: int


@dataclass(frozen=True, slots=True)
class Report:
    """One version of a case, for one addressee.

    Attributes:
        version: of the case, from 1.
        addressee: who gets it.
        kind: icsr, incident or mir.
        type: initial, follow_up, amendment or nullification.
        sender: whose duty it is.
        classes: the classes of deadline of what it tells anew.
        learnt_on: day 0, in days since 1970-01-01.
        state: what it has come to.
        edition: which draft of it, from 1.
        drafted_by: who drafted that edition.
        four_eyes: whether two persons have to have seen it: who drafted it and who checked it, or two who checked it.
        checked_by: who checked it; of what is still drafted, who checked it first.
        attempts: how often sending of that edition was begun.
        failed: how many of these are known to have come to nothing.
        receipts: what the addressee answered, to earlier editions first.
        owner: who sees to it that it is in time; None where nobody does yet.
        facts: by which it is seen whether the registrations have changed since it was drafted.
        findings: what keeps it from being checked.
        asks: what is to be asked of whoever registered.
        rule: of reporting.yaml, which it comes from.
        drafted_at: when that edition was drafted, in milliseconds since 1970-01-01 (UTC).
    """

    version: int
    addressee: str
    kind: str
    type: str
    sender: str
    classes: tuple[str, ...]
    learnt_on: int | None
    state: State
    edition: int
    drafted_by: str
    four_eyes: bool
    checked_by: str | None = None
    attempts: int = 0
    failed: int = 0
    receipts: tuple[Receipt, ...] = ()
    owner: str | None = None
    facts: str | None = None
    findings: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    rule: str | None = None
    drafted_at: int = 0

    @property
    def told(self) -> bool:
        """Whether the addressee is known to have what it says, or to be getting it."""
        return self.state in _LEFT


@dataclass(frozen=True, slots=True)
class Case:
    """A case: its reports by version and addressee, the steps that made them, and those that were refused."""

    id: str
    reports: Mapping[tuple[int, str], Report] = field(default_factory=dict)
    log: tuple[Record, ...] = ()
    refused: tuple[tuple[Record, str], ...] = ()

    def latest(self, addressee: str, below: int | None = None) -> Report | None:
        """The latest version for an addressee that was not withdrawn, where wanted of those below a number."""
        own = [
            one
            for (version, to), one in self.reports.items()
            if to == addressee and one.state != "withdrawn" and (below is None or version < below)
        ]
        return max(own, key=lambda one: one.version, default=None)


def fold(case: str, messages: Iterable[tuple[int, Record]]) -> Case:
    """What a case has come to by its messages, each with its version in the log, in any order and however often.

    Of messages with the same id the first in the log counts.
    """
    folded = Case(case)
    for _, record in sorted(messages, key=lambda message: message[0]):
        folded = taken(folded, record)
    return folded


def taken(case: Case, record: Record) -> Case:
    """The case after the next message of the log: as ``apply``, but what is illegal is kept beside."""
    if any(one["id"] == record["id"] for one, _ in case.refused):
        return case
    try:
        return apply(case, record)
    except IllegalStepError as error:
        return replace(case, refused=(*case.refused, (record, str(error))))


def apply(case: Case, record: Record) -> Case:
    """The case after a step; the same case where the step was taken before.

    Raises:
        IllegalStepError: the step may not follow those before it, or is not as it must be.
    """
    if any(one["id"] == record["id"] for one in case.log):
        return case
    for one, why in case.refused:
        if one["id"] == record["id"]:
            raise IllegalStepError(why)
    if faults := steps.report_faults(record):
        raise IllegalStepError("; ".join(map(str, faults)))
    if record["case"] != case.id:
        raise IllegalStepError(f"the step is of the case {record['case']}, not {case.id}")
    key = record["case_version"], record["addressee"]
    present = case.reports.get(key)
    if record["step"] == steps.DRAFTED:
        made = _drafted(case, record, present)
    elif present is None:
        raise IllegalStepError(f"{record['step']}: there is no draft of {_named(record)}")
    elif record["edition"] != present.edition:
        raise IllegalStepError(
            f"{record['step']}: is of edition {record['edition']}, and {present.edition} is the last"
        )
    else:
        made = _FOLLOWING[record["step"]](case, record, present)
    return replace(case, reports={**case.reports, key: made}, log=(*case.log, record))


def _drafted(case: Case, record: Record, present: Report | None) -> Report:
    before = case.latest(record["addressee"], below=record["case_version"])
    if present is None:
        _is_next(case, record, before)
    else:
        _may_be_drafted_anew(record, present)
    like = present or before
    if like is not None and (like.kind, like.sender) != (record["kind"], record["sender"]):
        raise IllegalStepError(f"drafted: the case is of kind {like.kind}, by {like.sender}")
    if (before is None) != (record["type"] == steps.INITIAL):
        wanted = "is initial, for no other was sent" if before is None else "is not initial, for one was"
        raise IllegalStepError(f"drafted: {_named(record)} {wanted}")
    return Report(
        record["case_version"],
        record["addressee"],
        record["kind"],
        record["type"],
        record["sender"],
        tuple(record["classes"]),
        record["learnt_on"],
        "drafted",
        record["edition"],
        record["by"],
        record["four_eyes"],
        receipts=() if present is None else present.receipts,
        owner=None if like is None else like.owner,
        facts=record["facts"],
        findings=tuple(record["findings"]),
        asks=tuple(record["asks"]),
        rule=record["rule"],
        drafted_at=record["said_at"],
    )


def _is_next(case: Case, record: Record, before: Report | None) -> None:
    last = max((version for version, to in case.reports if to == record["addressee"]), default=0)
    if record["case_version"] != last + 1:
        raise IllegalStepError(f"drafted: the next version to the {record['addressee']} is {last + 1}")
    if record["edition"] != 1:
        raise IllegalStepError(f"drafted: the first edition of {_named(record)} is 1")
    if before is not None and before.state not in ("unknown", *_LEFT):
        raise IllegalStepError(f"drafted: version {before.version} is {before.state}: draft its next edition instead")
    if before is not None and before.type == steps.NULLIFICATION:
        raise IllegalStepError(f"drafted: version {before.version} nullified the case")


def _may_be_drafted_anew(record: Record, present: Report) -> None:
    if present.state not in ("drafted", "returned", "checked", "rejected"):
        raise IllegalStepError(f"drafted: {_named(record)} is {present.state}, and takes no other edition")
    if record["edition"] != present.edition + 1:
        raise IllegalStepError(f"drafted: the next edition of {_named(record)} is {present.edition + 1}")


def _assigned(_: Case, record: Record, present: Report) -> Report:
    _in(record, present, *(state for state, waits in WAITS_FOR.items() if waits is not None))
    return replace(present, owner=record["owner"])


def _returned(_: Case, record: Record, present: Report) -> Report:
    _in(record, present, "drafted", "checked")
    _by_a_person(record)
    return replace(present, state="returned", checked_by=None)


def _checked(_: Case, record: Record, present: Report) -> Report:
    _in(record, present, "drafted")
    _by_a_person(record)
    if present.findings:
        raise IllegalStepError(f"checked: {_named(record)} is not whole: {'; '.join(present.findings)}")
    if present.four_eyes and record["by"] == present.drafted_by:
        raise IllegalStepError(f"checked: {_named(record)} needs another person than the one who drafted it")
    if present.four_eyes and present.drafted_by == PLATFORM:  # which has no eyes: two persons check it
        if present.checked_by is None:
            return replace(present, checked_by=record["by"])
        if present.checked_by == record["by"]:
            raise IllegalStepError(f"checked: {_named(record)} needs another person than the one who checked it first")
    return replace(present, state="checked", checked_by=record["by"])


def _attempted(case: Case, record: Record, present: Report) -> Report:
    _in(record, present, "checked", "unknown", "sent")
    _under_its_id(record)
    before = case.latest(record["addressee"], below=record["case_version"])
    if before is not None and not before.told:
        raise IllegalStepError(f"attempted: version {before.version} comes first, and is {before.state}")
    return replace(present, state=present.state if present.told else "unknown", attempts=present.attempts + 1)


def _sent(_: Case, record: Record, present: Report) -> Report:
    _in(record, present, "unknown", "sent")
    _under_its_id(record)
    return replace(present, state="sent")


def _failed(_: Case, record: Record, present: Report) -> Report:
    """Of several attempts only the outcome of this one is known: the report is unsent where all have failed."""
    _in(record, present, "unknown", "sent")
    _under_its_id(record)
    failed = present.failed + 1
    if failed > present.attempts - present.told:
        raise IllegalStepError(f"failed: no attempt to send {_named(record)} is open")
    return replace(present, state="checked" if failed == present.attempts else present.state, failed=failed)


def _answered(_: Case, record: Record, present: Report) -> Report:
    """Acknowledged or rejected; either tells what became of an attempt whose outcome was not known."""
    _in(record, present, "unknown", "sent")
    _under_its_id(record)
    accepted = record["step"] == steps.ACKNOWLEDGED
    receipt = Receipt(
        record["message_id"], accepted, record["code"], record["reference"], record["reason"], record["said_at"]
    )
    return replace(present, state="acknowledged" if accepted else "rejected", receipts=(*present.receipts, receipt))


def _withdrawn(_: Case, record: Record, present: Report) -> Report:
    """Of what was never sent alone; the rest is amended or nullified by a version of its own."""
    _in(record, present, "drafted", "returned", "checked")
    return replace(present, state="withdrawn")


_FOLLOWING: Mapping[str, Callable[[Case, Record, Report], Report]] = {
    steps.ASSIGNED: _assigned,
    steps.RETURNED: _returned,
    steps.CHECKED: _checked,
    steps.ATTEMPTED: _attempted,
    steps.SENT: _sent,
    steps.FAILED: _failed,
    steps.ACKNOWLEDGED: _answered,
    steps.REJECTED: _answered,
    steps.WITHDRAWN: _withdrawn,
}


def _in(record: Record, present: Report, *states: State) -> None:
    if present.state not in states:
        allowed = " or ".join(states)
        raise IllegalStepError(f"{record['step']}: {_named(record)} is {present.state}, not {allowed}")


def _by_a_person(record: Record) -> None:
    if record["by"] == PLATFORM:
        raise IllegalStepError(f"{record['step']}: a person checks reports")


def _under_its_id(record: Record) -> None:
    own = message_id(record["case"], record["case_version"], record["addressee"], record["edition"])
    if record["message_id"] != own:
        raise IllegalStepError(f"{record['step']}: {_named(record)} has the message id {own}, and no other")


def _named(record: Record) -> str:
    return f"version {record['case_version']} to the {record['addressee']}"
