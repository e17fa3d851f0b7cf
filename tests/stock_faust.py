"""Stock Faust, to be looked at: in a loop of the test's own, or as a process that can be killed and frozen.

Run as a program (by its path, with a ``Given`` as JSON) it counts the messages of ``NAME-messages`` in a table and says
each count on ``NAME-said``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import faust
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.control import KafkaConfig

_PATIENCE_S = 60.0
_OTHERS = 2_000
_SETTINGS: dict[str, Any] = {
    "topic_allow_declare": False,
    "topic_disable_leader": True,
    "broker_commit_interval": 0.1,
    "broker_session_timeout": 3.0,
    "broker_heartbeat_interval": 0.5,
    "broker_rebalance_timeout": 3.0,
    "consumer_auto_offset_reset": "earliest",
    "autodiscover": False,
    "web_enabled": False,
}
NEVER_COMMITS: dict[str, Any] = {"broker_commit_interval": 3600.0}  # as if it died before the next
EXACTLY_ONCE: dict[str, Any] = {"processing_guarantee": "exactly_once"}


def stock_app(servers: str, name: str, folder: Path, **options: Any) -> faust.App:
    app = faust.App(name, broker=f"kafka://{servers}", datadir=str(folder), **{**_SETTINGS, **options})
    app.in_worker = True  # as Faust's command line has it; elsewhere no app is exactly_once
    return app


def make_topic(kafka: KafkaConfig, name: str, partitions: int = 1) -> None:
    admin = AdminClient(dict(kafka))  # kept: its answers come only while it lives
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)


def values_of(kafka: KafkaConfig, topic: str, partition: int = 0, *, committed: bool = True) -> list[bytes | None]:
    """A partition's values, up to its end of now; those of open and aborted transactions if not only committed."""
    isolation = "read_committed" if committed else "read_uncommitted"
    consumer = Consumer(
        {**kafka, "group.id": "looks-on", "enable.auto.commit": False, "isolation.level": isolation,
         "enable.partition.eof": True, "fetch.wait.max.ms": 10}
    )  # fmt: skip
    values: list[bytes | None] = []
    try:
        consumer.list_topics(timeout=10)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            for message in consumer.consume(1_000, 0.05):
                if message.error() is not None:
                    return values
                values.append(message.value())
    finally:
        consumer.close()
    raise AssertionError(f"no end of {topic} in sight")


def committed(kafka: KafkaConfig, group: str, topic: str) -> int:
    """A group's offset in a topic's first partition; negative where there is none."""
    reader = Consumer({**kafka, "group.id": group})
    [place] = reader.committed([TopicPartition(topic, 0)], timeout=10)
    reader.close()
    return place.offset


class Stock:
    """A stock Faust app with topics of its own, and what its agents have seen.

    Args:
        kafka: where.
        folder: for its tables.
        runner: of its loop.
        options: Faust's settings.
    """

    def __init__(self, kafka: KafkaConfig, folder: Path, runner: asyncio.Runner, **options: Any) -> None:
        self.kafka = kafka
        self._runner = runner
        self.seen: list[Any] = []
        self.name = f"stock-{uuid.uuid4().hex[:12]}"
        runner.get_loop()  # an app wants one to be made in
        self.app = stock_app(str(kafka["bootstrap.servers"]), self.name, folder, **options)
        self._topics = 0

    def topic(self, *, partitions: int = 1, **options: Any) -> tuple[str, Any]:
        self._topics += 1
        name = f"{self.name}-{self._topics}"
        make_topic(self.kafka, name, partitions)
        return name, self.app.topic(name, internal=False, **options)

    def table(self) -> tuple[str, Any]:
        """A table of numbers, by the name of its changelog."""
        name = f"{self.name}-counts-changelog"
        make_topic(self.kafka, name)
        return name, self.app.Table("counts", default=int, partitions=1)

    def run(self, until: Callable[[], bool]) -> None:
        async def main() -> None:
            await self.app.start()
            deadline = time.monotonic() + _PATIENCE_S
            while not until():
                assert time.monotonic() < deadline, f"seen only {self.seen}"
                await asyncio.sleep(0.05)
            await self.app.stop()

        self._runner.run(main())

    def committed(self, topic: str) -> int:
        return committed(self.kafka, self.name, topic)


class Given(TypedDict):
    """What a counting process is told; ``freezes``: at its first message, before it writes the count."""

    servers: str
    name: str
    folder: str
    options: dict[str, Any]
    freezes: bool


class Counter:
    """The topics of processes that count under one name, and what is on them."""

    def __init__(self, kafka: KafkaConfig, folder: Path) -> None:
        self._kafka = kafka
        self._folder = folder
        self.name = f"stock-{uuid.uuid4().hex[:12]}"
        self.messages = f"{self.name}-messages"
        self._said = f"{self.name}-said"
        self._changelog = f"{self.name}-counts-changelog"
        for topic in (self.messages, self._said, self._changelog):
            make_topic(kafka, topic)
        with Producer(dict(kafka)) as producer:  # Faust's recovery can miss its own end where that comes at once
            for _ in range(_OTHERS):
                producer.produce(self._changelog, b"0", b'"others"')

    @contextmanager
    def process(self, *, freezes: bool = False, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """A process that counts; killed in the end, if it is not before."""
        servers = str(self._kafka["bootstrap.servers"])
        given = Given(servers=servers, name=self.name, folder=str(self._folder), options=options, freezes=freezes)
        with (self._folder / "processes.log").open("ab") as log:
            process = subprocess.Popen([sys.executable, __file__, json.dumps(given)], stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def counts(self) -> list[int]:
        """What the table's changelog says of the count: recovery takes the last."""
        return [int(value or 0) for value in values_of(self._kafka, self._changelog)][_OTHERS:]

    def said(self) -> list[int]:
        return [int(value or 0) for value in values_of(self._kafka, self._said)]


def is_frozen(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"


async def _count(given: Given) -> None:
    app = stock_app(given["servers"], given["name"], Path(given["folder"]), **given["options"])
    messages = app.topic(f"{given['name']}-messages", value_serializer="raw", internal=False)
    said = app.topic(f"{given['name']}-said", value_serializer="json", internal=False)
    counts = app.Table("counts", default=int, partitions=1)

    @app.agent(messages)
    async def counting(stream: Any) -> None:
        first = True
        async for _ in stream:
            count = counts["all"] + 1
            if given["freezes"] and first:
                first = False
                os.kill(os.getpid(), signal.SIGSTOP)
            counts["all"] = count
            await said.send(value=count)

    await app.start()
    await app.wait_until_stopped()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(name)s %(message)s")
    asyncio.run(_count(json.loads(sys.argv[1])))
