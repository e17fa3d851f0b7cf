"""Every route of the portal behind the table of access, for every role; and every text in both languages."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from sinks.portal.access import ACCESS
from sinks.portal.app import create_app
from sinks.portal.guard import areas_of, every_route
from tests.portal_support import PEOPLE, Browser, portal
from tests.support import bundled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastapi import FastAPI

# What each address is of; a page's files are of the page's area. A new address is added here, by hand.
ROUTES: Mapping[str, str] = {
    "/": "start",
    "/live/{registry}": "start",
    "/r/{registry}/question": "question",
    "/r/{registry}/clinic/{unit}": "clinic",
    "/r/{registry}/clinic/{unit}/over-time": "clinic",
    "/r/{registry}/clinic/{unit}/carriers": "carriers",
    "/r/{registry}/clinic/{unit}/lists/{name}": "lists",
    "/r/{registry}/company": "company",
    "/r/{registry}/company/compare": "company",
    "/r/{registry}/company/signals": "company",
    "/r/{registry}/company/answer": "company statement",
    "/r/{registry}/company/reports": "company",
    "/r/{registry}/company/awareness": "company",
    "/r/{registry}/awareness": "awareness",
    "/r/{registry}/webhooks": "webhooks",
    "/r/{registry}/webhooks/add": "webhooks",
    "/r/{registry}/webhooks/rotate": "webhooks",
    "/r/{registry}/webhooks/remove": "webhooks",
    "/r/{registry}/webhooks/retry": "webhooks",
    "/r/{registry}/access": "access log",
    "/r/{registry}/signals": "signals",
    "/r/{registry}/signal": "signals",
    "/r/{registry}/pair": "signals",
    "/r/{registry}/review": "review",
    "/r/{registry}/reports": "reports",
    "/r/{registry}/reports/trail": "report",
    "/r/{registry}/report": "report",
    "/r/{registry}/report/step": "report steps",
    "/r/{registry}/flow": "flow",
    "/r/{registry}/coverage": "coverage",
    "/r/{registry}/indicators": "indicators",
    "/r/{registry}/indicators/{indicator}": "indicators",
    "/r/{registry}/published": "published",
    "/r/{registry}/variables": "variables",
    "/r/{registry}/variables/{form}": "variables",
    "/r/{registry}/monitors": "monitors",
    "/r/{registry}/monitors/{monitor}": "monitors",
    "/r/{registry}/compliance": "compliance",
    "/api/v1/registries": "start",
    "/api/v1/registries/{registry}/variables": "variables",
    "/api/v1/registries/{registry}/published": "published",
    "/api/v1/registries/{registry}/indicators": "indicators",
    "/api/v1/registries/{registry}/question": "question",
    "/api/v1/registries/{registry}/signals": "signals",
    "/api/v1/registries/{registry}/pairs": "signals",
    "/api/v1/registries/{registry}/awareness": "awareness",
    "/api/v1/registries/{registry}/company/awareness": "company",
    "/api/v1/registries/{registry}/company/components": "company",
    "/api/v1/registries/{registry}/company/comparison": "company",
    "/api/v1/registries/{registry}/company/signals": "company",
    "/api/v1/registries/{registry}/company/safety": "company",
    "/api/v1/feed": "feed",
}
FILES = "/files/{piece}.{kind}"
OPEN = {
    "/login",
    "/login/ready",
    "/auth/callback",
    "/logout",
    "/static",
    "/static/vega.js",
    "/health",
    "/api/v1/openapi.json",
}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(portal({"hip": bundled("hip")}))


def paths(app: FastAPI) -> Iterator[tuple[str, list[str]]]:
    for route in every_route(app.routes):
        yield str(getattr(route, "path", "")), areas_of(route) if hasattr(route, "dependant") else []


def test_each_address_asks_for_the_area_that_is_written_here(app: FastAPI) -> None:
    found = {path: areas for path, areas in paths(app) if path not in OPEN}
    of_pages = {path: areas for path, areas in found.items() if not path.endswith(FILES)}
    assert {path: set(areas) for path, areas in of_pages.items()} == {path: {area} for path, area in ROUTES.items()}
    for path, areas in found.items():
        if path.endswith(FILES):
            assert set(areas) == {ROUTES[path.removesuffix(FILES) or "/"]}


@pytest.mark.parametrize("role", ["", *PEOPLE])
def test_whoever_may_not_is_refused_at_every_address(app: FastAPI, role: str) -> None:
    visitor = Browser(app, raise_server_exceptions=False)
    if role:
        visitor.log_in(PEOPLE[role].subject)
    fill = {
        "{registry}": "hip", "{unit}": "U03", "{name}": "x", "{indicator}": "x", "{form}": "x", "{monitor}": "x",
        "{piece}": "x", "{kind}": "csv",
    }  # fmt: skip
    for path, areas in paths(app):
        if (
            path in OPEN
            or not areas
            or role in ACCESS[areas[0]].roles
            or (not role and "public" in ACCESS[areas[0]].roles)
        ):
            continue
        address = path
        for name, value in fill.items():
            address = address.replace(name, value)
        answer = visitor.get(address)
        wanted = {403} if role else {303, 401}  # who is nobody is sent to the log-in
        assert answer.status_code in wanted | {405}, (role, path, answer.status_code)


def test_a_clinic_is_refused_at_every_address_of_another_unit_and_registry(app: FastAPI) -> None:
    visitor = Browser(app, raise_server_exceptions=False)
    visitor.log_in(PEOPLE["clinic"].subject)
    for rest in (
        "",
        "/over-time",
        "/carriers?purpose=x&about=x",
        "/lists/unresolved?purpose=x",
        "/files/indicators.csv",
    ):
        assert visitor.get(f"/r/hip/clinic/U03{rest}").status_code == 403
    for page in ("question", "indicators", "coverage", "signals"):
        assert visitor.get(f"/r/hiv/{page}").status_code == 403


def said_in_english() -> set[str]:
    """Every text that pages and templates show, also those that queries give them."""
    found: set[str] = set()
    folder = files("sinks")
    sources: list[tuple[str, Any, str]] = [
        ("python", {"t": None, "texts": None, "_": None, "many": (1, 2), "marked": None}, "*.py"),
        ("jinja2.ext:babel_extract", {"_": None}, "*.html"),
    ]
    for method, keywords, pattern in sources:
        for path in sorted(folder.rglob(pattern)):  # type: ignore[attr-defined] # a path on disk
            with path.open("rb") as file:
                for _, message, _, _ in extract(method, file, keywords=keywords, options={"newstyle_gettext": "true"}):
                    found.add(message if isinstance(message, str) else message[0])
    return found - {""}


def test_every_text_has_its_swedish_and_none_is_left_over() -> None:
    with (files("sinks.portal") / "locale" / "sv.po").open("rb") as file:
        catalogue = read_po(file, locale="sv")
    known = {one.id if isinstance(one.id, str) else one.id[0] for one in catalogue if one.id and one.string}
    said = said_in_english()
    assert said - known == set()
    assert known - said == set()
    for one in catalogue:
        if isinstance(one.id, str) and one.id:
            values = [set(re.findall(r"%\((\w+)\)s", text)) for text in (one.id, str(one.string))]
            assert values[0] == values[1], one.id


def test_the_start_page_leads_to_what_is_public() -> None:
    shown = Browser(create_app(portal({"hip": bundled("hip")}))).get("/").text.partition("<main")[2]
    assert re.findall(r'<li><a href="([^"]+)"', shown) == ["/r/hip/published", "/r/hip/variables", "/r/hip/monitors"]
