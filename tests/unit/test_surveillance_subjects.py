"""Streams of families, companies, lots and units, beside those of products: by hand.

All are put in on day 1000 and followed to day 1090, in one stratum: 90 days each, in the first interval.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from schemas.subjects import KINDS
from streams.surveillance.bins import Change, Exposure
from streams.surveillance.core import step
from streams.surveillance.declared import Watched
from streams.surveillance.expected import Baseline
from streams.surveillance.levels import Levels
from streams.surveillance.monitor import Makers, Monitor
from streams.surveillance.signals import Version
from streams.surveillance.state import State
from streams.surveillance.watch import Told, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.surveillance.evidence import Point
    from streams.surveillance.signals import Signal

LEVELS = Levels(watch=(2.0,), alarm=(50.0,))
SELDOM = Levels(watch=(40.0,), alarm=(50.0,))
MAKERS = Makers(family={"A": "F", "B": "F", "C": "G"}, company={"A": "X", "C": "X"})
START, LAST = 1_000, 1_090


def monitor(
    *kinds: str, baseline: str = "contemporary", unit_shape: float | None = None, own: Levels = SELDOM
) -> Monitor:
    """One whose products are seldom at watch, and what else it follows soon."""
    found = Monitor("cup", "a1b2", Baseline(baseline, (2.0,)), own, unit_shape, makers=MAKERS)  # type: ignore[arg-type]
    return found.beside(dict.fromkeys(kinds or KINDS[1:], LEVELS))  # type: ignore[arg-type]


def put_in(product: str, *, lot: str = "", unit: str = "U", failed: bool = False) -> Exposure:
    outcome = LAST if failed else None
    return Exposure(product, lot, unit, "left", ("F",), START, outcome, "", int(failed), outcome, recorded=START)


class Group:
    """A group that changes are told to; what is new of each registration by its name."""

    def __init__(self, declared: Monitor) -> None:
        self.monitor, self.state = declared, State()
        self.now: dict[str, Exposure] = {}
        self._told = 0

    def tell(self, changes: Mapping[str, Exposure | None], *, opted_out: bool = False) -> dict[str, Signal]:
        found = [Change(name, name, self.now.get(name), after, opted_out) for name, after in changes.items()]
        self.now = {name: one for name, one in {**self.now, **changes}.items() if one is not None}
        self._told += 1
        through = dict.fromkeys("UVW", LAST)
        signals = step(self.state, self.monitor, found, Version(0, self._told), through=through).signals
        return {signal.product: signal for signal in signals}

    def many(self, name: str, product: str, number: int, failed: int = 0, **said: str) -> dict[str, Signal]:
        """So many of a product, the first of which failed."""
        return self.tell({f"{name}{at}": put_in(product, failed=at < failed, **said) for at in range(number)})

    def seen(self, label: str) -> Point:
        """What was last known of a subject."""
        return self.state.known[label].looks[-1].point


def conditional(observed: int, trials: int, share: float) -> float:
    """The binomial log-likelihood ratio."""
    rest = trials - observed
    return observed * math.log(observed / share) + (rest * math.log(rest / (trials - share)) if rest else 0.0)


def test_a_family_is_all_its_products_against_all_others() -> None:
    group = Group(monitor("family"))
    group.many("c", "C", 100, 2)
    group.many("a", "A", 10, 1)
    assert "family:F" not in group.state.known  # as long as one of its products is in use, it is that product's
    signals = group.many("b", "B", 10, 2)
    seen = group.seen("family:F")
    # 2 of C in 100 · 90 days, so 20 · 90 of them are 0.4; of the 5 outcomes 20 of 120 fall on the family
    assert (seen.observed, seen.basis) == (3, "conditional")
    assert seen.expected == pytest.approx(20 * 90 * 2 / 9_000)
    assert seen.statistic == pytest.approx(conditional(3, 5, 5 * 20 / 120), abs=1e-6)
    assert group.seen("A").expected == pytest.approx(10 * 90 * 2 / 9_000)  # B was not there yet
    signal = signals["family:F"]
    assert (signal.id, signal.subject.kind, signal.products) == ("cup/family:F/0", "family", ("A", "B"))
    assert signal.comparator.observed == 2
    assert signal.comparator.component_years == pytest.approx(9_000 / 365.25)
    assert [(one.product, one.exposures, one.observed) for one in signal.beside.products] == [
        ("B", 10, 2),
        ("A", 10, 1),
    ]
    assert [one.expected for one in signal.beside.products] == pytest.approx([0.2, 0.2])
    assert signal.beside.lots == ()
    assert not signal.beside.rejected
    assert "family:G" not in group.state.known


def test_a_company_is_all_its_products_of_the_group() -> None:
    group = Group(monitor("company"))
    for name, product, number, failed in (("b", "B", 50, 1), ("c", "C", 20, 1), ("a", "A", 10, 2)):
        group.many(name, product, number, failed)
    seen = group.seen("company:X")  # A and C; B's is not known
    assert seen.observed == 3
    assert seen.expected == pytest.approx(30 * 90 / 4_500)
    assert seen.statistic == pytest.approx(conditional(3, 4, 4 * 30 / 80), abs=1e-6)
    assert [*group.state.known] == ["B", "C", "A", "company:X"]


@pytest.mark.parametrize("baseline", ["contemporary", "flat"])
def test_a_lot_is_held_against_the_other_lots_of_its_product(baseline: str) -> None:
    group = Group(monitor("lot", baseline=baseline))
    group.many("c", "C", 100, 90, lot="L1")  # another product says nothing of it
    group.many("l", "A", 10, 2, lot="L1")
    assert "lot:A:L1" not in group.state.known  # as long as the product has no other
    group.many("m", "A", 30, 1, lot="L2")
    group.many("n", "A", 10)  # of no known lot, which is another
    signals = group.tell({"l2": put_in("A", lot="L1", failed=True)})
    seen = group.seen("lot:A:L1")
    assert (seen.observed, seen.basis) == (3, "conditional")
    assert seen.expected == pytest.approx(10 * 90 / 3_600)
    assert seen.statistic == pytest.approx(conditional(3, 4, 4 * 10 / 50), abs=1e-6)
    signal = signals["lot:A:L1"]
    assert (signal.subject.lot, signal.products) == ("L1", ("A",))
    assert signal.comparator.observed == 1
    assert signal.comparator.component_years == pytest.approx(3_600 / 365.25)
    assert [one.lot for one in signal.beside.lots] == ["L1", "L2"]
    assert [one.statistic for one in signal.beside.lots] == pytest.approx([seen.statistic, 0.0])
    assert not {label for label in group.state.known if label.startswith("lot:") and label.endswith(":")}


def test_while_the_other_lots_have_had_no_outcome_the_declared_rate_stands_in() -> None:
    group = Group(monitor("lot"))
    group.many("m", "A", 30, lot="L2")
    group.many("l", "A", 10, 2, lot="L1")
    seen = group.seen("lot:A:L1")
    expected = 0.02 * 10 * 90 / 365.25
    assert seen.basis == "prior"
    assert seen.expected == pytest.approx(expected)
    assert seen.statistic == pytest.approx(expected - 2 + 2 * math.log(2 / expected), abs=1e-6)


def test_what_the_units_other_products_say_weighs_both_sides_of_a_lot() -> None:
    # shape 1: 12 of the other product's outcomes at U and none at V, with as many days: factors 13/7 and 1/7
    group = Group(monitor("lot", unit_shape=1.0))
    group.many("u", "C", 50, 12, unit="U")
    group.many("v", "C", 50, unit="V")
    group.many("m", "A", 10, 1, lot="L2", unit="V")
    group.many("l", "A", 10, 2, lot="L1", unit="U")
    # one outcome at V, where a seventh is to be expected, is thirteen at U
    seen = group.seen("lot:A:L1")
    assert seen.expected == pytest.approx(13, abs=1e-4)
    assert seen.statistic == 0
    assert group.seen("A").expected == pytest.approx(12 / 9_000 * 900 * (13 / 7 + 1 / 7), abs=1e-4)


def test_a_unit_is_all_that_it_put_in_against_what_other_units_put_in() -> None:
    group = Group(monitor("unit"))
    group.many("v", "C", 80, 2, unit="V")
    group.many("a", "A", 12, 3, unit="U")
    signals = group.many("b", "B", 8, 1, unit="U")
    seen = group.seen("unit:U")
    assert (seen.observed, seen.basis) == (4, "conditional")
    assert seen.expected == pytest.approx(20 * 90 * 2 / 7_200)
    assert seen.statistic == pytest.approx(conditional(4, 6, 6 * 20 / 100), abs=1e-6)
    signal = signals["unit:U"]
    assert (signal.cause, signal.products, [one.unit for one in signal.units]) == ("unit", (), ["U"])
    assert signal.units[0].factor == 1.0
    assert [(one.product, one.observed) for one in signal.beside.products] == [("A", 3), ("B", 1)]
    assert [one.expected for one in signal.beside.products] == pytest.approx([0.3, 0.2])


def test_what_is_left_out_of_comparators_is_no_unit_s_either() -> None:
    declared = monitor("unit")
    watch = Watch(Watched(declared, "cups", specific=False, deaths=frozenset(), left_out=frozenset({"BAD"})))
    exposures = [put_in("BAD", failed=True)] * 9 + [put_in("C")] * 20 + [put_in("C", unit="V", failed=True)] * 2
    changes = [Change(f"p{at}", f"r{at}", None, one) for at, one in enumerate(exposures)]
    later = [
        Exposure(*one[:5], LAST, *one[6:9], None, recorded=LAST) for one in (put_in("C"), put_in("C", unit="V"))
    ] * 2
    changes += [Change(f"q{at}", f"s{at}", None, one) for at, one in enumerate(later)]
    watch.take([Told(Version(0, 1), changes)])
    assert watch.state.known["unit:U"].looks[-1].point.observed == 0
    assert watch.state.known["BAD"].looks[-1].point.observed == 9


def test_each_kind_has_thresholds_and_fewest_outcomes_of_its_own() -> None:
    declared = monitor("family").beside({"family": LEVELS, "unit": SELDOM}, {"family": 4})
    group = Group(declared)
    group.many("c", "C", 100, 2, unit="V")
    group.many("a", "A", 10, 1)
    assert group.many("b", "B", 10, 2) == {}
    assert set(group.tell({"b2": put_in("B", failed=True)})) == {"family:F"}
    assert (group.seen("unit:U").watch, group.seen("family:F").watch) == (40.0, 2.0)
    assert "lot:A:L1" not in group.state.known


def family() -> Group:
    """A family at watch, of three outcomes."""
    group = Group(monitor("family", "lot", "unit"))
    group.many("c", "C", 100, 2, lot="L9", unit="V")
    group.many("a", "A", 10, 1, lot="L1")
    assert "family:F" in group.many("b", "B", 10, 2, lot="L1")
    return group


def test_a_retracted_outcome_of_one_of_its_products_withdraws_a_family() -> None:
    signal = family().tell({"b0": put_in("B", lot="L1"), "b1": put_in("B", lot="L1")})["family:F"]
    assert signal.state == "withdrawn"
    assert [reason.split(" has ")[0] for reason in signal.reasons] == ["b0", "b1"]


def test_a_product_corrected_to_another_of_the_family_takes_nothing_from_it() -> None:
    signals = family().tell({"b0": put_in("A", lot="L1", failed=True)})
    assert (signals["family:F"].state, signals["family:F"].known[-1].point.observed) == ("updated", 3)


def test_a_lot_corrected_to_another_takes_the_outcome_from_the_lot_and_not_from_the_product() -> None:
    group = Group(monitor("lot", own=LEVELS))
    group.many("c", "C", 300, 3)
    group.many("m", "A", 60, 2, lot="L2")
    signals = group.many("l", "A", 10, 5, lot="L1")
    assert {"A", "lot:A:L1"} <= set(signals)
    signals = group.tell({f"l{at}": put_in("A", lot="L2", failed=True) for at in range(4)})
    assert (signals["lot:A:L1"].state, signals["A"].state) == ("withdrawn", "updated")
    assert signals["lot:A:L1"].reasons[0] == "l0 began otherwise than was said"
    assert (group.seen("lot:A:L1").observed, group.seen("A").observed) == (1, 7)


def test_who_opts_out_goes_on_counting_for_each_subject() -> None:
    signals = family().tell({"b0": None, "a5": None}, opted_out=True)
    erased = signals["family:F"].erased
    assert erased is not None
    assert (erased.persons, erased.outcomes, erased.frozen.point.observed) == (2, 1, 3)
    assert (signals["family:F"].state, signals["family:F"].hindsight[-1].observed) == ("updated", 2)


def test_who_gets_a_product_of_a_family_at_alarm_is_told_at_once() -> None:
    declared = monitor("family").beside({"family": Levels(watch=(1.0,), alarm=(2.0,))})
    group = Group(declared)
    group.many("c", "C", 100, 2)
    group.many("a", "A", 10, 1)
    group.many("b", "B", 10, 2)
    assert group.tell({"x": put_in("C")}) == {}
    (signal,) = group.tell({"y": put_in("A")}).values()
    assert (signal.product, signal.state, signal.units[0].all.exposures) == ("family:F", "updated", 21)


def test_nothing_is_raised_of_a_family_that_has_become_one_product() -> None:
    group = Group(monitor("family"))
    group.many("c", "C", 100, 2)
    group.tell({"b": put_in("B")})
    group.many("a", "A", 10, 1)
    group.tell({"b": None})
    signals = group.tell({f"a{at}": put_in("A", failed=True) for at in range(1, 5)})
    assert signals == {}
    assert group.seen("family:F").statistic > 2.0


@pytest.mark.parametrize(
    ("label", "left_out"),
    [("A", {"A"}), ("family:F", {"A", "B"}), ("company:X", {"A", "C"}), ("lot:A:L1", set()), ("unit:U", set())],
)
def test_a_confirmed_signal_leaves_out_what_it_is_about_but_for_lots_and_units(label: str, left_out: set[str]) -> None:
    watch = Watch(Watched(monitor(), "cups", specific=False, deaths=frozenset(), left_out=frozenset({"OLD"})))
    watch.take([Told(Version(0, 1), [Change("p", "r", None, put_in("A", lot="L1"))])], {label: True})
    assert watch.state.sums.left_out == {"OLD", *left_out}
