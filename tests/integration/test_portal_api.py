"""The API over a real engine, by its own typed client and by plain requests."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

from sinks.clickhouse.client import connect
from sinks.portal.api.client import Guldadra, ProblemError
from sinks.portal.identity import Person
from tests.clickhouse_support import AcceptedLog, insert, migrated
from tests.portal_support import NOW, Browser, browser, portal
from tests.support import patient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition

API = "/api/v1/registries"


@pytest.fixture(scope="module")
def metabolic(embedded_database: EmbeddedDatabase) -> RegistryDefinition:
    with connect(embedded_database.url) as client:
        definition = migrated(client, "metabolic")
        log = AcceptedLog(definition)
        for number in range(20):
            log.add(
                "measurement",
                number,
                patient=patient(number),
                unit=f"C0{number % 2 + 1}",
                test="sbp",
                value=140.0 + number,
            )
        insert(client, definition, log.batch())
        return definition


@pytest.fixture(scope="module")
def visitor(embedded_database: EmbeddedDatabase, metabolic: RegistryDefinition) -> Iterator[Browser]:
    with connect(embedded_database.url) as client:
        people = (
            Person("r", "Rolf", "registrar", registries=frozenset({metabolic.name})),
            Person("c", "Cilla", "company", company="Nordfalk Ortopedi", since=NOW),
        )
        found = browser(portal({metabolic.name: metabolic}, client, ready=people))
        found.log_in("r")
        yield found


def test_the_client_reads_what_the_pages_show(visitor: Browser, metabolic: RegistryDefinition) -> None:
    api = Guldadra("", http=visitor)
    assert [one.name for one in api.registries()] == [metabolic.name]
    variables = {(one.form, one.field): one for one in api.variables(metabolic.name)}
    assert variables["measurement", "test"].codes[0] in {"sbp", "hdl", "chol", "dbp", "smoke", "fib4"}
    found = api.question(metabolic.name, [("form", "measurement"), ("by", "unit"), ("of", "value:gte:150")])
    # of 140 to 159 by turns at two centres: ten at each, of which the last five are 150 or above
    assert [(row.labels["unit"], row.people, row.share and row.share.events) for row in found.rows] == [
        ("C01", 10, 5),
        ("C02", 10, 5),
    ]
    assert found.total.people == 20


def test_pages_by_cursor_hold_every_row_once(visitor: Browser, metabolic: RegistryDefinition) -> None:
    whole = visitor.get(f"{API}/{metabolic.name}/variables").json()["rows"]
    assert len(whole) > 20
    found, cursor = [], None
    while True:
        page = visitor.get(
            f"{API}/{metabolic.name}/variables", params={"limit": 7, **({"cursor": cursor} if cursor else {})}
        ).json()
        assert len(page["rows"]) <= 7
        found += page["rows"]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == whole


@pytest.mark.parametrize("cursor", ["x", "e30", "W251bGxd", "é"])
def test_a_cursor_that_is_none_is_refused(visitor: Browser, metabolic: RegistryDefinition, cursor: str) -> None:
    answer = visitor.get(f"{API}/{metabolic.name}/variables", params={"cursor": cursor})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert "cursor" in answer.json()["detail"]


def test_the_same_as_csv_and_parquet(visitor: Browser, metabolic: RegistryDefinition) -> None:
    path = f"{API}/{metabolic.name}/question?form=measurement&by=unit&of=value:gte:150"
    as_csv = visitor.get(path, headers={"accept": "text/csv"})
    assert as_csv.headers["content-type"].startswith("text/csv")
    rows = pl.read_csv(io.BytesIO(as_csv.content)).to_dicts()
    assert [(row["labels.unit"], row["people"], row["share.events"]) for row in rows] == [
        ("C01", 10, 5),
        ("C02", 10, 5),
    ]
    as_parquet = visitor.get(path, headers={"accept": "application/vnd.apache.parquet"})
    assert pl.read_parquet(io.BytesIO(as_parquet.content))["people"].to_list() == [10, 10]
    assert visitor.get(path, headers={"accept": "image/png"}).status_code == 406


def test_what_one_has_already_is_not_sent_again(visitor: Browser, metabolic: RegistryDefinition) -> None:
    path = f"{API}/{metabolic.name}/variables"
    tag = visitor.get(path).headers["etag"]
    again = visitor.get(path, headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert visitor.get(path, headers={"if-none-match": '"of another"'}).status_code == 200


def test_problems_are_told_as_problems(visitor: Browser, metabolic: RegistryDefinition) -> None:
    senseless = visitor.get(f"{API}/{metabolic.name}/question?form=measurement&where=value:gt:high")
    assert senseless.status_code == 400
    assert senseless.json() == {
        "type": "about:blank",
        "title": "This cannot be answered",
        "status": 400,
        "detail": "value is a number, not high",
    }
    misspelt = visitor.get(f"{API}/{metabolic.name}/indicators?plaec=unit")
    assert misspelt.status_code == 400
    assert misspelt.json()["detail"] == (
        "plaec: not asked for here; this address knows breakdown, cursor, limit, name, per, place, unit"
    )
    assert visitor.get(f"{API}/{metabolic.name}/variables?limit=0").status_code == 422
    assert visitor.get(f"{API}/nothing/variables").status_code == 404
    assert visitor.get("/api/v1/nothing").headers["content-type"] == "application/problem+json"


def test_who_is_nobody_and_who_may_not(embedded_database: EmbeddedDatabase, metabolic: RegistryDefinition) -> None:
    with connect(embedded_database.url) as client:
        people = (Person("c", "Cilla", "company", company="Nordfalk Ortopedi"),)
        stranger = browser(portal({metabolic.name: metabolic}, client, ready=people))
        answer = stranger.get(f"{API}/{metabolic.name}/question?form=measurement")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert stranger.get(f"{API}/{metabolic.name}/variables").status_code == 200  # public
        stranger.log_in("c")
        with pytest.raises(ProblemError, match="role") as refused:
            Guldadra("", http=stranger).question(metabolic.name, [("form", "measurement")])
        assert refused.value.status == 403


def test_a_unit_that_is_not_ones_own_is_refused(visitor: Browser, metabolic: RegistryDefinition) -> None:
    assert visitor.get(f"{API}/{metabolic.name}/indicators?unit=C01").status_code == 403


def test_the_description_names_every_address_and_record(visitor: Browser) -> None:
    said = visitor.get("/api/v1/openapi.json").json()
    assert f"{API}/{{registry}}/question" in said["paths"]
    assert not [path for path in said["paths"] if not path.startswith("/api/v1/")]
    assert "SignalRecord" in json.dumps(said["components"]["schemas"])
