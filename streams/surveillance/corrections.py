"""What changes say of each product: a new outcome, a correction of its data, somebody who opted out."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from streams.surveillance.opted_out import OptedOut

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.surveillance.bins import Change, Exposure

_BEGAN = 6  # the first fields of an exposure, which nothing but a correction changes


class Told:
    """What some changes say.

    Attributes:
        changed: products of which anything is new.
        touched: products with a new outcome, a correction, or somebody who opted out or came back.
        corrections: by product, what of its data was corrected.
        taken: products that lost an outcome by a correction.
    """

    def __init__(self, changes: Iterable[Change]) -> None:
        self.changed: set[str] = set()
        self.touched: set[str] = set()
        self.corrections: defaultdict[str, list[str]] = defaultdict(list)
        self.taken: set[str] = set()
        self._out: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._back: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._again: defaultdict[str, set[str]] = defaultdict(set)
        for change in changes:
            if change.before is not None:
                self.changed.add(change.before.product)
                self._was(change, change.before)
            if change.after is not None:
                self.changed.add(change.after.product)
                self._is(change, change.before, change.after)

    def opted_out(self, product: str) -> OptedOut | None:
        """Who has opted out of a product's exposures or come back to them; None where nobody has."""
        if product not in self._out and product not in self._back:
            return None
        return OptedOut(self._out[product], self._back[product], frozenset(self._again[product]))

    def _was(self, change: Change, before: Exposure) -> None:
        product = before.product
        had_outcome = before.first_outcome is not None
        after = change.after
        if change.opted_out and after is None:
            self.touched.add(product)
            self._out[product][change.patient] += had_outcome
            return
        what = _corrected(before, after)
        if what is None:
            return
        self.touched.add(product)
        self.corrections[product].append(f"{change.registration_id} {what}")
        if had_outcome and (after is None or after.product != product or after.first_outcome is None):
            self.taken.add(product)

    def _is(self, change: Change, before: Exposure | None, after: Exposure) -> None:
        new_outcome = after.first_outcome is not None and (before is None or before.first_outcome is None)
        of_another = before is not None and before.product != after.product
        if new_outcome or of_another:
            self.touched.add(after.product)
        if change.opted_out and (new_outcome or of_another or before is None):
            self._come_back(change, after, again=of_another or before is None)

    def _come_back(self, change: Change, after: Exposure, *, again: bool) -> None:
        self.touched.add(after.product)
        had_outcome = change.before is not None and change.before.first_outcome is not None
        self._back[after.product][change.patient] += after.first_outcome is not None and (again or not had_outcome)
        if again:
            self._again[after.product].add(change.patient)


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
