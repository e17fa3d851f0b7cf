"""From the command through the broker and the loader to what the commands print."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner, Result

from deploy.cli import indicators as indicators_room
from deploy.cli import reviews as reviews_room
from deploy.settings import SettingsError
from deploy.voice import ReviewVoice
from schemas import topics
from schemas.version import version_of
from sinks.clickhouse.queries.reviews import read_answers, read_decisions
from sinks.portal.portal import CannotBeSaidError
from streams.confirmed import ConfirmedReader
from streams.control import RegistryControl, write_control
from streams.publish.errors import InputError, RegistryClosedError
from tests.deploy_support import logs_as_they_were, point_settings
from tests.derived_support import Register, derived_registry, exposure, load_derived, made, write
from tests.support import make_log, patient, read_events

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig

SIGNAL = "cup/CUP1/0"
NUMBER = "19121212-1212"


@dataclass
class Registry:
    """A registry of a test's own, its log made, with CUP1 in three persons at U1 and two at U2."""

    definition: RegistryDefinition
    client: Client
    kafka: KafkaConfig

    def run(self, *words: str) -> Result:
        """Run a command with this registry's settings."""
        app = typer.Typer()
        reviews_room.add_to(app)
        indicators_room.add_to(app)
        with logs_as_they_were():
            return CliRunner().invoke(app, list(words), catch_exceptions=True)

    def review(self, *words: str) -> str:
        """What ``guldadra review`` prints, with all white space as one blank."""
        return told(self.run("review", self.definition.name, *words))

    def trace(self, *words: str) -> Any:
        """What ``guldadra trace`` answers."""
        return json.loads(told(self.run("trace", self.definition.name, *words, "--json")))

    def listed(self, *words: str) -> Any:
        """What ``guldadra review list`` answers."""
        return json.loads(self.review("list", *words, "--json"))

    def loaded(self, reviews: int) -> None:
        """Run the loader of derived values until so many reviews are in."""
        load_derived(self.kafka, self.client, self.definition, reviews, "reviews")


def told(result: Result) -> str:
    assert (result.exit_code, result.exception) == (0, None), result.output
    return " ".join(result.stdout.split())


def words_of(error: BaseException | None) -> str:
    return " ".join(str(error).split())


@pytest.fixture
def registry(
    kafka: KafkaConfig,
    client: Client,
    embedded_database: EmbeddedDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Registry:
    definition = made(client, derived_registry(tmp_path / "registries"))
    register = Register(definition)
    register.operated(patient(9), "other", "2024-06-01", cup="CUP2")
    register.load(client)
    write(
        client, definition, 3, cells=[],
        exposures=[
            exposure("a", "2024-01-10", patient=patient(1), lot="L1"),
            exposure("b", "2024-02-01", patient=patient(2), lot="L2"),
            exposure("c", "2024-03-01", patient=patient(3), lot="L2"),
            exposure("d", "2024-04-01", patient=patient(4), lot="L1", unit="U2"),
            exposure("a", "2024-05-01", patient=patient(5), lot="L3", unit="U2"),  # U2 numbers its own as U1 does
        ],
    )  # fmt: skip
    make_log(kafka, definition, epoch=2)
    point_settings(
        monkeypatch, tmp_path, bootstrap=kafka["bootstrap.servers"], clickhouse_url=embedded_database.url,
        registries=definition.folder,
    )  # fmt: skip
    return Registry(definition, client, kafka)


def test_a_signal_is_taken_up_followed_up_and_closed(registry: Registry, tmp_path: Path) -> None:
    name = registry.definition.name
    taken = registry.review("take-up", SIGNAL, "--by", "anna", "--note", "the taper?")
    assert taken == f"{name}: {SIGNAL}: taken up by anna: sent"
    assert registry.review("confirm", SIGNAL, "--by", "bo") == f"{name}: {SIGNAL}: confirmed by bo: sent"
    file = tmp_path / "states.csv"
    file.write_text("registration_id;state;unit\na;checked;\nb;moved;U2\n", encoding="utf-8")
    of_list = registry.review("carrier", SIGNAL, "--file", str(file), "--unit", "U1", "--by", "anna")
    assert of_list == f"{name}: {SIGNAL}: 1 checked, 1 moved: sent"
    one = registry.review("carrier", SIGNAL, "--patient", patient(5), "--registration", "a", "--state", "called")
    assert one == f"{name}: {SIGNAL}: 1 called: sent"
    sent = read_events(registry.kafka, topics.reviews(name), "review")
    assert [(said["epoch"], said["kind"], said["state"]) for said in sent] == [
        (2, "decision", "taken_up"), (2, "decision", "confirmed"), (2, "carrier", "checked"), (2, "carrier", "moved"),
        (2, "carrier", "called"),
    ]  # fmt: skip  # all of one group, so in one partition, in order
    registry.loaded(5)
    versions = registry.client.rows(f"SELECT version FROM guldadra_{name}.reviews FINAL ORDER BY version")
    assert versions == [(version_of(2, offset),) for offset in range(5)]

    found = registry.listed(SIGNAL, "--until", "2024-06-01")
    assert [(said["state"], said["by"], said["note"]) for said in found["decisions"]] == [
        ("taken_up", "anna", "the taper?"), ("confirmed", "bo", ""),
    ]  # fmt: skip
    assert (found["persons"], found["checked"], found["erased"], found["notice"]) == (5, 1, 0, None)
    assert found["units"] == [
        {"unit": "U1", "persons": 2, "states": {"checked": 1, "to_call": 1}, "overdue": 0},
        {"unit": "U2", "persons": 3, "states": {"moved": 1, "to_call": 1, "called": 1}, "overdue": 0},
    ]
    shown = registry.review("list", SIGNAL, "--until", "2124-06-01")
    assert "confirmed bo" in shown
    assert "U2 Second clinic 3 1 1 0 1 2" in shown  # persons, to call, called, checked, moved, overdue
    assert "checked 1 of 5; overdue: U1 (1 to call), U2 (2 to call)" in shown
    assert registry.listed(SIGNAL, "--until", "2124-06-01", "--overdue-after", "100000")["units"][1]["overdue"] == 0
    everything = registry.review("list", "--until", "2124-06-01")
    assert "confirmed" in everything
    assert "checked 1 of 5" in everything
    assert [row["about"] for row in registry.listed()] == [SIGNAL]

    closed = registry.review("close", SIGNAL, "--reason", "recalled", "--by", "bo")
    assert closed == f"{name}: {SIGNAL}: closed by bo: sent"
    registry.loaded(1)
    found = registry.listed(SIGNAL, "--until", "2124-06-01")
    assert [one["overdue"] for one in found["units"]] == [0, 0]
    assert found["decisions"][-1]["reason"] == "recalled"


def test_a_notice_opens_the_lists_of_its_lots(registry: Registry) -> None:
    name = registry.definition.name
    words = (
        "notice", name, "--product", "CUP1", "--lot", "L1", "--issued-by", "Nordfalk Ortopedi", "--reference", "FSN-7",
        "--from", "2024-01-10", "--until", "2024-12-31",
    )  # fmt: skip
    said = told(registry.run(*words))
    identity = said.split()[2]
    assert said == f"{name}: notice {identity} about CUP1 of lot L1: sent"
    assert told(registry.run(*words)) == said  # the same again has the same id
    registry.loaded(2)
    assert registry.client.rows(f"SELECT count() FROM guldadra_{name}.reviews FINAL") == [(1,)]

    of_notice = registry.trace("--notice", identity[:8], "--unit", "U1")
    of_lot = registry.trace("--product", "CUP1", "--lot", "L1", "--unit", "U1")
    assert [one["registration_id"] for one in of_notice["carriers"]] == ["a"]
    assert [one["state"] for one in of_notice["carriers"]] == ["to_call"]
    assert of_notice["carriers"] == of_lot["carriers"]
    assert registry.trace("--notice", identity)["units"] == registry.trace("--product", "CUP1", "--lot", "L1")["units"]

    assert "1 declined: sent" in registry.review("carrier", identity, "--registration", "d", "--state", "declined")
    assert "taken up by anna" in registry.review("take-up", identity[:8], "--by", "anna")
    registry.loaded(2)
    shown = told(registry.run("trace", name, "--notice", identity, "--unit", "U2"))
    assert "d 2024-04-01 L1 declined" in shown
    (row,) = registry.listed()
    assert (row["about"], row["lots"], row["first_day"]) == (identity, ["L1"], "2024-01-10")
    assert (row["notice"]["reference"], row["decisions"][0]["state"]) == ("FSN-7", "taken_up")
    assert "FSN-7, Nordfalk Ortopedi" in registry.review("list")
    # who is not in that lot is no carrier of it
    stranger = registry.run("review", name, "carrier", identity, "--registration", "b", "--state", "called")
    assert "registration b is of no carrier" in words_of(stranger.exception)


def test_what_cannot_be_said_is_told_in_words_and_nothing_is_sent(registry: Registry, tmp_path: Path) -> None:
    name = registry.definition.name
    file = tmp_path / "states.csv"
    file.write_text(f"registration_id,state,note\nb,called,ask {NUMBER}\nx,called,\n", encoding="utf-8")
    for words, error, says in (
        (("take-up", "CUP1"), SettingsError, "CUP1 is no signal (group/product/number) and no notice"),
        (("take-up", "stem/CUP1/0"), InputError, f"{name} has no monitor group stem; it has cup"),
        (("confirm", SIGNAL, "--note", NUMBER), InputError, "note holds a personal identity number"),
        (("close", SIGNAL, "--reason", " "), InputError, "can be closed with a reason only"),
        (("carrier", SIGNAL), SettingsError, "say either --registration and --state, or --file"),
        (("carrier", SIGNAL, "--registration", "b"), SettingsError, "say both --registration and --state"),
        (("carrier", SIGNAL, "--registration", "a", "--state", "called"), InputError, "is of several carriers: say"),
        (("carrier", SIGNAL, "--registration", "b", "--state", "moved"), InputError, "moved needs the unit that"),
        (
            ("carrier", SIGNAL, "--file", str(file)), InputError,
            f"{file}, line 2: note holds a personal identity number {file}, line 3: registration x is of no carrier",
        ),
    ):  # fmt: skip
        result = registry.run("review", name, *words)
        assert isinstance(result.exception, error), (words, result.output)
        assert says in words_of(result.exception)
        assert NUMBER not in words_of(result.exception)
    assert registry.run("review", name, "close", SIGNAL).exit_code == 2
    assert registry.run("review", name, "carrier", SIGNAL, "--registration", "b", "--state", "x").exit_code == 2
    both = registry.run("trace", name, "--product", "CUP1", "--notice", "12345678")
    assert "say one of --signal, --notice and --product" in words_of(both.exception)
    assert "there is no notice" in registry.review("list")
    assert read_events(registry.kafka, topics.reviews(name), "review") == []


def test_a_stopped_registry_takes_no_reviews(registry: Registry) -> None:
    name = registry.definition.name
    write_control(registry.kafka, RegistryControl(name, 2, 4, True, "by law", "test", 0))
    stopped = registry.run("review", name, "take-up", SIGNAL)
    assert isinstance(stopped.exception, RegistryClosedError)
    assert "by law" in str(stopped.exception)


def test_what_a_company_answers_on_the_portal_goes_through_the_log_and_confirms_nothing(registry: Registry) -> None:
    definition, name = registry.definition, registry.definition.name
    voice = ReviewVoice(registry.kafka, registry.client, {name: definition}, lambda: 1_717_200_000.0)
    say = partial(voice.answer, name, SIGNAL, company="nordfalk-ortopedi", by="Nils")
    say("acknowledged")
    say("stated", statement="One lot had oil residues.")
    for state, wrong, why in (
        ("stated", {"statement": f"seen with {NUMBER}"}, "statement holds a personal identity number"),
        ("tied", {"notice": "FSN-7"}, "notice is no notice's id"),
        ("confirmed", {}, "state of an answer is none of acknowledged, stated, tied"),
    ):
        with pytest.raises(CannotBeSaidError, match=why):
            say(state, **wrong)
    with pytest.raises(CannotBeSaidError, match="has no monitor group knee"):
        voice.answer(name, "knee/CUP1/0", "acknowledged", company="nordfalk-ortopedi", by="Nils")
    sent = read_events(registry.kafka, topics.reviews(name), "review")
    assert [(said["kind"], said["state"], said["company"], said["by"]) for said in sent] == [
        ("answer", "acknowledged", "nordfalk-ortopedi", "Nils"), ("answer", "stated", "nordfalk-ortopedi", "Nils"),
    ]  # fmt: skip
    registry.loaded(2)
    found = read_answers(registry.client, name, SIGNAL)
    assert [(one.state, one.statement) for one in found] == [
        ("acknowledged", ""), ("stated", "One lot had oil residues."),
    ]  # fmt: skip
    assert read_decisions(registry.client, name) == []
    with closing(ConfirmedReader(registry.kafka, name)) as reader:
        assert reader.said() == {}
