"""Reporting killed between any two of its acts: each case is drafted once, sent under one id, acknowledged once."""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from schemas import topics
from sinks.agency.people import Act, checked
from sinks.clickhouse.client import connect
from streams.publish.send_events import send_events
from tests.faults import dying_report
from tests.reporting_support import EXAMPLE, Reported, reported
from tests.support import wait_for
from tests.workers import GULDADRA, ROUNDS, Worker

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from deploy.kafka.launcher import KafkaBroker

pytestmark = pytest.mark.faults

_PERSONS_A_ROUND = 3
_LONGEST_ROUND_S = 12.0


class Beside:
    """What others do meanwhile: somebody checks drafts, the agency's client takes messages away and answers."""

    def __init__(self, registry: Reported) -> None:
        self._registry = registry
        self.taken: dict[str, set[bytes]] = {}

    def do(self) -> None:
        """All that is to be done now."""
        registry = self._registry
        acts = [
            Act(case, key, "anna", datetime.now(UTC))
            for case in registry.cases().values()
            for key, one in case.reports.items()
            if one.state == "drafted"
        ]
        records = [checked(act) for act in acts]
        said = [{name: one[name] for name in one if name not in ("registry", "epoch")} for one in records]
        topic = topics.reports(registry.definition.name)
        if said:
            send_events(registry.kafka, registry.definition, topic, "report", [(one["case"], one) for one in said])
        for message in registry.out() if (registry.gateway / "out").is_dir() else []:
            self.taken.setdefault(message.stem, set()).add(message.read_bytes())
            registry.answer(message, name=f"{message.stem}-{len(self.taken)}-{time.monotonic_ns()}.xml")
            message.unlink()


def test_each_report_goes_its_way_once_whenever_the_process_dies(
    real_kafka: KafkaBroker, embedded_database: EmbeddedDatabase, tmp_path: Path
) -> None:
    kafka: dict[str, str | int | bool] = {"bootstrap.servers": real_kafka.bootstrap}
    dice = random.Random(ROUNDS)
    killed: Counter[str] = Counter()
    with connect(embedded_database.url) as client:
        registry = reported(tmp_path, kafka, client, embedded_database.url)
        env = {
            "GULDADRA_BOOTSTRAP": real_kafka.bootstrap,
            "GULDADRA_CLICKHOUSE_URL": embedded_database.url,
            "GULDADRA_AGENCY": json.dumps({**EXAMPLE, "gateway": str(registry.gateway)}),
        }
        beside = Beside(registry)
        for number in range(ROUNDS):
            for person in range(_PERSONS_A_ROUND):
                registry.serious(number * _PERSONS_A_ROUND + person + 1)
            beside.do()
            moment = dying_report.MOMENTS[number % len(dying_report.MOMENTS)]
            program = ("-m", "tests.faults.dying_report", moment, str(dice.randint(1, 3)), "report")
            worker = Worker("run", registry.definition, tmp_path, env, name="report", program=program)
            worker.start_unseen()
            until = time.monotonic() + _LONGEST_ROUND_S
            while worker.alive and time.monotonic() < until:
                beside.do()
                time.sleep(0.1)
            killed[moment if not worker.alive else "at rest"] += 1
            if worker.alive:
                worker.kill()
            worker.stop()
        worker = Worker("run", registry.definition, tmp_path, env, name="report", program=(*GULDADRA, "report"))
        worker.start()

        def all_acknowledged() -> bool:
            beside.do()
            states = registry.states()
            return len(states) == ROUNDS * _PERSONS_A_ROUND and set(states) == {"acknowledged"}

        wait_for(all_acknowledged, "every report to be acknowledged", patience_s=120)
        assert worker.stop() == 0
        cases = registry.cases()
        assert all(case.refused == () for case in cases.values())
        for case in cases.values():
            steps = Counter(one["step"] for one in case.log)
            assert (steps["drafted"], steps["checked"], steps["acknowledged"]) == (1, 1, 1)
        assert set(beside.taken) == {f"{case}.A1.1" for case in cases}
        assert all(len(contents) == 1 for contents in beside.taken.values()), "the same under the same id"
        assert list((registry.gateway / "aside").iterdir()) == []
        assert sum(killed.values()) == ROUNDS
        assert killed["at rest"] <= ROUNDS // 2, killed
        sys.stdout.write(f"{ROUNDS} rounds: {dict(killed)}; {len(cases)} reports, each drafted and acknowledged once\n")
