"""The start: what there is, and where one may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from sinks.portal.pages.layout import navigation
from sinks.portal.pages.pieces import Page, Section
from sinks.portal.pages.serving import add_page

if TYPE_CHECKING:
    from sinks.portal.portal import Asked


def router() -> APIRouter:
    """The start page's route."""
    routes = APIRouter()
    add_page(routes, "/", "start", _start)
    return routes


def _start(asked: Asked) -> Page:
    t = asked.texts
    return Page(
        t("Medical registries, live"),
        [Section(registry, links=links) for registry, links in navigation(asked)],
        lead=t("A registration is live here within a second of being published, with every number that it changes."),
    )
