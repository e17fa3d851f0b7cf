"""An answer in the form that is asked for: JSON, CSV or Parquet by ``Accept``, a page at a time, with its ETag.

A page is of so many rows, in an order that is its own. ``next`` is the cursor of the page after it: it holds the place
of the last row, so that a row which comes or goes meanwhile moves no other over the edge.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from sinks.portal.guard import AskError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
MOST_AT_ONCE = 1_000

Row = TypeVar("Row", bound=BaseModel)


class NotAcceptableError(Exception):
    """It cannot be had in the form that the client wants; the message says in which it can."""


class Frozen(BaseModel):
    """What all of the API's records share."""

    model_config = ConfigDict(frozen=True)


class PageOf(Frozen, Generic[Row]):
    """A page of an answer.

    Attributes:
        rows: in the answer's own order.
        next: the cursor of the page after this one; null on the last.
        as_of: the day that the numbers are of; null where nothing is registered.
        through: by source partition, the version that they reach at least.
    """

    rows: list[Row]
    next: str | None = Field(default=None, examples=["WyJjdXAvQ1VQMDEvMCJd"])
    as_of: str | None = Field(default=None, examples=["2001-12-31"])
    through: dict[int, int] = Field(default_factory=dict, examples=[{0: 1417, 1: 1390}])


def page_of(
    rows: Sequence[Row],
    place: Callable[[Row], Sequence[str | int]],
    *,
    cursor: str | None,
    limit: int,
    **more: Any,  # noqa: ANN401 - of the page
) -> PageOf[Row]:
    """The page after a cursor.

    Args:
        rows: all of them.
        place: what a row is sorted by; no two have the same.
        cursor: as an earlier page gave it; None for the first.
        limit: how many rows at most.
        more: ``as_of`` and ``through``.

    Raises:
        AskError: the cursor is none of ours.
    """
    ordered = sorted(rows, key=lambda row: _comparable(place(row)))
    after = _place_of(cursor) if cursor else None
    left = [row for row in ordered if after is None or _comparable(place(row)) > _comparable(after)]
    shown = left[:limit]
    following = _cursor(place(shown[-1])) if len(left) > limit else None
    return PageOf[Any](rows=list(shown), next=following, **more)


def answered(request: Request, body: BaseModel) -> Response:
    """The answer as the client wants it; 304 where it has it already.

    Raises:
        NotAcceptableError: nothing that the client takes can be given.
    """
    kind = _wanted(request.headers.get("accept", ""))
    content, more = _written(body, kind)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"etag": tag, "vary": "accept, authorization", "cache-control": "private, no-cache", **more}
    if tag in (one.strip() for one in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


def _wanted(accepted: str) -> str:
    for kind in (one.split(";")[0].strip().lower() for one in (accepted or "*/*").split(",")):
        if kind in {"*/*", "application/*", JSON}:
            return JSON
        if kind in {CSV, "text/*"}:
            return CSV
        if kind == PARQUET:
            return PARQUET
    raise NotAcceptableError(f"this can be had as {JSON}, {CSV} or {PARQUET}")


def _written(body: BaseModel, kind: str) -> tuple[bytes, dict[str, str]]:
    """The bytes, and the headers that say what has no place in a table."""
    if kind == JSON:
        return body.model_dump_json(by_alias=True).encode(), {}
    said = body.model_dump(mode="json", by_alias=True)
    rows = said.get("rows")
    if not isinstance(rows, list):
        raise NotAcceptableError(f"this is no table: it can be had as {JSON}")
    flat = [_flat(row) for row in rows]
    more = {"link-next": said["next"]} if said.get("next") else {}
    if kind == PARQUET:
        out = io.BytesIO()
        pl.DataFrame(flat, infer_schema_length=None).write_parquet(out)
        return out.getvalue(), more
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in flat for name in row)), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue().encode(), more


def _flat(row: dict[str, Any], before: str = "") -> dict[str, Any]:
    """A record as one row: what is within a record gets its name before, a list is JSON."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
    return found


def _comparable(place: Sequence[str | int]) -> list[tuple[bool, int, str]]:
    return [(isinstance(one, str), one if isinstance(one, int) else 0, str(one)) for one in place]


def _cursor(place: Sequence[str | int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(place)).encode()).decode().rstrip("=")


def _place_of(cursor: str) -> Sequence[str | int]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise AskError("cursor is none that an answer gave as next") from error
    if not isinstance(found, list) or not all(isinstance(one, str | int) for one in found):
        raise AskError("cursor is none that an answer gave as next")
    return found
