"""A signal and all that speaks for it, and what may become of it.

What was known when is never changed: the known path only grows, a level that was raised stays the highest reached.
A signal that no longer stands is *withdrawn* only where the product's own data were corrected, else *weakened*.
Who opts out leaves the numbers, but takes nothing from a signal that is raised: what it loses by that is made up for
whenever it is asked whether it stands, and the evidence as it was before is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping  # noqa: TC003 - msgspec reads it at run time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from schemas.subjects import Subject, subject_of
from streams.surveillance.evidence import Comparator, Point, Standing  # noqa: TC001 - msgspec reads them at run time
from streams.surveillance.expected import summed
from streams.surveillance.extent import rows_of
from streams.surveillance.intervals import YEAR
from streams.surveillance.levels import Level  # noqa: TC001 - likewise
from streams.surveillance.lots import LotNumbers, lot_numbers
from streams.surveillance.other_methods import InStream, Method, in_stream, other_methods, unresolved_bounds
from streams.surveillance.products import ProductNumbers, product_numbers

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from streams.surveillance.evidence import Path
    from streams.surveillance.monitor import Monitor
    from streams.surveillance.person_time import PersonTime
    from streams.surveillance.present import Present

    Floats = NDArray[np.float64]
    Ints = NDArray[np.integer]

Became = Literal["raised", "updated", "weakened", "withdrawn"]

_LEARNING = 15  # a unit's first uses of a product
_UNRESOLVED = 50  # up to how many unresolved outcomes the bound is told


class Version(NamedTuple):
    """A place in the log: the submissions of a partition, up to a version."""

    partition: int
    version: int


class Look(NamedTuple):
    """A point of the known path.

    Attributes:
        at: the submissions by which it was known.
        point: what was known then; its day is the last one known of.
    """

    at: Version
    point: Point


class Raised(NamedTuple):
    """When a level was reached.

    Attributes:
        level: which.
        known: the first look at which it could be known; its version is the first that it could be known by.
        day: the first day on which it was crossed with all that is known now; None where it no longer is.
    """

    level: Level
    known: Look
    day: int | None


class Experienced(NamedTuple):
    """Numbers of exposures: how many, their component-years, first outcomes, and how many were to be expected."""

    exposures: int
    component_years: float
    observed: int
    expected: float


class UnitNumbers(NamedTuple):
    """A subject at one unit.

    Attributes:
        unit: which.
        factor: by which more, or less, is to be expected there, by its other products.
        through: its reported-through day; None where it is not known.
        all: all its exposures; expected is not multiplied by the factor.
        learning: those of the days on which fewer than 15 had been used before.
    """

    unit: str
    factor: float
    through: int | None
    all: Experienced
    learning: Experienced


class ComparatorNumbers(NamedTuple):
    """What the subject is held against, with all that is known now.

    Attributes:
        basis: how.
        component_years: of the comparator, in all strata and intervals.
        observed: its first outcomes there.
        matched: those of them in the strata and intervals that the subject has any experience of.
        matching_ratio: expected among the comparator's for each expected among the subject's, by person-time; None
            where none is.
        left_out: products that are in no comparator, besides what the subject itself is.
    """

    basis: str
    component_years: float
    observed: int
    matched: int
    matching_ratio: float | None
    left_out: tuple[str, ...]


class Happened(NamedTuple):
    """First outcomes at a unit of exposures of one day, on one day: what signals have in common, told without names.

    Attributes:
        unit: the unit that began them.
        start: the day on which they began.
        stop: the day of the outcome.
        number: how many.
    """

    unit: str
    start: int
    stop: int
    number: int


class Beside(NamedTuple):
    """What is shown beside the default method.

    Attributes:
        methods: what others say.
        rejected: whether the product is in the set of e-BH over the group's catalogue now; what is no product is not.
        bounds: the statistic if 0, 1, 2, … outcomes that fit no operation were the subject's.
        happened: its first outcomes.
        lots: lots that had outcomes, of the product, or of a lot's product.
        products: what a family's, a company's or a unit's outcomes are made of.
        stream: what the statistic is worked out from.
        in_set: all products that are in that set now.
    """

    methods: tuple[Method, ...]
    rejected: bool
    bounds: tuple[float, ...]
    happened: tuple[Happened, ...]
    lots: tuple[LotNumbers, ...] = ()
    products: tuple[ProductNumbers, ...] = ()
    stream: InStream | None = None
    in_set: tuple[str, ...] = ()


class Gone(NamedTuple):
    """Somebody who has opted out, not by name.

    Attributes:
        mark: what he may be recognised by should he come back; others have it too.
        outcomes: his first outcomes that count on.
        is_back: whether he is exposed again as far as is known, so that only outcomes are still missing.
    """

    mark: int
    outcomes: int
    is_back: bool = False


class Erased(NamedTuple):
    """Persons who have opted out since the signal was raised, less those who have come back, and what it was before.

    Attributes:
        persons: how many.
        outcomes: their first outcomes, which go on counting for the signal.
        frozen: the last look before the first of them.
        gone: each of them.
        others: how many have opted out of those that it is held against, also such as came back.
        watch: the first day on which that level was crossed as was known before the first of them.
        alarm: likewise; None where it was not.
    """

    persons: int
    outcomes: int
    frozen: Look
    gone: tuple[Gone, ...] = ()
    others: int = 0
    watch: int | None = None
    alarm: int | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal with its evidence.

    Attributes:
        group: the monitor group.
        product: the subject's label: of a product, its code.
        number: how many signals of the subject there were before.
        definition: hash of all that is declared of the monitor.
        state: what has become of it.
        level: the highest level that was raised.
        reasons: why it was withdrawn, or weakened by what was corrected of its own data.
        at: the submissions that this state was made by.
        versions: by partition, up to which version submissions are in the values.
        levels: when each level was reached.
        known: the known path, in submission order.
        hindsight: the hindsight path, by event date.
        comparator: the comparator's numbers.
        units: numbers per unit, most outcomes first.
        cause: "product", or "unit" where the subject is a unit, or is not at watch without its largest unit, the first
            of ``units``.
        erased: who has opted out since; None where nobody has of its own, and it stands without those that it is held
            against and who have.
        as_raised: the comparator as it was known when it was raised; withdrawal is judged by it.
        standing: the day of the hindsight path that speaks most for the level.
        beside: what is shown beside it.
        products: those that it is about; none where it is about a unit.
        as_alarmed: the comparator as it was known when alarm was raised; None where it was not.
        corrected: by registration, what was last corrected since of its exposures with an outcome.
    """

    group: str
    product: str
    number: int
    definition: str
    state: Became
    level: Level
    reasons: tuple[str, ...]
    at: Version
    versions: tuple[Version, ...]
    levels: tuple[Raised, ...]
    known: tuple[Look, ...]
    hindsight: tuple[Point, ...]
    comparator: ComparatorNumbers
    units: tuple[UnitNumbers, ...]
    cause: Literal["product", "unit"]
    erased: Erased | None
    as_raised: Comparator
    standing: Standing
    beside: Beside
    products: tuple[str, ...] = ()
    as_alarmed: Comparator | None = None
    corrected: Mapping[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> Subject:
        """What it is of."""
        return subject_of(self.product)

    @property
    def id(self) -> str:
        """What it is called."""
        return f"{self.group}/{self.product}/{self.number}"

    def as_raised_to(self, level: Level) -> Comparator:
        """The comparator as it was known when a level was raised."""
        return self.as_alarmed if level == "alarm" and self.as_alarmed is not None else self.as_raised

    def with_known(self, looks: tuple[Look, ...]) -> Signal:
        """The signal with this as its known path."""
        return replace(self, known=looks)


def beside(
    sums: PersonTime, monitor: Monitor, label: str, now: Present, path: Path, *, in_set: Collection[str]
) -> Beside:
    """What is shown beside the default method, with all that is known now; e-BH's set as it is."""
    bins = sums.bins
    subject = subject_of(label)
    rows = rows_of(sums, monitor, label)
    failed = rows[bins.column("event")[rows] == 1]
    happened: Counter[tuple[str, int, int]] = Counter()
    columns = (bins.column(name)[failed].tolist() for name in ("unit", "start", "stop", "count"))
    for unit, start, stop, count in zip(*columns, strict=True):
        happened[bins.units.all[unit], start, stop] += count
    is_one = subject.kind in ("product", "lot")
    return Beside(
        other_methods(sums, monitor, label, now, path),
        label in in_set,
        unresolved_bounds(path, _UNRESOLVED, monitor.of(subject.kind).levels),
        tuple(Happened(*place, count) for place, count in sorted(happened.items())),
        lot_numbers(sums, monitor, subject.name, now.factors) if is_one else (),
        () if is_one else product_numbers(sums, rows, now),
        in_stream(path, monitor.of(subject.kind).levels),
        tuple(sorted(in_set)),
    )


def comparator_numbers(sums: PersonTime, now: Present) -> ComparatorNumbers:
    """The comparator's numbers."""
    compared = now.compared
    trials, share = float(compared.trials[0]), float(compared.share[0])
    return ComparatorNumbers(
        str(compared.basis[0]),
        now.others_time / YEAR,
        int(now.others.events.sum()),
        int(trials - compared.observed[0]),
        (trials - share) / share if share > 0 else None,
        tuple(sorted(sums.left_out)),
    )


def unit_numbers(sums: PersonTime, rows: Ints, now: Present) -> tuple[UnitNumbers, ...]:
    """Numbers per unit of a subject's exposures: most outcomes first, of as many the one with more exposures."""
    bins = sums.bins
    first = rows[_learning(bins.column("unit")[rows], bins.column("start")[rows], bins.column("count")[rows])]
    hazard = now.compared.hazard[0]
    of_all, of_first = (_by_unit(sums, some, hazard) for some in (rows, first))
    found = [
        UnitNumbers(bins.units.all[unit], float(now.factors[unit]), sums.through(bins.units.all[unit]), numbers, learnt)
        for unit, (numbers, learnt) in enumerate(zip(of_all, of_first, strict=True))
        if numbers.exposures
    ]
    return tuple(sorted(found, key=lambda one: (-one.all.observed, -one.all.exposures, one.unit)))


def _learning(unit: Ints, start: Ints, count: Ints) -> NDArray[np.bool_]:
    """Which exposures began at a unit on a day before which fewer than 15 had begun there."""
    kinds, place = np.unique(np.stack((unit, start)), axis=1, return_inverse=True)
    begun = np.bincount(place, weights=count, minlength=kinds.shape[1])
    before = np.cumsum(begun) - begun
    of_unit = np.searchsorted(kinds[0], kinds[0], side="left")  # the unit's first day
    fresh: NDArray[np.bool_] = (before - before[of_unit] < _LEARNING)[place]
    return fresh


def _by_unit(sums: PersonTime, rows: Ints, hazard: Floats) -> list[Experienced]:
    bins = sums.bins
    unit, count, many = bins.column("unit")[rows], bins.column("count")[rows], len(bins.units.all)
    exposures = np.bincount(unit, weights=count, minlength=many)
    observed = np.bincount(unit, weights=count * bins.column("event")[rows], minlength=many)
    time = sums.time_by(unit, many, rows)
    years, expected = time.sum(axis=1) / YEAR, summed(time * hazard)
    return [
        Experienced(int(exposures[at]), float(years[at]), int(observed[at]), float(expected[at])) for at in range(many)
    ]
