"""Everything on one machine with the embedded parts: broker, database, intake, journeys, loader, each its own process.

The database keeps its data from start to start; the broker keeps nothing. So every start begins a new
epoch of each registry's log, and the log's inside is filled again from the archive.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Self

from pydantic import SecretStr

from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.database import EmbeddedDatabase
from deploy.embedded.process import ChildProcess, ProcessFailedError
from deploy.embedded.runtime import RunningStack, announce, running_stack, withdraw
from deploy.generations import set_lost_signals_aside
from deploy.logbook import begin_epoch, begin_feeds, make_topics
from deploy.observe import read_health, wait_until
from deploy.ports import HOST, stable_ports
from deploy.settings import PREFIX, Settings, SettingsError
from deploy.status import lags
from schemas.company import companies_of
from schemas.identity import new_key, write_key
from sinks.clickhouse.archive import highest_epoch
from sinks.clickhouse.client import connect
from sinks.clickhouse.loaders import LOAD_GROUP
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.queries.feeds import highest_epoch as highest_feed_epoch
from sinks.clickhouse.restore import restore
from streams.control import ControlReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sinks.clickhouse.client import Client

PARTITIONS = 4
PORTAL = ("-m", "deploy.cli", "serve")
_COMMAND = ("-m", "deploy.cli")
_READY_S = 60.0
_LOADER_TELLS_EVERY_S = 1.2
_FINISH_S = 30.0
_SESSION_S = 6.0  # the shortest that a group allows
# What a production broker and database are reached with has no meaning for the embedded ones.
_OF_PRODUCTION: Mapping[str, object] = {
    "kafka": {},
    "schema_registry": "",
    "clickhouse_user": "default",
    "clickhouse_password": SecretStr(""),
    "group": "",
    "host": HOST,
}


class EmbeddedStack:
    """A whole platform on this machine.

    Args:
        settings: as loaded; broker and database in them are not used.
        folder: what the stack keeps: the database, the keys, the logs of its processes.
        tell: told in a few words what is going on.
        journeys: the registries whose journeys are kept, each by a process of its own; all where none are named.
        portal: how the portal is started, after Python's own name; None for no portal, and no feeds for companies.
        reports: the registries that report, each by a process of its own, where the settings say who sends; all that
            declare it where none are named.

    Attributes:
        portal_url: where the portal answers; empty without one.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        tell: Callable[[str], None],
        *,
        journeys: Sequence[str] | None = None,
        portal: Sequence[str] | None = None,
        reports: Sequence[str] | None = None,
    ) -> None:
        self._folder = folder
        self._tell = tell
        self._definitions = settings.definitions()
        self._journeys = list(self._definitions if journeys is None else journeys)
        self._settings = settings
        self._portal = portal
        declared = [name for name, definition in self._definitions.items() if definition.reporting.rules]
        self._reports = [] if settings.agency is None else list(declared if reports is None else reports)
        self.portal_url = ""
        self._parts = ExitStack()
        self._children: list[ChildProcess] = []
        self._health: dict[str, str] = {}
        self._servers: dict[str, EmbeddedBroker | EmbeddedDatabase] = {}
        self.settings = settings
        self.client: Client

    def __enter__(self) -> Self:
        """Start everything, in the order that the data flows backwards.

        Raises:
            SettingsError: a stack runs on the folder already.
            ProcessFailedError: a part did not start; the message has the end of its log.
        """
        if running := running_stack(self._folder):
            raise SettingsError(f"an embedded stack runs on {self._folder} already (pid {running.pid})")
        try:
            self._start()
        except BaseException:
            self._parts.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop everything, once all that was accepted is in the database: the broker keeps nothing."""
        self._tell("stopping")
        try:
            if kind is None:
                self._let_finish()
        finally:
            self._parts.close()

    def _let_finish(self) -> None:
        """Wait for intake and loader, each in its turn, but not for a registry that is stopped."""
        kafka = self.settings.kafka_config()
        with ControlReader(kafka) as control:
            stopped = {name for name in self._definitions if (said := control.of(name)) is not None and said.stopped}
        places = dict.fromkeys(self._definitions, PARTITIONS)

        def left() -> tuple[int, int]:
            undecided, unloaded = lags(kafka, places)
            return (
                sum(sum(counts) for name, counts in undecided.items() if name not in stopped),
                sum(sum(counts) for counts in unloaded.values()),
            )

        def level() -> bool:
            # What the broker tells of its end is not all of it; what the workers have met is.
            return left() == (0, 0) and self._stay_idle()

        if all(child.alive() for child in self._children) and not wait_until(level, _FINISH_S):
            undecided, unloaded = left()
            self._tell(f"not waited for: {undecided} submissions without a verdict, {unloaded} batches not loaded")

    def _start(self) -> None:
        self._tell("starting the database (chdb)")
        database = self._parts.enter_context(EmbeddedDatabase(self._folder / "database"))
        self._tell("starting the broker (Tansu)")
        broker = self._parts.enter_context(EmbeddedBroker(self._folder / "logs"))
        self._servers = {"database": database, "broker": broker}
        self.settings = self._settings.model_copy(
            update={
                **_OF_PRODUCTION,
                "bootstrap": broker.bootstrap,
                "clickhouse_url": database.url,
                "partitions": PARTITIONS,
                "keys": self._folder / "keys",
                "data": self._folder,
            }
        )
        self.client = self._parts.enter_context(connect(database.url))
        self._tell("making tables and topics")
        apply(self.client, self._definitions)
        self._begin_logs()
        for name, definition in self._definitions.items():
            if not self.settings.key_path(name).exists():
                write_key(new_key(), self.settings.key_path(definition.name))
        self._tell("starting intake, journeys, surveillance, reports, feeds and loader")
        workers = {
            "intake": [*_COMMAND, "intake"],
            "load": [*_COMMAND, "load"],
            **(
                {"feed": [*_COMMAND, "feed"], "deliver": [*_COMMAND, "deliver"]}
                if self._portal is not None and companies_of(self._definitions.values())
                else {}
            ),
            **{f"process-{name}": [*_COMMAND, "process", name] for name in self._journeys},
            **{
                f"surveillance-{name}": [*_COMMAND, "surveillance", name]
                for name in self._journeys
                if self._definitions[name].monitors.watch_anything
            },
            **{f"report-{name}": [*_COMMAND, "report", "run", name] for name in self._reports},
        }
        self._health = self._start_workers(workers)
        if self._portal is not None:
            self._start_portal(self._portal)
        announce(
            self._folder,
            RunningStack(
                pid=os.getpid(),
                bootstrap=broker.bootstrap,
                clickhouse_url=database.url,
                partitions=PARTITIONS,
                keys=(self._folder / "keys").absolute(),
                registries=tuple(path.absolute() for path in self.settings.registries),
                health=self._health,
            ),
        )
        self._parts.callback(withdraw, self._folder)

    def _begin_logs(self) -> None:
        """A new life for every registry's log, filled from what the archive has."""
        kafka = self.settings.kafka_config()
        days, companies = self.settings.retention_days, companies_of(self._definitions.values())
        found = make_topics(kafka, self._definitions, PARTITIONS, companies=companies, retention_days=days)
        made = {finding.name for finding in found if finding.made}
        begin_feeds(kafka, companies, made, partial(highest_feed_epoch, self.client), by="embedded stack")
        for name in self._definitions:
            highest = highest_epoch(self.client, name)
            if highest is not None:
                self._tell(f"filling {name}'s log from the archive")
                restore(kafka, self.client, name, loaded_by=LOAD_GROUP)
                set_lost_signals_aside(kafka, self.client, name)
            epoch = 0 if highest is None else highest + 1
            begin_epoch(kafka, name, PARTITIONS, epoch, by="embedded stack", reason="the stack has started")

    def _start_workers(self, workers: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Start our own processes beside each other; where each answers its health."""
        started: list[tuple[ChildProcess, str]] = []
        health: dict[str, str] = {}
        for (name, command), port in zip(workers.items(), stable_ports(len(workers)), strict=True):
            health[name] = f"http://{self.settings.host}:{port}/health"
            started.append((self._start_worker(name, command, port), health[name]))
        for child, url in started:
            child.wait_until_ready(partial(self._answers, url), _READY_S)
        self._parts.callback(self._ask_workers_to_end)
        return health

    def _start_portal(self, command: Sequence[str]) -> None:
        """The portal, which has no lag that anybody waits for."""
        self._tell("starting the portal")
        metrics, port = stable_ports(2)
        self.portal_url = f"http://{HOST}:{port}"
        child = self._start_worker(
            "portal", command, metrics, PORTAL_PORT=port, PORTAL_HTTPS="false", HEALTH=json.dumps(self._health)
        )
        child.wait_until_ready(partial(self._answers, f"http://{HOST}:{metrics}/health"), _READY_S)

    def _ask_workers_to_end(self) -> None:
        """All at once, so that the end of one need not wait for that of another."""
        for child in self._children:
            child.ask_to_end()

    def _start_worker(self, name: str, command: Sequence[str], port: int, **more: object) -> ChildProcess:
        given: Mapping[str, object] = {
            "BOOTSTRAP": self.settings.bootstrap,
            "CONFIG": os.devnull,  # all that it says is here
            "CLICKHOUSE_URL": self.settings.clickhouse_url,
            "CLICKHOUSE_USER": self.settings.clickhouse_user,
            "CLICKHOUSE_PASSWORD": self.settings.clickhouse_password.get_secret_value(),
            "KAFKA": json.dumps(self.settings.kafka),
            "SCHEMA_REGISTRY": self.settings.schema_registry,
            "GROUP": self.settings.group,
            "HOST": self.settings.host,
            "REFUSAL_LIMIT": self.settings.refusal_limit,
            "REFUSAL_SHARE": self.settings.refusal_share,
            "WEBHOOK_HOURS": self.settings.webhook_hours,
            "WEBHOOK_FIRST_WAIT_S": self.settings.webhook_first_wait_s,
            "WEBHOOK_LOOPBACK": str(self.settings.webhook_loopback).lower(),
            "LOG_LEVEL": self.settings.log_level,
            "PARTITIONS": PARTITIONS,
            "KEYS": self.settings.keys,
            "DATA": self._folder,
            "REGISTRIES": os.pathsep.join(str(path) for path in self.settings.registries),
            "METRICS_PORT": port,
            "INSTANCE": "embedded",
            "STATIC_MEMBERSHIP": "false",  # Tansu has a named member wait twice as long
            "ONE_TRANSACTION": "true",  # of several at once, Tansu may hide one until its producer writes again
            "SESSION_TIMEOUT_S": _SESSION_S,
            "STATE": "",  # in memory: the broker's memory is gone with it, so there would be nothing to recover from
            "LOG_FORMAT": "json",
            **({} if (agency := self.settings.agency) is None else {"AGENCY": agency.model_dump_json()}),
            **more,
        }
        child = ChildProcess(
            name,
            [sys.executable, *command],
            self._folder / "logs" / f"{name}.log",
            env={f"{PREFIX}{key}": str(value) for key, value in given.items()},
        )
        child.start()
        self._parts.callback(child.stop)
        self._children.append(child)
        return child

    def wait_until_idle(self) -> None:
        """Wait until all that has been published is in every answer; half a minute at most."""
        wait_until(self._stay_idle, _FINISH_S)

    def _stay_idle(self) -> bool:
        """Whether the workers are idle, and still are once all have told how far they are."""
        if not self._workers_are_idle():
            return False
        time.sleep(_LOADER_TELLS_EVERY_S)
        return self._workers_are_idle()

    def _workers_are_idle(self) -> bool:
        said = [read_health(url) or {} for name, url in self._health.items() if name != "intake"]
        return all(one.get("lag") == 0 and one.get("waiting", 0) == 0 and one.get("caught_up", True) for one in said)

    def _answers(self, url: str) -> bool:
        return read_health(url) is not None

    def check(self) -> None:
        """See that all processes still run.

        Raises:
            ProcessFailedError: one has ended; the message has the end of its log, or says where it is.
        """
        for name, server in self._servers.items():
            if not server.alive():
                raise ProcessFailedError(f"the {name} has ended; its log is below {self._folder}")
        for child in self._children:
            if not child.alive():
                raise ProcessFailedError(f"{child.name} has ended:\n{child.log_tail()}")
