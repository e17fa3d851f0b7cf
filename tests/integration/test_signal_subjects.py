"""Signals of families, companies, lots and units: from the watch into ClickHouse and out by the commands; by hand.

Ninety days each against a flat 2 per 100 component-years: n put in are expected to fail 0.02 · n · 90 / 365.25 times.
"""

from __future__ import annotations

import json
import math
from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner, Result

from deploy.cli import indicators as indicators_room
from deploy.cli import reviews as reviews_room
from deploy.cli import signals as signals_room
from schemas import topics
from schemas.codec import decode_event, fingerprint, wire_header
from schemas.compiled_writer import compile_writer
from sinks.clickhouse.client import connect
from sinks.clickhouse.migrations.plan import apply, revert
from sinks.clickhouse.queries.carriers import Affected, read_carriers
from sinks.clickhouse.queries.reviews import find_subject, read_follow_up
from sinks.clickhouse.queries.signals import StatedSignal, read_signal, read_signals
from streams.publish.errors import InputError
from streams.publish.reviews import about_signal
from streams.surveillance.bins import Change, Exposure
from streams.surveillance.declared import watched_by
from streams.surveillance.message import message_of
from streams.surveillance.signals import Version
from streams.surveillance.watch import Told, Watch
from tests.deploy_support import forget_settings, logs_as_they_were
from tests.derived_support import Register, cell, derived_registry, exposure, load, made, write
from tests.review_support import say, stands
from tests.support import patient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

    Command = Callable[..., Result]

pytestmark = pytest.mark.embedded

COMPONENTS = """code,name,kind,company,family
CUP1,Falka Duo,cup,Nordfalk,Falka
CUP2,Falka Rand,cup,Nordfalk,Falka
CUP3,Vindil,cup,Nordfalk,Vindil
CUP4,Skarna,cup,Skarvik,Skarna
"""
DECLARED = """
exposures:
  cup:
    title: {sv: Cup, en: Cup}
    form: operation
    product: cup
    lot: cup_lot
    ends: [{form: reoperation, reason: revision}]
    outcomes: {form: reoperation}
monitors:
  cup:
    exposures: cup
    baseline: flat
    rates: [2.0]
    planned: 100
    streams:
      family: {thresholds: &own {watch: [6.0], alarm: [13.0]}}
      company: {thresholds: *own}
      lot: {thresholds: *own}
      unit: {thresholds: *own}
"""
PATIENTS = {f"r{number}": patient(number) for number in range(1, 7)}
START, LAST = 1_000, 1_090  # 1972-09-27
SIGNALS = {  # what was put in, and how many of it failed
    "CUP1": (20, 3), "CUP2": (5, 2), "family:Falka": (25, 5), "company:Nordfalk": (30, 5), "lot:CUP1:L1": (10, 3),
    "unit:U1": (15, 5),
}  # fmt: skip


def llr(put_in: int, failed: int) -> float:
    expected = 0.02 * put_in * 90 / 365.25
    return expected - failed + failed * math.log(failed / expected)


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture
def registry(client: Client, tmp_path: Path) -> RegistryDefinition:
    """The signals of the watch, and six who carry something."""
    declared = derived_registry(tmp_path / "registries", monitors=DECLARED, components=COMPONENTS)
    definition = made(client, declared)
    load(client, definition, [(topics.signals(definition.name), one) for one in stated(definition)])
    register = Register(definition)
    register.operated("k1-anna", "a", "1973-12-31", cup="CUP4", cup_lot=None)
    register.load(client)
    carried = [("r1", "CUP1", "L1", "U1"), ("r2", "CUP1", "", "U2"), ("r3", "CUP1", "L2", "U2")]
    carried += [("r4", "CUP2", "", "U1"), ("r5", "CUP3", "", "U2"), ("r6", "CUP4", "", "U1")]
    exposures = [
        exposure(name, "1972-09-27", patient=PATIENTS[name], product=cup, lot=lot, unit=unit)
        for name, cup, lot, unit in carried
    ]
    write(client, definition, 3, cells=[cell("2024-01-01", [1])], exposures=exposures)
    return definition


def stated(definition: RegistryDefinition) -> list[bytes]:
    """What the watch states of ten of each lot of CUP1, five of CUP2 and of CUP3, and a hundred of CUP4."""
    groups = [("CUP1", "L1", "U1", 10, 3), ("CUP1", "L2", "U2", 10, 0), ("CUP2", "", "U1", 5, 2)]
    groups += [("CUP3", "", "U2", 5, 0), ("CUP4", "", "U2", 100, 0)]
    changes = []
    for cup, lot, unit, many, failed in groups:
        for number in range(many):
            end = LAST if number < failed else None
            name = f"{cup}{lot}{number}"
            one = Exposure(cup, lot, unit, "", (), START, end, "", int(end is not None), end, recorded=START)
            changes.append(Change(name, name, None, one))
    for unit in ("U1", "U2"):  # two recorded on the last day: everybody reports to it
        for number in range(2):
            late = Exposure("CUP4", "", unit, "", (), LAST, None, "", 0, None, recorded=LAST)
            changes.append(Change("late", f"{unit}{number}", None, late))
    watch = Watch(watched_by(definition)["cup"])
    return [
        message_of(definition.name, definition.generation, watch, one)
        for one in watch.take([Told(Version(3, 1 << 48), changes)]).stated
    ]


def read(client: Client, registry: RegistryDefinition, label: str) -> StatedSignal:
    (found,) = read_signal(client, registry, label).signals
    return found


def test_every_kind_is_read_as_it_was_stated(client: Client, registry: RegistryDefinition) -> None:
    found = {one.product: one for one in read_signals(client, registry).signals}
    assert {label: one.id for label, one in found.items()} == {label: f"cup/{label}/0" for label in SIGNALS}
    for label, (put_in, failed) in SIGNALS.items():
        one = found[label]
        assert (sum(unit["exposures"] for unit in one.units), one.hindsight[-1]["observed"]) in {
            (put_in, failed), (put_in + 2, failed),  # those of the last day are at unit U1 too
        }  # fmt: skip
        assert one.hindsight[-1]["statistic"] == pytest.approx(llr(put_in, failed), abs=1e-6)
        assert one.hindsight[-1]["basis"] == ("prior" if one.of == "lot" else "flat")
    assert {label: (one.of, list(one.products), one.lot, one.unit) for label, one in found.items()} == {
        "CUP1": ("product", ["CUP1"], "", ""),
        "CUP2": ("product", ["CUP2"], "", ""),
        "family:Falka": ("family", ["CUP1", "CUP2"], "", ""),
        "company:Nordfalk": ("company", ["CUP1", "CUP2", "CUP3"], "", ""),
        "lot:CUP1:L1": ("lot", ["CUP1"], "L1", ""),
        "unit:U1": ("unit", [], "", "U1"),
    }
    assert [(one["product"], one["observed"]) for one in found["family:Falka"].by_product] == [("CUP1", 3), ("CUP2", 2)]
    assert [one["product"] for one in found["unit:U1"].by_product] == ["CUP1", "CUP2", "CUP4"]
    assert {label for label, one in found.items() if one.by_product} == {"family:Falka", "company:Nordfalk", "unit:U1"}
    assert {label for label, one in found.items() if one.cause == "unit"} == set(SIGNALS)  # all failed at U1


def test_a_message_and_a_row_from_before_are_of_a_product(client: Client, registry: RegistryDefinition) -> None:
    path = files("schemas") / "events" / "released" / "signal.1.avsc"
    before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    record = decode_event("signal", stated(registry)[0])
    old = {field["name"]: record[field["name"]] for field in before["fields"]} | {"product": "OLD", "id": "cup/OLD/0"}
    message = wire_header(fingerprint(before)) + compile_writer(before)(old)
    assert decode_event("signal", message)["of"] == "product"
    load(client, registry, [(topics.signals(registry.name), message)])
    one = read(client, registry, "OLD")
    assert (one.of, list(one.products), one.lot, one.unit, list(one.by_product)) == ("product", [], "", "", [])
    revert(client, registry.name, 13, allow_data_loss=True)
    apply(client, {registry.name: registry})
    assert read(client, registry, "OLD").of == "product"
    load(client, registry, [(topics.signals(registry.name), one) for one in stated(registry)])
    assert len(read_signals(client, registry).signals) == len(SIGNALS) + 1


def carriers(client: Client, registry: RegistryDefinition, signal: str) -> dict[str, list[str]]:
    affected = find_subject(client, registry.name, signal).affected
    found: dict[str, list[str]] = {}
    for one in read_carriers(client, registry, affected, until=date(1973, 1, 1)).carriers:
        found.setdefault(one.unit, []).append(one.registration_id)
    return found


def test_carriers_are_those_of_any_product_of_the_lot_or_whatever_the_unit_put_in(
    client: Client, registry: RegistryDefinition
) -> None:
    assert carriers(client, registry, "cup/family:Falka/0") == {"U1": ["r1", "r4"], "U2": ["r2", "r3"]}
    assert carriers(client, registry, "cup/company:Nordfalk/0") == {"U1": ["r1", "r4"], "U2": ["r2", "r3", "r5"]}
    # whose lot nobody knows may have had it too, as with a notice
    assert carriers(client, registry, "cup/lot:CUP1:L1/0") == {"U1": ["r1"], "U2": ["r2"]}
    assert carriers(client, registry, "cup/unit:U1/0") == {"U1": ["r1", "r4", "r6"]}
    assert carriers(client, registry, "cup/CUP1/0") == {"U1": ["r1"], "U2": ["r2", "r3"]}


def test_what_was_said_of_a_family_or_a_lot_is_known_of_the_product(
    client: Client, registry: RegistryDefinition
) -> None:
    family = {"about": "cup/family:Falka/0", "product": "family:Falka"}
    lot = {"about": "cup/lot:CUP1:L1/0", "product": "lot:CUP1:L1"}
    unit = {"about": "cup/unit:U1/0", "product": "unit:U1"}
    elsewhere = {"about": "stem/family:Falka/0", "product": "family:Falka", "group": "stem"}
    say(
        client, registry,
        stands(1, PATIENTS["r1"], "r1", "checked", **family), stands(2, PATIENTS["r4"], "r4", "called", **family),
        stands(3, PATIENTS["r2"], "r2", "not_found", **lot), stands(4, PATIENTS["r6"], "r6", "declined", **unit),
        stands(5, PATIENTS["r3"], "r3", "declined", **elsewhere),
    )  # fmt: skip
    follow_up = read_follow_up(client, registry, find_subject(client, registry.name, "cup/family:Falka/0"))
    assert (follow_up.persons, follow_up.number("checked"), follow_up.number("called")) == (4, 1, 1)
    (at_u1,) = read_follow_up(client, registry, find_subject(client, registry.name, "cup/unit:U1/0")).units
    assert (at_u1.unit, at_u1.states) == ("U1", {"to_call": 2, "declined": 1})

    def states(product: str) -> dict[str, str]:
        found = read_carriers(client, registry, Affected(product), until=date(1973, 1, 1))
        return {one.registration_id: one.state for one in found.carriers}

    assert states("CUP1") == {"r1": "checked", "r2": "not_found", "r3": "to_call"}
    assert states("CUP2") == {"r4": "called"}


@pytest.fixture
def guldadra(
    embedded_database: EmbeddedDatabase, registry: RegistryDefinition, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GULDADRA_CLICKHOUSE_URL", embedded_database.url)
    monkeypatch.setenv("GULDADRA_REGISTRIES", str(registry.folder))
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


def test_all_of_them_stand_as_one_case_under_the_one_that_explains_most(
    guldadra: Command, registry: RegistryDefinition
) -> None:
    shown = lines(guldadra("signals", registry.name))
    heads = [line for line in shown if "cup/" in line]
    # all five outcomes of the family are the unit's and the other way round, and the unit's statistic is the higher
    assert [line.split()[1 if line.startswith("└") else 0] for line in heads] == [
        "cup/unit:U1/0", "cup/family:Falka/0", "cup/company:Nordfalk/0", "cup/lot:CUP1:L1/0", "cup/CUP1/0",
        "cup/CUP2/0",
    ]  # fmt: skip
    assert [line.startswith("└") for line in heads] == [False, *[True] * 5]
    assert heads[1] == "└ cup/family:Falka/0 alarm raised 5 0.123 13.64 1972-12-26 1972-12-26 not known"
    names = ["U1 First clinic", "family Falka at U1", "company Nordfalk at U1", "Falka Duo, lot L1 at U1"]
    assert [name for name in names if name in shown] == names


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("family:Falka", ["family Falka: alarm, raised; the family at U1: without that unit it would not be at watch",
                          "CUP2 Falka Rand 5 1.23 2 0.025", "flat: against the declared rate"]),
        ("company:Nordfalk", ["company Nordfalk: watch, raised; the company at U1", "CUP3 Vindil 5 1.23 0 0.025"]),
        ("lot:CUP1:L1", ["Falka Duo, lot L1: watch, raised; the lot at U1", "by lot, against the other lots",
                         "prior: against the declared rate"]),
        ("unit:U1", ["U1 First clinic: alarm, raised; the unit", "CUP1 Falka Duo 10 2.46 3 0.049",
                     "U1 First clinic 17 3.70 5"]),
    ],
)  # fmt: skip
def test_each_is_shown_with_its_evidence(
    guldadra: Command, registry: RegistryDefinition, label: str, said: list[str]
) -> None:
    text = "\n".join(lines(guldadra("signals", registry.name, "--show", f"cup/{label}/0")))
    for words in said:
        assert words in text
    assert json.loads(guldadra("signals", registry.name, "--show", label, "--json").stdout)["signals"][0]["id"] == (
        f"cup/{label}/0"
    )


@pytest.mark.parametrize(
    ("label", "title", "units"),
    [
        ("family:Falka", "who carries family Falka", {"U1": 2, "U2": 2}),
        ("company:Nordfalk", "who carries company Nordfalk", {"U1": 2, "U2": 3}),
        ("lot:CUP1:L1", "who carries Falka Duo, lot L1", {"U1": 1, "U2": 1}),
        ("unit:U1", "who carries what U1 First clinic put in", {"U1": 3}),
    ],
)
def test_whom_to_call_is_traced_by_each(
    guldadra: Command, registry: RegistryDefinition, label: str, title: str, units: dict[str, int]
) -> None:
    shown = lines(guldadra("trace", registry.name, "--signal", f"cup/{label}/0"))
    assert any(line.endswith(title) for line in shown)
    found = json.loads(guldadra("trace", registry.name, "--signal", f"cup/{label}/0", "--json").stdout)
    assert {unit: one["persons"] for unit, one in found["units"].items()} == units


def test_every_alarm_is_listed_for_review(guldadra: Command, registry: RegistryDefinition) -> None:
    found = json.loads(guldadra("review", registry.name, "list", "--json").stdout)
    assert {one["about"]: one["persons"] for one in found} == {
        "cup/CUP1/0": 3, "cup/CUP2/0": 1, "cup/family:Falka/0": 4, "cup/unit:U1/0": 3,
    }  # fmt: skip


def test_what_may_be_reviewed_is_what_the_catalogues_have(registry: RegistryDefinition) -> None:
    for label in SIGNALS:
        about = about_signal(registry, f"cup/{label}/0")
        assert (about.group, about.product) == ("cup", label)
    for label in ("family:Gone", "company:Gone", "lot:CUP9:L1", "lot:CUP1:", "unit:U9", "family:"):
        with pytest.raises(InputError, match="is no product of the group cup"):
            about_signal(registry, f"cup/{label}/0")
