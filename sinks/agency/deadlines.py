"""When a report is due: each deadline belongs to a named sender role, and has a nominal and a legal date.

Work is steered by the nominal date, the one that the plain count of calendar days gives; the legal one may be later
(a manufacturer's, by Regulation (EEC, Euratom) No 1182/71), or there may be none. No clock is read here: days left
are those on a day that is given.

| role | class | calendar days from day 0 | source |
|---|---|---|---|
| manufacturer | serious_public_health_threat | 2 | MDR Art. 87(4) |
| manufacturer | death, unanticipated_serious_deterioration | 10 | MDR Art. 87(5) |
| manufacturer | serious | 15 | MDR Art. 87(3) |
| icsr_sender | serious | 15 | Directive 2001/83/EC Art. 107(3), GVP VI |
| icsr_sender | non_serious | 90 | likewise |
| care_provider | incident | at once; our own target | HSLF-FS 2021:52 |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from schemas.reporting import CLASSES
from sinks.agency.working_days import WorkingDays

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schemas.reporting import SenderRole

_DAYS: Mapping[SenderRole, Mapping[str, int]] = {
    "manufacturer": {
        "serious_public_health_threat": 2,
        "death": 10,
        "unanticipated_serious_deterioration": 10,
        "serious": 15,
    },
    "icsr_sender": {"serious": 15, "non_serious": 90},
}


_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AtOnce:
    """What "at once" means where the law names no time: the care provider's own target, in days or in hours.

    Days are counted as the law counts them, the day of the event left out; hours from the moment on, or from the
    beginning of the day where only that is known.
    """

    days: int | None = None
    hours: int | None = None

    def __post_init__(self) -> None:
        given = [number for number in (self.days, self.hours) if number is not None]
        if len(given) != 1 or given[0] < 1:
            raise ValueError("at_once is a number of days or of hours, 1 at least")


@dataclass(frozen=True, slots=True)
class Rules:
    """What deadlines depend on beside the facts.

    Attributes:
        working_days: those of the place where manufacturers report.
        zone: whose midnight parts days.
        at_once: how soon a care provider means to report what is to be reported at once.
    """

    working_days: WorkingDays = field(default_factory=WorkingDays)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Stockholm"))
    at_once: AtOnce = field(default_factory=lambda: AtOnce(days=3))


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time by which one role must have reported.

    Attributes:
        role: whose deadline it is.
        classification: the class that it comes from.
        day_zero: the day from which it is counted, itself not counted.
        nominal: the day that work is steered by.
        legal: the last day that the law allows; None where it says "at once" and names no day.
        moment: when it ends within the nominal day, where the target is in hours (aware of its zone).
    """

    role: SenderRole
    classification: str
    day_zero: date
    nominal: date
    legal: date | None
    moment: datetime | None = None

    def days_left(self, on: date) -> int:
        """Calendar days from a day to the nominal one; 0 on that day itself, negative once it has passed."""
        return (self.nominal - on).days

    def legal_days_left(self, on: date) -> int | None:
        """Likewise to the legal one; None where there is none."""
        return None if self.legal is None else (self.legal - on).days


@dataclass(frozen=True, slots=True)
class Fact:
    """Something learnt of a case by which its time is told.

    Attributes:
        classification: the class that the case is of by it.
        learnt: when the sender's organisation first knew it: a day, or an aware time.
        told: whether a report that was sent says so.
    """

    classification: str
    learnt: date | datetime
    told: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """What runs for the report that is to be sent next.

    Attributes:
        steering: the deadline with the earliest nominal date.
        binding: the one with the earliest legal date, which may be another: 2 days that end on a weekend bind
            later than 10 days that end on the Monday after it. The same where no legal date is named.
        follow_up: whether something of the case was reported before.
    """

    steering: Deadline
    binding: Deadline
    follow_up: bool


def deadline_of(role: SenderRole, fact: Fact, rules: Rules) -> Deadline:
    """The deadline that one fact gives its role.

    Raises:
        ValueError: the role has no such class, or the time is not aware of its zone.
    """
    if fact.classification not in CLASSES[role]:
        raise ValueError(f"{role} has no class {fact.classification}; it has {', '.join(CLASSES[role])}")
    day_zero = _day_of(fact.learnt, rules.zone)
    if role == "care_provider":
        nominal, moment = _target(fact.learnt, day_zero, rules)
        return Deadline(role, fact.classification, day_zero, nominal, None, moment)
    days = _DAYS[role][fact.classification]
    nominal = day_zero + days * _DAY
    legal = rules.working_days.last_day(day_zero, days) if role == "manufacturer" else nominal
    return Deadline(role, fact.classification, day_zero, nominal, legal)


def next_clock(role: SenderRole, facts: Iterable[Fact], rules: Rules) -> Clock | None:
    """The clock that runs: of what is not told yet the earliest deadlines, in whatever order the facts came.

    So a case that becomes serious before its first report is due by the earlier of both dates, and a new serious fact
    about one that was reported starts a clock of its own, as a follow-up. None where all is told.

    Raises:
        ValueError: as ``deadline_of``.
    """
    known = list(facts)
    running = [deadline_of(role, fact, rules) for fact in known if not fact.told]
    if not running:
        return None
    return Clock(
        steering=min(running, key=_nominal_order),
        binding=min(running, key=_legal_order),
        follow_up=any(fact.told for fact in known),
    )


def _nominal_order(one: Deadline) -> tuple[date, float, int]:
    within = 0.0 if one.moment is None else one.moment.timestamp()
    return one.nominal, within, CLASSES[one.role].index(one.classification)


def _legal_order(one: Deadline) -> tuple[date, date, float, int]:
    return one.legal or one.nominal, *_nominal_order(one)


def _day_of(learnt: date | datetime, zone: ZoneInfo) -> date:
    if not isinstance(learnt, datetime):
        return learnt
    if learnt.utcoffset() is None:
        raise ValueError("learnt is a time without a zone, and might be of another day")
    return learnt.astimezone(zone).date()


def _target(learnt: date | datetime, day_zero: date, rules: Rules) -> tuple[date, datetime | None]:
    """(nominal day, the moment in it where the target is in hours), by a care provider's own target."""
    if rules.at_once.days is not None:
        return day_zero + rules.at_once.days * _DAY, None
    known = learnt if isinstance(learnt, datetime) else datetime.combine(learnt, time(), rules.zone)
    # In UTC, for an hour added across a change of the clocks is an hour of time.
    moment = (known.astimezone(UTC) + timedelta(hours=rules.at_once.hours or 0)).astimezone(rules.zone)
    return moment.date(), moment
