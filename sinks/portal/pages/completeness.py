"""How complete the registrations of a form are, by unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.completeness import SMALLEST, read_completeness
from sinks.portal.guard import AskError
from sinks.portal.pages.pieces import HIDDEN, Column, Section, Table
from sinks.portal.pages.words import place_name

if TYPE_CHECKING:
    from sinks.portal.portal import Asked


def completeness_sections(asked: Asked) -> list[Section]:
    """Of the form that the address names; nothing where it names none."""
    t, form = asked.texts, asked.one("form")
    if not form:
        return []
    try:
        found = read_completeness(asked.client, asked.definition, form)
    except CannotBeReadError as error:
        raise AskError(str(error)) from error
    fields = [Column(field.name, field.name, "share", note=field.doc) for field in found.fields]
    units = [one for one in (found.nation, *found.units) if one is not None]
    rows = [
        (
            place_name(asked, "unit" if one.unit else "nation", one.unit),
            HIDDEN if one.n is None else one.n,
            *([HIDDEN] * len(fields) if one.known is None else one.known),
        )
        for one in units
    ]
    table = Table(
        "completeness",
        t("Completeness of %(form)s", form=form),
        [Column("unit", t("unit")), Column("registrations", t("registrations"), "number"), *fields],
        rows,
        note=t(
            "The share of living registrations that has each variable which may be absent; some are absent by nature. "
            "Units with fewer than %(smallest)s registrations are not shown.",
            smallest=SMALLEST,
        ),
    )
    return [Section(t("How complete registrations are"), tables=[table])]
