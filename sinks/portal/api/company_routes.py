"""A company's part of the API, version 1: own components, the comparison, own signals, the safety report.

Each answer is that of the page of the same name: the same question, the same rules of what is hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the signature at run time

from schemas.company import company_code
from sinks.clickhouse.queries.company_database.choice import ChoiceError, parse_choice
from sinks.clickhouse.queries.company_database.reading import read_company
from sinks.clickhouse.queries.company_database.safety import read_safety
from sinks.portal.api.answers import MOST_AT_ONCE, PageOf, page_of
from sinks.portal.api.company_records import ComponentRecord, OwnSignalRecord, SafetyRecord
from sinks.portal.api.records import AwarenessRecord
from sinks.portal.api.routes import ANSWERS, BY_TOKEN, PREFIX, Cursor, Limit, answer_with, awareness_page, parameter
from sinks.portal.guard import AskError, through
from sinks.portal.pages.company_answers import words_since
from sinks.portal.pages.company_told import keep_reading, own_signals
from sinks.portal.pages.company_words import entitled_of, kind_asked
from sinks.portal.portal import Asked  # noqa: TC001 - likewise

if TYPE_CHECKING:
    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.company_database.reading import CompanyReading

_OF_PAGING = frozenset({"cursor", "limit", "lang"})
_OF_A_CHOICE = (
    ("kind", "The kinds of implants; the first of one's own if none.", "cup"),
    ("component", "Own components; all of these kinds if none.", "CUP01"),
    ("from", "Put in from this year, month or first day of one on.", "2022"),
    ("until", "Put in until this year, month or last day of one.", "2024"),
    ("region", "Clinics of these regions only.", "Norr"),
    ("unit", "These clinics only.", "U01"),
    ("by", "component, component_clinic or clinic_component.", "component_clinic"),
    ("failure", "revision, reoperation or specific.", "revision"),
    ("sex", "One of the facts by which the registry tells patients apart.", "female"),
)
_Kind = Annotated[str, Query(max_length=100, description="A kind of implant, such as cup; all of one's own if none.")]


def router() -> APIRouter:
    """The routes."""
    prefix = f"{PREFIX}/registries/{{registry}}/company"
    routes = APIRouter(prefix=prefix, responses=ANSWERS, dependencies=BY_TOKEN, tags=["company"])
    routes.add_api_route(
        "/components", _components, response_model=PageOf[ComponentRecord], summary="Own components, the whole country"
    )
    routes.add_api_route(
        "/comparison",
        _comparison,
        response_model=PageOf[ComponentRecord],
        summary="Own components beside others",
        openapi_extra={"parameters": [parameter(*one) for one in _OF_A_CHOICE]},
    )
    routes.add_api_route(
        "/signals", _signals, response_model=PageOf[OwnSignalRecord], summary="Signals of own products"
    )
    routes.add_api_route(
        "/safety", _safety, response_model=PageOf[SafetyRecord], summary="Volumes and problems by period and region"
    )
    routes.add_api_route(
        "/awareness", _awareness, response_model=PageOf[AwarenessRecord], summary="Since when one is aware oneself"
    )
    return routes


async def _components(
    registry: str,  # noqa: ARG001 - of the address
    cursor: Cursor = None,
    limit: Limit = MOST_AT_ONCE,
    asked: Asked = through("company"),
) -> Response:
    """Every component of the company's own: in use now, put in, failed, with rates and their exact limits."""

    def make() -> PageOf[ComponentRecord]:
        entitled = entitled_of(asked)
        choice = parse_choice({"kind": list(entitled.own)}, entitled)
        reading = read_company(asked.client, entitled, choice, curves=(), others=False)
        rows = [ComponentRecord.of(row, "own") for row in reading.country]
        return _page(reading, rows, cursor, limit)

    return await answer_with(asked, make)


async def _comparison(
    registry: str,  # noqa: ARG001 - of the address
    cursor: Cursor = None,
    limit: Limit = MOST_AT_ONCE,
    asked: Asked = through("company"),
) -> Response:
    """The answer to what a link of the page Choose and compare asks, such as ``kind=cup&by=component_clinic``.

    Own rows first, then all other companies together, where they may be compared with. The query's further names
    are those of that page: kind, component, from, until, region, unit, by, failure, and one fact about patients.
    """

    def make() -> PageOf[ComponentRecord]:
        entitled = entitled_of(asked)
        try:
            choice = parse_choice(_said(asked), entitled)
        except ChoiceError as error:
            raise AskError(str(error)) from error
        reading = read_company(asked.client, entitled, choice)
        own = [row for head, below in reading.grouped() for row in (head, *below)]
        rows = [ComponentRecord.of(row, "own", choice.failure) for row in own]
        rows += [
            ComponentRecord.of(one.row, "others", choice.failure)
            for one in reading.others.values()
            if one.row is not None
        ]
        return _page(reading, rows, cursor, limit)

    return await answer_with(asked, make)


async def _signals(
    registry: str,  # noqa: ARG001 - of the address
    cursor: Cursor = None,
    limit: Limit = 100,
    asked: Asked = through("company"),
) -> Response:
    """Signals of own products as the company is told of them; the first reading of one makes it aware, and is kept."""

    def make() -> PageOf[OwnSignalRecord]:
        entitled: Entitled = entitled_of(asked)
        own = own_signals(asked, entitled)
        found = [OwnSignalRecord.of(one.told, words_since(asked, one.told.id)) for one in own]
        page = page_of(found, lambda row: [row.id], cursor=cursor, limit=limit)
        keep_reading(asked, [row.id for row in page.rows], "api")
        return page

    return await answer_with(asked, make)


async def _safety(
    registry: str,  # noqa: ARG001 - of the address
    kind: _Kind = "",
    cursor: Cursor = None,
    limit: Limit = MOST_AT_ONCE,
    asked: Asked = through("company"),
) -> Response:
    """What a periodic safety update report wants: put in and failed, by component, period and region."""

    def make() -> PageOf[SafetyRecord]:
        entitled = entitled_of(asked)
        kinds = [kind_asked(asked, entitled, kind)] if kind else list(entitled.own)
        rows = [SafetyRecord.of(row) for row in read_safety(asked.client, entitled, kinds)]
        return page_of(rows, SafetyRecord.place_in_order, cursor=cursor, limit=limit)

    return await answer_with(asked, make)


async def _awareness(
    registry: str,  # noqa: ARG001 - of the address
    cursor: Cursor = None,
    limit: Limit = MOST_AT_ONCE,
    asked: Asked = through("company"),
) -> Response:
    """The first delivery and the first reading of each signal and notice by the company itself."""

    def make() -> PageOf[AwarenessRecord]:
        entitled = entitled_of(asked)
        return awareness_page(asked, company_code(entitled.company), cursor, limit)

    return await answer_with(asked, make)


def _said(asked: Asked) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for name, value in asked.request.query_params.multi_items():
        if name not in _OF_PAGING:
            said.setdefault(name, []).append(value)
    return said


def _page(
    reading: CompanyReading, rows: list[ComponentRecord], cursor: str | None, limit: int
) -> PageOf[ComponentRecord]:
    return page_of(
        rows,
        ComponentRecord.place_in_order,
        cursor=cursor,
        limit=limit,
        as_of=reading.until.isoformat() if reading.until else None,
    )
