"""Signals of pairs of drug and reaction as they stand, and one with all that became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.definition.form import CatalogueCodes
from schemas.definition.monitors import OF
from schemas.review import signal_id
from sinks.clickhouse import sql
from sinks.clickhouse.former_signals import stated_as
from sinks.clickhouse.generations import progress, readable
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.reviews import Standing
from sinks.clickhouse.queries.signals import stated_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

    Part = Mapping[str, Any]

Name = Callable[[str], str]
"""What something is called, by its code."""

_COLUMNS = (
    "id", "monitor", "definition", "drug", "reaction", "number", "message", "state", "level", "reasons", "partition",
    "version", "day", "versions", "reports", "a", "b", "c", "d", "expected", "prr", "prr_lower", "prr_upper", "ror",
    "ror_lower", "ror_upper", "ic", "ic_lower", "ic_upper", "ebgm", "eb05", "eb95", "likelihood_ratio", "rules",
    "leading", "share", "without", "levels", "prior", "erased",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StatedPair:
    """A signal of a pair as one message had it; what the fields hold is told in the event `PairSignal`.

    ``without``, ``levels``, ``prior`` and the like are its records, as mappings.
    """

    id: str
    monitor: str
    definition: str
    drug: str
    reaction: str
    number: int
    message: int
    state: str
    level: str
    reasons: Sequence[str]
    partition: int
    version: int
    day: date | None
    versions: Sequence[Part]
    reports: int
    a: int
    b: int
    c: int
    d: int
    expected: float
    prr: float | None
    prr_lower: float | None
    prr_upper: float | None
    ror: float | None
    ror_lower: float | None
    ror_upper: float | None
    ic: float
    ic_lower: float
    ic_upper: float
    ebgm: float
    eb05: float
    eb95: float
    likelihood_ratio: float
    rules: Sequence[str]
    leading: str
    share: float
    without: Sequence[Part]
    levels: Sequence[Part]
    prior: Sequence[Part]
    erased: Sequence[Part]


@dataclass(frozen=True, slots=True)
class PairReading:
    """Signals of pairs, and where they come from.

    Attributes:
        registry: whose.
        generation: the generation of the reports.
        through: by source partition, the version that they reach at least.
        signals: as they stand: alarms first, then by EB05; withdrawn ones last.
        history: of the one signal that was asked for, every message of it, in order: the path of what was known.
    """

    registry: str
    generation: str
    through: Mapping[int, int]
    signals: Sequence[StatedPair]
    history: Sequence[StatedPair] = ()


def pair_names(definition: RegistryDefinition, pairs: str) -> tuple[Name, Name]:
    """What a drug and a reaction are called, by their codes; the code where it has no name."""
    declared = definition.monitors.disproportionality[pairs]
    fields = {one.name: one for one in definition.forms[declared.form].fields}

    def names_of(field: str) -> Name:
        codes = fields[field].codes
        known: Mapping[str, Mapping[str, str]] = (
            definition.catalogues[codes.catalogue].rows if isinstance(codes, CatalogueCodes) else {}
        )
        return lambda code: known.get(code, {}).get("name", "") or code

    return names_of(declared.drug), names_of(declared.reaction)


def names_a_pair(definition: RegistryDefinition, text: str) -> bool:
    """Whether a text, an id or something shorter, can only mean the signal of a pair of drug and reaction."""
    pairs = definition.monitors.disproportionality
    signal = signal_id(text)
    if signal is not None:
        return signal.group in pairs
    return bool(pairs) and (OF in text or not definition.monitors.monitors)


def read_pair_signals(client: Client, definition: RegistryDefinition, of: str | None = None) -> PairReading:
    """Read every signal of a pair as it stands, in the generation that readers use; none where none is declared.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        of: another generation, or a former life of surveillance, whose signals are read instead.

    Raises:
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = _of(client, definition, of)
    through = progress(client, definition.name, definition.generation)
    return PairReading(definition.name, definition.generation, through, _standing(client, definition))


def read_pair_signal(client: Client, definition: RegistryDefinition, signal: str, of: str | None = None) -> PairReading:
    """Read one signal of a pair as it stands, with all that became of it.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        signal: its id; or drug:reaction, or a drug's code, for the foremost of the signals that this may mean.
        of: as above.

    Raises:
        CannotBeReadError: there is no such signal.
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = _of(client, definition, of)
    through = progress(client, definition.name, definition.generation)
    known = _standing(client, definition)
    found = [one for one in known if signal in (one.id, f"{one.drug}{OF}{one.reaction}", one.drug)]
    if not found:
        raise CannotBeReadError(
            f"there is no signal {signal}; there are {', '.join(one.id for one in known) or 'none'}"
        )
    one = next((one for one in found if one.id == signal), found[0])
    rows = client.rows(
        f"{_select(definition)} AND id = {{signal:String}} ORDER BY through, message",
        {"generation": definition.generation, "signal": one.id},
    )
    return PairReading(definition.name, definition.generation, through, [one], _as_stated(rows))


def pair_standing_of(signals: Iterable[StatedPair]) -> dict[str, Standing]:
    """By signal, how it stands; its alarm is of the day on which the last report was recorded that it rests on."""
    return {one.id: Standing(_alarm_on(one), one.state == "withdrawn") for one in signals}


def _alarm_on(signal: StatedPair) -> date | None:
    return next((level["known_day"] for level in signal.levels if level["level"] == "alarm"), None)


def _of(client: Client, definition: RegistryDefinition, of: str | None) -> RegistryDefinition:
    definition = readable(client, definition)
    return definition if of is None else stated_of(client, definition, of)


def _standing(client: Client, definition: RegistryDefinition) -> list[StatedPair]:
    rows = client.rows(
        f"{_select(definition)} ORDER BY through DESC, message DESC LIMIT 1 BY monitor, drug, reaction, number",
        {"generation": definition.generation},
    )
    return sorted(_as_stated(rows), key=lambda one: (one.state == "withdrawn", one.level != "alarm", -one.eb05, one.id))


def _select(definition: RegistryDefinition) -> str:
    columns = ", ".join(map(sql.identifier, _COLUMNS))
    return f"SELECT {columns} FROM {_table(definition)} FINAL WHERE {stated_as(definition.name)}"


def _as_stated(rows: Iterable[Sequence[Any]]) -> list[StatedPair]:
    return [StatedPair(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def _table(definition: RegistryDefinition) -> str:
    return sql.table(sql.database_of(definition.name), "pair_signals")
