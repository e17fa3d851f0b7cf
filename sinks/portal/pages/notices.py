"""Field safety notices as a table, for whoever may see them: the registry all, a company those about its products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.portal.pages.pieces import Column, Table
from sinks.portal.pages.words import product_named

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinks.clickhouse.queries.reviews import Notice
    from sinks.portal.portal import Asked


def notices_table(asked: Asked, notices: Iterable[Notice]) -> Table:
    """Field safety notices: from whom, of what, and what was put in when."""
    t = asked.texts
    rows = [
        [
            one.said_at.date(),
            one.issued_by,
            one.reference,
            product_named(asked.definition, one.product),
            ", ".join(one.lots),
            one.udi_di,
            one.first_day,
            one.last_day,
        ]
        for one in notices
    ]
    columns = [
        Column("said_on", t("told on"), "day"),
        Column("issued_by", t("from whom")),
        Column("reference", t("reference")),
        Column("product", t("product")),
        Column("lots", t("lots")),
        Column("udi_di", "UDI-DI"),
        Column("first_day", t("put in from"), "day"),
        Column("last_day", t("put in until"), "day"),
    ]
    return Table("notices", t("Field safety notices"), columns, rows)
