"""Registrations of the biologics register for tests of reports, as the archive would have them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sinks.agency.drafting import Desk, drafts_of
from sinks.agency.ends import Ends
from sinks.agency.outbox import Case, taken
from sinks.agency.registered import Person, Registered, persons
from tests.support import patient, registration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.definition.registry import RegistryDefinition

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENDS = Ends("SE", "EXEMPEL", "Exempelregistret", "6", "EXTEST", "AGTEST")
IN_EARNEST = Ends("SE", "EXEMPEL", "Exempelregistret", "6", "EX", "AG", production=True)
ZONE = ZoneInfo("Europe/Stockholm")


def day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def at(text: str) -> int:
    """In milliseconds since 1970."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


class Registered2026:
    """The registrations of one person, submitted one after another, and what was said of its cases."""

    def __init__(self, definition: RegistryDefinition, ends: Ends = ENDS, **desk: Any) -> None:
        self.definition = definition
        self.desk = Desk(definition, ends, ZONE, **desk)
        self.patient = patient(1)
        self.cases: dict[str, Case] = {}
        self._submitted: list[Registered] = []

    def submit(self, form: str, registration_id: str, submitted: str = "2026-03-01", **fields: Any) -> None:
        record = registration(self.definition, form, 1, registration_id=registration_id, **fields)
        version = len(self._submitted)
        self._submitted.append(Registered(form, registration_id, version, at(submitted), record))

    @property
    def person(self) -> Person:
        (found,) = persons((self.patient, one) for one in self._submitted)
        return found

    def due(self) -> list[dict[str, Any]]:
        """What the registrations call for now."""
        return list(drafts_of(self.desk, self.person, self.cases.get, NOW))

    def say(self, records: Iterable[dict[str, Any]]) -> None:
        """As the log takes them; none may be refused."""
        for record in records:
            whole = {"registry": self.definition.name, "epoch": 0, **record}
            case = taken(self.cases.get(record["case"], Case(record["case"])), whole)
            assert case.refused == ()
            self.cases[record["case"]] = case

    def drafted(self) -> dict[str, Any]:
        """The one step that is due, said."""
        (record,) = self.due()
        self.say([record])
        assert self.due() == []
        return record
