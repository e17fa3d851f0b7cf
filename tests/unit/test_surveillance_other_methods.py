"""What other methods say of a product, by hand: of the Inter-op series, and of small groups."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from scipy.special import gammaincc, gammaln

from streams.surveillance.bins import OPEN, Bin
from streams.surveillance.evidence import hindsight
from streams.surveillance.expected import Baseline
from streams.surveillance.levels import Levels, OtherThresholds
from streams.surveillance.monitor import Monitor
from streams.surveillance.other_methods import Method, e_bh_set, in_stream, other_methods, unresolved_bounds
from streams.surveillance.person_time import PersonTime
from streams.surveillance.present import present

if TYPE_CHECKING:
    from collections.abc import Mapping

FLAT = Monitor("cup", "a1b2", Baseline("flat", (2.0,)))
OTHERS = Monitor("cup", "a1b2", Baseline("contemporary", (2.0,)))
# put in every sixth day, five reoperated: interop_scenario_input.csv; by day 212 9.626283 component-years
INTEROP = {6 * implant: None for implant in range(30)} | {12: 112, 36: 141, 66: 161, 90: 200, 120: 212}
YEARS = 9.626283


def many(product: str, number: int, failed: int = 0, *, start: int = 0, stop: int = 200) -> dict[Bin, int]:
    """So many put in on one day, some of which failed on another."""
    kinds = {Bin(product, "", "C", ("F",), start, OPEN, False): number - failed}
    return kinds | ({Bin(product, "", "C", ("F",), start, stop, True): failed} if failed else {})


def known(*groups: Mapping[Bin, int], through: int = 212) -> PersonTime:
    sums = PersonTime()
    sums.report({"C": through})
    for group in groups:
        sums.add(group)
    return sums


def interop(*others: Mapping[Bin, int], through: int = 212) -> PersonTime:
    series = {
        Bin("INTEROP", "L1", "C", ("F",), start, OPEN if stop is None else stop, stop is not None): 1
        for start, stop in INTEROP.items()
    }
    return known(series, *others, through=through)


def told(sums: PersonTime, monitor: Monitor, product: str) -> dict[str, Method]:
    now = present(sums, monitor, product)
    found = other_methods(sums, monitor, product, now, hindsight(sums, monitor, product, now=now))
    assert len({one.name for one in found}) == len(found) == 8
    return {one.name: one for one in found}


def test_the_registries_rules_hold_the_product_against_the_group_that_it_is_in() -> None:
    # 400 of a good cup, 8 reoperated on day 200: 400 · 212 - 8 · 12 days
    found = told(interop(many("GOOD", 400, 8)), FLAT, "INTEROP")
    good = (400 * 212 - 8 * 12) / 365.25
    ratio = (5 / YEARS) / (13 / (YEARS + good))
    stage, njr = found["aoanjrr_stage_one"], found["njr"]
    assert stage.statistic == pytest.approx(ratio, rel=1e-6)  # 30 of 430: not taken out of its group
    assert (stage.threshold, stage.reached, stage.day) == (2.0, True, None)
    mean = 13 / (YEARS + good) * YEARS
    tail = 1 - sum(math.exp(-mean) * mean**count / math.factorial(count) for count in range(5))
    assert stage.note.endswith(f"p = {tail:.3g}")
    assert "30 primaries, 5 revised, are enough" in stage.note
    assert njr.statistic == pytest.approx(ratio, rel=1e-6)
    assert (njr.threshold, njr.reached, njr.note) == (2.0, True, "level 2, 30 primaries")


def test_more_than_a_quarter_of_the_group_is_taken_out_by_one_rule_and_not_by_the_other() -> None:
    sums = known(many("BAD", 100, 10), many("GOOD", 200, 8), many("WORST", 200, 100))
    sums.leave_out(["WORST"])
    found = told(sums, FLAT, "BAD")
    bad, good = 100 * 212 - 10 * 12, 200 * 212 - 8 * 12
    assert found["aoanjrr_stage_one"].statistic == pytest.approx((10 / bad) / (8 / good))
    assert found["njr"].statistic == pytest.approx((10 / bad) / (18 / (bad + good)))
    assert (found["njr"].threshold, found["njr"].note) == (1.5, "level 2, 100 primaries")
    assert found["aoanjrr_stage_one"].reached  # 2.5 times, p of 10 where 4 are expected: 0.008


def test_without_a_group_the_rules_say_nothing() -> None:
    found = told(interop(), FLAT, "INTEROP")
    assert (found["aoanjrr_stage_one"].statistic, found["aoanjrr_stage_one"].reached) == (None, False)
    assert found["aoanjrr_stage_one"].note == "group has no component-years but the component's own"
    found = told(known(many("NEW", 3), through=0), FLAT, "NEW")
    assert found["aoanjrr_stage_one"].note == "component has no component-years"
    assert (found["njr"].statistic, found["bernoulli_cusum"].statistic) == (None, None)
    # where nobody else was revised the ratio has no end, and yet it is flagged
    found = told(interop(many("GOOD", 400)), FLAT, "INTEROP")
    assert found["njr"].statistic == pytest.approx(1 + 400 * 212 / 365.25 / YEARS, rel=1e-6)


def test_the_conditional_form_beside_the_poisson_one() -> None:
    sums = known(many("BAD", 10, 3, stop=50), many("GOOD", 100, 6, stop=50), through=50)
    found = told(sums, Monitor("cup", "x", Baseline("flat", (2.0,)), Levels(watch=(1.0,), alarm=(9.0,))), "BAD")
    # all in one cell: 9 outcomes, 500 days at risk of the product, 5,000 of the others: 1/11 of 9 to be expected
    one = found["conditional_maxsprt"]
    assert one.statistic == pytest.approx(3 * math.log(3 / (9 / 11)) + 6 * math.log(6 / (9 * 10 / 11)))
    assert (one.threshold, one.reached, one.day) == (1.0, True, 50)
    assert one.note == "0.818 expected of 6 others' and its own"


def test_the_poisson_form_beside_the_conditional_one() -> None:
    sums = known(many("BAD", 10, 3, stop=50), many("GOOD", 100, 6, stop=50), through=50)
    one = told(sums, OTHERS, "BAD")["poisson_maxsprt"]
    # 6 in 5,000 days of the others, 500 days of its own
    assert one.statistic == pytest.approx(0.6 - 3 + 3 * math.log(3 / 0.6), abs=1e-6)
    assert (one.threshold, one.reached, one.day, one.note) == (4.2, False, None, "0.6 expected")


def test_the_charts_of_interop_reach_their_thresholds_on_a_day() -> None:
    limits = OtherThresholds(bk_cusum=2.0, cgr_cusum=4.5, bernoulli_cusum=1.0)
    found = told(interop(through=400), Monitor("cup", "x", Baseline("flat", (2.0,)), others=limits), "INTEROP")
    # by the third 2.021, see the charts' own test; and of those put in from day 12 on, with two others before them
    assert (found["bk_cusum"].threshold, found["bk_cusum"].reached, found["bk_cusum"].day) == (2.0, True, 161)
    assert found["bk_cusum"].note == "for twice the hazard; highest 3.33 on 1970-08-01"
    assert 3 * math.log(6) - 5 * (0.11893224 - 0.02 * (161 + 155) / 365.25) > 4.5 > 2 * math.log(6)
    assert (found["cgr_cusum"].reached, found["cgr_cusum"].day) == (True, 161)
    assert "hazard ratio 6, at most 6, since those begun on 1970-01-13" in found["cgr_cusum"].note
    # nobody was reoperated within 30 days
    assert (found["bernoulli_cusum"].statistic, found["bernoulli_cusum"].reached) == (0.0, False)


def log_e(events: int, mean: float) -> float:
    """Gamma(1, 0.1) above 1, as methods.md has it."""
    shape, rate = 1.0, 0.1
    return float(
        mean + math.log(rate) + gammaln(shape + events) - (shape + events) * math.log(rate + mean)
        + math.log(gammaincc(shape + events, rate + mean) / gammaincc(shape, rate))
    )  # fmt: skip


def test_the_e_process_of_interop() -> None:
    one = told(interop(), FLAT, "INTEROP")["e_process"]
    assert one.statistic == pytest.approx(log_e(5, 0.19252567), abs=1e-5)
    assert one.threshold == pytest.approx(math.log(20))
    # at the outcomes 0.06034223 and 0.09303217 were expected: ln E 1.99 and 4.17
    assert log_e(1, 0.06034223) < math.log(20) < log_e(2, 0.09303217)
    assert (one.reached, one.day) == (True, 141)


def test_the_detector_starts_anew_in_each_quarter() -> None:
    one = told(interop(), FLAT, "INTEROP")["e_detector"]
    # expected by the ends of quarters, days 89 and 180: of those put in every sixth day, less who was reoperated
    by_89 = 0.02 * sum(89 - start for start in INTEROP if start < 89) / 365.25
    by_180 = 0.02 * sum(min(180, stop or 180) - start for start, stop in INTEROP.items() if start < 180) / 365.25
    bets = [log_e(5, 0.19252567), log_e(5, 0.19252567 - by_89), log_e(2, 0.19252567 - by_180)]
    assert one.statistic == pytest.approx(math.log(sum(math.exp(bet) for bet in bets)), abs=1e-5)
    assert one.threshold == pytest.approx(math.log(1000))
    assert (one.reached, one.day) == (True, 212)


def test_an_outcome_of_a_unit_that_has_reported_no_day_is_no_evidence() -> None:
    sums = known(many("BAD", 3, 3), through=0)
    found = told(sums, FLAT, "BAD")["e_process"]
    assert (found.statistic, found.reached) == (0.0, False)
    assert e_bh_set(sums, FLAT) == frozenset()


def test_e_bh_over_the_catalogue() -> None:
    # 365.25 days of 50 are 1 expected at 2 per 100; stops are on the last day, so nobody's time is cut
    groups = [many("A", 50, 6, stop=365), many("B", 50, 5, stop=365), many("C", 50, 1, stop=365), many("D", 50)]
    sums = known(*groups, through=365)
    values = {events: log_e(events, 0.02 * 50 * 365 / 365.25) for events in (0, 1, 5, 6)}
    # of four the first needs 4/alpha, the second 2/alpha
    alpha = 4 / math.exp(values[6])
    assert 2 / math.exp(values[5]) > alpha  # the second does not follow
    assert e_bh_set(sums, FLAT, alpha * 1.001) == {"A"}
    assert e_bh_set(sums, FLAT, alpha * 0.999) == frozenset()
    second = 2 / math.exp(values[5])
    assert e_bh_set(sums, FLAT, second * 1.001) == {"A", "B"}
    # a product that nobody has any more is none of the catalogue: the first now needs 3/alpha
    sums.add({kind: -count for kind, count in groups[3].items()})
    assert e_bh_set(sums, FLAT, alpha * 3 / 4 * 1.001) == {"A"}
    assert e_bh_set(PersonTime(), FLAT) == frozenset()


def test_what_a_product_would_be_if_all_unresolved_outcomes_were_its_own() -> None:
    path = hindsight(interop(), FLAT, "INTEROP")
    bounds = unresolved_bounds(path, 2, FLAT.levels)
    assert bounds[0] == path.points()[-1].statistic
    assert bounds[2] == pytest.approx(0.19252567 - 7 + 7 * math.log(7 / 0.19252567), abs=1e-5)
    assert len(bounds) == 3


def test_the_bound_in_the_conditional_form_and_in_a_later_stream() -> None:
    path = hindsight(known(many("BAD", 10, 3, stop=50), many("GOOD", 100, 6, stop=50), through=50), OTHERS, "BAD")
    bound = unresolved_bounds(path, 1, OTHERS.levels)[1]
    # 4 of 10, and still 9/11 expected
    p = 9 / 11 / 10
    assert bound == pytest.approx(4 * math.log(4 / (10 * p)) + 6 * math.log(6 / (10 * (1 - p))))
    # streams of 0.08: the third, from 0.16 on, has the last two outcomes
    levels = Levels(planned=0.08)
    path = hindsight(interop(), Monitor("cup", "x", Baseline("flat", (2.0,)), levels), "INTEROP")
    found = unresolved_bounds(path, 1, levels)[1]
    assert found == pytest.approx(0.03252567 - 3 + 3 * math.log(3 / 0.03252567), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("bk_cusum", 0.0), ("cgr_cusum", math.nan), ("bernoulli_cusum", -1.0), ("alpha", 1.0), ("run_length", 1.0)],
)
def test_thresholds_that_mean_nothing_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        OtherThresholds(**{name: value})


def test_what_the_statistic_is_worked_out_from_gives_the_bound_of_any_number() -> None:
    groups = {
        "poisson": (known(many("BAD", 10, 3, stop=50), many("GOOD", 100, 60, stop=50), through=50), OTHERS),
        "conditional": (known(many("BAD", 10, 3, stop=50), many("GOOD", 100, 6, stop=50), through=50), OTHERS),
        "second stream": (interop(), Monitor("cup", "x", Baseline("flat", (2.0,)), Levels(planned=0.1))),
    }
    for name, (sums, declared) in groups.items():
        path = hindsight(sums, declared, "INTEROP" if name == "second stream" else "BAD")
        now = in_stream(path, declared.levels)
        bounds = unresolved_bounds(path, 20, declared.levels)
        assert now.conditional == (name == "conditional")
        for more in (0, 1, 7, 20):
            observed, trials = now.observed + more, now.trials + more
            if now.conditional:  # by hand, as methods.md has it: c ln(c / s) + (n - c) ln((n - c) / (n - s))
                rest = (trials - observed) * math.log((trials - observed) / (trials - now.share))
                wanted = observed * math.log(observed / now.share) + rest
            elif observed <= now.expected:
                wanted = 0.0  # no more than expected
            else:
                wanted = now.expected - observed + observed * math.log(observed / now.expected)
            assert bounds[more] == pytest.approx(wanted, abs=1e-9)
    # by day 161 the first stream's 0.1 were expected: it had two of the five
    assert now.observed == 3
    assert now.expected == pytest.approx(0.19252567 - 0.1, abs=1e-6)
