"""The units and components of the hip register, as the generator draws from them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.demo.history_plan import IntArray

INTEROP_CUP = "INTEROP"

Kind: TypeAlias = Literal["cup", "stem", "head"]

_CEMENTED_EMDN = ("P0908030101", "P0908040101")  # primary cemented acetabular cups; primary cemented femoral stems


@dataclass(frozen=True)
class Component:
    """One row of the component catalogue; ``cemented`` is what its EMDN code says, False for heads."""

    code: str
    kind: str
    company: str
    cemented: bool


@dataclass(frozen=True)
class Catalogue:
    """Units and components; everything else refers to them by their position here."""

    units: tuple[str, ...]
    components: tuple[Component, ...]

    def position(self, code: str) -> int:
        """Where the component with this code stands.

        Raises:
            ValueError: the catalogue does not have it.
        """
        return self.codes.index(code)

    @property
    def codes(self) -> list[str]:
        """The components' codes in order."""
        return [component.code for component in self.components]

    @property
    def companies(self) -> list[str]:
        """Every company once, in the order of its first component."""
        return list(dict.fromkeys(component.company for component in self.components))

    def pool(self, kind: Kind, *, cemented: bool) -> IntArray:
        """Positions of the components that ordinary operations choose among: all but Inter-op."""
        return np.array(
            [
                position
                for position, component in enumerate(self.components)
                if (component.kind, component.cemented) == (kind, cemented) and component.code != INTEROP_CUP
            ],
            dtype=np.int64,
        )


def read_catalogue() -> Catalogue:
    """The catalogue of the bundled hip register."""
    return Catalogue(
        units=tuple(row["code"] for row in _rows("units.csv")),
        components=tuple(
            Component(row["code"], row["kind"], row["company"], row["emdn"] in _CEMENTED_EMDN)
            for row in _rows("components.csv")
        ),
    )


def _rows(name: str) -> Sequence[dict[str, str]]:
    path = resources.files("schemas") / "registries" / "hip" / "catalogue" / name
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
