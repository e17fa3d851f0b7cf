"""Reports as commands and pages read them, and what people say of them, said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deploy.reporting import ends_of, rules_of
from deploy.settings import SettingsError
from schemas import topics
from sinks.agency.finding import NoSuchReportError, cases_of, the_case, the_report
from sinks.agency.outbox import IllegalStepError
from sinks.agency.people import Act
from sinks.agency.standing import in_order, standings
from sinks.clickhouse.queries.reports import read_steps
from streams.publish.errors import InputError
from streams.publish.send_events import send_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from sinks.agency.ends import Ends
    from sinks.agency.outbox import Case
    from sinks.agency.standing import Standing
    from sinks.clickhouse.client import Client


def standing_of(client: Client, registry: str, settings: Settings, now: datetime | None = None) -> list[Standing]:
    """How all reports of a registry stand, what is due first before the others.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    rules = rules_of(settings.agency)
    today = (now or datetime.now(UTC)).astimezone(rules.zone).date()
    cases = cases_of(read_steps(client, registry))
    return in_order(one for case in cases.values() for one in standings(case, rules, today))


def one_case(client: Client, registry: str, text: str) -> Case:
    """The case that a text names, with what its messages say.

    Raises:
        InputError: it names none, or more than one.
    """
    try:
        found = the_case(dict.fromkeys(record["case"] for _, record in read_steps(client, registry)), text)
    except NoSuchReportError as error:
        raise InputError(f"{registry}: {error}") from error
    return cases_of(read_steps(client, registry, [found], contents=True))[found]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where people say what they do with the reports of a registry.

    Attributes:
        settings: as loaded.
        definition: the registry.
        client: the way to ClickHouse.
    """

    settings: Settings
    definition: RegistryDefinition
    client: Client

    @property
    def ends(self) -> Ends:
        """Who sends, and to whom.

        Raises:
            SettingsError: the settings do not say it.
        """
        if self.settings.agency is None:
            raise SettingsError("nobody is said to send reports: set GULDADRA_AGENCY__ORGANISATION and the others")
        return ends_of(self.settings.agency)

    def act(self, text: str, addressee: str | None, by: str) -> Act:
        """What somebody is about to do with the latest version of a case.

        Raises:
            InputError: no such case, or no such report of it.
        """
        case = one_case(self.client, self.definition.name, text)
        try:
            key = the_report(case, addressee)
        except NoSuchReportError as error:
            raise InputError(f"{self.definition.name}: {error}") from error
        return Act(case, key, by, datetime.now(UTC))

    def say(self, made: Callable[[], dict[str, Any] | list[dict[str, Any]]]) -> None:
        """Say what somebody does, and wait until the broker has it.

        Raises:
            InputError: it may not be done; the message says why.
            RegistryClosedError, BrokerError: the log does not take it.
        """
        try:
            said = made()
        except IllegalStepError as error:
            raise InputError(f"{self.definition.name}: {error}") from error
        records = [said] if isinstance(said, dict) else said
        kept = [{name: value for name, value in one.items() if name not in ("registry", "epoch")} for one in records]
        send_events(
            self.settings.kafka_config(),
            self.definition,
            topics.reports(self.definition.name),
            "report",
            [(str(one["case"]), one) for one in kept],
        )
