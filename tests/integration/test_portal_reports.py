"""Reports in the portal: the queue with its clocks, one case with what it says, steps that people take, the trail."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from deploy.report_desk import DeskVoice
from sinks.clickhouse.queries.access_log import read_readings
from sinks.portal.identity import Person
from tests.portal_support import PEOPLE, Browser, browser, portal
from tests.reporting_support import Reported, reported
from tests.support import patient, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig


@pytest.fixture
def registry(kafka: KafkaConfig, client: Client, embedded_database: EmbeddedDatabase, tmp_path: Path) -> Reported:
    made = reported(tmp_path, kafka, client, embedded_database.url)
    made.serious(1)
    made.serious(2, reaction_code=None)
    with made.running():
        wait_for(lambda: len(made.steps()) == 2, "drafts", 20)
    made.load()
    return made


def visitor(registry: Reported, role: str) -> Browser:
    name = registry.definition.name
    own = frozenset({name})
    people = [replace(one, registries=own) if one.registries else one for one in PEOPLE.values()]
    others = Person("v2", "Vilma", "vigilance", registries=frozenset({"hip"}))
    definitions = {name: registry.definition}
    made = portal(definitions, registry.client, ready=(*people, others))
    now = datetime.now(UTC).timestamp()
    made = replace(made, now=lambda: int(now), report_voice=DeskVoice(registry.settings, registry.client, definitions))
    found = browser(made)
    assert found.log_in("v2" if role == "other" else PEOPLE[role].subject).status_code == 303
    return found


def case_of(registry: Reported, *, coded: bool) -> str:
    (found,) = (case.id for case in registry.cases().values() if bool(case.reports[1, "agency"].findings) is not coded)
    return found


def test_the_queue_has_what_is_due_with_its_days_and_what_it_waits_for(registry: Reported) -> None:
    address = f"/r/{registry.definition.name}/reports"
    for role in ("vigilance", "registrar", "agency"):
        page = visitor(registry, role).get(address)
        assert page.status_code == 200
        assert case_of(registry, coded=True).rsplit("-", 1)[1] in page.text
    here = visitor(registry, "vigilance")
    rows = here.get(f"{address}/files/queue.csv").text.splitlines()
    assert len(rows) == 3
    assert {row.split(",")[5] for row in rows[1:]} == {"a check", "coding"}
    assert {row.split(",")[7] for row in rows[1:]} == {"15"}
    only = here.get(f"{address}/files/queue.csv?waits=coding").text.splitlines()
    assert [row.split(",")[0] for row in only[1:]] == [case_of(registry, coded=False).rsplit("-", 1)[1]]
    assert here.get(f"{address}?waits=tea").status_code == 400
    swedish = here.get(f"{address}?lang=sv").text
    assert "väntar på kodning" in swedish
    for role in ("clinic", "company", "admin", "other"):
        assert visitor(registry, role).get(address).status_code == 403


def test_a_case_shows_what_it_says_and_each_reading_is_written_down(registry: Reported) -> None:
    name, case = registry.definition.name, case_of(registry, coded=False)
    here = visitor(registry, "vigilance")
    page = here.get(f"/r/{name}/report?id={case}").text
    assert "E.i.2.1b" in page
    assert "It cannot be sent yet" in page
    assert "utslag" in page
    assert patient(2) not in page
    assert here.get(f"/r/{name}/report?id=SE-NOBODY-1").status_code == 404
    (reading,) = read_readings(registry.client, name, since=datetime(2020, 1, 1, tzinfo=UTC).date())
    assert (reading.name, reading.area, reading.about, reading.people) == ("Vera", "report", case, 1)
    agency = visitor(registry, "agency")
    assert "Do something" not in agency.get(f"/r/{name}/report?id={case}").text
    assert agency.say(f"/r/{name}/report/step", id=case, to="agency", act="check").status_code == 403


def test_people_code_assign_and_check_and_the_trail_has_it_all(registry: Reported) -> None:
    name, case = registry.definition.name, case_of(registry, coded=False)
    here = visitor(registry, "vigilance")

    def say(**said: str) -> int:
        answer = here.say(f"/r/{name}/report/step", id=case, to="agency", **said)
        registry.load()
        return answer.status_code

    assert say(act="check") == 400  # nobody has coded it
    assert say(act="dance") == 400
    assert say(act="code", meddra="10019211/28.0") == 303
    assert say(act="assign", owner="Cecilia") == 303
    assert say(act="check") == 303
    assert registry.cases()[case].reports[1, "agency"].state == "checked"
    owners = here.get(f"/r/{name}/reports/files/owners.csv").text.splitlines()
    assert set(owners[1:]) == {"Cecilia,1,0,15", "nobody,1,0,15"}
    trail = here.get(f"/r/{name}/reports/trail/files/trail.csv").text.splitlines()
    own = [line.split(",") for line in trail[1:] if case in line]
    assert [(line[3], line[4], line[5]) for line in own] == [
        ("1.1", "drafted", "guldadra"), ("1.2", "drafted", "Vera"), ("1.2", "given to somebody", "Vera"),
        ("1.2", "checked by a person", "Vera"),
    ]  # fmt: skip
