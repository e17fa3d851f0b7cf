"""Average run lengths of CUSUMs: how long until a signal, when nothing or something is wrong.

Sources: Page E S (1954), Continuous inspection schemes, Biometrika 41:100; Steiner S H, Cook R J, Farewell V T,
Treasure T (2000), Monitoring surgical performance using risk-adjusted cumulative sum charts, Biostatistics 1:441;
Brook D, Evans D A (1972), An approach to the probability distribution of cusum run length, Biometrika 59:539 (the
lattice); Vance L C (1986), Average run lengths of cumulative sum control charts for controlling normal means,
J Qual Technol 18:189 (the integral equation).
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve, solve_banded
from scipy.special import bdtrc, ndtr
from scipy.stats import binom

from streams.statistics.checked import level

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_REACHED = 1e-10  # a threshold that is met exactly is met in spite of rounding
_ENOUGH = 1e-9  # the share of what is summed that may be left
_MOST_MOVES = 50_000  # of the window of places; a problem of more is so smooth that a lattice solves it
_CELLS_PER_STEP = 40
_NEVER = 1e-40  # a probability that adds nothing
_NODES, _NODES_PER_DEVIATION = 40, 20  # of the quadrature


def bernoulli_cusum_arl(
    probability: float, threshold: float, *, odds_ratio: float, true_odds_ratio: float = 1.0
) -> float:
    """The average number of patients until the Bernoulli CUSUM signals.

    The chart leaves 0 and either comes back or signals, again and again, so that the average run length is
    E[patients in such a cycle] / P(it signals). After n patients with i events since it left, the chart stands at
    i ln OR + n ln(1/(1-p+OR p)); of these few places at each n all probabilities are carried on exactly. Where that
    would take too long, for the threshold is hundreds of times ln OR, a fine lattice takes their place.

    Args:
        probability: of an event p, between 0 and 1, as the chart assumes it.
        threshold: the chart signals when it is here or above; above 0.
        odds_ratio: odds ratio OR that the chart is made for, above 0 and not 1.
        true_odds_ratio: odds ratio that outcomes really have; 1 gives the run length to a false alarm.

    Returns:
        The average run length from 0, in patients; infinite where it is beyond what a float can tell.

    Raises:
        ValueError: an argument, which the message names, is out of range.
    """
    level(probability, name="probability")
    _above_zero(threshold=threshold, odds_ratio=odds_ratio, true_odds_ratio=true_odds_ratio)
    if odds_ratio == 1:
        raise ValueError("odds_ratio must not be 1: such a chart never leaves 0")
    event = true_odds_ratio * probability / (1 - probability + true_odds_ratio * probability)
    jump = abs(math.log(odds_ratio))
    drift = abs(math.log1p(probability * (odds_ratio - 1)))
    rises = odds_ratio > 1
    if _moves(event, jump, drift, threshold) > _MOST_MOVES:
        # what is left of the lattice's error is in proportion to its width
        coarse, fine = (
            math.log(_lattice_run_length(event, jump, drift, threshold, cells, rises=rises))
            for cells in (_CELLS_PER_STEP, 2 * _CELLS_PER_STEP)
        )
        return math.exp(2 * fine - coarse)
    return _exact_run_length(event, jump, drift, threshold, rises=rises)


def normal_cusum_arl(threshold: float, *, reference: float, mean: float = 0.0, two_sided: bool = False) -> float:
    """The average run length of the CUSUM of normal values with standard deviation 1.

    The chart is S = max(0, S + x - k), from 0, and signals when S is above h. Its run length L(z) from z solves
    L(z) = 1 + L(0) Φ(k-z-μ) + ∫₀ʰ L(x) φ(x+k-z-μ) dx, here by Gauss and Legendre's quadrature.

    Args:
        threshold: h, above 0, in standard deviations.
        reference: k, 0 or more: half the shift that is looked for.
        mean: the mean μ that the values really have.
        two_sided: the same chart for falling values beside it, the first of both to signal:
            1/L = 1/L(above) + 1/L(below) (Van Dobben de Bruyn 1968).

    Raises:
        ValueError: an argument, which the message names, is out of range.
    """
    _above_zero(threshold=threshold)
    if not (math.isfinite(reference) and reference >= 0):
        raise ValueError(f"reference must be 0 or more, is {reference}")
    if not math.isfinite(mean):
        raise ValueError(f"mean must be a finite number, is {mean}")
    above = _normal_run_length(threshold, reference - mean)
    if not two_sided:
        return above
    return 1 / (1 / above + 1 / _normal_run_length(threshold, reference + mean))


def _moves(event: float, jump: float, drift: float, threshold: float) -> float:
    """About how often the window of places moves until nearly every chart has left it, as for a diffusion."""
    mean, variance = event * jump - drift, event * (1 - event) * jump**2
    decay = mean**2 / (2 * variance) + (math.pi / threshold) ** 2 * variance / 2
    patients = (2 * abs(mean) * threshold / variance - math.log(_ENOUGH)) / decay
    return 2 * patients * drift / jump


def _exact_run_length(event: float, jump: float, drift: float, threshold: float, *, rises: bool) -> float:
    """The run length by all places that the chart can be at, one after the other in n.

    Where events raise the chart it is at i·jump - n·drift after n patients with i events, else at n·drift - i·jump.
    So the counts i that lie between 0 and the threshold form a window that moves up with n. A chart leaves it past
    its upper end by an event too many, past its lower end by a patient without one: where events raise the chart,
    the first is a signal and the second a return to 0, else the other way round.
    """
    below, above = (0.0, threshold) if rises else (threshold, 0.0)
    lowest = math.floor((drift - below) / jump + _REACHED) + 1
    beyond = math.ceil((drift + above) / jump - _REACHED)
    leaves, first = (event, 1) if rises else (1 - event, 0)
    if not lowest <= first < beyond:
        return 1 / leaves  # the first step up is enough
    states = np.zeros(beyond - lowest)
    states[first - lowest] = leaves
    arrivals = _arrivals(event, math.ceil(threshold / jump) + 2)
    patients, signalled, total = 1, 0.0, 1.0
    while states.sum() * max(1.0, patients / total) > _ENOUGH * signalled:
        # the patient with whom the lowest count leaves, and the one with whom one more count fits in
        leaving = math.ceil((lowest * jump + below) / drift - _REACHED * jump / drift)
        widening = math.floor((beyond * jump - above) / drift + _REACHED * jump / drift) + 1
        until = min(leaving, widening - 1)
        if until > patients:
            pmf, more, stays = arrivals(until - patients)
            total += float(states @ stays[: states.size][::-1])
            signalled += float(states @ more[: states.size][::-1]) if rises else 0.0
            states = np.convolve(states, pmf)[: states.size]
            patients = until
        if until == leaving:
            signalled += 0.0 if rises else float(states[0])
            states = states[1:]
            lowest += 1
        else:
            states = np.append(states, 0.0)
            beyond += 1
    return total / signalled if signalled else math.inf


def _arrivals(event: float, most: int) -> Callable[[int], tuple[Floats, Floats, Floats]]:
    """What many patients at once do to the counts, by their number; up to ``most`` events matter.

    Of m patients: P(r events), P(more than r), and the expected number until there are more than r, m at most. By
    Wald's identity the last is E[min(events, r + 1)] / P(event).
    """
    counts = np.arange(most + 1)

    @cache
    def of(patients: int) -> tuple[Floats, Floats, Floats]:
        more = np.where(counts < patients, bdtrc(np.minimum(counts, patients), patients, event), 0.0)
        pmf = binom.pmf(counts, patients, event)
        return pmf[: np.flatnonzero(pmf > _NEVER)[-1] + 1], more, np.cumsum(more) / event

    return of


def _lattice_run_length(
    event: float, jump: float, drift: float, threshold: float, cells_per_step: int, *, rises: bool
) -> float:
    """The run length on a lattice; a step that ends between two of its points is split so that its mean is kept."""
    size = math.ceil(threshold / jump * cells_per_step)
    up, down = (jump - drift, drift) if rises else (drift, jump - drift)
    rising = event if rises else 1 - event
    moves: dict[int, float] = {}
    for share, step in ((rising, up * size / threshold), (1 - rising, -down * size / threshold)):
        whole = math.floor(step)
        moves[whole] = moves.get(whole, 0.0) + share * (whole + 1 - step)
        moves[whole + 1] = moves.get(whole + 1, 0.0) + share * (step - whole)
    least, most = min(moves), max(moves)
    # the chance to signal before 0, and the patients until either, from each point between the two
    inside = size - 1
    bands = np.zeros((most - least + 1, inside))
    bands[most] = 1.0
    signals = np.zeros(inside)
    for move, share in moves.items():
        bands[most - move] -= share
        if move > 0:
            signals[-move:] += share
    found = solve_banded((-least, most), bands, np.column_stack((signals, np.ones(inside))))
    from_zero = [(move, share) for move, share in moves.items() if move > 0]
    signalled = sum(share * found[move - 1, 0] for move, share in from_zero)
    patients = 1 + sum(share * found[move - 1, 1] for move, share in from_zero)
    return float(patients / signalled)


def _normal_run_length(threshold: float, excess: float) -> float:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES + math.ceil(_NODES_PER_DEVIATION * threshold))
    at = threshold * (nodes + 1) / 2
    density = np.exp(-((at[None, :] + excess - at[:, None]) ** 2) / 2) / math.sqrt(2 * math.pi)
    from_zero = np.exp(-((at + excess) ** 2) / 2) / math.sqrt(2 * math.pi)
    # the first unknown is the run length from 0, the others those from the nodes
    system = np.eye(at.size + 1)
    system[0, 0] -= ndtr(excess)
    system[1:, 0] -= ndtr(excess - at)
    system[0, 1:] -= from_zero * weights * threshold / 2
    system[1:, 1:] -= density * weights * threshold / 2
    return float(solve(system, np.ones(at.size + 1))[0])


def _above_zero(**named: float) -> None:
    for name, value in named.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a number above 0, is {value}")
