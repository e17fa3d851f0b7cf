"""The client on the real engine: its settings are what it says, or it does not start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinks.clickhouse import client as client_module
from sinks.clickhouse.client import SETTINGS, connect
from sinks.clickhouse.errors import TIMEOUT_EXCEEDED, DatabaseUnavailableError, RowsRefusedError, StatementError

if TYPE_CHECKING:
    from deploy.embedded.database import EmbeddedDatabase

pytestmark = pytest.mark.embedded

ENDLESS = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"


def test_every_request_works_with_our_settings(embedded_database: EmbeddedDatabase) -> None:
    with connect(embedded_database.url) as client:
        found = dict(client.rows("SELECT name, value FROM system.settings"))
    assert {name: found[name] for name in SETTINGS} == dict(SETTINGS)
    assert (found["insert_deduplicate"], found["async_insert"]) == ("0", "0")
    assert found.get("deduplicate_insert", "disable") == "disable"


def test_a_setting_that_the_server_does_not_take_is_named(
    embedded_database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the engine turns 0 into the number of cores, so that it never says what it was told
    monkeypatch.setattr(client_module, "SETTINGS", {**SETTINGS, "max_threads": "0"})
    with pytest.raises(StatementError, match=r"works with max_threads = .+, and must with 0"):
        connect(embedded_database.url)


def test_a_setting_that_the_server_does_not_know_is_named(
    embedded_database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SETTINGS", {**SETTINGS, "no_such_setting": "1"})
    with pytest.raises(StatementError, match="knows no setting no_such_setting: use a newer one"):
        connect(embedded_database.url)


def test_a_limit_is_the_server_s_own_and_the_answer_is_waited_for_beyond_it(
    embedded_database: EmbeddedDatabase,
) -> None:
    said = "SELECT value FROM system.settings WHERE name = 'max_execution_time'"
    with connect(embedded_database.url) as client:
        assert client.rows(said) == [("0",)]  # ClickHouse's own: none
    with connect(embedded_database.url, limit_s=7_200) as client:
        assert client.rows(said) == [("7200",)]
        assert client._driver.timeout.read_timeout > 7_200  # type: ignore[attr-defined]  # of the driver over HTTP
    with connect(embedded_database.url, patience_s=0, limit_s=1) as client:
        with pytest.raises(DatabaseUnavailableError) as ended:
            client.rows(ENDLESS)
        assert ended.value.code == TIMEOUT_EXCEEDED


def test_errors_tell_the_statement_from_the_rows_and_from_the_server(embedded_database: EmbeddedDatabase) -> None:
    with connect(embedded_database.url) as client:
        with pytest.raises(StatementError, match="UNKNOWN_TABLE"):
            client.rows("SELECT * FROM no_such_table")
        with pytest.raises(StatementError, match="is the database migrated"):
            client.insert("no_such_table", b"", "Avro")
        client.command("CREATE TABLE IF NOT EXISTS refusing (day Date) ENGINE = MergeTree ORDER BY day")
        with pytest.raises(RowsRefusedError) as refused:
            client.insert("refusing", b'{"day": "k1-secret"}', "JSONEachRow")
        assert "secret" not in str(refused.value)
        client.command("DROP TABLE refusing SYNC")


def test_patience_is_for_an_absent_server_only(embedded_database: EmbeddedDatabase) -> None:
    with connect(embedded_database.url) as client, pytest.raises(StatementError):
        client.with_patience(3_600.0).rows("SELECT nonsense FROM nothing")
    with pytest.raises(DatabaseUnavailableError):
        connect("http://127.0.0.1:9", patience_s=0.5)
