"""The commands against a whole platform that runs on this machine."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.embedded.runtime import running_stack
from deploy.ports import stable_ports
from deploy.settings import Settings
from deploy.stack import EmbeddedStack
from schemas import topics
from sinks.clickhouse.buffer import GivenUp, Read
from sinks.clickhouse.dead_letters import DeadLetterBox
from streams.control import ControlReader
from tests.deploy_support import Ran, Shell, run_apart
from tests.support import wait_for
from tests.unit.registry_folders import write_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.embedded, pytest.mark.stack]

OPERATIONS = """\
registration_id,patient,unit,occurred_on,recorded_at,side,diagnosis,procedure,cup,stem,fixation,age,birth_year,sex
op-1,20000101-2384,U01,2001-01-01,2001-01-02T09:00:00Z,left,M16.1,NFB49,CUP01,STEM01,cemented,1,2000,female
op-2,20000101-2384,U02,2001-07-02,2001-07-03T09:00:00Z,right,M16.1,NFB49,CUP02,STEM01,cemented,1,2000,female
"""
PUBLISH = ("publish", "hip", "operations.csv", "--form", "primary_operation")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    folder = tmp_path_factory.mktemp("stack") / ".guldadra"
    with EmbeddedStack(Settings(), folder, lambda _: None) as running:
        yield running


@pytest.fixture(scope="module")
def published(stack: EmbeddedStack, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The two operations, published first of all by the command."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "operations.csv").write_text(OPERATIONS, encoding="utf-8")
    return run_apart(folder, {"GULDADRA_DATA": str(stack.settings.data)}, *PUBLISH)


@pytest.fixture
def guldadra(
    stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Shell:
    shell = Shell(monkeypatch, capsys, tmp_path)
    shell.set(data=stack.settings.data)
    (tmp_path / "operations.csv").write_text(OPERATIONS, encoding="utf-8")
    return shell


def knee(guldadra: Shell, name: str) -> str:
    """A registry that the running stack does not know."""
    write_registry(guldadra.folder, name)
    guldadra.set(registries=guldadra.folder / name)
    return name


def test_a_second_stack_is_not_started_on_the_folder(guldadra: Shell, stack: EmbeddedStack) -> None:
    refused = guldadra.apart("up")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"guldadra: an embedded stack runs on {stack.settings.data} already (pid {os.getpid()})\n"


def test_what_is_published_is_in_the_company_view(guldadra: Shell, published: Ran) -> None:
    assert published.code == 0, published.err
    assert "operations.csv: 2 rows, 0 refused here, 2 published = 2 accepted + 0 refused by intake" in published.out
    assert "duplicates (already there, counted once): 0" in published.out

    shown = guldadra("company", "hip", "--json")
    assert (shown.code, shown.err) == (0, "")
    first, second = json.loads(shown.out)
    assert list(first) == [
        "component", "name", "company", "unit", "inserted", "reoperated", "share", "component_years", "rate",
        "lower", "upper",
    ]  # fmt: skip
    assert (first["component"], first["name"], first["unit"], first["inserted"]) == ("CUP01", "Falka Duo", None, 1)
    assert first["component_years"] == pytest.approx(182 / 365.25), "followed until the latest day known, 2001-07-02"
    assert first["rate"] == 0
    assert (second["component"], second["component_years"], second["rate"]) == ("CUP02", 0, None)

    one = json.loads(guldadra("company", "hip", "--component", "CUP01", "--until", "2001-02-01", "--json").out)
    assert [(row["unit"], row["component_years"]) for row in one] == [
        (None, pytest.approx(31 / 365.25)),
        ("U01", pytest.approx(31 / 365.25)),
    ]
    table = guldadra("company", "hip")
    assert table.code == 0
    assert re.search(r"Falka Duo +Nordfalk Ortopedi +1 +0 +0\.0 % +0\.50 +0\.00 +0\.00 to 740\.31", table.out)


def test_a_view_that_cannot_be_had_is_explained(guldadra: Shell, published: Ran) -> None:
    assert published.code == 0
    unknown = guldadra("company", "hip", "--component", "CUP99")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err == "guldadra: no cup CUP99 has been put in; there are CUP01, CUP02\n"
    kind = guldadra("company", "hip", "--kind", "knee")
    assert (kind.code, kind.out) == (2, "")
    assert "no component of kind knee; it has cup, stem, head" in kind.err


def test_nothing_registered_is_said_not_shown_as_an_empty_table(guldadra: Shell) -> None:
    assert guldadra("company", "metabolic") == Ran(0, "nothing has been registered in metabolic yet\n", "")
    assert guldadra("company", "metabolic", "--json") == Ran(0, "[]\n", "")


def status(guldadra: Shell) -> dict[str, Any]:
    asked = guldadra("status", "--json")
    assert asked.err == ""
    return {"code": asked.code, **json.loads(asked.out)}


def test_the_state_adds_up(guldadra: Shell, published: Ran) -> None:
    assert published.code == 0
    wait_for(lambda: all(row["waiting"] == row["loading"] == 0 for row in status(guldadra)["partitions"]), "the loader")
    found = status(guldadra)
    assert found["code"] == 0
    assert [(one["name"], one["healthy"], one["last_error"]) for one in found["processes"]] == [
        ("intake", True, None),
        ("load", True, None),
        *((f"process-{registry}", True, None) for registry in ("biologics", "hip", "hiv", "metabolic", "senior_alert")),
        ("surveillance-biologics", True, None),
        ("surveillance-hip", True, None),
    ]
    assert [(row["registry"], row["partition"]) for row in found["partitions"]] == [
        (registry, partition)
        for registry in ("biologics", "hip", "hiv", "metabolic", "senior_alert")
        for partition in range(4)
    ]
    hip = [row for row in found["partitions"] if row["registry"] == "hip"]
    assert sum(row["accepted"] for row in hip) >= 2
    assert all(row["decided"] == row["accepted"] + row["refused"] for row in found["partitions"])
    assert all(row["archived"] == row["accepted"] and row["problem"] == "" for row in found["partitions"])


def test_a_process_that_does_not_answer_is_not_well(guldadra: Shell, stack: EmbeddedStack) -> None:
    running = running_stack(stack.settings.data)
    assert running is not None
    gone = f"http://127.0.0.1:{stable_ports(1)[0]}/health"
    guldadra.set(health=json.dumps({"intake": running.health["intake"], "load": gone}))
    found = status(guldadra)
    assert found["code"] == 1
    assert [(one["name"], one["healthy"], one["last_error"]) for one in found["processes"]] == [
        ("intake", True, None),
        ("load", False, f"does not answer at {gone}"),
    ]
    table = guldadra("status")
    assert table.code == 1
    assert re.search(r"load +│ NO ", table.out)


def test_every_process_shows_its_metrics(stack: EmbeddedStack, published: Ran) -> None:
    assert published.code == 0
    running = running_stack(stack.settings.data)
    assert running is not None
    shown = {}
    for name, url in running.health.items():
        with urllib.request.urlopen(url.replace("/health", "/metrics"), timeout=10) as answer:
            shown[name] = answer.read().decode()
    assert re.search(r'^guldadra_intake_accepted_total\{registry="hip"\} [1-9]', shown["intake"], re.MULTILINE)
    assert re.search(r"^guldadra_load\w+\{.*hip.*\} [1-9]", shown["load"], re.MULTILINE)


def test_a_stopped_registry_refuses_until_it_is_resumed(guldadra: Shell, published: Ran) -> None:
    assert published.code == 0
    stopped = guldadra("stop", "hip", "--reason", "the patient safety act")
    assert stopped.code == 0
    assert re.fullmatch(
        r"registry hip is stopped since [\d-]+ [\d:]+ UTC, by \S+: the patient safety act\n", stopped.out
    )
    try:
        refused = guldadra.apart(*PUBLISH)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err == f"guldadra: {stopped.out}"
        assert "hip (STOPPED)" in guldadra("status").out
        assert list(status(guldadra)["stopped"]) == ["hip"]
    finally:
        resumed = guldadra("resume", "hip", "--reason", "decided anew")
    assert resumed.code == 0
    assert re.fullmatch(r"registry hip is running since .*: decided anew\n", resumed.out)
    again = guldadra.apart(*PUBLISH)
    assert again.code == 0, again.err
    assert "duplicates (already there, counted once): 2" in again.out


def test_migrations_are_shown_and_tried_before_they_are_done(guldadra: Shell, stack: EmbeddedStack) -> None:
    name = knee(guldadra, "knee_migrated")

    def databases() -> set[str]:
        return {database for (database,) in stack.client.rows("SHOW DATABASES")}

    before = guldadra("migrate", name, "--status")
    assert before.code == 0
    feeds, sessions, *own = before.out.splitlines()
    assert feeds.startswith("guldadra 0001 feeds: ")  # the platform's own, which the stack has applied
    assert sessions.startswith("guldadra 0002 ended_sessions: ")
    assert own == [
        f"guldadra_{name} {number:04d} {what}: not applied"
        for number, what in enumerate(
            (
                "archive",
                "receipts",
                "opt_outs",
                "cells",
                "exposures",
                "list_entries",
                "generations",
                "unit_counts",
                "specific_outcomes",
                "recorded_exposures",
                "signals",
                "reviews",
                "pair_signals",
                "signal_subjects",
                "access_log",
                "answers",
                "signal_lives",
                "changed_by",
                "reports",
                "signal_evidence",
            ),
            1,
        )
    ]
    tried = guldadra("migrate", name, "--dry-run")
    assert tried.code == 0
    assert f"    CREATE DATABASE IF NOT EXISTS `guldadra_{name}`" in tried.out
    assert f"guldadra_{name}" not in databases()

    done = guldadra("migrate", name)
    assert done.code == 0
    steps = [line for line in tried.out.splitlines() if re.match(r"guldadra\w*: ", line)]
    assert done.out.splitlines() == steps
    assert f"guldadra_{name}" in databases()
    assert all("not applied" not in line for line in guldadra("migrate", name, "--status").out.splitlines())
    assert guldadra("migrate", name).out == "nothing to do\n"

    kept = guldadra("migrate", name, "--down-to", "0")
    assert (kept.code, kept.out) == (2, "")
    assert "would lose data" in kept.err
    assert guldadra("migrate", name, "--down-to", "0", "--allow-data-loss").code == 0
    assert guldadra("migrate", name, "--status").out == before.out


def test_topics_are_made_once_and_a_log_begins_once(guldadra: Shell, stack: EmbeddedStack) -> None:
    name = knee(guldadra, "knee_topics")
    missing = guldadra("topics", "check", name)
    assert missing.code == 1
    assert f"submitted.{name}: is missing: run `guldadra topics create`" in missing.out.splitlines()
    guldadra("migrate", name)
    made = guldadra("topics", "create", name)
    assert made.code == 0
    inside = ("submitted", "accepted", "receipts", "cells", "exposures", "lists", "counts", "signals")
    parts = (*inside, "reviews", "reports")
    assert made.out.splitlines()[-11:] == [
        *(f"{part}.{name}: made" for part in parts),
        f"{name}: the log begins, epoch 0",
    ]
    again = guldadra("topics", "create", name)
    assert again.code == 0
    assert again.out.splitlines()[-10:] == [f"{part}.{name}: is as it must be" for part in parts]
    assert guldadra("topics", "check", name).code == 0

    restored = guldadra("restore", name)
    assert restored.code == 0, restored.err
    assert restored.out == f"{name}: 0 registrations are in the log again; epoch 1 begins\n"

    guldadra.set(bootstrap=stack.settings.bootstrap, partitions=3)
    wrong = guldadra("topics", "check", name)
    assert wrong.code == 1
    assert f"accepted.{name}: has 4 partitions instead of 3" in wrong.out.splitlines()


def test_no_log_begins_on_topics_that_are_wrong(guldadra: Shell, stack: EmbeddedStack) -> None:
    wrong, right = knee(guldadra, "knee_wrong"), knee(guldadra, "knee_right")
    guldadra.set(registries=guldadra.folder, bootstrap=stack.settings.bootstrap, partitions=3)
    kafka = stack.settings.kafka_config()
    admin = AdminClient(dict(kafka))
    for made in admin.create_topics([NewTopic(topics.accepted(wrong), num_partitions=2)]).values():
        made.result()
    created = guldadra("topics", "create", wrong, right, "--epoch", "7")
    assert created.code == 1
    assert f"accepted.{wrong}: has 2 partitions instead of 3" in created.out
    assert created.out.splitlines()[-1] == f"{right}: the log begins, epoch 7"
    with ControlReader(kafka) as control:
        begun = control.of(right)
        assert begun is not None
        assert (begun.epoch, begun.partitions) == (7, 3)
        assert control.of(wrong) is None


def test_an_epoch_needs_the_archive_or_a_word(guldadra: Shell, stack: EmbeddedStack) -> None:
    name = knee(guldadra, "knee_epoch")
    guldadra.set(bootstrap=stack.settings.bootstrap)
    unsaid = guldadra("topics", "create", name)
    assert unsaid.code == 2
    assert "set GULDADRA_CLICKHOUSE_URL, or give --epoch 0" in unsaid.err


def test_the_archive_is_backed_up_into_a_folder_of_its_own(guldadra: Shell, published: Ran) -> None:
    assert published.code == 0
    done = guldadra("backup", "hip", "--to", "kept")
    assert done.code == 0, done.err
    written = sorted(path.name for path in (guldadra.folder / "kept").iterdir())
    assert "manifest.json" in written
    told = {line.split(",")[0] for line in done.out.splitlines()}
    assert told == {f"hip: kept/{name}" for name in written if name != "manifest.json"}
    registrations = sum(int(line.split(", ")[1].split()[0]) for line in done.out.splitlines())
    manifest = json.loads((guldadra.folder / "kept" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["registry"] == "hip"
    assert registrations == sum(file["rows"] for file in manifest["files"]) >= 2

    again = guldadra("backup", "hip", "--to", "kept")
    assert (again.code, again.out) == (2, "")
    assert again.err == "guldadra: kept is not empty: export to a folder of its own\n"
    for words in ([], ["--to", "a", "--from", "b"]):
        unclear = guldadra("backup", "hip", *words)
        assert (unclear.code, unclear.err) == (2, "guldadra: say either --to PLACE or --from PLACE\n")


def test_a_dead_letter_is_listed_and_put_back(guldadra: Shell, stack: EmbeddedStack) -> None:
    """Put back on a submissions topic, so that intake's verdict shows that it came."""
    topic = topics.submitted("metabolic")
    DeadLetterBox(stack.settings.kafka_config()).send([GivenUp(Read(topic, 2, 17, b"k", b"x"), "broken", b"x")])
    listed = guldadra("dead-letters", "--json")
    assert listed.code == 0
    (letter,) = [json.loads(line) for line in listed.out.splitlines()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", letter.pop("at"))
    assert letter == {"process": "load", "topic": topic, "partition": 2, "offset": 17, "error": "broken"}
    assert "broken" in guldadra("dead-letters").out

    assert guldadra("dead-letters", "--replay") == Ran(0, "put back 1 of 1 dead letters\n", "")

    def refused() -> int:
        rows = status(guldadra)["partitions"]
        (row,) = [row for row in rows if (row["registry"], row["partition"]) == ("metabolic", 2)]
        return int(row["refused"])

    wait_for(lambda: refused() == 1, "intake's verdict on the letter")
