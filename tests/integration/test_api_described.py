"""The API against its own description: it answers as it says that it does, and never with a fault of ours.

What is asked is drawn from the description, well-formed and not, by accounts that may and by such as may not.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from sinks.clickhouse.client import connect
from sinks.portal.app import create_app
from sinks.portal.portal import Provider
from tests.portal_support import portal
from tests.portal_world import World, world_of
from tests.unit.test_portal_login import ISSUER, FakeProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastapi import FastAPI

    from deploy.embedded.database import EmbeddedDatabase
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

OF = "/api/v1/registries/{registry}"
ADDRESSES = (
    "/api/v1/registries",
    *(f"{OF}/{one}" for one in ("variables", "published", "indicators", "question", "signals", "pairs", "awareness")),
)
OF_COMPANIES = tuple(f"{OF}/company/{one}" for one in ("components", "comparison", "signals", "safety", "awareness"))
FEED = "/api/v1/feed"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
EXAMPLES = 6


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture(scope="module")
def world(client: Client, tmp_path_factory: pytest.TempPathFactory) -> World:
    return world_of(client, tmp_path_factory.mktemp("described"))


@pytest.fixture(scope="module")
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture(scope="module")
def app(client: Client, world: World, provider: FakeProvider) -> FastAPI:
    made = portal(world.definitions, client, provider=Provider(ISSUER, "guldadra"), log_ins_a_minute=100_000)
    return create_app(made, provider=provider.transport())


@pytest.fixture(scope="module")
def tokens(world: World, provider: FakeProvider) -> Mapping[str, Mapping[str, str]]:
    """The header that each account brings."""
    found: dict[str, Mapping[str, str]] = {"public": {}}
    for name, person in world.people.items():
        provider.claims = {key: value for key, value in person.as_claims().items() if value}
        found[name] = {"Authorization": f"Bearer {provider.signed()}"}
    return found


@pytest.fixture(scope="module")
def described(app: FastAPI) -> Any:
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)


@pytest.fixture
def operation(described: Any, request: pytest.FixtureRequest) -> Any:
    return described[request.param]["GET"]


def test_every_address_is_described(described: Any) -> None:
    assert set(described) == {*ADDRESSES, *OF_COMPANIES, FEED}


@pytest.mark.parametrize(
    ("who", "mode"),
    [
        ("clinic", GenerationMode.POSITIVE),
        ("clinic", GenerationMode.NEGATIVE),
        ("nordfalk", GenerationMode.POSITIVE),
        ("public", GenerationMode.NEGATIVE),
    ],
)
@pytest.mark.parametrize("operation", ADDRESSES, indirect=True)
def test_each_address_answers_as_it_is_described(
    operation: Any, world: World, tokens: Mapping[str, Mapping[str, str]], who: str, mode: GenerationMode
) -> None:
    own = {"registry": world.own.name} if "{registry}" in operation.path else {}

    @seed(1)
    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=own))
    def asked(case: Any) -> None:
        answer = case.call(headers=dict(tokens[who]))
        case.validate_response(answer, checks=CHECKS)

    asked()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OF_COMPANIES, indirect=True)
def test_so_does_each_of_a_company_s(
    operation: Any, world: World, tokens: Mapping[str, Mapping[str, str]], mode: GenerationMode
) -> None:
    @seed(1)
    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters={"registry": world.hip.name}))
    def asked(case: Any) -> None:
        answer = case.call(headers=dict(tokens["nordfalk"]))
        case.validate_response(answer, checks=CHECKS)

    asked()


@pytest.mark.parametrize("operation", ADDRESSES[1:], indirect=True)
def test_of_any_registry_whatever_it_is_called(operation: Any, tokens: Mapping[str, Mapping[str, str]]) -> None:
    @seed(2)
    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def asked(case: Any) -> None:
        answer = case.call(headers=dict(tokens["agency"]))
        case.validate_response(answer, checks=CHECKS)
        assert answer.status_code in {400, 403, 404, 405, 422}

    asked()


@pytest.mark.parametrize("who", ["agency", "clinic", "public"])
@pytest.mark.parametrize("operation", [FEED], indirect=True)
def test_the_feed_refuses_as_it_is_described(operation: Any, tokens: Mapping[str, Mapping[str, str]], who: str) -> None:
    @seed(3)
    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def asked(case: Any) -> None:
        answer = case.call(headers=dict(tokens[who]))
        case.validate_response(answer, checks=CHECKS)
        assert answer.status_code in {401, 403, 422}

    asked()


def test_the_description_has_examples_and_tells_of_every_refusal(app: FastAPI) -> None:
    said = app.openapi()
    for path, operations in said["paths"].items():
        answers = operations["get"]["responses"]
        assert {"200", "401", "403", "422", "429", "503"} <= set(answers), path
        assert "HTTPValidationError" not in json.dumps(answers)
        for status, answer in answers.items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"], (path, status)
                assert answer["content"]["application/problem+json"]["example"]["status"] == int(status)
    public = {"/api/v1/registries", f"{OF}/variables", f"{OF}/published"}
    assert {path for path, one in said["paths"].items() if "security" not in one["get"]} == public
    assert said["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
