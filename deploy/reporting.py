"""The wiring of `guldadra report run`: from the archive to reports, and on to their addressees."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka import KafkaException

from deploy.observe import STUCK_AFTER_S
from deploy.report_log import ReportLog, recall
from deploy.settings import SettingsError
from sinks.agency import metrics
from sinks.agency.coding.mapping import OwnMapping, read_mapping
from sinks.agency.coding.meddra import read_meddra
from sinks.agency.deadlines import AtOnce, Rules
from sinks.agency.drafting import Desk, forms_read
from sinks.agency.ends import Ends
from sinks.agency.gateway import DirectoryGateway, DryRun
from sinks.agency.known_cases import KnownCases
from sinks.agency.office import Office
from sinks.agency.reaction_case import lacking
from sinks.clickhouse.errors import DatabaseUnavailableError
from sinks.clickhouse.migrations.plan import refuse_unmigrated
from sinks.clickhouse.queries.reported_persons import read_changed, read_persons

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from deploy.settings import AgencySettings, Settings
    from schemas.definition.registry import RegistryDefinition
    from sinks.agency.gateway import Transport
    from sinks.clickhouse.client import Client

log = structlog.get_logger(__name__)

_TURN_S = 0.2
_TELL_EVERY_S = 15.0
_LOOK_EVERY_S = 0.5  # a file that has not changed between two looks is whole
_ALL_AGAIN_S = 600.0  # what a replayed dead letter brings lies below what was seen last
_PERSONS_AT_ONCE = 200
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.5, 10.0


def rules_of(agency: AgencySettings | None) -> Rules:
    """What deadlines depend on, as the settings have it."""
    return Rules() if agency is None else Rules(at_once=AtOnce(days=agency.at_once_days))


def ends_of(agency: AgencySettings) -> Ends:
    """Who sends, and to whom: in earnest only where the settings say so.

    Raises:
        SettingsError: an identifier is missing.
    """
    sender, receiver = (
        (agency.sender, agency.receiver) if agency.production else (agency.test_sender, agency.test_receiver)
    )
    try:
        return Ends(
            agency.country,
            agency.organisation,
            agency.name,
            agency.kind,
            sender,
            receiver,
            production=agency.production,
        )
    except ValueError as error:
        which = "SENDER and …__RECEIVER" if agency.production else "TEST_SENDER and …__TEST_RECEIVER"
        raise SettingsError(f"GULDADRA_AGENCY: {error} (GULDADRA_AGENCY__{which}, …__NAME)") from error


def desk_of(settings: Settings, definition: RegistryDefinition) -> Desk:
    """What drafts go by.

    Raises:
        SettingsError: nothing is reported, a form has not what a report is made of, or nobody is said to send it.
    """
    rules = definition.reporting.rules
    if not rules:
        raise SettingsError(f"{definition.name} reports nothing: its folder has no reporting.yaml with rules")
    for name, rule in rules.items():
        if rule.kind == "icsr" and (fields := lacking(definition, rule.form)):
            raise SettingsError(
                f"{definition.name}: rule {name} of reporting.yaml: the form {rule.form} has no {', '.join(fields)}"
            )
    if settings.agency is None:
        raise SettingsError(
            "nobody is said to send reports: set GULDADRA_AGENCY__ORGANISATION, …__NAME, …__TEST_SENDER and "
            "…__TEST_RECEIVER, as agreed with the agency"
        )
    agency = settings.agency
    return Desk(definition, ends_of(agency), rules_of(agency).zone, agency.since, _mapping_of(agency))


def _mapping_of(agency: AgencySettings) -> OwnMapping:
    if agency.meddra_mapping is None:
        return OwnMapping({})
    try:
        dictionary = None if agency.meddra is None else read_meddra(agency.meddra)
        with agency.meddra_mapping.open(encoding="utf-8-sig", newline="") as lines:
            mapping, faults = read_mapping(lines, dictionary)
    except (OSError, ValueError) as error:
        raise SettingsError(f"GULDADRA_AGENCY__MEDDRA_MAPPING: {error}") from error
    if faults:
        told = "\n".join(f"{agency.meddra_mapping}, line {fault.line}: {fault.text}" for fault in faults)
        raise SettingsError(f"GULDADRA_AGENCY__MEDDRA_MAPPING:\n{told}")
    return mapping


class Reporting:
    """Drafts, sends and takes answers in, for one registry; run one, for a second would do the same work again.

    Args:
        settings: as loaded.
        definition: the registry.

    Raises:
        SettingsError: as ``desk_of``.
    """

    def __init__(self, settings: Settings, definition: RegistryDefinition) -> None:
        self._settings = settings
        self._definition = definition
        self._desk = desk_of(settings, definition)
        self._rules = rules_of(settings.agency)
        self._reached: Mapping[int, int] = {}
        self._all_again_at = 0.0
        self._told_at = self._looked_at = float("-inf")
        self._last_progress = time.monotonic()
        self._facts: dict[str, Any] = {"drafted": 0, "sent": 0, "caught_up": False, "stopped": {}, "last_error": None}

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether it moves, and the facts."""
        moving = bool(self._facts["stopped"]) or time.monotonic() - self._last_progress < STUCK_AFTER_S
        return moving, {"process": "report", "registry": self._definition.name, "lag": 0, **self._facts}

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop.

        Raises:
            LogError: the registry has no log of reports, or it holds what is not known here.
            DatabaseError: the database is not migrated, or refuses a query.
        """
        begun = int(time.time() * 1000)
        failures = 0
        with self._settings.clickhouse() as client:
            refuse_unmigrated(client, {self._definition.name: self._definition})
            while not stop.is_set():
                try:
                    self._work(client, begun, stop)
                except (KafkaException, DatabaseUnavailableError) as error:
                    failures += 1
                    self._facts |= {"last_error": str(error), "caught_up": False}
                    log.warning("begun again with what the log has", error=str(error), failures=failures)
                    stop.wait(min(_FIRST_BACKOFF_S * 2**failures, _LONGEST_BACKOFF_S))
        log.info("reporting stopped")

    def _work(self, client: Client, begun: int, stop: threading.Event) -> None:
        name, agency = self._definition.name, self._settings.agency
        cases = KnownCases()
        recall(client, name, cases)
        gateways = {
            addressee: DirectoryGateway(folder)
            for addressee, folder in (
                ("agency", agency.gateway if agency else None),
                ("manufacturer", agency.manufacturer_gateway if agency else None),
            )
            if folder is not None
        }
        ways: dict[str, Transport] = dict(gateways) or {"agency": DryRun()}
        with ReportLog(self._settings.kafka_config(), name, cases) as said:
            office = Office(self._desk, cases, said.say, ways, begun=begun)
            self._reached = {}
            log.info("reporting", registry=name, production=self._desk.ends.production, ways=sorted(gateways))
            while not stop.is_set():
                why = said.stopped
                self._facts["stopped"] = {name: why} if why else {}
                if not self._facts["stopped"]:
                    self._turn(client, said, office, gateways)
                self._tell(cases)
                stop.wait(_TURN_S)

    def _turn(self, client: Client, said: ReportLog, office: Office, gateways: Mapping[str, DirectoryGateway]) -> None:
        said.poll()
        if time.monotonic() >= self._all_again_at:
            self._reached, self._all_again_at = {}, time.monotonic() + _ALL_AGAIN_S
        read, reported = forms_read(self._definition), {rule.form for rule in self._definition.reporting.rules.values()}
        changed = read_changed(client, self._definition, read, reported, self._reached)
        for first in range(0, len(changed.persons), _PERSONS_AT_ONCE):
            some = changed.persons[first : first + _PERSONS_AT_ONCE]
            self._facts["caught_up"] = False
            self._facts["drafted"] += office.draft(read_persons(client, self._definition, read, some), _now())
            self._last_progress = time.monotonic()
        self._reached = changed.reached
        self._facts["sent"] += office.send(_now())
        if time.monotonic() - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            for gateway in gateways.values():
                office.take_in(gateway, _now())
        self._facts |= {"caught_up": True, "last_error": None}
        self._last_progress = time.monotonic()
        metrics.LAST_PROGRESS.labels(self._definition.name).set_to_current_time()

    def _tell(self, cases: KnownCases) -> None:
        if time.monotonic() - self._told_at >= _TELL_EVERY_S:
            self._told_at = time.monotonic()
            metrics.tell(self._definition.name, cases, self._rules, _now().astimezone(self._rules.zone).date())


def _now() -> datetime:
    return datetime.now(UTC)
