"""Dates as far as they are known, countries, and ICH's table as it was carried over."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from babel import Locale

from sinks.agency.icsr.countries import COUNTRIES
from sinks.agency.icsr.elements import elements
from sinks.agency.icsr.values import Moment, NullFlavor


@pytest.mark.parametrize(
    ("text", "precision", "earliest", "day"),
    [
        ("2026", "year", datetime(2025, 12, 31, 10, tzinfo=UTC), ("20260101", "20261231")),
        ("202602", "month", datetime(2026, 1, 31, 10, tzinfo=UTC), ("20260201", "20260231")),
        ("20260215", "day", datetime(2026, 2, 14, 10, tzinfo=UTC), ("20260215", "20260215")),
        ("20260215+0100", "day", datetime(2026, 2, 14, 23, tzinfo=UTC), ("20260215", "20260215")),
        ("2026021508-05", "hour", datetime(2026, 2, 15, 13, tzinfo=UTC), ("20260215", "20260215")),
        ("202602150830+0530", "minute", datetime(2026, 2, 15, 3, tzinfo=UTC), ("20260215", "20260215")),
        ("20260215083015", "second", datetime(2026, 2, 14, 18, 30, 15, tzinfo=UTC), ("20260215", "20260215")),
        ("20240229235959.1234-1200", "second", datetime(2024, 3, 1, 11, 59, 59, tzinfo=UTC), ("20240229", "20240229")),
        ("0001", "year", datetime(1, 1, 1, 10, tzinfo=UTC), ("00010101", "00011231")),
    ],
)
def test_a_moment_is_no_more_exact_than_it_is_known(
    text: str, precision: str, earliest: datetime, day: tuple[str, str]
) -> None:
    moment = Moment(text)
    assert (moment.precision, moment.earliest(), moment.day()) == (precision, earliest, day)


@pytest.mark.parametrize(
    "text",
    [
        "", "26", "20261", "2026-02-15", "20261301", "20260230", "20250229", "2026021524", "202602151260",
        "20260215101060", "2026+0100", "202602+01", "20260215+1", "20260215+1500", "20260215+0160", "2026021510.5",
        "20260215101010.", "20260215101010.12345", " 2026", "2026 ", "٢٠٢٦", "0000", "20260215Z", "20260215+01000",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused_without_telling_it(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        Moment(text)
    assert not text.strip() or text not in str(refused.value) or text == "26"


def test_moments_of_days_and_times() -> None:
    assert Moment.of(date(2026, 2, 5)) == Moment("20260205")
    assert Moment.of(datetime(2026, 2, 5, 8, 7, 6, tzinfo=timezone(timedelta(hours=1)))) == Moment(
        "20260205080706+0100"
    )


def test_countries_are_those_of_iso_3166_1_and_eu() -> None:
    """Babel's, which come from CLDR, but for what CLDR adds to ISO 3166-1."""
    added = {"AC", "CP", "CQ", "DG", "EA", "IC", "TA", "XK", "EZ", "UN", "QO", "XA", "XB", "ZZ"}
    territories = {code for code in map(str, Locale("en").territories) if len(code) == 2}
    assert territories - added == COUNTRIES
    assert len(COUNTRIES) == 250


def test_the_table_is_ichs() -> None:
    """Counted in ICH's table of core data elements as published: 242 rows, 20 of them headings; and rows by hand."""
    table = elements()
    assert len(table) == 242
    assert Counter(element.data_type for element in table.values()) == {
        "AN": 126, "N": 47, "TS": 23, "BL": 17, "A": 7, "ED": 2, "": 20,
    }  # fmt: skip
    conformance = Counter(element.conformance for element in table.values())
    assert conformance == {"mandatory": 34, "conditional": 72, "optional": 116, "": 20}
    assert sum(bool(element.null_flavors) for element in table.values()) == 62
    assert sum(len(element.null_flavors) for element in table.values()) == 156
    assert table["C.1.1"].max_length == 100
    assert table["H.1"].max_length == 100_000
    assert table["D.7.2"].max_length == 10_000
    assert table["E.i.2.1b"].data_type == "N"
    assert table["E.i.2.1b"].conformance == "mandatory"
    assert table["C.2.r.1.1"].null_flavors == {NullFlavor.MSK, NullFlavor.UNK, NullFlavor.ASKU, NullFlavor.NASK}
    assert table["D.8.r.1"].null_flavors == {NullFlavor.UNK, NullFlavor.NA}
    assert table["F.r.3.2"].null_flavors == {NullFlavor.NINF, NullFlavor.PINF}
    assert table["G.k.10.r"].values == tuple(map(str, range(1, 12)))
    assert [number for number, element in table.items() if element.null_flavors == {NullFlavor.NI}] == [
        "C.1.7", "C.1.9.1", "E.i.3.2a", "E.i.3.2b", "E.i.3.2c", "E.i.3.2d", "E.i.3.2e", "E.i.3.2f",
    ]  # fmt: skip
    precise = {number: element.precision for number, element in table.items() if element.precision not in {"", "year"}}
    assert precise == {
        "N.1.5": "second", "N.2.r.4": "second", "C.1.2": "second",
        "C.1.4": "day", "C.1.5": "day", "D.2.1": "day",
    }  # fmt: skip
