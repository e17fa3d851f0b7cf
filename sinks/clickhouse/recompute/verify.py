"""``guldadra verify``: everything that a generation has stored, recomputed and compared.

While registrations flow in, the stored values and the registrations are read at different versions. So
a difference counts only if it is there again, the very same, however often it is looked for within the
patience given; what is only on its way is gone by then, or has become another one. Rows that differ every
time in another way are told of apart: verify them once less flows in.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.clickhouse import sql
from sinks.clickhouse.errors import StatementError
from sinks.clickhouse.generations import GenerationError, current_generation, highest_archived, progress
from sinks.clickhouse.migrations.step import MigrationError
from sinks.clickhouse.recompute.compare import Difference, Part, compare, parts_of, read_differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

PATIENCE_S = 10.0
MOST_SHOWN = 20
_FIRST_WAIT_S = 0.5
_MISSING = {60, 81}  # UNKNOWN_TABLE, UNKNOWN_DATABASE


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one partition's values were before they were compared, and its registrations; None where there are none.

    Attributes:
        partition: the partition.
        values: every submission up to this version is in the values.
        registrations: the highest version in the archive.
    """

    partition: int
    values: int | None
    registrations: int | None


@dataclass(frozen=True, slots=True)
class DoubleId:
    """A registration id that lives under more than one patient."""

    form: str
    registration_id: str
    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """One table's account.

    Attributes:
        table: cells, exposures or list_entries.
        rows: how many were compared.
        different: how many of them are not the same.
        moving: how many more were different whenever they were looked at, but not always in the same way.
        shown: some of those that are different.
    """

    table: str
    rows: int
    different: int
    moving: int
    shown: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying came to.

    Attributes:
        registry: the registry's name.
        generation: which definitions the stored values were made by.
        progress: by partition.
        compared: by table.
        double_ids: how many registration ids live under more than one patient.
        shown_ids: some of these.
    """

    registry: str
    generation: str
    progress: tuple[Progress, ...]
    compared: tuple[Compared, ...]
    double_ids: int
    shown_ids: tuple[DoubleId, ...]

    @property
    def agrees(self) -> bool:
        """Whether there is nothing to look into."""
        return not self.double_ids and not any(one.different for one in self.compared)


def verify(
    client: Client,
    definition: RegistryDefinition,
    generation: str | None = None,
    *,
    patience_s: float = PATIENCE_S,
    most_shown: int = MOST_SHOWN,
    wait: Callable[[float], None] = time.sleep,
    on_progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Verdict:
    """Recompute and compare everything that is stored of a generation.

    Args:
        client: the way to ClickHouse.
        definition: the registry as declared.
        generation: which, of these definitions; the one that readers use where none is given.
        patience_s: for how many seconds differences, and then ids, are looked for again before they count.
        most_shown: how many differences are shown of each table, and how many ids; all are counted.
        wait: how to wait some seconds.
        on_progress: told how many parts have been compared, a query each, and of how many.

    Raises:
        GenerationError: the generation is of other definitions, or nothing of it is stored.
        MigrationError: the tables are not there.
        DatabaseError: the database does not answer, or refuses.
    """
    registry = definition.name
    try:
        chosen = generation or current_generation(client, registry) or definition.generation
        if chosen != definition.generation:
            raise GenerationError(
                f"generation {chosen} of {registry} was made by other definitions than those declared now "
                f"(generation {definition.generation}): verify it where its definitions are, or those declared "
                f"now with --generation {definition.generation}"
            )
        values = progress(client, registry, chosen)
        registrations = highest_archived(client, registry)
        if not values:
            raise GenerationError(
                f"registry {registry} has no values of generation {chosen}: "
                f"run `guldadra process {registry}` and `guldadra load {registry}`"
            )
        patience = Patience(patience_s, wait)
        looks = list(_first_looks(client, list(parts_of(definition, chosen)), on_progress))
        compared = _compare_all(looks, patience, most_shown)
        double_ids, shown_ids = _double_ids(client, definition, patience, most_shown)
    except StatementError as error:
        if error.code in _MISSING:
            raise MigrationError(f"the tables of registry {registry} are not there; run `guldadra migrate`") from error
        raise
    reached = tuple(
        Progress(partition, values.get(partition), registrations.get(partition))
        for partition in sorted(values.keys() | registrations.keys())
    )
    return Verdict(registry, chosen, reached, compared, double_ids, shown_ids)


class Patience:
    """Waits, longer each time, until some seconds are used up."""

    def __init__(self, seconds: float, wait: Callable[[float], None]) -> None:
        self._seconds = seconds
        self._wait = wait

    def waits(self) -> Iterator[None]:
        """Wait once for each item; at least once, however short the patience."""
        left, next_wait = self._seconds, _FIRST_WAIT_S
        while True:
            waited = min(next_wait, left)
            self._wait(waited)
            yield
            left -= waited
            next_wait *= 2
            if left <= 0:
                return


class _Look:
    """One part, looked at again and again."""

    def __init__(self, client: Client, part: Part) -> None:
        self._client = client
        self.part = part
        self.rows, self.same = compare(client, part)
        self.moving: set[int] = set()

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to look for again."""
        return not self.same and not self.moving

    def again(self) -> None:
        """Keep what is different still: in the same way, or in another one."""
        self.rows, now = compare(self._client, self.part)
        before = self.same.keys() | self.moving
        self.same = {identity: said for identity, said in now.items() if self.same.get(identity) == said}
        self.moving = (before & now.keys()) - self.same.keys()

    def shown(self, most: int) -> list[Difference]:
        """Some of the differences."""
        some = sorted(self.same.items())[:most]
        return read_differences(self._client, self.part, some) if some else []


def _first_looks(client: Client, parts: Sequence[Part], on_progress: Callable[[int, int], None]) -> Iterator[_Look]:
    on_progress(0, len(parts))
    for done, part in enumerate(parts, 1):
        yield _Look(client, part)
        on_progress(done, len(parts))


def _compare_all(looks: Sequence[_Look], patience: Patience, most_shown: int) -> tuple[Compared, ...]:
    if not all(look.is_settled for look in looks):
        for _ in patience.waits():
            for look in looks:
                if not look.is_settled:
                    look.again()
            if all(look.is_settled for look in looks):
                break
    tables = dict.fromkeys(look.part.table for look in looks)
    return tuple(_account(table, [look for look in looks if look.part.table == table], most_shown) for table in tables)


def _account(table: str, looks: Sequence[_Look], most_shown: int) -> Compared:
    shown: list[Difference] = []
    for look in looks:
        shown += look.shown(most_shown - len(shown))
    return Compared(
        table,
        sum(look.rows for look in looks),
        sum(len(look.same) for look in looks),
        sum(len(look.moving) for look in looks),
        tuple(shown),
    )


def _double_ids(
    client: Client, definition: RegistryDefinition, patience: Patience, most_shown: int
) -> tuple[int, tuple[DoubleId, ...]]:
    """Ids that live under more than one patient, also after a wait: a move is a retraction and then a registration."""

    def look() -> set[DoubleId]:
        return {one for form in definition.forms for one in _double_ids_of(client, definition, form)}

    found = look()
    if found:
        for _ in patience.waits():
            found &= look()
            if not found:
                break
    shown = sorted(found, key=lambda one: (one.form, one.registration_id))[:most_shown]
    return len(found), tuple(shown)


def _double_ids_of(client: Client, definition: RegistryDefinition, form: str) -> Iterator[DoubleId]:
    declared = definition.forms[form]
    registration_id, patient = (sql.identifier(declared.name_of(role)) for role in ("registration_id", "patient"))
    table = sql.table(sql.database_of(definition.name), form)
    for found, patients in client.rows(
        f"SELECT {registration_id}, arraySort(groupArray({patient})) FROM {table} WHERE {registration_id} IN "
        f"(SELECT {registration_id} FROM {table} GROUP BY {registration_id} HAVING count() > 1) "
        f"GROUP BY {registration_id}"
    ):
        yield DoubleId(form, found, tuple(patients))
