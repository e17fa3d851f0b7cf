"""What of a report still waits for a MedDRA code, since when, and whose clock runs meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args

from sinks.agency.coding.mapping import TEXT
from sinks.agency.coding.meddra import bag, plain
from sinks.agency.icsr.findings import Path
from sinks.agency.icsr.model import (
    AutopsyCause,
    Condition,
    Indication,
    ParentCondition,
    Reaction,
    ReportedCause,
    Test,
)
from sinks.agency.icsr.values import MeddraTerm
from sinks.agency.icsr.walking import layout, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from sinks.agency.coding.mapping import OwnMapping
    from sinks.agency.coding.meddra import Meddra
    from sinks.agency.deadlines import Clock
    from sinks.agency.icsr.model import Case

Fault = Literal["missing", "other_version", "unknown", "not_current"]
How = Literal["same_code", "preferred", "mapping", "exact", "normalised", "same_words"]
_HOW: tuple[How, ...] = get_args(How)


class Suggestion(NamedTuple):
    """A term that may be meant.

    Attributes:
        how: the same code in the version wanted; the preferred term of one that is not current; by the user's own
            mapping; the very name; the name but for case and marks; the same words in another order.
    """

    term: MeddraTerm
    name: str
    how: How


class Waiting(NamedTuple):
    """A report that is to be coded.

    Attributes:
        case: as it would be sent.
        since: when the sender's organisation first knew of it.
        clock: what runs for it; None where nothing does.
    """

    case: Case
    since: date
    clock: Clock | None


class Uncoded(NamedTuple):
    """A term that waits.

    Attributes:
        case: the case's worldwide unique id.
        element: of the code, by ICH's number.
        place: which repetition, as a finding tells it.
        words: what is meant, as far as the report has it in words.
        fault: there is no code; it is of another version; MedDRA does not have it, or not any more.
        holds_back: whether the report cannot be sent so.
        since: as of the report.
        waited: whole days since then.
        role: whose clock runs.
        days_left: to the nominal day of what steers; negative once it has passed.
        suggestions: the best first.
    """

    case: str
    element: str
    place: str
    words: str | None
    fault: Fault
    holds_back: bool
    since: date
    waited: int
    role: str | None
    days_left: int | None
    suggestions: tuple[Suggestion, ...]


def coding_queue(
    waiting: Iterable[Waiting], version: str, dictionary: Meddra | None, mapping: OwnMapping, on: date
) -> list[Uncoded]:
    """All that waits, what is due first at the top.

    Args:
        waiting: the reports.
        version: of MedDRA, in which they are sent.
        dictionary: MedDRA of that version, where the user has it.
        mapping: the user's own.
        on: the day from which days are counted.

    Raises:
        ValueError: the dictionary is of another version.
    """
    if dictionary is not None and dictionary.version != version:
        raise ValueError(f"the dictionary is of MedDRA {dictionary.version}, and reports are sent in {version}")
    coder = _Coder(version, dictionary, mapping)
    found = [
        Uncoded(
            report.case.worldwide_id or "",
            term.element,
            str(term.place),
            term.words,
            fault,
            fault != "missing" or term.needed,
            report.since,
            (on - report.since).days,
            None if report.clock is None else report.clock.steering.role,
            None if report.clock is None else report.clock.steering.days_left(on),
            coder.suggestions(term),
        )
        for report in waiting
        for term in terms_of(report.case)
        if (fault := coder.fault(term)) is not None
    ]
    return sorted(found, key=_order)


def _order(one: Uncoded) -> tuple[bool, float, date, str]:
    left = float("inf") if one.days_left is None else one.days_left
    return not one.holds_back, left, one.since, one.case


class Told(NamedTuple):
    """A place for a term of MedDRA, and what stands there.

    Attributes:
        needed: whether there has to be one.
    """

    element: str
    place: Path
    term: MeddraTerm | None
    words: str | None
    needed: bool


def terms_of(case: Case) -> Iterator[Told]:
    """Every place of a case that has a term, has to have one, or has words for which there could be one."""
    yield from _terms(case, Path())


def _terms(node: object, path: Path) -> Iterator[Told]:
    for field, value, place in values_of(node, path):
        if field.is_meddra:
            element = field.parts[-1].element
            words = _words(node)
            needed = element.conformance == "mandatory" or isinstance(node, Condition | ParentCondition)
            if (value is not None or words is not None or needed) and not (field.section and value is None):
                yield Told(element.number, place, cast("MeddraTerm | None", value), words, needed)
        elif value is not None and not field.parts:
            yield from _terms(value, place)


def _words(node: object) -> str | None:
    """What a term beside it would say, in words."""
    match node:
        case Reaction(native_text=native, translation=translated):
            return native or translated
        case Indication(text=str(text)) | ReportedCause(text=str(text)) | AutopsyCause(text=str(text)):
            return text
        case Test(name=str(name)):
            return name
        case _:
            return None


def coded(case: Case, element: str, place: str, term: MeddraTerm) -> Case:
    """The case with a term in a place, as ``Uncoded`` names it.

    Raises:
        KeyError: there is no such place.
    """
    return cast("Case", _placed(case, Path(), (element, place), term))


def _placed(node: Any, path: Path, where: tuple[str, str], term: MeddraTerm) -> Any:  # noqa: ANN401 - any section
    for field in layout(type(node)):
        value = getattr(node, field.name)
        if field.is_meddra and field.parts[-1].element.number == where[0]:
            if not field.section and str(path) == where[1]:
                return replace(node, **{field.name: term})
            steps = [str(path.into(field.section, index)) for index in range(len(value or ()))]
            if field.section and where[1] in steps:
                index = steps.index(where[1])
                return replace(node, **{field.name: (*value[:index], term, *value[index + 1 :])})
        elif not field.parts:
            several = isinstance(value, tuple)
            inside = list(value) if several else [value]
            for index, one in enumerate(inside):
                here = path.into(field.section, index) if several else path
                if one is not None and where[1].startswith(str(here)):
                    try:
                        inside[index] = _placed(one, here, where, term)
                    except KeyError:
                        continue
                    return replace(node, **{field.name: tuple(inside) if several else inside[0]})
    raise KeyError(f"{where[0]} ({where[1]})")


class _Coder:
    """What is wrong with a term, and what it may be."""

    def __init__(self, version: str, dictionary: Meddra | None, mapping: OwnMapping) -> None:
        self._version = version
        self._dictionary = dictionary
        self._mapping = mapping

    def fault(self, told: Told) -> Fault | None:
        if told.term is None or told.term.code is None:
            return "missing"
        if told.term.version != self._version:
            return "other_version"
        if self._dictionary is None:
            return None
        found = self._dictionary.terms.get(told.term.code)
        if found is None:
            return "unknown"
        return None if found.current else "not_current"

    def suggestions(self, told: Told) -> tuple[Suggestion, ...]:
        found: dict[str, Suggestion] = {}
        for one in sorted((*self._by_code(told), *self._by_words(told.words)), key=lambda one: _HOW.index(one.how)):
            found.setdefault(one.term.code or "", one)
        return tuple(found.values())

    def _by_code(self, told: Told) -> Iterator[Suggestion]:
        code = None if told.term is None else told.term.code
        known = None if self._dictionary is None or code is None else self._dictionary.terms.get(code)
        if known is not None:
            wanted: tuple[str, How] = (known.code, "same_code") if known.current else (known.preferred, "preferred")
            yield from self._suggested(*wanted)

    def _by_words(self, words: str | None) -> Iterator[Suggestion]:
        if words is None:
            return
        mapped = self._mapping.term_of(TEXT, words)
        if mapped is not None and mapped.version == self._version:
            known = None if self._dictionary is None else self._dictionary.terms.get(mapped.code or "")
            yield Suggestion(mapped, words if known is None else known.name, "mapping")
        if self._dictionary is None:
            return
        for code in self._dictionary.by_words.get(plain(words), ()):
            yield from self._suggested(code, "exact" if self._dictionary.terms[code].name == words else "normalised")
        for code in self._dictionary.by_words.get(bag(words), ()):
            yield from self._suggested(code, "same_words")

    def _suggested(self, code: str, how: How) -> Iterator[Suggestion]:
        found = None if self._dictionary is None else self._dictionary.terms.get(code)
        if found is not None and found.current:
            yield Suggestion(MeddraTerm(code, self._version), found.name, how)
