"""This project's own engine on the small job: `guldadra process`, with definitions that say what the job is.

It reads what intake has accepted, not what was submitted: so intake goes over each input once, which is not in the
engine's figure but told beside it.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import yaml
from confluent_kafka import Consumer, TopicPartition

from schemas import topics
from schemas.codec import decode_event
from schemas.definition.folder import load_registry
from schemas.version import version_of
from streams.worker.journeys import PROCESS
from tests.bench.peers.log import places
from tests.bench.running import Running, until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.embedded.process import ChildProcess
    from schemas.definition.registry import RegistryDefinition
    from tests.bench.peers.engine import Job
    from tests.bench.peers.inputs import Given

_EPOCH = date(1970, 1, 1)
_PATIENCE_S = 1800.0
_ANSWER_S = 30.0
_TITLE = {"sv": "Antal", "en": "Number"}


@dataclass(frozen=True, slots=True)
class Intake:
    """What intake has made of an input.

    Attributes:
        last_versions: by partition, the version of the last registration that was accepted.
        cpu_per_100_000: what it took, in CPU seconds.
    """

    last_versions: Mapping[int, int]
    cpu_per_100_000: float


_intakes: dict[str, Intake] = {}


def intake_of(given: Given) -> Intake | None:
    """What intake has made of an input, if it has gone over it."""
    return _intakes.get(given.topic)


class Guldadra:
    """``guldadra process``.

    Args:
        workers: how many processes.
        memory: whether journeys are kept in memory alone; else in RocksDB.
    """

    def __init__(self, workers: int, *, memory: bool = False) -> None:
        self.name = f"guldadra, {workers} worker{'s' * (workers > 1)}{', in memory' * memory}"
        self._count = workers
        self._memory = memory
        self._definition: RegistryDefinition
        self._workers: list[Running] = []
        self._cells: _Cells

    def prepare(self, job: Job) -> None:
        """See ``Engine``: intake has accepted the input, and the definitions are this run's own."""
        log, given = job.log, job.given
        if given.topic != topics.submitted(given.definition.name):
            raise ValueError(f"{self.name} is given the whole of an input: intake knows no other topic")
        if given.topic not in _intakes:
            _intakes[given.topic] = _accept(job)
        log.drop(log.named(f"journeys.{given.definition.name}."))  # of earlier runs
        self._definition = _small_job(job)
        self._cells = _Cells(job, self._definition.generation)

    def start(self, job: Job) -> Sequence[ChildProcess]:
        """See ``Engine``: each run is a generation of its own, so its group, changelog and store are new."""
        self._workers = []
        for number in range(1, self._count + 1):
            state = "" if self._memory else str(job.folder / f"state-{number}")
            env = {"GULDADRA_BOOTSTRAP": job.log.bootstrap, "GULDADRA_STATE": state}
            self._workers.append(Running(PROCESS, self._definition, job.folder, env, name=f"process-{number}"))
            self._workers[-1].start_unseen()
        return [worker.process for worker in self._workers]

    def begun(self, job: Job) -> bool:  # noqa: ARG002 - an engine may look at its job
        """See ``Engine``: one of them follows the log, which it says just before its first fetch.

        Its first output would come too late: it has up to 20,000 registrations behind it.
        """
        return any(worker.lives for worker in self._workers)

    def finished(self, job: Job) -> bool:
        """See ``Engine``: the values of every partition are of its last registration."""
        reached = self._cells.read()
        return all(reached.get(place, -1) >= last for place, last in _intakes[job.given.topic].last_versions.items())

    def written(self, job: Job) -> Sequence[str]:
        """See ``Engine``."""
        name = job.given.definition.name
        return [topics.cells(name), topics.journeys_changelog(name, self._definition.generation)]

    def committed(self, job: Job) -> bool:
        """See ``Engine``: of the accepted topic, by the name that `process` has in its group.

        The marks of intake's transactions take offsets too, and the last of them may be left.
        """
        topic = topics.accepted(job.given.definition.name)
        partitions = places(topic, len(job.given.partitions))
        group = f"guldadra-process-{job.given.definition.name}-{self._definition.generation}"
        return job.log.committed(group, partitions) >= job.log.length(partitions) - len(partitions)

    def living(self, job: Job) -> Mapping[str, int]:  # noqa: ARG002
        """See ``Engine``: the latest value of each cell in each partition, added up."""
        self._cells.read()
        living: Counter[str] = Counter()
        for (_, cohort, unit, period), count in self._cells.latest.items():
            month = (_EPOCH + timedelta(days=period)).isoformat()[:7]
            living[f"{cohort.rpartition('_of_')[0]}|{unit}|{month}"] += count
        self._cells.close()
        return living


class _Cells:
    """The cells topic, read on from where it ends now.

    Attributes:
        latest: by (partition, cohort, unit, period), the number.
    """

    def __init__(self, job: Job, generation: str) -> None:
        self.latest: dict[tuple[int, str, str, int], int] = {}
        self._generation = generation
        self._reached: dict[int, int] = {}
        topic = topics.cells(job.given.definition.name)
        self._consumer = Consumer(
            {
                "bootstrap.servers": job.log.bootstrap,
                "group.id": "bench-cells",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 10,
            }
        )
        starts = []
        for place in places(topic, len(job.given.partitions)):
            _, end = self._consumer.get_watermark_offsets(place, _ANSWER_S)
            starts.append(TopicPartition(place.topic, place.partition, end))
        self._consumer.assign(starts)

    def read(self) -> dict[int, int]:
        """Take what has come; how far the values of each partition are, as a version."""
        while messages := self._consumer.consume(1_000, 0.01):
            for message in messages:
                if message.error() is None:
                    self._take(decode_event("cell_batch", bytes(message.value() or b"")))
        return self._reached

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def _take(self, batch: dict[str, Any]) -> None:
        if batch["generation"] != self._generation:
            return
        partition = batch["partition"]
        self._reached[partition] = max(batch["version"], self._reached.get(partition, -1))
        for cell in batch["cells"]:
            self.latest[partition, cell["cohort"], cell["unit"], cell["period"]] = cell["values"][0]


def _accept(job: Job) -> Intake:
    """Have intake go over an input."""
    given = job.given
    env = {"GULDADRA_BOOTSTRAP": job.log.bootstrap}
    intake = Running("intake", given.definition, job.folder, env)
    intake.start()
    until(lambda: intake.count("decided") >= given.registrations, _PATIENCE_S, "intake has not decided on everything")
    used = intake.cpu_seconds
    intake.stop()
    last: dict[int, int] = {}
    for record in job.log.read(topics.accepted(given.definition.name)):
        batch = decode_event("accepted_batch", record.value)
        last[record.partition] = version_of(batch["epoch"], batch["registrations"][-1]["offset"])
    return Intake(last, used * 100_000 / given.registrations)


def _small_job(job: Job) -> RegistryDefinition:
    """The given registry with definitions that say: registrations alive per form, unit and month.

    A cohort's name has the run's number in it, which makes the definitions a generation of their own.
    """
    given = job.given.definition
    folder = job.folder / "registries" / given.name
    shutil.copytree(given.folder, folder)
    for name in ("journey", "monitors", "coverage"):
        (folder / f"{name}.yaml").unlink(missing_ok=True)
    run = job.name.rpartition("-")[2]
    cohorts = {
        f"{name}_of_{run}": {
            "title": _TITLE,
            "form": name,
            "indicators": {f"number_of_{name}": {"kind": "count", "title": _TITLE}},
        }
        for name, form in given.forms.items()
        if form.field_with("unit") is not None
    }
    (folder / "indicators.yaml").write_text(yaml.safe_dump({"cohorts": cohorts}), encoding="utf-8")
    return load_registry(folder)
