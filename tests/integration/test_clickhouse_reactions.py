"""Reports and time on drug on the real engine: an invented history, against a slow reading of its rows."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner, Result

from deploy.cli import reactions as reactions_room
from deploy.demo.biologics import WINDOW_DAYS, generate, read_reports
from deploy.settings import SettingsError
from schemas.definition.folder import find_folders, load_registry
from sinks.clickhouse.generations import GenerationError, keep_definitions
from sinks.clickhouse.migrations.plan import apply
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.reactions import ReactionReading, read_reactions
from sinks.clickhouse.recompute.verify import verify
from streams.surveillance.drugs import screen
from tests.deploy_support import forget_settings, logs_as_they_were
from tests.derived_support import derived_registry, made, point
from tests.random_journeys import Row, Stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

    Command = Callable[..., Result]

pytestmark = pytest.mark.embedded

DAY_0 = date(2020, 1, 1)  # of the stream's rows
LAST_DAY = date(2010, 12, 20)
EPOCH = date(1970, 1, 1)
PLANNED = {(drug.drug, code): n for drug in read_reports() for code, n in drug.reports.items() if n}


def own_copy(parent: Path, name: str) -> RegistryDefinition:
    """The bundled registry under another name, as a folder that a command can be told of."""
    folder = shutil.copytree(find_folders()["biologics"], parent / name)
    text = (folder / "registry.yaml").read_text(encoding="utf-8")
    (folder / "registry.yaml").write_text(text.replace("name: biologics", f"name: {name}"), encoding="utf-8")
    return load_registry(folder)


def streamed(client: Client, definition: RegistryDefinition) -> Stream:
    apply(client, {definition.name: definition})
    keep_definitions(client, definition)
    point(client, definition.name, definition.generation)
    return Stream(client, definition)


def written(value: Any) -> Any:
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    return (value - EPOCH).days if isinstance(value, date) else value


def as_submitted(rows: list[dict[str, Any]], persons: dict[str, int]) -> list[Row]:
    left_out = ("form", "person", "registration_id", "occurred_on")
    return [
        (
            row["form"],
            persons.setdefault(row["person"], len(persons)),
            (row["occurred_on"] - DAY_0).days,
            row["registration_id"],
            {name: written(value) for name, value in row.items() if name not in left_out},
        )
        for row in rows
    ]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return generate().rows


@pytest.fixture(scope="module")
def definition(
    client: Client, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> RegistryDefinition:
    definition = own_copy(tmp_path_factory.mktemp("registries"), "biologics_read")
    stream = streamed(client, definition)
    stream.submit(as_submitted(rows, {}))
    stream.load()
    return definition


def by_pair(reading: ReactionReading) -> dict[tuple[str, str], int]:
    found: Counter[tuple[str, str]] = Counter()
    for (drug, reaction, _), number in reading.counts.items():
        found[drug, reaction] += number
    return dict(found)


def on_drug(reading: ReactionReading) -> dict[tuple[str, str], tuple[int, int, dict[str, int]]]:
    return {(one.drug, one.users): (one.persons, one.days, dict(one.reports)) for one in reading.on_drug}


def slowly(rows: list[dict[str, Any]], until: date) -> dict[tuple[str, str], tuple[int, int, dict[str, int]]]:
    """Persons, days and reports on drug, day by day from the rows."""
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        latest[row["form"], row["registration_id"]] = row
    out = {row["person"] for row in latest.values() if row["form"] == "opt_out"}
    standing = [row for row in latest.values() if not row["retracted"] and row["person"] not in out]
    gone = {row["person"]: row["occurred_on"] for row in standing if row["form"] in ("death", "emigration")}
    courses = defaultdict[tuple[str, str], list[tuple[date, date, str]]](list)
    for row in standing:
        if row["form"] == "treatment" and row["occurred_on"] <= until:
            stop = date.max if row["stopped_on"] is None else row["stopped_on"] + timedelta(days=WINDOW_DAYS)
            last = min(stop, gone.get(row["person"], date.max), until)
            courses[row["person"], row["drug"]].append((row["occurred_on"], last, row["user"]))
    persons, days = defaultdict[tuple[str, str], set[str]](set), Counter[tuple[str, str]]()
    for (person, drug), its in courses.items():
        had: set[date] = set()
        for first, last, user in sorted(its):
            persons[drug, user].add(person)
            spent = {first + timedelta(days=n) for n in range((last - first).days)}
            days[drug, user] += len(spent - had)
            had |= spent
    reports = defaultdict[tuple[str, str], Counter[str]](Counter)
    for row in standing:
        if row["form"] == "adverse_reaction" and row["same_event_as"] is None and row["occurred_on"] <= until:
            for first, last, user in sorted(courses[row["person"], row["drug"]]):
                if first <= row["occurred_on"] <= last:
                    reports[row["drug"], user][row["reaction_code"] or ""] += 1
                    break
    return {key: (len(persons[key]), days[key], dict(reports[key])) for key in persons}


def test_counts_are_those_planned_whatever_was_nullified_corrected_linked_or_erased(
    client: Client, definition: RegistryDefinition
) -> None:
    reading = read_reactions(client, definition)
    assert by_pair(reading) == PLANNED
    assert sum(reading.uncoded.values()) == 15
    assert {stratum for *_, stratum in reading.counts} == {
        (sex, age) for sex in ("female", "male") for age in ("<45", "45-64", "65+")
    }
    assert (reading.name, reading.until, reading.generation) == ("reactions", LAST_DAY, definition.generation)
    assert sorted(reading.through) == [0, 1]
    found = {(one.drug, one.reaction): one for one in screen(reading.counts).pairs}
    assert "evans" in found["FEN", "HEP"].table.rules
    assert found["CED", "TUB"].masked


def test_the_core_and_the_sql_read_the_whole_history_alike(client: Client, definition: RegistryDefinition) -> None:
    verdict = verify(client, definition, definition.generation, patience_s=0)
    assert {one.table: one.shown for one in verdict.compared if one.different} == {}
    assert sum(one.rows for one in verdict.compared) > 1_000


def test_time_on_drug_counts_once_and_reports_by_who_had_the_drug_before(
    client: Client, definition: RegistryDefinition, rows: list[dict[str, Any]]
) -> None:
    found = on_drug(read_reactions(client, definition))
    assert found == slowly(rows, LAST_DAY)
    assert {users for _, users in found} == {"new", "prevalent"}
    # all planned and uncoded reports but the nine that began too late
    assert sum(sum(reports.values()) for *_, reports in found.values()) == sum(PLANNED.values()) + 15 - 9


def test_as_of_an_earlier_day_what_had_begun_and_open_courses_until_then(
    client: Client, definition: RegistryDefinition, rows: list[dict[str, Any]]
) -> None:
    reading = read_reactions(client, definition, until=date(2008, 6, 15))
    assert on_drug(reading) == slowly(rows, date(2008, 6, 15))
    begun = {row["registration_id"]: row for row in rows if row["form"] == "adverse_reaction"}  # the last of each id
    out = {row["person"] for row in rows if row["form"] == "opt_out"}
    counted = Counter(
        (row["drug"], row["reaction_code"])
        for row in begun.values()
        if not row["retracted"] and row["same_event_as"] is None and row["reaction_code"]
        and row["occurred_on"] <= date(2008, 6, 15) and row["person"] not in out
    )  # fmt: skip
    assert by_pair(reading) == counted
    assert 0 < sum(reading.counts.values()) < sum(PLANNED.values())
    assert read_reactions(client, definition, until=date(1999, 1, 1)).counts == {}


def test_a_nullified_report_leaves_and_a_later_version_replaces(client: Client, tmp_path: Path) -> None:
    stream = streamed(client, own_copy(tmp_path, "biologics_changed"))
    assert read_reactions(client, stream.definition).until is None
    treatment = {
        "birth_year": 1950, "sex": "male", "drug": "FEN", "atc": "L04AB06", "indication": "M05.9", "user": "new",
        "unit": "R01", "stopped_on": None,
    }  # fmt: skip
    said = {"drug": "FEN", "reaction_code": "HEP", "reaction_text": "gul", "outcome": "unknown", "reporter": "doctor",
            "concomitant_drugs": [], "seriousness": [], "unit": "R01"}  # fmt: skip
    stratum = ("male", "65+")
    stream.submit([("treatment", 1, 0, "t", treatment), ("adverse_reaction", 1, 9, "a", said)])
    stream.load()
    assert read_reactions(client, stream.definition).counts == {("FEN", "HEP", stratum): 1}
    stream.submit([("adverse_reaction", 1, 9, "a", {**said, "reaction_code": "DER"})])
    stream.load()
    reading = read_reactions(client, stream.definition)
    assert reading.counts == {("FEN", "DER", stratum): 1}
    assert on_drug(reading) == {("FEN", "new"): (1, 9, {"DER": 1})}
    stream.submit([("adverse_reaction", 1, 9, "a", {**said, "retracted": True})])
    stream.load()
    reading = read_reactions(client, stream.definition)
    assert (reading.counts, reading.uncoded) == ({}, {})
    assert on_drug(reading) == {("FEN", "new"): (1, 0, {})}  # nothing later is known than the first dose
    stream.submit([("adverse_reaction", 1, 20, "b", said), ("opt_out", 1, 30, "o", {})])
    stream.load()
    reading = read_reactions(client, stream.definition)
    assert (reading.counts, list(reading.on_drug)) == ({}, [])


def test_what_a_registry_does_not_declare_is_told(
    client: Client, definition: RegistryDefinition, tmp_path: Path
) -> None:
    with pytest.raises(CannotBeReadError, match="has no disproportionality other; name one of reactions"):
        read_reactions(client, definition, "other")
    without = made(client, derived_registry(tmp_path / "registries"))
    with pytest.raises(CannotBeReadError, match=r"its monitors\.yaml declares no disproportionality"):
        read_reactions(client, without)
    unread = own_copy(tmp_path, "biologics_unread")
    apply(client, {unread.name: unread})
    with pytest.raises(GenerationError, match="has no derived values yet"):
        read_reactions(client, unread)


@pytest.fixture
def guldadra(
    embedded_database: EmbeddedDatabase, definition: RegistryDefinition, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GULDADRA_CLICKHOUSE_URL", embedded_database.url)
    monkeypatch.setenv("GULDADRA_REGISTRIES", str(definition.folder))
    app = typer.Typer()
    app.callback()(lambda: None)  # so that the command keeps its name though it is alone
    reactions_room.add_to(app)

    def run(*words: str) -> Result:
        with logs_as_they_were():
            return CliRunner().invoke(app, ["reactions", definition.name, *words])

    return run


def said(result: Result) -> Any:
    assert result.exit_code == 0, repr(result.exception)
    return json.loads(result.stdout)


def lines_of(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.output.splitlines()]


def test_the_command_shows_signals_first_and_what_one_drug_hides(guldadra: Command) -> None:
    lines = lines_of(guldadra())
    assert "Biological treatment register (example): signals of drug and reaction" in lines
    found = next(place for place, line in enumerate(lines) if line.startswith("Fenorel: Hepatitis 12 "))
    assert lines[found + 1] == "by evans, ror, ic"
    hidden = next(place for place, line in enumerate(lines) if line.startswith("Cedrana: Tuberculosis 6 "))
    assert lines[hidden + 1].startswith("└ without Domitra 6 ")
    assert lines[hidden + 2].startswith("by evans, ror")
    assert found < hidden  # signals before what is hidden
    assert not any(line.startswith("Helvira: Nausea") for line in lines)  # no signal
    text = " ".join(lines)
    assert "evans: PRR 2 or more, chi-square (Yates) 4 or more, 3 reports or more" in text
    assert f"fitted to {len(PLANNED)} pairs of {sum(PLANNED.values())} reports" in text
    assert "15 reports have no reaction yet" in text
    assert "as of 2010-12-20; generation" in lines[-1]


def test_one_drug_with_its_rates(guldadra: Command, rows: list[dict[str, Any]]) -> None:
    lines = lines_of(guldadra("--drug", "FEN"))
    assert any(line.startswith("Fenorel: Nausea 9 ") for line in lines)
    assert not any(line.startswith(("Cedrana", "Domitra")) for line in lines)
    persons, days, reports = slowly(rows, LAST_DAY)["FEN", "new"]
    years = days / 365.25
    wanted = f"Fenorel new Hepatitis {persons} {years:,.1f} {reports['HEP']} {100 * reports['HEP'] / years:.2f}"
    assert any(line.startswith(wanted) for line in lines)
    one = lines_of(guldadra("--drug", "FEN", "--reaction", "HEP"))
    assert sum(line.startswith("Fenorel: Hepatitis") for line in one) == 1
    assert "no report of Cedrana and Colitis in" in " ".join(lines_of(guldadra("--drug", "CED", "--reaction", "GUT")))


def test_json_has_everything_and_the_prior_goes_in_again(guldadra: Command) -> None:
    whole = said(guldadra("--json"))
    assert (whole["until"], whole["reports"]) == ("2010-12-20", sum(PLANNED.values()))
    assert len(whole["pairs"]) == len(PLANNED)
    (found,) = (one for one in whole["pairs"] if (one["drug"], one["reaction"]) == ("CED", "TUB"))
    assert (found["table"]["a"], found["leading"], found["masked"], found["without"]["a"]) == (6, "DOM", True, 6)
    assert {one["users"] for one in whole["on_drug"]} == {"new", "prevalent"}
    prior = ",".join(repr(number) for number in whole["prior"].values())
    again = said(guldadra("--json", "--prior", prior))
    assert again["pairs"] == whole["pairs"]
    other = said(guldadra("--json", "--prior", "0.2,0.1,2,4,0.33", "--drug", "FEN"))
    assert {one["drug"] for one in (*other["pairs"], *other["on_drug"])} == {"FEN"}
    assert other["prior"]["alpha2"] == 2.0
    assert "as given" in " ".join(lines_of(guldadra("--prior", "0.2,0.1,2,4,0.33")))


@pytest.mark.parametrize("prior", ["1,2,3", "1,2,3,4,5", "a,b,c,d,e"])
def test_a_wrong_prior_is_told_in_words(guldadra: Command, prior: str) -> None:
    refused = guldadra("--prior", prior)
    assert isinstance(refused.exception, SettingsError)
    assert "--prior is alpha1,beta1,alpha2,beta2,p" in str(refused.exception)


def test_a_name_that_is_not_declared_is_told_in_words(guldadra: Command) -> None:
    assert "has no disproportionality other" in str(guldadra("--pairs", "other").exception)
