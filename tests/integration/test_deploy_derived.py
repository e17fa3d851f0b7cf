"""The commands that show what is derived of the registrations, against the real engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import typer
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner, Result

from deploy.cli import generations as generations_room
from deploy.cli import indicators as indicators_room
from deploy.generations import drop_log, process_group
from deploy.logbook import LogError
from deploy.settings import SettingsError
from schemas import topics
from sinks.clickhouse import sql
from tests.deploy_support import forget_settings, logs_as_they_were
from tests.derived_support import Register, cell, derived_registry, entry, exposure, made, vector, write
from tests.support import make_log, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.embedded.broker import EmbeddedBroker
    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

    Command = Callable[..., Result]

pytestmark = pytest.mark.embedded

NEW = "fedcba987654"


@pytest.fixture(scope="module")
def registry(client: Client, tmp_path_factory: pytest.TempPathFactory) -> RegistryDefinition:
    return filled(client, tmp_path_factory.mktemp("registries"))


def filled(client: Client, folder: Path) -> RegistryDefinition:
    """Two years at two units, an entry on each list, three exposures, an opt-out; the latest day is 2024-12-31."""
    definition = made(client, derived_registry(folder))
    register = Register(definition)
    register.operated("k1-anna", "a", "2024-12-31")
    register.operated("k1-bo", "b", "2024-01-01")
    register.opted_out("k1-bo", "out")
    register.load(client)
    write(
        client, definition, 2,
        cells=[
            cell("2022-01-01", vector(performed=[1_200], reoperated=[1_200, 300], pain=[10, 40, 200])),
            cell("2022-02-01", vector(performed=[3], reoperated=[3, 0]), unit="U2", by=["male", "65+"]),
            cell("2024-01-01", vector(performed=[50], reoperated=[50, 1])),
            cell("2022-01-01", [9], cohort="quarters", by=[]), cell("2022-01-01", [8], cohort="years", by=[]),
        ],
        entries=[
            entry("a", "2024-12-31", shown=["6.5", "female"]), entry("b", "2024-12-30", unit="U2"),
            entry("lost", "2024-12-30", list="unresolved", form="reoperation", shown=[]),
        ],
        exposures=[
            exposure("a", "2024-01-01", "2024-01-11", end_reason="revision", outcomes=1, first_outcome=19_730),
            exposure("b", "2024-12-01"),
        ],
    )  # fmt: skip
    return definition


@pytest.fixture
def guldadra(
    embedded_database: EmbeddedDatabase, registry: RegistryDefinition, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GULDADRA_CLICKHOUSE_URL", embedded_database.url)
    monkeypatch.setenv("GULDADRA_REGISTRIES", str(registry.folder))
    app = typer.Typer()
    indicators_room.add_to(app)
    generations_room.add_to(app)

    def run(*words: str) -> Result:
        with logs_as_they_were():
            return CliRunner().invoke(app, list(words))

    return run


@pytest.fixture
def own(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RegistryDefinition:
    """A registry of the test's own, which it may change; ask for it after the command."""
    definition = filled(client, tmp_path / "registries")
    monkeypatch.setenv("GULDADRA_REGISTRIES", str(definition.folder))
    return definition


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_overview_is_the_nation_by_year_then_units_in_the_latest_complete_year(
    guldadra: Command, registry: RegistryDefinition
) -> None:
    shown = guldadra("indicators", registry.name).output
    nation, units = shown.split("units, the latest year whose follow-up is over", 1)
    assert "Smallest register: the nation by year" in nation
    assert "Reoperated within a year" in nation
    assert "at most 10.0 %" in nation
    assert "24.9 %" in nation  # 300 of 1,203
    assert "n 1,203" in nation
    assert "2.0 %*" in nation  # 2024 is not old enough
    assert "Reoperated within a year, 2022" in " ".join(units.split())
    assert "U1 First clinic 50 .." in " ".join(units.split())  # 1,203 less its 1,200 would be U2's three
    assert f"as of 2024-12-31; generation {registry.generation}, through (partition: epoch/offset) 0: 0/2" in shown


def test_titles_are_in_swedish_where_that_is_asked_for(guldadra: Command, registry: RegistryDefinition) -> None:
    shown = guldadra("indicators", registry.name, "--lang", "sv").output
    assert "Minsta registret: riket per år" in shown
    assert "Reopererade inom ett år" in shown


def test_details_by_place_time_and_breakdown(guldadra: Command, registry: RegistryDefinition) -> None:
    shown = guldadra("indicators", registry.name, "reoperated", "--by", "county", "--breakdown", "sex").output
    assert "Reoperated within a year, target at most 10.0 %" in shown
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    # Wilson's limits of 1 in 50 by its formula: centre 0.05425, half 0.05071
    assert "North county 2024 female 50 2.0 %* 0.4 to 10.5 %" in lines
    assert "South county 2022 male .." in lines  # three, and the year's 1,203 are printed by the overview
    assert "North county 2022 female .." in lines


def test_indicators_whose_cells_are_too_coarse_are_left_out_and_said_so(
    guldadra: Command, registry: RegistryDefinition
) -> None:
    shown = guldadra("indicators", registry.name, "--per", "month").output
    assert "2022-01" in shown
    assert "left out: quarterly: cohort quarters is kept by quarter, and cannot be read by month" in shown
    refused = guldadra("indicators", registry.name, "yearly", "--per", "month")
    assert isinstance(refused.exception, SettingsError)
    assert "cohort years is kept by year, and cannot be read by month" in str(refused.exception)


def test_json_has_the_numbers_and_where_they_come_from(guldadra: Command, registry: RegistryDefinition) -> None:
    found = said(guldadra("indicators", registry.name, "reoperated", "--by", "unit", "--json"))
    assert {key: found[key] for key in ("registry", "generation", "through", "until", "by", "per", "unit")} == {
        "registry": registry.name, "generation": registry.generation, "through": {"0": 2}, "until": "2024-12-31",
        "by": "unit", "per": "year", "unit": None,
    }  # fmt: skip
    first, last, hidden = found["rows"]
    assert (first["place"], first["first_day"], first["last_day"]) == ("U1", "2022-01-01", "2022-12-31")
    assert (first["n"], first["value"], first["mature"]) == (None, None, True)  # for U2's sake
    assert (last["n"], last["value"], last["events"]) == (50, 0.02, 1)
    assert (last["first_day"], last["mature"], last["target"]) == ("2024-01-01", False, 0.1)
    assert (hidden["place"], hidden["n"], hidden["value"]) == ("U2", None, None)
    (own,) = said(guldadra("indicators", registry.name, "reoperated", "--unit", "U2", "--json"))["rows"]
    assert (own["n"], own["value"]) == (3, 0.0)


def test_lists_begin_with_the_count_per_unit(guldadra: Command, registry: RegistryDefinition) -> None:
    shown = guldadra("lists", registry.name, "in_pain").output
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert (
        lines.index("U1 First clinic 1") < lines.index("in all 2") < lines.index("U1 2024-12-31 operation a 6.5 female")
    )
    assert "k1-a" not in shown
    assert "1 more: --limit or --unit" in guldadra("lists", registry.name, "in_pain", "--limit", "1").output
    found = said(guldadra("unresolved", registry.name, "--json"))
    assert [(one["form"], one["registration_id"]) for one in found["entries"]] == [("reoperation", "lost")]
    assert found["through"] == {"0": 2}


def test_whom_a_unit_has_to_call(guldadra: Command, registry: RegistryDefinition) -> None:
    shown = guldadra("trace", registry.name, "--product", "CUP1").output
    assert "who carries CUP1" in shown
    assert "U1 First clinic" in shown
    assert "registration" not in shown  # that is the unit's own business
    shown = guldadra("trace", registry.name, "--product", "CUP1", "--unit", "U1", "--limit", "1").output
    assert "1 more: --limit, or --json for all" in shown
    assert "2024-01-01" in shown  # a was reoperated on, and still carries it
    assert said(guldadra("trace", registry.name, "--product", "CUP1", "--json"))["carriers"] == []
    until_june = ("--until", "2024-06-01", "--unit", "U1", "--json")
    found = said(guldadra("trace", registry.name, "--product", "CUP1", *until_june))
    assert [(one["registration_id"], one["outcome"]) for one in found["carriers"]] == [("a", "2024-01-08")]
    assert "knows nobody who ever got CUP1 of lot L9 at U2" in " ".join(
        guldadra("trace", registry.name, "--product", "CUP1", "--lot", "L9", "--unit", "U2").output.split()
    )


def test_exposures_by_product(guldadra: Command, registry: RegistryDefinition) -> None:
    shown = guldadra("exposures", registry.name).output
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "cup CUP1 2 1 revision 1 1 (50.0 %) 1 0 0 0.1" in lines  # 10 and 30 days
    (row,) = said(guldadra("exposures", registry.name, "cup", "--json"))["rows"]
    assert (row["exposures"], row["still_open"], row["ended"], row["days"]) == (2, 1, {"revision": 1}, 40)


def test_generations_are_listed_switched_and_dropped(
    guldadra: Command, own: RegistryDefinition, client: Client, embedded_broker: EmbeddedBroker, monkeypatch: Any
) -> None:
    monkeypatch.setenv("GULDADRA_BOOTSTRAP", embedded_broker.bootstrap)
    write(client, own, 1, cells=[], generation=NEW)
    refused = guldadra("generations", own.name, "--switch", NEW)
    assert "has not caught up: 1 archived submissions are not in it" in str(refused.exception)
    write(client, own, 2, cells=[], generation=NEW)
    found = said(guldadra("generations", own.name, "--switch", NEW, "--json"))
    assert [(one["name"], one["current"], one["caught_up"]) for one in found] == [
        (NEW, True, True), (own.generation, False, True),
    ]  # fmt: skip
    refused = guldadra("generations", own.name, "--drop", NEW)
    assert "is the one that readers use" in str(refused.exception)
    shown = guldadra("generations", own.name, "--drop", own.generation).output
    assert NEW in shown
    assert own.generation not in shown
    assert client.rows(f"SELECT count() FROM {sql.database_of(own.name)}.exposures") == [(0,)]


def test_erasure_tells_what_it_took(guldadra: Command, own: RegistryDefinition) -> None:
    assert "erased 1 rows of operation_rows, 1 rows of archive" in guldadra("erase", own.name).output
    assert "nothing to erase" in guldadra("erase", own.name).output
    assert said(guldadra("erase", own.name, "--json"))[own.name]["archive"] == 0


def test_the_kafka_side_of_a_generation_is_dropped(kafka: Any, tmp_path: Path) -> None:
    definition = derived_registry(tmp_path / "registries")
    make_changelog_of(kafka, definition)
    drop_log(kafka, definition.name, NEW)
    wait_for(lambda: not has_changelog(kafka, definition), "a changelog that is gone")
    drop_log(kafka, definition.name, NEW)


@pytest.mark.kafka
def test_nothing_is_dropped_below_a_process_that_runs(real_kafka: Any, tmp_path: Path) -> None:
    kafka = {"bootstrap.servers": real_kafka.bootstrap}
    definition = derived_registry(tmp_path / "registries")
    make_changelog_of(kafka, definition)
    runs = Consumer({**kafka, "group.id": process_group(definition.name, NEW)})
    runs.subscribe([topics.accepted(definition.name)])
    while not runs.assignment():
        runs.poll(0.1)
    with pytest.raises(LogError, match="still runs on generation"):
        drop_log(kafka, definition.name, NEW)
    assert has_changelog(kafka, definition)
    runs.close()
    drop_log(kafka, definition.name, NEW)
    wait_for(lambda: not has_changelog(kafka, definition), "a changelog that is gone")


def make_changelog_of(kafka: Any, definition: RegistryDefinition) -> None:
    make_log(kafka, definition)
    spec = topics.changelog_of(topics.journeys_changelog(definition.name, NEW), 4)
    new = NewTopic(spec.name, num_partitions=4, replication_factor=1, config=dict(spec.config))
    admin = AdminClient(dict(kafka))  # kept: its answers come only while it lives
    for future in admin.create_topics([new]).values():
        future.result()
    wait_for(lambda: has_changelog(kafka, definition), "a changelog")


def has_changelog(kafka: Any, definition: RegistryDefinition) -> bool:
    return topics.journeys_changelog(definition.name, NEW) in AdminClient(dict(kafka)).list_topics(timeout=10).topics
