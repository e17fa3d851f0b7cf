"""What a company asks about its products: read from what stands in a link, checked, and written as a link again.

    kind=cup&component=CUP01&from=2022&until=2024&sex=female&unit=U01&by=clinic_component&failure=revision

Whatever can be asked is one of these, and each is allowed with the others only as `sinks.portal.suppression` wants it:
one fact about the patients at most, and whole times wherever clinics or patients are told apart.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from schemas.definition.form import CodeList

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from schemas.definition.indicators import Breakdown
    from sinks.clickhouse.queries.company_database.entitled import Entitled

Grouping = Literal["component", "component_clinic", "clinic_component"]
Failure = Literal["revision", "reoperation", "specific"]

GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
FAILURES: tuple[Failure, ...] = get_args(Failure)
"""What counts as a failure: a first revision, where anything was taken out or exchanged; a first reoperation of any
sort; the first where the product itself was taken out or exchanged."""

UNKNOWN = "unknown"
"""What a fact's value is called in a link where it is not known."""
Named = TypeVar("Named", Grouping, Failure)

_KEYS = ("kind", "component", "from", "until", "region", "unit", "by", "failure")
_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?")
_DECEMBER = 12
_FIRST_YEAR, _LAST_YEAR = 1900, 2299


class ChoiceError(ValueError):
    """What is asked cannot be; the message says what is wrong and what can be asked."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked. Made by `parse_choice`.

    Attributes:
        registry: of which registry.
        company: by which company.
        kinds: kinds of implants, as the entitlement has them.
        components: codes of products; all of the company's of these kinds where none are named.
        first: what was put in from this day on, the first of a month; None: from the beginning.
        last: until this day, the last of a month; None: until now.
        fact: what patients are told apart by; None where they are not.
        values: whose pieces count, by that fact.
        regions: clinics of these regions only.
        units: these clinics only.
        grouping: components for the whole country; the clinics of each component; or the components of each clinic.
        failure: what counts as a failure.
    """

    registry: str
    company: str
    kinds: tuple[str, ...]
    components: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    fact: str | None = None
    values: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    grouping: Grouping = "component"
    failure: Failure = "reoperation"

    @property
    def is_of_groups(self) -> bool:
        """Whether clinics or patients are told apart, so that it is answered in whole groups only."""
        return self.grouping != "component" or bool(self.fact or self.regions or self.units)

    def as_query(self) -> list[tuple[str, str]]:
        """Keys and values of a link that asks the same; what is left out would say nothing else."""
        said = [
            *(("kind", one) for one in self.kinds),
            *(("component", one) for one in self.components),
            *(("from", day.isoformat()) for day in (self.first,) if day),
            *(("until", day.isoformat()) for day in (self.last,) if day),
            *((self.fact or "", one or UNKNOWN) for one in self.values),
            *(("region", one) for one in self.regions),
            *(("unit", one) for one in self.units),
        ]
        return [*said, ("by", self.grouping), ("failure", self.failure)]


def parse_choice(values: Mapping[str, Sequence[str]], entitled: Entitled) -> Choice:
    """Read and check what is asked.

    Args:
        values: what stands in the link, by key, in order; empty texts count as not there. Keys besides those above
            are the names of the kinds' facts (such as ``sex``).
        entitled: who asks.

    Raises:
        ChoiceError: a key is not known, a value is none that there is, or what is asked together cannot be.
    """
    asked = {key: list(dict.fromkeys(filter(None, its))) for key, its in values.items()}
    asked = {key: its for key, its in asked.items() if its}
    kinds = _kinds(asked.pop("kind", []), entitled)
    facts = _facts(kinds, entitled)
    if unknown := [key for key in asked if key not in _KEYS and key not in facts]:
        raise ChoiceError(f"nothing is called {', '.join(unknown)}; there are {', '.join([*_KEYS, *facts])}")
    chosen = [name for name in facts if name in asked]
    if len(chosen) > 1:
        raise ChoiceError(
            f"{' and '.join(chosen)}: patients can be told apart by one of these at a time, so that none is found by "
            "the difference; choose one"
        )
    fact = chosen[0] if chosen else None
    choice = Choice(
        registry=entitled.definition.name,
        company=entitled.company,
        kinds=kinds,
        components=_components(asked.get("component", []), kinds, entitled),
        first=_day(asked, "from", last=False),
        last=_day(asked, "until", last=True),
        fact=fact,
        values=_values(fact, facts[fact], asked[fact], kinds, entitled) if fact else (),
        regions=_among("region", asked.get("region", []), regions_of(entitled).values()),
        units=_among("unit", asked.get("unit", []), regions_of(entitled)),
        grouping=_one_of(asked, "by", GROUPINGS, "component"),
        failure=_one_of(asked, "failure", FAILURES, "reoperation"),
    )
    _refuse_wrong_period(choice, entitled.terms.years)
    return choice


def regions_of(entitled: Entitled) -> dict[str, str]:
    """The region of each unit; a unit in a catalogue without regions is one by itself."""
    units = entitled.definition.catalogues.get("units")
    return {code: row.get("region") or code for code, row in (units.rows if units else {}).items()}


def time_of(year: int, years: int) -> int:
    """The first year of the time that a year lies in, of so many years each."""
    return year - year % years


def _kinds(named: Sequence[str], entitled: Entitled) -> tuple[str, ...]:
    if unknown := [one for one in named if one not in entitled.own]:
        raise ChoiceError(f"kind {', '.join(unknown)}: {entitled.company} has {', '.join(entitled.own)}")
    return tuple(one for one in entitled.own if one in named) or (next(iter(entitled.own)),)


def _facts(kinds: Sequence[str], entitled: Entitled) -> dict[str, Breakdown]:
    """The facts that all of the kinds have, alike."""
    exposures = entitled.definition.monitors.exposures
    first, *others = (exposures[kind].by for kind in kinds)
    return {
        name: breakdown for name, breakdown in first.items() if all(other.get(name) == breakdown for other in others)
    }


def _components(named: Sequence[str], kinds: Sequence[str], entitled: Entitled) -> tuple[str, ...]:
    own = [code for kind in kinds for code in entitled.own[kind]]
    if unknown := [one for one in named if one not in own]:
        raise ChoiceError(
            f"component {', '.join(unknown)}: {entitled.company} has {', '.join(own)} among {', '.join(kinds)}"
        )
    return tuple(dict.fromkeys(code for code in own if code in named))


def _day(asked: Mapping[str, Sequence[str]], key: str, *, last: bool) -> date | None:
    """The first or the last day of the year or month that is written; a day must be such a one itself."""
    written = asked.get(key, [])
    if not written:
        return None
    edge = _edge(written[0], last=last) if len(written) == 1 else None
    if edge is None:
        wanted = "the last day of a month" if last else "the first day of a month"
        raise ChoiceError(f"{key} {' '.join(written)}: write a year, a month as 2024-05, or {wanted}")
    return edge


def _edge(written: str, *, last: bool) -> date | None:
    found = _DAY.fullmatch(written)
    if found is None or not _FIRST_YEAR <= int(found[1]) <= _LAST_YEAR:
        return None
    year, month, day = int(found[1]), int(found[2] or (_DECEMBER if last else 1)), found[3]
    if not 1 <= month <= _DECEMBER:
        return None
    edge = date(year, month, monthrange(year, month)[1] if last else 1)
    return edge if day is None or int(day) == edge.day else None


def _values(
    fact: str, breakdown: Breakdown, named: Sequence[str], kinds: Sequence[str], entitled: Entitled
) -> tuple[str, ...]:
    """Values of a fact, as exposures have them: what is not known is the empty text there."""
    if listed := _listed(breakdown, kinds, entitled):
        named = _among(fact, named, [*listed, UNKNOWN])
    elif wrong := [one for one in named if one != UNKNOWN and len(one) != (breakdown.first or len(one))]:
        raise ChoiceError(f"{fact} {', '.join(wrong)}: write the first {breakdown.first} characters of the code")
    return tuple("" if one == UNKNOWN else one for one in named)


def _listed(breakdown: Breakdown, kinds: Sequence[str], entitled: Entitled) -> Sequence[str]:
    """All values of a fact where they are listed; none where they may be many."""
    if breakdown.bands:
        return breakdown.labels
    definition = entitled.definition
    form, name = definition.monitors.exposures[kinds[0]].form, breakdown.field
    if breakdown.person is not None:
        fact = definition.journey.persons[breakdown.person]
        form, name = fact.form, fact.field
    field = next((one for one in definition.forms[form].fields if one.name == name), None)
    return field.codes.list if field and isinstance(field.codes, CodeList) and breakdown.first is None else ()


def _among(key: str, named: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    """What is named, in the order in which it is known."""
    there = list(dict.fromkeys(known))
    if unknown := [one for one in named if one not in there]:
        raise ChoiceError(f"{key} {', '.join(unknown)}: there are {', '.join(there)}")
    return tuple(one for one in there if one in named)


def _one_of(asked: Mapping[str, Sequence[str]], key: str, known: Sequence[Named], default: Named) -> Named:
    named = asked.get(key, [default])
    found = next((one for one in known if [one] == list(named)), None)
    if found is None:
        raise ChoiceError(f"{key} {', '.join(named)}: it is one of {', '.join(known)}")
    return found


def _refuse_wrong_period(choice: Choice, years: int) -> None:
    """See to it that a period is not turned round, and of whole times where it must be."""
    first, last = choice.first, choice.last
    if first and last and last < first:
        raise ChoiceError(f"until {last} lies before from {first}")
    if not choice.is_of_groups:
        return
    whole = f"{years} calendar years together" if years > 1 else "calendar years"
    for key, day, edge in (
        ("from", first, first and date(time_of(first.year, years), 1, 1)),
        ("until", last, last and date(time_of(last.year, years) + years - 1, _DECEMBER, 31)),
    ):
        if day != edge:
            raise ChoiceError(
                f"{key} {day}: where clinics or patients are told apart a period is of whole {whole}, "
                f"so that nobody is found by the difference; choose {edge}"
            )
