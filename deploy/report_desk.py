"""Reports as commands and pages read them, and what people say of them, said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deploy.reporting import ends_of, rules_of
from deploy.settings import SettingsError
from schemas import topics
from sinks.agency import people
from sinks.agency.finding import NoSuchReportError, cases_of, the_case, the_report
from sinks.agency.icsr.values import MeddraTerm
from sinks.agency.outbox import IllegalStepError
from sinks.agency.people import Act
from sinks.agency.standing import in_order, standings
from sinks.clickhouse.queries.reports import read_steps
from sinks.portal.portal import CannotBeSaidError
from streams.publish.errors import InputError, PublishError
from streams.publish.send_events import send_events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from sinks.agency.ends import Ends
    from sinks.agency.outbox import Case
    from sinks.agency.standing import Standing
    from sinks.clickhouse.client import Client

_BY_HAND = "received"


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


class DeskVoice:
    """See ``sinks.portal.portal.ReportVoice``.

    Args:
        settings: as loaded.
        client: the way to ClickHouse.
        definitions: the registries.
    """

    def __init__(self, settings: Settings, client: Client, definitions: Mapping[str, RegistryDefinition]) -> None:
        self._settings = settings
        self._client = client
        self._definitions = definitions

    def act(self, registry: str, case: str, addressee: str, said: Mapping[str, str], *, by: str) -> None:
        """See ``ReportVoice``."""
        desk = Desk(self._settings, self._definitions[registry], self._client)
        try:
            desk.say(lambda: _step(desk, desk.act(case, addressee, by), said))
        except (PublishError, SettingsError) as error:
            raise CannotBeSaidError(str(error)) from error


def _step(desk: Desk, act: Act, said: Mapping[str, str]) -> dict[str, Any] | list[dict[str, Any]]:
    code, _, version = said["meddra"].partition("/")
    reason = said["reason"]
    made: Mapping[str, Callable[[], dict[str, Any] | list[dict[str, Any]]]] = {
        "check": lambda: people.checked(act),
        "return": lambda: people.returned(act, reason),
        "assign": lambda: people.assigned(act, said["owner"], reason or None),
        "code": lambda: people.coded(act, desk.ends, MeddraTerm(code, version)),
        "withdraw": lambda: people.withdrawn(act, reason),
        "nullify": lambda: people.nullified(act, desk.ends, reason),
        "send": lambda: people.sent_by_hand(act),
        "receipt": lambda: people.answered(
            act, accepted=True, code=_BY_HAND, reference=said["reference"] or None, reason=reason or None
        ),
    }
    return made[said["act"]]()
