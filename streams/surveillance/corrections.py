"""What changes say of each subject: a new outcome, a correction of its data, somebody who opted out."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from streams.surveillance.opted_out import OptedOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.surveillance.bins import Change, Exposure
    from streams.surveillance.monitor import Monitor

_BEGAN = 6  # the first fields of an exposure, which nothing but a correction changes


class Told:
    """What some changes say of subjects, by their labels.

    Attributes:
        touched: those with a new outcome, a correction, or somebody who opted out or came back.
        corrections: what of their data was corrected.
        taken: those that lost an outcome by a correction.
        said: by registration, what was last corrected of their exposures with an outcome; None where there is nothing
            to say of it any more, for it has an outcome again or is of somebody who opted out.
    """

    def __init__(self, changes: Iterable[Change], monitor: Monitor) -> None:
        self.touched: set[str] = set()
        self.corrections: defaultdict[str, list[str]] = defaultdict(list)
        self.taken: set[str] = set()
        self.said: defaultdict[str, dict[str, str | None]] = defaultdict(dict)
        self._out: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._back: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._again: defaultdict[str, set[str]] = defaultdict(set)
        self._gone: list[tuple[str, Exposure]] = []
        self._monitor = monitor
        self._places: set[tuple[str, str, str]] = set()
        for change in changes:
            before, after = change.before, change.after
            if after is not None:
                self._places.add((after.product, after.lot, after.unit))
                self._is(change, before, after)
            if before is not None:
                self._places.add((before.product, before.lot, before.unit))
                if change.opted_out and after is None:
                    self._left(change, before)
                elif (what := _corrected(before, after)) is not None:
                    self._was_corrected(change, before, what)

    def with_places_of(self, others: Iterable[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        """Let what was said before these changes be said as well; returns where anything is new now."""
        self._places.update(others)
        return self._places

    @property
    def gone(self) -> set[str]:
        """The subjects of whose exposures somebody has opted out, or come back to them."""
        return self._out.keys() | self._back.keys()

    def opted_out(self, label: str) -> OptedOut | None:
        """Who has opted out of a subject's exposures or come back to them; None where nobody has."""
        if label not in self._out and label not in self._back:
            return None
        return OptedOut(self._out[label], self._back[label], frozenset(self._again[label]))

    def others_out(self, label: str) -> int:
        """How many persons have opted out of exposures that a subject's are held against, and of none of its own."""
        subject, products = self._monitor.members(label)
        found = set()
        for patient, gone in self._gone:
            if subject.kind == "lot":
                is_other = gone.product == subject.name and gone.lot != subject.lot
            else:
                is_other = gone.unit != subject.name if subject.kind == "unit" else gone.product not in products
            if is_other:
                found.add(patient)
        return len(found - self._out[label].keys()) if label in self._out else len(found)

    def is_new(self, label: str) -> bool:
        """Whether anything is said of a subject."""
        subject, products = self._monitor.members(label)
        if subject.kind == "unit":
            return subject.name in self._units
        if subject.kind == "lot":
            return (subject.name, subject.lot) in self._lots
        return not self._products.isdisjoint(products)

    @cached_property
    def _products(self) -> set[str]:
        return {product for product, _, _ in self._places}

    @cached_property
    def _lots(self) -> set[tuple[str, str]]:
        return {(product, lot) for product, lot, _ in self._places}

    @cached_property
    def _units(self) -> set[str]:
        return {unit for _, _, unit in self._places}

    def _subjects(self, exposure: Exposure) -> tuple[str, ...]:
        return self._monitor.labels(exposure.product, exposure.lot, exposure.unit)

    def _is(self, change: Change, before: Exposure | None, after: Exposure) -> None:
        if is_first_outcome(change):
            self.touched.update(self._subjects(after))
            for subject in self._subjects(after):
                self.said[subject][change.registration_id] = None
        if change.opted_out:
            self._come_back(change, before, after)

    def _come_back(self, change: Change, before: Exposure | None, after: Exposure) -> None:
        was = () if before is None else self._subjects(before)
        had_outcome = before is not None and before.first_outcome is not None
        for subject in self._subjects(after):
            again = subject not in was
            has_outcome_again = after.first_outcome is not None and (again or not had_outcome)
            if again or has_outcome_again:
                self.touched.add(subject)
                self._back[subject][change.patient] += has_outcome_again
            if again:
                self._again[subject].add(change.patient)

    def _left(self, change: Change, before: Exposure) -> None:
        self._gone.append((change.patient, before))
        for subject in self._subjects(before):
            self.touched.add(subject)
            self.said[subject][change.registration_id] = None
            self._out[subject][change.patient] += before.first_outcome is not None

    def _was_corrected(self, change: Change, before: Exposure, what: str) -> None:
        after = change.after
        now = () if after is None else self._subjects(after)
        had_outcome = before.first_outcome is not None
        for subject in self._subjects(before):
            self.corrections[subject].append(f"{change.registration_id} {what}")
            if had_outcome:
                self.said[subject][change.registration_id] = what
            if had_outcome and (after is None or after.first_outcome is None or subject not in now):
                self.taken.add(subject)
        if had_outcome:
            for subject in set(now).difference(self._subjects(before)):
                self.said[subject][change.registration_id] = None
        self.touched.update(now, self._subjects(before))


def is_first_outcome(change: Change) -> bool:
    """Whether an exposure has an outcome now, and had none."""
    before, after = change.before, change.after
    return after is not None and after.first_outcome is not None and (before is None or before.first_outcome is None)


def parted(changes: Sequence[Change]) -> tuple[Sequence[Change], Sequence[Change]]:
    """Changes of exposures of who opted out or came back, and all others.

    All that is said of one exposure is in one of the two, so that neither takes away what only the other puts in.
    """
    out = {(change.patient, change.registration_id) for change in changes if change.opted_out}
    if not out:
        return (), changes
    parts: tuple[list[Change], list[Change]] = [], []
    for change in changes:
        parts[(change.patient, change.registration_id) not in out].append(change)
    return parts


def _corrected(before: Exposure, after: Exposure | None) -> str | None:
    """What of an exposure was corrected; None where it only went on."""
    what = None
    if after is None:
        what = "was retracted"
    elif after.product != before.product:
        what = f"is of product {after.product}"
    elif before.first_outcome is not None and after.first_outcome is None:
        what = "has no outcome: that was retracted, or belongs to another operation"
    elif before.first_outcome is not None and after.first_outcome != before.first_outcome:
        what = "has its first outcome on another day"
    elif after[:_BEGAN] != before[:_BEGAN]:
        what = "began otherwise than was said"
    elif before.end is not None and after.end != before.end:
        what = "ended on another day, or has not"
    return what
