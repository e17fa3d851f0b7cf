"""The pages of a registry itself, all of them together."""

from __future__ import annotations

from fastapi import APIRouter

from sinks.portal.pages import coverage, flow, indicator, indicators, monitors, published, requirements, variables


def router() -> APIRouter:
    """Their routes."""
    routes = APIRouter()
    for page in (flow, coverage, indicators, indicator, published, variables, monitors, requirements):
        routes.include_router(page.router())
    return routes
