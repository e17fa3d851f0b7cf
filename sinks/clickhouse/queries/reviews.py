"""What people said of signals and field safety notices, and how far the carriers have been followed up.

A signal's history is a log: every decision stands, the latest says how it is. Progress counts persons, once in each
unit that answers for them; of somebody with two of the product the one that lies further behind counts. A unit is
overdue with those it has not called in so many days since the alarm or the notice, or since the product was put in
where that was later; with a signal that was closed, or withdrawn, nobody is overdue any more, though its list stays.
No clock is asked: the day is that of the reading of the carriers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, timedelta
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from schemas.review import ANSWER, CHECKED, CLOSED, DEAD, DECISION, MOVED, NOTICE, TO_CALL, is_notice_id, signal_id
from schemas.subjects import subject_of
from sinks.clickhouse import sql
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.queries.carriers import Affected, read_carriers
from sinks.clickhouse.queries.cell_sums import CannotBeReadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.carriers import Carrier, CarrierReading

OVERDUE_AFTER_DAYS = 14
"""How long a unit has for its calls, where nothing else is said."""

_TO_CALL = (TO_CALL, MOVED)  # who has moved is to be called by another unit
_FURTHEST_BEHIND = (*_TO_CALL, "not_found", "called", "declined", DEAD, CHECKED)
_SHORTEST_ID = 8


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on a signal or a notice.

    Attributes:
        id: of its message.
        about: signal or notice.
        group: the monitor group.
        product: code of the product.
        state: taken_up, confirmed or closed.
        reason: why; empty where it was not said.
        note: what else was said.
        by: who said it.
        said_at: when, by the sender's clock.
    """

    id: str
    about: str
    group: str
    product: str
    state: str
    reason: str
    note: str
    by: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What a company has answered about a signal of its own product; it changes nothing of the signal.

    Attributes:
        id: of its message.
        about: the signal.
        company: its code.
        state: acknowledged, stated or tied.
        statement: what it stated; else empty.
        notice: the id of the field safety notice that it tied to the signal; else empty.
        by: who said it for the company.
        said_at: when, by the sender's clock.
    """

    id: str
    about: str
    company: str
    state: str
    statement: str
    notice: str
    by: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """A field safety notice.

    Attributes:
        id: by which it is known.
        group: the monitor group of the product.
        product: its code.
        udi_di: empty where it has none.
        first_day: only what was put in from this day on; None: from the beginning.
        last_day: only what was put in until this day; None: to the end.
        issued_by: from whom it is.
        reference: as whoever issued it writes it.
        note: what else was said.
        by: who told the registry.
        lots: none where all are meant.
        said_at: when, by the sender's clock.
    """

    id: str
    group: str
    product: str
    udi_di: str
    first_day: date | None
    last_day: date | None
    issued_by: str
    reference: str
    note: str
    by: str
    lots: tuple[str, ...]
    said_at: datetime


class Standing(NamedTuple):
    """How a signal stands, as far as its follow-up is concerned.

    Attributes:
        alarm_on: the last day that was known of when its alarm was raised; None where none was.
        withdrawn: whether it was taken back.
    """

    alarm_on: date | None
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """A signal or a notice, whose carriers are followed up.

    Attributes:
        about: its id.
        group: the monitor, as a signal's id has it; the monitor group of a notice.
        product: code of the product, or the label of what else a signal is of.
        lots: only these, and what is of no known lot; all where none are given.
        first_day: only what was put in from this day on.
        last_day: only what was put in until this day.
        opened_on: the day of the alarm or the notice, from which the days are counted.
        withdrawn: whether it is a signal that was taken back.
    """

    about: str
    group: str
    product: str
    lots: tuple[str, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    opened_on: date | None = None
    withdrawn: bool = False

    @property
    def affected(self) -> Affected:
        """Whose carriers are followed up; the dead among them, if they died since."""
        lot = subject_of(self.product).lot
        lots = (lot,) if lot else self.lots
        return Affected(self.product, lots, self.first_day, self.last_day, self.about, self.opened_on, self.group)


class UnitProgress(NamedTuple):
    """How far a unit is.

    Attributes:
        unit: its code.
        persons: whom it has to follow up.
        states: how many stand how.
        overdue: who should have been called by now.
    """

    unit: str
    persons: int
    states: Mapping[str, int]
    overdue: int


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A signal or notice, its carriers, and how far they have been followed up.

    Attributes:
        subject: which.
        reading: its carriers.
        units: by unit, in the order of their codes.
        erased: of how many persons, who have opted out since, something had been said; they are in no other number.
        overdue_after: in how many days carriers should have been called.
    """

    subject: Subject
    reading: CarrierReading
    units: Sequence[UnitProgress]
    erased: int
    overdue_after: int

    @property
    def persons(self) -> int:
        """Whom the units have to follow up; who carries it at two units is followed up by both."""
        return sum(one.persons for one in self.units)

    def number(self, state: str) -> int:
        """How many of them stand so."""
        return sum(one.states.get(state, 0) for one in self.units)

    @property
    def overdue(self) -> Sequence[UnitProgress]:
        """The units that are overdue."""
        return [one for one in self.units if one.overdue]


def read_decisions(client: Client, registry: str, about: str | None = None) -> list[Decision]:
    """Every decision, or those on one signal or notice, in the order in which they came.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    rows = client.rows(
        f"SELECT id, about, `group`, product, state, reason, note, by, said_at FROM {_reviews(registry)} FINAL "
        f"WHERE kind = '{DECISION}' AND ({{about:String}} = '' OR about = {{about:String}}) ORDER BY about, version",
        {"about": about or ""},
    )
    return [Decision(*(*row, moment.replace(tzinfo=UTC))) for *row, moment in rows]


def read_verdicts(client: Client, registry: str) -> list[tuple[str, str, str]]:
    """Every decision, those of a monitor in the order they came: its id, what it is about, its state.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    rows = client.rows(
        f"SELECT id, about, state FROM {_reviews(registry)} FINAL WHERE kind = '{DECISION}' ORDER BY `group`, version"
    )
    return [(name, about, state) for name, about, state in rows]


def read_answers(client: Client, registry: str, about: str | None = None, company: str | None = None) -> list[Answer]:
    """Every answer of companies, or those about one signal, or of one company by its code; in the order they came.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    rows = client.rows(
        f"SELECT id, about, company, state, statement, notice, by, said_at FROM {_reviews(registry)} FINAL "
        f"WHERE kind = '{ANSWER}' AND ({{about:String}} = '' OR about = {{about:String}}) "
        "AND ({company:String} = '' OR company = {company:String}) ORDER BY about, version",
        {"about": about or "", "company": company or ""},
    )
    return [Answer(*(*row, moment.replace(tzinfo=UTC))) for *row, moment in rows]


def read_notices(client: Client, registry: str) -> list[Notice]:
    """Every field safety notice, the earliest first.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    rows = client.rows(
        "SELECT id, `group`, product, udi_di, first_day, last_day, issued_by, reference, note, by, lots, said_at "
        f"FROM {_reviews(registry)} FINAL WHERE kind = '{NOTICE}' ORDER BY said_at, id"
    )
    return [Notice(*(*row, tuple(lots), moment.replace(tzinfo=UTC))) for *row, lots, moment in rows]


def find_subject(client: Client, registry: str, text: str, standing: Mapping[str, Standing] | None = None) -> Subject:
    """The signal or notice that somebody means.

    Args:
        client: the way to ClickHouse.
        registry: whose.
        text: a signal (group/product/number), or a notice's id, of which its beginning is enough.
        standing: how signals stand. The day of one without an alarm is that of the first decision on it.

    Raises:
        CannotBeReadError: there is no such notice, or the text is neither.
        DatabaseError: the database does not answer, or is not migrated.
    """
    signal = signal_id(text)
    if signal is not None:
        alarm_on, withdrawn = (standing or {}).get(text) or Standing(None, withdrawn=False)
        opened_on = alarm_on or next((one.said_at.date() for one in read_decisions(client, registry, text)), None)
        return Subject(text, signal.group, signal.product, opened_on=opened_on, withdrawn=withdrawn)
    notices = read_notices(client, registry)
    found = [one for one in notices if one.id.startswith(text)] if len(text) >= _SHORTEST_ID else []
    if len(found) != 1:
        what = "the beginning of several notices" if found else "no signal (group/product/number) and no notice"
        known = "".join(f"\n  {one.id} {one.product}: {one.reference}, {one.issued_by}" for one in notices)
        raise CannotBeReadError(
            f"{text} is {what}; " + (f"the notices are{known}" if known else "there is no notice yet")
        )
    return of_notice(found[0])


def of_notice(notice: Notice) -> Subject:
    """A notice, as whose carriers are followed up."""
    return Subject(
        notice.id, notice.group, notice.product, notice.lots, notice.first_day, notice.last_day, notice.said_at.date()
    )


def read_subjects(client: Client, registry: str, standing: Mapping[str, Standing] | None = None) -> list[Subject]:
    """Every signal that has an alarm or of which the registry or a clinic said anything, and every notice.

    What a company answers opens no list.

    Args:
        client: the way to ClickHouse.
        registry: whose.
        standing: how signals stand.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    text = f"SELECT DISTINCT about FROM {_reviews(registry)} WHERE kind != '{ANSWER}'"
    said = {about for (about,) in client.rows(text)}
    alarms = {about for about, one in (standing or {}).items() if one.alarm_on}
    signals = sorted(about for about in said | alarms if not is_notice_id(about))
    return [
        *(find_subject(client, registry, about, standing) for about in signals),
        *(of_notice(one) for one in read_notices(client, registry)),
    ]


def read_follow_up(
    client: Client,
    definition: RegistryDefinition,
    subject: Subject,
    *,
    unit: str | None = None,
    until: date | None = None,
    overdue_after: int = OVERDUE_AFTER_DAYS,
) -> FollowUp:
    """Read whom a signal or notice is about, and how far they have been followed up.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        subject: the signal or notice.
        unit: only whom this unit answers for.
        until: the day of the reading; the latest day in any form where none is given.
        overdue_after: in how many days carriers should have been called.

    Raises:
        CannotBeReadError: the registry has no monitor groups.
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    reading = read_carriers(client, definition, subject.affected, unit=unit, until=until)
    latest = next((one.state for one in reversed(read_decisions(client, definition.name, subject.about))), None)
    opened_on = None if latest == CLOSED or subject.withdrawn else subject.opened_on
    return FollowUp(
        subject,
        reading,
        unit_progress(reading.carriers, reading.until, opened_on, overdue_after),
        _read_erased(client, definition.name, subject.about),
        overdue_after,
    )


def unit_progress(
    carriers: Iterable[Carrier], as_of: date | None, opened_on: date | None, overdue_after: int
) -> list[UnitProgress]:
    """How far each unit is, in the order of their codes.

    Args:
        carriers: by unit.
        as_of: the day on which it is asked who is overdue.
        opened_on: the day of the alarm or notice; None: nobody is overdue.
        overdue_after: in how many days carriers should have been called; on the last of them nobody is overdue yet.
    """
    found = []
    for unit, own in groupby(carriers, key=attrgetter("unit")):
        behind: dict[str, str] = {}
        late: set[str] = set()
        for one in own:
            before = behind.get(one.patient, one.state)
            behind[one.patient] = min(before, one.state, key=_FURTHEST_BEHIND.index)
            if opened_on is not None and as_of is not None and one.state in _TO_CALL:
                due = max(opened_on, one.since) + timedelta(days=overdue_after)
                late |= {one.patient} if as_of > due else set()
        found.append(UnitProgress(unit, len(behind), dict(Counter(behind.values())), len(late)))
    return found


def _read_erased(client: Client, registry: str, about: str) -> int:
    """Of how many persons who have opted out something had been said: those erased, and those that yet will be.

    An id stands for a person. What comes again after it was erased, as from a backup, has the same.
    """
    database = sql.database_of(registry)
    found: int = client.rows(
        f"""
        SELECT uniqExact(id) FROM
        (
            SELECT id FROM {sql.table(database, "erased_reviews")} WHERE about = {{about:String}}
            UNION ALL
            SELECT argMin(id, version) AS id FROM {_reviews(registry)} FINAL
            WHERE about = {{about:String}} AND patient != '' AND NOT {counts(database, "patient", "exposure_version")}
            GROUP BY patient
        )""",
        {"about": about},
    )[0][0]
    return found


def _reviews(registry: str) -> str:
    return sql.table(sql.database_of(registry), "reviews")
