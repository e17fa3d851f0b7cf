"""Which hospitals have carriers of a product: their codes, without a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.monitors import BETWEEN
from sinks.clickhouse import sql
from sinks.clickhouse.generations import readable
from sinks.clickhouse.migrations.opt_outs import counts
from sinks.clickhouse.queries.company import latest_day
from sinks.clickhouse.queries.company_database.followed import date_of, texts

if TYPE_CHECKING:
    from datetime import date

    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.entitled import Entitled


def read_hospitals(client: Client, entitled: Entitled, product: str, *, until: date | None = None) -> list[str]:
    """The units that put the product in somebody who carries it now; of a construct, any of its products.

    Whether the company is told is decided by `sinks.portal.projection.tells_hospitals`.

    Raises:
        GenerationError: there are no derived values yet, or nobody knows what they mean.
        DatabaseError: the database does not answer, or refuses.
    """
    definition = readable(client, entitled.definition)
    last_day = until or latest_day(client, definition)
    if last_day is None:
        return []
    database = sql.database_of(definition.name)
    rows = client.rows(
        f"SELECT DISTINCT unit FROM {sql.table(database, 'exposures')} FINAL\n"
        f"WHERE generation = {sql.text(definition.generation)} AND `group` IN {texts(entitled.kinds)} AND present "
        f"AND product IN {texts(product.split(BETWEEN))} AND start <= {date_of(last_day)} "
        f"AND (carried_until IS NULL OR carried_until > {date_of(last_day)}) AND unit != '' "
        f"AND {counts(database, 'patient', 'version')} ORDER BY unit"
    )
    return [unit for (unit,) in rows]
