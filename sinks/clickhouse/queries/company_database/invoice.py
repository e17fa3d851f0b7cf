"""What a company pays for a year: the registry's tariff for what was put in, to whoever owned it on that day.

Per piece: each component of the groups that are paid for. Per pair: the components of one operation together, a cup and
its stem, make one amount. Where both are the company's it pays all of it, where one is it pays half; of an operation
with one of them only there is nothing to share, and it pays all. So what all companies pay together is the amount times
the operations. What is put in at a reoperation is another group, paid for where the registry names it. The fee pays a
service, and what is public is so without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from sinks.clickhouse.generations import readable
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.company_database.followed import Source, date_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.entitled import Entitled

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One component: how many pieces of it were put in, and how many amounts they make."""

    kind: str
    component: str
    name: str
    pieces: int
    amounts: Fraction


@dataclass(frozen=True, slots=True)
class Invoice:
    """The basis of a year's invoice.

    Attributes:
        company: who pays.
        year: when it was put in.
        per: what an amount is for, piece or pair.
        amount: the tariff.
        currency: its three letters.
        lines: by component, in the order of the kinds and the catalogue.
        total: to pay, rounded to hundredths.
    """

    company: str
    year: int
    per: str
    amount: Decimal
    currency: str
    lines: Sequence[InvoiceLine]
    total: Decimal


def read_invoice(client: Client, entitled: Entitled, year: int) -> Invoice:
    """The basis of what is paid for what was put in within a calendar year.

    Raises:
        CannotBeReadError: the registry declares no tariff.
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, entitled.definition)
    tariff = definition.registry.tariff
    if tariff is None:
        raise CannotBeReadError(f"registry {definition.name} asks for no fee: registry.yaml declares no tariff")
    kinds = tuple(kind for kind in entitled.kinds if not tariff.of or kind in tariff.of)
    first, last = date(year, 1, 1), date(year, 12, 31)
    source = Source(definition, kinds, last, 1)
    counted: dict[tuple[str, str], tuple[int, Fraction]] = {}
    for kind, code, changed, pieces, together in client.rows(_query(source, entitled, first, last)):
        if _owner(entitled, code, changed) == entitled.company:
            amounts = Fraction(pieces, together) if tariff.per == "pair" else Fraction(pieces)
            so_far = counted.get((kind, code), (0, Fraction()))
            counted[kind, code] = so_far[0] + pieces, so_far[1] + amounts
    lines = tuple(_lines(entitled, kinds, counted))
    amount = Decimal(str(tariff.amount))
    amounts = sum((line.amounts for line in lines), Fraction())
    total = (amount * amounts.numerator / amounts.denominator).quantize(_CENT)
    return Invoice(entitled.company, year, tariff.per, amount, tariff.currency, lines, total)


def _query(source: Source, entitled: Entitled, first: date, last: date) -> str:
    """Pieces by kind, product and owner's time, and with how many others of an operation they are paid for."""
    changes = entitled.definition.ownership.changes
    changed = " + ".join(f"(start >= {date_of(day)})" for day in changes) or "0"
    within = f"start BETWEEN {date_of(first)} AND {date_of(last)}"
    return (
        "SELECT one.1, one.2, one.3, count(), together\n"
        f"FROM (SELECT groupArray((toString(kind), toString(product), changed)) AS pieces, count() AS together\n"
        f"FROM ({source.cells(within, f'{changed} AS changed, patient, registration_id')})\n"
        "GROUP BY patient, registration_id) ARRAY JOIN pieces AS one\nGROUP BY one.1, one.2, one.3, together"
    )


def _owner(entitled: Entitled, code: str, changed: int) -> str | None:
    changes = entitled.definition.ownership.changes
    return entitled.definition.ownership.owner(code, changes[changed - 1] if changed else date.min)


def _lines(
    entitled: Entitled, kinds: Sequence[str], counted: dict[tuple[str, str], tuple[int, Fraction]]
) -> Iterator[InvoiceLine]:
    for kind in kinds:
        for code in entitled.kinds[kind].codes:
            if (kind, code) in counted:
                pieces, amounts = counted[kind, code]
                yield InvoiceLine(kind, code, entitled.name_of(kind, code), pieces, amounts)
