"""Pieces that several tests share: registries of their own, valid registrations, a log to put them on."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.logbook import begin_epoch, begin_feeds, make_topics
from schemas import topics
from schemas.codec import decode_event, form_schema, wire_header
from schemas.company import companies_of
from schemas.definition.folder import load_registries
from schemas.definition.form import form_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.codec import FormSchema
    from schemas.definition.registry import RegistryDefinition
    from streams.control import KafkaConfig

_numbers = itertools.count(int(time.time() * 1000) % 1_000_000_000)

NOON_2001 = 978_350_400_000  # 2001-01-01 12:00 UTC
DAY_2001 = 11_323  # 2001-01-01 in days since 1970-01-01
PATIENT = "k1-" + "a" * 26

BODIES: Mapping[str, Mapping[str, Any]] = {
    "person": {
        "birth_year": 1950, "sex": "female", "weight": 70.0, "height": None, "bmi": None,
        "smoker": None, "smoker_source": None, "followed_until": None, "died": None,
    },
    "measurement": {"test": "hdl", "value": 55.0},
    "event": {"event": "stroke"},
    "primary_operation": {
        "side": "left", "diagnosis": "M16.1", "procedure": "NFB49", "cup": "CUP01", "cup_lot": None,
        "stem": "STEM01", "stem_lot": None, "head": None, "head_lot": None, "fixation": "cemented",
        "age": 70, "birth_year": 1930, "sex": "female", "bmi": 27.5, "asa": 2,
    },
    "reoperation": {
        "side": "left", "reason": "loosening", "procedure": "NFC99", "components_removed": ["cup"],
        "primary_registration_id": None, "new_cup": None, "new_stem": None, "new_head": None,
    },
    "death": {},
    "emigration": {},
    "opt_out": {},
    "diagnosis": {"birth_year": 1960, "sex": "male", "diagnosis": "B24.9", "viral_load": 9_000, "cd4": 300},
    "visit": {
        "contact": "doctor", "viral_load": 20, "cd4": 500, "on_treatment": True, "drugs": ["J05AR06"],
        "missed_doses": 0,
    },
    "risk_assessment": {
        "area": "fall", "instrument": "downton", "score": 5, "at_risk": True, "age": 80, "birth_year": 1920,
        "sex": "female", "care": "hospital",
    },
    "planned_action": {"area": "fall", "actions": ["exercise"], "assessment_id": None},
    "performed_action": {"area": "fall", "actions": ["exercise"], "plan_id": None},
    "outcome": {"area": "fall", "harmed": False, "severity": None, "assessment_id": None},
    "treatment": {
        "birth_year": 1950, "sex": "female", "drug": "ALV", "atc": "L04AB04", "batch": None, "indication": "M05.9",
        "user": "new", "stopped_on": None, "stop_reason": None,
    },
    "disease_activity": {"das28": 3.2, "tender_joints": 2, "swollen_joints": 1, "global_health": 30},
    "adverse_reaction": {
        "drug": "ALV", "batch": None, "concomitant_drugs": [], "reaction_text": "utslag", "reaction_code": "DER",
        "reaction_code_version": "example 1.0", "seriousness": [], "outcome": "recovered", "dechallenge": None,
        "rechallenge": None, "reporter": "doctor", "same_event_as": None,
    },
    "pregnancy": {
        "drug": "ALV", "gestation_weeks": 5, "ended_on": None, "outcome": None, "congenital_anomaly": None,
    },
}  # fmt: skip


def patient(number: int) -> str:
    """A well-formed pseudonym for each number below 32**6."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    digits = [letters[number >> (5 * place) & 31] for place in range(6)]
    return f"k1-{''.join(digits)}{'a' * 20}"


def bundled(name: str, **changes: Any) -> RegistryDefinition:
    """A bundled registry under a name of the test's own, so that its topics and tables are its own."""
    definition = load_registries()[name]
    renamed = definition.registry.model_copy(update={"name": f"{name}_{next(_numbers)}", **changes})
    return replace(definition, registry=renamed)


def registration(definition: RegistryDefinition, form: str, number: int = 1, **fields: Any) -> dict[str, Any]:
    """A valid registration in Avro's own numbers; ``fields`` replace what it says."""
    common = {
        "registration_id": f"{form}-{number}",
        "patient": patient(number),
        "unit": next(iter(definition.catalogues["units"].rows)),
        "occurred_on": DAY_2001,
        "recorded_at": NOON_2001,
        "retracted": False,
    }
    if definition.forms[form].field_with("unit") is None:
        del common["unit"]
    return {**common, **BODIES[form], **fields}


@cache
def _schema_of(avro: str) -> FormSchema:
    form = form_of(json.loads(avro), Path("form.avsc"))
    return form_schema(form, form.avro)


def present_schema(definition: RegistryDefinition, form: str) -> FormSchema:
    """A form's present version; preparing one takes milliseconds, so it is done once."""
    return _schema_of(json.dumps(definition.forms[form].avro))


def message(definition: RegistryDefinition, form: str, number: int = 1, **fields: Any) -> tuple[bytes, bytes]:
    """Key and value of a submission, written with the bundled schema id."""
    body = registration(definition, form, number, **fields)
    schema = present_schema(definition, form)
    return str(body["patient"]).encode(), wire_header(schema.schema_id) + schema.encode(body)


def make_log(kafka: KafkaConfig, *registries: RegistryDefinition, partitions: int = 4, epoch: int = 0) -> None:
    """Topics and first word of each registry, and of the feeds of its companies."""
    companies = companies_of(registries)
    found = make_topics(
        kafka, [registry.name for registry in registries], partitions, companies=companies, retention_days=30
    )
    made = {finding.name for finding in found if finding.made}
    begin_feeds(kafka, companies, made, lambda _: None, by="test")
    for registry in registries:
        begin_epoch(kafka, registry.name, partitions, epoch, by="test", reason="a test begins")


def send(kafka: KafkaConfig, topic: str, messages: list[tuple[bytes | None, bytes | None]]) -> None:
    """Put messages on a topic as any Kafka client would."""
    failures: list[Any] = []
    producer = Producer({**kafka, "partitioner": topics.MURMUR2, "message.max.bytes": 12 << 20, "linger.ms": 5})
    for key, value in messages:
        while True:
            try:
                producer.produce(
                    topic, value, key, on_delivery=lambda error, _: failures.append(error) if error else None
                )
            except BufferError:
                producer.poll(0.1)
            else:
                break
    producer.flush()
    assert failures == []


@dataclass(frozen=True, slots=True)
class Outcome:
    """What intake made of a registry's submissions, by (partition, offset)."""

    accepted: dict[tuple[int, int], dict[str, Any]]
    refused: dict[tuple[int, int], list[tuple[str, str]]]
    twice: list[tuple[int, int]]

    @property
    def rules(self) -> list[str]:
        """The rules that refusals named, in no order."""
        return sorted(rule for faults in self.refused.values() for _, rule in faults)


def outcome(kafka: KafkaConfig, registry: str) -> Outcome:
    """Read everything that intake wrote so far, committed transactions only."""
    accepted: dict[tuple[int, int], dict[str, Any]] = {}
    refused: dict[tuple[int, int], list[tuple[str, str]]] = {}
    twice: list[tuple[int, int]] = []
    for batch in read_events(kafka, topics.accepted(registry), "accepted_batch"):
        for row in batch["registrations"]:
            place = (batch["partition"], row["offset"])
            if place in accepted:
                twice.append(place)
            accepted[place] = row
    decided = 0
    for receipt in read_events(kafka, topics.receipts(registry), "receipt"):
        assert receipt["received"] == receipt["accepted"] + len(receipt["refusals"])
        decided += receipt["received"]
        for refusal in receipt["refusals"]:
            place = (receipt["partition"], refusal["offset"])
            if place in refused or place in accepted:
                twice.append(place)
            refused[place] = [(fault["field"], fault["rule"]) for fault in refusal["faults"]]
    assert decided == len(accepted) + len(refused) + len(twice), "receipts and batches disagree"
    return Outcome(accepted, refused, twice)


def read_events(kafka: KafkaConfig, topic: str, event: str) -> list[dict[str, Any]]:
    """All of the platform's own records on a topic, committed transactions only."""
    admin = AdminClient(dict(kafka))
    partitions = list(admin.list_topics(topic, timeout=10).topics[topic].partitions)
    consumer = Consumer(
        {**kafka, "group.id": "test-reader", "enable.auto.commit": False, "isolation.level": "read_committed",
         "enable.partition.eof": True, "fetch.queue.backoff.ms": 10, "fetch.wait.max.ms": 10}
    )  # fmt: skip
    consumer.list_topics(timeout=10)  # assigned to a known broker, it reads at once
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    events: list[dict[str, Any]] = []
    open_ends = set(partitions)
    deadline = time.monotonic() + 60
    while open_ends:
        assert time.monotonic() < deadline, f"no end of {topic} in sight"
        for found in consumer.consume(1_000, 0.02):
            if found.error() is not None:
                open_ends.discard(found.partition())
            else:
                events.append(decode_event(event, bytes(found.value() or b"")))
    consumer.close()
    return events


def wait_for(condition: Any, what: str, patience_s: float = 60.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"still waiting: {what}"
        time.sleep(0.05)
