"""From a function that makes a page to its addresses: the page, and each of its tables and charts as a file."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from sinks.clickhouse.queries.opt_outs import read_mark
from sinks.portal.charts.drawing import png_of, svg_of
from sinks.portal.guard import NotFoundError, through
from sinks.portal.kept import Found
from sinks.portal.pages.files import csv_of
from sinks.portal.pages.layout import show_page
from sinks.portal.portal import Asked  # noqa: TC001 - FastAPI reads the signature at run time

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from fastapi import APIRouter

    from sinks.portal.pages.pieces import Page


def add_page(
    routes: APIRouter,
    path: str,
    area: str,
    make: Callable[[Asked], Page],
    *,
    renewed: Literal["no", "for all", "for each"] = "no",
) -> None:
    """Serve a page.

    Args:
        routes: where it is added.
        path: its address; ``{registry}`` and ``{unit}`` in it are checked by the table of access.
        area: the row of that table.
        make: the page of a request; run in a thread of its own, since it asks the database.
        renewed: whether it may be given as it was made last, with since when, while it is made anew: to all who may see
            the same, or, where that it is read may have to be written down, to the same person. Never of carriers.
    """

    def made(asked: Asked) -> Found[Page]:
        whose = asked.person.subject if renewed == "for each" else ""
        return asked.portal.pages.get((whose, _all_that_it_depends_on(asked)), lambda: make(asked))

    def new(asked: Asked) -> Found[Page]:
        return Found(make(asked), 0.0, is_new=True)

    find = new if renewed == "no" else made

    async def page(asked: Asked = through(area)) -> Response:
        found = await run_in_threadpool(find, asked)
        since = None if found.is_new else asked.portal.moment - timedelta(seconds=found.age_s)
        return show_page(asked, found.value, since)

    async def file(piece: str, kind: str, asked: Asked = through(area)) -> Response:
        return await run_in_threadpool(lambda: _piece(find(asked).value, piece, kind))

    routes.add_api_route(path, page, methods=["GET"], include_in_schema=False)
    routes.add_api_route(f"{path.rstrip('/')}/files/{{piece}}.{{kind}}", file, methods=["GET"], include_in_schema=False)


def _all_that_it_depends_on(asked: Asked) -> Hashable:
    """What makes a page another one: whose data, what is asked, the language, the day, and that somebody opts out."""
    person, url, registry = asked.person, asked.request.url, asked.definition.name
    opt_outs = asked.portal.opt_outs.get(registry, lambda: read_mark(asked.client, registry))
    path = url.path.partition("/files/")[0]
    bound_to = (person.role, person.company, person.units, person.registries)
    return path, url.query, asked.language, asked.purpose, bound_to, asked.portal.moment.date(), opt_outs


def _piece(page: Page, name: str, kind: str) -> Response:
    """A chart or table of a page as a file."""
    chart, table = page.chart(name), page.table(name)
    if kind == "csv" and table is not None:
        headers = {"content-disposition": f'attachment; filename="{table.file_name or name}.csv"'}
        return Response(csv_of(table), media_type="text/csv; charset=utf-8", headers=headers)
    if chart is None:
        raise NotFoundError
    if kind == "svg":
        return Response(svg_of(chart.spec), media_type="image/svg+xml")
    if kind == "png":
        return Response(png_of(chart.spec), media_type="image/png")
    if kind == "json":
        return Response(json.dumps(chart.spec), media_type="application/json")
    raise NotFoundError
