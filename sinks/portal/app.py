"""The portal as an application: its routes, each behind the table of access, and what is answered where it refuses."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import structlog
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the signature at run time
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from schemas.company import company_code, is_under_contract
from sinks.clickhouse.errors import DatabaseError
from sinks.clickhouse.generations import GenerationError
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.feeds.hub import Hub
from sinks.feeds.sse import Listener, feed_router, frame_of
from sinks.portal import live, login
from sinks.portal.access import Refused
from sinks.portal.api import company_routes as company_api
from sinks.portal.api import routes as api
from sinks.portal.api.answers import NotAcceptableError
from sinks.portal.api.names import ensure_known_names
from sinks.portal.api.problems import described, problem
from sinks.portal.charts.drawing import script
from sinks.portal.guard import (
    AskError,
    ForgedError,
    NotFoundError,
    RefusedError,
    ensure_guarded,
    person_of_session,
    through,
)
from sinks.portal.headers import Bounds, Headers, Limits, OnLoopback
from sinks.portal.pages import (
    access_log,
    awareness,
    carriers,
    clinic,
    company,
    company_answers,
    company_compare,
    company_reports,
    company_signals,
    pairs,
    question,
    registry,
    report,
    reports,
    review,
    signal,
    signals,
    start,
    webhooks,
)
from sinks.portal.pages.layout import show
from sinks.portal.pages.pieces import Link
from sinks.portal.portal import Asked, Portal
from sinks.portal.sessions import Sessions
from sinks.portal.texts import language_of, marked, texts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    import httpx2
    from fastapi import APIRouter

log = structlog.get_logger(__name__)

_OPEN = frozenset({*login.OPEN, "/static", "/static/vega.js", "/health", "/api/v1/openapi.json"})
_API = "/api/"
_MODULES = (
    start,
    question,
    clinic,
    carriers,
    company,
    company_compare,
    company_signals,
    company_answers,
    company_reports,
    access_log,
    awareness,
    webhooks,
    signals,
    signal,
    pairs,
    review,
    reports,
    report,
    registry,
)


def create_app(
    portal: Portal, more: Sequence[APIRouter] = (), *, provider: httpx2.AsyncBaseTransport | None = None
) -> FastAPI:
    """The application.

    ``app.state.end_streams`` ends all streams at once, and whatever is under way beside the requests, for a process
    that ends: they would else hold it up.

    Args:
        portal: its surroundings.
        more: further routes, such as the feeds'.
        provider: how the provider is reached; the network where left out.

    Raises:
        LookupError: a route is not behind the table of access.
    """
    choices = portal.choices
    hub = Hub(portal.client, frame_of)
    app = FastAPI(
        lifespan=_beside(hub),
        title="Guldådra",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        middleware=[
            Middleware(Headers, https=choices.https),
            Middleware(Bounds),
            *([Middleware(OnLoopback)] if choices.ready else []),
            Middleware(
                SessionMiddleware,
                secret_key=choices.secret,
                session_cookie="__Host-guldadra" if choices.https else "guldadra",
                max_age=choices.session_s,
                same_site="lax",
                https_only=choices.https,
            ),
            Middleware(
                Limits,
                a_minute=choices.requests_a_minute,
                log_ins_a_minute=choices.log_ins_a_minute,
                streams=choices.streams,
            ),
        ],
    )
    app.state.portal = portal
    app.state.sessions = Sessions(portal.client, choices.session_s, portal.now)
    app.state.bearer = login.Bearer(choices.provider, provider)
    app.state.oauth = login.oauth(choices.provider, provider)
    app.state.news = news = live.News(portal.client)

    def end_streams() -> None:
        hub.close()
        news.close()
        portal.pages.close()

    app.state.end_streams = end_streams
    for routes in (login.router(), live.router(), *(module.router() for module in _MODULES), *more):
        app.include_router(routes)
    known = [Depends(ensure_known_names)]
    for routes in (api.router(), company_api.router()):
        app.include_router(routes, dependencies=known)
    feed = described(401, 403, 422, 429, 503)
    app.include_router(feed_router(hub, _listener), responses=feed, dependencies=[*api.BY_TOKEN, *known])

    @app.get("/static/vega.js", include_in_schema=False)
    def vega() -> Response:
        return Response(script(), media_type="text/javascript", headers={"cache-control": "public, max-age=86400"})

    @app.get("/health", include_in_schema=False)
    def health() -> dict[str, bool]:
        portal.client.rows("SELECT 1")
        return {"ok": True}

    app.mount("/static", StaticFiles(directory=str(files("sinks.portal") / "static")), name="static")
    ensure_guarded(app.routes, _OPEN)
    _with_answers(app)
    return app


def _beside(hub: Hub) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What runs as long as the application: the reader of feeds."""

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(hub.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return running


async def _listener(asked: Asked = through("feed")) -> Listener:
    """The company whose machine it is; of each registry it has what it is told while a contract with it is in force."""
    company, portal = company_code(asked.person.company), asked.portal

    def may_have(registry: str) -> bool:
        definition = portal.definitions.get(registry)
        return definition is not None and is_under_contract(definition, company, portal.moment.date())

    if not any(map(may_have, portal.definitions)):
        raise RefusedError(Refused("contract"))
    return Listener(company, may_have)


def _with_answers(app: FastAPI) -> None:
    """What is answered where something cannot be."""
    answers = {
        RefusedError: _refused,
        NotFoundError: _not_found,
        ForgedError: _forged,
        AskError: _senseless,
        CannotBeReadError: _senseless,
        GenerationError: _senseless,
        RequestValidationError: _not_of_its_kind,
        NotAcceptableError: _not_acceptable,
        HTTPException: _of_starlette,
        DatabaseError: _away,
        Exception: _broken,
    }
    for kind, answer in answers.items():
        app.add_exception_handler(kind, answer)  # type: ignore[arg-type] # each takes the kind it is for


async def _refused(request: Request, error: RefusedError) -> Response:
    reason = error.refused.reason
    unknown = reason == "log in"
    if _is_api(request):
        response = problem(401 if unknown else 403, "not allowed", _WHY[reason])
        if unknown:
            response.headers["www-authenticate"] = "Bearer"
        return response
    if unknown and request.method == "GET" and request.url.path != "/auth/callback":
        onwards = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?{urlencode({'next': onwards})}", 303)
    return _message(request, 403, marked("You may not see this"), _WHY[reason], reason=reason)


_WHY = {
    "log in": marked("You are not logged in, or your log-in has run out."),
    "role": marked("Your account's role does not allow it."),
    "not yours": marked("It belongs to another company, unit or registry than your account is bound to."),
    "strong log-in": marked("This is near to persons, and takes a strong log-in of the last fifteen minutes."),
    "contract": marked("No registry has a contract with your company that is in force."),
    "purpose": marked("This is near to persons. The reading is written down, with what it is for."),
}


async def _not_found(request: Request, _: NotFoundError) -> Response:
    return _answer(request, 404, marked("There is no such page"), marked("Nothing is at this address."))


async def _forged(request: Request, _: ForgedError) -> Response:
    return _answer(
        request,
        403,
        marked("The form is too old"),
        marked("It does not belong to this log-in. Go back, load the page anew, and send it again."),
    )


async def _senseless(request: Request, error: Exception) -> Response:
    return _answer(request, 400, _SENSELESS, str(error))


async def _not_of_its_kind(request: Request, error: RequestValidationError) -> Response:
    return _answer(request, 422, _SENSELESS, "; ".join(_fault(one) for one in error.errors()))


async def _not_acceptable(request: Request, error: NotAcceptableError) -> Response:
    return _answer(request, 406, "Not acceptable", str(error))


_SENSELESS = marked("This cannot be answered")


def _fault(one: Any) -> str:  # noqa: ANN401 - pydantic's
    return f"{'.'.join(str(step) for step in one['loc'][1:])}: {one['msg']}"


async def _of_starlette(request: Request, error: HTTPException) -> Response:
    if error.status_code == 404:  # noqa: PLR2004 - not found
        return await _not_found(request, NotFoundError())
    return _answer(request, error.status_code, _SENSELESS, str(error.detail))


async def _away(request: Request, error: DatabaseError) -> Response:
    log.error("the database does not answer", error=str(error), path=request.url.path)
    return _answer(
        request, 503, marked("The database does not answer"), marked("Nothing is lost. Try again in a minute.")
    )


async def _broken(request: Request, error: Exception) -> Response:
    log.error("a fault of ours", path=request.url.path, exc_info=error)
    return _answer(
        request,
        500,
        marked("Something is wrong here"),
        marked("The fault is ours, and is written down with the time. Nothing that was registered is lost."),
    )


def _answer(request: Request, status: int, title: str, said: str) -> Response:
    return problem(status, title, said) if _is_api(request) else _message(request, status, title, said)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(_API)


def _message(request: Request, status: int, title: str, said: str, *, reason: str = "") -> Response:
    t = texts(
        language_of(
            request.query_params.get("lang", ""),
            request.cookies.get("lang", ""),
            request.headers.get("accept-language", ""),
        )
    )
    asked = Asked(request, request.app.state.portal, "start", t, person_of_session(request))
    again = f"/login?again=1&{urlencode({'next': str(request.url.replace(scheme='', netloc=''))})}"
    links = [Link(t("Log in again"), again)] if reason == "strong log-in" else []
    return show(
        asked,
        "message.html",
        status=status,
        title=t(title),
        said=[t(said)],
        purpose_needed=reason == "purpose" and request.method == "GET",
        kept=[(name, value) for name, value in request.query_params.multi_items() if name != "purpose"],
        links=[*links, Link(t("To the start"), "/")],
    )
