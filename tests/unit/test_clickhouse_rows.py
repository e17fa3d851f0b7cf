"""Rows as bytes, read back by fastavro, which knows nothing of how they were put together."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.codec import decode_event, form_schema
from sinks.clickhouse.buffer import Buffer, Read
from sinks.clickhouse.rows import zigzag
from tests.clickhouse_support import SUBMITTED_AT, AcceptedLog, receipt
from tests.support import bundled, patient, registration

if TYPE_CHECKING:
    from sinks.clickhouse.buffer import TableRows


def read_back(rows: TableRows) -> list[dict[str, Any]]:
    return [dict(record) for record in fastavro.reader(io.BytesIO(rows.layout.container(rows.blocks)))]  # type: ignore[arg-type]


def taken(buffer: Buffer, topic: str, value: bytes | None, offset: int = 0) -> Read:
    read = Read(topic, 0, offset, b"key", value)
    buffer.take(read)
    return read


@given(st.integers(-(2**63), 2**63 - 1))
def test_zigzag_is_avro_s_long(number: int) -> None:
    written = io.BytesIO()
    fastavro.schemaless_writer(written, {"type": "long"}, number)
    assert zigzag(number) == written.getvalue()


@pytest.mark.parametrize(("partition", "epoch", "offset"), [(0, 0, 0), (11, 7, 63), (999, 65_535, 2**48 - 1)])
def test_a_form_s_row_is_its_origin_and_then_its_fields(partition: int, epoch: int, offset: int) -> None:
    definition = bundled("hip")
    log = AcceptedLog(definition, partition, epoch, offset)
    log.add("reoperation", 3, components_removed=["cup", "liner"], occurred_on=-5)
    buffer = Buffer({definition.name: definition})
    taken(buffer, topics.accepted(definition.name), log.batch())
    (row,) = read_back(next(rows for rows in buffer.tables if rows.layout.name == "reoperation_rows"))
    assert (row["_partition"], row["_epoch"], row["_offset"]) == (partition, epoch, offset)
    assert row["_schema_id"] == log.registrations[0]["schema_id"]
    assert row["_submitted_at"].timestamp() * 1000 == SUBMITTED_AT + offset % 1_000
    assert row["components_removed"] == ["cup", "liner"]
    assert row["occurred_on"].isoformat() == "1969-12-27"
    assert row["new_cup"] is None
    assert row["patient"] == patient(3)


def test_long_rows_have_their_whole_size() -> None:
    definition = bundled("metabolic")
    log = AcceptedLog(definition)
    text = "å" * 5_000
    log.add("person", 1, smoker_source=text)
    log.add("person", 2)
    buffer = Buffer({definition.name: definition})
    taken(buffer, topics.accepted(definition.name), log.batch())
    first, second = read_back(next(rows for rows in buffer.tables if rows.layout.name == "person_rows"))
    assert (first["smoker_source"], second["smoker_source"]) == (text, None)


def test_messages_go_to_the_archive_and_the_receipts_as_they_are() -> None:
    definition = bundled("hip")
    log = AcceptedLog(definition)
    log.add("death")
    told = receipt(definition, 0, 2, accepted=1, refusals=[(1, [("side", "is wrong")]), (2, [])])
    buffer = Buffer({definition.name: definition})
    taken(buffer, topics.accepted(definition.name), log.batch())
    taken(buffer, topics.receipts(definition.name), told)
    by_table = {rows.layout.name: rows for rows in buffer.tables}
    assert by_table["accepted_messages"].layout.container([]) != by_table["receipt_messages"].layout.container([])
    (batch,) = read_back(by_table["accepted_messages"])
    assert batch["registrations"][0]["payload"] == log.registrations[0]["payload"]
    (shown,) = read_back(by_table["receipt_messages"])
    assert shown["refusals"][0] == {"offset": 1, "faults": [{"field": "side", "rule": "is wrong"}]}
    assert buffer.registrations == 2


def test_whoever_finds_a_registration_in_the_archive_finds_it_in_its_form() -> None:
    definition = bundled("hip")
    log = AcceptedLog(definition)
    log.add("death")
    log.add("reoperation")
    buffer = Buffer({definition.name: definition})
    assert buffer.waves == []
    taken(buffer, topics.accepted(definition.name), log.batch())
    first, last = ([rows.layout.name for rows in wave] for wave in buffer.waves)
    assert sorted(first) == ["death_rows", "reoperation_rows"]
    assert last == ["accepted_messages"]


def test_a_refused_row_is_given_up_as_a_batch_of_its_one_registration() -> None:
    definition = bundled("hip")
    buffer = Buffer({definition.name: definition})
    topic = topics.accepted(definition.name)
    first, second = AcceptedLog(definition), AcceptedLog(definition, next_offset=10)
    for number in range(3):
        first.add("death", number)
        first.add("reoperation", number)
        second.add("reoperation", 100 + number)
        second.add("death", 100 + number)
    taken(buffer, topic, first.batch(), offset=70)
    taken(buffer, topic, second.batch(), offset=71)
    deaths = next(rows for rows in buffer.tables if rows.layout.name == "death_rows")
    given_up = deaths.given_up(4, "code 117")
    assert (given_up.read.offset, given_up.read.key) == (71, b"key")
    assert given_up.error == "code 117 (registration at offset 13 of epoch 0; it is in the archive)"
    assert given_up.value is not None
    batch = decode_event("accepted_batch", given_up.value)
    assert (batch["first_offset"], batch["last_offset"]) == (13, 13)
    assert [one["registration_id"] for one in batch["registrations"]] == ["death-101"]
    whole = next(rows for rows in buffer.tables if rows.layout.name == "accepted_messages")
    assert whole.given_up(1, "code 117").value == second.batch()


def test_what_cannot_be_read_is_given_up_whole_and_the_rest_goes_on() -> None:
    definition = bundled("hip")
    buffer = Buffer({definition.name: definition})
    log = AcceptedLog(definition)
    log.add("death")
    taken(buffer, topics.accepted(definition.name), b"\x01\x02")
    taken(buffer, topics.receipts(definition.name), b"")
    taken(buffer, topics.accepted(definition.name), None)
    taken(buffer, topics.accepted(definition.name), log.batch())
    assert [(one.error, one.value) for one in buffer.given_up] == [
        ("the message is not a accepted_batch", b"\x01\x02"),
        ("the message is not a receipt", b""),
        ("the message has no value", None),
    ]
    assert buffer.registrations == 1


def test_a_schema_of_no_declared_form_is_given_up_but_archived() -> None:
    definition = bundled("hip")
    other = bundled("metabolic")
    event = other.forms["event"]
    schema = form_schema(event, event.avro)
    log = AcceptedLog(definition)
    log.add("death", 1)
    log.add_written(schema, registration(other, "event", 2))
    buffer = Buffer({definition.name: definition})
    taken(buffer, topics.accepted(definition.name), log.batch())
    (given_up,) = buffer.given_up
    assert f"schema id {schema.schema_id} is no version of any form declared here" in given_up.error
    archived = next(rows for rows in buffer.tables if rows.layout.name == "accepted_messages")
    assert len(read_back(archived)[0]["registrations"]) == 2
