"""Writes down who reads what is near to a person, before it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.clickhouse.queries.access_log import Reading, write_reading

if TYPE_CHECKING:
    from sinks.portal.portal import Asked


def write_down(asked: Asked, *, about: str, people: int, area: str = "", purpose: str = "") -> None:
    """Write a reading down.

    Args:
        asked: who asks, of what, and why.
        about: what exactly, such as a signal's id.
        people: how many persons it is about.
        area: the row of the table of access that it is of; that which let the request through where left out.
        purpose: what for; as the person stated it where left out.

    Raises:
        DatabaseError: it cannot be; then nothing may be shown.
    """
    person = asked.person
    units = (f"{registry}/{unit}" for registry, unit in person.units)
    reading = Reading(
        read_at=asked.portal.moment,
        subject=person.subject,
        name=person.name,
        role=person.role,
        bound_to=person.company or " ".join(sorted((*units, *person.registries))),
        area=area or asked.area,
        unit=asked.unit,
        about=about,
        purpose=purpose or asked.purpose,
        people=people,
    )
    write_reading(asked.client, asked.definition.name, reading)
