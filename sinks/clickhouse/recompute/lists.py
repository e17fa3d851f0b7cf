"""The persons on a list, computed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.indicators import UNRESOLVED
from sinks.clickhouse import sql
from sinks.clickhouse.recompute.fields import role_text, text_of, texts
from sinks.clickhouse.recompute.journeys import ANCHOR, Journeys
from sinks.clickhouse.recompute.statement import is_among

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition


def lists_of(definition: RegistryDefinition) -> list[tuple[str, str]]:
    """(list, form) of all lists that are kept, that of unresolved outcomes by form among them."""
    declared = [(name, one.form) for name, one in definition.indicators.lists.items()]
    return declared + [(UNRESOLVED, outcome) for outcome in definition.journey.attributions]


def list_query(definition: RegistryDefinition, name: str, form: str) -> str:
    """The entries of a list as the table ``list_entries`` has them, without generation, listed and version."""
    journeys = Journeys(definition)
    if name == UNRESOLVED:
        anchors = journeys.living(form)
        listed = f"NOT {is_among(ANCHOR, journeys.attributed(form))}"
        shown = texts([])
    else:
        declared = definition.indicators.lists[name]
        anchors = journeys.anchors(declared)
        listed = journeys.condition(declared.when, form)
        shown = texts([text_of(journeys.value(form, field)) for field in declared.show])
    return journeys.statement.finish(
        f"SELECT {sql.text(name)} AS list, {ANCHOR}._patient AS patient, {sql.text(form)} AS form, "
        f"{ANCHOR}._id AS registration_id, {ANCHOR}._partition AS partition, "
        f"{role_text(definition, form, 'unit', ANCHOR)} AS unit, toDate32({ANCHOR}._day) AS day, {shown} AS shown\n"
        f"FROM {anchors} AS {ANCHOR}\nWHERE {listed}"
    )
