"""What we rely on a real Kafka broker to do, and that ours starts, ends and comes back as promised."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from deploy.embedded.process import ProcessFailedError
from deploy.kafka.launcher import BROKER_POM, KafkaBroker, SchemaRegistry
from deploy.kafka.toolchain import fetch, find_java
from tests.kafka_fixtures import require_real_kafka

PATIENCE_S = 30.0  # for what must come; nothing is asserted about how long it took

# Apache Kafka 3.9, clients' UtilsTest.testMurmur2: key and its 32-bit hash.
MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}

STARTS_A_BROKER = """
import pathlib, sys, time
from deploy.kafka.launcher import KafkaBroker
broker = KafkaBroker(pathlib.Path(sys.argv[1]))
broker.start()
print("broker-pid", broker.pid, flush=True)
time.sleep(600)
"""


def make_topic(broker: KafkaBroker, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
    name = f"topic-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    new = NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
    admin.create_topics([new])[name].result(PATIENCE_S)
    return name


def producer_for(broker: KafkaBroker, **config: Any) -> Producer:
    own = {key.replace("_", "."): value for key, value in config.items()}
    return Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "linger.ms": 5, **own})


def transactional(broker: KafkaBroker, name: str) -> Producer:
    producer = producer_for(broker, transactional_id=name)
    producer.init_transactions(PATIENCE_S)
    return producer


def read(broker: KafkaBroker, topic: str, last: bytes, isolation: str = "read_committed") -> list[Message]:
    """All messages of the topic up to the one whose value is ``last``."""
    group = {"group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "isolation.level": isolation, **group})
    consumer.subscribe([topic])
    messages: list[Message] = []
    try:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for message in consumer.consume(1000, timeout=0.2):
                if message.error():
                    raise KafkaException(message.error())
                messages.append(message)
                if message.value() == last:
                    return messages
    finally:
        consumer.close()
    raise AssertionError(f"{last!r} did not come; {[message.value() for message in messages]} did")


def values(messages: list[Message]) -> list[bytes | None]:
    return [message.value() for message in messages]


def listening_addresses(pid: int) -> set[str]:
    """The addresses of the listening TCP sockets of a process, in the kernel's hexadecimal."""
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except FileNotFoundError:  # closed meanwhile
            continue
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and f"socket:[{columns[9]}]" in links:
                addresses.add(columns[1].rpartition(":")[0])
    return addresses


@pytest.mark.kafka
def test_topics_keep_the_configuration_that_they_are_given(real_kafka: KafkaBroker) -> None:
    wanted = {
        "cleanup.policy": "compact",
        "retention.ms": "2592000000",
        "max.compaction.lag.ms": "604800000",
        "message.timestamp.type": "LogAppendTime",
    }
    topic = make_topic(real_kafka, partitions=12, config=wanted)

    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    described = admin.describe_configs([resource])[resource].result(PATIENCE_S)
    assert {key: described[key].value for key in wanted} == wanted
    assert sorted(admin.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions) == list(range(12))


@pytest.mark.kafka
def test_the_broker_stamps_the_time_where_the_topic_says_so(real_kafka: KafkaBroker) -> None:
    topic = make_topic(real_kafka, config={"message.timestamp.type": "LogAppendTime"})
    year_1999_ms = 915_148_800_000
    producer = producer_for(real_kafka)
    producer.produce(topic, b"late", timestamp=year_1999_ms)
    producer.flush(PATIENCE_S)

    [message] = read(real_kafka, topic, last=b"late")
    kind, milliseconds = message.timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    assert milliseconds > 1_700_000_000_000


@pytest.mark.kafka
def test_a_topic_is_not_made_by_writing_to_it(real_kafka: KafkaBroker) -> None:
    topic = f"never-made-{uuid.uuid4().hex}"
    outcomes: list[KafkaError | None] = []
    producer = producer_for(real_kafka, topic_metadata_propagation_max_ms=100)
    producer.produce(topic, b"lost", on_delivery=lambda error, _: outcomes.append(error))
    producer.flush(PATIENCE_S)

    [error] = outcomes
    assert error is not None
    assert error.code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # the broker's, librdkafka's
    assert topic not in AdminClient({"bootstrap.servers": real_kafka.bootstrap}).list_topics(timeout=PATIENCE_S).topics


@pytest.mark.kafka
def test_librdkafka_puts_a_key_where_javas_murmur2_puts_it(real_kafka: KafkaBroker) -> None:
    partitions = 12
    topic = make_topic(real_kafka, partitions)
    placed: dict[bytes, int | None] = {}

    def note(error: KafkaError | None, message: Message) -> None:
        assert error is None
        placed[message.key() or b""] = message.partition()

    producer = producer_for(real_kafka, partitioner="murmur2_random")
    for key in MURMUR2:
        producer.produce(topic, b"", key, on_delivery=note)
    producer.flush(PATIENCE_S)

    assert placed == {key: (hash_ & 0x7FFFFFFF) % partitions for key, hash_ in MURMUR2.items()}


@pytest.mark.kafka
def test_librdkafka_and_kafkas_own_producer_put_a_pseudonym_in_the_same_partition(real_kafka: KafkaBroker) -> None:
    # Lengths of every remainder by 4 (murmur2's tail), and letters outside ASCII (its bytes are signed in Java).
    keys = ["k1-" + uuid.uuid5(uuid.NAMESPACE_OID, str(n)).hex[: 1 + n % 30] for n in range(200)] + ["Åsa", "ö", "日本"]
    topic = make_topic(real_kafka, 12)
    jars = fetch(BROKER_POM, "copy-dependencies") / "jars"
    options = ["--bootstrap-server", real_kafka.bootstrap, "--topic", topic]
    options += ["--property", "parse.key=true", "--property", "key.separator=:"]
    subprocess.run(
        [find_java(), "-cp", f"{jars}/*", "kafka.tools.ConsoleProducer", *options],
        input="".join(f"{key}:java\n" for key in keys).encode(),
        env={**os.environ, "JAVA_TOOL_OPTIONS": "-Dfile.encoding=UTF-8"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=True,
    )
    producer = producer_for(real_kafka, partitioner="murmur2_random")
    for key in keys:
        producer.produce(topic, b"librdkafka", key.encode())
    producer.flush(PATIENCE_S)
    producer.produce(topic, b"end", partition=0)
    producer.flush(PATIENCE_S)

    partitions_of: dict[bytes | None, dict[bytes, set[int | None]]] = {b"java": {}, b"librdkafka": {}}
    for partition in range(12):
        for message in read_partition(real_kafka, topic, partition):
            if message.value() != b"end":
                partitions_of[message.value()].setdefault(message.key() or b"", set()).add(message.partition())
    assert set(partitions_of[b"java"]) == {key.encode() for key in keys}
    assert partitions_of[b"java"] == partitions_of[b"librdkafka"]


def read_partition(broker: KafkaBroker, topic: str, partition: int) -> list[Message]:
    """What a partition holds now; only for topics that no transaction writes to."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": uuid.uuid4().hex})
    place = TopicPartition(topic, partition, 0)
    _, end = consumer.get_watermark_offsets(place, timeout=PATIENCE_S)
    messages: list[Message] = []
    try:
        consumer.assign([place])
        deadline = time.monotonic() + PATIENCE_S
        while len(messages) < end and time.monotonic() < deadline:
            messages += consumer.consume(end - len(messages), timeout=0.2)
    finally:
        consumer.close()
    assert len(messages) == end
    return messages


@pytest.mark.kafka
def test_what_was_aborted_is_in_the_log_but_hidden_from_read_committed(real_kafka: KafkaBroker) -> None:
    topic = make_topic(real_kafka)
    producer = transactional(real_kafka, f"aborts-{topic}")
    producer.begin_transaction()
    producer.produce(topic, b"aborted")
    producer.flush(PATIENCE_S)
    producer.abort_transaction(PATIENCE_S)
    producer.begin_transaction()
    producer.produce(topic, b"committed")
    producer.commit_transaction(PATIENCE_S)

    assert values(read(real_kafka, topic, last=b"committed")) == [b"committed"]
    assert values(read(real_kafka, topic, b"committed", "read_uncommitted")) == [b"aborted", b"committed"]


@pytest.mark.kafka
def test_a_second_init_transactions_fences_the_first_producer(real_kafka: KafkaBroker) -> None:
    topic = make_topic(real_kafka)
    first = transactional(real_kafka, f"fence-{topic}")
    first.begin_transaction()
    first.produce(topic, b"from the fenced")
    first.flush(PATIENCE_S)
    second = transactional(real_kafka, f"fence-{topic}")

    with pytest.raises(KafkaException) as caught:
        first.commit_transaction(PATIENCE_S)
    assert caught.value.args[0].code() == KafkaError._FENCED
    assert caught.value.args[0].fatal()
    second.begin_transaction()
    second.produce(topic, b"from its successor")
    second.commit_transaction(PATIENCE_S)
    assert values(read(real_kafka, topic, last=b"from its successor")) == [b"from its successor"]


@pytest.mark.kafka
def test_offsets_sent_to_a_transaction_move_only_when_it_commits(real_kafka: KafkaBroker) -> None:
    source, target = make_topic(real_kafka), make_topic(real_kafka)
    writer = producer_for(real_kafka)
    for value in (b"one", b"two", b"three"):
        writer.produce(source, value)
    writer.flush(PATIENCE_S)
    group = {"group.id": f"group-{source}", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": real_kafka.bootstrap, "session.timeout.ms": 6000, **group})
    consumer.subscribe([source])
    try:
        taken: list[Message] = []
        while len(taken) < 2:
            taken += consumer.consume(2 - len(taken), timeout=PATIENCE_S)
        producer = transactional(real_kafka, f"offsets-{source}")
        reached = [TopicPartition(source, 0, 2)]

        producer.begin_transaction()
        producer.send_offsets_to_transaction(reached, consumer.consumer_group_metadata(), PATIENCE_S)
        producer.abort_transaction(PATIENCE_S)
        [after_abort] = consumer.committed([TopicPartition(source, 0)], timeout=PATIENCE_S)
        assert after_abort.offset < 0  # none

        producer.begin_transaction()
        producer.produce(target, b"copied")
        producer.send_offsets_to_transaction(reached, consumer.consumer_group_metadata(), PATIENCE_S)
        producer.commit_transaction(PATIENCE_S)
        [after_commit] = consumer.committed([TopicPartition(source, 0)], timeout=PATIENCE_S)
        assert after_commit.offset == 2
    finally:
        consumer.close()
    assert values(read(real_kafka, target, last=b"copied")) == [b"copied"]


@pytest.mark.kafka
def test_a_killed_broker_comes_back_at_its_address_with_all_that_it_acknowledged(own_kafka: KafkaBroker) -> None:
    topic, bootstrap, first_pid = make_topic(own_kafka), own_kafka.bootstrap, own_kafka.pid
    with producer_for(own_kafka, acks="all") as producer:
        for number in range(1000):
            producer.produce(topic, str(number).encode())
        assert producer.flush(PATIENCE_S) == 0
    own_kafka.kill()
    assert not own_kafka.alive()

    own_kafka.start()
    assert own_kafka.bootstrap == bootstrap
    assert own_kafka.pid != first_pid
    assert values(read(own_kafka, topic, last=b"999")) == [str(number).encode() for number in range(1000)]


@pytest.mark.kafka
def test_broker_and_registry_listen_on_the_loopback_address_only(
    real_kafka: KafkaBroker, schema_registry: SchemaRegistry
) -> None:
    ipv4, ipv4_in_ipv6 = "0100007F", "0000000000000000FFFF00000100007F"
    for server in (real_kafka, schema_registry):
        addresses = listening_addresses(server.pid)
        assert addresses
        assert addresses <= {ipv4, ipv4_in_ipv6}


@pytest.mark.kafka
def test_the_broker_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    require_real_kafka()
    command = [sys.executable, "-c", STARTS_A_BROKER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        told = iter(parent.stdout.readline, "")
        pid = next(int(line.split()[1]) for line in told if line.startswith("broker-pid"))
        parent.kill()
    deadline = time.monotonic() + PATIENCE_S
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(pid)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.kafka
def test_up_prints_the_settings_and_ends_in_order_on_ctrl_c(tmp_path: Path) -> None:
    require_real_kafka()
    command = [sys.executable, "-m", "deploy.kafka", "up", "--registry", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        wanted = ("export GULDADRA_BOOTSTRAP=", "export GULDADRA_SCHEMA_REGISTRY=")
        told = {}
        for line in iter(up.stdout.readline, ""):
            if line.startswith(wanted):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                told[name] = value
            if len(told) == len(wanted):
                break
        else:
            pytest.fail(f"it ended before it had told both: {up.communicate()}")
        assert AdminClient({"bootstrap.servers": told["GULDADRA_BOOTSTRAP"]}).list_topics(timeout=PATIENCE_S).brokers
        up.send_signal(signal.SIGINT)
        _, errors = up.communicate(timeout=60)
    assert up.returncode == 0, errors
    host, _, port = told["GULDADRA_BOOTSTRAP"].partition(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0


@pytest.mark.kafka
def test_a_setting_that_kafka_refuses_is_named(tmp_path: Path) -> None:
    require_real_kafka()
    broker = KafkaBroker(tmp_path, settings={"log.segment.bytes": "plenty"})
    with pytest.raises(ProcessFailedError, match=r"plenty.*log\.segment\.bytes"):
        broker.start()
