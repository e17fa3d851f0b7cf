"""What is registered of products that the catalogue does not have, so that somebody corrects it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.definition.form import CatalogueCodes
from sinks.clickhouse import sql
from sinks.clickhouse.generations import readable
from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.company_database.followed import Source, texts
from sinks.clickhouse.queries.small_cells import held_back

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.entitled import Entitled

_NOT_IN_CATALOGUE = "is not in the catalogue of "
"""How the rule begins that such a registration breaks (`schemas.rules`)."""


@dataclass(frozen=True, slots=True)
class UnknownItem:
    """A product of a kind that was put in, and is in the catalogue no more; None for several that few people have."""

    kind: str
    code: str | None
    pieces: int


@dataclass(frozen=True, slots=True)
class RefusedField:
    """How many registrations were refused because this field named no product of the catalogue.

    What they named is not kept. One that was mended and sent again is among them still.
    """

    form: str
    field: str
    refused: int


@dataclass(frozen=True, slots=True)
class CatalogueItems:
    """What does not fit the catalogue. It is nobody's product yet, so every company is told the same."""

    unknown: Sequence[UnknownItem]
    refused: Sequence[RefusedField]


def read_catalogue_items(client: Client, entitled: Entitled, *, until: date | None = None) -> CatalogueItems:
    """What is registered, or was refused, of products that the catalogue does not have.

    Raises:
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, entitled.definition)
    last_day = until or latest_day(client, definition)
    unknown: list[UnknownItem] = []
    if last_day is not None:
        pieces: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        source = Source(definition, tuple(entitled.kinds), last_day, 1)
        for kind, code, number, people in client.rows(_unknown(source, entitled)):
            pieces[kind][code] = number, people
        for kind, its in pieces.items():
            few = held_back({code: (people,) for code, (_, people) in sorted(its.items())}, entitled.terms.smallest)
            unknown += [UnknownItem(kind, code, its[code][0]) for code in sorted(its.keys() - few)]
            if few:
                unknown.append(UnknownItem(kind, None, sum(its[code][0] for code in few)))
    return CatalogueItems(tuple(unknown), tuple(_refused(client, entitled)))


def _unknown(source: Source, entitled: Entitled) -> str:
    known = " OR ".join(
        f"kind = {sql.text(kind.name)} AND product NOT IN {texts(kind.codes)}" for kind in entitled.kinds.values()
    )
    return (
        f"SELECT kind, product, count(), uniqExact(person)\nFROM ({source.cells('true')})\nWHERE {known}\n"
        "GROUP BY kind, product ORDER BY kind, product"
    )


def _refused(client: Client, entitled: Entitled) -> Sequence[RefusedField]:
    """Refusals name a field, and not the form: a field of that name in several forms is told of each."""
    definition = entitled.definition
    counted = dict(
        client.rows(
            f"SELECT fault.field, count() FROM {sql.table(sql.database_of(definition.name), 'refusals')} FINAL "
            "ARRAY JOIN faults AS fault WHERE startsWith(fault.rule, {rule:String}) GROUP BY fault.field",
            {"rule": _NOT_IN_CATALOGUE},
        )
    )
    return [
        RefusedField(form.name, field.name, counted[field.name])
        for form in definition.forms.values()
        for field in form.fields
        if field.role == "product" and isinstance(field.codes, CatalogueCodes) and field.name in counted
    ]
