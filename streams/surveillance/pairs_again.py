"""What is kept of a monitor of pairs, held against what the reports that stand come to, all taken at once.

The prior is history: it is taken as it is kept, so that two screenings differ by their reports alone; whether it should
have been fitted anew is seen to. Of what was raised when nothing is recomputed either; what must hold of it now is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.surveillance.again import Erasure, Held, unlike
from streams.surveillance.pair_corrections import cell_of
from streams.surveillance.pair_step import new_levels, standing
from streams.surveillance.prior import prior_for
from streams.surveillance.reports import Reports, net_reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.surveillance.bins import Exposure
    from streams.surveillance.pair_watch import WatchedPairs
    from streams.surveillance.pairs_kept import PairsKept
    from streams.surveillance.prior import PriorInUse


def pairs_held_against(watched: WatchedPairs, kept: PairsKept, exposures: Iterable[Exposure]) -> Held:
    """Compare what is kept with what the reports of the monitor come to.

    Args:
        watched: the monitor as declared.
        kept: all that is kept of it.
        exposures: those of its group that stand.

    Returns:
        As ``held_against``: kinds are drug, reaction and stratum, and products the pairs with a signal.
    """
    wanted = net_reports((None, cell_of(one)) for one in exposures)
    reports = Reports(wanted)
    differences = list(unlike("reports", kept.cells, wanted))
    if kept.prior is not None:
        differences += _unlike_screening(watched, kept, reports, kept.prior)
    elif wanted:
        differences.append("there are reports, and no prior")
    erased = [one.signal for _, one in sorted(kept.stated.items()) if one.signal.erased is not None]
    return Held(
        len(kept.cells.keys() | wanted.keys()),
        reports.total,
        len(kept.stated),
        tuple(differences),
        tuple(Erasure(one.id, one.erased.persons, one.erased.reports, 0) for one in erased if one.erased),
    )


def _unlike_screening(watched: WatchedPairs, kept: PairsKept, reports: Reports, prior: PriorInUse) -> Iterator[str]:
    """Whatever pair is at a level has a signal of it, and whatever signal is at its level no more is weakened."""
    monitor = watched.monitor
    due = prior_for(reports, prior.at, prior, monitor.prior, fewest_pairs=monitor.fewest_pairs, refit=monitor.refit)
    if due is not prior:
        yield f"prior of {prior.reports} reports, of which {reports.total} ask for another"
    live = {pair: one.signal for pair, one in kept.stated.items() if one.signal.state != "withdrawn"}
    for pair, levels in new_levels(reports, monitor, prior.mixture, live).items():
        yield f"{':'.join(pair)}: at {' and '.join(levels)} recomputed, of which no signal was raised"
    at = standing(reports, monitor, prior.mixture, {pair: signal.erased for pair, signal in live.items()})
    for pair, signal in sorted(live.items()):
        stands = signal.level in at[pair]
        if stands == (signal.state == "weakened"):
            yield f"{signal.id}: {signal.state}, recomputed {'at' if stands else 'not at'} {signal.level}"
        if signal.look.numbers.a != (own := sum(reports.own(pair).values())):
            yield f"{signal.id}: {signal.look.numbers.a} reports, recomputed {own}"
