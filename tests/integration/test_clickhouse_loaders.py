"""Registrations and what is derived of them through one process and two consumer groups."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.logbook import begin_epoch
from deploy.status import _account, derived_lags, lags
from schemas import topics
from sinks.clickhouse import sql
from sinks.clickhouse.loader import submission_topics
from sinks.clickhouse.loaders import Loaders
from sinks.clickhouse.reader import ReaderNotReadyError
from sinks.clickhouse.status import PartitionStatus
from tests.derived_support import Register, batches, cell, derived_registry, entry, exposure, made
from tests.support import make_log, read_events, send, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig


def loaders(kafka: KafkaConfig, client: Client, definition: RegistryDefinition, stop: threading.Event) -> Loaders:
    quick = {"session.timeout.ms": 3_000, "heartbeat.interval.ms": 500, **kafka}  # Tansu joins no faster than this
    group = f"load-{definition.name}"
    return Loaders(quick, client, {definition.name: definition}, stop=stop, group=group)


def test_registrations_and_what_is_derived_of_them_are_loaded_side_by_side(
    kafka: KafkaConfig, client: Client, tmp_path: Path
) -> None:
    definition = made(client, derived_registry(tmp_path))
    make_log(kafka, definition)
    register = Register(definition)
    register.operated("k1-anna", "a")
    send(kafka, topics.accepted(definition.name), [(None, register.log.batch())])
    stop = threading.Event()
    both = loaders(kafka, client, definition, stop)
    beside = threading.Event()
    running = threading.Thread(target=both.run, args=(lambda: beside.set() if stop.wait(60) else None,))
    running.start()
    try:
        for topic, message in batches(
            definition, 0, cells=[cell("2024-01-01", [1]), cell("2024-02-01", [1])],
            exposures=[exposure("a", "2024-01-01")], entries=[entry("a", "2024-01-01")],
        ):  # fmt: skip
            send(kafka, topic, [(None, message)])
        wait_for(lambda: both.health()[1]["loaded"] == 1 + 3, "all loaded")
        wait_for(lambda: both.health()[1]["lag"] == 0 and both.health()[0], "no lag, and well")
        facts = both.health()[1]
        assert (facts["process"], facts["waiting"], facts["last_error"]) == ("load", 0, None)
        assert (facts["registrations"]["loaded"], facts["derived"]["loaded"]) == (1, 3)
        assert both.registrations.holds(topics.accepted(definition.name), 0)
        assert not both.registrations.holds(topics.cells(definition.name), 0)
        places, group = {definition.name: 4}, f"load-{definition.name}"
        wait_for(lambda: sum(derived_lags(kafka, places, group=group)[definition.name]) == 0, "all committed")
        assert sum(lags(kafka, places, group=group)[1][definition.name]) == 0
    finally:
        stop.set()
        running.join(60)
    assert not running.is_alive()
    assert beside.is_set()
    assert not both.registrations.holds(topics.accepted(definition.name), 0)
    database = sql.database_of(definition.name)
    for table, count in (("archive", 1), ("operation_rows", 1), ("cells", 2), ("exposures", 1), ("list_entries", 1)):
        assert client.rows(f"SELECT count() FROM {database}.{table} FINAL") == [(count,)], table


def test_a_derived_message_that_cannot_be_read_goes_to_the_dead_letters_and_all_others_are_loaded(
    kafka: KafkaConfig, client: Client, tmp_path: Path
) -> None:
    definition = made(client, derived_registry(tmp_path))
    make_log(kafka, definition)
    topic = topics.cells(definition.name)
    good = [batches(definition, version, cells=[cell("2024-01-01", [version])])[0][1] for version in range(6)]
    bad = [b"nothing of ours", good[3][:-2]]
    longer = good[4] + b"\0"  # must not shift the one behind it
    send(kafka, topic, [(b"one key", value) for value in (*good[:2], *bad, longer, good[5])])
    stop = threading.Event()
    both = loaders(kafka, client, definition, stop)
    running = threading.Thread(target=both.run)
    running.start()
    try:
        progress = f"SELECT max(version) FROM {sql.database_of(definition.name)}.progress"
        wait_for(lambda: client.rows(progress) == [(5,)], "the last message")
        wait_for(lambda: both.health()[1]["lag"] == 0 and both.health()[1]["waiting"] == 0, "no lag")
    finally:
        stop.set()
        running.join(60)
    letters = [one for one in read_events(kafka, topics.DEAD_LETTERS, "dead_letter") if one["topic"] == topic]
    assert {one["value"] for one in letters} == set(bad)
    values = f"SELECT values, version FROM {sql.database_of(definition.name)}.cells FINAL"
    assert client.rows(values) == [([5], 5)]


@pytest.mark.embedded
def test_a_log_from_before_lacks_topics_and_is_told_what_to_do(
    embedded_broker: KafkaConfig, client: Client, tmp_path: Path
) -> None:
    kafka: KafkaConfig = {"bootstrap.servers": embedded_broker.bootstrap}  # type: ignore[attr-defined]  # the broker
    definition = made(client, derived_registry(tmp_path))
    make_log(kafka)
    admin = AdminClient(dict(kafka))
    old = [topics.submitted(definition.name), *submission_topics(definition.name)]
    for future in admin.create_topics([NewTopic(name, 4, 1) for name in old]).values():
        future.result()
    begin_epoch(kafka, definition.name, 4, 0, by="test", reason="a test begins")
    assert derived_lags(kafka, {definition.name: 4}) == {definition.name: [0, 0, 0, 0]}
    stop = threading.Event()
    with pytest.raises(
        ReaderNotReadyError, match=f"there is no topic (cells|signals).{definition.name}, .*topics create"
    ):
        loaders(kafka, client, definition, stop).run()
    assert stop.is_set()  # and the loader of registrations has ended with it


def test_the_account_of_a_partition_counts_what_was_erased() -> None:
    loaded = PartitionStatus(0, 5, 9, 8, 1, 0, 0, None, 3)
    assert _account("hip", 0, (0, 0, 0), loaded).agrees
    missing = _account("hip", 0, (0, 0, 7), PartitionStatus(0, 5, 9, 8, 1, 0, 0, None, 2))
    assert missing.problem == "8 accepted, but 5 in the archive and 2 erased"
    assert missing.loading_derived == 7
