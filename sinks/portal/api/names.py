"""A name in a query that an address does not know is told of: passed over, it would have another question answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request  # noqa: TC002 - FastAPI reads the signature at run time

from sinks.portal.guard import AskError

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

_EVERYWHERE = frozenset({"lang", "purpose"})


async def ensure_known_names(request: Request) -> None:
    """See to it that an address knows every name in the query.

    One whose names depend on the registry (they are in its description alone) looks at them itself.

    Raises:
        AskError: it does not; the message says which it knows.
    """
    route: APIRoute = request.scope["route"]
    if route.openapi_extra:
        return
    known = {one.alias for one in route.dependant.query_params}
    unknown = sorted(request.query_params.keys() - known - _EVERYWHERE)
    if unknown:
        there = ", ".join(sorted(known)) or "no names"
        raise AskError(f"{', '.join(unknown)}: not asked for here; this address knows {there}")
