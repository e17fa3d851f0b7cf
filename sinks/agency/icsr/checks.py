"""Whether a value may stand in an element: type, length, allowed values, null flavours, precision."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from sinks.agency.icsr.countries import COUNTRIES
from sinks.agency.icsr.values import PRECISIONS, Attachment, Moment, NullFlavor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sinks.agency.icsr.elements import Element

    Check = Callable[[object, datetime], str | None]

COUNTRY_SYSTEM = "1.0.3166.1.2.2"
LANGUAGE_SYSTEM = "1.0.639.2"
MEDDRA_SYSTEM = "2.16.840.1.113883.6.163"

_MAY_BE_NEGATIVE = ("F.r.3.2", "F.r.4", "F.r.5")
_WHOLE = ("D.4", "D.10.5")
_UNITS = ("G.k.2.3.r.3b", "G.k.4.r.1b", "G.k.5b", "F.r.3.3")
_RANK = {precision: rank for rank, precision in enumerate(PRECISIONS)}
_XML = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_NUMBER = (re.compile(r"\d+", re.ASCII).fullmatch, "has other characters than digits. Give a whole number.")
_LETTERS = (re.compile(r"[A-Za-z]+", re.ASCII).fullmatch, "has other characters than letters. Give letters only.")
_LANGUAGE = (
    re.compile(r"[a-z]{3}", re.ASCII).fullmatch,
    "is no code of ISO 639-2. Give its three small letters, such as swe.",
)
_MEDDRA_CODE = (
    re.compile(r"\d{8}", re.ASCII).fullmatch,
    "is no code of MedDRA. Give the eight digits of a lowest level term.",
)
_MEDDRA_VERSION = (re.compile(r"\d{1,2}\.\d", re.ASCII).fullmatch, "is no version of MedDRA. Give it as in 28.0.")
_UNIT = (re.compile(r"[!-~]+", re.ASCII).fullmatch, "is no unit of UCUM. Give its code, such as mg, or {DF}.")


def describe(element: Element) -> str:
    """What to give, for whoever has to."""
    if element.values:
        what = f"one of {', '.join(element.values)}" if len(element.values) > 1 else element.values[0]
    elif element.data_type == "TS":
        what = f"a date, at least to the {element.precision}"
    elif element.data_type == "BL":
        what = "true or false"
    else:
        what = f"at most {element.max_length} characters" if element.max_length else "a document"
    if element.null_flavors:
        what += f", or why there is none ({_flavors(element)})"
    return what


@cache
def check_of(element: Element) -> Check:
    """The check of an element's values.

    Returns:
        A function of a value that is there and the present time, which must have an offset: a sentence that says
        what is wrong and what to do, without the value, or None.
    """
    check = _CHECKS[element.data_type](element)

    def checked(value: object, now: datetime) -> str | None:
        if isinstance(value, NullFlavor):
            return None if value in element.null_flavors else _wrong_flavor(element, value)
        return check(value, now)

    return checked


def _flavors(element: Element) -> str:
    return ", ".join(flavor.value for flavor in NullFlavor if flavor in element.null_flavors)


def _wrong_flavor(element: Element, flavor: NullFlavor) -> str:
    allowed = f"Give a value, or one of {_flavors(element)}." if element.null_flavors else "Give a value."
    return f"{element.name} may not be absent as {flavor.value}. {allowed}"


def _moments(element: Element) -> Check:
    least = _RANK[element.precision or "year"]

    def check(value: object, now: datetime) -> str | None:
        if not isinstance(value, Moment):
            return f"{element.name} is not a date. Give {describe(element)}."
        if _RANK[value.precision] < least:
            return (
                f"{element.name} is known to the {value.precision} only. Give it at least to the {element.precision}."
            )
        if value.earliest() > now:
            return f"{element.name} lies in the future. Give the date on which it happened."
        return None

    return check


def _truths(element: Element) -> Check:
    def check(value: object, _now: datetime) -> str | None:
        if not isinstance(value, bool):
            return f"{element.name} is neither true nor false. Give {describe(element)}."
        if element.values and not value:
            return f"{element.name} may not be false. Give {describe(element)}, or leave it out."
        return None

    return check


def _documents(element: Element) -> Check:
    def check(value: object, _now: datetime) -> str | None:
        if not isinstance(value, Attachment) or not value.content:
            return f"{element.name} has no content. Attach the document, or leave it out."
        if not _MEDIA_TYPE.fullmatch(value.media_type):
            return f"{element.name} has no media type. Give one, such as application/pdf."
        if value.compression not in {None, "DF"}:
            return f"{element.name} is compressed by another way than DF. Deflate it, or send it as it is."
        return None

    return check


def _texts(element: Element) -> Check:
    longest = element.max_length or 0
    rules = tuple(_text_rules(element))

    def check(value: object, _now: datetime) -> str | None:
        if isinstance(value, Decimal):
            return _number_fault(element, value)
        if not isinstance(value, str):
            return f"{element.name} is not text. Give {describe(element)}."
        if not value.strip():
            return f"{element.name} is blank. Give {describe(element)}, or leave it out."
        if len(value) > longest:
            return f"{element.name} has {len(value)} characters, of which {longest} may be sent. Shorten it."
        return next((f"{element.name} {fault}" for holds, fault in rules if not holds(value)), None)

    return check


def _text_rules(element: Element) -> Iterator[tuple[Callable[[str], object], str]]:
    if element.values:
        yield frozenset(element.values).__contains__, f"is not as ICH lists it. Give {describe(element)}."
    elif COUNTRY_SYSTEM in element.code_systems:
        yield COUNTRIES.__contains__, "is no country of ISO 3166-1. Give its two capital letters, such as SE, or EU."
    elif pattern := _pattern(element):
        yield pattern
    yield _XML.fullmatch, "has a control character, which XML cannot hold. Take it out."


def _pattern(element: Element) -> tuple[Callable[[str], object], str] | None:
    if MEDDRA_SYSTEM in element.code_systems:
        return _MEDDRA_CODE
    if element.name.startswith("MedDRA Version"):
        return _MEDDRA_VERSION
    if LANGUAGE_SYSTEM in element.code_systems:
        return _LANGUAGE
    if element.number in _UNITS:
        return _UNIT
    return {"N": _NUMBER, "A": _LETTERS}.get(element.data_type)


def _number_fault(element: Element, value: Decimal) -> str | None:
    if not value.is_finite():
        return f"{element.name} is not a number. Give one."
    if value < 0 and element.number not in _MAY_BE_NEGATIVE:
        return f"{element.name} is negative. Give a number from 0."
    if element.number in _WHOLE and value != value.to_integral_value():
        return f"{element.name} has decimals. Round it to a whole number."
    length = len(f"{value:f}")
    if element.max_length and length > element.max_length:
        return f"{element.name} has {length} characters, of which {element.max_length} may be sent. Round it."
    return None


_CHECKS: dict[str, Callable[[Element], Check]] = {
    "TS": _moments,
    "BL": _truths,
    "ED": _documents,
    "N": _texts,
    "A": _texts,
    "AN": _texts,
}
