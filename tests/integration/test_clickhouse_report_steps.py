"""Steps of reports through the loader's buffer into the table, and read back as they were said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from schemas import topics
from schemas.codec import encode_event
from schemas.report import STEPS
from sinks.agency.outbox import fold
from sinks.clickhouse.buffer import Buffer, Read
from sinks.clickhouse.erasure import erase
from sinks.clickhouse.queries.reports import read_steps
from tests.agency_support import CASE, follow_up, step
from tests.clickhouse_support import migrated
from tests.support import PATIENT, patient

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client


@pytest.fixture
def registry(client: Client) -> RegistryDefinition:
    return migrated(client, "biologics")


def load(client: Client, registry: RegistryDefinition, records: list[dict[str, Any]], offset: int = 0) -> Buffer:
    """As the loader does, without Kafka in between, from one partition."""
    buffer = Buffer({registry.name: registry})
    for place, record in enumerate(records, start=offset):
        value = encode_event("report", record)
        buffer.take(Read(topics.reports(registry.name), 0, place, record["case"].encode(), value))
    for rows in buffer.tables:
        client.insert(rows.layout.table, rows.layout.container(rows.blocks), "Avro")
    return buffer


def said(registry: RegistryDefinition, *records: dict[str, Any], epoch: int = 0) -> list[dict[str, Any]]:
    return [{**one, "registry": registry.name, "epoch": epoch} for one in records]


def test_each_step_is_read_back_as_it_was_said(client: Client, registry: RegistryDefinition) -> None:
    whole = step(
        1, "drafted", rule="serious_reaction", four_eyes=True, patient=PATIENT, sources=["adverse_reaction/r-1"],
        facts="f" * 64, findings=["E.i.2.1b: no code"], asks=["G.k.4.r.7: the batch"],
        content=b"<a>\xc3\xa5\x00</a>",
    )  # fmt: skip
    records = said(registry, whole, *(step(number, name) for number, name in enumerate(STEPS[1:], start=2)))
    assert load(client, registry, records).given_up == []
    found = list(read_steps(client, registry.name, contents=True))
    assert found == list(enumerate(records))
    without = [record for _, record in read_steps(client, registry.name)]
    assert without == [{**one, "content": b"-" if one["step"] == "drafted" else None} for one in records]


def test_what_comes_twice_or_later_under_an_id_counts_once_and_first(
    client: Client, registry: RegistryDefinition
) -> None:
    drafted, checked = said(registry, step(1, "drafted"), step(2, "checked"))
    load(client, registry, [drafted, checked])
    load(client, registry, [drafted, checked])
    load(client, registry, said(registry, step(2, "withdrawn"), epoch=1), offset=7)
    other = said(registry, step(3, "drafted", case="SE-EXEMPEL-K2"), epoch=1)
    load(client, registry, other, offset=8)
    assert list(read_steps(client, registry.name, contents=True)) == [(0, drafted), (1, checked), (1 << 48 | 8, *other)]
    assert list(read_steps(client, registry.name, [CASE], contents=True)) == [(0, drafted), (1, checked)]


def test_states_come_of_steps_without_their_contents(client: Client, registry: RegistryDefinition) -> None:
    way = ("drafted", "checked", "attempted", "sent", "acknowledged")
    records = [*(step(number, name) for number, name in enumerate(way, start=1)), follow_up(9, 2)]
    load(client, registry, said(registry, *records))
    case = fold(CASE, read_steps(client, registry.name))
    assert {key: one.state for key, one in case.reports.items()} == {
        (1, "agency"): "acknowledged",
        (2, "agency"): "drafted",
    }
    assert case.refused == ()


def test_what_is_no_step_is_given_up(client: Client, registry: RegistryDefinition) -> None:
    buffer = load(client, registry, said(registry, step(1, "drafted", classes=["urgent"])))
    (given_up,) = buffer.given_up
    assert given_up.error == "the report is not as it must be: classes of icsr_sender are serious, non_serious"
    assert list(read_steps(client, registry.name)) == []


def test_a_report_stays_when_its_person_opts_out_but_tells_no_more_whose_it_is(
    client: Client, registry: RegistryDefinition
) -> None:
    named: dict[str, Any] = {"patient": PATIENT, "sources": ["adverse_reaction/r-1"]}
    records = said(registry, step(1, "drafted", **named), step(2, "checked"))
    other = said(registry, step(3, "drafted", case="SE-EXEMPEL-K2", patient=patient(7), sources=["a/b"]))
    load(client, registry, [*records, *other])
    assert erase(client, registry)["reports"] == 0
    form = registry.forms["opt_out"]
    client.command(
        f"INSERT INTO guldadra_{registry.name}.opt_out_rows (_partition, _version, {form.name_of('patient')}, "
        f"{form.name_of('registration_id')}) VALUES (0, 5, '{PATIENT}', 'o-1')"
    )
    assert erase(client, registry)["reports"] == 1
    assert erase(client, registry)["reports"] == 0
    unlinked = {**records[0], "patient": None, "sources": []}
    assert [one for _, one in read_steps(client, registry.name, contents=True)] == [unlinked, records[1], *other]
