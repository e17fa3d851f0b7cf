"""A stack that is stopped and started again: what was registered is there, and what is said later wins."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from deploy.settings import Settings
from deploy.stack import EmbeddedStack
from deploy.surveillance_check import check_surveillance
from schemas import topics
from schemas.version import version_of
from sinks.clickhouse.archive import counts
from sinks.clickhouse.queries.company import company_view
from sinks.clickhouse.queries.signals import read_signals
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


def publish(stack: EmbeddedStack, *operations: dict[str, Any], form: str = "primary_operation") -> None:
    """Publish, and wait for the receipts."""
    settings = stack.settings
    definitions = settings.definitions(("hip",))
    with Publisher(settings.kafka_config(), definitions["hip"], settings.store(definitions)) as publisher:
        for one in operations:
            publisher.register(form, one)
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


def reoperation(number: int, day: date) -> dict[str, Any]:
    return {
        "registration_id": f"re-{number}",
        "patient": patient(number),
        "unit": "U01",
        "occurred_on": day,
        "recorded_at": f"{day.isoformat()}T09:00:00Z",
        "side": "left",
        "reason": "loosening",
        "procedure": "NFC99",
        "components_removed": ["cup"],
    }


def test_what_surveillance_keeps_is_made_again_and_shown_is_what_it_keeps(tmp_path: Path) -> None:
    folder = tmp_path / "stack"

    def agrees(stack: EmbeddedStack) -> list[str]:
        """The signals, once what is kept and what is shown is what the exposures come to."""
        stack.wait_until_idle()
        definition = stack.settings.definitions(("hip",))["hip"]
        kafka = stack.settings.kafka_config()
        accounts = check_surveillance(stack.client, kafka, definition, patience_s=30, wait=time.sleep)
        assert [(one.different, one.behind, one.shown) for one in accounts] == [(0, "", ())] * 4
        assert accounts[0].kinds
        return sorted(one.id for one in read_signals(stack.client, definition).signals)

    with EmbeddedStack(Settings(), folder, lambda _: None, journeys=["hip"]) as stack:
        for number in range(1, 9):
            publish(stack, operation(number, occurred_on=date(2001, 1, number), recorded_at="2001-01-10T09:00:00Z"))
        publish(stack, operation(9, occurred_on=date(2001, 3, 1), recorded_at="2001-03-01T09:00:00Z"))
        publish(stack, operation(10, occurred_on=date(2001, 3, 1), recorded_at="2001-03-01T09:00:00Z"))
        for number in (1, 2, 3):
            publish(stack, reoperation(number, date(2001, 2, number)), form="reoperation")
            stack.wait_until_idle()
        first = agrees(stack)
        assert "cup/CUP01/0" in first
    with EmbeddedStack(Settings(), folder, lambda _: None, journeys=["hip"]) as stack:
        assert agrees(stack) == first
        publish(stack, reoperation(4, date(2001, 2, 4)), form="reoperation")
        # the construct, whose threshold is higher, comes to it with the fourth
        wait_for(lambda: agrees(stack) == ["construct/CUP01 + STEM01/0", *first], "the construct's signal")
        generation = stack.settings.definitions(("hip",))["hip"].generation
        lives = stack.client.rows("SELECT DISTINCT generation, life FROM guldadra_hip.signals ORDER BY life")
        assert lives == [(generation, 0), (generation, 1)], "what was stated before is history"
