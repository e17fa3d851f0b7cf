"""The words that are shown, in Swedish and English, and numbers and days as each language writes them.

The English text is the key. The catalogue is ``locale/sv.po``; a test finds what has no translation.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import NullTranslations, Translations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from schemas.definition.text import Text
    from sinks.portal.portal import Language

NOTHING = "–"  # noqa: RUF001 - a dash, as tables have it
HIDDEN = ".."
"""What stands for a number that is hidden."""

LANGUAGES: Mapping[Language, str] = {"sv": "Svenska", "en": "English"}
"""Each language, as it calls itself."""


def marked(text: str) -> str:
    """A text that is shown in a language later, by ``Texts``; here it is only marked, so that it gets a translation."""
    return text


@dataclass(frozen=True, slots=True)
class Texts:
    """One language."""

    language: Language
    locale: Locale
    translations: NullTranslations

    def __call__(self, text: str, **values: object) -> str:
        """A text in the language, with its values put in."""
        said: str = self.translations.gettext(text)
        return said % values if values else said

    def many(self, one: str, more: str, number: int) -> str:
        """The text for a number of things; ``%(number)s`` in it is the number."""
        said: str = self.translations.ngettext(one, more, number)
        return said % {"number": self.number(number)}

    def of(self, text: Text) -> str:
        """A declared text."""
        return text.sv if self.language == "sv" else text.en

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number with so many decimals."""
        if value is None or value != value:  # noqa: PLR0124 - not a number is not itself
            return NOTHING
        places = "0" * digits
        return str(format_decimal(value, f"#,##0{'.' if digits else ''}{places}", locale=self.locale))

    def share(self, value: float | None, digits: int = 1) -> str:
        """A share as a percentage."""
        if value is None or value != value:  # noqa: PLR0124 - likewise
            return NOTHING
        places = "0" * digits
        return str(format_percent(value, f"#,##0{'.' if digits else ''}{places} %", locale=self.locale))

    def day(self, day: date | None) -> str:
        """A day."""
        return NOTHING if day is None else str(format_date(day, "yyyy-MM-dd", locale=self.locale))

    def month(self, day: date) -> str:
        """The month of a day."""
        return str(format_date(day, "MMM yyyy", locale=self.locale))

    def moment(self, moment: datetime) -> str:
        """A moment, to the second."""
        return str(format_datetime(moment, "yyyy-MM-dd HH:mm:ss", locale=self.locale))


@cache
def texts(language: Language) -> Texts:
    """The words of a language."""
    if language == "en":
        return Texts("en", Locale("en", "GB"), NullTranslations())
    with (files("sinks.portal") / "locale" / "sv.po").open("rb") as file:
        catalogue = read_po(file, locale="sv")
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Texts("sv", Locale("sv", "SE"), Translations(compiled))


def language_of(asked: str, kept: str, accepted: str) -> Language:
    """The language to show: the one that the address asks for, else that of the cookie, else the browser's."""
    for said in (asked, kept, *_by_weight(accepted)):
        for language in LANGUAGES:
            if said.lower().split("-")[0] == language:
                return language
    return "en"


def _by_weight(accepted: str) -> Sequence[str]:
    """The languages of an Accept-Language header, the dearest first."""
    weighed = []
    for part in accepted.split(",")[:20]:
        name, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), name))
        except ValueError:
            continue
    return [name for _, name in sorted(weighed, key=lambda one: one[0])]
