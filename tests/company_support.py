"""What the tests of the company database share: a hip register with its exposures, and a slow reading of it by hand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sinks.clickhouse import sql
from sinks.clickhouse.generations import keep_definitions
from sinks.clickhouse.queries.company_database.choice import parse_choice
from sinks.clickhouse.queries.company_database.entitled import Entitled, entitle
from sinks.clickhouse.queries.company_database.reading import CompanyReading, read_company
from sinks.clickhouse.recompute.exposures import exposures_query
from tests.clickhouse_support import AcceptedLog, insert, migrated
from tests.derived_support import point
from tests.support import DAY_2001, patient

if TYPE_CHECKING:
    from schemas.definition.companies import Companies
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

TODAY = date(2024, 6, 1)
FIRST = date(2001, 1, 1)
GROUPS = ("cup", "stem", "head", "revision_cup", "revision_stem", "revision_head")


def made(client: Client) -> RegistryDefinition:
    """A hip register of the test's own, with its tables, to which readers are pointed."""
    definition = migrated(client, "hip")
    keep_definitions(client, definition)
    point(client, definition.name, definition.generation)
    return definition


@dataclass
class Hip:
    """A hip register whose days are counted from 2001-01-01."""

    client: Client
    definition: RegistryDefinition
    log: AcceptedLog = field(init=False)

    def __post_init__(self) -> None:
        database = sql.database_of(self.definition.name)
        for name in (*(f"{form}_rows" for form in self.definition.forms), "exposures", "opt_out_log", "refusals"):
            self.client.command(f"TRUNCATE TABLE {sql.table(database, name)}")
        self.log = AcceptedLog(self.definition)

    def operated(self, number: int, day: int, **fields: Any) -> None:
        """A left hip, CUP01 and STEM01 at U01 where nothing else is said; its registration is called by its number."""
        said = {"cup": "CUP01", "stem": "STEM01", "unit": "U01", "registration_id": f"op-{number}", **fields}
        self.log.add("primary_operation", number, occurred_on=DAY_2001 + day, **said)

    def reoperated(self, number: int, day: int, **fields: Any) -> None:
        """For loosening; the cup was exchanged."""
        self.log.add("reoperation", number, occurred_on=DAY_2001 + day, **fields)

    def died(self, number: int, day: int) -> None:
        self.log.add("death", number, occurred_on=DAY_2001 + day)

    def moved(self, number: int, day: int) -> None:
        self.log.add("emigration", number, occurred_on=DAY_2001 + day)

    def opted_out(self, number: int) -> None:
        self.log.add("opt_out", number)

    def load(self) -> None:
        """Put all registrations into the form tables, and their exposures as a recomputation finds them."""
        insert(self.client, self.definition, self.log.batch())
        database = sql.database_of(self.definition.name)
        for group in GROUPS:
            query = exposures_query(self.definition, group)
            self.client.command(
                f"INSERT INTO {sql.table(database, 'exposures')} SELECT {sql.text(self.definition.generation)}, "
                "`group`, patient, registration_id, partition, product, lot, unit, side, `by`, start, `end`, "
                "end_reason, outcomes, first_outcome, specific, first_specific, unknown, carried_until, recorded, "
                f"end_recorded, true, 1000000 FROM ({query})"
            )

    def entitled(self, company: str = "Nordfalk Ortopedi", **terms: Any) -> Entitled:
        """A company, with other terms than declared."""
        found = entitle(self.definition, company, TODAY)
        changed: Companies = found.terms.model_copy(update=terms)
        return replace(found, terms=changed)

    def read(
        self, entitled: Entitled, query: dict[str, list[str]] | None = None, *, until: int | None = None, **more: Any
    ) -> CompanyReading:
        """Answer a question as of a day."""
        day = None if until is None else FIRST + timedelta(days=until)
        return read_company(self.client, entitled, parse_choice(query or {}, entitled), until=day, **more)


@dataclass
class Piece:
    """One cup of a person as the slow reading follows it; days are counted from 2001-01-01.

    ``ends`` has (day, what) of what may end it, and ``outcomes`` (day, whether anything was taken out, whether the cup
    was, the reason).
    """

    person: int
    registration_id: str
    product: str
    unit: str
    start: int
    values: dict[str, str]
    ends: list[tuple[int, str]] = field(default_factory=list)
    outcomes: list[tuple[int, bool, bool, str]] = field(default_factory=list)

    def fared(self, failure: str, until: int) -> tuple[int, str, str]:
        """Days, how it ended (failed, died, followed), and the reason of the failure."""
        known = [one for one in self.outcomes if one[0] <= until]
        revisions = [day for day, taken, *_ in known if taken]
        ends = [(day, "followed" if what == "moved" else what) for day, what in self.ends if day <= until]
        ends += [(day, "revised") for day in revisions]
        stop, what = min(ends, key=lambda one: (one[0], one[1] != "revised"), default=(until, "followed"))
        such = {"reoperation": known, "revision": [one for one in known if one[1]]}
        failed = [one for one in such.get(failure, [one for one in known if one[2]]) if one[0] <= stop]
        if failed:
            first = min(failed, key=lambda one: one[0])
            return first[0] - self.start, "failed", first[3]
        return stop - self.start, "died" if what == "died" else "followed", ""

    @property
    def year(self) -> int:
        return (FIRST + timedelta(days=self.start)).year


def people_of(pieces: list[Piece]) -> int:
    return len({one.person for one in pieces})


def by(pieces: list[Piece], key: str) -> dict[str, list[Piece]]:
    found: dict[str, list[Piece]] = defaultdict(list)
    for one in pieces:
        found[getattr(one, key)].append(one)
    return found


__all__ = ["FIRST", "GROUPS", "TODAY", "Hip", "Piece", "by", "made", "patient", "people_of"]
