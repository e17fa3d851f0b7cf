"""What is done of itself: each draft said once, what is refused never again, sending held back after a failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from schemas.definition.folder import load_registries
from sinks.agency.gateway import DirectoryGateway, NotSentError, Outgoing
from sinks.agency.known_cases import KnownCases
from sinks.agency.office import RESENT_AFTER_S, Office
from sinks.agency.people import Act, checked
from tests.drafting_support import NOW, Registered2026, day

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_BIOLOGICS = load_registries()["biologics"]


@dataclass
class Way:
    """A way to the agency that may be closed, or leave open whether a message has left."""

    fails: list[Exception] = field(default_factory=list)
    sent: list[Outgoing] = field(default_factory=list)
    dry: bool = False

    def send(self, message: Outgoing) -> None:
        if self.fails:
            raise self.fails.pop()
        self.sent.append(message)


class Log:
    """The log of reports, without a broker."""

    def __init__(self) -> None:
        self.cases = KnownCases()
        self.said: list[Any] = []

    def say(self, records: Sequence[Any]) -> None:
        for record in records:
            self.said.append(record)
            self.cases.take({"registry": "biologics", "epoch": 0, **record})


@pytest.fixture
def person() -> Registered2026:
    made = Registered2026(_BIOLOGICS)
    made.submit("treatment", "t1", occurred_on=day("2025-05-02"), batch="B-1")
    made.submit("adverse_reaction", "r1", seriousness=["death"], reaction_code="HEP", occurred_on=day("2026-02-10"))
    return made


def office(person: Registered2026, log: Log, way: Any, begun: int = 0) -> Office:
    return Office(person.desk, log.cases, log.say, {"agency": way}, begun=begun)


def check(log: Log) -> None:
    for one in list(log.cases.waiting()):
        log.say([checked(Act(one.case, one.key, "anna", NOW))])


def test_a_draft_is_said_once(person: Registered2026) -> None:
    log = Log()
    desk = office(person, log, Way())
    assert desk.draft([person.person], NOW) == 1
    assert desk.draft([person.person], NOW) == 0


def test_a_draft_that_the_log_refuses_is_not_said_again(person: Registered2026) -> None:
    number = "19121212-1212"
    person.submit("treatment", number, occurred_on=day("2025-06-02"), batch="B-1")  # an id that may not stand in a step
    log = Log()
    desk = office(person, log, Way())
    assert desk.draft([person.person], NOW) == 1
    assert "sources holds a personal identity number" in str(log.cases.refusal(log.said[0]))
    assert desk.draft([person.person], NOW) == 0


def test_what_did_not_leave_waits_longer_each_time_and_goes_under_the_same_id(person: Registered2026) -> None:
    log, way = Log(), Way([NotSentError("the disk is full"), NotSentError("the disk is full")])
    desk = office(person, log, way)
    desk.draft([person.person], NOW)
    check(log)
    assert desk.send(NOW) == 0
    assert desk.send(NOW + timedelta(seconds=4)) == 0
    assert len(way.fails) == 1  # not tried before its time
    assert desk.send(NOW + timedelta(seconds=5)) == 0
    assert desk.send(NOW + timedelta(seconds=14)) == 0
    assert desk.send(NOW + timedelta(seconds=15)) == 1
    (message,) = way.sent
    assert message.message_id.endswith(".A1.1")
    assert [one["step"] for one in log.said[2:]] == ["attempted", "failed"] * 2 + ["attempted", "sent"]


def test_an_attempt_that_nobody_knows_the_end_of_is_made_again_after_a_while(person: Registered2026) -> None:
    log, way = Log(), Way([OSError("gone")])
    desk = office(person, log, way)
    desk.draft([person.person], NOW)
    check(log)
    assert desk.send(NOW) == 0
    assert [one.report.state for one in log.cases.waiting()] == ["unknown"]
    assert desk.send(NOW + timedelta(seconds=RESENT_AFTER_S - 1)) == 0
    assert desk.send(NOW + timedelta(seconds=RESENT_AFTER_S)) == 1


def test_what_others_have_said_meanwhile_holds_a_message_back(person: Registered2026) -> None:
    """Somebody takes the check back just before the attempt is in the log: nothing leaves."""
    log, way = Log(), Way()
    desk = office(person, log, way)
    desk.draft([person.person], NOW)
    check(log)
    plain = log.say

    def say(records: Sequence[Any]) -> None:
        if records[0]["step"] == "attempted":
            place = {name: records[0][name] for name in ("case", "case_version", "addressee", "edition")}
            like = {**records[0], **place, "step": "returned", "by": "berit", "reason": "wait", "message_id": None}
            plain([{**like, "id": "00000000-0000-0000-0000-000000000001"}])
        plain(records)

    held = Office(person.desk, log.cases, say, {"agency": way}, begun=0)
    assert held.send(NOW) == 0
    assert way.sent == []
    assert [one.report.state for one in log.cases.waiting()] == ["returned"]


def test_a_folder_takes_one_file_for_a_report(person: Registered2026, tmp_path: Path) -> None:
    log, gateway = Log(), DirectoryGateway(tmp_path)
    desk = office(person, log, gateway)
    desk.draft([person.person], NOW)
    check(log)
    assert (desk.send(NOW), desk.send(NOW)) == (1, 0)
    (file,) = (tmp_path / "out").iterdir()
    assert file.read_bytes() == log.said[0]["content"]
