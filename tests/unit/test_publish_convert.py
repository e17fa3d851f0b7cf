"""Raw values to Avro's own numbers, one by one; the expected numbers are worked out by hand."""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.definition.mapping import ColumnMapping, Recoding
from streams.publish.convert import BrokenRuleError, converter, field_converter, items_of, plain_text, recoder

if TYPE_CHECKING:
    from schemas.definition.form import Kind

PLAIN = ColumnMapping()
DAY_2001_03_15 = 11_396  # 31 years of 365 days, 8 leap days, 31 + 28 + 14 days
NOON = DAY_2001_03_15 * 86_400_000 + 43_200_000


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("date", "2001-03-15", DAY_2001_03_15),
        ("date", " 20010315 ", DAY_2001_03_15),
        ("date", "2001-W11-4", DAY_2001_03_15),
        ("date", "2001-03-15T00:00:00", DAY_2001_03_15),
        ("date", "2001-03-15 00:00:00.000", DAY_2001_03_15),
        ("date", "1969-12-31", -1),
        ("date", date(2001, 3, 15), DAY_2001_03_15),
        ("date", datetime(2001, 3, 15, tzinfo=UTC), DAY_2001_03_15),
        ("timestamp", "2001-03-15T12:00:00Z", NOON),
        ("timestamp", "2001-03-15T12:00:00", NOON),
        ("timestamp", "2001-03-15 13:00:00+01:00", NOON),
        ("timestamp", "20010315T120000.5Z", NOON + 500),
        ("timestamp", "2001-03-15", NOON - 43_200_000),
        ("timestamp", "1969-12-31T23:59:59.999Z", -1),
        ("timestamp", datetime(2001, 3, 15, 12, tzinfo=UTC), NOON),
        ("timestamp", datetime(2001, 3, 15, 12), NOON),  # noqa: DTZ001 - without a zone it is UTC
        ("timestamp", datetime(2001, 3, 15, 7, tzinfo=timezone(timedelta(hours=-5))), NOON),
        ("timestamp", date(2001, 3, 15), NOON - 43_200_000),
        ("int", "12", 12),
        ("int", " -12 ", -12),
        ("int", "12.0", 12),
        ("int", 12.0, 12),
        ("int", Decimal("12.00"), 12),
        ("long", "9223372036854775807", 2**63 - 1),
        ("double", "27.5", 27.5),
        ("double", "27,5", 27.5),
        ("double", ",5", 0.5),
        ("double", "1,2345", 1.2345),
        ("double", "0,125", 0.125),
        ("double", "1.234", 1.234),
        ("double", "-3e2", -300.0),
        ("double", 7, 7.0),
        ("double", Decimal("0.1"), 0.1),
        ("float", "0,5", 0.5),
        ("boolean", True, True),
        ("boolean", 0, False),
        ("boolean", 1.0, True),
        ("boolean", "JA", True),
        ("boolean", " nej ", False),
        ("boolean", "yes", True),
        ("boolean", "no", False),
        ("boolean", "False", False),
        ("string", " U1 ", "U1"),
        ("string", 12, "12"),
        ("string", "åäö", "åäö"),
    ],
)
def test_a_value_becomes_its_number(kind: Kind, raw: object, expected: object) -> None:
    found = converter(kind)(raw)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("kind", "raw", "rule"),
    [
        ("date", "15/3/2001", "is not a date (ISO 8601: 2001-03-15)"),
        ("date", "2001-02-29", "is not a date (ISO 8601: 2001-03-15)"),
        ("date", 11_396, "is not a date (ISO 8601: 2001-03-15)"),
        ("date", True, "is not a date (ISO 8601: 2001-03-15)"),
        ("date", "2001-03-15T12:00:00", "is a time of day, not a date"),
        ("timestamp", "noon", "is not a time (ISO 8601: 2001-03-15T12:00:00Z)"),
        ("timestamp", 984_657_600_000, "is not a time (ISO 8601: 2001-03-15T12:00:00Z)"),
        ("int", "12.5", "is not a whole number"),
        ("int", "1 200", "is not a whole number"),
        ("int", "12,000", "is not a whole number"),
        ("int", "9" * 5_000, "is not a whole number"),
        ("int", 12.5, "is not a whole number"),
        ("int", math.nan, "is not a whole number"),
        ("int", math.inf, "is not a whole number"),
        ("int", True, "is not a whole number"),
        ("double", "1,234", "has a comma that may separate thousands or decimals: write a decimal point"),
        ("double", "1,234.5", "is not a number"),
        ("double", "nan", "is not a number"),
        ("double", "0x10", "is not a number"),
        ("double", ".", "is not a number"),
        ("double", False, "is not a number"),
        ("double", 10**400, "does not fit double"),
        ("float", 1e39, "does not fit float"),
        ("boolean", "maybe", "is not true or false (ja or nej, yes or no, 1 or 0)"),
        ("boolean", 2, "is not true or false (ja or nej, yes or no, 1 or 0)"),
        ("string", 1.5, "is not text"),
        ("string", True, "is not text"),
        ("string", ["a"], "is not text"),
        ("string", "\ud800", "has half a character, which is no text"),
    ],
)
def test_a_value_that_is_none_of_its_kind_is_named_by_rule(kind: Kind, raw: object, rule: str) -> None:
    with pytest.raises(BrokenRuleError) as broken:
        converter(kind)(raw)
    assert str(broken.value) == rule


def test_where_semicolons_separate_a_comma_can_only_be_decimal() -> None:
    assert converter("double", decimal_comma=True)("1,234") == 1.234


def test_dates_may_have_a_format_of_their_own() -> None:
    assert converter("date", date_format="%d/%m/%Y")("15/3/2001") == DAY_2001_03_15
    assert converter("timestamp", date_format="%d.%m.%y %H:%M %z")("15.03.01 13:00 +0100") == NOON
    assert converter("date", date_format="%d/%m/%Y")(date(2001, 3, 15)) == DAY_2001_03_15
    with pytest.raises(BrokenRuleError, match="is not written as %d/%m/%Y"):
        converter("date", date_format="%d/%m/%Y")("2001-03-15")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_its_own_text(value: float) -> None:
    assert struct.pack("<d", converter("double")(repr(value))) == struct.pack("<d", value + 0.0)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2299, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - bounds have none
def test_a_moment_is_the_same_in_every_zone(moment: datetime) -> None:
    expected = math.floor((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
    assert converter("timestamp")(moment) == pytest.approx(expected, abs=1)
    assert converter("timestamp")(moment.astimezone(UTC).isoformat()) == converter("timestamp")(moment)


def field(kind: Kind = "string", **options: Any) -> Any:
    return field_converter(kind, **{"nullable": False, "repeated": False, "mapped": PLAIN, **options})


def test_what_is_absent_becomes_null_or_default_or_is_missing() -> None:
    for absent in (None, "", "  "):
        assert field(nullable=True)(absent) is None
        assert field("boolean", default=False)(absent) is False
        assert field(nullable=True, default=None)(absent) is None
        assert field(repeated=True)(absent) == []
        with pytest.raises(BrokenRuleError, match="is missing"):
            field()(absent)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (["cup", "head"], ["cup", "head"]),
        (("cup",), ["cup"]),
        ('["cup", "head"]', ["cup", "head"]),
        ("cup; head;", ["cup", "head"]),
        ("cup", ["cup"]),
        ("[]", []),
    ],
)
def test_lists_are_lists_or_json_or_have_semicolons(raw: object, expected: list[str]) -> None:
    assert field(repeated=True)(raw) == expected


@pytest.mark.parametrize("raw", ["[1, 2", 5, {"a": 1}])
def test_what_is_no_list_is_refused(raw: object) -> None:
    with pytest.raises(BrokenRuleError, match="is not a list"):
        items_of(raw)


LINES = (
    Recoding(equals="1", value="one"),
    Recoding(pattern="(?i)two|zwei", value="two"),
    Recoding(pattern="^$|none", value=None),
    Recoding(pattern="two", value="never reached"),
)


def test_the_first_line_of_a_recoding_that_fits_decides() -> None:
    recode = recoder(LINES, "refuse")
    assert [recode(raw) for raw in ("1", 1, 1.0, " 1 ", "number TWO", "none")] == ["one"] * 4 + ["two", None]
    with pytest.raises(BrokenRuleError, match="fits no line of the mapping's recoding"):
        recode("11")


@pytest.mark.parametrize(("otherwise", "expected"), [("keep", "three"), ("null", None)])
def test_what_fits_no_line_is_kept_or_nulled(otherwise: str, expected: str | None) -> None:
    assert recoder(LINES, otherwise)("three") == expected


def test_a_recoding_comes_before_the_kind_and_item_by_item_in_lists() -> None:
    mapped = ColumnMapping(recode=(Recoding(equals="X", value="2001-03-15"), Recoding(equals="-", value=None)))
    assert field("date", mapped=mapped)("X") == DAY_2001_03_15
    assert field("date", mapped=mapped, nullable=True)("-") is None
    with pytest.raises(BrokenRuleError, match="is missing"):
        field("date", mapped=mapped)("-")
    assert field("date", mapped=mapped, repeated=True)("X;-;X") == [DAY_2001_03_15] * 2


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (None, ""),
        ("as it is ", "as it is "),
        (True, "true"),
        (3.0, "3"),
        (2.5, "2.5"),
        (["a", 1, None], '["a", 1, null]'),
        (date(2001, 3, 15), "2001-03-15"),
        (datetime(2001, 3, 15, 12, tzinfo=UTC), "2001-03-15T12:00:00+00:00"),
    ],
)
def test_a_value_can_be_written_into_a_file_of_text(raw: object, text: str) -> None:
    assert plain_text(raw) == text
