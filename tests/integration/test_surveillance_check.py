"""`verify` of surveillance: what a worker keeps in Kafka against the exposures in ClickHouse, differences planted."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy import generations as kafka_side
from deploy.generations import begin_surveillance, set_lost_signals_aside, signals_are_in, signals_behind
from deploy.logbook import LogError
from deploy.settings import Settings
from deploy.surveillance_check import MonitorAccount, check_surveillance
from schemas import topics
from schemas.codec import encode_event
from sinks.clickhouse import sql
from sinks.clickhouse.former_signals import present_life
from sinks.clickhouse.queries.standing import last_stated
from streams.surveillance.declared import watched_by
from streams.worker.surveillance import Surveillance
from streams.worker.worker import Worker, WorkerOptions
from tests.contract.test_worker_embedded import QUICKER
from tests.deploy_support import Shell
from tests.derived_support import MONITORS, cell, derived_registry, load, made, point, write
from tests.running import working
from tests.support import make_log, read_events, send, wait_for
from tests.surveillance_support import batch, random_messages
from tests.worker_support import make_worker_topic, wait_until_caught_up

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig

PARTITIONS = 2
WATCHED = """monitors:
  soon: {exposures: cup, rates: [2.0], thresholds: {watch: [0.5], alarm: [1.0]}}
  flat: {exposures: cup, baseline: flat, rates: [2.0]}
"""


class Site:
    """A registry whose exposures are told to Kafka and to ClickHouse alike."""

    def __init__(self, kafka: KafkaConfig, client: Client, folder: Path) -> None:
        self.kafka, self.client = kafka, client
        self.definition: RegistryDefinition = made(client, derived_registry(folder, monitors=MONITORS + WATCHED))
        name = self.definition.name
        make_log(kafka, self.definition, partitions=PARTITIONS)
        self.make_changelog()
        self.messages = [
            batch(name, one, self.definition.generation) for one in random_messages(random.Random(2), "cup", 60)
        ]

    def make_changelog(self) -> None:
        changelog = topics.surveillance_changelog(self.definition.name, self.definition.generation)
        make_worker_topic(self.kafka, changelog, PARTITIONS, topics.changelog_of(changelog, PARTITIONS).config)

    def tell(self, messages: list[bytes]) -> None:
        """Both, and how far the values are."""
        exposures = topics.exposures(self.definition.name)
        send(self.kafka, exposures, [(b"cup", one) for one in messages])
        load(self.client, self.definition, [(exposures, one) for one in messages])
        for partition in range(3):
            write(self.client, self.definition, (1 << 48) + 999, cells=[cell("2024-01-01", [1])], partition=partition)

    def watch(self) -> None:
        """Let surveillance take what there is, and load all that it ever stated."""
        name, generation = self.definition.name, self.definition.generation
        work = Surveillance(
            name, generation, watched_by(self.definition), life=lambda: present_life(self.client, name, generation)
        )
        worker = Worker(self.kafka, work, WorkerOptions(group=QUICKER, most=1, one_transaction=True))
        with working(worker.run):
            wait_until_caught_up(worker)
        topic = topics.signals(self.definition.name)
        stated = read_events(self.kafka, topic, "signal")
        load(self.client, self.definition, [(topic, encode_event("signal", one)) for one in stated])

    def check(self, patience_s: float = 0.0) -> dict[str, MonitorAccount]:
        accounts = check_surveillance(
            self.client, self.kafka, self.definition, patience_s=patience_s, wait=lambda _: None
        )
        return {one.monitor: one for one in accounts}


@pytest.fixture
def site(kafka: KafkaConfig, client: Client, tmp_path: Path) -> Site:
    return Site(kafka, client, tmp_path / "registries")


def test_what_is_kept_is_compared_and_what_is_planted_is_found(
    site: Site, embedded_database: EmbeddedDatabase, shell: Shell
) -> None:
    half = len(site.messages) // 2
    site.tell(site.messages[:half])
    assert {one.behind for one in site.check().values()} == {"surveillance has counted nothing yet"}
    site.watch()
    agreed = site.check()
    assert [*agreed] == ["soon", "flat"]
    assert {(one.different, one.shown, one.behind) for one in agreed.values()} == {(0, (), "")}
    assert all(one.kinds > 20 and one.reports > 20 for one in agreed.values())
    assert agreed["soon"].products > 0, "no signal was raised"

    site.tell(site.messages[half:])  # the database has more
    assert {(one.different, one.behind) for one in site.check().values()} == {
        (0, "surveillance is behind the database")
    }
    site.watch()
    assert not any(one.different or one.behind for one in site.check().values())

    database = sql.database_of(site.definition.name)
    ((name, product, lot),) = site.client.rows(
        f"SELECT registration_id, product, lot FROM {database}.exposures FINAL WHERE present AND lot = '' "
        "AND first_outcome IS NULL "
        "ORDER BY registration_id LIMIT 1"
    )
    site.client.command(  # of one version the row that comes last counts
        f"INSERT INTO {database}.exposures SELECT * REPLACE ('L77' AS lot) FROM {database}.exposures FINAL "
        f"WHERE registration_id = '{name}'"
    )
    site.client.command(f"ALTER TABLE {database}.signals DELETE WHERE monitor = 'soon' SETTINGS mutations_sync = 2")
    found = site.check(patience_s=3.0)
    assert lot == ""
    assert found["flat"].different == 2
    assert all("Bin(" in line and f"product='{product}'" in line for line in found["flat"].shown)
    assert any("lot='L77'" in line and line.endswith(": 0, recomputed 1") for line in found["flat"].shown)
    assert found["soon"].different == 2 + found["soon"].products
    assert found["soon"].shown[-1].endswith("in the database None")

    shell.set(
        clickhouse_url=embedded_database.url, registries=site.definition.folder,
        bootstrap=site.kafka["bootstrap.servers"],
    )  # fmt: skip
    told = shell("verify", site.definition.name, "--patience", "0", "--json")
    assert told.code == 1, told.err
    said = {one["monitor"]: one["different"] for one in json.loads(told.out)["surveillance"]}
    assert said == {name: one.different for name, one in found.items()}
    shown = shell("verify", site.definition.name, "--patience", "0").out
    assert "What surveillance keeps, recomputed and compared" in shown
    assert "lot='L77'" in " ".join(shown.split())
    shell.set(bootstrap="")
    assert "was not compared: no broker is set" in shell("verify", site.definition.name, "--patience", "0").out


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    return Shell(monkeypatch, capsys, tmp_path)


def loaded_by(site: Site, group: str) -> None:
    """A loader that says it has loaded all signals that there are."""
    topic = topics.signals(site.definition.name)
    reader = Consumer({**site.kafka, "group.id": group, "enable.auto.commit": False})
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    for place in places:
        place.offset = reader.get_watermark_offsets(place, 10)[1]
    reader.commit(offsets=places, asynchronous=False)
    reader.close()


def test_readers_wait_for_the_signals_of_a_generation_too(
    site: Site, embedded_database: EmbeddedDatabase, shell: Shell
) -> None:
    name, generation = site.definition.name, site.definition.generation
    shell.set(
        clickhouse_url=embedded_database.url, registries=site.definition.folder,
        bootstrap=site.kafka["bootstrap.servers"], group=f"of-{name}",
    )  # fmt: skip

    def behind() -> int | None:
        return signals_behind(site.kafka, name, generation, group=f"of-{name}")

    def are_in() -> bool:
        return signals_are_in(site.kafka, site.definition, group=f"of-{name}", patience_s=0.0)

    site.tell(site.messages)
    assert (behind(), are_in()) == (None, False)
    assert "surveillance has not run" in " ".join(shell("generations", name).out.split())
    point(site.client, name, "000000000000")
    refused = shell("generations", name, "--switch", generation)
    assert refused.code == 2
    assert f"generation {generation} of {name} has not all its signals yet" in " ".join(refused.err.split())

    site.watch()
    signals = behind()
    assert signals, "no signal was stated"
    assert not are_in()
    assert f"{signals} messages behind" in " ".join(shell("generations", name).out.split())
    loaded_by(site, f"of-{name}-signals")
    assert (behind(), are_in()) == (0, True)
    assert shell("generations", name, "--switch", generation).code == 0
    said = {one["name"]: one for one in json.loads(shell("generations", name, "--json").out)}
    assert (said[generation]["current"], said[generation]["signals_behind"]) == (True, 0)
    site.tell(site.messages[:1])  # more exposures, that surveillance has not read
    assert not are_in()


def test_where_what_surveillance_keeps_is_lost_its_signals_are_set_aside(
    site: Site, embedded_database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_side, "_LOADER_S", 0.5)
    name, generation = site.definition.name, site.definition.generation
    settings = Settings(
        bootstrap=site.kafka["bootstrap.servers"], clickhouse_url=embedded_database.url, group=f"of-{name}"
    )  # fmt: skip
    site.tell(site.messages)
    site.watch()
    before = last_stated(site.client, name, generation, "soon", pairs=False)
    assert before
    assert set_lost_signals_aside(site.kafka, site.client, name) == {}
    begin_surveillance(settings, name, generation)
    assert last_stated(site.client, name, generation, "soon", pairs=False) == before

    changelog = topics.surveillance_changelog(name, generation)
    admin = AdminClient(dict(site.kafka))
    for deleted in admin.delete_topics([changelog]).values():
        deleted.result(30)
    wait_for(lambda: changelog not in admin.list_topics(timeout=10).topics, "the changelog to be gone")
    with pytest.raises(LogError, match="not all are in the database yet: see that `guldadra load` runs"):
        begin_surveillance(settings, name, generation)
    loaded_by(site, f"of-{name}-signals")
    begin_surveillance(settings, name, generation)
    former = f"{generation}.0"
    assert last_stated(site.client, name, generation, "soon", pairs=False) == {}
    assert last_stated(site.client, name, former, "soon", pairs=False) == before
    assert set_lost_signals_aside(site.kafka, site.client, name) == {}  # there are none any more

    site.make_changelog()
    site.watch()  # which loads what the former life stated once more
    topic = topics.signals(name)
    assert {one["life"] for one in read_events(site.kafka, topic, "signal")} == {0, 1}
    assert last_stated(site.client, name, generation, "soon", pairs=False)
    assert last_stated(site.client, name, former, "soon", pairs=False) == before
    assert not any(one.different or one.behind for one in site.check().values())


def test_a_registry_that_watches_nothing_has_nothing_to_compare(
    kafka: KafkaConfig, client: Client, tmp_path: Path
) -> None:
    definition = made(client, derived_registry(tmp_path / "registries"))
    assert check_surveillance(client, kafka, definition, patience_s=0, wait=lambda _: None) == ()
