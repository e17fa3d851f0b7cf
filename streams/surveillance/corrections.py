"""What changes say of each subject: a new outcome, a correction of its data, somebody who opted out."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.surveillance.bins import Change, Exposure
    from streams.surveillance.monitor import Monitor

_BEGAN = 6  # the first fields of an exposure, which nothing but a correction changes


class Told:
    """What some changes say of subjects, by their labels.

    Attributes:
        touched: those with a new outcome, a correction, or somebody who opted out.
        corrections: what of their data was corrected.
        taken: those that lost an outcome by a correction.
        erased: the persons who opted out.
        erased_outcomes: their first outcomes.
    """

    def __init__(self, changes: Iterable[Change], monitor: Monitor) -> None:
        self.touched: set[str] = set()
        self.corrections: defaultdict[str, list[str]] = defaultdict(list)
        self.taken: set[str] = set()
        self.erased: defaultdict[str, set[str]] = defaultdict(set)
        self.erased_outcomes: Counter[str] = Counter()
        self._monitor = monitor
        self._places: set[tuple[str, str, str]] = set()
        for change in changes:
            _, _, before, after, opted_out = change
            if after is not None:
                self._places.add((after.product, after.lot, after.unit))
                if after.first_outcome is not None and (before is None or before.first_outcome is None):
                    self.touched.update(self._subjects(after))
            if before is not None:
                self._places.add((before.product, before.lot, before.unit))
                if opted_out:
                    self._left(change, before)
                elif (what := _corrected(before, after)) is not None:
                    self._was_corrected(change, before, what)

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

    def _left(self, change: Change, before: Exposure) -> None:
        for subject in self._subjects(before):
            self.touched.add(subject)
            self.erased[subject].add(change.patient)
            self.erased_outcomes[subject] += before.first_outcome is not None

    def _was_corrected(self, change: Change, before: Exposure, what: str) -> None:
        after = change.after
        now = () if after is None else self._subjects(after)
        had_outcome = before.first_outcome is not None
        for subject in self._subjects(before):
            self.corrections[subject].append(f"{change.registration_id} {what}")
            if had_outcome and (after is None or after.first_outcome is None or subject not in now):
                self.taken.add(subject)
        self.touched.update(now, self._subjects(before))


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
