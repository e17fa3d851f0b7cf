"""A checked report sent, and an answer taken in: what is said in the log, in which order, so that dying costs nothing.

``say`` puts a step into the log and returns once it is there for good. An attempt is said before it is made and its
outcome after; whoever starts again finds the report unknown, sends the same under the same id, or waits for the answer.
An answer's file is moved away only once its step is in the log; read twice, it makes the same step, which counts once.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas import report as steps
from sinks.agency.cases import message_id, parsed_message_id, step_id
from sinks.agency.gateway import NotSentError, Outgoing
from sinks.agency.outbox import PLATFORM, IllegalStepError, apply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sinks.agency.gateway import Answer, DirectoryGateway, Transport
    from sinks.agency.outbox import Case

    Record = Mapping[str, Any]
    Say = Callable[[Record], None]


class Answered(NamedTuple):
    """What an addressee says of one message.

    Attributes:
        message_id: of ours.
        accepted: whether it took it.
        code: its own.
        reference: its own number for the case.
        reason: why; where it did not take the message there is one.
    """

    message_id: str
    accepted: bool
    code: str
    reference: str | None = None
    reason: str | None = None


def outgoing_of(case: Case, key: tuple[int, str]) -> Outgoing:
    """The message of a report's last edition.

    Args:
        case: whose report.
        key: its version and addressee.

    Raises:
        KeyError: there is no such report.
    """
    present = case.reports[key]
    (draft,) = (
        one
        for one in case.log
        if one["step"] == steps.DRAFTED
        and (one["case_version"], one["addressee"], one["edition"]) == (*key, present.edition)
    )
    return Outgoing(message_id(case.id, *key, present.edition), draft["content_type"], draft["content"])


def deliver(case: Case, key: tuple[int, str], transport: Transport, say: Say, said_at: int) -> Case:
    """Send a report that is checked, or sent before with an unknown outcome; the case as it is then.

    Args:
        case: as folded from the log.
        key: version and addressee of the report.
        transport: the way; in a dry run nothing is said and the case stays as it is.
        say: puts a step into the log.
        said_at: now, in milliseconds since 1970-01-01 (UTC).

    Raises:
        IllegalStepError: the report is not to be sent now.
        OSError: whatever else went wrong on the way; the report is unknown.
    """
    message = outgoing_of(case, key)
    attempt = case.reports[key].attempts + 1
    attempted = step_about(case, message.message_id, steps.ATTEMPTED, said_at, attempt=attempt)
    begun = apply(case, attempted)
    if transport.dry:
        transport.send(message)
        return case
    say(attempted)
    name, reason = steps.SENT, None
    try:
        transport.send(message)
    except NotSentError as error:
        name, reason = steps.FAILED, str(error)
    outcome = step_about(case, message.message_id, name, said_at, attempt=attempt, beside={"reason": reason})
    ended = apply(begun, outcome)
    say(outcome)
    return ended


def take_in(
    gateway: DirectoryGateway,
    read: Callable[[Answer], Iterable[Answered]],
    case_of: Callable[[str], Case | None],
    say: Say,
    said_at: int,
) -> list[tuple[str, str]]:
    """Take in the answers that have come; what is none is put aside.

    Args:
        gateway: where they lie.
        read: what a file says; raises ValueError where it is no answer.
        case_of: a case as folded from the log with all that was said so far; None where there is none.
        say: puts a step into the log.
        said_at: now, in milliseconds since 1970-01-01 (UTC).

    Returns:
        The files that were put aside, each with the reason.
    """
    aside: list[tuple[str, str]] = []
    for answer in gateway.answers():
        try:
            for one in read(answer):
                _take_one(one, case_of, say, said_at)
        except ValueError as error:
            gateway.put_aside(answer.name)
            aside.append((answer.name, str(error)))
        else:
            gateway.done(answer.name)
    return aside


def _take_one(answered: Answered, case_of: Callable[[str], Case | None], say: Say, said_at: int) -> None:
    """Say what one message came to; ValueError where that cannot be."""
    named = parsed_message_id(answered.message_id)
    case = None if named is None else case_of(named.case)
    if named is None or case is None or (named.version, named.addressee) not in case.reports:
        raise IllegalStepError("the answer is to no message of ours")
    name = steps.ACKNOWLEDGED if answered.accepted else steps.REJECTED
    beside = {"code": answered.code, "reference": answered.reference, "reason": answered.reason}
    step = step_about(case, answered.message_id, name, said_at, beside=beside)
    if apply(case, step) is not case:
        say(step)


def step_about(
    case: Case,
    message: str,
    name: str,
    said_at: int,
    *,
    attempt: int = 0,
    beside: Mapping[str, str | None] = MappingProxyType({}),
) -> Record:
    """A step about a message, which the platform itself takes.

    Args:
        case: whose message.
        message: its id.
        name: of the step.
        said_at: now, in milliseconds since 1970-01-01 (UTC).
        attempt: of steps about sending, which attempt of the edition.
        beside: what the step says beside.

    Raises:
        IllegalStepError: the message id is none of ours.
    """
    named = parsed_message_id(message)
    if named is None:
        raise IllegalStepError("the message id is none of ours")
    like = case.log[-1]
    record = {
        **steps.NOTHING,
        "registry": like["registry"],
        "epoch": like["epoch"],
        "said_at": said_at,
        "by": PLATFORM,
        "case": named.case,
        "case_version": named.version,
        "addressee": named.addressee,
        "edition": named.edition,
        "step": name,
        "message_id": message,
        **beside,
    }
    return {**record, "id": step_id(record, attempt)}
