"""However reports are batched, replayed or taken up anew, the same is kept; and counts hang on no order."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.surveillance.drugs import screen, screen_reports
from streams.surveillance.pair_signals import numbers_of
from streams.surveillance.pairs_again import pairs_held_against
from streams.surveillance.pairs_kept import PairsKept
from streams.surveillance.reports import Reports
from streams.surveillance.tables import of_one
from tests.pairs_support import DUMOUCHEL, Register, monitor, random_messages, standing_after

if TYPE_CHECKING:
    from streams.surveillance.drugs import Screening
    from streams.surveillance.pairs_kept import PairStated

quick = settings(deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
SEEDS = st.integers(0, 10_000)
DECLARED = monitor(fewest_pairs=17, refit=0.8)


def undisturbed(seed: int) -> Register:
    """What messages come to, taken one by one."""
    register = Register(DECLARED)
    for message in random_messages(random.Random(seed), 60):
        register.hear(message)
    return register


def counted(register: Register) -> dict[tuple[str, str, tuple[str, ...]], int]:
    """The coded reports that stand, counted from the last that was said of each."""
    standing = standing_after(register.messages)
    return dict(Counter((one.product, one.by[0], one.by[1:]) for one in standing if one.by[0]))


def told(screening: Screening) -> list[tuple[object, ...]]:
    """All of a screening, so that what is not a number is equal to itself."""
    return [
        (one.drug, one.reaction, numbers_of(one.table), one.leading, one.share, one.without and numbers_of(one.without))
        for one in screening.pairs
    ]


@settings(quick, max_examples=10)
@given(seed=SEEDS, data=st.data())
def test_however_messages_are_batched_and_taken_up_anew_the_same_is_kept_and_stated(
    seed: int, data: st.DataObject
) -> None:
    wanted = undisturbed(seed)
    other = Register(DECLARED)
    left = list(wanted.messages)
    said: list[PairStated] = []
    while left:
        many = data.draw(st.integers(1, 12))
        some, left = left[:many], left[many:]
        if data.draw(st.booleans()):
            other.watch.take(some)  # was never committed: taken again by whoever comes next
            other.restart()
        said += other.take(some)
        if data.draw(st.booleans()):
            other.restart()
    assert vars(other.kept) == vars(wanted.kept)
    last = {one.signal.pair: one for one in said}
    assert last == wanted.kept.stated


@settings(quick, max_examples=10)
@given(seed=SEEDS, order=st.randoms(use_true_random=False))
def test_counts_and_screening_hang_on_no_order(seed: int, order: random.Random) -> None:
    register = undisturbed(seed)
    wanted = counted(register)
    assert register.kept.cells == wanted
    # the same changes in any order, those of one registration in its own
    mixed = [(one.registration_id, one) for message in register.messages for one in message.changes]
    names = [name for name, _ in mixed]
    order.shuffle(names)
    queues = {name: [one for of, one in mixed if of == name] for name in names}
    reports = Reports()
    for name in names:
        change = queues[name].pop(0)
        for one, more in ((change.before, -1), (change.after, 1)):
            if one is not None and one.by[0]:
                reports.add({(one.product, one.by[0], one.by[1:]): more})
    assert reports.cells() == wanted
    # names were met in another order, and some had been given up in between: not a bit of it may show
    assert told(screen_reports(reports, DUMOUCHEL)) == told(screen(wanted, prior=DUMOUCHEL))
    assert reports.total == sum(wanted.values())


@settings(quick, max_examples=10)
@given(seed=SEEDS)
def test_whatever_is_at_a_level_has_a_signal_of_it_and_whatever_is_not_is_weakened(seed: int) -> None:
    register = undisturbed(seed)
    assert (
        pairs_held_against(register.watch.watched, register.kept, standing_after(register.messages)).differences == ()
    )
    prior = register.kept.prior
    assert prior is not None
    signals = {pair: one.signal for pair, one in register.kept.stated.items()}
    for one in screen(counted(register), prior=prior.mixture).pairs:
        rules = set(one.table.rules) | set(one.without.rules if one.without else ())
        at = one.table.a >= 3 and bool(rules & {"evans", "ic"})
        signal = signals.get((one.drug, one.reaction))
        if at:
            assert signal is not None
            assert signal.state != "withdrawn"
        elif signal is not None and signal.erased is None and "ebgm" not in one.table.rules:
            assert signal.state in ("weakened", "withdrawn")


@settings(quick, max_examples=10)
@given(seed=SEEDS)
def test_a_pair_held_against_the_rest_as_it_is_has_the_table_that_it_has(seed: int) -> None:
    reports = Reports(counted(undisturbed(seed)))
    rows = reports.rows()
    hidden, without = reports.without_leading(rows, 0.3)
    whole = reports.whole(rows)
    for place, row in enumerate(rows):
        pair = reports.pairs[row]
        _same(of_one(reports.own(pair), reports.rest_of(pair)), whole, place)
    for place, (row, (leading, _)) in enumerate(zip(hidden, reports.leading_of(hidden), strict=True)):
        pair = reports.pairs[row]
        _same(of_one(reports.own(pair), reports.rest_of(pair, leading)), without, place)


def _same(one: object, many: object, place: int) -> None:
    for name in ("a", "of_drug", "of_reaction", "total", "expected"):
        assert getattr(one, name)[0] == pytest.approx(getattr(many, name)[place]), name


def test_what_is_planted_in_what_is_kept_is_found() -> None:
    register = undisturbed(2)
    standing = standing_after(register.messages)
    kept = register.kept
    assert kept.stated, "these messages raise no signal"
    held = pairs_held_against(register.watch.watched, kept, standing)
    assert (held.kinds, held.reports, held.subjects) == (len(kept.cells), sum(kept.cells.values()), len(kept.stated))
    cell = next(iter(kept.cells))
    kept.cells[cell] += 1
    (line,) = pairs_held_against(register.watch.watched, kept, standing).differences
    assert line == f"reports {cell}: {kept.cells[cell]}, recomputed {kept.cells[cell] - 1}"
    raised = register.kept
    pair = next(pair for pair, one in raised.stated.items() if one.signal.state in ("raised", "updated"))
    del raised.stated[pair]
    (line,) = pairs_held_against(register.watch.watched, raised, standing).differences
    assert line.startswith(f"{':'.join(pair)}: at ")
    assert line.endswith("recomputed, of which no signal was raised")
    nothing = pairs_held_against(register.watch.watched, PairsKept(), standing)
    assert nothing.differences[-1] == "there are reports, and no prior"


def test_names_grow_without_bounds() -> None:
    dice = np.random.default_rng(5)
    drawn = dice.integers(0, [90, 40, 7], size=(4_000, 3))
    cells = Counter((f"D{d}", f"R{r}", (f"{s}",)) for d, r, s in drawn.tolist())
    reports = Reports()
    for cell, number in cells.items():
        reports.add({cell: number})
    assert reports.cells() == dict(cells)
    rows = reports.rows()
    assert [reports.pairs[row] for row in rows] == sorted({cell[:2] for cell in cells})
    of_drug, of_reaction = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    totals = Counter[str]()
    for (drug, reaction, (stratum,)), number in cells.items():
        of_drug[drug, stratum] += number
        of_reaction[reaction, stratum] += number
        totals[stratum] += number
    whole = reports.whole(rows)
    for place in dice.integers(0, rows.size, 50).tolist():
        drug, reaction = reports.pairs[rows[place]]
        due = sum(of_drug[drug, s] * of_reaction[reaction, s] / totals[s] for s in totals)
        assert whole.expected[place] == pytest.approx(due)
        assert whole.total[place] == 4_000
