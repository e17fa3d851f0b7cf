"""Which drafts a person's registrations call for, beside what was drafted of them before: pure, and no more than once.

A registration that is to be reported, and whose case says nothing of it yet or something else, calls for a draft: the
first version of the case, the next edition of one that has not gone, or the next version. One that is retracted calls
for the withdrawal of what has not gone, and a nullification of what has. What is not there at all, because its person
opted out, calls for nothing. The ids of steps are made of what they are, so whoever works this out again says the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas import report as steps
from schemas.reporting import CLASSES
from sinks.agency import incident_text, reaction_case
from sinks.agency.cases import case_number, message_id, step_id
from sinks.agency.coding.mapping import OwnMapping
from sinks.agency.icsr.cases import amended, batch_of, nullified
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.values import Moment
from sinks.agency.icsr.writer import write
from sinks.agency.incident_text import IncidentFacts
from sinks.agency.outbox import PLATFORM, Case
from sinks.agency.registered import day_of, facts_of, number_of
from sinks.agency.reportable import reportable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

    from schemas.definition.registry import RegistryDefinition
    from schemas.definition.reporting import ReportingRule
    from sinks.agency.ends import Ends
    from sinks.agency.icsr import model
    from sinks.agency.outbox import Report
    from sinks.agency.reaction_case import ReactionFacts
    from sinks.agency.registered import Person, Registered
    from sinks.agency.reportable import Reportable

    Record = dict[str, Any]
    Changed = Callable[[model.Case, Moment], model.Case]

XML = "application/xml"
_WRONG = "The registration was withdrawn where it was made."
_NOT_REPORTABLE = "The registration, as corrected, is not to be reported."
_TWICE = "The event is reported as another case, of which this is a duplicate."
_GONE = ("unknown", "sent", "acknowledged")


@dataclass(frozen=True, slots=True)
class Desk:
    """What drafting goes by.

    Attributes:
        definition: the registry.
        ends: who sends, and to whom.
        zone: whose midnight parts days.
        since: what was to be reported before this day is none of ours; None: everything is.
        mapping: the user's own, of codes and texts to MedDRA.
    """

    definition: RegistryDefinition
    ends: Ends
    zone: ZoneInfo
    since: date | None = None
    mapping: OwnMapping = OwnMapping(MappingProxyType({}))  # noqa: RUF009 - it cannot be changed


def as_new(case: model.Case, made: Moment) -> model.Case:
    """The case as it is told for the first time, or with new information."""
    return replace(case, created=made)


class Written(NamedTuple):
    """A message as drafted: the bytes, what is wrong with it, what is to be asked."""

    content_type: str
    content: bytes
    findings: tuple[str, ...]
    asks: tuple[str, ...]


def forms_read(definition: RegistryDefinition) -> set[str]:
    """The forms whose registrations reports are made of."""
    read: set[str] = set()
    for rule in definition.reporting.rules.values():
        of = reaction_case.forms_of_reactions if rule.kind == "icsr" else incident_text.forms_of_incidents
        read |= of(definition, rule.form)
    return read


class _Work(NamedTuple):
    """What is worked at."""

    desk: Desk
    person: Person
    kind: str
    now: datetime


def drafts_of(desk: Desk, person: Person, case: Callable[[str], Case | None], now: datetime) -> Iterator[Record]:
    """The steps that a person's registrations call for, without registry and epoch; none where all has been said.

    Args:
        desk: what they go by.
        person: the registrations.
        case: a case as folded from the log; None where there is none.
        now: with an offset from UTC.
    """
    rules = desk.definition.reporting.rules.values()
    for (form, _), history in sorted(person.histories.items()):
        for kind in dict.fromkeys(rule.kind for rule in rules if rule.form == form):
            yield from _of_registration(_Work(desk, person, kind, now), history, case)


def _of_registration(
    work: _Work, history: Sequence[Registered], case: Callable[[str], Case | None]
) -> Iterator[Record]:
    desk, latest = work.desk, history[-1]
    number = case_number(desk.definition.name, work.kind, latest.form, work.person.patient, latest.registration_id)
    name = desk.ends.case(number)
    known = case(name) or Case(name)
    calls = _calls(work, latest)
    if calls is None:
        if known.reports:
            yield from _taken_back(work, history, known)
        return
    first = next(one for one in history if _calls(work, one) is not None)
    learnt = _known_on(desk, first, calls.rule)
    if not known.reports and desk.since is not None and learnt < desk.since:
        return
    making = _Making(work, latest, calls, known.id, first=learnt)
    for addressee in calls.rule.addressees:
        yield from _to(making, known, addressee)


def _calls(work: _Work, one: Registered) -> Reportable | None:
    found = reportable(work.desk.definition, one.form, one.record)
    return next((called for called in found if called.rule.kind == work.kind), None)


def _known_on(desk: Desk, one: Registered, rule: ReportingRule) -> date:
    """The day on which whoever has the duty knew it: a care provider when it registered, others once they had it."""
    if rule.sender == "care_provider":
        recorded = one.record[desk.definition.forms[one.form].name_of("recorded_at")]
        return datetime.fromtimestamp(recorded / 1000, UTC).astimezone(desk.zone).date()
    return one.submitted_on(desk.zone)


class _Making:
    """One case being drafted: its facts, worked out once for all its addressees."""

    def __init__(self, work: _Work, registered: Registered, calls: Reportable, case: str, *, first: date) -> None:
        self.desk, self.person, _, self.now = work
        self.registered = registered
        self.calls = calls
        self.case = case
        self.first = first
        tell = reaction_case.reaction_facts if calls.rule.kind == "icsr" else incident_text.incident_facts
        self._told: ReactionFacts | IncidentFacts = tell(self.desk.definition, self.person, registered)
        self.used = self._told.used
        self.facts = facts_of(self.desk.definition, self.used, self._told.beside)

    def place(self, version: int, addressee: str, edition: int) -> dict[str, Any]:
        """Of which report a step is."""
        return {"case": self.case, "case_version": version, "addressee": addressee, "edition": edition}

    @property
    def latest(self) -> date:
        """The day on which the latest of what is told was known."""
        return max(self.first, *(_known_on(self.desk, one, self.calls.rule) for one in self.used))

    def written(self, place: Mapping[str, Any], changed: Changed = as_new) -> Written:
        """The message of an edition, with what is wrong with it.

        Args:
            place: the step's case, version, addressee and edition.
            changed: makes the case new, an amendment or a nullification, at the moment of its making.
        """
        definition, rule, ends, told = self.desk.definition, self.calls.rule, self.desk.ends, self._told
        if isinstance(told, IncidentFacts):
            content = incident_text.text_of(definition, rule, told, ends, self.case)
            return Written(incident_text.CONTENT_TYPE, content, (), incident_text.asked_of(definition, told))
        made = Moment.of(self.now.astimezone(UTC).replace(microsecond=0))
        case = reaction_case.case_of(
            definition, rule, told, ends, self.case,
            first=self.first, latest=self.latest, expedited="serious" in self.calls.classes,
            mapping=self.desk.mapping,
        )  # fmt: skip
        number = message_id(place["case"], place["case_version"], place["addressee"], place["edition"])
        batch = batch_of([changed(case, made)], number, ends.sender, ends.receiver, made)
        findings = [str(one) for one in validate(batch, self.now)]
        if rule.causality_required and not self.registered.record.get("causality"):
            findings.append("G.k.9.i.2.r.3: The report is solicited, and nobody has said how related they are. Say so.")
        return Written(XML, write(batch), tuple(findings), reaction_case.asked_of(definition, told))


def _to(making: _Making, case: Case, addressee: str) -> Iterator[Record]:
    """What is due to one addressee."""
    present = case.latest(addressee)
    classes = making.calls.classes
    if present is None:
        version = max((number for number, to in case.reports if to == addressee), default=0) + 1
        if not _was_dropped(case, version - 1, addressee, making.facts):
            yield _draft(making, making.place(version, addressee, 1), steps.INITIAL, classes, making.first)
    elif present.type == steps.NULLIFICATION:
        if present.state in ("drafted", "returned", "checked") and present.drafted_by == PLATFORM:
            yield _withdrawal(making.now, case.id, present, "The registration stands again.")
    elif present.state in _GONE:
        if present.facts != making.facts:
            place = making.place(present.version + 1, addressee, 1)
            yield _draft(making, place, "follow_up", classes, making.latest)
    elif present.facts != making.facts or _would_be_whole(making, present):
        known = tuple(one for one in CLASSES[making.calls.rule.sender] if one in (*present.classes, *classes))
        place = making.place(present.version, addressee, present.edition + 1)
        kind = "follow_up" if present.type == "amendment" else present.type
        first = making.latest if present.learnt_on is None else day_of(present.learnt_on)
        yield _draft(making, place, kind, known, first)


def _was_dropped(case: Case, version: int, addressee: str, facts: str) -> bool:
    """Whether a person has withdrawn the last version, and nothing has been learnt since."""
    last = case.reports.get((version, addressee))
    return (
        last is not None
        and last.facts == facts
        and any(
            one["step"] == steps.WITHDRAWN and one["by"] != PLATFORM
            for one in case.log
            if (one["case_version"], one["addressee"]) == (version, addressee)
        )
    )


def _would_be_whole(making: _Making, present: Report) -> bool:
    """Whether what kept a draft from being checked is not so any more, as where a term has been coded since."""
    if not present.findings or present.state != "drafted":
        return False
    place = making.place(present.version, present.addressee, present.edition)
    return making.written(place).findings != present.findings


def _draft(
    making: _Making,
    place: Mapping[str, Any],
    kind: str,
    classes: Sequence[str],
    learnt: date,
    *,
    changed: Changed = as_new,
    nullified_as: str | None = None,
    duplicate_of: str | None = None,
) -> Record:
    written, rule = making.written(place, changed), making.calls.rule
    return _step(
        making.now,
        place,
        steps.DRAFTED,
        kind=rule.kind,
        type=kind,
        rule=making.calls.name,
        sender=rule.sender,
        four_eyes=rule.four_eyes,
        classes=list(classes),
        learnt_on=number_of(learnt) if classes else None,
        nullified_as=nullified_as,
        duplicate_of=duplicate_of,
        patient=making.person.patient,
        sources=[f"{one.form}/{one.registration_id}" for one in making.used],
        content_type=written.content_type,
        content=written.content,
        facts=making.facts,
        findings=list(written.findings),
        asks=list(written.asks),
    )


def _taken_back(work: _Work, history: Sequence[Registered], case: Case) -> Iterator[Record]:
    """What is due once a registration that was reported is retracted, or no longer to be reported."""
    latest = history[-1]
    retracted = bool(latest.record[work.desk.definition.forms[latest.form].name_of("retracted")])
    stood = [(one, calls) for one in history if (calls := _calls(work, one)) is not None]
    other = _same_event(work, latest)
    for addressee in dict.fromkeys(to for _, to in case.reports):
        present = case.latest(addressee)
        if present is None or present.type == steps.NULLIFICATION:
            continue
        if present.state not in _GONE:
            if present.type != "amendment" or retracted:
                yield _withdrawal(work.now, case.id, present, _WRONG if retracted else _NOT_REPORTABLE)
            continue
        told, calls = stood[-1]
        first = _known_on(work.desk, told, calls.rule)
        making = _Making(work, told if retracted else latest, calls, case.id, first=first)
        place = making.place(present.version + 1, addressee, 1)
        if other is not None and not retracted:
            yield _draft(
                making, place, steps.NULLIFICATION, (), first,
                changed=_duplicate, nullified_as=steps.DUPLICATE, duplicate_of=other,
            )  # fmt: skip
        elif retracted:
            yield _draft(making, place, steps.NULLIFICATION, (), first, changed=_void, nullified_as="error")
        elif present.facts != making.facts:
            yield _draft(making, place, "amendment", (), first, changed=_not_reportable)


def _same_event(work: _Work, latest: Registered) -> str | None:
    """The case of the registration that tells of the same event, where this one says so: it joins that case."""
    same = latest.record.get("same_event_as")
    if same is None or work.kind != "icsr" or (latest.form, same) not in work.person.histories:
        return None
    number = case_number(work.desk.definition.name, work.kind, latest.form, work.person.patient, same)
    return work.desk.ends.case(number)


def _duplicate(case: model.Case, made: Moment) -> model.Case:
    return nullified(case, _TWICE, made)


def _void(case: model.Case, made: Moment) -> model.Case:
    return nullified(case, _WRONG, made)


def _not_reportable(case: model.Case, made: Moment) -> model.Case:
    return amended(case, _NOT_REPORTABLE, made)


def _withdrawal(now: datetime, case: str, present: Report, reason: str) -> Record:
    place = {
        "case": case, "case_version": present.version, "addressee": present.addressee, "edition": present.edition,
    }  # fmt: skip
    return _step(now, place, steps.WITHDRAWN, reason=reason)


def _step(now: datetime, place: Mapping[str, Any], name: str, **said: Any) -> Record:  # noqa: ANN401 - fields by name
    record = {
        **steps.NOTHING, "said_at": int(now.timestamp() * 1000), "by": PLATFORM, **place, "step": name, **said,
    }  # fmt: skip
    return {**record, "id": step_id(record)}
