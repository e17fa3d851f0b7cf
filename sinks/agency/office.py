"""What is done of itself: drafts made of what is registered, checked reports sent, answers taken in.

Nothing here remembers what was done: the log does. Whoever dies anywhere in it begins again with what the log has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from schemas import report as steps
from sinks.agency.answers import read_answer
from sinks.agency.delivery import deliver, take_in
from sinks.agency.drafting import drafts_of
from sinks.agency.outbox import IllegalStepError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from sinks.agency.delivery import Record
    from sinks.agency.drafting import Desk
    from sinks.agency.gateway import DirectoryGateway, Transport
    from sinks.agency.known_cases import KnownCases, Waiting
    from sinks.agency.registered import Person

log = structlog.get_logger(__name__)

RESENT_AFTER_S = 300.0
"""How long the outcome of an attempt may be unknown before it is made again, under the same id."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 300.0
_MOST_ROUNDS = 4  # a withdrawal, then what is due once it is said


class Office:
    """Works through what is due.

    Args:
        desk: what drafts go by.
        cases: as the log has them; whoever says a step sees to it that it is taken.
        say: puts steps into the log, and returns once they are there and have been taken.
        transports: the way to each addressee; who is not named is written to by hand.
        begun: when this process began, in milliseconds since 1970-01-01 (UTC): an attempt before it is nobody's now.
    """

    def __init__(
        self,
        desk: Desk,
        cases: KnownCases,
        say: Callable[[Sequence[Record]], None],
        transports: Mapping[str, Transport],
        *,
        begun: int,
    ) -> None:
        self._desk = desk
        self._cases = cases
        self._say = say
        self._transports = transports
        self._begun = begun
        self._failed: dict[str, tuple[int, float]] = {}
        self._dry: set[str] = set()

    def draft(self, persons: Iterable[Person], now: datetime) -> int:
        """Say what persons' registrations call for; how many steps that were."""
        said, left = 0, list(persons)
        for _ in range(_MOST_ROUNDS):
            due = [(person, self._due(person, now)) for person in left]
            records = [record for _, found in due for record in found]
            if not records:
                break
            self._say(records)
            for record in records:
                if (why := self._cases.refusal(record)) is not None:
                    log.error("a draft counts for nothing", case=record["case"], reason=why)
            said += len(records)
            left = [person for person, found in due if found]
        return said

    def _due(self, person: Person, now: datetime) -> list[Record]:
        """What registrations call for, but what was refused before: the same again would be refused again."""
        called = drafts_of(self._desk, person, self._cases.of, now)
        return [record for record in called if self._cases.refusal(record) is None]

    def send(self, now: datetime) -> int:
        """Send what is checked, and again what nobody knows to have left; how many went."""
        gone = 0
        for one in self._cases.waiting():
            transport = self._transports.get(one.report.addressee)
            if transport is not None and self._desk.ends.is_ours(one.case.id) and self._is_due(one, now):
                gone += self._sent(one, transport, now)
        return gone

    def take_in(self, gateway: DirectoryGateway, now: datetime) -> None:
        """Take in what an addressee has answered."""
        said_at = int(now.timestamp() * 1000)
        for name, reason in take_in(gateway, read_answer, self._cases.of, self._say_one, said_at):
            log.warning("a file that came is no answer to a report, put aside", file=name, reason=reason)

    def _say_one(self, record: Record) -> None:
        self._say([record])
        if (why := self._cases.refusal(record)) is not None:
            raise IllegalStepError(why)

    def _is_due(self, one: Waiting, now: datetime) -> bool:
        at, name = now.timestamp(), _name(one)
        if one.report.state == "checked":
            _, next_at = self._failed.get(name, (0, 0.0))
            return at >= next_at and name not in self._dry and _comes_next(one)
        if one.report.state != "unknown":
            return False
        tried = max(
            record["said_at"]
            for record in one.case.log
            if record["step"] == steps.ATTEMPTED and (record["case_version"], record["addressee"]) == one.key
        )
        return bool(tried < self._begun or at - tried / 1000 >= RESENT_AFTER_S)

    def _sent(self, one: Waiting, transport: Transport, now: datetime) -> bool:
        name = _name(one)
        try:
            deliver(one.case, one.key, transport, self._say_one, int(now.timestamp() * 1000))
        except IllegalStepError as error:  # somebody has said something else of it meanwhile
            log.info("not sent", report=name, reason=str(error))
            return False
        except OSError as error:
            log.warning("whether it has left is not known", report=name, error=str(error))
            return False
        if transport.dry:
            self._dry.add(name)
            log.info("dry run: would have been sent", report=name)
            return False
        after = self._cases.of(one.case.id)
        if after is not None and after.reports[one.key].state == "checked":
            times = self._failed.get(name, (0, 0.0))[0] + 1
            wait = min(_FIRST_WAIT_S * 2 ** (times - 1), _LONGEST_WAIT_S)
            self._failed[name] = times, now.timestamp() + wait
            log.warning("not sent, it will be tried again", report=name, wait_s=wait)
            return False
        self._failed.pop(name, None)
        log.info("sent", report=name)
        return True


def _comes_next(one: Waiting) -> bool:
    before = one.case.latest(one.report.addressee, below=one.report.version)
    return before is None or before.told


def _name(one: Waiting) -> str:
    return f"{one.case.id} {one.report.version}.{one.report.edition} to {one.report.addressee}"
