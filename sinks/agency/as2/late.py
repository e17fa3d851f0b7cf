"""A receipt that came later, said in the log: a report that was unknown is then sent, or was not taken.

They lie in a gateway of their own, as answers do, until what they tell is in the log.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from schemas import report as steps
from sinks.agency.as2.entity import parsed
from sinks.agency.as2.errors import RefusedMessageError, UnknownOutcomeError
from sinks.agency.as2.message import own_id, unquoted
from sinks.agency.as2.receipt import read_receipt
from sinks.agency.as2.transport import settle
from sinks.agency.cases import parsed_message_id
from sinks.agency.delivery import outgoing_of, step_about
from sinks.agency.gateway import NotSentError
from sinks.agency.outbox import IllegalStepError, apply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from sinks.agency.as2.ends import OwnEnd, Partner
    from sinks.agency.as2.receipt import Receipt
    from sinks.agency.delivery import Say
    from sinks.agency.gateway import DirectoryGateway
    from sinks.agency.outbox import Case

_RECEIPTS = UUID("0d6a9c1e-6f0c-5b3e-8a55-5a7a31f0b9d4")


def receipt_name(raw: bytes) -> str:
    """The name of a receipt's file: the same for the same receipt."""
    return hashlib.sha256(raw).hexdigest()[:40] + ".mdn"


def take_in_receipts(
    gateway: DirectoryGateway,
    end: OwnEnd,
    partners: Iterable[Partner],
    case_of: Callable[[str], Case | None],
    *,
    say: Say,
    now: datetime,
) -> list[tuple[str, str]]:
    """Take in the receipts that have come; those that settle nothing are put aside.

    Args:
        gateway: where they lie.
        end: ours.
        partners: whose they may be.
        case_of: a case as folded from the log with all that was said so far; None where there is none.
        say: puts a step into the log.
        now: aware of its zone.

    Returns:
        The files that were put aside, each with the reason.
    """
    known = {one.name: one for one in partners}
    aside: list[tuple[str, str]] = []
    for answer in gateway.answers():
        whole = parsed(answer.content)
        partner = known.get(unquoted(whole.headers.get("as2-from")))
        try:
            receipt = read_receipt(whole, _known(partner), now)
            said_at = int(now.timestamp() * 1000)
            take_receipt(receipt, answer.content, end, case_of, say=say, said_at=said_at)
        except (RefusedMessageError, IllegalStepError, UnknownOutcomeError) as error:
            gateway.put_aside(answer.name)
            aside.append((answer.name, str(error)))
        else:
            gateway.done(answer.name)
    return aside


def take_receipt(
    receipt: Receipt, raw: bytes, end: OwnEnd, case_of: Callable[[str], Case | None], *, say: Say, said_at: int
) -> None:
    """Say what a late receipt tells; nothing where the addressee has answered already. Read twice, it counts once.

    Args:
        receipt: as the partner has signed it.
        raw: its bytes, which its step's id is derived of.
        end: ours.
        case_of: a case as folded from the log; None where there is none.
        say: puts a step into the log.
        said_at: now, in milliseconds since 1970-01-01 (UTC).

    Raises:
        IllegalStepError: it is of no message of ours.
        UnknownOutcomeError: it tells of other bytes than were sent: for a person to look at.
    """
    name = own_id(receipt.message_id, end)
    named = parsed_message_id(name or "")
    case = None if named is None else case_of(named.case)
    if name is None or named is None or case is None:
        raise IllegalStepError("the receipt is of no message of ours")
    key = named.version, named.addressee
    present = case.reports.get(key)
    if present is None or present.edition != named.edition or not present.attempts:
        raise IllegalStepError("the receipt is of no message that was sent last")
    if present.state != "unknown":
        return
    step, reason = steps.SENT, None
    try:
        settle(receipt, outgoing_of(case, key), end)
    except NotSentError as error:
        step, reason = steps.FAILED, str(error)
    record = step_about(case, name, step, said_at, beside={"reason": reason})
    record = {**record, "id": str(uuid5(_RECEIPTS, hashlib.sha256(raw).hexdigest()))}
    if apply(case, record) is not case:
        say(record)


def _known(partner: Partner | None) -> Partner:
    if partner is None:
        raise IllegalStepError("the receipt is of nobody whom we know")
    return partner
