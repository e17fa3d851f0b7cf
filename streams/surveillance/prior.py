"""The prior of EBGM that a monitor goes by, and when it is fitted anew: a matter of reports alone, of no clock.

It stays as it is between two fits, so that a pair's EBGM moves by its reports and not by its neighbours'. It is fitted
anew once the number of reports has changed by a declared share of those that it was fitted on: often while there are
few, seldom once there are many. Of few pairs none is fitted, and a fit that comes to hardly more than one value says
that they are too few as well: the declared one is taken then, and said to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from streams.statistics.disproportionality import GammaPoissonMixture  # noqa: TC001 - msgspec reads it at run time
from streams.surveillance.drugs import fitted_to, is_narrow
from streams.surveillance.signals import Version  # noqa: TC001 - likewise

if TYPE_CHECKING:
    from streams.surveillance.reports import Reports

Basis = Literal["fitted", "few", "narrow"]


class PriorInUse(NamedTuple):
    """A prior, and where it comes from.

    Attributes:
        mixture: how the true ratios are distributed over all pairs.
        basis: fitted; or declared, for pairs were few, or a fit to them had no spread.
        reports: how many there were.
        pairs: how many pairs they were of.
        at: the submissions by which they were known.
    """

    mixture: GammaPoissonMixture
    basis: Basis
    reports: int
    pairs: int
    at: Version


def prior_for(
    reports: Reports,
    at: Version,
    in_use: PriorInUse | None,
    declared: GammaPoissonMixture,
    *,
    fewest_pairs: int,
    refit: float,
) -> PriorInUse:
    """The prior to go by from now on; the one in use where nothing asks for another.

    Args:
        reports: all that is known.
        at: the submissions by which it is.
        in_use: the prior so far; None at the very first.
        declared: what is taken where none can be fitted.
        fewest_pairs: reported pairs that it takes to fit one.
        refit: by what share of the reports that it was fitted on their number must have changed.
    """
    pairs = reports.rows().size
    few = pairs < fewest_pairs
    if in_use is not None and few == (in_use.basis == "few"):
        least, most = in_use.reports / (1 + refit), in_use.reports * (1 + refit)
        if few or least < reports.total < most:
            return in_use
    if few:
        return PriorInUse(declared, "few", reports.total, pairs, at)
    fitted = fitted_to(reports)
    if is_narrow(fitted):
        return PriorInUse(declared, "narrow", reports.total, pairs, at)
    return PriorInUse(fitted, "fitted", reports.total, pairs, at)
