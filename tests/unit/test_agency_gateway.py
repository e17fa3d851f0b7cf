"""Messages through folders: whole or not at all, under one id, and nothing lost to whoever dies between two steps."""

from __future__ import annotations

import json
import os
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from sinks.agency import gateway as gateway_module
from sinks.agency.cases import Message, message_id, parsed_message_id
from sinks.agency.delivery import Answered, deliver, outgoing_of, take_in
from sinks.agency.gateway import LARGEST_ANSWER, Answer, DirectoryGateway, DryRun, NotSentError, Outgoing
from sinks.agency.outbox import Case, IllegalStepError, fold
from tests.agency_support import CASE, step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AGENCY = (1, "agency")
_ID = f"{CASE}.A1.1"
_CONTENT = b"<report>" + b"x" * 5_000 + b"</report>"
_NOW = 1_767_300_000_000


def message(name: str = _ID, content: bytes = _CONTENT, content_type: str = "application/xml") -> Outgoing:
    return Outgoing(name, content_type, content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def polled(gateway: DirectoryGateway) -> list[str]:
    return [one.name for one in gateway.answers()]


class Log:
    """The log of one case, as a topic would keep it."""

    def __init__(self, *records: Mapping[str, Any]) -> None:
        self.records = list(records)

    @property
    def case(self) -> Case:
        return fold(CASE, enumerate(self.records))

    @property
    def told(self) -> list[str]:
        return [one["step"] for one in self.records]

    def say(self, record: Mapping[str, Any]) -> None:
        self.records.append(record)

    def case_of(self, case: str) -> Case | None:
        return self.case if case == CASE else None


def checked_log() -> Log:
    return Log(step(1, "drafted", content=_CONTENT), step(2, "checked", by="berit"))


def answers_in(file: Answer) -> list[Answered]:
    """What a made-up client's file says; ValueError where it is no JSON of that kind."""
    try:
        return [Answered(**one) for one in json.loads(file.content)]
    except TypeError as error:
        raise ValueError("no answers") from error


def put(root: Path, name: str, *answers: dict[str, Any]) -> None:
    beside = root / f".{name}"
    beside.write_text(json.dumps(answers), encoding="utf-8")
    beside.rename(root / "in" / name)


def answer(accepted: bool = True, **said: Any) -> dict[str, Any]:
    reason = None if accepted else "element D.1 is missing"
    return {"message_id": _ID, "accepted": accepted, "code": "CA" if accepted else "CR", "reason": reason, **said}


# The folders


def test_a_message_lies_whole_under_its_id(tmp_path: Path) -> None:
    gateway = DirectoryGateway(tmp_path)
    for content_type, suffix in (("application/xml", "xml"), ("text/markdown", "md"), ("image/png", "bin")):
        gateway.send(message(f"{CASE}.A1.{len(suffix)}", content_type=content_type))
        assert (tmp_path / "out" / f"{CASE}.A1.{len(suffix)}.{suffix}").read_bytes() == _CONTENT
    assert names(tmp_path) == ["aside", "done", "in", "out", "tmp"]
    assert names(tmp_path / "tmp") == []


def test_the_same_again_is_the_same_and_another_is_refused(tmp_path: Path) -> None:
    gateway = DirectoryGateway(tmp_path)
    gateway.send(message())
    gateway.send(message())
    assert names(tmp_path / "out") == [f"{_ID}.xml"]
    with pytest.raises(NotSentError, match="another message lies here under this id"):
        gateway.send(message(content=b"<other/>"))
    assert (tmp_path / "out" / f"{_ID}.xml").read_bytes() == _CONTENT


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x" * 101, "å", "a b", "a\x00b"])
def test_what_is_no_file_s_name_is_no_message_id(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotSentError, match="the message id is none that a file may have"):
        DirectoryGateway(tmp_path).send(message(name))
    assert names(tmp_path / "out") == []


def test_a_disk_that_takes_no_more_has_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, log = DirectoryGateway(tmp_path), checked_log()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        case = deliver(log.case, _AGENCY, gateway, log.say, _NOW)
    assert (case.reports[_AGENCY].state, log.told[-2:]) == ("checked", ["attempted", "failed"])
    assert log.records[-1]["reason"] == f"{tmp_path / 'out' / _ID}.xml: No space left on device"
    assert case == log.case
    assert names(tmp_path / "out") == []
    assert deliver(log.case, _AGENCY, gateway, log.say, _NOW).reports[_AGENCY].state == "sent"


def test_what_is_written_is_flushed_before_it_has_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real = {name: getattr(os, name) for name in ("fsync", "replace", "write")}

    def noted(name: str) -> Any:
        def call(*given: Any) -> Any:
            at = given[1] if name == "replace" else Path(f"/proc/self/fd/{given[0]}").readlink()
            done.append(f"{name} {at}")
            return real[name](*given)

        return call

    gateway = DirectoryGateway(tmp_path)
    for name in real:
        monkeypatch.setattr(os, name, noted(name))
    gateway.send(message())
    beside, target = tmp_path / "tmp" / f"{_ID}.xml", tmp_path / "out" / f"{_ID}.xml"
    assert done == [f"write {beside}", f"fsync {beside}", f"replace {target}", f"fsync {tmp_path / 'out'}"]


def test_only_files_that_have_come_to_rest_are_answers(tmp_path: Path) -> None:
    gateway, box = DirectoryGateway(tmp_path), tmp_path / "in"
    (box / "b.xml").write_bytes(b"1")
    (box / "a.xml").write_bytes(b"1")
    for unfinished in (".a.xml", "c.xml.tmp", "d.xml.part", "e.xml.filepart"):
        (box / unfinished).write_bytes(b"1")
    (box / "folder").mkdir()
    (box / "link").symlink_to(tmp_path / "elsewhere")
    assert polled(gateway) == []
    assert polled(gateway) == ["a.xml", "b.xml"]
    (box / "a.xml").write_bytes(b"12")  # it was not whole after all
    assert polled(gateway) == ["b.xml"]
    assert [(one.name, one.content) for one in gateway.answers()] == [("a.xml", b"12"), ("b.xml", b"1")]


def test_an_answer_is_moved_away_and_one_of_its_name_beside_it(tmp_path: Path) -> None:
    gateway = DirectoryGateway(tmp_path)
    for content in (b"1", b"2", b"3"):
        (tmp_path / "in" / "a.xml").write_bytes(content)
        gateway.done("a.xml")
        gateway.done("a.xml")  # by whoever is not sure
    assert [(tmp_path / "done" / name).read_bytes() for name in names(tmp_path / "done")] == [b"1", b"2", b"3"]
    assert names(tmp_path / "in") == []


def test_what_is_too_large_is_put_aside_unread(tmp_path: Path) -> None:
    gateway = DirectoryGateway(tmp_path)
    with (tmp_path / "in" / "bomb.xml").open("wb") as file:
        file.truncate(LARGEST_ANSWER + 1)
    assert polled(gateway) + polled(gateway) == []
    assert (names(tmp_path / "in"), names(tmp_path / "aside")) == ([], ["bomb.xml"])


# Delivery


@pytest.mark.parametrize(
    "named",
    [Message(CASE, 1, "agency", 1), Message(CASE, 12, "manufacturer", 3), Message("SE-A-2026", 1_000, "agency", 2)],
)
def test_a_message_id_says_whose_it_is(named: Message) -> None:
    assert parsed_message_id(message_id(*named)) == named


@pytest.mark.parametrize(
    "text", ["", "x", CASE, f"{CASE}.B1.1", f"{CASE}.A0.1", f"{CASE}.A1", f"{CASE}.A1.1.xml", "se-a-1.A1.1"]
)
def test_what_is_no_message_id_of_ours_says_nothing(text: str) -> None:
    assert parsed_message_id(text) is None


def test_a_checked_report_is_sent_acknowledged_and_nothing_is_left(tmp_path: Path) -> None:
    gateway, log = DirectoryGateway(tmp_path), checked_log()
    sent = deliver(log.case, _AGENCY, gateway, log.say, _NOW)
    assert sent == log.case
    assert log.told == ["drafted", "checked", "attempted", "sent"]
    assert {one["by"] for one in log.records[2:]} == {"guldadra"}
    put(tmp_path, "ack.json", answer(reference="LV-7"))
    assert take_in(gateway, answers_in, log.case_of, log.say, _NOW) == []  # it may be half written
    assert take_in(gateway, answers_in, log.case_of, log.say, _NOW) == []
    receipt = log.case.reports[_AGENCY].receipts[0]
    assert (log.case.reports[_AGENCY].state, receipt.reference, receipt.said_at) == ("acknowledged", "LV-7", _NOW)
    assert (names(tmp_path / "in"), names(tmp_path / "done")) == ([], ["ack.json"])
    with pytest.raises(IllegalStepError, match="is acknowledged, not checked or unknown or sent"):
        deliver(log.case, _AGENCY, gateway, log.say, _NOW)


def test_an_edition_goes_with_its_own_content(tmp_path: Path) -> None:
    log = checked_log()
    gateway = DirectoryGateway(tmp_path)
    deliver(log.case, _AGENCY, gateway, log.say, _NOW)
    put(tmp_path, "nack.json", answer(accepted=False))
    for _ in range(2):
        take_in(gateway, answers_in, log.case_of, log.say, _NOW)
    assert log.case.reports[_AGENCY].receipts[0].reason == "element D.1 is missing"
    log.say(step(3, "drafted", edition=2, content=b"<corrected/>"))
    log.say(step(4, "checked", edition=2, by="berit"))
    assert outgoing_of(log.case, _AGENCY) == message(f"{CASE}.A1.2", b"<corrected/>")
    deliver(log.case, _AGENCY, gateway, log.say, _NOW)
    assert (tmp_path / "out" / f"{CASE}.A1.2.xml").read_bytes() == b"<corrected/>"
    assert log.case.refused == ()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([answer(message_id=f"{CASE}.M1.1")], "the answer is to no message of ours"),
        ([answer(message_id="SE-EXEMPEL-K2.A1.1")], "the answer is to no message of ours"),
        ([answer(message_id="else")], "the answer is to no message of ours"),
        ([answer(message_id=f"{CASE}.A1.2")], "acknowledged: is of edition 2, and 1 is the last"),
        ([answer(accepted=False, reason=None)], "reason is needed where a report is rejected"),
        ([{"message": 1}], "no answers"),
        ([answer(), answer(accepted=False)], "rejected: version 1 to the agency is acknowledged"),
    ],
)
def test_what_is_no_answer_is_put_aside_with_the_reason(tmp_path: Path, said: list[dict[str, Any]], told: str) -> None:
    gateway, log = DirectoryGateway(tmp_path), checked_log()
    deliver(log.case, _AGENCY, gateway, log.say, _NOW)
    put(tmp_path, "odd.json", *said)
    aside = [one for _ in range(3) for one in take_in(gateway, answers_in, log.case_of, log.say, _NOW)]
    ((name, reason),) = aside
    assert name == "odd.json"
    assert reason.startswith(told)
    assert names(tmp_path / "aside") == ["odd.json"]
    assert log.case.refused == ()  # what may not be said is not said


def test_a_dry_run_says_and_sends_nothing() -> None:
    log, dry = checked_log(), DryRun()
    before = log.case
    assert deliver(before, _AGENCY, dry, log.say, _NOW) is before
    assert dry.would_send == [message()]
    assert log.told == ["drafted", "checked"]
    with pytest.raises(IllegalStepError, match="is drafted, not checked or unknown or sent"):
        deliver(Log(step(1, "drafted")).case, _AGENCY, dry, log.say, _NOW)
    assert len(dry.would_send) == 1


# Dying between any two steps


class Killed(BaseException):
    """The process is gone; nothing that would tidy up after it is meant to matter."""


When = Literal["before", "halfway", "after"]


class Seams:
    """Every act that outlives a process, counted; dies at one of them."""

    def __init__(self, at: int, when: When) -> None:
        self.at, self.when, self.passed = at, when, 0

    def act(self, act: Any, *given: Any, halfway: Any = None) -> Any:
        mine = self.passed == self.at
        self.passed += 1
        if mine and self.when == "before":
            raise Killed
        if mine and self.when == "halfway":
            if halfway is not None:
                halfway(*given)
            raise Killed
        done = act(*given)
        if mine:
            raise Killed
        return done


class Disk:
    """The module ``os``, with seams at all that it does to the disk."""

    def __init__(self, seams: Seams) -> None:
        self._seams = seams

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in ("open", "write", "fsync", "replace"):
            return real
        half = (lambda handle, content: os.write(handle, content[: len(content) // 2])) if name == "write" else None
        return lambda *given: self._seams.act(real, *given, halfway=half)


class World:
    """An agency's client and the log, which do not die."""

    def __init__(self, root: Path) -> None:
        self.root, self.log = root, checked_log()
        self.received: list[tuple[str, bytes]] = []
        self._number = count()

    def live(self, seams: Seams | None, monkeypatch: pytest.MonkeyPatch) -> bool:
        """One life of the sending process; False where it was cut short."""
        with monkeypatch.context() as patched:
            if seams is not None:
                patched.setattr(gateway_module, "os", Disk(seams))

            def say(record: Mapping[str, Any]) -> None:
                if seams is None:
                    self.log.say(record)
                else:
                    seams.act(self.log.say, record)

            try:
                gateway = DirectoryGateway(self.root)
                if self.log.case.reports[_AGENCY].state in ("checked", "unknown"):
                    deliver(self.log.case, _AGENCY, gateway, say, _NOW)
                for _ in range(2):
                    assert take_in(gateway, answers_in, self.log.case_of, say, _NOW) == []
            except Killed:
                return False
        return True

    def client(self) -> None:
        """Takes away what lies in out/, and answers each message that it has taken."""
        for path in sorted((self.root / "out").iterdir()):
            assert "attempted" in self.log.told  # or nobody would know that it may have left
            self.received.append((path.name, path.read_bytes()))
            path.unlink()
            put(self.root, f"{next(self._number)}.json", answer(reference="LV-7"))


def _lives(world: World, seams: Seams, monkeypatch: pytest.MonkeyPatch, *, taken_at_once: bool) -> Iterator[bool]:
    yield world.live(seams, monkeypatch)
    for _ in range(4):
        if taken_at_once or world.log.case.reports[_AGENCY].state != "unknown":
            world.client()
        # The seams go on counting, so that whoever is not killed in one life is killed in the next.
        yield world.live(seams, monkeypatch)
    world.client()
    yield world.live(None, monkeypatch)
    yield world.live(None, monkeypatch)


@pytest.mark.parametrize("taken_at_once", [True, False], ids=["taken at once", "taken late"])
@pytest.mark.parametrize("when", ["before", "halfway", "after"])
def test_whoever_dies_between_any_two_steps_has_lost_nothing_and_sent_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: When, *, taken_at_once: bool
) -> None:
    deaths = 0
    for at in count():
        world = World(tmp_path / str(at))
        seams = Seams(at, when)
        lived = list(_lives(world, seams, monkeypatch, taken_at_once=taken_at_once))
        if all(lived):
            break
        deaths += 1
        case = world.log.case
        assert case.reports[_AGENCY].state == "acknowledged"
        assert case.refused == ()
        assert len(case.reports[_AGENCY].receipts) == 1
        assert {name for name, _ in world.received} == {f"{_ID}.xml"}
        assert {content for _, content in world.received} == {_CONTENT}
        assert len(world.received) <= 2
        assert names(world.root / "in") == names(world.root / "out") == []
        assert names(world.root / "aside") == []
    # attempted, open, write, flush, rename, open and flush of the folder, sent; then acknowledged, and the answer's
    # file renamed with two folders flushed.
    assert deaths == 8 + 1 + 5
