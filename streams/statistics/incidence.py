"""The arithmetic of a cumulative incidence with its standard error, over event times in order (see `survival`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

_BLOCK = 1 << 15  # event times that are computed at once


@dataclass(frozen=True, slots=True)
class _Sums:
    """What `_incidence_block` carries from one event time to the next; its docstring has the meanings."""

    survival: float = 1.0
    F: float = 0.0
    G: float = 0.0
    A: float = 0.0
    b2: float = 0.0
    bu: float = 0.0
    u2: float = 0.0


def incidence_with_error(at_risk: Counts, any_cause: Counts, of_cause: Counts) -> tuple[Floats, Floats]:
    """Incidence and its standard error at each event time, block by block: what fits the cache is quick."""
    F, std_err = np.empty(at_risk.size), np.empty(at_risk.size)
    if at_risk.size == 0:
        return F, std_err
    counts = np.stack((at_risk, any_cause, of_cause, np.append(at_risk[1:], 0)))
    sums = _Sums()
    for first in range(0, at_risk.size, _BLOCK):
        block = slice(first, first + _BLOCK)
        n, d, d_k, next_n = counts[:, block].astype(float)
        F[block], std_err[block], sums = _incidence_block(n, d, d_k, next_n, so_far=sums)
    if at_risk[-1] == any_cause[-1] and np.array_equal(of_cause, any_cause):
        F[-1], std_err[-1] = 1.0, 0.0  # a single cause and everybody has had it; sums may miss that by rounding
    return F, std_err


def _incidence_block(
    n: Floats, d: Floats, d_k: Floats, next_n: Floats, *, so_far: _Sums
) -> tuple[Floats, Floats, _Sums]:
    """The same for consecutive event times, with the sums before and after them.

    Let f be the step of F at an event time, A(t) = Σ f(u)·(G(u-) - 1/n(u)) and G(t) = Σ d/(n(n-d)). A person still
    followed after t has the derivative U(t) = A(t). One whose follow-up ended at x ≤ t has
    U(t) = A(x) + [event of the cause]·S(x-)/n(x) + b·(F(t) - F(x)) with b = G(x) - [any event]/(n(x) - d(x)).
    So U grows by b·f at each later event time, and the sums of b², bU and U² over all who have left follow from those
    one event time earlier.
    """
    left = n - d
    # where nobody is left S is 0, and there is no later step that would need 1/(n-d)
    inverse_left = np.divide(1.0, left, out=np.zeros_like(n), where=left > 0)
    survival: Floats = np.multiply(so_far.survival, np.cumprod(left / n))
    own = _earlier(survival, so_far.survival) / n  # S(x-)/n(x), what an event of the cause adds
    f = own * d_k
    F = so_far.F + np.cumsum(f)
    G = so_far.G + np.cumsum(d / n * inverse_left)
    A = so_far.A + np.cumsum(f * (_earlier(G, so_far.G) - 1 / n))

    censored = left - next_n  # between this event time and the next: no event, and A and G are still the same
    b_event = G - inverse_left
    b2 = so_far.b2 + np.cumsum(d * b_event**2 + censored * G**2)
    earlier_b2 = _earlier(b2, so_far.b2)
    bu_now = d_k * b_event * (A + own) + (d - d_k) * b_event * A + censored * G * A
    bu = so_far.bu + np.cumsum(bu_now + f * earlier_b2)
    u2_now = d_k * (A + own) ** 2 + (d - d_k + censored) * A**2
    u2 = so_far.u2 + np.cumsum(u2_now + f * (2 * _earlier(bu, so_far.bu) + f * earlier_b2))
    # rounding may leave a sum of squares a hair below 0
    std_err = np.sqrt(np.maximum(u2 + next_n * A**2, 0.0))
    last = (float(sums[-1]) for sums in (survival, F, G, A, b2, bu, u2))
    return np.minimum(F, 1.0), std_err, _Sums(*last)


def _earlier(values: Floats, first: float) -> Floats:
    """Each value's predecessor."""
    return np.concatenate(([first], values[:-1]))
