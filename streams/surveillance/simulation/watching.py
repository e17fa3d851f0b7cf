"""How the monitors of a simulation watch, and what of that is not as it is declared.

Every reoperation counts there for all that is in the hip: whose own an outcome is, is not invented yet. Nor are there
products that no other is compared with, for the catalogue is invented too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.surveillance.expected import Baseline
from streams.surveillance.levels import Levels
from streams.surveillance.monitor import Monitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.surveillance.simulation.plan import Plan

_OUTCOME = "all"
_FIRST_YEAR = 365


@dataclass(frozen=True, slots=True)
class Watching:
    """How the monitors of a simulation watch.

    Attributes:
        baseline: what products are held against.
        unit_shape: shape of the gamma prior of units; None for the method of moments.
    """

    baseline: Baseline
    unit_shape: float | None = None

    def monitor(self, planned: float) -> Monitor:
        """The monitor whose known path is simulated.

        Args:
            planned: expected outcomes at which its streams close.
        """
        return Monitor("simulated", "simulated", self.baseline, Levels(planned=planned), self.unit_shape)

    def as_said(self) -> dict[str, Any]:
        """What a certificate says of it, by the names that monitors are declared with."""
        return {
            "outcome": _OUTCOME,
            "baseline": self.baseline.kind,
            "rates": list(self.baseline.rates),
            "unit_shape": self.unit_shape,
            "left_out": [],
        }


def watching_of(plan: Plan) -> Watching:
    """Where nothing is declared: contemporary, with the plan's mean rate of a first year as the prior."""
    first_year = plan.cumulative_hazard()[min(_FIRST_YEAR, plan.days)]
    return Watching(Baseline("contemporary", (float(100 * first_year),)))


def differences(simulated: Mapping[str, Any], declared: Mapping[str, Any]) -> tuple[str, ...]:
    """In words, what was simulated otherwise than it is declared, as ``outcome all in place of specific``."""
    return tuple(
        f"{name} {_plain(said)} in place of {_plain(declared[name])}"
        for name, said in simulated.items()
        if said != declared[name]
    )


def _plain(said: object) -> str:
    if isinstance(said, list):
        return ", ".join(map(_plain, said)) or "none"
    return f"{said:.3g}" if isinstance(said, float) else str("none" if said is None else said)
