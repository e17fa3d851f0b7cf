"""What a company's rates rest on: how much of what is done is registered, and how late. It stands beside every rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.clickhouse.queries.company_database.reporting import read_reporting
from sinks.portal.pages.coverage_words import share_words
from sinks.portal.pages.pieces import Fact, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.definition.coverage import Coverage
    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.company_database.reporting import Reporting
    from sinks.portal.portal import Asked


def what_rates_rest_on(asked: Asked, entitled: Entitled) -> list[Section]:
    """The country's coverage by each definition, and the reporting lag; none where nothing is declared of it."""
    t = asked.texts
    found = asked.portal.reporting.get(asked.definition.name, lambda: read_reporting(asked.client, entitled))
    declared = entitled.definition.coverage
    if found is None or declared is None:
        return []
    text = t("What share of what %(source)s counts is registered, and how late.", source=t.of(declared.source))
    return [Section(t("What rates rest on"), [text], facts=list(_facts(asked, declared, found)))]


def _facts(asked: Asked, coverage: Coverage, found: Reporting) -> Iterator[Fact]:
    t = asked.texts
    latest = {row.definition: row for row in found.coverage if row.state == "compared" and row.share is not None}
    for name, declared in coverage.definitions.items():
        row = latest.get(name)
        title = t("coverage: %(definition)s", definition=t.of(declared.title))
        if row is None or row.share is None or row.first_day is None:
            yield Fact(title, t("cannot be told"), t("the source has told no counts that can be compared yet"))
            continue
        about = t("of %(year)s, the latest year that can be judged", year=row.first_day.year)
        yield Fact(title, share_words(t, row.share), about)
    if found.most_within is not None:
        yield Fact(
            t("reporting lag"),
            t.many("%(number)s day", "%(number)s days", found.most_within),
            t("within which nine in ten are recorded; half within %(number)s", number=t.number(found.half_within)),
        )
