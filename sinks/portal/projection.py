"""A signal as a company is told of it: what is allowed is copied, field by field; nothing else leaves.

Pages, feeds, webhooks and topics tell companies of signals by this projection only. It has the nation's numbers by
month, for these are the company's own product's; names of hospitals where the registry's controller has declared it,
never with a number; lots as the company database may show them. It has no place in the log, no registration's id, no
day, no person, and no text that others wrote. What is expected of a product is said where others may be compared with.
What was said of a signal since (`said_since`) has the registry's decisions by their day alone, never by whom or why,
and the company's own answers in full.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from schemas.definition.monitors import BETWEEN
from schemas.subjects import MAKERS, subject_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date

    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.reviews import Answer, Decision
    from sinks.clickhouse.queries.signals import StatedSignal

_LEVELS = ("watch", "alarm")
_PRODUCT = "product"
_UNIT = "unit"
_WITHDRAWN = "withdrawn"
_CORRECTED = "what is registered of the product was corrected"


@dataclass(frozen=True, slots=True)
class ToldLevel:
    """When a level was raised: the month, and the numbers as they were known then."""

    level: str
    month: str
    observed: int
    expected: float | None
    statistic: float | None
    threshold: float


@dataclass(frozen=True, slots=True)
class ToldMonth:
    """How the product stood at the end of a month, by what is known now.

    Attributes:
        month: as 2024-05.
        observed: first outcomes so far.
        expected: how many were to be expected; None where others may not be compared with.
        statistic: log-likelihood ratio; likewise.
        rate: first outcomes per 100 component-years, with its exact 95 % limits; None without time at risk.
        lower: the lower one.
        upper: the upper one.
    """

    month: str
    observed: int
    expected: float | None
    statistic: float | None
    rate: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class ToldMethod:
    """Whether another method has reached what it must, and in which month."""

    name: str
    reached: bool
    month: str | None


@dataclass(frozen=True, slots=True)
class ToldLot:
    """A lot with outcomes: put in, first outcomes, and how many of these the product's other lots make one expect."""

    lot: str
    put_in: int
    observed: int
    expected: float


@dataclass(frozen=True, slots=True)
class ToldWord:
    """What was said of a signal since it was raised.

    Attributes:
        day: on which it was said, as 2024-05-31.
        what: taken_up, confirmed or closed by the registry; acknowledged, stated or tied by the company.
        by: who said it for the company; empty where the registry did.
        statement: what the company stated; else empty.
        notice: the id of the field safety notice that the company tied to it; else empty.
    """

    day: str
    what: str
    by: str = ""
    statement: str = ""
    notice: str = ""


@dataclass(frozen=True, slots=True)
class ToldSignal:
    """A signal as a company is told of it.

    Attributes:
        registry: whose it is.
        id: what it is called; the same for ever.
        monitor: which monitor raised it.
        definition: which version of the monitor.
        product: the product's code.
        name: its name; of a construct, of its products.
        state: raised, updated, weakened or withdrawn.
        level: the highest level that was raised.
        why: why it was withdrawn; None where it was not.
        levels: when each was raised.
        path: month by month, where anything happened.
        others_not_compared: why nothing is said of what is expected; None where it is.
        methods: others beside the one that raises levels.
        lots: those that may be shown.
        hospitals: names of those with carriers, by the alphabet; None where they are not told.
    """

    registry: str
    id: str
    monitor: str
    definition: str
    product: str
    name: str
    state: str
    level: str
    why: str | None
    levels: Sequence[ToldLevel]
    path: Sequence[ToldMonth]
    others_not_compared: str | None
    methods: Sequence[ToldMethod]
    lots: Sequence[ToldLot]
    hospitals: Sequence[str] | None

    def as_json(self) -> dict[str, Any]:
        """The same as JSON's own types."""
        said: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return said

    @property
    def fingerprint(self) -> str:
        """Another where anything that is told is another: who was told this was told all of it."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()[:32]


def why_not_told(signal: StatedSignal, entitled: Entitled) -> str | None:
    """Why a company is not told of a signal; None where it is.

    What a clinic explains goes to the clinic and the registry. A construct of several companies' products, or a family
    that was sold in part, is none's.
    """
    own = {code for codes in entitled.own.values() for code in codes}
    if not set(_codes(signal)) <= own:
        return f"{signal.product} is not {entitled.company}'s alone"
    if signal.cause != _PRODUCT or signal.of == _UNIT:
        return "one clinic explains it: it goes to the clinic and to the registry"
    return None


def project(
    signal: StatedSignal,
    entitled: Entitled,
    *,
    others_not_compared: str | None,
    lots: Collection[str] = (),
    hospitals: Iterable[str] = (),
) -> ToldSignal | None:
    """What a company is told of a signal; None where `why_not_told`, or where it is of a lot that may not be shown.

    Args:
        signal: as it stands.
        entitled: the company.
        others_not_compared: why others may not be compared with, as `comparison` of the company database says.
        lots: those of the product's lots that may be shown, as `lots` of the company database says.
        hospitals: codes of the units with carriers; told from the level on that the controller has declared.
    """
    if why_not_told(signal, entitled) is not None or (signal.lot and signal.lot not in lots):
        return None
    compared = others_not_compared is None
    return ToldSignal(
        registry=entitled.definition.name,
        id=signal.id,
        monitor=signal.monitor,
        definition=signal.definition,
        product=signal.product,
        name=_name(signal, entitled),
        state=signal.state,
        level=signal.level,
        why=_CORRECTED if signal.state == _WITHDRAWN else None,
        levels=tuple(_level(one, compared=compared) for one in signal.levels),
        path=_path(signal.hindsight, compared=compared),
        others_not_compared=others_not_compared,
        methods=tuple(
            ToldMethod(one["name"], one["reached"], _month(one["day"]) if one["day"] else None)
            for one in signal.methods
        ),
        lots=tuple(
            ToldLot(one["lot"], one["exposures"], one["observed"], one["expected"])
            for one in signal.lots
            if one["lot"] and one["lot"] in lots
        ),
        hospitals=_hospitals(signal, entitled, hospitals),
    )


def said_since(decisions: Iterable[Decision], answers: Iterable[Answer], company: str) -> tuple[ToldWord, ...]:
    """What was said of one signal, in the order in which it was said: decisions, and the company's own answers.

    Args:
        decisions: on the signal.
        answers: about it; those of other companies are left out.
        company: the company's code.
    """
    words = [(one.said_at, ToldWord(f"{one.said_at:%Y-%m-%d}", one.state)) for one in decisions]
    words += [
        (one.said_at, ToldWord(f"{one.said_at:%Y-%m-%d}", one.state, one.by, one.statement, one.notice))
        for one in answers
        if one.company == company
    ]
    return tuple(word for _, word in sorted(words, key=lambda one: one[0]))


def tells_hospitals(signal: StatedSignal, entitled: Entitled) -> bool:
    """Whether the company is told the names of the hospitals with carriers: such a reading is to be logged."""
    least = entitled.terms.names_of_hospitals_at
    if least is None or signal.state == _WITHDRAWN or why_not_told(signal, entitled) is not None:
        return False
    return _LEVELS.index(signal.level) >= _LEVELS.index(least)


def _hospitals(signal: StatedSignal, entitled: Entitled, codes: Iterable[str]) -> Sequence[str] | None:
    if not tells_hospitals(signal, entitled):
        return None
    units = entitled.definition.catalogues.get("units")
    rows = units.rows if units else {}
    return tuple(sorted({rows.get(code, {}).get("name") or code for code in codes}))


def _codes(signal: StatedSignal) -> Sequence[str]:
    """The products that a signal is of: one, a construct's, or all of a family or company."""
    return signal.products or signal.product.split(BETWEEN)


def _name(signal: StatedSignal, entitled: Entitled) -> str:
    subject = subject_of(signal.product)
    if subject.kind in MAKERS:
        return subject.name
    names = []
    for code in _codes(signal):
        kind = next(kind for kind, codes in entitled.own.items() if code in codes)
        names.append(entitled.name_of(kind, code))
    return BETWEEN.join(names) + (f", {subject.lot}" if subject.lot else "")


def _level(raised: Mapping[str, Any], *, compared: bool) -> ToldLevel:
    return ToldLevel(
        raised["level"],
        _month(raised["known_day"]),
        raised["observed"],
        raised["expected"] if compared else None,
        raised["statistic"] if compared else None,
        raised["threshold"],
    )


def _path(points: Iterable[Mapping[str, Any]], *, compared: bool) -> tuple[ToldMonth, ...]:
    """The last point of each month."""
    last = {_month(point["day"]): point for point in sorted(points, key=lambda point: point["day"])}
    return tuple(
        ToldMonth(
            month,
            point["observed"],
            point["expected"] if compared else None,
            point["statistic"] if compared else None,
            point["rate"],
            point["lower"],
            point["upper"],
        )
        for month, point in last.items()
    )


def _month(day: date) -> str:
    return f"{day:%Y-%m}"
