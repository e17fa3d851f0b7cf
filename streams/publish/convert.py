"""One raw value of a file, or of a Python program, becomes one value in Avro's own numbers (pure).

A converter raises ``BrokenRuleError`` with the rule that the value breaks, never with the value.
"""

from __future__ import annotations

import json
import math
import re
import struct
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from streams.publish.slices import is_absent

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.definition.form import Kind
    from schemas.definition.mapping import ColumnMapping, Recoding

    Convert = Callable[[Any], Any]


class BrokenRuleError(ValueError):
    """A value cannot be converted; the message is the rule it breaks, never the value."""


_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}(\.0)?")  # 12.0 is how data frames write a 12 beside an absent value
_NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]{1,3})?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_LONGEST_DATE = len("2001-03-15")
_TRUE = frozenset({"true", "1", "1.0", "ja", "yes"})
_FALSE = frozenset({"false", "0", "0.0", "nej", "no"})


def converter(kind: Kind, *, date_format: str | None = None, decimal_comma: bool = False) -> Convert:
    """The converter of a kind for values that are there.

    Args:
        kind: the field's kind.
        date_format: how dates and timestamps are written, as ``strptime`` reads it; ISO 8601 without.
        decimal_comma: whether ``1,234`` can only be a decimal number.
    """
    if kind in ("date", "timestamp"):
        convert: Convert = _date if kind == "date" else _timestamp
        if date_format is None:
            return convert
        return lambda raw: convert(_by_format(raw, date_format) if isinstance(raw, str) else raw)
    if kind in ("float", "double"):
        number = _float if kind == "float" else _double
        return lambda raw: number(raw, decimal_comma)
    return {"string": text_of, "int": _integer, "long": _integer, "boolean": _boolean}[kind]


def text_of(raw: object) -> str:
    """Text without blanks around it; whole numbers are text too (a unit's code may be 12)."""
    if isinstance(raw, str):
        text = raw.strip()
    elif isinstance(raw, int) and not isinstance(raw, bool):
        text = str(raw)
    else:
        raise BrokenRuleError("is not text")
    return _encodable(text)


def verbatim(raw: object) -> str:
    """The text as the source has it, blanks and all; what is no text is written as in JSON."""
    return _encodable(raw if isinstance(raw, str) else plain_text(raw))


def plain_text(raw: object) -> str:
    """A value as a file of text would have it: numbers and dates plainly, lists and truth as in JSON."""
    if raw is None:
        return ""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, date):  # a datetime is one
        return raw.isoformat()
    if isinstance(raw, bool | list | tuple | dict):
        return json.dumps(raw, ensure_ascii=False, default=plain_text)
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    return str(raw)


def recoder(lines: tuple[Recoding, ...], otherwise: str) -> Convert:
    """Raw value to raw value: the first line that fits gives it, None means none."""

    def fits(line: Recoding) -> Callable[[str], object]:
        if line.pattern is not None:
            return re.compile(line.pattern).search
        wanted = line.equals
        return lambda text: text == wanted

    tried = [(fits(line), line.value) for line in lines]

    def recode(raw: object) -> object:
        text = plain_text(raw).strip()
        for fit, value in tried:
            if fit(text):
                return value
        if otherwise == "refuse":
            raise BrokenRuleError("fits no line of the mapping's recoding")
        return raw if otherwise == "keep" else None

    return recode


def items_of(raw: object) -> list[Any]:
    """The items of a list, of a JSON list in text, or of text with semicolons between them."""
    if isinstance(raw, list | tuple):
        return list(raw)
    if not isinstance(raw, str):
        raise BrokenRuleError("is not a list")
    text = raw.strip()
    if not text.startswith("["):
        return [item for item in text.split(";") if item.strip()]
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        raise BrokenRuleError("is not a list: neither JSON nor texts with semicolons between them") from None
    return list(items)


_NO_DEFAULT = object()


def field_converter(
    kind: Kind,
    *,
    nullable: bool,
    repeated: bool,
    mapped: ColumnMapping,
    default: object = _NO_DEFAULT,
    decimal_comma: bool = False,
) -> Convert:
    """The converter of a whole field: recoding, absence, default, list and kind.

    Args:
        kind: the field's kind.
        nullable: whether it may be null.
        repeated: whether it is a list.
        mapped: what the mapping says about it.
        default: the value, in Avro's own numbers, of a field that is absent.
        decimal_comma: see ``converter``.
    """
    convert = converter(kind, date_format=mapped.date_format, decimal_comma=decimal_comma)
    recode = recoder(mapped.recode, mapped.otherwise) if mapped.recode else None
    if repeated:
        return _list_converter(convert, recode, default)
    has_default = default is not _NO_DEFAULT

    def convert_field(raw: object) -> Any:  # noqa: ANN401 - as the kind is
        if recode is not None and not is_absent(raw):
            raw = recode(raw)
        if not is_absent(raw):
            return convert(raw)
        if has_default:
            return default
        if nullable:
            return None
        raise BrokenRuleError("is missing")

    return _text_first(convert_field) if kind == "string" and recode is None else convert_field


def no_default() -> object:
    """The mark of a field without a default (null is a default like any other)."""
    return _NO_DEFAULT


def _text_first(convert_field: Convert) -> Convert:
    """The short way for what most values are: text in plain letters."""

    def convert_text(raw: object) -> Any:  # noqa: ANN401 - text, or what an absent one becomes
        if isinstance(raw, str) and (text := raw.strip()) and text.isascii():
            return text
        return convert_field(raw)

    return convert_text


def _list_converter(convert: Convert, recode: Convert | None, default: object) -> Convert:
    def convert_list(raw: object) -> list[Any]:
        if is_absent(raw):
            return list(default) if isinstance(default, list) else []
        items = items_of(raw)
        if recode is not None:
            items = [recode(item) for item in items]
        return [convert(item) for item in items if not is_absent(item)]

    return convert_list


def _encodable(text: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BrokenRuleError("has half a character, which is no text") from None
    return text


def _integer(raw: object) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, float | Decimal) and math.isfinite(raw) and raw == int(raw):
        return int(raw)
    if isinstance(raw, str) and _INTEGER.fullmatch(text := raw.strip()):
        return int(text.removesuffix(".0"))
    raise BrokenRuleError("is not a whole number")


def _double(raw: object, decimal_comma: bool) -> float:
    if isinstance(raw, int | float | Decimal) and not isinstance(raw, bool):
        try:
            return float(raw) + 0.0  # one zero: -0.0 would make other bytes of the same value
        except OverflowError:
            raise BrokenRuleError("does not fit double") from None
    if not isinstance(raw, str) or not _NUMBER.fullmatch(text := raw.strip()):
        raise BrokenRuleError("is not a number")
    if not decimal_comma and _THOUSANDS.fullmatch(text):
        raise BrokenRuleError("has a comma that may separate thousands or decimals: write a decimal point")
    return float(text.replace(",", ".")) + 0.0


def _float(raw: object, decimal_comma: bool) -> float:
    number = _double(raw, decimal_comma)
    try:
        struct.pack("<f", number)
    except OverflowError:
        raise BrokenRuleError("does not fit float") from None
    return number


def _boolean(raw: object) -> bool:
    text = plain_text(raw).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise BrokenRuleError("is not true or false (ja or nej, yes or no, 1 or 0)")


def _date(raw: object) -> int:
    if isinstance(raw, str):
        raw = _iso(raw.strip(), "is not a date (ISO 8601: 2001-03-15)")
    if isinstance(raw, datetime):
        if raw.time() != datetime.min.time():
            raise BrokenRuleError("is a time of day, not a date")
        raw = raw.date()
    if isinstance(raw, date):
        return raw.toordinal() - _EPOCH_ORDINAL
    raise BrokenRuleError("is not a date (ISO 8601: 2001-03-15)")


def _timestamp(raw: object) -> int:
    if isinstance(raw, str):
        raw = _iso(raw.strip(), "is not a time (ISO 8601: 2001-03-15T12:00:00Z)")
    if isinstance(raw, datetime):
        moment = raw if raw.tzinfo else raw.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MILLISECOND
    if isinstance(raw, date):
        return (raw.toordinal() - _EPOCH_ORDINAL) * 86_400_000
    raise BrokenRuleError("is not a time (ISO 8601: 2001-03-15T12:00:00Z)")


def _iso(text: str, rule: str) -> date:
    """A date, or a datetime where the text has a time of day."""
    try:
        return datetime.fromisoformat(text) if len(text) > _LONGEST_DATE else date.fromisoformat(text)
    except ValueError:
        raise BrokenRuleError(rule) from None


def _by_format(text: str, date_format: str) -> datetime:
    try:
        return datetime.strptime(text.strip(), date_format)  # noqa: DTZ007 - without an offset it is UTC, as everywhere
    except ValueError:
        raise BrokenRuleError(f"is not written as {date_format}") from None
