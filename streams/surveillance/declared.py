"""Monitors as their registry declares them, made ready: against what, from when on, and which outcomes count."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.definition.form import DEATH
from schemas.definition.generation import deciding
from schemas.subjects import MAKERS, made_by, product_field
from streams.statistics.disproportionality import GammaPoissonMixture
from streams.surveillance.bins import Change, Exposure
from streams.surveillance.expected import Baseline
from streams.surveillance.levels import Levels
from streams.surveillance.monitor import Makers, Monitor
from streams.surveillance.pair_signals import PairMonitor
from streams.surveillance.pair_watch import WatchedPairs

if TYPE_CHECKING:
    from schemas.definition.monitors import Disproportionality, Thresholds
    from schemas.definition.monitors import Exposure as DeclaredExposure
    from schemas.definition.monitors import Monitor as DeclaredMonitor
    from schemas.definition.registry import RegistryDefinition
    from schemas.subjects import Kind

_LENGTH = 12
_OUTCOMES = Exposure._fields.index("outcomes")  # and the first outcome follows


@dataclass(frozen=True, slots=True)
class Watched:
    """A monitor and what it makes of the exposures of its group.

    Attributes:
        monitor: as the core takes it.
        exposures: the group of exposures that it watches.
        specific: whether only the product's own outcomes count.
        deaths: what ends by death are called.
        left_out: products that no other is compared with.
    """

    monitor: Monitor
    exposures: str
    specific: bool
    deaths: frozenset[str]
    left_out: frozenset[str]

    def seen(self, change: Change) -> Change:
        """A change with the outcomes that count here."""
        if not self.specific:
            return change
        patient, registration_id, before, after, opted_out = change
        own_before, own_after = _own(before), _own(after)
        if own_before is before and own_after is after:
            return change
        return Change(patient, registration_id, own_before, own_after, opted_out)


def watched_by(definition: RegistryDefinition) -> dict[str, Watched]:
    """The registry's monitors by name.

    Raises:
        ValueError: thresholds or rates are not as they must be; the message says which monitor's.
    """
    found = {}
    for name, declared in definition.monitors.monitors.items():
        group = definition.monitors.exposures[declared.exposures]
        field = product_field(definition, declared.exposures)
        makers = Makers(**{kind: made_by(field, definition.catalogues, kind) for kind in MAKERS})
        try:
            found[name] = _watched(name, declared, group, makers)
        except ValueError as error:
            raise ValueError(f"monitors.{name}: {error}") from error
    return found


def pairs_watched_by(definition: RegistryDefinition) -> dict[str, WatchedPairs]:
    """The registry's monitors of pairs of drug and reaction by name."""
    declared = definition.monitors.disproportionality
    return {name: WatchedPairs(_pair_monitor(name, pairs)) for name, pairs in declared.items()}


def _pair_monitor(name: str, declared: Disproportionality) -> PairMonitor:
    prior = declared.prior
    return PairMonitor(
        name=name,
        definition=_hash_of(declared),
        rules={"watch": declared.watch, "alarm": declared.alarm},
        fewest=declared.fewest,
        dominant=declared.dominant,
        unmask=declared.unmask,
        prior=GammaPoissonMixture(prior.alpha1, prior.beta1, prior.alpha2, prior.beta2, prior.p),
        fewest_pairs=declared.fewest_pairs,
        refit=declared.refit,
    )


def _watched(name: str, declared: DeclaredMonitor, group: DeclaredExposure, makers: Makers) -> Watched:
    monitor = Monitor(
        group=name,
        definition=_hash_of(declared, group),
        baseline=Baseline(declared.baseline, declared.rates),
        levels=_levels(declared.thresholds, declared.planned),
        unit_shape=declared.unit_shape,
        fewest=declared.fewest,
        makers=makers,
    )
    beside: dict[Kind, Levels] = {}
    for kind, own in declared.streams.items():
        try:
            beside[kind] = _levels(own.thresholds, own.planned or declared.planned)
        except ValueError as error:
            raise ValueError(f"streams.{kind}: {error}") from error
    return Watched(
        monitor=monitor.beside(beside, {kind: own.fewest or declared.fewest for kind, own in declared.streams.items()}),
        exposures=declared.exposures,
        specific=declared.outcome == "specific",
        deaths=frozenset(end.reason for end in group.ends if end.form == DEATH),
        left_out=frozenset(declared.left_out),
    )


def _levels(table: Thresholds, planned: float) -> Levels:
    return Levels(table.per_year, table.watch, table.alarm, planned)


def _own(exposure: Exposure | None) -> Exposure | None:
    if exposure is None:
        return None
    own = exposure.specific, exposure.first_specific
    if own == (exposure.outcomes, exposure.first_outcome):
        return exposure  # as most are, since they have none
    return Exposure._make((*exposure[:_OUTCOMES], *own, *exposure[_OUTCOMES + len(own) :]))


def _hash_of(*declared: DeclaredMonitor | DeclaredExposure | Disproportionality) -> str:
    """Of all that is declared of a monitor, but for titles: they change no number. Nor are catalogues in it."""
    return hashlib.sha256(json.dumps([deciding(one) for one in declared]).encode()).hexdigest()[:_LENGTH]
