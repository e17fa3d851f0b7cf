"""Errors of the API as problem+json (RFC 9457)."""

from __future__ import annotations

from starlette.responses import JSONResponse

PROBLEM = "application/problem+json"


def problem(status: int, title: str, detail: str) -> JSONResponse:
    """An error: what kind, and what is wrong and what to do in this case."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, media_type=PROBLEM)
