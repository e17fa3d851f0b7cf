"""What changes say of each product: a new outcome, a correction of its data, somebody who opted out."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.surveillance.bins import Change, Exposure

_BEGAN = 6  # the first fields of an exposure, which nothing but a correction changes


class Told:
    """What some changes say.

    Attributes:
        changed: products of which anything is new.
        touched: products with a new outcome, a correction, or somebody who opted out.
        corrections: by product, what of its data was corrected.
        taken: products that lost an outcome by a correction.
        erased: by product, the persons who opted out.
        erased_outcomes: by product, their first outcomes.
    """

    def __init__(self, changes: Iterable[Change]) -> None:
        self.changed: set[str] = set()
        self.touched: set[str] = set()
        self.corrections: defaultdict[str, list[str]] = defaultdict(list)
        self.taken: set[str] = set()
        self.erased: defaultdict[str, set[str]] = defaultdict(set)
        self.erased_outcomes: Counter[str] = Counter()
        for change in changes:
            if change.before is not None:
                self.changed.add(change.before.product)
                self._was(change, change.before)
            if change.after is not None:
                self.changed.add(change.after.product)
                self._is(change.before, change.after)

    def _was(self, change: Change, before: Exposure) -> None:
        product = before.product
        had_outcome = before.first_outcome is not None
        if change.opted_out:
            self.touched.add(product)
            self.erased[product].add(change.patient)
            self.erased_outcomes[product] += had_outcome
            return
        after = change.after
        what = _corrected(before, after)
        if what is None:
            return
        self.touched.add(product)
        self.corrections[product].append(f"{change.registration_id} {what}")
        if had_outcome and (after is None or after.product != product or after.first_outcome is None):
            self.taken.add(product)

    def _is(self, before: Exposure | None, after: Exposure) -> None:
        new_outcome = after.first_outcome is not None and (before is None or before.first_outcome is None)
        if new_outcome or (before is not None and before.product != after.product):
            self.touched.add(after.product)


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
