"""Signals on their way into ClickHouse and out by the commands: the Inter-op cup's, as the watch states them.

Days, outcomes and statistics are those of the project's reference fixture; see tests/unit/test_surveillance_interop.py.
"""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from typing import TYPE_CHECKING

import fastavro
import pytest
import typer
from typer.testing import CliRunner, Result

from deploy.cli import indicators as indicators_room
from deploy.cli import signals as signals_room
from deploy.demo.live_signals import signals_told
from deploy.settings import SettingsError
from schemas import topics
from schemas.codec import encode_event
from sinks.clickhouse import sql
from sinks.clickhouse.backup import BackupError, export, import_export
from sinks.clickhouse.former_signals import present_life, set_signals_aside, stated_generations
from sinks.clickhouse.migrations.plan import apply, revert
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.reviews import read_decisions, read_follow_up, read_subjects
from sinks.clickhouse.queries.signals import read_signal, read_signals, standing_of
from sinks.clickhouse.queries.standing import last_stated
from streams.surveillance.declared import watched_by
from streams.surveillance.message import message_of
from streams.surveillance.signals import Version
from streams.surveillance.watch import Told, Watch
from tests.deploy_support import forget_settings, logs_as_they_were
from tests.derived_support import MONITORS, Register, cell, derived_registry, exposure, load, made, write
from tests.review_support import decided, moment
from tests.support import wait_for
from tests.unit.test_surveillance_interop import _EXPECTED, history
from tests.unit.test_surveillance_message import EPOCH, reported

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.surveillance.bins import Change
    from streams.surveillance.kept import Stated

    Command = Callable[..., Result]

pytestmark = pytest.mark.embedded

UNITS = ["U1", "U2", "U3"]
WATCHED = (
    "monitors:\n  flat_cup: {exposures: cup, baseline: flat, rates: [2.0]}\n  other: {exposures: cup, rates: [1.0]}\n"
)


@pytest.fixture
def registry(client: Client, tmp_path: Path) -> RegistryDefinition:
    definition = made(client, derived_registry(tmp_path / "registries", monitors=MONITORS + WATCHED))
    write(client, definition, 3, cells=[cell("2024-01-01", [1])])
    return definition


class Told1970:
    """A watch of the registry's that is told the Inter-op history, and all its statements as messages."""

    def __init__(self, definition: RegistryDefinition, *, life: int = 0) -> None:
        self._definition = definition
        self._life = life
        self.watch = Watch(watched_by(definition)["flat_cup"])
        self.messages: list[bytes] = []
        self.last: dict[str, Change] = {}
        self._version = EPOCH - 1
        for day, change in history(UNITS):
            self.tell(change, *(one for unit in UNITS for one in reported(unit, day)))

    def tell(self, *changes: Change) -> list[Stated]:
        """What comes of it."""
        self._version += 1
        self.last |= {one.registration_id: one for one in changes}
        stated = self.watch.take([Told(Version(3, self._version), changes)]).stated
        name, generation = self._definition.name, self._definition.generation
        self.messages += [message_of(name, generation, self.watch, one, life=self._life) for one in stated]
        return list(stated)

    def retract(self, *names: str) -> list[Stated]:
        """Registrations of outcomes are taken back."""
        changes = [self.last[name] for name in names]
        return self.tell(*(one._replace(before=one.after, after=one.before) for one in changes))


def put(client: Client, definition: RegistryDefinition, messages: list[bytes]) -> None:
    load(client, definition, [(topics.signals(definition.name), one) for one in messages])


def day(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)


def test_a_signal_is_read_as_it_was_stated(client: Client, registry: RegistryDefinition) -> None:
    put(client, registry, Told1970(registry).messages)
    reading = read_signal(client, registry, "flat_cup/INTEROP/0")
    assert (reading.registry, reading.generation, reading.unresolved) == (
        registry.name,
        registry.generation,
        {"flat_cup": 0, "other": 0},
    )
    (one,) = reading.signals
    assert (one.id, one.monitor, one.group, one.product) == ("flat_cup/INTEROP/0", "flat_cup", "cup", "INTEROP")
    assert (one.state, one.level, one.cause, one.number, one.message) == ("updated", "alarm", "unit", 0, 7)
    # three of the five were put in at U3: 2 of 20 are not at watch, -1.88 + 2 ln(2/0.12) = 3.7
    assert one.units[0]["unit"] == "U3"
    assert (one.partition, one.version) == (3, EPOCH + 34)
    assert one.definition == watched_by(registry)["flat_cup"].monitor.definition
    watch_level, alarm_level = one.levels
    assert (watch_level["level"], watch_level["day"], watch_level["known_day"]) == ("watch", day(141), day(141))
    assert (alarm_level["level"], alarm_level["day"], alarm_level["known_day"]) == ("alarm", day(161), day(161))
    assert (watch_level["known_version"], alarm_level["known_version"]) == (EPOCH + 25, EPOCH + 29)
    for path in (one.known, one.hindsight[:-1]):
        for point, (number, observed, expected, statistic, rate, _) in zip(path, _EXPECTED, strict=True):
            assert (point["day"], point["observed"]) == (day(number), observed)
            assert (point["expected"], point["statistic"]) == pytest.approx((expected, statistic), abs=1e-6)
            assert point["rate"] == pytest.approx(rate, abs=1e-4)
    assert [(unit["unit"], unit["exposures"], unit["through"], unit["lag"]) for unit in one.units] == [
        (unit["unit"], 10, day(212), 0) for unit in one.units
    ]
    assert sorted(unit["unit"] for unit in one.units) == UNITS
    assert sum(happened["number"] for happened in one.happened) == 5
    assert [(became.message, became.state, became.level, became.version - EPOCH) for became in reading.history] == [
        (1, "raised", "watch", 25), (2, "raised", "alarm", 29),
        # at alarm, three more get the cup, on days 162, 168 and 174; then two more reoperations
        (3, "updated", "alarm", 30), (4, "updated", "alarm", 31), (5, "updated", "alarm", 32),
        (6, "updated", "alarm", 33), (7, "updated", "alarm", 34),
    ]  # fmt: skip
    assert [became.observed for became in reading.history] == [2, 3, 3, 3, 3, 4, 5]
    assert [became.statistic for became in reading.history] == pytest.approx(
        [_EXPECTED[row][3] for row in (1, 2, 2, 2, 2, 3, 4)], abs=1e-6
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_latest_stands_whatever_comes_last_and_however_often(
    client: Client, registry: RegistryDefinition, seed: int
) -> None:
    told = Told1970(registry)
    assert [one.signal.state for one in told.retract("r11", "r15", "r20", "r6")] == ["withdrawn"]
    messages = told.messages * 2
    random.Random(seed).shuffle(messages)
    for number in range(0, len(messages), 3):
        put(client, registry, messages[number : number + 3])
    before = read_signals(client, registry).signals
    assert [(one.id, one.state, one.message) for one in before] == [("flat_cup/INTEROP/0", "withdrawn", 8)]
    assert len(before[0].reasons) == 4
    assert [one.message for one in read_signal(client, registry, "INTEROP").history] == [*range(1, 9)]
    put(client, registry, told.messages)
    assert read_signals(client, registry).signals == before


def test_alarms_come_first_and_what_is_withdrawn_last(client: Client, registry: RegistryDefinition) -> None:
    told = Told1970(registry)
    other = [one._replace(after=one.after and one.after._replace(product="WATCHED")) for one in told.last.values()][:24]
    told.tell(*(one._replace(before=None, registration_id=f"w{n}") for n, one in enumerate(other)))
    put(client, registry, told.messages)
    found = [(one.product, one.level, one.state) for one in read_signals(client, registry).signals]
    assert found[0][:2] == ("INTEROP", "alarm")
    told.retract("r11", "r15", "r20", "r6")
    put(client, registry, told.messages)
    last = [(one.product, one.state) for one in read_signals(client, registry).signals]
    assert last[-1] == ("INTEROP", "withdrawn")


def test_raised_anew_it_is_another_and_its_product_s_code_means_the_latest(
    client: Client, registry: RegistryDefinition
) -> None:
    told = Told1970(registry)
    taken_back = {name: told.last[name] for name in ("r11", "r15", "r20", "r6")}
    told.retract(*taken_back)
    (again,) = told.tell(*taken_back.values())
    assert (again.signal.number, again.messages) == (1, 9)
    put(client, registry, told.messages)
    assert [one.id for one in read_signals(client, registry).signals] == ["flat_cup/INTEROP/1", "flat_cup/INTEROP/0"]
    assert read_signal(client, registry, "INTEROP").signals[0].number == 1
    assert [one.message for one in read_signal(client, registry, "INTEROP").history] == [9]
    assert [one.state for one in read_signal(client, registry, "flat_cup/INTEROP/0").signals] == ["withdrawn"]


def test_generations_are_kept_apart(client: Client, registry: RegistryDefinition) -> None:
    told = Told1970(registry)
    put(client, registry, told.messages[:2])
    database = sql.database_of(registry.name)
    client.command(  # the same, of another generation, and further on
        f"INSERT INTO {database}.signals SELECT * REPLACE ('another' AS generation, through + 9 AS through, "
        f"99 AS message) FROM {database}.signals"
    )
    assert [one.message for one in read_signals(client, registry).signals] == [2]
    assert [one.message for one in read_signal(client, registry, "INTEROP").history] == [1, 2]


def test_what_cannot_be_read_is_told(client: Client, registry: RegistryDefinition, tmp_path: Path) -> None:
    with pytest.raises(CannotBeReadError, match="there is no signal flat_cup/GONE/0; there are none"):
        read_signal(client, registry, "flat_cup/GONE/0")
    put(client, registry, Told1970(registry).messages)
    with pytest.raises(CannotBeReadError, match=r"there is no signal GONE; there are flat_cup/INTEROP/0"):
        read_signal(client, registry, "GONE")
    plain = made(client, derived_registry(tmp_path / "plain"))
    write(client, plain, 3, cells=[cell("2024-01-01", [1])])
    with pytest.raises(CannotBeReadError, match=r"watches nothing: its monitors\.yaml declares neither monitors nor"):
        read_signals(client, plain)


def test_signals_of_a_former_life_are_set_aside_and_stay_readable(client: Client, registry: RegistryDefinition) -> None:
    told, generation = Told1970(registry), registry.generation
    put(client, registry, told.messages[:5])
    before = read_signal(client, registry, "INTEROP")
    former = set_signals_aside(client, registry.name, generation)
    assert former == f"{generation}.0"
    assert set_signals_aside(client, registry.name, generation) is None  # there are none any more
    assert read_signals(client, registry).signals == []
    assert read_signals(client, registry).elsewhere == {former: 1}
    then = read_signal(client, registry, "INTEROP", of=former)
    assert (then.generation, then.signals, then.history) == (former, before.signals, before.history)

    again = Told1970(registry, life=1)
    put(client, registry, again.messages)
    assert [one.message for one in read_signal(client, registry, "INTEROP").history] == [*range(1, 8)]
    second = set_signals_aside(client, registry.name, generation)
    assert second == f"{generation}.1"
    assert [one.message for one in read_signal(client, registry, "INTEROP", of=second).history] == [*range(1, 8)]
    assert read_signal(client, registry, "INTEROP", of=former).history == before.history
    assert present_life(client, registry.name, generation) == 2
    assert stated_generations(client, registry.name) == {former: 1, second: 1}
    with pytest.raises(CannotBeReadError, match=f"were stated of nobody; there are those of {former}, {second}"):
        read_signals(client, registry, of="nobody")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_loader_reads_again_a_former_life_does_not_come_back(
    client: Client, registry: RegistryDefinition, seed: int
) -> None:
    """The topic keeps what a former life stated for 30 days; the new one has got to watch alone so far."""
    former, new = Told1970(registry), Told1970(registry, life=1)
    put(client, registry, former.messages)
    name = set_signals_aside(client, registry.name, registry.generation)
    put(client, registry, new.messages[:1])
    was = read_signal(client, registry, "INTEROP", of=name)
    assert [(one.level, one.message) for one in read_signals(client, registry).signals] == [("watch", 1)]

    rewound = [*former.messages, *new.messages[:1]]
    random.Random(seed).shuffle(rewound)
    for number in range(0, len(rewound), 3):
        put(client, registry, rewound[number : number + 3])
    now = read_signal(client, registry, "INTEROP")
    assert [(one.level, one.message) for one in now.signals] == [("watch", 1)]
    assert [one.message for one in now.history] == [1]
    assert {one.message for one in last_stated(client, *of_flat_cup(registry), pairs=False).values()} == {1}
    assert read_signals(client, registry).elsewhere == {name: 1}
    then = read_signal(client, registry, "INTEROP", of=name)
    assert (then.signals, then.history) == (was.signals, was.history)
    assert [one.message for one in then.history] == [*range(1, 8)]


def of_flat_cup(definition: RegistryDefinition) -> tuple[str, str, str]:
    return definition.name, definition.generation, "flat_cup"


def test_a_lost_database_knows_by_the_messages_alone_which_life_stands(
    client: Client, registry: RegistryDefinition
) -> None:
    put(client, registry, Told1970(registry).messages)
    set_signals_aside(client, registry.name, registry.generation)
    put(client, registry, Told1970(registry, life=1).messages[:1])
    client.command(f"TRUNCATE TABLE {sql.table(sql.database_of(registry.name), 'signal_lives')}")
    assert [(one.level, one.message) for one in read_signals(client, registry).signals] == [("watch", 1)]
    assert set_signals_aside(client, registry.name, registry.generation) == f"{registry.generation}.1"


def test_signals_and_reviews_come_back_from_a_folder_into_a_new_database(
    client: Client, registry: RegistryDefinition, tmp_path: Path
) -> None:
    """Topics forget them after 30 days; nothing makes anew when a signal was raised, and what was said of it."""
    name, told = registry.name, Told1970(registry)
    told.retract("r11")
    put(client, registry, told.messages)
    former = set_signals_aside(client, name, registry.generation)
    put(client, registry, Told1970(registry, life=1).messages[:2])
    decision = decided(1, "confirmed", about="flat_cup/INTEROP/0", product="INTEROP", group="flat_cup", reason="seen")
    again = {**decision, "state": "closed", "said_at": moment("2024-07-01")}  # of an id the first message counts
    said = [
        (topics.reviews(name), encode_event("review", {"registry": name, "epoch": 1, **one}))
        for one in (decision, again)
    ]
    load(client, registry, said)

    def read() -> list[object]:
        signals = [read_signal(client, registry, "INTEROP", of=of) for of in (None, former)]
        return [*signals, read_decisions(client, name), stated_generations(client, name)]

    before = read()
    files = export(client, name, tmp_path / "kept")
    assert [(one.table, one.rows) for one in files] == [("signals", 10), ("signal_lives", 1), ("reviews", 1)]
    with (tmp_path / "kept" / "signals.avro").open("rb") as file:
        assert {one["id"] for one in fastavro.reader(file)} == {"flat_cup/INTEROP/0"}  # type: ignore[index, call-overload]
    for one in files:
        client.command(f"TRUNCATE TABLE {sql.table(sql.database_of(name), one.table)}")
    assert read_signals(client, registry).signals == []
    for _ in range(2):  # again changes nothing
        assert import_export(client, name, tmp_path / "kept") == {"signals": 10, "signal_lives": 1, "reviews": 1}
        assert read() == before
    load(client, registry, said)  # what the topic still has
    assert read() == before
    manifest = tmp_path / "kept" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"reviews"', '"reviewz"'))
    with pytest.raises(BackupError, match="speaks of reviewz, which is not known here"):
        import_export(client, name, tmp_path / "kept")


def test_back_before_lives_were_told_and_forth_again_no_history_is_mixed(
    client: Client, registry: RegistryDefinition
) -> None:
    put(client, registry, Told1970(registry).messages)
    name = set_signals_aside(client, registry.name, registry.generation)
    put(client, registry, Told1970(registry, life=1).messages[:1])

    def histories() -> list[object]:
        read = [read_signal(client, registry, "INTEROP", of=of) for of in (None, name)]
        told = ("id", "number", "message", "state", "level", "versions", "levels", "known", "hindsight")
        return [[[getattr(signal, field) for field in told] for signal in one.signals] for one in read]

    before = histories()
    assert all(before)
    revert(client, registry.name, 16, allow_data_loss=True)
    apply(client, {registry.name: registry})
    assert histories() == before


def test_signals_are_told_as_they_come_also_where_one_was_raised_and_updated_between_two_looks(
    client: Client, registry: RegistryDefinition
) -> None:
    told = Told1970(registry)
    words: list[str] = []
    with signals_told(client, registry, words.append):
        put(client, registry, told.messages[:1])
        wait_for(lambda: len(words) == 1, "the watch")
        put(client, registry, told.messages[1:3])  # raised to alarm, then updated
        wait_for(lambda: len(words) == 2, "the alarm")
        put(client, registry, told.messages[3:])
    assert [line.split(",")[0] for line in words] == [
        "signal flat_cup/INTEROP/0 (INTEROP) is raised: [bold]watch[/]",
        "signal flat_cup/INTEROP/0 (INTEROP) is raised: [bold]alarm[/]",
    ]
    assert words[1].endswith("by event date on 1970-06-11")


# the commands


@pytest.fixture
def guldadra(
    embedded_database: EmbeddedDatabase,
    registry: RegistryDefinition,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Command:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GULDADRA_CLICKHOUSE_URL", embedded_database.url)
    monkeypatch.setenv("GULDADRA_REGISTRIES", str(registry.folder))
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    indicators_room.add_to(app)
    signals_room.add_to(app)

    def run(*words: str) -> Result:
        with logs_as_they_were():
            return CliRunner().invoke(app, list(words))

    return run


def filled(client: Client, definition: RegistryDefinition, told: Told1970 | None = None) -> None:
    """The Inter-op signal, two who carry the cup at U1, one at U2, and one from whom it was taken out."""
    put(client, definition, (told or Told1970(definition)).messages)
    register = Register(definition)
    register.operated("k1-anna", "a", "1970-12-31")
    register.load(client)
    carrying = [exposure(name, "1970-02-01", product="INTEROP") for name in ("r1", "r2")]
    gone = {"end_reason": "revision", "outcomes": 1, "first_outcome": 141, "carried_until": 141}
    elsewhere = exposure("r3", "1970-02-01", product="INTEROP", unit="U2")
    taken_out = exposure("r6", "1970-02-06", "1970-05-22", product="INTEROP", **gone)
    write(client, definition, 4, exposures=[*carrying, elsewhere, taken_out])


def test_with_a_signal_that_is_withdrawn_no_clinic_is_overdue_and_its_list_stays(
    client: Client, registry: RegistryDefinition, guldadra: Command
) -> None:
    told = Told1970(registry)
    filled(client, registry, told)

    def followed() -> list[tuple[str, int, int]]:
        """Of all signals and notices: who carries it, and who should have been called two years later."""
        standing = standing_of(read_signals(client, registry).signals)
        (one,) = read_subjects(client, registry.name, standing)
        found = read_follow_up(client, registry, one, until=date(1972, 1, 1))
        assert found.subject.opened_on == day(161)
        return [(one.unit, one.persons, one.overdue) for one in found.units]

    assert followed() == [("U1", 2, 2), ("U2", 1, 1)]
    assert [one.signal.state for one in told.retract("r11", "r15", "r20", "r6")] == ["withdrawn"]
    put(client, registry, told.messages)
    assert followed() == [("U1", 2, 0), ("U2", 1, 0)]
    (shown,) = json.loads(guldadra("signals", registry.name, "--show", "INTEROP", "--json").stdout)["signals"]
    assert shown["state"] == "withdrawn"


def test_former_signals_are_named_and_shown(client: Client, registry: RegistryDefinition, guldadra: Command) -> None:
    filled(client, registry)
    former = set_signals_aside(client, registry.name, registry.generation)
    shown = " ".join(guldadra("signals", registry.name).output.split())
    assert f"no signals in {registry.name} does `guldadra surveillance {registry.name}` run with the present" in shown
    assert f"also stated, of other generations and in former lives: 1 of {former}" in shown
    assert "flat_cup/INTEROP/0" in guldadra("signals", registry.name, "--of", former).output
    one = json.loads(guldadra("signals", registry.name, "--of", former, "--show", "INTEROP", "--json").stdout)
    assert [became["message"] for became in one["history"]] == [*range(1, 8)]


def lines(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.output.splitlines()]


def test_all_signals_as_a_table_and_as_json(client: Client, guldadra: Command, registry: RegistryDefinition) -> None:
    assert f"no signals in {registry.name}" in lines(guldadra("signals", registry.name))
    assert json.loads(guldadra("signals", registry.name, "--json").stdout)["signals"] == []
    filled(client, registry)
    shown = lines(guldadra("signals", registry.name))
    (row,) = [line for line in shown if line.startswith("flat_cup/INTEROP/0")]
    # 0.19252567 expected, 11.477344 by then
    assert row == "flat_cup/INTEROP/0 alarm updated 5 0.193 11.48 1970-05-22 1970-06-11 not known"
    found = json.loads(guldadra("signals", registry.name, "--json").stdout)
    assert (found["registry"], found["generation"], found["coverage"]) == (registry.name, registry.generation, {})
    (one,) = found["signals"]
    assert (one["id"], one["level"], one["levels"][0]["day"]) == ("flat_cup/INTEROP/0", "alarm", "1970-05-22")


@pytest.mark.parametrize("asked", ["flat_cup/INTEROP/0", "INTEROP"])
def test_one_signal_with_all_that_speaks_for_it(
    client: Client, guldadra: Command, registry: RegistryDefinition, asked: str
) -> None:
    filled(client, registry)
    shown = lines(guldadra("signals", registry.name, "--show", asked))
    text = "\n".join(shown)
    assert (
        "flat_cup/INTEROP/0: INTEROP: alarm, updated; the product at U3: without that unit it would not be at watch"
        in shown
    )
    assert "watch 1970-05-22 1970-05-22 3: 1/25 2 0.09303 4.229 4.20" in shown  # 4.228946 at 0.09303217 expected
    assert "alarm 1970-06-11 1970-06-11 3: 1/29 3 0.1189 6.802 6.60" in shown
    # the third reoperation: 50.4489 per 100 component-years, P 0.00025652208
    (known,) = [line for line in shown if line.startswith("1970-06-11 3") and line.endswith("3: 1/29")]
    assert known.startswith("1970-06-11 3 0.1189 6.802 4.20 6.60 50.4 ")
    assert known.endswith("0.00026 3: 1/29")
    by_unit = {line.split()[0]: line.removesuffix(" not known").split()[-3] for line in shown if " of 10 " in line}
    assert by_unit == {"U1": "2", "U2": "1", "U3": "0"}, "persons to call"
    assert "raised watch 3: 1/25 2 0.0930 4.229" in shown
    assert "what other methods say" in text
    definition = watched_by(registry)["flat_cup"].monitor.definition
    assert f"monitor flat_cup, declared as {definition}; no certificate, so that its error rates are not known" in shown


def test_whom_a_signal_s_units_have_to_call(client: Client, guldadra: Command, registry: RegistryDefinition) -> None:
    filled(client, registry)
    shown = lines(guldadra("trace", registry.name, "--signal", "flat_cup/INTEROP/0", "--unit", "U1"))
    assert any("1970-02-01" in line and "r1" in line for line in shown)
    assert not any("r3" in line or "r6" in line for line in shown)
    as_json = ("trace", registry.name, "--signal", "flat_cup/INTEROP/0", "--json")
    found = json.loads(guldadra(*as_json).stdout)
    assert {unit: one["persons"] for unit, one in found["units"].items()} == {"U1": 2, "U2": 1}
    assert (found["affected"]["product"], found["affected"]["about"]) == ("INTEROP", "flat_cup/INTEROP/0")
    by_product = json.loads(guldadra("trace", registry.name, "--product", "INTEROP", "--json").stdout)
    assert by_product["units"] == found["units"]


def test_wrong_questions_are_told_in_words(client: Client, guldadra: Command, registry: RegistryDefinition) -> None:
    filled(client, registry)

    def refused(*words: str) -> str:
        result = guldadra(*words)
        assert isinstance(result.exception, SettingsError), result.output
        return str(result.exception)

    none_such = "there is no signal cup/X/0; there are flat_cup/INTEROP/0"
    assert none_such in refused("signals", registry.name, "--show", "cup/X/0")
    assert none_such in refused("trace", registry.name, "--signal", "cup/X/0")
    either = "say one of --signal, --notice and --product"
    assert either in refused("trace", registry.name)
    assert either in refused("trace", registry.name, "--signal", "cup/X/0", "--product", "INTEROP")


def test_a_signal_all_of_whose_exposures_are_retracted_can_still_be_shown(
    client: Client, guldadra: Command, registry: RegistryDefinition
) -> None:
    told = Told1970(registry)
    own = [one for name, one in told.last.items() if name.startswith("r")]
    (gone,) = told.tell(*(one._replace(before=one.after, after=None) for one in own))
    assert gone.signal.state == "withdrawn"
    put(client, registry, told.messages)
    (row,) = [line for line in lines(guldadra("signals", registry.name)) if line.startswith("flat_cup/INTEROP/0")]
    assert row.endswith(" withdrawn 0 0 0.00 not known")
    shown = lines(guldadra("signals", registry.name, "--show", "INTEROP"))
    assert "withdrawn, for r0 was retracted" in shown
