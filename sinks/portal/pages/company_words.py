"""What the company's pages say alike: who asks, what counts as a failure, as of when, the notice of the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.clickhouse.queries.company_database.entitled import NotEntitledError, entitle
from sinks.portal.guard import AskError
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.company_database.reading import CompanyReading
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

FAILED: Mapping[str, str] = {
    "revision": marked("revised"),
    "reoperation": marked("reoperated"),
    "specific": marked("revised for the component's own sake"),
}


def entitled_of(asked: Asked) -> Entitled:
    """The company that asks, with what is its own today.

    Raises:
        AskError: it has no contract in force, or nothing of its own.
    """
    today = asked.portal.moment.date()
    try:
        return entitle(asked.definition, asked.person.company, today)
    except NotEntitledError as error:
        raise AskError(str(error)) from error


def kind_asked(asked: Asked, entitled: Entitled, kind: str) -> str:
    """The kind of implant that is asked about; the first of the company's own where none is named.

    Raises:
        AskError: it has none of that kind.
    """
    if kind and kind not in entitled.own:
        known = ", ".join(entitled.own)
        raise AskError(asked.texts("There is no such kind of yours; there are %(kinds)s.", kinds=known))
    return kind or next(iter(entitled.own))


def as_of(t: Texts, reading: CompanyReading) -> str:
    """Of which day the numbers are."""
    return t("As of %(day)s.", day=t.day(reading.until))
