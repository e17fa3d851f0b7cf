"""The user's licensed MedDRA, as it is distributed: text files with fields that end in ``$``.

    llt.asc             code, name, code of the preferred term, …, tenth whether it is current (Y or N)
    mdhier.asc          code of the preferred term, …, fourth the organ class, fifth the preferred name, …, eighth the
                        organ class's name, …, twelfth whether that is its primary one (Y or N)
    meddra_release.asc  version, language

``pt.asc`` says nothing beside these that is used here, and is checked against them. Terms of MedDRA are licensed: they
are read where the user has them, and are no part of this project.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_CODE = re.compile(r"\d{8}", re.ASCII)
_VERSION = re.compile(r"\d{1,2}\.\d", re.ASCII)
_NOT_WORDS = re.compile(r"[^\w]+")


class MeddraFileError(ValueError):
    """A file of the distribution is missing, or not as it should be; the message names file and line."""


class LowestTerm(NamedTuple):
    """A lowest level term: what reports are coded with.

    Attributes:
        preferred: the code of its preferred term.
        current: whether it may still be coded with.
    """

    code: str
    name: str
    preferred: str
    current: bool


class Preferred(NamedTuple):
    """A preferred term, and the name of its primary organ class."""

    name: str
    organ_class: str


@dataclass(frozen=True)
class Meddra:
    """One version of MedDRA in one language.

    Attributes:
        terms: the lowest level terms by code.
        preferred: the preferred terms by code.
        by_words: the codes of current terms by what ``plain`` and ``bag`` make of their names.
    """

    version: str
    language: str
    terms: Mapping[str, LowestTerm]
    preferred: Mapping[str, Preferred]
    by_words: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[str, list[str]] = {}
        for term in self.terms.values():
            if term.current:
                for words in {plain(term.name), bag(term.name)}:
                    found.setdefault(words, []).append(term.code)
        object.__setattr__(self, "by_words", {words: tuple(sorted(codes)) for words, codes in found.items()})


def plain(text: str) -> str:
    """Words in small letters, one space apart, without marks: å and a stay different letters."""
    return " ".join(_NOT_WORDS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).split())


def bag(text: str) -> str:
    """The same words in the order of the alphabet: MedDRA turns names about, such as "Rash allergic"."""
    return "\0" + " ".join(sorted(plain(text).split()))


def read_meddra(folder: Path, version: str | None = None) -> Meddra:
    """MedDRA from the folder with its ``.asc`` files.

    Args:
        folder: as it was unpacked.
        version: where the distribution does not say it itself.

    Raises:
        MeddraFileError: a file is missing or is not as it should be, or the version is not known, or another.
    """
    told, language = _release(folder)
    if told and version and told != version:
        raise MeddraFileError(f"meddra_release.asc: is of version {told}, not {version}")
    known = told or version
    if known is None or not _VERSION.fullmatch(known):
        raise MeddraFileError("meddra_release.asc: the version is not told; give it as in 28.0")
    preferred = dict(_preferred(folder))
    for number, (code, name, *_) in _rows(folder, "pt.asc", 2):
        if code not in preferred or preferred[code].name != name:
            raise MeddraFileError(f"pt.asc, line {number}: the term is not in mdhier.asc, or has another name there")
    terms: dict[str, LowestTerm] = {}
    for number, row in _rows(folder, "llt.asc", 10):
        code, name, of, current = row[0], row[1], row[2], row[9]
        if not _CODE.fullmatch(code) or not name or current not in ("Y", "N") or code in terms:
            raise MeddraFileError(f"llt.asc, line {number}: no code of its own, no name, or neither Y nor N")
        if of not in preferred:
            raise MeddraFileError(f"llt.asc, line {number}: its preferred term is not in mdhier.asc")
        terms[code] = LowestTerm(code, name, of, current == "Y")
    return Meddra(known, language, terms, preferred)


def _release(folder: Path) -> tuple[str | None, str]:
    if not (folder / "meddra_release.asc").exists():
        return None, ""
    for _, row in _rows(folder, "meddra_release.asc", 2):
        return row[0], row[1]
    return None, ""


def _preferred(folder: Path) -> Iterator[tuple[str, Preferred]]:
    for number, row in _rows(folder, "mdhier.asc", 12):
        if not _CODE.fullmatch(row[0]) or row[11] not in ("Y", "N"):
            raise MeddraFileError(f"mdhier.asc, line {number}: no code, or neither Y nor N")
        if row[11] == "Y":
            yield row[0], Preferred(row[4], row[7])


def _rows(folder: Path, name: str, fewest: int) -> Iterator[tuple[int, list[str]]]:
    """The fields of each line of a file, with the line's number."""
    try:
        raw = (folder / name).read_bytes()
    except FileNotFoundError:
        raise MeddraFileError(f"{name}: is not in the folder") from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # older distributions
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            row = line.split("$")
            if len(row) < fewest:
                raise MeddraFileError(f"{name}, line {number}: has {len(row)} fields, and needs {fewest}")
            yield number, row
