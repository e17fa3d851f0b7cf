"""Signals as they stand, and one with all that speaks for it and all that became of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sinks.clickhouse import sql
from sinks.clickhouse.former_signals import stated_as, stated_generations
from sinks.clickhouse.generations import progress, readable
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.reviews import Standing
from sinks.clickhouse.queries.unresolved import read_unresolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

    Part = Mapping[str, Any]

_SCALARS = (
    "id", "monitor", "group", "definition", "product", "number", "message", "state", "level", "cause",
    "partition", "version", "reasons", "rejected", "bounds", "of", "products", "lot", "unit",
    "in_set",
)  # fmt: skip
_PARTS = (
    "versions", "levels", "known", "hindsight", "comparator", "units", "methods", "happened", "lots", "by_product",
    "erased", "frozen", "stream",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StatedSignal:
    """A signal as one message had it; what the fields hold is told in the event `Signal`.

    ``levels``, ``known``, ``hindsight``, ``units`` and the like are its records, as mappings.
    """

    id: str
    monitor: str
    group: str
    definition: str
    product: str
    number: int
    message: int
    state: str
    level: str
    cause: str
    partition: int
    version: int
    reasons: Sequence[str]
    rejected: bool
    bounds: Sequence[float]
    of: str
    products: Sequence[str]
    lot: str
    unit: str
    in_set: Sequence[str]
    versions: Sequence[Part]
    levels: Sequence[Part]
    known: Sequence[Part]
    hindsight: Sequence[Part]
    comparator: Sequence[Part]
    units: Sequence[Part]
    methods: Sequence[Part]
    happened: Sequence[Part]
    lots: Sequence[Part]
    by_product: Sequence[Part]
    erased: Sequence[Part]
    frozen: Sequence[Part]
    stream: Sequence[Part]

    @property
    def evidence(self) -> Part:
        """Outcomes, expected and statistic: those of now, or of before anybody opted out where these speak more."""
        return max((*self.hindsight[-1:], *self.frozen[:1]), key=lambda one: float(one["statistic"]))


@dataclass(frozen=True, slots=True)
class Became:
    """One step of a signal's history: the submission by which it was known, and what it was then."""

    message: int
    state: str
    level: str
    partition: int
    version: int
    observed: int
    expected: float
    statistic: float


@dataclass(frozen=True, slots=True)
class SignalReading:
    """Signals, and where they come from.

    Attributes:
        registry: whose.
        generation: the generation of the exposures.
        through: by source partition, the version that the exposures reach at least.
        signals: as they stand: alarms first, then by the statistic they have in hindsight; withdrawn ones last.
        history: of the one signal that was asked for, all that became of it, in order.
        unresolved: by monitor, outcomes that fit no operation and would count for a product if they fitted one.
        elsewhere: how many signals were stated of other generations, and in former lives, by their names.
    """

    registry: str
    generation: str
    through: Mapping[int, int]
    signals: Sequence[StatedSignal]
    history: Sequence[Became] = ()
    unresolved: Mapping[str, int] = field(default_factory=dict)
    elsewhere: Mapping[str, int] = field(default_factory=dict)

    def rejected(self, monitor: str) -> Sequence[str]:
        """The products that e-BH over a monitor's catalogue rejects, as the latest message about any of them has it."""
        own = [one for one in self.signals if one.monitor == monitor]
        return max(own, key=lambda one: sum(at["version"] for at in one.versions)).in_set if own else ()


def read_signals(client: Client, definition: RegistryDefinition, of: str | None = None) -> SignalReading:
    """Read every signal as it stands, in the generation that readers use.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        of: another generation, or a former life of surveillance, whose signals are read instead.

    Raises:
        CannotBeReadError: the registry watches nothing.
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = _watching(client, definition, of)
    through = progress(client, definition.name, definition.generation)
    found = _stated(client, definition, "")
    found.sort(key=lambda one: (one.state == "withdrawn", one.level != "alarm", -_statistic(one), one.id))
    elsewhere = stated_generations(client, definition.name)
    elsewhere.pop(definition.generation, None)
    unresolved = read_unresolved(client, definition)
    return SignalReading(
        definition.name, definition.generation, through, found, unresolved=unresolved, elsewhere=elsewhere
    )


def read_signal(client: Client, definition: RegistryDefinition, signal: str, of: str | None = None) -> SignalReading:
    """Read one signal as it stands, with all that became of it.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        signal: its id; or a product's code or another subject's label, for the latest of its signals in the first
            monitor that has one.
        of: as above.

    Raises:
        CannotBeReadError: there is no such signal, or the registry watches nothing.
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = _watching(client, definition, of)
    through = progress(client, definition.name, definition.generation)
    found = _stated(client, definition, "AND (id = {signal:String} OR product = {signal:String})", signal)
    if not found:
        known = ", ".join(one.id for one in _stated(client, definition, "")) or "none"
        raise CannotBeReadError(f"there is no signal {signal}; there are {known}")
    order = {name: place for place, name in enumerate(definition.monitors.monitors)}
    found.sort(key=lambda one: (one.id != signal, order.get(one.monitor, len(order)), -one.number))
    one = found[0]
    history = [Became(*row) for row in client.rows(_history(definition.name), _asked(definition, one.id))]
    unresolved = read_unresolved(client, definition)
    return SignalReading(definition.name, definition.generation, through, [one], history, unresolved)


def standing_of(signals: Iterable[StatedSignal]) -> dict[str, Standing]:
    """By signal, how it stands for its follow-up."""
    return {one.id: Standing(_alarm_on(one), one.state == "withdrawn") for one in signals}


def _alarm_on(signal: StatedSignal) -> date | None:
    return next((level["known_day"] for level in signal.levels if level["level"] == "alarm"), None)


def stated_of(client: Client, definition: RegistryDefinition, of: str) -> RegistryDefinition:
    """The registry as of another generation, or a former life of surveillance, of which signals were stated.

    Raises:
        CannotBeReadError: none were.
    """
    stated = stated_generations(client, definition.name)
    if of not in stated:
        raise CannotBeReadError(
            f"no signals of {definition.name} were stated of {of}; there are those of {', '.join(stated) or 'none'}"
        )
    return replace(definition, generation=of)


def _watching(client: Client, definition: RegistryDefinition, of: str | None) -> RegistryDefinition:
    definition = readable(client, definition)
    if of is not None:
        return stated_of(client, definition, of)
    if not definition.monitors.watch_anything:
        raise CannotBeReadError(
            f"registry {definition.name} watches nothing: its monitors.yaml declares neither monitors nor "
            "disproportionality"
        )
    return definition


def _stated(client: Client, definition: RegistryDefinition, where: str, signal: str = "") -> list[StatedSignal]:
    columns = ", ".join(sql.identifier(name) for name in (*_SCALARS, *_PARTS))
    found = client.rows(
        f"SELECT {columns} FROM {sql.table(sql.database_of(definition.name), 'signals')} FINAL "
        f"WHERE {stated_as(definition.name)} {where} "
        "ORDER BY through DESC, message DESC LIMIT 1 BY monitor, product, number",
        _asked(definition, signal),
    )
    return [StatedSignal(**dict(zip((*_SCALARS, *_PARTS), row, strict=True))) for row in found]


def _history(registry: str) -> str:
    return (
        "SELECT message, state, level, partition, version, known[-1].observed, known[-1].expected, "
        f"known[-1].statistic FROM {sql.table(sql.database_of(registry), 'signals')} FINAL "
        f"WHERE {stated_as(registry)} AND id = {{signal:String}} ORDER BY through, message"
    )


def _asked(definition: RegistryDefinition, signal: str) -> dict[str, str]:
    return {"generation": definition.generation, "signal": signal}


def _statistic(signal: StatedSignal) -> float:
    return float(signal.evidence["statistic"])
