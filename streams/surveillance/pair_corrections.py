"""What changes of reports say of each pair of drug and reaction: new reports, corrections, somebody who opted out."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from schemas.definition.monitors import OF
from streams.surveillance.pair_signals import PairErased

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.surveillance.bins import Change, Exposure
    from streams.surveillance.pair_signals import PairLook
    from streams.surveillance.reports import Cell, Pair


def cell_of(report: Exposure | None) -> Cell | None:
    """The drug, the reaction and the stratum of a report; None where there is none, or it has no reaction yet."""
    if report is None or not report.by[0]:
        return None
    return report.product, report.by[0], report.by[1:]


class PairsTold:
    """What some changes say.

    Attributes:
        touched: pairs whose own reports are others now.
        corrections: by pair, what of its reports was corrected.
        taken: pairs that lost a report by a correction.
        day: the latest day on which a report was recorded that they are about; None where that is not known.
    """

    def __init__(self, changes: Iterable[Change]) -> None:
        self.touched: set[Pair] = set()
        self.corrections: defaultdict[Pair, list[str]] = defaultdict(list)
        self.taken: set[Pair] = set()
        self.day: int | None = None
        self._persons: defaultdict[Pair, set[str]] = defaultdict(set)
        self._reports: Counter[Pair] = Counter()
        for change in changes:
            self._hear(change)

    def _hear(self, change: Change) -> None:
        before, after = cell_of(change.before), cell_of(change.after)
        for report in (change.before, change.after):
            if report is not None and report.recorded is not None:
                self.day = max(self.day or report.recorded, report.recorded)
        if before == after:
            return
        if after is not None:
            self.touched.add(after[:2])
        if before is None:
            return
        pair = before[:2]
        self.touched.add(pair)
        if change.opted_out:
            self._persons[pair].add(change.patient)
            self._reports[pair] += 1
            return
        self.corrections[pair].append(f"{change.registration_id} {_corrected(change.after, after, pair)}")
        if after is None or after[:2] != pair:
            self.taken.add(pair)

    def erasing(self, pair: Pair, before: PairErased | None, look: PairLook) -> PairErased | None:
        """Who has opted out of a pair's reports since its signal was raised: those before, and now.

        Args:
            pair: which.
            before: who had before.
            look: what was last stated of it.
        """
        if pair not in self._persons:
            return before
        persons, reports = len(self._persons[pair]), self._reports[pair]
        if before is None:
            return PairErased(persons, reports, look)
        return PairErased(before.persons + persons, before.reports + reports, before.frozen)


def _corrected(report: Exposure | None, cell: Cell | None, pair: Pair) -> str:
    """What became of a report of a pair."""
    if report is None:
        return "was nullified, or tells of the event of another report"
    if cell is None:
        return "has no reaction any more"
    if cell[:2] != pair:
        return f"is of {cell[0]}{OF}{cell[1]}"
    return f"is of another stratum: {', '.join(cell[2])}"
