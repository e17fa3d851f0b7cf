"""A real Kafka broker and a real schema registry on loopback ports, as child processes of this one.

Start them from the main thread; they end no later than this process, even when it is killed.
"""

import base64
import contextlib
import http
import http.client
import logging
import os
import re
import signal
import socket
import urllib.request
import uuid
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.embedded.part import Part
from deploy.embedded.process import ChildProcess, ProcessFailedError
from deploy.kafka.toolchain import ToolchainError, fetch, find_java, find_maven, run
from deploy.ports import HOST, stable_ports

BROKER_POM = Path(__file__).with_name("pom.xml")
REGISTRY_POM = Path(__file__).with_name("schema-registry-pom.xml")

# Kafka's own defaults serve a cluster; these serve one broker that tests start, kill and start again.
BROKER_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.listener.names": "CONTROLLER",
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "5",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "5",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # After kill -9 the broker waits until the session of its former life has run out (9 s by default).
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # The compactor's buffer is taken from the heap at start: 128 MB by default.
        "log.cleaner.dedupe.buffer.size": "16777216",
    }
)
BROKER_JVM = (
    # One broker lives for minutes here. To optimise its code as a broker is worth that runs for months took half of a
    # core from all that is tested and measured beside it.
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)
REGISTRY_JVM = ("-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")

LOG_LINES_SEARCHED = 100_000
REASONS_SHOWN = 8

_silent = logging.getLogger(f"{__name__}.librdkafka")  # refused connections are what waiting looks like
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


def available() -> str | None:
    """None where a real broker can be had (Java 17 or newer, and Maven), else why not and what to do."""
    try:
        find_java()
        find_maven()
    except ToolchainError as missing:
        return str(missing)
    return None


class JavaServer(Part):
    """A Java program that serves a loopback port, keeps its data in a folder and may be killed and started again.

    Args:
        name: What messages call it, and its log file ``<name>.log`` in ``folder``.
        folder: Where its data and its log go.
        port: The port it serves; the same after a restart.
        timeout_seconds: How long to wait until it answers.
    """

    def __init__(self, name: str, folder: Path, port: int, timeout_seconds: float) -> None:
        super().__init__(name)
        self.folder = folder.resolve()
        self.port = port
        self.timeout_seconds = timeout_seconds

    @abstractmethod
    def _command(self) -> list[str]:
        """Prepare the folder and name the program with its arguments."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it serves its clients."""

    @property
    def log_file(self) -> Path:
        """Where its output is, from every start."""
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it and wait until it answers; after ``stop`` or ``kill`` it comes back with its data and address.

        Raises:
            ToolchainError: Java or Maven is missing, too old or failed.
            ProcessFailedError: Its port is taken, it died or did not answer in time; the message has its own words.
            RuntimeError: It runs already, or this is not the main thread.
        """
        if self._process is not None:
            raise RuntimeError(f"the {self.name} is already started (pid {self.pid})")
        if _listened_to(self.port):  # whoever answers there would be taken for the one that we start
            raise ProcessFailedError(
                f"the {self.name} could not start: {HOST}:{self.port} is taken by another process; stop it "
                "or give another port"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        process = ChildProcess(self.name, self._command(), self.log_file, grace_seconds=20.0)
        try:
            process.start(self._answers, self.timeout_seconds)
        except ProcessFailedError as error:
            reasons = _reasons(process.log_tail(LOG_LINES_SEARCHED))
            if not reasons:
                raise
            raise ProcessFailedError(
                f"the {self.name} could not start:\n{reasons}\nAll of it is in {self.log_file}"
            ) from error
        self._process = process

    def kill(self) -> None:
        """End it as a power cut would, with SIGKILL.

        Raises:
            RuntimeError: It is not started.
        """
        os.kill(self.pid, signal.SIGKILL)
        self.stop()


class KafkaBroker(JavaServer):
    """One Kafka broker in KRaft mode, controller included.

    Args:
        folder: Where its data and its log go; an empty one is formatted.
        port: The port to serve; a free one if not given. It stays the same over restarts.
        heap: The JVM's largest heap, as ``-Xmx`` takes it.
        settings: Broker settings which replace or add to ``BROKER_SETTINGS``.
        timeout_seconds: How long to wait until it answers.

    Attributes:
        bootstrap: What clients take as ``bootstrap.servers``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        heap: str = "512m",
        settings: Mapping[str, str] | None = None,
        timeout_seconds: float = 60.0,
    ) -> None:
        free, self._controller_port = stable_ports(2)
        super().__init__("kafka-broker", folder, free if port is None else port, timeout_seconds)
        self.bootstrap = f"{HOST}:{self.port}"
        self.heap = heap
        self.settings = {**BROKER_SETTINGS, **(settings or {})}

    def _command(self) -> list[str]:
        java = find_java()
        jars = fetch(BROKER_POM, "copy-dependencies") / "jars"
        kafka = [java, f"-Xmx{self.heap}", *BROKER_JVM, "-cp", f"{jars}/*"]
        properties = self._write_properties()
        if not (self._data / "meta.properties").exists():
            self._format([*kafka, "kafka.tools.StorageTool"], properties)
        return [*kafka, "kafka.Kafka", str(properties)]

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _write_properties(self) -> Path:
        controller = f"{HOST}:{self._controller_port}"
        settings = {
            **self.settings,
            "log.dirs": str(self._data),
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.quorum.voters": f"{self.settings['node.id']}@{controller}",
        }
        properties = self.folder / "server.properties"
        properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()), encoding="utf-8")
        return properties

    def _format(self, storage_tool: list[str], properties: Path) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        done = run(
            [*storage_tool, "format", f"--cluster-id={cluster_id}", "--config", str(properties)], self.timeout_seconds
        )
        if done.returncode != 0:
            raise ProcessFailedError(f"Kafka could not format {self._data}:\n{_reasons(done.stdout) or done.stdout}")

    def _answers(self) -> bool:
        if not _listened_to(self.port):
            return False
        with contextlib.suppress(KafkaException):
            client = AdminClient({"bootstrap.servers": self.bootstrap}, logger=_silent)
            return bool(client.list_topics(timeout=2.0).brokers)
        return False


class SchemaRegistry(JavaServer):
    """One Apicurio registry, asked through its Confluent API; every acknowledged schema survives ``kill``.

    Args:
        folder: Where its database and its log go.
        port: The port to serve; a free one if not given. It stays the same over restarts.
        timeout_seconds: How long to wait until it answers.

    Attributes:
        url: The base address of the Confluent API, for ``SchemaRegistryClient``.
    """

    def __init__(self, folder: Path, *, port: int | None = None, timeout_seconds: float = 60.0) -> None:
        super().__init__("schema-registry", folder, stable_ports(1)[0] if port is None else port, timeout_seconds)
        self.url = f"http://{HOST}:{self.port}/apis/ccompat/v7"

    def _command(self) -> list[str]:
        java = find_java()
        [program] = (fetch(REGISTRY_POM, "unpack") / "registry").glob("apicurio-registry-app-*-runner.jar")
        settings = {
            "quarkus.http.host": HOST,
            "quarkus.http.port": str(self.port),
            "quarkus.http.access-log.enabled": "false",
            # Without WRITE_DELAY=0 the database acknowledges a schema before it is on disk.
            "apicurio.datasource.url": f"jdbc:h2:file:{self.folder / 'schemas'};WRITE_DELAY=0",
            "apicurio.datasource.jdbc.initial-size": "1",
            "apicurio.datasource.jdbc.min-size": "1",
        }
        return [java, *REGISTRY_JVM, *(f"-D{key}={value}" for key, value in settings.items()), "-jar", str(program)]

    def _answers(self) -> bool:
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            urllib.request.urlopen(f"{self.url}/subjects", timeout=5.0) as answer,  # noqa: S310 our own http address  # nosec B310
        ):
            return bool(answer.status == http.HTTPStatus.OK)
        return False


def _reasons(written: str) -> str:
    """The errors in what a Java program wrote; its shutdown and its stack traces would bury them."""
    lines = (line for line in written.splitlines() if re.search(r"\bERROR\b|Exception\b", line))
    said = dict.fromkeys(line for line in lines if not line.startswith("\tat "))
    return "\n".join([*said][:REASONS_SHOWN])


def _listened_to(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((HOST, port), timeout=1.0).close()
        return True
    return False
