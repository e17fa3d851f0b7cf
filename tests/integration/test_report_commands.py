"""What people do with reports by command: seen on the log, and in what `list` and `show` tell once it is loaded."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from sinks.agency.icsr.reader import read
from tests.deploy_support import Shell
from tests.drafting_support import day
from tests.reporting_support import EXAMPLE, Reported, reported
from tests.support import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig


@pytest.fixture
def registry(kafka: KafkaConfig, client: Client, embedded_database: EmbeddedDatabase, tmp_path: Path) -> Reported:
    return reported(tmp_path, kafka, client, embedded_database.url)


@pytest.fixture
def shell(
    registry: Reported,
    embedded_database: EmbeddedDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Shell:
    made = Shell(monkeypatch, capsys, tmp_path)
    made.set(
        bootstrap=registry.kafka["bootstrap.servers"], clickhouse_url=embedded_database.url,
        registries=tmp_path / "registries", agency=json.dumps({**EXAMPLE, "gateway": str(registry.gateway)}),
    )  # fmt: skip
    return made


def report(shell: Shell, registry: Reported, action: str, *words: str, code: int = 0) -> str:
    ran = shell("report", action, registry.definition.name, *words)
    assert ran.code == code, ran.err
    return ran.err if code == 2 else ran.out


def listed(shell: Shell, registry: Reported) -> list[dict[str, Any]]:
    registry.load()
    found: list[dict[str, Any]] = json.loads(report(shell, registry, "list", "--all", "--json"))
    return found


def drafted(registry: Reported, number: int = 1) -> None:
    with registry.running():
        wait_for(lambda: len(registry.steps()) >= number, "drafts", 20)
    registry.load()


def test_a_report_is_assigned_checked_sent_and_answered_by_hand(shell: Shell, registry: Reported) -> None:
    registry.serious(1)
    drafted(registry)
    (row,) = listed(shell, registry)
    assert (row["state"], row["waits_for"], row["deadline"]["days_left"]) == ("drafted", "check", 15)
    assert row["deadline"]["nominal"] == row["deadline"]["legal"]
    case = row["case"]
    short = case.rsplit("-", 1)[1][:6].lower()
    report(shell, registry, "assign", short, "cecilia", "--by", "anna")
    report(shell, registry, "check", short, "--by", "berit")
    registry.load()
    report(shell, registry, "send", short, "--by", "berit")
    registry.load()
    report(shell, registry, "receipt", short, "--code", "letter", "--reference", "AG-9", "--by", "anna")
    (row,) = listed(shell, registry)
    assert (row["state"], row["owner"], row["waits_for"], row["deadline"]) == ("acknowledged", "cecilia", None, None)
    assert [(one["code"], one["reference"]) for one in row["receipts"]] == [("letter", "AG-9")]
    shown = json.loads(report(shell, registry, "show", case, "--history", "--json"))
    assert [(one["step"], one["by"]) for one in shown["steps"]] == [
        ("drafted", "guldadra"), ("assigned", "anna"), ("checked", "berit"), ("attempted", "berit"),
        ("sent", "berit"), ("acknowledged", "anna"),
    ]  # fmt: skip
    assert report(shell, registry, "list") == f"{registry.definition.name}: nothing is due\n"
    assert "acknowledged" in report(shell, registry, "show", case, "--history")


def test_a_reaction_is_coded_from_the_queue_and_then_may_be_checked(shell: Shell, registry: Reported) -> None:
    registry.serious(1, reaction_code=None)
    drafted(registry)
    (row,) = listed(shell, registry)
    assert row["waits_for"] == "coding"
    refused = report(shell, registry, "check", row["case"], code=2)
    assert "is not whole: E.i.2.1a" in refused
    report(shell, registry, "correct", row["case"], "--meddra", "10019211/28.0", "--by", "anna")
    (row,) = listed(shell, registry)
    assert (row["waits_for"], row["edition"], row["findings"]) == ("check", 2, [])
    xml = report(shell, registry, "show", row["case"], "--content")
    (message,) = read(xml.encode()).batch.messages
    assert message.case is not None
    assert message.case.reactions[0].term is not None
    assert message.case.reactions[0].term.code == "10019211"
    with registry.running() as again:  # a person's edition stands
        wait_for(lambda: again.health()[1]["caught_up"], "a turn", 20)
        assert again.health()[1]["drafted"] == 0


def test_what_was_sent_is_amended_with_a_reason_or_nullified(shell: Shell, registry: Reported, tmp_path: Path) -> None:
    registry.serious(1)
    drafted(registry)
    (case,) = registry.cases()
    refused = report(shell, registry, "nullify", case, "--reason", "wrong person", code=2)
    assert "has not gone: withdraw it instead" in refused
    report(shell, registry, "check", case, "--by", "anna")
    registry.load()
    report(shell, registry, "send", case)
    registry.load()
    file = tmp_path / "corrected.xml"
    file.write_text(report(shell, registry, "show", case, "--content").replace("utslag", "utslag, kliande"))
    refused = report(shell, registry, "correct", case, "--file", str(file), code=2)
    assert "an amendment has its reason" in refused
    report(shell, registry, "correct", case, "--file", str(file), "--reason", "The words were cut.", "--by", "anna")
    (row,) = listed(shell, registry)
    assert (row["version"], row["type"], row["findings"], row["deadline"]) == (2, "amendment", [], None)
    report(shell, registry, "check", case, "--by", "anna")
    registry.load()
    report(shell, registry, "send", case)
    registry.load()
    report(shell, registry, "nullify", case, "--reason", "wrong person", "--by", "anna")
    (row,) = listed(shell, registry)
    assert (row["version"], row["type"], row["state"]) == (3, "nullification", "drafted")
    (message,) = read(report(shell, registry, "show", case, "--content").encode()).batch.messages
    assert message.case is not None
    assert (message.case.nullification, message.case.nullification_reason) == ("1", "wrong person")
    assert message.case.reactions[0].native_text == "utslag, kliande"
    with registry.running() as again:  # what somebody nullifies is not taken back of itself
        wait_for(lambda: again.health()[1]["caught_up"], "a turn", 20)
        assert again.health()[1]["drafted"] == 0


def test_a_draft_is_returned_or_withdrawn_with_its_reason(shell: Shell, registry: Reported) -> None:
    registry.serious(1)
    drafted(registry)
    (case,) = registry.cases()
    report(shell, registry, "return", case, "--reason", "the batch is wrong", "--by", "anna")
    (row,) = listed(shell, registry)
    assert (row["state"], row["waits_for"]) == ("returned", "draft")
    report(shell, registry, "withdraw", case, "--reason", "reported by the hospital", "--by", "anna")
    (row,) = listed(shell, registry)
    assert (row["state"], row["waits_for"]) == ("withdrawn", None)
    assert "no report to the agency that was not withdrawn" in report(shell, registry, "check", case, code=2)


def test_what_is_meant_has_to_be_clear(shell: Shell, registry: Reported) -> None:
    assert "there is no case nobody" in report(shell, registry, "show", "nobody", code=2)
    assert "give the corrected message with --file" in report(shell, registry, "correct", "x", code=2)


def test_a_late_report_ends_the_list_with_one(shell: Shell, registry: Reported) -> None:
    registry.serious(1)
    drafted(registry)
    client, name = registry.client, registry.definition.name
    client.command(
        f"ALTER TABLE guldadra_{name}.reports UPDATE learnt_on = '2020-01-01' WHERE 1 SETTINGS mutations_sync = 2"
    )
    told = report(shell, registry, "list", code=1)
    assert "2020-01-16" in told


@pytest.fixture
def hip(kafka: KafkaConfig, client: Client, embedded_database: EmbeddedDatabase, tmp_path: Path) -> Reported:
    return reported(tmp_path / "hip", kafka, client, embedded_database.url, "hip", gateway=None)


def test_an_incident_is_checked_by_two_and_goes_to_each_addressee_by_itself(
    shell: Shell, hip: Reported, tmp_path: Path
) -> None:
    shell.set(registries=tmp_path / "hip" / "registries")
    hip.accept("primary_operation", 1, "p1", occurred_on=day("2020-01-01"), cup_lot="L-5", birth_year=1950)
    today = int(time.time() * 1000)  # a care provider knows it from when it registered it
    hip.accept("reoperation", 1, "o1", occurred_on=day("2026-02-10"), recorded_at=today, reason="loosening")
    drafted(hip, 2)
    rows = listed(shell, hip)
    assert {one["addressee"] for one in rows} == {"agency", "manufacturer"}
    (case,) = {one["case"] for one in rows}
    assert "say to whom with --to" in report(shell, hip, "check", case, code=2)
    report(shell, hip, "check", case, "--to", "agency", "--by", "anna")
    assert {one["addressee"]: one["waits_for"] for one in listed(shell, hip)} == {
        "agency": "second_check", "manufacturer": "check",
    }  # fmt: skip
    assert "another person" in report(shell, hip, "check", case, "--to", "agency", "--by", "anna", code=2)
    report(shell, hip, "check", case, "--to", "agency", "--by", "berit")
    hip.load()
    report(shell, hip, "send", case, "--to", "agency", "--by", "berit")
    assert {one["addressee"]: one["state"] for one in listed(shell, hip)} == {
        "agency": "sent", "manufacturer": "drafted",
    }  # fmt: skip
    text = report(shell, hip, "show", case, "--to", "manufacturer", "--content")
    assert "| cup | Falka Duo | Nordfalk Ortopedi |" in text
