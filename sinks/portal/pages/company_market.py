"""A company's share of what is put in, over time: its own alone, and only where it does not tell what another has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.portal.charts.curves import Step, lines
from sinks.portal.pages.pieces import Chart, Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.clickhouse.queries.company_database.market import MarketShare
    from sinks.portal.portal import Asked


def market_chart(asked: Asked, found: Sequence[MarketShare], name: str) -> Chart:
    """Own share of a kind by quarter, with why it is not shown where it is not; under a name of the page's own."""
    t = asked.texts
    rows = [
        [one.first_day, one.own, one.share, t(one.why_not) if one.why_not else "", ", ".join(one.left_out)]
        for one in found
    ]
    shares = [(one.first_day, one.share) for one in found if one.share is not None]
    columns = [
        Column("from", t("quarter from"), "day"),
        Column("own", t("own pieces"), "number"),
        Column("share", t("share"), "share"),
        Column("why_not", t("why it is not shown")),
        Column("left_out", t("months left out")),
    ]
    title, company = t("Own share by quarter"), asked.person.company
    says = t("No quarter's share can be shown.")
    if shares:
        says = t(
            "The share of %(company)s, the latest of them %(share)s in the quarter from %(day)s.",
            company=company,
            share=t.share(shares[-1][1]),
            day=t.day(shares[-1][0]),
        )
    spec = lines(
        [Step(day, company, share) for day, share in shares],
        [company],
        value_title=t("share"),
        share=True,
        language=asked.language,
    )
    return Chart(name, title, says, spec, Table(name, title, columns, rows))
