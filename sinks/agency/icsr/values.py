"""What stands in a data element: why nothing does, dates as far as they are known, quantities, coded terms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from decimal import Decimal

Precision = Literal["year", "month", "day", "hour", "minute", "second"]
PRECISIONS: tuple[Precision, ...] = ("year", "month", "day", "hour", "minute", "second")

_MOMENT = re.compile(r"(\d{4}(?:\d\d){0,5})(\.\d{1,4})?([+-]\d\d(?:[0-5]\d)?)?", re.ASCII)
_DIGITS = dict(zip(range(4, 15, 2), PRECISIONS, strict=True))
_FIRST = "00000101000000"
_FURTHEST = timedelta(hours=14)
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)  # what is a day earlier can still be told


class NullFlavor(Enum):
    """Why an element has no value (Implementation Guide, section 3.3.6)."""

    NI = "NI"
    """No information."""
    MSK = "MSK"
    """Known, but masked for privacy."""
    UNK = "UNK"
    """A proper value applies, but is not known."""
    NA = "NA"
    """Not applicable."""
    ASKU = "ASKU"
    """Asked, but not known."""
    NASK = "NASK"
    """Not asked."""
    NINF = "NINF"
    """Negative infinity: written for the open end of a test result, see TestValue."""
    PINF = "PINF"
    """Positive infinity, likewise."""


Text: TypeAlias = str | NullFlavor
Truth: TypeAlias = bool | NullFlavor


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time in HL7's form, no more exact than it is known: ``CCYY[MM[DD[hh[mm[ss[.UUUU]]]]]][+|-ZZ[zz]]``.

    Raises:
        ValueError: another form, or no such day or time.
    """

    text: str

    def __post_init__(self) -> None:
        found = _MOMENT.fullmatch(self.text)
        if (
            found is None
            or (found[2] and len(found[1]) < len(_FIRST))
            or (found[3] and len(found[1]) < len("CCYYMMDD"))
        ):
            raise ValueError(
                "not of the form CCYY[MM[DD[hh[mm[ss[.UUUU]]]]]], with an offset from UTC where it has a day"
            )
        self.earliest()

    @classmethod
    def of(cls, when: date) -> Moment:
        """Of a day, to the day; of a time, to the second, with its offset where it has one."""
        if not isinstance(when, datetime):
            return cls(f"{when:%Y%m%d}")
        return cls(f"{when:%Y%m%d%H%M%S%z}")

    @property
    def precision(self) -> Precision:
        """How exactly it is known."""
        return _DIGITS[len(self._digits())]

    def earliest(self) -> datetime:
        """The first instant that it may stand for, in UTC; without an offset, of the place furthest east (+14:00)."""
        digits = self._digits()
        filled = digits + _FIRST[len(digits) :]
        month, day, hour, minute, second = (int(filled[at : at + 2]) for at in range(4, len(filled), 2))
        start = datetime(int(filled[:4]), month, day, hour, minute, second, tzinfo=UTC)
        offset = self._offset()
        if offset is None:
            offset = _FURTHEST
        return max(start, _EARLIEST) - offset

    def day(self) -> tuple[str, str]:
        """The first and the last day that it may stand for, by its own clock: ``CCYYMMDD``, months with 31 days."""
        digits = self._digits()[: len("CCYYMMDD")]
        known = len(digits)
        return digits + "00000101"[known:], digits + "00001231"[known:]

    def _digits(self) -> str:
        end = min((at for at in map(self.text.find, ".+-") if at >= 0), default=len(self.text))
        return self.text[:end]

    def _offset(self) -> timedelta | None:
        sign = max(self.text.find("+"), self.text.find("-"))
        if sign < 0:
            return None
        hours, minutes = int(self.text[sign + 1 : sign + 3]), int(self.text[sign + 3 :] or 0)
        offset = timedelta(hours=hours, minutes=minutes)
        if offset > _FURTHEST:
            raise ValueError("no place is so far from UTC")
        return -offset if self.text[sign] == "-" else offset


Time: TypeAlias = Moment | NullFlavor


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number (part a) with its UCUM unit (part b)."""

    value: Decimal | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class TestValue:
    """A test's result: a number, or beyond which number it lies."""

    value: Decimal | None = None
    unit: str | None = None
    comparison: Literal["=", "<", "<=", ">", ">="] = "="


@dataclass(frozen=True, slots=True)
class MeddraTerm:
    """A lowest level term of MedDRA by its code (part b), and the version that it is of (part a)."""

    code: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A term of ISO IDMP, EDQM or a region by its code (part b), and the version's date or number (part a).

    Attributes:
        system: the OID of another code system than the element's own in ``code_systems``.
    """

    code: str | None = None
    version: str | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document that goes with the report.

    Attributes:
        content: its bytes, as compressed as they are sent.
        media_type: such as application/pdf.
        name: of the file.
        compression: DF (deflate), or None.
    """

    content: bytes
    media_type: str
    name: str | None = None
    compression: str | None = None
