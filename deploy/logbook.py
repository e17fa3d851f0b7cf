"""The registries' logs as a whole: making topics as they must be, and saying a registry's state."""

from __future__ import annotations

import getpass
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from deploy.observe import wait_until
from deploy.settings import SettingsError
from schemas.topics import CONTROL, all_topics, changelog_of, feed
from sinks.clickhouse.archive import highest_epoch
from streams.control import ControlReader, RegistryControl, write_control

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from deploy.settings import Settings
    from schemas.topics import TopicSpec
    from streams.control import KafkaConfig

_ANSWER_S = 30.0


class LogError(Exception):
    """The log is not as it must be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class TopicFinding:
    """What a topic is like against what it must be: an empty ``problem`` is as it must be."""

    name: str
    made: bool
    problem: str


def make_topics(
    kafka: KafkaConfig,
    registries: Iterable[str],
    partitions: int,
    *,
    companies: Iterable[str] = (),
    retention_days: int,
    replication: int = -1,
) -> list[TopicFinding]:
    """Make the topics that are missing, and look at those that are there.

    Args:
        kafka: the clients' settings.
        registries: whose topics.
        partitions: of each registry's topics.
        companies: whose feeds, by their codes.
        retention_days: how long they keep.
        replication: copies of each; -1 is the broker's default.
    """
    wanted = all_topics(registries, partitions, companies=companies, retention_days=retention_days)
    return _make(AdminClient(dict(kafka)), wanted, replication)


def make_changelog(kafka: KafkaConfig, registry: str, name: str, *, replication: int = -1) -> None:
    """Make a changelog of a registry where it is missing: every generation brings its own.

    Raises:
        LogError: the registry has no log, or the changelog could not be made or is not as it must be.
    """
    with ControlReader(kafka) as control:
        said = control.of(registry)
    if said is None:
        raise LogError(f"registry {registry} has no log: run `guldadra topics create {registry}`")
    spec = changelog_of(name, said.partitions)
    for finding in _make(AdminClient(dict(kafka)), [spec], replication):
        if finding.problem:
            raise LogError(f"topic {finding.name} {finding.problem}")


def check_topics(
    kafka: KafkaConfig,
    registries: Iterable[str],
    partitions: int,
    *,
    companies: Iterable[str] = (),
    retention_days: int,
) -> list[TopicFinding]:
    """Look at the topics, make none."""
    admin = AdminClient(dict(kafka))
    wanted = all_topics(registries, partitions, companies=companies, retention_days=retention_days)
    return [TopicFinding(spec.name, made=False, problem=problem) for spec, problem in _problems(admin, wanted)]


def first_epoch(settings: Settings, registry: str) -> int:
    """The epoch that a new log begins with: later than all that the archive has.

    Raises:
        SettingsError: the archive cannot be asked; a number reused would let new registrations lose
            against old ones.
    """
    if not settings.clickhouse_url:
        raise SettingsError(
            "a log's epoch must be later than any in the archive: set GULDADRA_CLICKHOUSE_URL, or give --epoch 0 "
            "for a registry that has never had one"
        )
    with settings.clickhouse() as client:
        highest = highest_epoch(client, registry)
    return 0 if highest is None else highest + 1


def begin_epoch(kafka: KafkaConfig, registry: str, partitions: int, epoch: int, *, by: str, reason: str) -> None:
    """Say that the registry's log begins a life; a registry that is stopped stays so.

    Raises:
        LogError: the epoch is not higher than the one now running, or the broker cannot tell.
    """
    with ControlReader(kafka) as control:
        said = control.of(registry)
        if not control.is_there:
            raise LogError(f"the broker does not know {CONTROL}, on which it stands what has begun: try again")
    if said is not None and said.epoch >= epoch:
        raise LogError(f"registry {registry} is in epoch {said.epoch} already; {epoch} would not be later")
    at = int(time.time() * 1000)
    begun = RegistryControl(registry, epoch, partitions, stopped=False, reason=reason, by=by, at=at)
    if said is not None and said.stopped:
        begun = replace(said, epoch=epoch, partitions=partitions)
    write_control(kafka, begun)


def begin_feeds(
    kafka: KafkaConfig, companies: Iterable[str], made: Container[str], former: Callable[[str], int | None], *, by: str
) -> list[str]:
    """Say of each feed that its log begins, where it has none yet or its topic was made anew; the topics of those.

    Args:
        kafka: the clients' settings.
        companies: their codes.
        made: the topics that were made just now.
        former: the latest life that the database knows of a company's feed; None where it knows none.
        by: who says it.
    """
    begun = []
    with ControlReader(kafka) as control:
        said = {company: control.of(feed(company)) for company in companies}
    for company, before in said.items():
        topic = feed(company)
        if before is not None and topic not in made:
            continue
        known = [-1 if before is None else before.epoch, -1 if (last := former(company)) is None else last]
        begin_epoch(kafka, topic, 1, max(known) + 1, by=by, reason="the feed begins")
        begun.append(topic)
    return begun


def begin_next_epoch(settings: Settings, registry: str, *, reason: str) -> int:
    """Begin a life of the log that is later than all that the archive has and all that was said; its number.

    `guldadra topics create` has said a first word on a log already when `guldadra restore` has filled it.

    Raises:
        SettingsError: the archive cannot be asked.
    """
    kafka = settings.kafka_config()
    with ControlReader(kafka) as control:
        said = control.of(registry)
    epoch = max(first_epoch(settings, registry), 0 if said is None else said.epoch + 1)
    begin_epoch(kafka, registry, settings.partitions, epoch, by=operator(), reason=reason)
    return epoch


def operator() -> str:
    """Who says what is said on the command line."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers have
        return f"user {os.getuid()}"


def set_stopped(kafka: KafkaConfig, registry: str, *, stopped: bool, by: str, reason: str) -> RegistryControl:
    """Turn the stop switch; the state as said.

    Raises:
        LogError: the registry has no log.
    """
    with ControlReader(kafka) as control:
        said = control.of(registry)
    if said is None:
        raise LogError(f"registry {registry} has no log: run `guldadra topics create {registry}`")
    now_said = replace(said, stopped=stopped, by=by, reason=reason, at=int(time.time() * 1000))
    write_control(kafka, now_said)
    return now_said


def _make(admin: AdminClient, wanted: list[TopicSpec], replication: int) -> list[TopicFinding]:
    existing = admin.list_topics(timeout=_ANSWER_S).topics
    missing = [spec for spec in wanted if spec.name not in existing]
    for name, future in _create(admin, missing, replication):
        try:
            future.result()  # type: ignore[attr-defined]  # a concurrent future
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise LogError(f"topic {name} could not be made: {error.args[0].str()}") from error
    made = {spec.name for spec in missing}
    # a broker lists what it has just made a moment later
    wait_until(lambda: made <= admin.list_topics(timeout=_ANSWER_S).topics.keys(), _ANSWER_S)
    return [TopicFinding(spec.name, spec.name in made, problem) for spec, problem in _problems(admin, wanted)]


def _create(admin: AdminClient, missing: list[TopicSpec], replication: int) -> Iterable[tuple[str, object]]:
    if not missing:
        return ()
    new = [
        NewTopic(spec.name, num_partitions=spec.partitions, replication_factor=replication, config=dict(spec.config))
        for spec in missing
    ]
    return admin.create_topics(new, operation_timeout=_ANSWER_S).items()


def _problems(admin: AdminClient, wanted: list[TopicSpec]) -> list[tuple[TopicSpec, str]]:
    existing = admin.list_topics(timeout=_ANSWER_S).topics
    there = [spec for spec in wanted if spec.name in existing]
    resources = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in there]
    answers = admin.describe_configs(resources) if resources else {}
    described = {resource.name: future.result() for resource, future in answers.items()}
    found = []
    for spec in wanted:
        if spec.name not in existing:
            found.append((spec, "is missing: run `guldadra topics create`"))
            continue
        count = len(existing[spec.name].partitions)
        problems = [f"has {count} partitions instead of {spec.partitions}"] if count != spec.partitions else []
        config = described[spec.name]
        problems += [
            f"{key} is {config[key].value} instead of {value}"
            for key, value in spec.config.items()
            if key in config and config[key].value != value
        ]
        found.append((spec, "; ".join(problems)))
    return found
