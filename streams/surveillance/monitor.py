"""What is declared of the surveillance of one monitor group."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from schemas.subjects import Subject, subject_of
from streams.surveillance.expected import Baseline
from streams.surveillance.levels import Levels, OtherThresholds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.subjects import Kind


@dataclass(frozen=True)
class Makers:
    """Who makes what, as the catalogue has it.

    Attributes:
        family: by product, its family; of a product that has none, nothing.
        company: by product, its company; likewise.
    """

    family: Mapping[str, str] = field(default_factory=dict)
    company: Mapping[str, str] = field(default_factory=dict)

    def products(self, subject: Subject) -> tuple[str, ...]:
        """The products of a family or company."""
        return self._made[subject.kind].get(subject.name, ())

    @cached_property
    def _made(self) -> dict[str, dict[str, tuple[str, ...]]]:
        found: dict[str, dict[str, tuple[str, ...]]] = {"family": {}, "company": {}}
        for kind, made in found.items():
            for product, maker in sorted(getattr(self, kind).items()):
                made[maker] = (*made.get(maker, ()), product)
        return found


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor.

    Attributes:
        group: the monitor group, as monitors.yaml names it.
        definition: hash of all that is declared of it.
        baseline: what products are held against.
        levels: from which statistic on a product is at which level.
        unit_shape: shape of the gamma prior of units; None for the method of moments.
        fewest: outcomes of a product that it takes for any level: one alone may come to any statistic, where next to
            nothing was to be expected as yet.
        others: thresholds of the methods that are shown beside and raise no level.
        streams: the kinds of subjects that are watched beside products, each as a monitor of its own (``beside``).
        makers: of which family and company products are.
    """

    group: str
    definition: str
    baseline: Baseline
    levels: Levels = field(default_factory=Levels)
    unit_shape: float | None = None
    fewest: int = 1
    others: OtherThresholds = field(default_factory=OtherThresholds)
    streams: Mapping[Kind, Monitor] = field(default_factory=dict)
    makers: Makers = field(default_factory=Makers)

    def beside(self, levels: Mapping[Kind, Levels], fewest: Mapping[Kind, int] | None = None) -> Monitor:
        """This monitor, watching other kinds of subjects beside products.

        A lot is held against the other lots of its product whatever the baseline; the rates are its prior.

        Args:
            levels: by kind.
            fewest: by kind; the monitor's own where left out.
        """
        contemporary = Baseline("contemporary", self.baseline.rates)
        streams = {
            kind: replace(
                self,
                levels=own,
                fewest=(fewest or {}).get(kind, self.fewest),
                baseline=contemporary if kind == "lot" else self.baseline,
            )
            for kind, own in levels.items()
        }
        return replace(self, streams=streams)

    def of(self, kind: Kind) -> Monitor:
        """What is declared of one kind of subject."""
        return self.streams.get(kind, self)

    def labels(self, product: str, lot: str, unit: str) -> tuple[str, ...]:
        """The labels of all subjects that are watched and that an exposure belongs to, its product's first.

        An exposure of no known lot is of no lot's; nor is one of a product whose code would be cut in two.
        """
        streams, makers = self.streams, self.makers
        if not streams:
            return (product,)
        found = [product]
        if "family" in streams and (family := makers.family.get(product)):
            found.append(f"family:{family}")
        if "company" in streams and (company := makers.company.get(product)):
            found.append(f"company:{company}")
        if "lot" in streams and lot and ":" not in product:
            found.append(f"lot:{product}:{lot}")
        if "unit" in streams and unit:
            found.append(f"unit:{unit}")
        return tuple(found)

    def members(self, label: str) -> tuple[Subject, tuple[str, ...]]:
        """What a label says, and the products that it is about; none for a unit."""
        subject = subject_of(label)
        if subject.kind == "unit":
            return subject, ()
        return subject, (subject.name,) if subject.kind in ("product", "lot") else self.makers.products(subject)
