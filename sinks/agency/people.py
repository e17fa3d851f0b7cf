"""What people do with reports: check, return, correct, code, assign, withdraw, nullify, send by hand, enter answers.

Each is one step, or two, made for a report as it stands and held against the rules before it is said. The log decides
in the end: what somebody else has said before may leave it without effect.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from schemas import report as steps
from sinks.agency.cases import message_id
from sinks.agency.delivery import outgoing_of
from sinks.agency.drafting import XML
from sinks.agency.icsr import cases as ways
from sinks.agency.icsr.parsing import RefusedXMLError
from sinks.agency.icsr.reader import read
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.values import MeddraTerm, Moment
from sinks.agency.icsr.writer import write
from sinks.agency.outbox import IllegalStepError, apply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sinks.agency.ends import Ends
    from sinks.agency.icsr import model
    from sinks.agency.outbox import Case, Report

    Record = dict[str, Any]
    Key = tuple[int, str]

_GONE = ("unknown", "sent", "acknowledged")


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody is about to do.

    Attributes:
        case: as folded from the log, with what its messages say.
        key: version and addressee of the report.
        by: who does it.
        at: when, with an offset from UTC.
    """

    case: Case
    key: Key
    by: str
    at: datetime

    @property
    def report(self) -> Report:
        """The report.

        Raises:
            IllegalStepError: the case has none of that version and addressee.
        """
        if self.key not in self.case.reports:
            raise IllegalStepError(f"{self.case.id} has no version {self.key[0]} to the {self.key[1]}")
        return self.case.reports[self.key]


def checked(act: Act) -> Record:
    """Somebody has read a draft and finds it right.

    Raises:
        IllegalStepError: it may not be checked, or not by this person; so of all that stand here.
    """
    return _said(act, steps.CHECKED)


def returned(act: Act, reason: str) -> Record:
    """Somebody has read a draft and finds it wrong."""
    return _said(act, steps.RETURNED, reason=reason)


def assigned(act: Act, owner: str, reason: str | None = None) -> Record:
    """Somebody is to see to it that it is in time."""
    return _said(act, steps.ASSIGNED, owner=owner, reason=reason)


def withdrawn(act: Act, reason: str) -> Record:
    """It is not to be reported, and has not been."""
    return _said(act, steps.WITHDRAWN, reason=reason)


def sent_by_hand(act: Act) -> list[Record]:
    """Somebody has handed it over in another way, by an agency's own page or a letter."""
    message = outgoing_of(act.case, act.key).message_id
    attempted = _said(act, steps.ATTEMPTED, message_id=message)
    return [attempted, _said(replace(act, case=apply(act.case, attempted)), steps.SENT, message_id=message)]


def answered(
    act: Act,
    *,
    accepted: bool,
    code: str,
    reference: str | None = None,
    reason: str | None = None,
) -> Record:
    """The addressee has answered in another way than by a file."""
    name = steps.ACKNOWLEDGED if accepted else steps.REJECTED
    message = outgoing_of(act.case, act.key).message_id
    return _said(act, name, message_id=message, code=code, reference=reference, reason=reason)


def corrected(act: Act, ends: Ends, content: bytes, reason: str | None = None) -> Record:
    """A message as somebody has corrected it: the next edition of what has not gone, else an amendment, with why."""
    present = act.report
    if present.kind != "icsr":
        return _drafted(act, _draft_of(act)["content_type"], content, (), reason)
    try:
        found = read(content)
    except RefusedXMLError as error:
        raise IllegalStepError(str(error)) from error
    return _rewritten(act, ends, _only_case(found.batch), reason, findings=map(str, found.findings))


def coded(act: Act, ends: Ends, term: MeddraTerm, reaction: int = 0) -> Record:
    """What the reporter's words mean, by MedDRA: the same message with the term in it."""
    told = _only_case(read(outgoing_of(act.case, act.key).content).batch)
    if not 0 <= reaction < len(told.reactions):
        raise IllegalStepError(f"the report has {len(told.reactions)} reactions")
    reactions = list(told.reactions)
    reactions[reaction] = replace(reactions[reaction], term=term)
    reason = f"Reaction {reaction + 1} has been coded anew." if act.report.state in _GONE else None
    return _rewritten(act, ends, replace(told, reactions=tuple(reactions)), reason)


def nullified(act: Act, ends: Ends, reason: str, duplicate_of: str | None = None) -> Record:
    """A case that was sent is void: an error, or a duplicate of another. It is checked as any other draft."""
    present = act.report
    if present.state not in _GONE:
        raise IllegalStepError(f"version {present.version} has not gone: withdraw it instead")
    kind = "error" if duplicate_of is None else steps.DUPLICATE
    said: dict[str, Any] = {"type": steps.NULLIFICATION, "nullified_as": kind, "duplicate_of": duplicate_of}
    if present.kind != "icsr":
        content = f"{outgoing_of(act.case, act.key).content.decode()}\n\n**Void: {reason}**".encode()
        return _drafted(act, _draft_of(act)["content_type"], content, (), None, **said)
    told = _only_case(read(outgoing_of(act.case, act.key).content).batch)
    return _rewritten(act, ends, told, None, changed=lambda whole, made: ways.nullified(whole, reason, made), **said)


def _said(act: Act, name: str, **beside: Any) -> Record:  # noqa: ANN401 - fields by name
    record = _record(act, act.key, act.report.edition, name, beside)
    apply(act.case, record)
    return record


def _record(act: Act, key: Key, edition: int, name: str, beside: Mapping[str, Any]) -> Record:
    return {
        **steps.NOTHING,
        "registry": act.case.log[-1]["registry"],
        "epoch": act.case.log[-1]["epoch"],
        "id": str(uuid.uuid4()),
        "said_at": int(act.at.timestamp() * 1000),
        "by": act.by,
        "case": act.case.id,
        "case_version": key[0],
        "addressee": key[1],
        "edition": edition,
        "step": name,
        **beside,
    }


def _rewritten(
    act: Act,
    ends: Ends,
    told: model.Case,
    reason: str | None,
    *,
    findings: Iterable[str] = (),
    changed: Callable[[model.Case, Moment], model.Case] | None = None,
    **said: Any,  # noqa: ANN401 - fields by name
) -> Record:
    """The draft of an ICSR that says something else, under its own ids and between these ends."""
    place, edition = _next_place(act)
    made = Moment.of(act.at.astimezone(UTC).replace(microsecond=0))
    whole = replace(told, report_id=act.case.id, worldwide_id=told.worldwide_id or act.case.id, created=made)
    if changed is not None:
        whole = changed(whole, made)
    elif place != act.key:
        whole = ways.amended(whole, reason or "", made)
    batch = ways.batch_of([whole], message_id(act.case.id, *place, edition), ends.sender, ends.receiver, made)
    wrong = (*findings, *map(str, validate(batch, act.at)))
    return _drafted(act, XML, write(batch), wrong, reason, **said)


def _drafted(
    act: Act,
    content_type: str,
    content: bytes,
    findings: tuple[str, ...],
    reason: str | None,
    **said: Any,  # noqa: ANN401 - fields by name
) -> Record:
    present, like = act.report, _draft_of(act)
    place, edition = _next_place(act)
    anew = place != act.key
    if anew and not (reason or "").strip() and "type" not in said:
        raise IllegalStepError("what has gone is amended, and an amendment has its reason: say it")
    kind = "amendment" if anew else present.type
    beside = {
        **{name: like[name] for name in ("kind", "rule", "sender", "four_eyes", "patient", "sources", "facts", "asks")},
        "type": kind,
        "classes": [] if anew else list(present.classes),
        "learnt_on": None if anew else present.learnt_on,
        "nullified_as": None if anew else like["nullified_as"],
        "duplicate_of": None if anew else like["duplicate_of"],
        "content_type": content_type,
        "content": content,
        "findings": list(findings),
        **said,
    }
    record = _record(act, place, edition, steps.DRAFTED, beside)
    apply(act.case, record)
    return record


def _next_place(act: Act) -> tuple[Key, int]:
    """The version and edition that a draft would be of."""
    version, addressee = act.key
    return ((version + 1, addressee), 1) if act.report.state in _GONE else (act.key, act.report.edition + 1)


def _draft_of(act: Act) -> Mapping[str, Any]:
    wanted = (*act.key, act.report.edition)
    return next(
        one
        for one in act.case.log
        if one["step"] == steps.DRAFTED and (one["case_version"], one["addressee"], one["edition"]) == wanted
    )


def _only_case(batch: model.Batch) -> model.Case:
    if len(batch.messages) != 1 or batch.messages[0].case is None:
        raise IllegalStepError("the file has not one report, as each message of ours has")
    return batch.messages[0].case
