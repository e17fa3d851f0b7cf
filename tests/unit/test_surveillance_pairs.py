"""Signals of drug and reaction as reports arrive, by tables worked by hand: raised, weakened, withdrawn, erased."""

from __future__ import annotations

from math import exp, inf, lgamma, log, log2
from typing import TYPE_CHECKING

import pytest
from scipy.integrate import quad

from schemas.codec import decode_event
from streams.surveillance.following import BeganAnewError
from streams.surveillance.pair_watch import PairWatch
from streams.surveillance.signals import Version
from streams.surveillance.watch import NeverToldError, Told
from tests.pairs_support import DUMOUCHEL, NAME, Register, monitor, report

if TYPE_CHECKING:
    from streams.surveillance.pair_signals import PairSignal

DR, DO, ER, EO = report("D", "R"), report("D", "other"), report("E", "R"), report("E", "other")


def others(*, e_r: int = 1, **declared: object) -> Register:
    """Beside the reports of D and R: of D 7, of R 1, of neither 189; without an alarm, if nothing else is declared."""
    register = Register(monitor(**{"rules": {"watch": ("evans", "ic"), "alarm": ()}, **declared}))
    register.many("do", 7, DO)
    register.many("er", e_r, ER)
    register.many("eo", 189, EO)
    return register


def probability_below_two(n: int, expected: float) -> float:
    """P(λ < 2) given n reports, by integrating prior times likelihood: no gamma function of ours."""

    def density(ratio: float) -> float:
        prior = 0.0
        for weight, alpha, beta in ((DUMOUCHEL.p, 0.2, 0.1), (1 - DUMOUCHEL.p, 2.0, 4.0)):
            prior += weight * exp(alpha * log(beta) - lgamma(alpha) + (alpha - 1) * log(ratio) - beta * ratio)
        return prior * exp(n * log(ratio * expected) - ratio * expected)

    below, above = quad(density, 0, 2, limit=200)[0], quad(density, 2, 500, limit=500)[0]
    return float(below / (below + above))


def test_a_pair_is_raised_at_the_report_that_makes_it_one_with_all_that_speaks_for_it() -> None:
    register = others()
    assert register.tell(("1", DR)) == register.tell(("2", DR)) == ()
    (signal,) = register.tell(("3", DR._replace(recorded=11_500)))
    assert (signal.id, signal.state, signal.level) == ("reactions/D:R/0", "raised", "watch")
    numbers = signal.look.numbers
    # a, b, c, d = 3, 7, 1, 189: PRR (3/10)/(1/190) = 57, ROR 3·189/7 = 81, 10·4/200 expected
    assert numbers[:4] == (3, 7, 1, 189)
    assert [numbers.expected, numbers.prr, numbers.ror] == pytest.approx([0.2, 57, 81])
    assert numbers.ic == pytest.approx(log2(3.5 / 0.7))
    # n ln(n/E) + (C - n) ln((C - n)/(C - E)), C = 4
    assert numbers.likelihood_ratio == pytest.approx(3 * log(15) + log(1 / 3.8))
    assert numbers.rules == ("evans", "ror", "ic", "ebgm")
    (raised,) = signal.levels
    assert (raised.level, raised.rules, raised.masked, raised.look) == ("watch", ("evans", "ic"), False, signal.look)
    # by the sixth message; the third report was recorded on that day
    assert (signal.look.at, signal.look.day, signal.look.reports) == (Version(2, 6), 11_500, 200)
    assert (signal.prior.basis, signal.prior.mixture) == ("few", DUMOUCHEL)


def test_alarm_is_raised_with_the_first_report_by_which_eb05_is_two() -> None:
    register = others(e_r=6, rules={"watch": ("evans", "ic"), "alarm": ("ebgm",)})
    raised: list[tuple[int, PairSignal]] = []
    for number in range(1, 30):
        stated = register.tell((f"{number}", DR))
        raised += [(number, one) for one in stated if one.state == "raised" and one.pair == ("D", "R")]
    (first, watch), (number, signal) = raised

    def expected(n: int) -> float:
        return (n + 7) * (n + 6) / (n + 202)

    assert 3 <= first < number
    assert [one.level for one in watch.levels] == ["watch"]
    assert probability_below_two(number, expected(number)) <= 0.05
    assert probability_below_two(number - 1, expected(number - 1)) > 0.05
    assert [(one.level, one.look.numbers.a) for one in signal.levels] == [("watch", first), ("alarm", number)]
    assert signal.levels[1].rules == ("ebgm",)
    assert signal.look.numbers.eb05 >= 2


def test_declared_rules_and_the_fewest_reports_decide() -> None:
    at_five = others(fewest=5)
    assert [bool(at_five.tell((f"{number}", DR))) for number in range(1, 6)] == [False] * 4 + [True]
    by_ror = others(rules={"watch": ("ror",), "alarm": ("evans",)})
    (signal,) = (by_ror.tell(("1", DR)), by_ror.tell(("2", DR)), by_ror.tell(("3", DR)))[-1]
    assert [(one.level, one.rules) for one in signal.levels] == [("watch", ("ror",)), ("alarm", ("evans",))]
    assert signal.level == "alarm"
    no_alarm = others()
    for number in range(60):
        no_alarm.tell((f"{number}", DR))
    assert no_alarm.watch.state.signals["D", "R"].level == "watch"


def test_others_reports_weaken_and_restore_but_never_withdraw() -> None:
    register = others()
    register.many("dr", 3, DR)
    (weakened,) = register.many("er+", 60, ER)
    # 3, 7, 61, 189: PRR (3/10)/(61/250) = 1.23; 10·64/260 = 2.46 expected
    assert (weakened.state, weakened.level, weakened.reasons) == ("weakened", "watch", ())
    assert weakened.look.numbers.prr == pytest.approx(0.3 / (61 / 250))
    assert weakened.look.numbers.rules == ()
    assert register.tell(("eo+", EO)) == ()  # still weakened, and none of its own: nothing new
    (restored,) = register.tell(*((f"er+{place}", None) for place in range(60)))
    assert (restored.state, restored.number) == ("updated", 0)
    # the other reports that were nullified were no reports of its own
    assert register.watch.state.signals["D", "R"].look.numbers.a == 3


def test_a_signal_is_withdrawn_where_its_own_report_was_nullified_and_raised_anew_by_the_next() -> None:
    register = others()
    register.many("dr", 3, DR)
    (withdrawn,) = register.tell(("dr1", None))
    assert (withdrawn.state, withdrawn.look.numbers.a) == ("withdrawn", 2)
    assert withdrawn.reasons == ("dr1 was nullified, or tells of the event of another report",)
    assert register.tell(("eo+", EO)) == ()
    (again,) = register.tell(("another", DR))
    assert (again.id, again.state, [one.look.numbers.a for one in again.levels]) == ("reactions/D:R/1", "raised", [3])


def test_of_two_pairs_a_correction_takes_from_the_one_and_gives_to_the_other() -> None:
    register = others()
    register.many("dr", 3, DR)
    register.many("fp", 2, report("F", "P"))
    withdrawn, raised = register.tell(("dr0", report("F", "P")))
    assert (withdrawn.id, withdrawn.state, withdrawn.reasons) == ("reactions/D:R/0", "withdrawn", ("dr0 is of F:P",))
    assert (raised.id, raised.state, raised.look.numbers.a) == ("reactions/F:P/0", "raised", 3)
    # no other drug has P: the ratio is infinite, and has no limits
    assert (raised.look.numbers.prr, raised.look.numbers.prr_lower) == (inf, None)
    (uncoded,) = register.tell(("dr0", report("F", "")))
    assert (uncoded.id, uncoded.reasons) == ("reactions/F:P/0", ("dr0 has no reaction any more",))


def test_a_retraction_of_a_signal_that_others_have_weakened_is_judged_as_it_was_raised() -> None:
    register = others()
    register.many("dr", 9, DR)
    register.many("er+", 400, ER)
    assert register.watch.state.signals["D", "R"].state == "weakened"
    (still,) = register.tell(("dr0", None))
    assert still.state == "weakened"  # of what it was raised by, eight reports would still make it one
    (gone, *_) = register.tell(*((f"dr{place}", None) for place in range(1, 7)))
    assert (gone.id, gone.state, len(gone.reasons)) == ("reactions/D:R/0", "withdrawn", 6)  # two would not


def test_a_report_of_another_stratum_is_no_report_less() -> None:
    register = others()
    register.many("dr", 4, DR)
    (moved,) = register.tell(("dr0", report("D", "R", "M")))
    assert (moved.state, moved.look.numbers.a) == ("updated", 4)
    # alone in its stratum it is just what is expected there; in the other 10·4/200 are
    assert moved.look.numbers.expected == pytest.approx(1 + 10 * 4 / 200)
    assert register.tell(("dr0", report("D", "R", "M", recorded=12_000))) == ()  # recorded otherwise: nothing counts


def test_who_opts_out_leaves_the_numbers_and_takes_nothing_from_a_signal() -> None:
    register = others()
    register.many("dr", 3, DR)
    before = register.watch.state.signals["D", "R"].look
    (erased,) = register.tell(("dr0", None), ("dr1", None), opted_out=True)
    assert (erased.state, erased.level, erased.look.numbers.a) == ("updated", "watch", 1)
    assert erased.erased is not None
    assert (erased.erased.persons, erased.erased.reports, erased.erased.frozen) == (2, 2, before)
    (all_gone,) = register.tell(("dr2", None), opted_out=True)
    assert (all_gone.state, all_gone.look.numbers.a) == ("updated", 0)
    assert all_gone.erased is not None
    assert (all_gone.erased.persons, all_gone.erased.frozen) == (3, before)
    # nothing is kept of their reports but how many they were
    assert not any(cell[:2] == ("D", "R") for cell in register.kept.cells)


def test_opt_outs_before_anything_was_raised_are_told_nowhere() -> None:
    register = others()
    register.many("dr", 2, DR)
    assert register.tell(("dr0", None), opted_out=True) == ()
    (raised,) = register.many("more", 2, DR)
    assert (raised.state, raised.erased, raised.look.numbers.a) == ("raised", None, 3)


def test_what_one_drug_hides_is_at_watch_and_says_so() -> None:
    def masked(**declared: object) -> Register:
        register = Register(monitor(**declared))
        for drug, of_r, rest in (("BIG", 60, 100), ("REST", 6, 420)):
            register.many(f"{drug}r", of_r, report(drug, "R"))
            register.many(f"{drug}o", rest, report(drug, "other"))
        register.many("so", 74, report("SMALL", "other"))
        register.many("sr", 6, report("SMALL", "R"))
        return register

    signal = masked().watch.state.signals["SMALL", "R"]
    (raised,) = signal.levels
    # without BIG 6, 74, 6, 420: PRR 426/80, 80·12/506 expected; with it 80·72/666 = 8.6
    assert (raised.level, raised.rules, raised.masked) == ("watch", ("evans", "ic"), True)
    assert signal.look.leading == "BIG"
    assert signal.look.share == pytest.approx(60 / 72)
    assert signal.look.numbers.rules == ()
    without = signal.look.without
    assert without is not None
    assert without[:4] == (6, 74, 6, 420)
    assert [without.prr, without.expected] == pytest.approx([426 / 80, 80 * 12 / 506])
    assert ("SMALL", "R") not in masked(unmask=False).watch.state.signals
    assert ("SMALL", "R") not in masked(dominant=0.84).watch.state.signals


def test_reports_without_a_reaction_are_in_no_pair_until_they_are_coded() -> None:
    register = others()
    assert register.many("new", 5, report("D", "")) == ()
    assert register.watch.state.reports.total == 197
    (raised,) = register.tell(*((f"new{place}", DR) for place in range(3)))
    assert (raised.state, raised.look.reports) == ("raised", 200)


def test_what_does_not_follow_on_what_is_known_is_refused() -> None:
    register = others()
    with pytest.raises(BeganAnewError, match="monitor reactions: exposures of partition 2 at version 1, but 3"):
        register.hear(register.messages[0])
    gone = register.messages[0].changes[0]
    with pytest.raises(NeverToldError, match="monitor reactions"):
        PairWatch(register.watch.watched).take([Told(Version(0, 1), [gone._replace(before=DR, after=None)])])


def test_the_message_has_what_is_known() -> None:
    register = others()
    register.many("dr", 2, DR)
    (stated,) = register.take([Told(Version(1, 1 << 48), [register.messages[0].changes[0]._replace(after=DR)])])
    said = decode_event("pair_signal", register.watch.message("biologics", "0123456789ab", stated))
    assert (said["id"], said["monitor"], said["message"], said["state"]) == ("reactions/D:R/0", NAME, 1, "raised")
    assert (said["partition"], said["version"]) == (1, 1 << 48)
    assert said["versions"] == [{"partition": 1, "version": 1 << 48}, {"partition": 2, "version": 4}]
    assert (said["a"], said["b"], said["c"], said["d"], said["rules"]) == (3, 7, 1, 189, ["evans", "ror", "ic", "ebgm"])
    (level,) = said["levels"]
    assert (level["by"], level["known_version"], level["a"], level["prr"]) == (["evans", "ic"], 1 << 48, 3, said["prr"])
    (prior,) = said["prior"]
    assert (prior["basis"], prior["alpha1"], prior["p"], prior["reports"]) == ("few", 0.2, 1 / 3, 7)
    assert (said["without"], said["erased"]) == ([], [])
