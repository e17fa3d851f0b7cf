"""Lists of persons to be seen to: the declared ones, and outcomes that fit no registration (`unresolved`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.definition.indicators import UNRESOLVED
from sinks.clickhouse import sql
from sinks.clickhouse.generations import progress, readable
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.queries.cell_sums import CannotBeReadError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One registration on a list; ``shown`` is what the list shows of it, as text."""

    unit: str
    day: date
    patient: str
    form: str
    registration_id: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListReading:
    """A list as it is now, and where it comes from.

    Attributes:
        registry: whose.
        generation: the generation of the entries.
        through: by source partition, the version that they reach at least.
        name: the list's name.
        columns: what ``shown`` of each entry is.
        units: how many entries each unit has, by its code.
        entries: by unit and day; the first ones where a limit was given.
    """

    registry: str
    generation: str
    through: Mapping[int, int]
    name: str
    columns: tuple[str, ...]
    units: Mapping[str, int]
    entries: Sequence[ListEntry]


def read_list(
    client: Client,
    definition: RegistryDefinition,
    name: str,
    *,
    unit: str | None = None,
    limit: int | None = None,
) -> ListReading:
    """Read a list of the generation that readers use.

    Args:
        client: the way to ClickHouse.
        definition: the registry.
        name: the list as indicators.yaml names it, or ``unresolved``.
        unit: only this unit's entries.
        limit: how many entries at most; the counts are of all.

    Raises:
        CannotBeReadError: there is no such list.
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, definition)
    columns = _columns(definition, name)
    through = progress(client, definition.name, definition.generation)
    database = sql.database_of(definition.name)
    listed = (
        f"FROM {sql.table(database, 'list_entries')} FINAL WHERE generation = {{generation:String}} "
        f"AND list = {{list:String}} AND listed AND {counts(database, 'patient', 'version')}"
        f"{'' if unit is None else ' AND unit = {unit:String}'}"
    )
    parameters = {"generation": definition.generation, "list": name, "unit": unit or ""}
    units = dict(client.rows(f"SELECT unit, count() {listed} GROUP BY unit ORDER BY unit", parameters))
    rows = client.rows(
        f"SELECT unit, day, patient, form, registration_id, shown {listed} "
        f"ORDER BY unit, day, patient, form, registration_id{'' if limit is None else f' LIMIT {int(limit)}'}",
        parameters,
    )
    entries = [
        ListEntry(of_unit, day, patient, form, registration_id, tuple(shown))
        for of_unit, day, patient, form, registration_id, shown in rows
    ]
    return ListReading(definition.name, definition.generation, through, name, columns, units, entries)


def _columns(definition: RegistryDefinition, name: str) -> tuple[str, ...]:
    if name == UNRESOLVED:
        return ()
    declared = definition.indicators.lists.get(name)
    if declared is None:
        known = ", ".join((*definition.indicators.lists, UNRESOLVED))
        raise CannotBeReadError(f"registry {definition.name} has no list {name}; it has {known}")
    return declared.show
