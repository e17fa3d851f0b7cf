"""What an agency answered, as an outbox takes it in: it names the batch, whose number is our message id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.rules import LONGEST_TEXT
from sinks.agency.cases import parsed_message_id
from sinks.agency.delivery import Answered
from sinks.agency.icsr.acknowledgement import BatchVerdict, MessageVerdict, read_acknowledgement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.agency.gateway import Answer

_NO_REASON = "No reason is given."


def read_answer(answer: Answer) -> list[Answered]:
    """What a file says of a message of ours.

    Raises:
        ValueError: it is no acknowledgement, or of another's message.
    """
    said = read_acknowledgement(answer.content)
    named = parsed_message_id(said.batch)
    if named is None:
        raise ValueError("the acknowledgement is of a batch that is none of ours (ACK.A.1)")
    if not said.messages:
        accepted = said.verdict is BatchVerdict.AA
        return [_answered(said.batch, said.verdict.value, said.local_number, said.reasons, accepted=accepted)]
    if any(one.identifier != named.case for one in said.messages):
        raise ValueError("the acknowledgement is of another report than the batch had (ACK.B.r.1)")
    one = said.messages[-1]
    accepted = one.verdict is MessageVerdict.CA
    return [_answered(said.batch, one.verdict.value, one.local_number, one.reasons or said.reasons, accepted=accepted)]


def _answered(message: str, code: str, number: str | None, reasons: Sequence[str], *, accepted: bool) -> Answered:
    reason = "; ".join(reasons)[:LONGEST_TEXT] or (None if accepted else _NO_REASON)
    return Answered(message, accepted, code, None if number is None else number[:LONGEST_TEXT], reason)
