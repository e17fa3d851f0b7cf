"""Whatever breaks off, and wherever: each company is told each thing once, in order, and nothing is left out."""

from __future__ import annotations

import os
import random
import signal as signals
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from deploy.feeding import feed_relay
from schemas.company import makers
from schemas.membership import FencedError
from tests.contract.test_worker_exactness import Killed
from tests.feed_support import (
    companies,
    feed_of,
    project,
    registry_with_companies,
    review,
    run_through,
    say,
    signal,
    state,
    until_told,
)
from tests.running import working
from tests.support import make_log, wait_for
from tests.workers import registry_folder

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.kafka.launcher import KafkaBroker
    from schemas.definition.registry import RegistryDefinition
    from streams.control import KafkaConfig
    from streams.relay import Relay

pytestmark = pytest.mark.kafka

PRODUCTS = ("CUP01", "CUP02")
MOMENTS = ("computed", "sent", "committed")
DYING = """
import os, signal, sys
from deploy import cli, feeding
moment, count = sys.argv[1], int(sys.argv[2])
plain = feeding.feed_relay
def dying(kafka, definition, project=None):
    left = [count]
    def at(reached):
        left[0] -= reached == moment
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    return plain(kafka, definition, project, at=at)
feeding.feed_relay = dying
sys.argv = ["guldadra", "feed", sys.argv[3]]
cli.main()
"""


@pytest.fixture
def kafka(real_kafka: KafkaBroker) -> KafkaConfig:
    return {"bootstrap.servers": real_kafka.bootstrap}


@pytest.fixture
def definition(kafka: KafkaConfig) -> RegistryDefinition:
    made = registry_with_companies()
    make_log(kafka, made)
    return made


def assert_told_once(kafka: KafkaConfig, definition: RegistryDefinition, messages: int) -> None:
    """Both companies were told of all of their product's messages, in order, and each id stands once."""
    for company, product in zip(companies(definition), PRODUCTS, strict=True):
        told = feed_of(kafka, company)
        ids = [one.id for one in told]
        assert len(set(ids)) == len(ids), company
        numbers = [one.data["message"] for one in told if one.type.startswith("guldadra.signal.")]
        assert numbers == [*range(1, messages + 1)], (company, product)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_relay_that_dies_in_a_transaction_tells_nothing_twice_and_leaves_nothing_out(
    kafka: KafkaConfig, definition: RegistryDefinition, moment: str
) -> None:
    dice = random.Random(moment)
    stated = 0
    for turn in (1, 1, *(dice.randint(1, 2) for _ in range(3))):
        pieces = [stated + 1 + number for number in range(40)]
        stated += 40
        state(kafka, definition, *(signal(definition, product, number) for number in pieces for product in PRODUCTS))
        say(kafka, definition, review(definition, "decision", "taken_up", "cup/CUP01/0"))
        left = [turn]

        def die(reached: str, left: list[int] = left) -> None:
            left[0] -= reached == moment
            if left[0] == 0:
                raise Killed

        with pytest.raises(Killed):
            feed_relay(kafka, definition, project, at=die).run(threading.Event())
    run_through(kafka, definition)
    assert_told_once(kafka, definition, stated)
    decided = [one for one in feed_of(kafka, companies(definition)[0]) if one.type == "guldadra.review.taken_up"]
    assert len(decided) == 5


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_that_is_killed_tells_nothing_twice_and_leaves_nothing_out(
    kafka: KafkaConfig, tmp_path: Path, moment: str
) -> None:
    definition = registry_folder(tmp_path, "hip")
    make_log(kafka, definition)
    product = "CUP01"
    company = next(iter(makers(definition, product)))
    before = len(feed_of(kafka, company))  # the bundled companies are told by other tests too
    env = {
        **os.environ,
        "GULDADRA_BOOTSTRAP": str(kafka["bootstrap.servers"]),
        "GULDADRA_REGISTRIES": str(definition.folder.parent),
        "GULDADRA_DATA": str(tmp_path),
    }
    for life in range(3):
        state(kafka, definition, *(signal(definition, product, 1 + life * 20 + number) for number in range(20)))
        ended = subprocess.run(
            [sys.executable, "-c", DYING, moment, "1", definition.name], env=env, cwd=tmp_path, capture_output=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert ended.returncode == -signals.SIGKILL, ended.stderr.decode()[-2_000:]
    relay = feed_relay(kafka, definition)
    stop = threading.Event()
    with working(lambda _: relay.run(stop)):
        wait_for(lambda: relay.health.caught_up, "the rest")
        stop.set()
    told = [one for one in feed_of(kafka, company)[before:] if one.registry == definition.name]
    assert len({one.id for one in told}) == len(told) == 60
    assert [one.type.rpartition(".")[2] for one in told] == ["raised", *["updated"] * 59]


def test_two_under_one_name_tell_nothing_twice(kafka: KafkaConfig, definition: RegistryDefinition) -> None:
    relays = [feed_relay(kafka, definition, project) for _ in range(2)]
    stop = threading.Event()

    def run(relay: Relay) -> None:
        try:
            relay.run(stop)
        except FencedError:
            return

    with working(lambda _: run(relays[0]), lambda _: run(relays[1])):
        for number in range(1, 40):
            state(kafka, definition, signal(definition, message=number), signal(definition, "CUP02", number))
        until_told(kafka, definition, 78)
        stop.set()
    assert_told_once(kafka, definition, 39)
