"""Tables as CSV, for programs: plain numbers, ISO days, and no cell that a spreadsheet would take for a formula."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import TYPE_CHECKING, Any

from sinks.portal.pages.pieces import Hidden, Link, Written

if TYPE_CHECKING:
    from sinks.portal.pages.pieces import Table

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(table: Table) -> str:
    """The table, its columns by name; what is hidden or not known is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows([_plain(value) for value in row] for row in table.rows)
    return out.getvalue()


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a table holds
    if value is None or isinstance(value, Hidden):
        return ""
    if isinstance(value, Written):
        value = value.value
    if isinstance(value, Link):
        value = value.text
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
