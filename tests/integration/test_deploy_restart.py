"""A stack that is stopped and started again: what was registered is there, and what is said later wins."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from deploy.settings import Settings
from deploy.stack import EmbeddedStack
from schemas import topics
from schemas.version import version_of
from sinks.clickhouse.archive import counts
from sinks.clickhouse.queries.company import company_view
from sinks.clickhouse.status import partition_status
from streams.control import ControlReader
from streams.publish.publisher import Publisher
from tests.support import patient, read_events, wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.embedded, pytest.mark.stack]


def operation(number: int, **said: Any) -> dict[str, Any]:
    return {
        "registration_id": f"op-{number}",
        "patient": patient(number),
        "unit": "U01",
        "occurred_on": date(2001, 1, 1),
        "recorded_at": "2001-01-02T09:00:00Z",
        "side": "left",
        "diagnosis": "M16.1",
        "procedure": "NFB49",
        "cup": "CUP01",
        "stem": "STEM01",
        "fixation": "cemented",
        "age": 70,
        "birth_year": 1930,
        "sex": "female",
        **said,
    }


def publish(stack: EmbeddedStack, *operations: dict[str, Any]) -> None:
    """Publish, and wait for the receipts."""
    settings = stack.settings
    definitions = settings.definitions(("hip",))
    with Publisher(settings.kafka_config(), definitions["hip"], settings.store(definitions)) as publisher:
        for one in operations:
            publisher.register("primary_operation", one)
        assert publisher.results().accepted == len(operations)


def epoch(stack: EmbeddedStack) -> int:
    with ControlReader(stack.settings.kafka_config()) as control:
        said = control.of("hip")
    assert said is not None
    return said.epoch


def put_in(stack: EmbeddedStack) -> dict[str, int]:
    rows = company_view(stack.client, stack.settings.definitions(("hip",))["hip"])
    return {row.component: row.inserted for row in rows if row.unit is None}


def on_the_log(stack: EmbeddedStack) -> list[tuple[int, int, str, bytes]]:
    """Every accepted submission: partition, version, registration, payload."""
    batches = read_events(stack.settings.kafka_config(), topics.accepted("hip"), "accepted_batch")
    return sorted(
        (batch["partition"], version_of(batch["epoch"], one["offset"]), one["registration_id"], one["payload"])
        for batch in batches
        for one in batch["registrations"]
    )


def archived(stack: EmbeddedStack) -> list[tuple[int, int, str, bytes]]:
    query = "SELECT partition, version, registration_id, payload FROM guldadra_hip.archive FINAL"
    return sorted(stack.client.rows(query, binary=["payload"]))


def test_a_restart_forgets_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    with EmbeddedStack(Settings(), folder, lambda _: None, journeys=["hip"]) as stack:
        assert epoch(stack) == 0
        publish(stack, *(operation(number) for number in range(1, 9)))
        first = on_the_log(stack)
        assert [name for *_, name, _ in sorted(first, key=lambda row: row[2])] == [f"op-{n}" for n in range(1, 9)]
        keys = sorted(path.read_bytes() for path in stack.settings.keys.iterdir())

    told: list[str] = []
    with EmbeddedStack(Settings(), folder, told.append, journeys=["hip"]) as stack:
        assert "filling hip's log from the archive" in told
        assert epoch(stack) == 1
        assert archived(stack) == first, "what has a receipt was loaded before the end"
        assert on_the_log(stack) == first, "the log begins anew with the old versions"
        assert put_in(stack) == {"CUP01": 8}
        assert sorted(path.read_bytes() for path in stack.settings.keys.iterdir()) == keys

        publish(stack, operation(1, cup="CUP02"), operation(2, retracted=True), operation(9), operation(3))
        wait_for(lambda: len(archived(stack)) == 12, "the loader")
        assert put_in(stack) == {"CUP01": 7, "CUP02": 1}
        assert stack.client.rows(
            "SELECT registration_id, cup FROM guldadra_hip.primary_operation ORDER BY registration_id"
        ) == [("op-1", "CUP02"), *((f"op-{number}", "CUP01") for number in range(3, 10))]
        assert {version >> 48 for _, version, *_ in set(archived(stack)) - set(first)} == {1}
        found = counts(stack.client, stack.settings.definitions(("hip",))["hip"])
        assert (found.registrations, found.corrected, found.retracted, found.duplicates) == (9, 2, 1, 1)
        wait_for(lambda: all(one.conserved for one in partition_status(stack.client, "hip")), "all receipts")
        assert all(one.gaps == 0 for one in partition_status(stack.client, "hip"))
