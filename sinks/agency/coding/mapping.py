"""A mapping of the user's own: what its texts and codes are in MedDRA, and in which version that was decided.

A CSV file with the columns ``system`` (``text``, or the name of a catalogue such as ``reactions``), ``code`` (the text
or code itself), ``llt`` and ``version``. Texts are found whatever their case and marks.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, NamedTuple

from sinks.agency.coding.meddra import plain
from sinks.agency.icsr.values import MeddraTerm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sinks.agency.coding.meddra import Meddra

TEXT = "text"
_COLUMNS = ("system", "code", "llt", "version")
_LLT = re.compile(r"\d{8}", re.ASCII)
_VERSION = re.compile(r"\d{1,2}\.\d", re.ASCII)


class MappingFault(NamedTuple):
    """A row that cannot be used.

    Attributes:
        line: of the file, from 1; 0 where it is the whole file.
    """

    line: int
    text: str


class OwnMapping(NamedTuple):
    """Terms by system and code; texts as ``plain`` has them."""

    terms: Mapping[tuple[str, str], MeddraTerm]

    def term_of(self, system: str, code: str) -> MeddraTerm | None:
        """What a text or code is in MedDRA; None where nobody has said so."""
        return self.terms.get(_key(system, code))


def read_mapping(lines: Iterable[str], dictionary: Meddra | None = None) -> tuple[OwnMapping, list[MappingFault]]:
    """The rows that can be used, and what is wrong with the others.

    Args:
        lines: of the file.
        dictionary: rows of its version are held against it; a code that it does not have, or not any more, is refused.
    """
    reader = csv.DictReader(lines)
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        return OwnMapping({}), [MappingFault(0, f"the file has no column {', '.join(missing)}")]
    terms: dict[tuple[str, str], MeddraTerm] = {}
    faults = []
    for row in reader:
        said = {name: (row[name] or "").strip() for name in _COLUMNS}
        key, term = _key(said["system"], said["code"]), MeddraTerm(said["llt"], said["version"])
        if fault := _fault(said, dictionary) or ("" if key not in terms else "is said twice"):
            faults.append(MappingFault(reader.line_num, fault))
        else:
            terms[key] = term
    return OwnMapping(terms), faults


def _key(system: str, code: str) -> tuple[str, str]:
    return system, plain(code) if system == TEXT else code


def _fault(said: Mapping[str, str], dictionary: Meddra | None) -> str | None:
    if not said["system"] or not said["code"]:
        return "has no system, or no code"
    if not _LLT.fullmatch(said["llt"]):
        return "llt is no code of MedDRA: give the eight digits of a lowest level term"
    if not _VERSION.fullmatch(said["version"]):
        return "version is none of MedDRA: give it as in 28.0"
    if dictionary is not None and dictionary.version == said["version"]:
        found = dictionary.terms.get(said["llt"])
        if found is None:
            return f"llt is no lowest level term of MedDRA {dictionary.version}"
        if not found.current:
            return f"llt is not current in MedDRA {dictionary.version}"
    return None
