"""A pair of drug and reaction that is reported too often, as a signal, with all that speaks for it.

What was known when is never changed: each message has the numbers as they were then, and the level that was raised
stays the highest reached. What becomes of a signal is what becomes of a product's (``signals``): it is *withdrawn* only
where the pair's own reports were corrected or nullified, else *weakened*. Who opts out leaves the numbers, but the
reports erased since go on counting for a signal that was raised, by number only.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, NamedTuple

from schemas.definition.monitors import OF
from streams.statistics.disproportionality import GammaPoissonMixture  # noqa: TC001 - msgspec reads it at run time
from streams.surveillance.levels import Level  # noqa: TC001 - likewise
from streams.surveillance.prior import PriorInUse  # noqa: TC001 - likewise
from streams.surveillance.signals import Became, Version  # noqa: TC001 - likewise
from streams.surveillance.tables import Rest  # noqa: TC001 - likewise

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from streams.surveillance.reports import Pair
    from streams.surveillance.tables import Table

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairMonitor:
    """What is declared of the surveillance of pairs of drug and reaction; see ``Disproportionality``.

    Attributes:
        name: as monitors.yaml has it.
        definition: hash of all that is declared of it.
        rules: by level, those of which one is enough.
        fewest: reports of a pair that it takes for any level.
        dominant: the share of a reaction's reports from which on the drug that they are of may hide others.
        unmask: whether a pair that is hidden so is at watch too.
        prior: of EBGM where none can be fitted.
        fewest_pairs: reported pairs that it takes to fit one.
        refit: by what share of the reports that it was fitted on their number must have changed for another.
    """

    name: str
    definition: str
    rules: Mapping[Level, tuple[str, ...]]
    fewest: int
    dominant: float
    unmask: bool
    prior: GammaPoissonMixture
    fewest_pairs: int
    refit: float


class Numbers(NamedTuple):
    """A pair's table as it is told; None for what is not a number. The fields are those of ``Table``."""

    a: int
    b: int
    c: int
    d: int
    expected: float
    prr: float | None
    prr_lower: float | None
    prr_upper: float | None
    ror: float | None
    ror_lower: float | None
    ror_upper: float | None
    ic: float
    ic_lower: float
    ic_upper: float
    ebgm: float
    eb05: float
    eb95: float
    likelihood_ratio: float
    rules: tuple[str, ...]


class PairLook(NamedTuple):
    """What was known of a pair.

    Attributes:
        at: the submissions by which it was known.
        day: the latest day on which a report was recorded that they are about; None where that is not known.
        reports: how many there were of all pairs.
        numbers: the pair's.
        leading: the drug that most reports of the reaction are of.
        share: its share of them.
        without: the pair's numbers without the leading drug's reports, where that hides others.
    """

    at: Version
    day: int | None
    reports: int
    numbers: Numbers
    leading: str
    share: float
    without: Numbers | None


class PairRaised(NamedTuple):
    """When a level was reached.

    Attributes:
        level: which.
        rules: by which rules.
        masked: whether they hold only without the leading drug's reports.
        look: what was known then.
    """

    level: Level
    rules: tuple[str, ...]
    masked: bool
    look: PairLook


class PairErased(NamedTuple):
    """Persons who have opted out since the signal was raised.

    Attributes:
        persons: how many.
        reports: their reports of the pair, which go on counting for it.
        frozen: what was last stated before the first of them.
    """

    persons: int
    reports: int
    frozen: PairLook


class AsRaised(NamedTuple):
    """What a pair was held against when it was raised; withdrawal is judged by it.

    Attributes:
        rest: all other reports by stratum.
        without: likewise without those of the leading drug, where that hides others; else none.
        prior: of EBGM.
    """

    rest: tuple[Rest, ...]
    without: tuple[Rest, ...]
    prior: GammaPoissonMixture


@dataclass(frozen=True, slots=True)
class PairSignal:
    """A signal with its evidence.

    Attributes:
        group: the monitor, and the group of reports that it watches.
        drug: its code.
        reaction: its code.
        number: how many signals of the pair there were before.
        definition: hash of all that is declared of the monitor.
        state: what has become of it.
        level: the highest level that was raised.
        reasons: why it was withdrawn.
        versions: by partition, up to which version submissions are in.
        levels: when each level was reached.
        look: what is known now.
        prior: of EBGM, in use.
        erased: who has opted out since; None where nobody has.
        as_raised: what it was held against when it was raised.
    """

    group: str
    drug: str
    reaction: str
    number: int
    definition: str
    state: Became
    level: Level
    reasons: tuple[str, ...]
    versions: tuple[Version, ...]
    levels: tuple[PairRaised, ...]
    look: PairLook
    prior: PriorInUse
    erased: PairErased | None
    as_raised: AsRaised

    @property
    def pair(self) -> Pair:
        """Drug and reaction."""
        return self.drug, self.reaction

    @property
    def product(self) -> str:
        """What stands for the pair where else a product does."""
        return f"{self.drug}{OF}{self.reaction}"

    @property
    def id(self) -> str:
        """What it is called."""
        return f"{self.group}/{self.product}/{self.number}"

    @property
    def cause(self) -> str:
        """By what its highest level was reached."""
        return " ".join(self.levels[-1].rules)


def numbers_of(table: Table) -> Numbers:
    """A table as it is told."""
    risk, odds, information, shrunken = table.prr, table.ror, table.ic, table.ebgm
    return Numbers(
        table.a,
        table.b,
        table.c,
        table.d,
        table.expected,
        *(_known(risk.value), _known(risk.lower), _known(risk.upper)),
        *(_known(odds.value), _known(odds.lower), _known(odds.upper)),
        *(float(information.value), float(information.lower), float(information.upper)),
        *(float(shrunken.value), float(shrunken.lower), float(shrunken.upper)),
        table.likelihood_ratio,
        table.rules,
    )


def _known(value: Floats | float) -> float | None:
    """A number of one pair; None where it is none."""
    return None if isnan(number := float(value)) else number
