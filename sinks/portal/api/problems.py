"""Errors of the API as problem+json (RFC 9457), and how the API's description tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBLEM = "application/problem+json"
_SCHEMA: Mapping[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "What kind of problem."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong in this case, and what to do."},
    },
}
_SAID: Mapping[int, tuple[str, str, str]] = {
    400: ("What is asked makes no sense; detail says what does.", "This cannot be answered", "there is no form hips"),
    401: ("No token, or none that counts.", "not allowed", "You are not logged in, or your log-in has run out."),
    403: ("The account may not.", "not allowed", "Your account's role does not allow it."),
    404: ("There is no such registry or thing.", "There is no such page", "Nothing is at this address."),
    406: ("It cannot be had in the form that is wanted.", "Not acceptable", "this can be had as application/json"),
    422: (
        "A parameter is not of its kind.",
        "This cannot be answered",
        "limit: Input should be a valid integer",
    ),
    429: ("Too many requests; Retry-After says when to come again.", "Too many requests", "Come again in a minute."),
    503: ("The database does not answer; try again.", "The database does not answer", "Nothing is lost. Try again."),
}


def problem(status: int, title: str, detail: str) -> JSONResponse:
    """An error: what kind, and what is wrong and what to do in this case."""
    return JSONResponse(_body(status, title, detail), status, media_type=PROBLEM)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Errors as the description of an address tells of them.

    Args:
        statuses: those that it answers with; all where none are named.
    """
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses or _SAID:
        said, title, detail = _SAID[status]
        content = {"schema": _SCHEMA, "example": _body(status, title, detail)}
        found[status] = {"description": said, "content": {PROBLEM: content}}
    return found


def _body(status: int, title: str, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}
