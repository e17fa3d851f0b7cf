"""The API's addresses, version 1: the same answers as on the pages, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the signature at run time

from schemas.company import companies_of
from sinks.clickhouse.queries.answer import answer
from sinks.clickhouse.queries.awareness import read_awareness
from sinks.clickhouse.queries.cell_sums import Cut
from sinks.clickhouse.queries.indicators import read_indicators
from sinks.clickhouse.queries.pair_signals import read_pair_signals
from sinks.clickhouse.queries.question import codes_of, parse
from sinks.clickhouse.queries.signals import read_signals
from sinks.portal.access import Refused
from sinks.portal.api.answers import CSV, MOST_AT_ONCE, PARQUET, PageOf, answered, page_of
from sinks.portal.api.problems import described
from sinks.portal.api.records import (
    AnswerPage,
    AnswerRecord,
    AwarenessRecord,
    IndicatorRecord,
    PairRecord,
    RegistryRecord,
    SignalRecord,
    VariableRecord,
)
from sinks.portal.guard import RefusedError, through
from sinks.portal.pages.question import smallest_of
from sinks.portal.portal import Asked  # noqa: TC001 - FastAPI reads the signature at run time

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

PREFIX = "/api/v1"
Cursor = Annotated[str | None, Query(max_length=2_000, description="As an earlier answer gave it as next.")]
Limit = Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="How many rows at most.")]
Names = Annotated[list[str], Query(max_length=50)]
_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page of rows; as CSV and Parquet the rows alone, with the next page's cursor in Link-Next.",
        "content": {CSV: {"schema": {"type": "string"}}, PARQUET: {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "The client has it already, as If-None-Match says."},
}
ANSWERS = {**_FORMS, **described()}
"""How rows are answered with, and what else may be, as the description tells of it."""
_TOKEN = HTTPBearer(scheme_name="token", description="A token of the provider of identities.", auto_error=False)
BY_TOKEN = [Depends(_TOKEN)]
"""Says in the description that an address takes a token; who may is decided by the table of access."""
_OF_A_QUESTION = (
    ("form", "The registrations that it is about.", "measurement"),
    ("first", "The first day that counts.", "2001-01-01"),
    ("last", "The last day that counts.", "2001-12-31"),
    ("where", "What must hold for them, field:test:value; several times for several.", "value:gt:150"),
    ("of", "What is asked of them: which share has it.", "value:gt:150"),
    ("by", "What is kept apart: a place, a time, a coded field; up to three times.", "unit"),
    ("value", "A field of numbers whose mean and quartiles are wanted.", "value"),
    ("unit", "Only these units.", "C01"),
    ("also", "Another form of which their persons must have a registration.", "event"),
    ("also_where", "What must hold for that, form:field:test:value.", "event:event:eq:stroke"),
    ("counted", "registrations, or persons: each person's latest.", "registrations"),
)


def router() -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=PREFIX, responses=ANSWERS)
    of = "/registries/{registry}"
    routes.add_api_route("/registries", _registries, response_model=PageOf[RegistryRecord], summary="All registries")
    routes.add_api_route(
        f"{of}/variables", _variables, response_model=PageOf[VariableRecord], summary="The variable catalogue"
    )
    routes.add_api_route(
        f"{of}/published", _published, response_model=PageOf[IndicatorRecord], summary="The nation's indicators by year"
    )
    routes.add_api_route(
        f"{of}/indicators",
        _indicators,
        response_model=PageOf[IndicatorRecord],
        summary="Indicators, cut as wanted",
        dependencies=BY_TOKEN,
    )
    routes.add_api_route(
        f"{of}/question",
        _question,
        response_model=AnswerPage,
        summary="An ad-hoc question",
        dependencies=BY_TOKEN,
        openapi_extra={"parameters": [parameter(*one) for one in _OF_A_QUESTION]},
    )
    routes.add_api_route(
        f"{of}/signals",
        _signals,
        response_model=PageOf[SignalRecord],
        summary="Signals as they stand",
        dependencies=BY_TOKEN,
    )
    routes.add_api_route(
        f"{of}/pairs",
        _pairs,
        response_model=PageOf[PairRecord],
        summary="Signals of pairs of drug and reaction as they stand",
        dependencies=BY_TOKEN,
    )
    routes.add_api_route(
        f"{of}/awareness",
        _awareness,
        response_model=PageOf[AwarenessRecord],
        summary="Since when companies are aware",
        dependencies=BY_TOKEN,
    )
    return routes


def parameter(name: str, said: str, example: str) -> dict[str, Any]:
    """A parameter of a question as the description tells of it; what it may be depends on the registry."""
    return {
        "name": name,
        "in": "query",
        "required": name == "form",
        "description": said,
        "schema": {"type": "string", "maxLength": 200},
        "example": example,
    }


async def answer_with(asked: Asked, make: Callable[[], BaseModel]) -> Response:
    """Answer with what is made in a thread of its own, since it asks the database."""
    return await run_in_threadpool(lambda: answered(asked.request, make()))


async def _registries(cursor: Cursor = None, limit: Limit = 100, asked: Asked = through("start")) -> Response:
    """Every registry that this portal serves."""
    rows = [RegistryRecord.of(one) for one in asked.portal.definitions.values()]
    return await answer_with(asked, lambda: page_of(rows, lambda row: [row.name], cursor=cursor, limit=limit))


async def _variables(
    registry: str,  # noqa: ARG001 - of the address
    cursor: Cursor = None,
    limit: Limit = MOST_AT_ONCE,
    asked: Asked = through("variables"),
) -> Response:
    """Every variable of every form, with what it means."""
    definition = asked.definition
    rows = [
        VariableRecord(
            form=form.name,
            field=field.name,
            kind=field.kind,
            meaning=field.doc,
            measured_in=field.unit,
            nullable=field.nullable,
            repeated=field.repeated,
            codes=list(codes_of(definition, field)),
        )
        for form in definition.forms.values()
        for field in form.fields
    ]
    return await answer_with(
        asked, lambda: page_of(rows, lambda row: [row.form, row.field], cursor=cursor, limit=limit)
    )


async def _published(
    registry: str,  # noqa: ARG001 - of the address
    cursor: Cursor = None,
    limit: Limit = MOST_AT_ONCE,
    asked: Asked = through("published"),
) -> Response:
    """What the registry publishes: the nation's indicators, by year."""
    return await answer_with(asked, lambda: _read(asked, (), Cut(), cursor, limit))


async def _indicators(
    *,
    registry: str,  # noqa: ARG001 - of the address
    name: Names = [],  # noqa: B006 - FastAPI copies it
    place: Literal["unit", "county", "region", "nation"] = "nation",
    per: Literal["month", "quarter", "year", "rolling", "all"] = "year",
    breakdown: Names = [],  # noqa: B006 - likewise
    unit: Annotated[str | None, Query(max_length=100, description="One's own unit, small numbers included.")] = None,
    cursor: Cursor = None,
    limit: Limit = MOST_AT_ONCE,
    asked: Asked = through("indicators"),
) -> Response:
    """Indicators with their limits. Numbers about too few are null, and so are those that would give them away."""
    if unit is not None and unit not in asked.person.units_of(asked.definition.name):
        raise RefusedError(Refused("not yours"))
    cut = Cut(place, per, tuple(breakdown), unit)
    return await answer_with(asked, lambda: _read(asked, tuple(name), cut, cursor, limit))


def _read(asked: Asked, names: tuple[str, ...], cut: Cut, cursor: str | None, limit: int) -> PageOf[IndicatorRecord]:
    found = read_indicators(asked.client, asked.definition, names, cut=cut)
    rows = [IndicatorRecord.of(row) for row in found.rows]
    return page_of(
        rows,
        IndicatorRecord.place_in_order,
        cursor=cursor,
        limit=limit,
        as_of=found.until.isoformat() if found.until else None,
        through=dict(found.through),
    )


async def _question(registry: str, asked: Asked = through("question")) -> Response:  # noqa: ARG001 - of the address
    """Answer a question, such as ``form=measurement&where=value:gt:150&by=unit``; with the people behind the answer."""

    def make() -> AnswerPage:
        definition = asked.definition
        question = parse(definition, asked.request.query_params.multi_items())
        own = asked.person.units_of(definition.name)
        found = answer(asked.client, definition, question, smallest=smallest_of(asked), own=own)
        return AnswerPage(
            rows=[AnswerRecord.of(row, question) for row in found.rows],
            total=AnswerRecord.of(found.total, question),
            hidden=found.hidden,
            link=urlencode(question.as_query()),
        )

    return await answer_with(asked, make)


async def _signals(
    registry: str,  # noqa: ARG001 - of the address
    cursor: Cursor = None,
    limit: Limit = 100,
    asked: Asked = through("signals"),
) -> Response:
    """Every signal as it stands, withdrawn ones too."""

    def make() -> PageOf[SignalRecord]:
        found = read_signals(asked.client, asked.definition)
        rows = [SignalRecord.of(one) for one in found.signals]
        return page_of(rows, lambda row: [row.id], cursor=cursor, limit=limit, through=dict(found.through))

    return await answer_with(asked, make)


async def _pairs(
    registry: str,  # noqa: ARG001 - of the address
    cursor: Cursor = None,
    limit: Limit = 100,
    asked: Asked = through("signals"),
) -> Response:
    """Every signal of a pair of drug and reaction as it stands, withdrawn ones too. More reports prove no cause."""

    def make() -> PageOf[PairRecord]:
        found = read_pair_signals(asked.client, asked.definition)
        rows = [PairRecord.of(one) for one in found.signals]
        return page_of(rows, lambda row: [row.id], cursor=cursor, limit=limit, through=dict(found.through))

    return await answer_with(asked, make)


async def _awareness(
    registry: str,  # noqa: ARG001 - of the address
    cursor: Cursor = None,
    limit: Limit = MOST_AT_ONCE,
    asked: Asked = through("awareness"),
) -> Response:
    """The first delivery and the first reading of each signal and notice by each company."""
    return await answer_with(asked, lambda: awareness_page(asked, None, cursor, limit))


def awareness_page(asked: Asked, company: str | None, cursor: str | None, limit: int) -> PageOf[AwarenessRecord]:
    """Since when one company is aware of what, or all are."""
    companies = companies_of([asked.definition])
    found = read_awareness(asked.client, asked.definition.name, company)
    rows = [AwarenessRecord.of(one, companies) for one in found]
    return page_of(rows, lambda row: [row.company, row.subject], cursor=cursor, limit=limit)
