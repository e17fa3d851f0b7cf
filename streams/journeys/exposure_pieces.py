"""The bytes of exposures, in pieces: most of them come again and again, and those of one registration share most.

An ``ExposureChange`` is Avro, so its bytes are those of its fields one after another: who; the state before, if any;
the state after, if any; whether the person opted out; which submission made it so. A state is a product, where and when
it began, what became of it, and when that was recorded.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from schemas.compiled_writer import compile_writer
from streams.journeys.records import NEVER

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_KNOWN = 50_000
_ONE, _END, _FALSE, _TRUE = b"\2", b"\0", b"\0", b"\1"  # an array's length and its end, and booleans


def _fields_of(record: Any, name: str) -> list[Any]:  # noqa: ANN401 - Avro as JSON
    """The fields of the records in the array that a field is."""
    field = next(field for field in record if field["name"] == name)
    fields: list[Any] = field["type"]["items"]["fields"]
    return fields


class _Known(dict[tuple[Any, ...], bytes]):
    """The bytes of some fields' values, which come again and again, worked out once each."""

    def __init__(self, fields: Sequence[Any]) -> None:
        super().__init__()
        self._write = compile_writer({"type": "record", "name": "Piece", "fields": list(fields)})

    def __missing__(self, values: tuple[Any, ...]) -> bytes:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        found = self[values] = self._write(values)
        return found


_BATCH = json.loads((files("schemas") / "events" / "exposure_batch.avsc").read_text(encoding="utf-8"))["fields"]
_CHANGE = _fields_of(_BATCH, "changes")
_STATE = _fields_of(_CHANGE, "after")
_write_version = compile_writer({"type": "record", "name": "Made", "fields": _CHANGE[-1:]})
_write_who = compile_writer({"type": "record", "name": "Who", "fields": _CHANGE[:2]})
_where = _Known(_STATE[2:5])
_start = _Known(_STATE[5:6])
_course = _Known(_STATE[6:14])

product_and_lot = _Known(_STATE[:2]).__getitem__
"""The bytes of (product, lot)."""

recorded = _Known(_STATE[14:]).__getitem__
"""The bytes of (day recorded, day on which the end was recorded)."""

OPEN_STILL = _course[None, "", 0, None, 0, None, 0, None]
"""What has become of an exposure that nothing has ended and nothing has come of."""

NOTHING_BEFORE = _END + _ONE
"""Between who it is and the state of one that begins."""

NO_OPT_OUT = _END + _FALSE
"""Behind the state of one that is; the version comes after it."""


def who(patient: str, registration_id: str) -> bytes:
    """All before the states."""
    return _write_who((patient, registration_id))


def made_by(version: int) -> bytes:
    """The end of a change: the submission that made it."""
    return _write_version((version,))


def since(unit: str, side: str, by: tuple[str, ...], start: int) -> bytes:
    """Where and when it began."""
    return _where[unit, side, by] + _start[(start,)]


def course(
    end: int, reason: str, carried_until: int, found: tuple[Sequence[int], Sequence[int]], unknown: int
) -> bytes:
    """What has become of it.

    Args:
        end: its last day; ``NEVER`` while it is open.
        reason: what ended it.
        carried_until: the day from which the product is not carried; ``NEVER`` while it is.
        found: the days of its outcomes, rising; and of these, those of the product's own.
        unknown: how many of the others cannot be told.
    """
    outcomes, specific = found
    return _course[
        None if end == NEVER else end,
        reason,
        len(outcomes),
        outcomes[0] if outcomes else None,
        len(specific),
        specific[0] if specific else None,
        unknown,
        None if carried_until == NEVER else carried_until,
    ]


def change(
    patient: str, registration_id: str, before: bytes | None, after: bytes | None, version: int, *, opted_out: bool
) -> bytes:
    """A whole change, of states as above; None where there is none."""
    return b"".join(
        (
            _write_who((patient, registration_id)),
            _END if before is None else _ONE + before + _END,
            _END if after is None else _ONE + after + _END,
            _TRUE if opted_out else _FALSE,
            _write_version((version,)),
        )
    )
