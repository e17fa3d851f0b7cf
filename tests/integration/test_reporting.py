"""From an accepted registration to a file for the agency, and from its answer to an acknowledged report."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pytest

from deploy.logbook import set_stopped
from deploy.reporting import Reporting
from deploy.settings import AgencySettings, Settings, SettingsError
from sinks.agency.icsr.reader import read
from sinks.agency.outbox import PLATFORM
from sinks.agency.people import Act, checked, sent_by_hand
from streams.publish.send_events import send_events
from tests.derived_support import load_derived
from tests.reporting_support import EXAMPLE, Reported, reported
from tests.support import patient, wait_for
from tests.workers import registry_folder

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig

_WAY = ["drafted", "checked", "attempted", "sent", "acknowledged"]


@pytest.fixture
def registry(kafka: KafkaConfig, client: Client, embedded_database: EmbeddedDatabase, tmp_path: Path) -> Reported:
    return reported(tmp_path, kafka, client, embedded_database.url)


def drafts(registry: Reported, number: int = 1) -> None:
    wait_for(lambda: sum(one["step"] == "drafted" for one in registry.steps()) >= number, "drafts", 20)


def say(registry: Reported, *records: dict[str, Any]) -> None:
    """Put steps on the log, as commands do."""
    said = [{name: value for name, value in one.items() if name not in ("registry", "epoch")} for one in records]
    topic = f"reports.{registry.definition.name}"
    send_events(registry.kafka, registry.definition, topic, "report", [(one["case"], one) for one in said])


def acts(registry: Reported, state: str, by: str) -> list[Act]:
    """What somebody may do with each report in a state."""
    return [
        Act(case, key, by, datetime.now(UTC))
        for case in registry.cases().values()
        for key, one in case.reports.items()
        if one.state == state
    ]


def check(registry: Reported) -> None:
    """Check all drafts, as people do."""
    say(registry, *map(checked, acts(registry, "drafted", "anna")))


def test_a_serious_reaction_goes_its_whole_way(registry: Reported) -> None:
    with registry.running() as reporting:
        registry.serious(1)
        drafts(registry)
        (case,) = registry.cases().values()
        assert registry.states() == ["drafted"]
        assert registry.out() == []
        check(registry)
        wait_for(lambda: registry.states() == ["sent"], "the report to be sent", 20)
        (message,) = registry.out()
        assert message.name == f"{case.id}.A1.1.xml"
        batch = read(message.read_bytes()).batch
        assert (batch.sender, batch.receiver, batch.number) == ("EXTEST", "AGTEST", f"{case.id}.A1.1")
        registry.answer(message)
        wait_for(lambda: registry.states() == ["acknowledged"], "the answer to be taken in", 20)
        assert [one["step"] for one in registry.steps()] == _WAY
        assert [path.name for path in (registry.gateway / "done").iterdir()] == ["ack.xml"]
        well, facts = reporting.health()
        assert (well, facts["drafted"], facts["sent"]) == (True, 1, 1)
    (case,) = registry.cases().values()
    (receipt,) = case.reports[1, "agency"].receipts
    assert (receipt.accepted, receipt.code, receipt.reference) == (True, "CA", "AG-1")
    load_derived(registry.kafka, registry.client, registry.definition, len(_WAY), "reports")
    assert registry.tables() == registry.steps()


def test_a_start_again_says_nothing_that_was_said_whether_the_log_or_the_tables_have_it(registry: Reported) -> None:
    registry.serious(1)
    registry.serious(2, reaction_code=None)
    with registry.running():
        drafts(registry, 2)
    said = in_order(registry)
    for loaded in (False, True):
        if loaded:
            registry.load()
        with registry.running() as again:
            wait_for(partial(caught_up, again), "a whole turn", 20)
            assert again.health()[1]["drafted"] == 0
        assert in_order(registry) == said


def caught_up(reporting: Reporting) -> bool:
    """Whether a whole turn found nothing to do."""
    return bool(reporting.health()[1]["caught_up"])


def in_order(registry: Reported) -> list[dict[str, Any]]:
    """What is on the log, whichever partition comes first."""
    return sorted(registry.steps(), key=itemgetter("case"))


def test_what_was_rejected_is_corrected_by_the_next_edition(registry: Reported) -> None:
    with registry.running():
        registry.serious(1)
        drafts(registry)
        check(registry)
        wait_for(lambda: registry.out() != [], "the message", 20)
        registry.answer(registry.out()[0], accepted=False)
        wait_for(lambda: registry.states() == ["rejected"], "the answer", 20)
        registry.serious(1, outcome="recovering")
        wait_for(lambda: registry.states() == ["drafted"], "the next edition", 20)
        check(registry)
        wait_for(lambda: registry.states() == ["sent"], "it to be sent", 20)
        assert [path.name.split(".", 1)[1] for path in registry.out()] == ["A1.1.xml", "A1.2.xml"]
    (case,) = registry.cases().values()
    (receipt,) = case.reports[1, "agency"].receipts
    assert (receipt.accepted, receipt.reason) == (False, "E.i.7 is wrong")


def test_an_attempt_whose_end_nobody_knows_is_made_again_by_the_next_process(registry: Reported) -> None:
    registry.serious(1)
    with registry.running():
        drafts(registry)
    check(registry)
    (act,) = acts(registry, "checked", PLATFORM)
    say(registry, sent_by_hand(act)[0])  # and then the process died
    assert registry.states() == ["unknown"]
    with registry.running():
        wait_for(lambda: registry.states() == ["sent"], "it to be sent again", 20)
    assert [one["step"] for one in registry.steps()] == ["drafted", "checked", "attempted", "attempted", "sent"]
    assert [path.name for path in registry.out()] == [f"{act.case.id}.A1.1.xml"]


def test_a_file_that_is_no_answer_is_put_aside(registry: Reported) -> None:
    with registry.running():
        wait_for((registry.gateway / "in").is_dir, "the folder", 20)
        (registry.gateway / "in" / "junk.xml").write_bytes(b"<a/>")
        wait_for((registry.gateway / "aside" / "junk.xml").exists, "it to be put aside", 20)
    assert registry.steps() == []


def test_a_stopped_registry_drafts_and_sends_nothing(registry: Reported) -> None:
    name = registry.definition.name
    set_stopped(registry.kafka, name, stopped=True, by="test", reason="by law")
    registry.serious(1)
    with registry.running() as reporting:
        wait_for(lambda: reporting.health()[1]["stopped"], "it to stand still", 20)
        assert registry.steps() == []
        set_stopped(registry.kafka, name, stopped=False, by="test", reason="it may go on")
        drafts(registry)


def test_without_a_folder_nothing_leaves_and_nothing_is_said(
    kafka: KafkaConfig, client: Client, embedded_database: EmbeddedDatabase, tmp_path: Path
) -> None:
    registry = reported(tmp_path, kafka, client, embedded_database.url, gateway=None)
    registry.serious(1)
    with registry.running() as reporting:
        drafts(registry)
        check(registry)
        wait_for(lambda: registry.states() == ["checked"] and reporting.health()[1]["caught_up"], "a turn", 20)
    assert [one["step"] for one in registry.steps()] == ["drafted", "checked"]


def test_who_opted_out_before_is_not_reported_and_what_was_drafted_stays(registry: Reported) -> None:
    registry.serious(1)
    with registry.running():
        drafts(registry)
        registry.accept("opt_out", 1, "o1")
        registry.accept("opt_out", 2, "o2")
        registry.serious(2)
        registry.serious(3)
        drafts(registry, 2)
    assert registry.states() == ["drafted", "drafted"]
    assert {one["patient"] for one in registry.steps()} == {patient(1), patient(3)}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"production": True}, "GULDADRA_AGENCY__SENDER and …__RECEIVER"),
        ({"test_receiver": ""}, "GULDADRA_AGENCY__TEST_SENDER and …__TEST_RECEIVER"),
    ],
)
def test_identifiers_are_needed_for_what_is_meant(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    definition = registry_folder(tmp_path, "biologics")
    with pytest.raises(SettingsError) as caught:
        Reporting(Settings(agency=AgencySettings(**{**EXAMPLE, **changes})), definition)
    assert told in str(caught.value)


def test_nothing_is_run_where_nothing_is_reported_or_nobody_sends(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"hiv_.* reports nothing"):
        Reporting(Settings(), registry_folder(tmp_path, "hiv"))
    with pytest.raises(SettingsError, match="nobody is said to send reports"):
        Reporting(Settings(), registry_folder(tmp_path, "biologics"))


def test_a_mapping_that_is_wrong_is_told_by_its_line(tmp_path: Path) -> None:
    definition, file = registry_folder(tmp_path, "biologics"), tmp_path / "mapping.csv"
    file.write_text("system,code,llt,version\nreactions,HEP,1,28.0\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"mapping\.csv, line 2: llt is no code of MedDRA"):
        Reporting(Settings(agency=AgencySettings(**{**EXAMPLE, "meddra_mapping": file})), definition)
    file.unlink()
    with pytest.raises(SettingsError, match="GULDADRA_AGENCY__MEDDRA_MAPPING: "):
        Reporting(Settings(agency=AgencySettings(**{**EXAMPLE, "meddra_mapping": file})), definition)
