"""Two reports of one event made one case: its sources are those of both, and what they tell differently is told.

The first case goes on under its identifier. What it does not say is taken from the other; where both say something, the
first stands and the difference is told, for a person to decide. What is serious by either is serious. The other's
identifier, where it was sent, stands among the other identifiers of the case (C.1.9.1.r), and the other is nullified.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sinks.agency.icsr import model
from sinks.agency.icsr.findings import Path
from sinks.agency.icsr.values import NullFlavor
from sinks.agency.icsr.walking import layout, parts_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from sinks.agency.icsr.values import MeddraTerm, Term
    from sinks.agency.icsr.walking import Field

_PROFESSIONALS = ("1", "2", "3")
"""Physician, pharmacist, other health professional (C.2.r.4)."""
_SERIOUSNESS = frozenset(f"E.i.3.2{letter}" for letter in "abcdef")
_OWN = frozenset(
    {
        "report_id",
        "created",
        "first_received",
        "most_recent",
        "worldwide_id",
        "first_sender",
        "report_type",
        "expedited",
    }
    | {"nullification", "nullification_reason", "sender", "sources", "narrative", "summaries", "reactions", "drugs"}
    | {"other_identifiers", "other_identifiers_exist", "linked_reports", "documents_available", "matrix", "confirmed"}
)
"""Fields that are the first case's own, or joined by rules of their own."""


class Difference(NamedTuple):
    """An element of which the two say different things.

    Attributes:
        element: by ICH's number.
        place: in the joined case.
    """

    element: str
    place: str


class Joined(NamedTuple):
    """One case of two, and in what they differed."""

    case: model.Case
    differences: tuple[Difference, ...]


def joined(first: model.Case, other: model.Case, known_as: str | None) -> Joined:
    """One case of two that tell of the same event.

    Args:
        first: the case that was received first, and goes on.
        other: which is no case of its own any more.
        known_as: whose the other's identifier is, where it was sent under it; None where it never was.
    """
    differences: list[Difference] = []
    base = cast("model.Case", _filled(first, other, Path(), differences))
    reactions, place_of = _reactions(first, other, differences)
    identifiers = first.other_identifiers
    if known_as is not None and other.worldwide_id is not None:
        named = model.OtherIdentifier(known_as, other.worldwide_id)
        identifiers = identifiers if named in identifiers else (*identifiers, named)
    most_recent = max(
        (one for one in (first.most_recent, other.most_recent) if one is not None),
        key=lambda moment: moment.earliest(),
        default=None,
    )
    known = {replace(source, primary=None) for source in first.sources}
    sources = first.sources + tuple(
        bare for source in other.sources if (bare := replace(source, primary=None)) not in known
    )
    case = replace(
        base,
        sources=sources,
        most_recent=most_recent,
        expedited=True if other.expedited is True else first.expedited,
        reactions=_confirmed(first, other, reactions, place_of),
        drugs=_drugs(first, other, place_of, differences),
        other_identifiers=identifiers,
        other_identifiers_exist=True if identifiers else first.other_identifiers_exist,
        documents_available=first.documents_available or other.documents_available,
    )
    return Joined(case, tuple(differences))


def _filled(first: Any, other: Any, path: Path, differences: list[Difference]) -> Any:  # noqa: ANN401 - any section
    """The first section with what only the other says."""
    changed: dict[str, Any] = {}
    for field in layout(type(first)):
        mine, theirs = getattr(first, field.name), getattr(other, field.name)
        if field.name in _OWN or theirs is None or theirs in ((), mine):
            continue
        if isinstance(mine, tuple):
            changed[field.name] = _united(field, mine, theirs, path, differences)
        elif mine is None or (isinstance(mine, NullFlavor) and not isinstance(theirs, NullFlavor)):
            changed[field.name] = theirs
        elif not field.parts:
            changed[field.name] = _filled(mine, theirs, path, differences)
        elif not isinstance(theirs, NullFlavor):
            changed |= _one_of(field, mine, theirs, path, differences)
    return replace(first, **changed) if changed else first


def _one_of(field: Field, mine: object, theirs: object, path: Path, differences: list[Difference]) -> dict[str, Any]:
    if field.parts[0].element.number in _SERIOUSNESS:
        return {field.name: True} if theirs is True else {}
    pairs = zip(field.parts, parts_of(field, mine), parts_of(field, theirs), strict=True)
    differences += [Difference(part.element.number, str(path)) for part, one, two in pairs if one != two]
    return {}


def _united(
    field: Field, mine: tuple[Any, ...], theirs: tuple[Any, ...], path: Path, differences: list[Difference]
) -> tuple[Any, ...]:
    """Repetitions of both: those that are of the same thing as one."""
    found = list(mine)
    for one, index in zip(theirs, _matches(mine, theirs), strict=True):
        if index is None:
            found.append(one)
        elif not field.parts:
            found[index] = _filled(found[index], one, path.into(field.section, index), differences)
    return tuple(found)


def _matches(mine: Sequence[object], theirs: Sequence[object]) -> list[int | None]:
    """Of each of theirs which of mine is of the same thing, each once."""
    free: dict[Hashable, list[int]] = {}
    for index, one in enumerate(mine):
        free.setdefault(_key(one), []).append(index)
    return [same.pop(0) if (same := free.get(_key(one))) and _key(one) is not None else None for one in theirs]


def _key(node: object) -> Hashable:
    """By what a repetition is known again; by all of it, where nothing is its name."""
    match node:
        case model.Reaction(term=term, native_text=words) | model.Indication(term=term, text=words):
            return _code(term) or _words(words)
        case model.Test(date=date, term=term, name=words):
            return date, _code(term) or _words(words)
        case model.Condition(term=term) | model.ParentCondition(term=term):
            return _code(term)
        case model.Drug(mpid=mpid, phpid=phpid, name=words):
            return _code(mpid) or _code(phpid) or _words(words)
        case model.Substance(name=words):
            return _words(words)
        case _:
            return node


def _code(term: MeddraTerm | Term | None) -> str | None:
    return None if term is None else term.code


def _words(text: object) -> Hashable:
    return " ".join(text.casefold().split()) if isinstance(text, str) else text


def _reactions(
    first: model.Case, other: model.Case, differences: list[Difference]
) -> tuple[list[model.Reaction], list[int]]:
    """The reactions of both, and where each of the other's stands among them."""
    found = list(first.reactions)
    place_of = []
    for one, index in zip(other.reactions, _matches(first.reactions, other.reactions), strict=True):
        place_of.append(len(found) if index is None else index)
        if index is None:
            found.append(one)
        else:
            found[index] = _filled(found[index], one, Path().into("E.i", index), differences)
    return found, place_of


def _confirmed(
    first: model.Case, other: model.Case, reactions: list[model.Reaction], place_of: list[int]
) -> tuple[model.Reaction, ...]:
    """E.i.8: what a health professional told is confirmed; where only such tell, nothing needs to be."""
    by_first, by_other = _by_professionals(first), _by_professionals(other)
    if by_first and by_other:
        return tuple(replace(one, confirmed=None) for one in reactions)
    if not by_first and not by_other:
        return tuple(reactions)
    told = set(range(len(first.reactions))) if by_first else set(place_of)
    return tuple(
        replace(one, confirmed=True if index in told else one.confirmed or False) for index, one in enumerate(reactions)
    )


def _by_professionals(case: model.Case) -> bool:
    return bool(case.sources) and all(source.qualification in _PROFESSIONALS for source in case.sources)


def _drugs(
    first: model.Case, other: model.Case, place_of: list[int], differences: list[Difference]
) -> tuple[model.Drug, ...]:
    """The drugs of both, with assessments beside the joined case's reactions, in their order."""
    found = list(first.drugs)
    for theirs, index in zip(other.drugs, _matches(first.drugs, other.drugs), strict=True):
        entries = tuple(replace(entry, reaction=place_of[entry.reaction]) for entry in theirs.matrix)
        one = replace(theirs, matrix=entries)
        if index is None:
            found.append(one)
        else:
            path = Path().into("G.k", index)
            matrix = _matrix(found[index], one, path, differences)
            found[index] = replace(_filled(found[index], one, path, differences), matrix=matrix)
    return tuple(replace(one, matrix=tuple(sorted(one.matrix, key=lambda entry: entry.reaction))) for one in found)


def _matrix(
    mine: model.Drug, theirs: model.Drug, path: Path, differences: list[Difference]
) -> tuple[model.DrugReaction, ...]:
    """Both assessments of each reaction."""
    found = {entry.reaction: entry for entry in mine.matrix}
    for entry in theirs.matrix:
        own = found.get(entry.reaction)
        here = path.into("G.k.9.i", entry.reaction)
        found[entry.reaction] = entry if own is None else _filled(own, entry, here, differences)
    return tuple(found.values())
