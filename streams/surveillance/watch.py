"""One monitor at work: exposures' changes in, what to keep of it and the signals that are new out.

What a step changes in memory counts only once it has been kept; where it was not, ``restored`` begins anew from what
was.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from streams.surveillance import core
from streams.surveillance.clock import Clock
from streams.surveillance.following import CannotGoOnError, Part, Reached, reached, take_in
from streams.surveillance.kept import (
    Kept,
    Seen,
    Stated,
    bin_record,
    confirmed_record,
    look_record,
    lost_record,
    report_record,
    signal_record,
    version_record,
)
from streams.surveillance.message import message_of
from streams.surveillance.middle import Ahead
from streams.surveillance.state import Known
from streams.surveillance.stepping_back import Before

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.surveillance.bins import Change
    from streams.surveillance.core import Step
    from streams.surveillance.declared import Watched
    from streams.surveillance.signals import Signal, Version
    from streams.surveillance.state import State


_BACK_FILL = 2_000  # submissions at once: more do not come together while registrations flow in


class NeverToldError(CannotGoOnError):
    """Exposures end that never began, as far as is known."""

    def __init__(self, monitor: str) -> None:
        super().__init__(
            f"monitor {monitor}: exposures are said to be no more, or others now, that were never told of: their "
            "topic had forgotten messages before they were read. Only a new generation of the registry counts right"
        )


class Told(NamedTuple):
    """What one message says.

    Attributes:
        at: up to which submissions of which partition.
        changes: of exposures of the group.
        part: where it stands among the messages that are up to there.
        made: the version of the submission that made each change, in their order; none where that was not told.
    """

    at: Version
    changes: Sequence[Change]
    part: Part = Part()
    made: Sequence[int] = ()

    def submissions(self) -> Iterator[Submission]:
        """The changes of each submission."""
        if len(self.made) != len(self.changes) or not self.made:
            yield Submission(self.at, self.changes)
            return
        for version, some in groupby(zip(self.made, self.changes, strict=True), key=itemgetter(0)):
            yield Submission(self.at._replace(version=version), [change for _, change in some])


class Submission(NamedTuple):
    """One submission, and what it changed of the group's exposures."""

    at: Version
    changes: Sequence[Change]


class Taken(NamedTuple):
    """What some messages came to.

    Attributes:
        writes: what to keep; None for nothing more.
        stated: the signals that are new, or new in some way, as they now stand with their known path.
    """

    writes: dict[bytes, bytes | None]
    stated: tuple[Stated, ...]


class Watch:
    """A monitor, and what it knows.

    Args:
        watched: the monitor as declared.
        kept: all that was kept of it.
    """

    def __init__(self, watched: Watched, kept: Kept | None = None) -> None:
        kept = kept or Kept()
        self.watched = watched
        self.clock = Clock(watched.deaths)
        self.clock.put(kept.reports)
        self._confirmed = frozenset(kept.confirmed)
        self._versions, self._parts = dict(kept.versions), dict(kept.parts)
        self._messages = {label: stated.messages for label, stated in kept.stated.items()}
        self.state: State = core.restored(
            kept.bins,
            {label: Known(tuple(one.look for one in seen), seen[-1].stream) for label, seen in kept.known.items()},
            [
                stated.signal.with_known(tuple(one.look for one in kept.known[label]))
                for label, stated in kept.stated.items()
            ],
            kept.versions,
            through=self.clock.through(),
            left_out=self._left_out(),
            lost=kept.lost,
        )

    def take(self, messages: Sequence[Told], said: Mapping[str, bool] | None = None) -> Taken:
        """Take some messages about the group, in their order; those that are in already are left out.

        Many submissions come at once and most decide nothing, so as many are taken as one step as decide the same as
        one by one: what is decided, and by which submission it could first be known, does not depend on what happens
        to come together. A back-fill, of thousands at once, is one step: that is when all of it was known.

        Args:
            messages: at least one.
            said: of some subjects, whether a signal of theirs was confirmed, so that no other is compared with their
                products any more, or closed. What was said before stays as it was.

        Raises:
            CannotGoOnError: one begins before what is known, or speaks of what was never told. Nothing is known for
                sure then: begin anew from what was kept.
        """
        new = [told for told in messages if self._follows(told)]
        if not new:
            return Taken({}, ())
        monitor = self.watched.monitor.group
        news = {label: on for label, on in (said or {}).items() if (label in self._confirmed) != on}
        self._confirmed ^= news.keys()
        writes = dict(confirmed_record(monitor, label, confirmed=on) for label, on in news.items())
        stated: list[Stated] = []
        seen = self.watched.seen
        submissions = [one._replace(changes=[*map(seen, one.changes)]) for told in new for one in told.submissions()]
        for taken in self._steps(submissions):
            writes |= taken.writes
            stated += taken.stated
        for partition in {told.at.partition: None for told in new}:
            self.state.versions[partition] = self._versions[partition]
            at = reached(self._versions, self._parts, partition)
            writes |= [version_record(monitor, partition, at)]
        return Taken(writes, tuple(stated))

    def _steps(self, submissions: Sequence[Submission]) -> Iterator[Taken]:
        """Take submissions in as few steps as decide the same as one by one."""
        if len(submissions) > _BACK_FILL:
            changes = [change for one in submissions for change in one.changes]
            yield self._step(changes, submissions[-1].at, core.Unseen(), is_last=True)
            return
        ahead, unseen = Ahead(self.watched.monitor, [one.changes for one in submissions]), core.Unseen()
        start = 0
        while start < len(submissions):
            end = start + ahead.undecided(self.state, start)
            before = Before(self.state, self.clock) if end - start > 1 else None  # one alone is never taken back
            messages = dict(self._messages) if before else {}
            while True:
                changes = [change for one in submissions[start:end] for change in one.changes]
                left = replace(unseen)
                taken = self._step(changes, submissions[end - 1].at, left, is_last=end == len(submissions))
                if before is None or end - start == 1 or not any(_raises(one.signal) for one in taken.stated):
                    break
                before.again(changes)  # nobody came near a level, and yet one was reached: by which submission?
                self._messages = dict(messages)
                end = start + (end - start) // 2
            yield taken
            start, unseen = end, left

    def _step(self, changes: Sequence[Change], at: Version, unseen: core.Unseen, *, is_last: bool) -> Taken:
        monitor = self.watched.monitor.group
        reports = self.clock.take(changes)
        step = core.step(
            self.state,
            self.watched.monitor,
            changes,
            at,
            through=self.clock.through(),
            left_out=self._left_out(),
            unseen=unseen,
            is_last=is_last,
        )
        if min(step.bins.values(), default=0) < 0:
            raise NeverToldError(monitor)
        stated = tuple(self._state(signal) for signal in step.signals)
        writes = self._writes(step, stated)
        writes |= dict(report_record(monitor, report, number) for report, number in reports.items())
        return Taken(writes, stated)

    def _follows(self, told: Told) -> bool:
        """Whether a message is not in yet; from now on it is."""
        (partition, version), monitor = told.at, self.watched.monitor.group
        at = Reached(version, told.part)
        return take_in(self._versions, self._parts, at, monitor=monitor, partition=partition)

    def _left_out(self) -> frozenset[str]:
        """What is declared, and all products of a product, family or company under a confirmed signal.

        A confirmed lot or unit leaves nothing out: the product's other lots, and what others put in, are as they were.
        """
        found = set(self.watched.left_out)
        for label in self._confirmed:
            subject, products = self.watched.monitor.members(label)
            if subject.kind not in ("lot", "unit"):
                found.update(products)
        return frozenset(found)

    def message(self, registry: str, generation: str, stated: Stated, *, life: int = 0) -> bytes:
        """A signal as it was stated, in which life of surveillance, encoded."""
        return message_of(registry, generation, self, stated, life=life)

    def _state(self, signal: Signal) -> Stated:
        messages = self._messages[signal.product] = self._messages.get(signal.product, 0) + 1
        return Stated(signal, messages)

    def _writes(self, step: Step, stated: Sequence[Stated]) -> dict[bytes, bytes | None]:
        monitor = self.watched.monitor.group
        writes = dict(bin_record(monitor, kind, number) for kind, number in step.bins.items())
        for label, new in step.looks.items():
            place = len(self.state.known[label].looks) - 1
            writes |= [look_record(monitor, label, place, Seen(new.looks[0], new.stream))]
        writes |= [lost_record(monitor, label, lost) for label, lost in step.lost.items()]
        writes |= [signal_record(monitor, Stated(one.signal.with_known(()), one.messages)) for one in stated]
        return writes


def _raises(signal: Signal) -> bool:
    """Whether a level was raised by the submissions that the signal's state was made by."""
    return any(raised.known.at == signal.at for raised in signal.levels)
