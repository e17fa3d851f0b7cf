"""A hip register of any size, put on the log as intake would have put it there: a million patients in a minute."""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer

from schemas import topics
from streams.intake.decide import Accepted
from streams.intake.slices import MAX_REGISTRATIONS, cut
from streams.publish.partition import partitions_of
from streams.transactions import again, put
from tests.support import present_schema, registration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from schemas.definition.registry import RegistryDefinition
    from streams.control import KafkaConfig

_FIRST_DAY, _LAST_DAY = 10_592, 11_687  # 1999-01-01 to 2001-12-31: as many cells for few patients as for many
_LAG_DAYS = 60
_DAY_MS = 86_400_000
_IN_A_TRANSACTION = 100_000
_COMMIT_S = 60.0
# Of fresh registrations: what they are, and how often. The rest are first operations of new patients.
_SHARES = {
    "other_hip": 0.15,
    "reoperation": 0.2,
    "correction": 0.08,
    "death": 0.04,
    "emigration": 0.01,
    "retracted": 0.02,
}


class Hips:
    """Invented patients, numbered, each with an operation; and then what comes of them.

    The same seed gives the same.

    Args:
        definition: a copy of the bundled hip registry.
        seed: for the draws.
    """

    def __init__(self, definition: RegistryDefinition, seed: int = 1999) -> None:
        self._definition = definition
        self._random = Random(seed)
        self._patients = 0
        self._others = 0
        self._units = list(definition.catalogues["units"].rows)
        kinds: defaultdict[str, list[str]] = defaultdict(list)
        for code, row in definition.catalogues["components"].rows.items():
            kinds[row["kind"]].append(code)
        self._components = kinds

    def operations(self, patients: int) -> Iterator[Accepted]:
        """One operation each of so many new patients, from the first day on to the last, registered as they go."""
        for number in range(patients):
            yield self._first(_FIRST_DAY + number * (_LAST_DAY - _FIRST_DAY) // patients)

    def fresh(self, registrations: int) -> Iterator[Accepted]:
        """What comes on the last day: new patients, and of known ones reoperations, the other hip, deaths …"""
        kinds = [*_SHARES, "first"]
        weights = [*_SHARES.values(), 1 - sum(_SHARES.values())]
        for kind in self._random.choices(kinds, weights, k=registrations):
            yield self._first(_LAST_DAY) if kind == "first" else self._of_known(kind)

    def _first(self, today: int) -> Accepted:
        self._patients += 1
        return self._operation(self._patients, f"P-{self._patients}", self._before(today), side="left")

    def _of_known(self, kind: str) -> Accepted:
        number = self._random.randint(1, self._patients)
        self._others += 1
        if kind in ("correction", "retracted"):  # of whatever was said of them
            day = self._random.randint(_FIRST_DAY, _LAST_DAY)
            return self._operation(number, f"P-{number}", day, side="left", retracted=kind == "retracted")
        if kind == "other_hip":
            return self._operation(number, f"X-{self._others}", self._before(_LAST_DAY), side="right")
        if kind == "reoperation":
            removed = self._random.choice((["cup"], ["stem"], ["cup", "stem"], ["head"], []))
            return self._accepted("reoperation", number, f"X-{self._others}", unit=self._unit(),
                                  occurred_on=self._before(_LAST_DAY), components_removed=removed)  # fmt: skip
        return self._accepted(kind, number, f"X-{self._others}", occurred_on=self._before(_LAST_DAY))

    def _operation(self, number: int, registration_id: str, day: int, **fields: Any) -> Accepted:
        choice = self._random.choice
        return self._accepted(
            "primary_operation", number, registration_id,
            unit=self._unit(), occurred_on=day, recorded_at=(day + self._random.randint(0, _LAG_DAYS)) * _DAY_MS,
            cup=choice(self._components["cup"]), stem=choice(self._components["stem"]),
            head=choice(self._components["head"]), fixation=choice(("cemented", "uncemented", "hybrid")),
            age=self._random.randint(40, 95), sex=choice(("female", "male")), **fields,
        )  # fmt: skip

    def _accepted(self, form: str, number: int, registration_id: str, **fields: Any) -> Accepted:
        schema = present_schema(self._definition, form)
        said = registration(self._definition, form, number, registration_id=registration_id, **fields)
        return Accepted(form, schema.schema_id, said["patient"], registration_id, schema.encode(said))

    def _unit(self) -> str:
        return self._random.choice(self._units)

    def _before(self, today: int) -> int:
        """A day that is told of today."""
        return today - self._random.randint(0, _LAG_DAYS)


class AcceptedLog:
    """The topic ``accepted.<registry>``, written as intake writes it, but for the receipts and submissions."""

    def __init__(self, kafka: KafkaConfig, registry: str, partitions: int) -> None:
        self._registry = registry
        self._partitions = partitions
        self._next = [0] * partitions
        self._producer = Producer(
            {
                **kafka,
                "transactional.id": f"bench-{registry}",
                "compression.type": "lz4",
                "message.max.bytes": 4 << 20,
                "linger.ms": 5,
            }
        )
        self._producer.init_transactions(_COMMIT_S)

    def write(self, accepted: Iterable[Accepted], at_once: int = _IN_A_TRANSACTION) -> int:
        """Append registrations, so many to a transaction: readers see them at its end, all of them; how many."""
        count = 0
        waiting: list[Accepted] = []
        for one in accepted:
            waiting.append(one)
            count += 1
            if len(waiting) == at_once:
                self._commit(waiting)
                waiting = []
        if waiting:
            self._commit(waiting)
        return count

    def _commit(self, accepted: list[Accepted]) -> None:
        places = partitions_of([one.patient.encode() for one in accepted], self._partitions)
        by_partition: list[list[Accepted]] = [[] for _ in range(self._partitions)]
        for one, place in zip(accepted, places.tolist(), strict=True):
            by_partition[place].append(one)
        self._producer.begin_transaction()
        topic = topics.accepted(self._registry)
        for start in range(0, max(map(len, by_partition)), MAX_REGISTRATIONS):
            for partition, its in enumerate(by_partition):  # in turn, as they would come
                some = its[start : start + MAX_REGISTRATIONS]
                first = self._next[partition]
                self._next[partition] += len(some)
                verdicts = [(first + place, 0, one) for place, one in enumerate(some)]
                for batch in cut(self._registry, partition, 0, verdicts):
                    put(self._producer, topic, batch.accepted_batch(), partition=partition)
        again(lambda: self._producer.commit_transaction(_COMMIT_S))
