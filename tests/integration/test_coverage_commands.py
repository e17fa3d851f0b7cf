"""From a file of counts through the broker and the loader to what the commands print."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner, Result

from deploy.cli.coverage import add_to
from deploy.logbook import make_topics
from deploy.settings import SettingsError
from schemas.definition.folder import load_registry
from schemas.version import version_of
from sinks.clickhouse.migrations.plan import apply
from streams.control import RegistryControl, write_control
from streams.publish.errors import InputError, RegistryClosedError
from streams.publish.send_counts import send_counts
from streams.publish.unit_counts import UnitCount
from tests.clickhouse_support import AcceptedLog, insert
from tests.deploy_support import logs_as_they_were, point_settings
from tests.derived_support import load_derived
from tests.support import bundled, make_log, present_schema
from tests.unit.registry_folders import visit, write_registry

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig

_1970 = date(1970, 1, 1)
_COVERAGE = """
source: {sv: Patientregistret, en: Patient register}
form: visit
counts: {patient_register: {sv: Besök, en: Visits}}
definitions:
  units: {title: {sv: Enheter, en: Units}, share_of: units, reference: [patient_register]}
  all: {title: {sv: Alla, en: All visits}, share_of: everything, reference: [patient_register], target: 0.8}
silence: {after_days: 30, expected_at_least: 0}
"""


@dataclass(frozen=True)
class Register:
    """A small register of its own, its log made and its tables migrated."""

    definition: RegistryDefinition
    folder: Path
    client: Client
    kafka: KafkaConfig

    def run(self, *words: str) -> Result:
        """Run a command with this register's settings."""
        app = typer.Typer()
        add_to(app)
        with logs_as_they_were():
            return CliRunner().invoke(app, list(words), catch_exceptions=True)

    def loaded(self, counts: int) -> None:
        """Run the loader of derived values until so many counts are in."""
        load_derived(self.kafka, self.client, self.definition, counts, "counts")

    def counts(self) -> list[tuple[object, ...]]:
        return self.client.rows(
            "SELECT unit, period, measure, count, below, as_of, version "
            f"FROM guldadra_{self.definition.name}.unit_counts FINAL ORDER BY unit, period"
        )


@pytest.fixture
def register(
    kafka: KafkaConfig,
    client: Client,
    embedded_database: EmbeddedDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Register:
    name = bundled("hip").name.replace("hip", "visits")
    folder = write_registry(tmp_path, name)
    (folder / "coverage.yaml").write_text(_COVERAGE, encoding="utf-8")
    definition = load_registry(folder)
    apply(client, {name: definition})
    make_log(kafka, definition, epoch=2)
    point_settings(
        monkeypatch, tmp_path, bootstrap=kafka["bootstrap.servers"], clickhouse_url=embedded_database.url,
        registries=folder,
    )  # fmt: skip
    return Register(definition, folder, client, kafka)


def registered(register: Register, unit: str, number: int, day: date) -> None:
    """So many visits at a unit, each registered on its day."""
    schema = present_schema(register.definition, "visit")
    log = AcceptedLog(register.definition, partition=int(unit[1:]))
    for place in range(number):
        day_number = (day - _1970).days
        body = visit(
            registration_id=f"{unit}-{place}",
            unit=unit,
            occurred_on=day_number,
            recorded_at=day_number * 86_400_000,
        )
        log.add_written(schema, body)
    insert(register.client, register.definition, log.batch())


def test_from_a_file_of_counts_to_coverage_and_silence(register: Register) -> None:
    name = register.definition.name
    registered(register, "U1", 9, date(2001, 5, 10))
    file = register.folder / "counts.csv"
    file.write_text("unit,period,measure,count\nU1,2001-05,patient_register,10\nU2,2001-05,patient_register,<5\n")

    tried = register.run("counts", name, str(file), "--as-of", "2001-07-01", "--dry-run")
    assert tried.exit_code == 0
    assert "2 counts about 2 units, 1 of them not told exactly; all right, nothing was sent" in tried.output
    sent = register.run("counts", name, str(file), "--as-of", "2001-07-01")
    assert (sent.exit_code, sent.exception) == (0, None)
    register.loaded(2)
    # the dry run sent nothing: each unit's message is the first of its partition, in the log's third life
    assert register.counts() == [
        ("U1", date(2001, 5, 1), "patient_register", 10, None, date(2001, 7, 1), version_of(2, 0)),
        ("U2", date(2001, 5, 1), "patient_register", None, 5, date(2001, 7, 1), version_of(2, 0)),
    ]

    told = register.run("coverage", name, "--by", "nation", "--json")
    assert told.exit_code == 0
    reading = json.loads(told.output)
    assert (reading["until"], reading["source"]) == ("2001-05-10", "Patient register")
    units, everything = reading["rows"]
    assert (units["definition"], units["found"], units["reference"]) == (
        "units",
        {"low": 1, "high": 1},
        {"low": 2, "high": 2},
    )
    assert everything["reference"] == {"low": 11, "high": 14}
    assert everything["share"]["low"] == pytest.approx(9 / 14)
    assert everything["reached"] is None  # 64 to 82 %, of 80

    shown = register.run("coverage", name)
    assert shown.exit_code == 0
    assert re.search(r"U1 First clinic +2001 +9 +100\.0 % +90\.0 %", shown.output)
    assert re.search(r"U2 Second clinic +2001 +0 +0\.0 % +0\.0 %", shown.output)
    assert "no month is old enough yet" in " ".join(shown.output.split())  # however it is wrapped
    assert "95 % limits" in register.run("coverage", name, "--definition", "all", "--per", "month").output

    silence = register.run("compliance", name, "--until", "2001-06-10", "--json")
    assert silence.exit_code == 1
    rows = json.loads(silence.output)["rows"]
    assert [(row["unit"], row["state"], row["days"]) for row in rows] == [
        ("U1", "silent", 31),
        ("U2", "never reported", None),
    ]
    table = register.run("compliance", name, "--until", "2001-06-10").output
    assert "has not reported for 31 days" in table
    assert "never reported; the source knows of 1 to 4 in a year" in table


def test_every_unit_reports_and_compliance_says_so_by_its_exit_code(register: Register) -> None:
    registered(register, "U1", 1, date(2001, 5, 10))
    registered(register, "U2", 1, date(2001, 5, 9))
    assert register.run("compliance", register.definition.name).exit_code == 0


def test_the_latest_upload_wins_for_its_place_in_the_log_is_higher(register: Register) -> None:
    for number in (10, 12, 11):
        upload(register, UnitCount("U1", date(2001, 5, 1), "patient_register", number))
    register.loaded(3)
    ((_, _, _, count, _, _, version),) = register.counts()
    assert (count, version) == (11, version_of(2, 2))


def upload(register: Register, *counts: UnitCount) -> None:
    send_counts(register.kafka, register.definition, counts, as_of=date(2001, 7, 1), uploaded_at=1)


def test_a_stopped_registry_takes_no_counts(register: Register) -> None:
    write_control(register.kafka, RegistryControl(register.definition.name, 2, 4, True, "by law", "test", 0))
    with pytest.raises(RegistryClosedError, match="by law"):
        upload(register, UnitCount("U1", date(2001, 5, 1), "patient_register", 1))


def test_a_log_that_was_not_made_or_made_otherwise_is_told_of(kafka: KafkaConfig) -> None:
    stranger = bundled("hip")
    make_log(kafka, bundled("hip"))  # so that there is a control topic
    with pytest.raises(RegistryClosedError, match="has no log on this broker"):
        send_counts(kafka, stranger, [], as_of=date(2001, 7, 1), uploaded_at=1)
    write_control(kafka, RegistryControl(stranger.name, 0, 4, False, "made before there were counts", "test", 0))
    with pytest.raises(RegistryClosedError, match=f"there is no topic counts.{stranger.name}"):
        send_counts(kafka, stranger, [], as_of=date(2001, 7, 1), uploaded_at=1)
    make_topics(kafka, [stranger.name], 3, retention_days=30)
    with pytest.raises(RegistryClosedError, match="has 3 partitions and was made with 4"):
        send_counts(kafka, stranger, [], as_of=date(2001, 7, 1), uploaded_at=1)


def test_what_cannot_be_done_is_told_in_words(register: Register) -> None:
    name = register.definition.name
    file = register.folder / "wrong.csv"
    file.write_text("unit,period,measure,count\nU9,2001-05,patient_register,1\n", encoding="utf-8")
    refused = register.run("counts", name, str(file), "--as-of", "2001-07-01")
    assert isinstance(refused.exception, InputError)
    assert "line 2: unit 'U9' is not in the catalogue of units" in str(refused.exception)
    unknown = register.run("coverage", name, "--definition", "most")
    assert isinstance(unknown.exception, SettingsError)
    assert str(unknown.exception).endswith("there is no definition most; there are units, all")
    places = register.run("coverage", name, "--by", "county").exception
    assert isinstance(places, SettingsError)
    assert "the catalogue of units has no column county" in str(places)
    assert "there is nothing to compare" in register.run("coverage", name).output
