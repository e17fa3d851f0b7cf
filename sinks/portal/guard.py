"""Every request goes by here: who asks, what of whom, and whether the table lets them."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import AsyncIterator  # noqa: TC003 - FastAPI reads the signature at run time
from typing import TYPE_CHECKING, Any, NoReturn

from fastapi import Depends
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the signature at run time

from sinks.portal.access import ACCESS, Refused, may
from sinks.portal.portal import Asked, Portal
from sinks.portal.texts import language_of, texts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from fastapi.routing import APIRoute
    from starlette.datastructures import FormData
    from starlette.routing import BaseRoute

    from sinks.portal.identity import Person
    from sinks.portal.sessions import Sessions

_ASKED_FOR = "area_that_is_asked_for"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class RefusedError(Exception):
    """Somebody may not; what they are told is decided where it is shown."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


class NotFoundError(Exception):
    """There is no such thing, or none that the person may know of."""


class ForgedError(Exception):
    """A form that does not come from a page of ours."""


class AskError(ValueError):
    """What is asked makes no sense; the message, in the person's language, says what does."""


def area(name: str) -> Callable[[Request], AsyncIterator[Asked]]:
    """What a route depends on: the request, once the row ``name`` of the table has let it through.

    The registry, unit and company are those of the address (``{registry}``, ``{unit}``, ``{company}``).
    """

    async def let_through(request: Request) -> AsyncIterator[Asked]:
        try:
            yield await _asked(request, name)
        finally:
            await request.close()  # the files of a form

    setattr(let_through, _ASKED_FOR, name)
    return let_through


async def _asked(request: Request, name: str) -> Asked:
    portal: Portal = request.app.state.portal
    person = await person_asking(request)
    purpose = await _checked_purpose(request)
    registry = request.path_params.get("registry")
    unit, company = (str(request.path_params.get(part, "")) for part in ("unit", "company"))
    refused = may(
        person, name, registry=registry or "", unit=unit, company=company, purpose=purpose, now=int(portal.now())
    )
    if refused is not None:
        raise RefusedError(refused)
    definition = portal.definitions.get(registry) if registry is not None else None
    if registry is not None and definition is None:
        raise NotFoundError
    language = language_of(
        request.query_params.get("lang", ""),
        request.cookies.get("lang", ""),
        request.headers.get("accept-language", ""),
    )
    return Asked(request, portal, name, texts(language), person, definition, unit, purpose)


def through(name: str) -> Asked:
    """What a handler's parameter ``asked: Asked`` has as its default; see ``area``."""
    depends: Asked = Depends(area(name))
    return depends


async def person_asking(request: Request) -> Person:
    """Who asks: by the bearer token where there is one, else by the session."""
    if brings_token(request):
        scheme, _, token = request.headers["authorization"].partition(" ")
        bearer: Callable[[str], Awaitable[Person]] = request.app.state.bearer
        return await bearer(token if scheme.lower() == "bearer" else "")
    if "person" in request.session:
        sessions: Sessions = request.app.state.sessions
        await sessions.hear()
    return person_of_session(request)


def brings_token(request: Request) -> bool:
    """Whether it is a program that brings a token; the session is then not looked at, nor is any form's token."""
    return "authorization" in request.headers


def person_of_session(request: Request) -> Person:
    """Who has logged in with this browser, as far as is known without asking the database."""
    sessions: Sessions = request.app.state.sessions
    return sessions.person(request.session)


def token_against_forgery(request: Request) -> str:
    """What each form of this session has to bring."""
    token: str = request.session.setdefault("forms", secrets.token_urlsafe(24))
    return token


def ensure_ours(request: Request, form: FormData) -> None:
    """See to it that a form comes from a page of this session.

    Raises:
        ForgedError: it does not.
    """
    said, kept = form.get("forms"), str(request.session.get("forms", ""))
    if not (isinstance(said, str) and kept and hmac.compare_digest(said.encode(), kept.encode())):
        raise ForgedError


async def _checked_purpose(request: Request) -> str:
    """The purpose that is stated; of a form, once it is known to be ours."""
    if request.method in _READING:
        return request.query_params.get("purpose", "")
    if brings_token(request):
        return request.query_params.get("purpose", "")
    form = await request.form()
    ensure_ours(request, form)
    purpose = form.get("purpose", "")
    return purpose if isinstance(purpose, str) else ""


def ensure_guarded(routes: Iterable[BaseRoute], open_to_all: frozenset[str]) -> None:
    """See to it that there is no way past the table.

    Raises:
        LookupError: a route asks for no row of the table, or for one that is not there; the message names it.
    """
    for route in every_route(routes):
        path = getattr(route, "path", "")
        if path in open_to_all:
            continue
        asked_for = areas_of(route) if hasattr(route, "dependant") else []
        if not asked_for:
            _refuse_to_start(f"the route {path} asks for no area of the table of access")
        for name in asked_for:
            if name not in ACCESS:
                _refuse_to_start(f"the route {path} asks for {name}, which is not in the table of access")


def every_route(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """The routes, and those of routers that were included."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from every_route(included.routes)


def areas_of(route: APIRoute | BaseRoute) -> list[str]:
    """The areas that a route asks for."""
    dependant = getattr(route, "dependant", None)
    return [str(getattr(call, _ASKED_FOR)) for call in _calls(dependant) if hasattr(call, _ASKED_FOR)]


def _calls(dependant: Any) -> Iterator[Any]:  # noqa: ANN401 - FastAPI's
    """What is called for a route, and for what is called for it."""
    for one in dependant.dependencies if dependant else ():
        yield one.call
        yield from _calls(one)


def _refuse_to_start(what: str) -> NoReturn:
    raise LookupError(what)
