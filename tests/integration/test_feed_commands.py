"""Webhooks and awareness by the commands."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sinks.clickhouse.client import connect
from sinks.clickhouse.migrations.plan import apply, platform_status, revert
from sinks.clickhouse.migrations.step import MigrationError
from sinks.clickhouse.queries.awareness import (
    DELIVERY,
    READING,
    Aware,
    Awareness,
    Recorder,
    as_csv,
    read_awareness,
    record,
    record_reading,
)
from sinks.clickhouse.queries.webhooks import read_webhooks
from sinks.feeds.signing import read_secrets, secret_path
from tests.deploy_support import Shell
from tests.workers import registry_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
SIGNAL = "cup/CUP01/0"
COMPANY = "nordfalk-ortopedi"


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture
def definition(client: Client, tmp_path: Path) -> RegistryDefinition:
    made = registry_folder(tmp_path, "hip")
    apply(client, {})  # the platform's tables, and no registry's
    return made


@pytest.fixture
def guldadra(
    embedded_database: EmbeddedDatabase, definition: RegistryDefinition, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> Shell:  # fmt: skip
    shell = Shell(monkeypatch, capsys, tmp_path)
    shell.set(
        clickhouse_url=embedded_database.url,
        registries=definition.folder.parent,
        keys=tmp_path / "keys",
        bootstrap="x:1",
    )
    monkeypatch.setenv("COLUMNS", "250")
    return shell


def test_an_endpoint_is_registered_shown_changed_and_removed(
    guldadra: Shell, client: Client, definition: RegistryDefinition, tmp_path: Path
) -> None:
    guldadra.set(webhook_loopback="true")
    url = "http://127.0.0.1:9/hook"
    added = guldadra("webhooks", "add", definition.name, COMPANY, url, "--by", "Ada")
    assert (added.code, added.err) == (0, "")
    (webhook,) = read_webhooks(client, definition.name)
    assert (webhook.company, webhook.url, webhook.added_by) == (COMPANY, url, "Ada")
    secret = added.out.split()[-1]
    path = secret_path(tmp_path / "keys", webhook.id)
    assert read_secrets(path) == [secret]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shown = guldadra("webhooks", "list", "--registry", definition.name)
    assert webhook.id in shown.out
    assert "http://127.0.0.1:9" in shown.out
    assert secret not in shown.out
    (row,) = json.loads(guldadra("webhooks", "list", "--registry", definition.name, "--json").out)
    assert (row["id"], row["removed"]) == (webhook.id, False)
    assert "since" not in row
    rotated = guldadra("webhooks", "rotate", webhook.id)
    assert read_secrets(path) == [rotated.out.split()[-1], secret]
    assert "no dead letters" in guldadra("webhooks", "dead-letters", webhook.id).out
    assert guldadra("webhooks", "replay", webhook.id).code == 0
    assert guldadra("webhooks", "replay", webhook.id, "none-such").code == 1
    assert guldadra("webhooks", "remove", webhook.id, "--by", "Bo").code == 0
    assert not path.exists()
    assert "no webhooks" in guldadra("webhooks", "list", "--registry", definition.name).out
    assert "Bo" in guldadra("webhooks", "list", "--registry", definition.name, "--removed").out


@pytest.mark.parametrize(
    ("company", "url", "why"),
    [
        (COMPANY, "http://hooks.example/", "only https"),
        (COMPANY, "https://127.0.0.1/", "not on the public internet"),
        (COMPANY, "https://localhost/", "not on the public internet"),
        (COMPANY, "https://none-such.invalid/", "cannot be found"),
        ("nobody", "https://hooks.example/", f"has no products of nobody; there are .*{COMPANY}"),
    ],
)
def test_what_may_not_be_registered_is_told_and_leaves_nothing(
    guldadra: Shell, client: Client, definition: RegistryDefinition, *, company: str, url: str, why: str
) -> None:
    refused = guldadra("webhooks", "add", definition.name, company, url)
    assert refused.code == 2
    assert re.search(why, refused.err), refused.err
    assert read_webhooks(client, definition.name) == []
    assert not (guldadra.folder / "keys" / "webhooks").exists()


def test_a_webhook_that_is_none_is_told_in_words(guldadra: Shell) -> None:
    for words in (("remove", "wh-x"), ("rotate", "wh-x"), ("replay", "wh-x")):
        refused = guldadra("webhooks", *words)
        assert (refused.code, "there is no webhook wh-x" in refused.err) == (2, True)


def aware(definition: RegistryDefinition, hours: float, kind: str = DELIVERY, subject: str = SIGNAL) -> Aware:
    at = NOON + timedelta(hours=hours)
    if kind == READING:
        return Aware(definition.name, COMPANY, subject, kind, at, "page", by=f"after {hours}")
    return Aware(definition.name, COMPANY, subject, kind, at, "webhook", event=f"event {hours}")


def test_the_first_stays_the_first_in_whatever_order_it_is_recorded(
    client: Client, definition: RegistryDefinition
) -> None:
    for hours in (5, 1, 3, 1):
        record(client, [aware(definition, hours)])
    for hours in (9, 2, 4):
        record_reading(
            client, definition.name, COMPANY, [SIGNAL], at=NOON + timedelta(hours=hours), channel="page", by=str(hours)
        )
    record(client, [aware(definition, 7, READING, "notice")])
    expected = [
        Awareness(
            definition.name, COMPANY, SIGNAL, NOON + timedelta(hours=1), NOON + timedelta(hours=1), "webhook",
            "event 1", NOON + timedelta(hours=2), "2",
        ),
        Awareness(
            definition.name, COMPANY, "notice", NOON + timedelta(hours=7), None, "", "", NOON + timedelta(hours=7),
            "after 7",
        ),
    ]  # fmt: skip
    assert read_awareness(client, definition.name) == expected
    client.command("OPTIMIZE TABLE guldadra.company_awareness FINAL")
    assert read_awareness(client, definition.name, COMPANY) == expected
    assert read_awareness(client, definition.name, "another") == []


def test_awareness_is_exported_as_csv_that_no_spreadsheet_runs(
    guldadra: Shell, client: Client, definition: RegistryDefinition
) -> None:
    record(client, [aware(definition, 1), aware(definition, 2, READING)._replace(by="=1+1")])
    exported = guldadra("awareness", "--registry", definition.name)
    assert exported.code == 0
    (row,) = csv.DictReader(io.StringIO(exported.out))
    assert row == {
        "registry": definition.name, "company": COMPANY, "subject": SIGNAL, "aware_at": "2024-03-01T13:00:00.000Z",
        "delivered_at": "2024-03-01T13:00:00.000Z", "delivered_by": "webhook", "event": "event 1",
        "read_at": "2024-03-01T14:00:00.000Z", "read_by": "'=1+1",
    }  # fmt: skip
    (found,) = json.loads(guldadra("awareness", "--registry", definition.name, "--json").out)
    assert found["subject"] == SIGNAL
    assert as_csv([]).count("\n") == 1


def test_what_could_not_be_kept_is_kept_with_the_next(
    client: Client, definition: RegistryDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(client)
    recorder.take(aware(definition, 1))
    recorder.take(aware(definition, 2))
    with monkeypatch.context() as patched:
        patched.setattr(client, "insert", lambda *_: (_ for _ in ()).throw(OSError("away")))
        with pytest.raises(OSError, match="away"):
            recorder.keep()
    recorder.keep()
    recorder.keep()
    (found,) = read_awareness(client, definition.name)
    assert found.delivered_at == NOON + timedelta(hours=1)
    assert client.rows(f"SELECT count() FROM guldadra.company_awareness WHERE registry = '{definition.name}'") == [(1,)]


def test_the_platform_s_database_is_migrated_with_any_registry_s_and_losing_it_must_be_allowed(
    client: Client, definition: RegistryDefinition
) -> None:
    del definition  # which has had it migrated
    assert [(one.database, one.number, one.name) for one in platform_status(client)] == [
        ("guldadra", 1, "feeds"), ("guldadra", 2, "ended_sessions"),
    ]  # fmt: skip
    assert platform_status(client)[0].applied_at is not None
    with pytest.raises(MigrationError, match=r"guldadra: going back to migration 0 would lose data .*0001 feeds"):
        revert(client, None, 0)
