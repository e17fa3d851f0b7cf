"""Events per exposure: the registers' reoperations per 100 component-years, with exact limits.

With them the rules by which the Australian registry (AOANJRR) and that of England and Wales (NJR) flag an implant:
a component is held against its group, that is all components of its kind, itself among them.

Sources: Garwood F (1936), Fiducial limits for the Poisson distribution, Biometrika 28:437; de Steiger RN et al. (2013),
Acta Orthop 84:348; the registries' descriptions of prosthesis outlier detection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import gammainc, gammainccinv, gammaincinv

from streams.statistics.checked import alike, level, numbers, one_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_PER = 100.0  # both registries give revisions per 100 component-years
_LARGE_SHARE = 0.25
_SMALLEST_P = 0.05
_ENOUGH_PRIMARIES = 10
_FEWEST_REVISIONS = 2
_MOSTLY_REVISED = 0.75
_NJR_PRIMARIES = 100
_NJR_LEVEL_2 = 1.5


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate and its confidence limits, all per the same amount of exposure.

    Attributes:
        rate: events / exposure · per.
        lower: lower limit; 0 where there were no events.
        upper: upper limit.
    """

    rate: Floats | float
    lower: Floats | float
    upper: Floats | float


@dataclass(frozen=True, slots=True)
class Experience:
    """What a registry has seen of a component, or of a group of components.

    Attributes:
        primaries: how many were put in; 0 or more.
        revisions: how many of them were revised; 0 or more.
        component_years: time under observation, in years; 0 or more.

    Raises:
        ValueError: a value, which the message names, is NaN, infinite or negative, or a count is not whole.
    """

    primaries: int
    revisions: int
    component_years: float

    def __post_init__(self) -> None:
        _count("primaries", self.primaries)
        _count("revisions", self.revisions)
        if not (np.isfinite(self.component_years) and self.component_years >= 0):
            raise ValueError(f"component_years must be a number, 0 or more, is {self.component_years}")


@dataclass(frozen=True, slots=True)
class StageOne:
    """The first stage of AOANJRR's detection of prostheses with a rate of revision higher than anticipated.

    Attributes:
        flagged: whether all three criteria hold.
        reasons: one sentence for each criterion: those that hold where the component is flagged, else those
            that do not.
        rate: the component's revisions per 100 component-years.
        group_rate: the group's, without the component where that is more than a quarter of the group.
        ratio: rate / group_rate; infinite where the group has no revision, NaN where the component has none either.
        p_value: P(X ≥ revisions) where the group's rate is true.
    """

    flagged: bool
    reasons: tuple[str, ...]
    rate: float
    group_rate: float
    ratio: float
    p_value: float


def incidence_rate(events: ArrayLike, exposure: ArrayLike, *, per: float = 100.0, conf_level: float = 0.95) -> Rate:
    """Events per exposure with exact Poisson limits.

    With r events and a = 1 - conf_level the limits of the expected count are χ²(a/2, 2r)/2 and
    χ²(1 - a/2, 2r + 2)/2, here times per/exposure (Garwood 1936).

    Args:
        events: counts, whole and not negative; a scalar or an array.
        exposure: time at risk, above 0, in any unit (such as component-years); a scalar, or as
            many as there are events.
        per: the exposure that the rate is given for, in the same unit.
        conf_level: two-sided level, between 0 and 1.

    Returns:
        Arrays of the inputs' shape, or plain floats where both are scalars.

    Raises:
        ValueError: an argument, which the message names, is empty, NaN, infinite or out of range, or
            the two have different lengths.
    """
    counts, time = numbers("events", events), numbers("exposure", exposure)
    alike(events=counts, exposure=time)
    if np.any(counts < 0) or np.any(counts != np.floor(counts)):
        raise ValueError("events must be whole numbers, 0 or more")
    if np.any(time <= 0):
        raise ValueError("exposure must be above 0")
    if not (np.isfinite(per) and per > 0):
        raise ValueError(f"per must be a number above 0, is {per}")
    alpha = 1 - level(conf_level)
    factor = per / time
    # half the χ² quantile at 2r degrees of freedom is the gamma quantile of shape r; at shape 0 the limit is 0
    lower = np.where(counts == 0, 0.0, gammaincinv(np.maximum(counts, 1), alpha / 2))
    upper = gammainccinv(counts + 1, alpha / 2)
    rate, lower, upper = counts * factor, lower * factor, upper * factor
    if rate.ndim == 0:
        return Rate(float(rate), float(lower), float(upper))
    return Rate(rate, lower, upper)


def poisson_tail(observed: int, expected: float) -> float:
    """P(X ≥ observed) for a Poisson count X with mean ``expected``.

    It is the regularised lower incomplete gamma function P(observed, expected), right far out in the tail too.

    Args:
        observed: a whole number, 0 or more.
        expected: 0 or more, in the same unit.

    Returns:
        The probability, 1 for observed = 0.

    Raises:
        ValueError: an argument, which the message names, is out of range, NaN or infinite.
    """
    count = _count("observed", observed)
    if not (np.isfinite(expected) and expected >= 0):
        raise ValueError(f"expected must be a number, 0 or more, is {expected}")
    return 1.0 if count == 0 else float(gammainc(count, expected))


def poisson_tails(observed: Floats, expected: Floats) -> Floats:
    """As ``poisson_tail``, of many: arrays of as many counts as means, which are taken as they are."""
    tails: Floats = np.where(observed > 0, gammainc(np.maximum(observed, 1), np.maximum(expected, 0)), 1.0)
    return tails


def aoanjrr_stage_one(component: Experience, group: Experience) -> StageOne:
    """AOANJRR's first stage: flags a component that is revised more than twice as often as its group.

    Flagged where all of these hold: the rate is more than twice the group's; P(X ≥ revisions), for a Poisson count
    with mean group rate · component_years, is below 0.05; and there are at least 10 primaries, or at least 2
    revisions that are at least three quarters of the primaries. A component that is more than a quarter of the
    group's primaries is taken out of the group first.

    Source: AOANJRR, prosthesis outlier methods; de Steiger RN et al. (2013), Acta Orthop 84:348.

    Args:
        component: with component-years above 0.
        group: totals of the component's group, the component included.

    Returns:
        The verdict, its reasons and its numbers, rates per 100 component-years.

    Raises:
        ValueError: the component has no component-years; the group has less of anything than the component; or no
            component-years are left in it once the component is taken out.
    """
    _check_part_of_group(component, group)
    if component.primaries > _LARGE_SHARE * group.primaries:
        group = Experience(
            group.primaries - component.primaries,
            group.revisions - component.revisions,
            group.component_years - component.component_years,
        )
        if group.component_years <= 0:
            raise ValueError("group has no component-years but the component's own")
    rate, group_rate = _rate(component), _rate(group)
    ratio = rate / group_rate if group.revisions else (np.inf if component.revisions else np.nan)
    p_value = poisson_tail(component.revisions, group_rate / _PER * component.component_years)
    # a comparison of products, not of quotients: rounding must not make exactly twice more than twice
    high = component.revisions * group.component_years > 2 * group.revisions * component.component_years
    unlikely = p_value < _SMALLEST_P
    mostly_revised = (
        component.revisions >= _FEWEST_REVISIONS and component.revisions >= _MOSTLY_REVISED * component.primaries
    )
    enough = component.primaries >= _ENOUGH_PRIMARIES or mostly_revised
    flagged = bool(high and unlikely and enough)
    criteria = (
        (high, f"the rate, {rate:.3g}, is {'' if high else 'not '}more than twice the group's, {group_rate:.3g}"),
        (
            unlikely,
            f"the chance of as many at the group's rate, {p_value:.3g}, is {'' if unlikely else 'not '}below 0.05",
        ),
        (
            enough,
            f"{component.primaries} primaries, {component.revisions} revised, are {'enough' if enough else 'too few'}",
        ),
    )
    reasons = tuple(text for holds, text in criteria if holds == flagged)
    return StageOne(flagged, reasons, rate, group_rate, ratio, p_value)


def njr_level(
    component: Experience, group: Experience, *, rule: Literal["point", "lower_limit"] = "point"
) -> Literal[1, 2] | None:
    """The NJR's outlier level of a component, by the ratio of its revision rate (PTIR) to its group's.

    Level 1: a ratio of 2 or more with 100 primaries or more. Level 2: a ratio of 2 or more with fewer primaries, or
    of 1.5 or more with 100 or more.

    Args:
        component: with component-years above 0.
        group: totals of the component's group, the component included and never taken out.
        rule: what is held against the group's rate: the component's rate, or its exact lower 95 % limit.

    Returns:
        1 or 2, or None for no outlier; None as well where nobody in the group was revised.

    Raises:
        ValueError: the component has no component-years; the group has less of anything than the component; or the
            rule is another.
    """
    _check_part_of_group(component, group)
    one_of("rule", rule, ("point", "lower_limit"))
    if group.revisions == 0:
        return None
    if rule == "point":
        # products, as above: exactly 2 counts as 2
        compared, base = component.revisions * group.component_years, group.revisions * component.component_years
    else:
        compared = float(incidence_rate(component.revisions, component.component_years, per=_PER).lower)
        base = _rate(group)
    many = component.primaries >= _NJR_PRIMARIES
    if compared >= 2 * base:
        return 1 if many else 2
    return 2 if many and compared >= _NJR_LEVEL_2 * base else None


def _count(name: str, value: int) -> int:
    if not (np.isfinite(value) and value >= 0 and value == int(value)):
        raise ValueError(f"{name} must be a whole number, 0 or more, is {value}")
    return int(value)


def _rate(experience: Experience) -> float:
    return experience.revisions / experience.component_years * _PER


def _check_part_of_group(component: Experience, group: Experience) -> None:
    if component.component_years <= 0:
        raise ValueError("component has no component-years")
    for name in ("primaries", "revisions", "component_years"):
        if getattr(group, name) < getattr(component, name):
            raise ValueError(f"group must include the component, but has fewer {name}")
