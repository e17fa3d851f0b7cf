"""Signals of drug and reaction on the real engine: loaded beside those of products, read as they were stated."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner, Result

from deploy.cli import indicators as indicators_room
from deploy.cli import reviews as reviews_room
from deploy.cli import signals as signals_room
from deploy.settings import SettingsError
from schemas import topics
from sinks.clickhouse.buffer import Buffer, Read
from sinks.clickhouse.client import connect
from sinks.clickhouse.former_signals import set_signals_aside
from sinks.clickhouse.generations import keep_definitions
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.pair_signals import pair_standing_of, read_pair_signal, read_pair_signals
from sinks.clickhouse.queries.signals import read_signals
from streams.publish.errors import InputError
from streams.publish.reviews import about_signal
from streams.surveillance.declared import pairs_watched_by
from streams.surveillance.signals import Version
from tests.deploy_support import forget_settings, logs_as_they_were
from tests.derived_support import cell, load, point, write
from tests.integration.test_clickhouse_reactions import own_copy
from tests.pairs_support import Register, report
from tests.unit.test_surveillance_message import played

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.surveillance.pairs_kept import PairStated

    Command = Callable[..., Result]

pytestmark = pytest.mark.embedded

EPOCH = 1 << 48
FEN_HEP, CED_TUB = report("FEN", "HEP", recorded=11_500), report("CED", "TUB", recorded=11_400)


@pytest.fixture
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


_copies = iter(range(1_000))


@pytest.fixture
def definition(client: Client, tmp_path: Path) -> RegistryDefinition:
    found = own_copy(tmp_path, f"biologics_pairs_{next(_copies)}")
    apply(client, {found.name: found})
    keep_definitions(client, found)
    point(client, found.name, found.generation)
    write(client, found, 3, cells=[cell("2024-01-01", [1])])
    return found


class Reported(Register):
    """The registry's monitor, told of hepatitis with Fenorel, and of tuberculosis that Domitra hides in Cedrana."""

    def __init__(self, definition: RegistryDefinition) -> None:
        super().__init__(pairs_watched_by(definition)["reactions"].monitor)
        self.messages_out: list[bytes] = []
        self._definition = definition
        for drug, tub, der in (("DOM", 60, 100), ("GRI", 6, 420)):
            self.many(f"{drug}t", tub, report(drug, "TUB"))
            self.many(f"{drug}d", der, report(drug, "DER"))
        self.many("ced", 74, report("CED", "DER"))
        self.many("tub", 6, CED_TUB)
        self.many("fen", 40, report("FEN", "DER"))
        for number in range(4):
            self.tell((f"hep{number}", FEN_HEP))

    def take(self, messages: Any) -> tuple[PairStated, ...]:
        moved = [one._replace(at=Version(1, EPOCH + one.at.version)) for one in messages]
        stated = super().take(moved)
        name, generation = self._definition.name, self._definition.generation
        self.messages_out += [self.watch.message(name, generation, one) for one in stated]
        return stated


def put(client: Client, definition: RegistryDefinition, messages: list[bytes]) -> None:
    load(client, definition, [(topics.signals(definition.name), one) for one in messages])


def test_signals_are_read_as_they_were_stated(client: Client, definition: RegistryDefinition) -> None:
    told = Reported(definition)
    put(client, definition, told.messages_out)
    reading = read_pair_signals(client, definition)
    assert (reading.registry, reading.generation) == (definition.name, definition.generation)
    by_id = {one.id: one for one in reading.signals}
    assert by_id.keys() >= {"reactions/FEN:HEP/0", "reactions/CED:TUB/0", "reactions/DOM:TUB/0"}
    signal, one = told.watch.state.signals["FEN", "HEP"], by_id["reactions/FEN:HEP/0"]
    numbers = signal.look.numbers
    # 4 of FEN's 44 and of all 4 with HEP among 710: no other drug has it, so PRR is infinite and has no limits
    assert (one.a, one.b, one.c, one.d, one.reports) == (4, 40, 0, 666, 710)
    assert one.expected == pytest.approx(44 * 4 / 710)
    assert (one.prr, one.prr_lower) == (float("inf"), None)
    assert (one.ic_lower, one.eb05, one.rules) == (numbers.ic_lower, numbers.eb05, list(numbers.rules))
    assert (one.state, one.level, one.definition) == (signal.state, signal.level, signal.definition)
    assert (one.partition, one.version) == (1, EPOCH + signal.look.at.version % EPOCH)
    assert one.day == date(1970, 1, 1) + timedelta(days=11_500)
    assert one.levels[0]["known_day"] == one.day
    assert (one.levels[0]["a"], one.levels[0]["by"]) == (3, ["evans", "ic"])
    hidden = by_id["reactions/CED:TUB/0"]
    assert (hidden.levels[0]["masked"], hidden.levels[0]["by"], hidden.leading) == (True, ["evans", "ic"], "DOM")
    assert hidden.without[0]["a"] == 6
    assert hidden.prior[0]["basis"] == "few"
    # the alarms first, then by EB05
    assert [one.level for one in reading.signals] == sorted(one.level for one in reading.signals)
    standing = pair_standing_of(reading.signals)
    assert {name for name, one in standing.items() if one.alarm_on} == {
        one.id for one in reading.signals if one.level == "alarm"
    }
    assert not any(one.withdrawn for one in standing.values())


def test_every_message_is_history_and_a_replay_changes_nothing(client: Client, definition: RegistryDefinition) -> None:
    told = Reported(definition)
    told.tell(("hep0", None), ("hep1", None))
    (again,) = told.tell(("hep0", FEN_HEP))
    assert again.id == "reactions/FEN:HEP/1"
    put(client, definition, told.messages_out)
    before = read_pair_signals(client, definition)
    first = read_pair_signal(client, definition, "reactions/FEN:HEP/0")
    assert [one.state for one in first.history] == ["raised", "updated", "withdrawn"]
    assert [one.a for one in first.history] == [3, 4, 2]
    assert first.signals[0].reasons == [
        f"hep{number} was nullified, or tells of the event of another report" for number in range(2)
    ]
    for text in ("FEN:HEP", "FEN"):
        assert read_pair_signal(client, definition, text).signals[0].id == "reactions/FEN:HEP/1"
    put(client, definition, told.messages_out)
    assert read_pair_signals(client, definition) == before
    with pytest.raises(CannotBeReadError, match=r"there is no signal FEN:TUB; there are reactions/"):
        read_pair_signal(client, definition, "FEN:TUB")
    former = set_signals_aside(client, definition.name, definition.generation)
    assert read_pair_signals(client, definition).signals == []
    assert read_pair_signals(client, definition, former).signals == before.signals


def test_both_kinds_of_signals_come_on_one_topic_and_others_are_given_up(definition: RegistryDefinition) -> None:
    topic = topics.signals(definition.name)
    watch, products = played()
    of_a_product = watch.message(definition.name, definition.generation, products[0])
    buffer = Buffer({definition.name: definition})
    values = [*Reported(definition).messages_out[:2], of_a_product, b"\0\0\0\0\7junk"]
    for offset, value in enumerate(values):
        buffer.take(Read(topic, 0, offset, b"reactions", value))
    found = [(rows.layout.name, len(rows.blocks)) for rows in buffer.tables]
    assert found == [("pair_signal_messages", 2), ("signal_messages", 1)]
    assert [one.error for one in buffer.given_up] == ["the message is not a signal"]


def test_a_decision_names_a_signal_of_the_registry(definition: RegistryDefinition) -> None:
    about = about_signal(definition, "reactions/FEN:HEP/0")
    assert (about.about, about.group, about.product) == ("reactions/FEN:HEP/0", "reactions", "FEN:HEP")
    for text in ("reactions/FEN:GONE/0", "reactions/FEN/0", "reactions/GONE:HEP/0", "reactions/HEP:FEN/0"):
        with pytest.raises(InputError, match="is no product of the group reactions"):
            about_signal(definition, text)
    with pytest.raises(InputError, match="has no monitor group reports; it has drug, reactions"):
        about_signal(definition, "reports/FEN:HEP/0")


# the commands


@pytest.fixture
def guldadra(
    embedded_database: EmbeddedDatabase,
    definition: RegistryDefinition,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Command:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GULDADRA_CLICKHOUSE_URL", embedded_database.url)
    monkeypatch.setenv("GULDADRA_REGISTRIES", str(definition.folder))
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    for room in (indicators_room, signals_room, reviews_room):
        room.add_to(app)

    def run(*words: str) -> Result:
        with logs_as_they_were():
            return CliRunner().invoke(app, list(words))

    return run


def lines(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.output.splitlines()]


def test_the_command_shows_them_and_all_that_speaks_for_one(
    client: Client, guldadra: Command, definition: RegistryDefinition
) -> None:
    name = definition.name
    assert f"no signals in {name}" in lines(guldadra("signals", name))
    told = Reported(definition)
    told.tell(("hep3", None), opted_out=True)
    put(client, definition, told.messages_out)
    shown = lines(guldadra("signals", name))
    place = next(place for place, line in enumerate(shown) if line.startswith("reactions/CED:TUB/0"))
    assert shown[place].startswith("reactions/CED:TUB/0 watch raised 6 ")
    assert shown[place + 1 : place + 3] == ["Cedrana: Tuberculosis", "by evans, ic without DOM"]
    found = json.loads(guldadra("signals", name, "--json").stdout)
    assert found["signals"] == []
    (hep,) = (one for one in found["pairs"] if one["id"] == "reactions/FEN:HEP/0")
    assert (hep["a"], hep["prr"], hep["erased"][0]["persons"]) == (3, None, 1)  # JSON has no infinity
    for asked in ("reactions/FEN:HEP/0", "FEN:HEP", "FEN"):
        text = "\n".join(lines(guldadra("signals", name, "--show", asked)))
        assert "reactions/FEN:HEP/0: Fenorel: Hepatitis" in text
        assert "1 persons with 1 reports of it have opted out since it was raised" in text
        assert "declared, for there are too few pairs to fit one" in text
        assert "known then: each message about it, never changed" in text
        assert "evans: PRR 2 or more, chi-square (Yates) 4 or more, 3 reports or more" in text
    hidden = "\n".join(lines(guldadra("signals", name, "--show", "reactions/CED:TUB/0")))
    assert "Domitra has 83 % of the reports of this reaction" in hidden
    assert "less Domitra 6 " in hidden
    history = json.loads(guldadra("signals", name, "--show", "FEN:HEP", "--json").stdout)
    assert [one["a"] for one in history["history"]] == [3, 4, 3]
    assert history["decisions"] == []


def test_nobody_carries_a_report_and_what_was_never_stated_is_not_decided_on(
    client: Client, guldadra: Command, definition: RegistryDefinition
) -> None:
    put(client, definition, Reported(definition).messages_out)
    refused = guldadra("trace", definition.name, "--signal", "reactions/FEN:HEP/0")
    assert isinstance(refused.exception, SettingsError)
    assert "is a signal of reports, which nobody carries" in str(refused.exception)
    never = guldadra("review", definition.name, "take-up", "reactions/FEN:DER/0")
    assert "there is no signal reactions/FEN:DER/0; there are reactions/" in str(never.exception)
    assert read_signals(client, definition).signals == []
