"""The bytes of an exposure that a journey begins with, in pieces: what is put in at one operation shares most of them.

An ``ExposureChange`` is Avro, so its bytes are those of its fields one after another: who; nothing before;
after it one state, which is a product and what is the same for all products of the registration; no opting out.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from schemas.compiled_writer import compile_writer

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_KNOWN = 50_000
_ONE, _END, _FALSE = b"\2", b"\0", b"\0"  # an array's length and its end, and a boolean


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
_write_who = compile_writer({"type": "record", "name": "Who", "fields": _CHANGE[:3]})
_where = _Known(_STATE[2:5])
_start = _Known(_STATE[5:6])
_OPEN_STILL = _Known(_STATE[6:14])[None, "", 0, None, 0, None, 0, None]
_recorded = _Known(_STATE[14:])

product_and_lot = _Known(_STATE[:2]).__getitem__
"""The bytes of (product, lot)."""


def who(patient: str, registration_id: str) -> bytes:
    """All before the product."""
    return _write_who((patient, registration_id, ())) + _ONE


def since(unit: str, side: str, by: tuple[str, ...], start: int, recorded: int) -> bytes:
    """All behind the lot, of an exposure that nothing has ended and nothing has come of."""
    return _where[unit, side, by] + _start[(start,)] + _OPEN_STILL + _recorded[recorded, None] + _END + _FALSE
