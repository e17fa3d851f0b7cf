"""What a person's registrations say, as far as reports are made of them: pure, of what the archive has."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from schemas.definition.form import Form
    from schemas.definition.registry import RegistryDefinition

_UNTOLD = ("patient", "recorded_at")
"""Roles of fields that change nothing of what a report tells."""


class Registered(NamedTuple):
    """A registration as it was accepted once.

    Attributes:
        form: its form.
        registration_id: its own id.
        version: its place in the log.
        submitted_at: when the registry had it, in milliseconds since 1970-01-01 (UTC).
        record: its fields by name, in Avro's own numbers.
    """

    form: str
    registration_id: str
    version: int
    submitted_at: int
    record: Mapping[str, Any]

    def submitted_on(self, zone: ZoneInfo) -> date:
        """The day on which the registry had it."""
        return datetime.fromtimestamp(self.submitted_at / 1000, UTC).astimezone(zone).date()


@dataclass(frozen=True, slots=True)
class Person:
    """A person's registrations of the forms that reports are made of, each with all its versions, the earliest first.

    Attributes:
        patient: pseudonym.
        histories: by form and registration id.
    """

    patient: str
    histories: Mapping[tuple[str, str], Sequence[Registered]]

    def living(self, definition: RegistryDefinition, form: str) -> Iterator[Registered]:
        """The latest version of each registration of a form that is not retracted, in the order of their days."""
        declared = definition.forms[form]
        latest = [history[-1] for (of, _), history in self.histories.items() if of == form]
        alive = [one for one in latest if not one.record[declared.name_of("retracted")]]
        day = declared.name_of("occurred_on")
        yield from sorted(alive, key=lambda one: (one.record[day], one.version))


def persons(registered: Iterable[tuple[str, Registered]]) -> Iterator[Person]:
    """Persons of their registrations (pseudonym and registration), in whatever order these come."""
    by_person: dict[str, dict[tuple[str, str], list[Registered]]] = {}
    for patient, one in registered:
        by_person.setdefault(patient, {}).setdefault((one.form, one.registration_id), []).append(one)
    for patient, histories in by_person.items():
        yield Person(patient, {key: sorted(history, key=lambda one: one.version) for key, history in histories.items()})


def facts_of(definition: RegistryDefinition, used: Iterable[Registered], beside: Mapping[str, Any]) -> str:
    """SHA-256 of what registrations say, and of what is told beside them: the same as long as that is.

    What a field does not say is left out, so that a field which is new in the form changes nothing.
    """
    said = {
        f"{one.form}/{one.registration_id}": {
            name: value for name, value in _told(definition.forms[one.form], one.record) if value not in (None, [])
        }
        for one in used
    }
    return hashlib.sha256(json.dumps([said, beside], sort_keys=True, default=str).encode()).hexdigest()


def _told(form: Form, record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for field in form.fields:
        if field.role not in _UNTOLD:
            yield field.name, record[field.name]


def day_of(number: int) -> date:
    """A day of Avro's own number."""
    return date.fromordinal(date(1970, 1, 1).toordinal() + number)


def number_of(day: date) -> int:
    """Avro's own number of a day."""
    return day.toordinal() - date(1970, 1, 1).toordinal()
