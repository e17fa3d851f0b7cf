from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.embedded.runtime import RunningStack, announce, running_stack, withdraw
from deploy.settings import Settings, SettingsError, load_settings
from tests.deploy_support import forget_settings
from tests.unit.registry_folders import write_registry


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)


def toml(text: str) -> None:
    Path("guldadra.toml").write_text(text, encoding="utf-8")


def refusal() -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings()
    return str(refused.value)


def test_the_environment_beats_the_file_and_what_the_code_says_beats_both(monkeypatch: pytest.MonkeyPatch) -> None:
    toml('bootstrap = "file:1"\nclickhouse_url = "http://file:1"\nretention_days = 7\npartitions = 3\n')
    monkeypatch.setenv("GULDADRA_BOOTSTRAP", "environment:1")
    monkeypatch.setenv("GULDADRA_RETENTION_DAYS", "8")
    settings = load_settings(retention_days=9)
    assert settings.bootstrap == "environment:1"
    assert settings.clickhouse_url == "http://file:1"
    assert settings.partitions == 3
    assert settings.retention_days == 9


def test_another_file_can_be_named_and_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    toml("partitions = 3")
    Path("other.toml").write_text("partitions = 5", encoding="utf-8")
    monkeypatch.setenv("GULDADRA_CONFIG", "other.toml")
    assert load_settings().partitions == 5
    monkeypatch.setenv("GULDADRA_CONFIG", "lost.toml")
    assert refusal() == "GULDADRA_CONFIG: there is no file lost.toml"


def test_librdkafkas_settings_come_as_json_or_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GULDADRA_BOOTSTRAP", "b:1")
    monkeypatch.setenv("GULDADRA_KAFKA", '{"security.protocol": "SASL_SSL"}')
    monkeypatch.setenv("GULDADRA_KAFKA__client.id", "us")
    assert load_settings().kafka_config() == {
        "bootstrap.servers": "b:1",
        "security.protocol": "SASL_SSL",
        "client.id": "us",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GULDADRA_PARTITIONS", "0"),
        ("GULDADRA_PARTITIONS", "many"),
        ("GULDADRA_REFUSAL_SHARE", "1.5"),
        ("GULDADRA_VERIFY_LIMIT_S", "0"),
        ("GULDADRA_LOG_LEVEL", "loud"),
        ("GULDADRA_METRICS_PORT", "70000"),
        ("GULDADRA_CLICKHOUSE_URL", "http://me:hemligt@house:8123"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_it_is_set_with(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    said = refusal()
    assert said.startswith(f"{name}: ")
    assert "hemligt" not in said


def test_every_wrong_setting_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GULDADRA_PARTITIONS", "0")
    toml('log_level = "loud"')
    assert [line.split(":")[0] for line in sorted(refusal().splitlines())] == [
        "GULDADRA_LOG_LEVEL",
        "GULDADRA_PARTITIONS",
    ]


def test_an_unknown_variable_and_an_unknown_key_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    toml("bootstap = 'b:1'")
    assert refusal() == "guldadra.toml: there is no such setting as bootstap"
    monkeypatch.setenv("GULDADRA_BOOTSTAP", "b:1")
    assert refusal() == "GULDADRA_BOOTSTAP: there is no such setting"


def test_a_file_that_is_not_toml_is_named_with_the_line() -> None:
    toml("partitions = 3\nlog_level = \n")
    said = refusal()
    assert said.startswith("guldadra.toml: ")
    assert "line 2" in said


def test_registries_are_split_as_path_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    write_registry(first, "knee")
    write_registry(second, "ankle")
    monkeypatch.setenv("GULDADRA_REGISTRIES", os.pathsep.join([str(first), "", str(second)]))
    settings = load_settings()
    assert settings.registries == (first, second)
    assert set(settings.definitions()) == {"biologics", "hip", "hiv", "metabolic", "senior_alert", "knee", "ankle"}
    assert list(settings.definitions(("knee",))) == ["knee"]


def test_an_unknown_registry_is_refused_beside_the_known_ones() -> None:
    with pytest.raises(
        SettingsError,
        match=r"no registry foot, toe; there are biologics, hip, hiv, metabolic, senior_alert .*GULDADRA_REGISTRIES",
    ):
        load_settings().definitions(("foot", "hip", "toe"))


def test_what_is_missing_is_named_with_what_to_do() -> None:
    settings = load_settings()
    with pytest.raises(SettingsError, match=r"no broker: set GULDADRA_BOOTSTRAP .*`guldadra up`"):
        settings.kafka_config()
    with pytest.raises(SettingsError, match=r"no ClickHouse: set GULDADRA_CLICKHOUSE_URL .*`guldadra up`"):
        settings.clickhouse()
    with pytest.raises(SettingsError, match="no schema registry: set GULDADRA_SCHEMA_REGISTRY"):
        settings.http_store({})


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GULDADRA_CLICKHOUSE_PASSWORD", "hemligt-1")
    monkeypatch.setenv("GULDADRA_KAFKA", '{"sasl.password": "hemligt-2"}')
    settings = load_settings()
    assert settings.clickhouse_password.get_secret_value() == "hemligt-1"
    assert settings.kafka["sasl.password"] == "hemligt-2"
    assert "hemligt" not in repr(settings) + str(settings)

    monkeypatch.setenv("GULDADRA_KAFKA", '{"sasl.password": hemligt-2}')
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "kafka" in str(refused.value)
    assert "hemligt" not in str(refused.value)
    assert refused.value.__cause__ is None, "a traceback would show what pydantic quotes"


def stack(pid: int, tmp_path: Path) -> RunningStack:
    return RunningStack(
        pid=pid,
        bootstrap="127.0.0.1:1",
        clickhouse_url="http://127.0.0.1:2",
        partitions=4,
        keys=tmp_path / "keys",
        registries=(tmp_path / "registries",),
        health={"intake": "http://127.0.0.1:3/health"},
    )


def test_a_running_stack_is_found_and_settings_of_ones_own_win(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    announce(tmp_path / ".guldadra", stack(os.getpid(), tmp_path))
    found = load_settings()
    assert found.bootstrap == "127.0.0.1:1"
    assert found.clickhouse_url == "http://127.0.0.1:2"
    assert found.partitions == 4
    assert found.keys == tmp_path / "keys"
    assert found.registries == (tmp_path / "registries",)
    assert found.health == {"intake": "http://127.0.0.1:3/health"}

    monkeypatch.setenv("GULDADRA_KEYS", "own")
    assert load_settings().keys == Path("own")
    monkeypatch.setenv("GULDADRA_BOOTSTRAP", "production:1")
    alone = load_settings()
    assert (alone.bootstrap, alone.clickhouse_url) == ("production:1", ""), "production never meets the embedded parts"

    monkeypatch.delenv("GULDADRA_BOOTSTRAP")
    withdraw(tmp_path / ".guldadra")
    assert load_settings().bootstrap == ""


def test_a_stack_that_was_killed_is_not_found(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    announce(tmp_path / ".guldadra", stack(ended.pid, tmp_path))
    assert running_stack(tmp_path / ".guldadra") is None
    assert load_settings().bootstrap == ""


def test_every_setting_but_the_obvious_is_described() -> None:
    named_by_themselves = {"clickhouse_user", "clickhouse_password", "log_level", "log_format"}
    undescribed = {name for name, field in Settings.model_fields.items() if not field.description}
    assert undescribed == named_by_themselves
