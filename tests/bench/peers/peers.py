"""The engines: how each peer is installed and started (what it does is in its own program), and ours beside them."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.kafka.toolchain import ToolchainError, find_java, find_maven, run
from tests.bench.peers.engine import Absolute, Contributions
from tests.bench.peers.ours import Guldadra

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.bench.peers.engine import Engine, Job
    from tests.bench.peers.small_job import Orders

_HERE = Path(__file__).parent
_BUILDS = _HERE.parents[2] / ".guldadra" / "bench"
_REQUIREMENTS = _HERE / "requirements.txt"
_JAVA_PROJECT = _HERE / "kafka_streams"
_INSTALL_S = 900.0
# A heap that never fills, and the collector that costs the least where pauses do not matter.
_JVM = ("-Xms1g", "-Xmx1g", "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


class QuixStreams(Contributions):
    """Quix Streams: ``quix_job.py``."""

    name = "quix"

    def prepare(self, job: Job) -> None:  # noqa: ARG002 - an engine may look at its job
        """See ``Engine``."""
        peers_python()

    def command(self, orders: Orders) -> list[str]:
        """See ``PerEvent``."""
        return [peers_python(), "-m", "tests.bench.peers.quix_job", *orders]


class StockFaust(Absolute):
    """Faust as it comes: ``faust_job.py``."""

    name = "faust"

    def prepare(self, job: Job) -> None:  # noqa: ARG002
        """See ``Engine``."""
        peers_python()

    def command(self, orders: Orders) -> list[str]:
        """See ``PerEvent``."""
        return [peers_python(), "-m", "tests.bench.peers.faust_job", *orders]


class KafkaStreams(Absolute):
    """Kafka Streams: the Java project in ``kafka_streams/``."""

    def __init__(self, threads: int) -> None:
        self.name = f"kafka-streams, {threads} thread{'s' * (threads > 1)}"
        self._threads = threads

    def prepare(self, job: Job) -> None:  # noqa: ARG002
        """See ``Engine``."""
        _java_build()

    def command(self, orders: Orders) -> list[str]:
        """See ``PerEvent``; partitions are the topics' own there."""
        build = _java_build()
        program = ["-cp", f"{build / 'build' / 'classes'}:{build / 'jars'}/*", "guldadra.bench.SmallJob"]
        return [find_java(), *_JVM, *program, *orders[:-1], str(self._threads)]


PEERS: Mapping[str, tuple[Engine, ...]] = {
    "guldadra": (Guldadra(1), Guldadra(1, memory=True), Guldadra(2)),
    "quix": (QuixStreams(),),
    "faust": (StockFaust(),),
    "kafka-streams": (KafkaStreams(1), KafkaStreams(2)),
}


def peers_python() -> str:
    """The interpreter of the Python peers' own environment, installed once for each text of their lock.

    Raises:
        ToolchainError: it could not be installed.
    """

    def install(folder: Path) -> None:
        _must([sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _must([*pip, "--no-compile", "--require-hashes", "-r", str(_REQUIREMENTS)])

    return str(_once("python", [_REQUIREMENTS], install) / "bin" / "python")


def _java_build() -> Path:
    """The folder with the compiled Java project and its jars, built once for each text of it."""

    def build(folder: Path) -> None:
        pom = _JAVA_PROJECT / "pom.xml"
        goals = ["compiler:compile", "dependency:copy-dependencies"]
        _must([find_maven(), "-q", "-B", "-f", str(pom), *goals, f"-Dinto={folder}"])

    return _once("kafka-streams", sorted(path for path in _JAVA_PROJECT.rglob("*") if path.is_file()), build)


def _once(name: str, sources: list[Path], make: Callable[[Path], None]) -> Path:
    """A folder made from some files; an environment cannot be moved, so a mark tells that it is whole."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    folder = _BUILDS / f"{name}-{digest[:12]}"
    mark = folder / "whole"
    if not mark.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        mark.touch()
    return folder


def _must(argv: list[str]) -> None:
    done = run(argv, _INSTALL_S)
    if done.returncode != 0:
        raise ToolchainError(f"{argv[0]} failed:\n{done.stdout.strip()}")
