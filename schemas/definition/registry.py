"""A registry as its ``registry.yaml`` declares it, and the whole of its folder once read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from schemas.definition.companies import Companies
from schemas.definition.indicators import Indicators
from schemas.definition.journey import JourneyRules
from schemas.definition.monitors import Monitors
from schemas.definition.reporting import Reporting
from schemas.definition.text import Text
from schemas.ownership import Ownership
from schemas.requirements import REQUIREMENTS, RequirementName, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from schemas.catalogue import Catalogue
    from schemas.definition.coverage import Coverage
    from schemas.definition.form import Form
    from schemas.definition.mapping import FormMapping

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tariff(_Strict):
    """What a supplier pays a year for what was put in the year before.

    Attributes:
        amount: for each piece, or each pair.
        currency: its three letters.
        per: "piece": each component that was put in. "pair": the components of one operation together, such as cup and
            stem; where they are of different companies, each company pays its part of the amount, piece by piece alike.
        of: the monitor groups whose components are paid for; where none are named, all.
    """

    amount: float = Field(ge=0)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    per: Literal["piece", "pair"]
    of: tuple[str, ...] = ()


class Registry(_Strict):
    """``registry.yaml``.

    ``controller`` is the legal person answerable; without one intake refuses every registration.
    ``notice`` is shown wherever the registry's data is shown. ``modules`` names shared forms. Without ``companies`` no
    company is let in. ``attested`` says how requirements are fulfilled that no fact can tell
    (``schemas.requirements``).
    """

    name: Name
    title: Text
    controller: Annotated[str, Field(pattern=r"\S")] | None = None
    stage: Stage
    modules: tuple[str, ...] = ("core",)
    purposes: tuple[str, ...] = ()
    opt_out: Text | None = None
    retention_years: int | None = Field(default=None, gt=0)
    tariff: Tariff | None = None
    companies: Companies | None = None
    notice: Text | None = None
    attested: dict[RequirementName, Text] = Field(default_factory=dict)

    @field_validator("attested")
    @classmethod
    def _by_word_alone(cls, attested: dict[RequirementName, Text]) -> dict[RequirementName, Text]:
        if by_facts := sorted(name for name in attested if not REQUIREMENTS[name].attested):
            raise ValueError(f"{', '.join(by_facts)} is told by facts, not by the registry's word")
        return attested


@dataclass(frozen=True, slots=True)
class RegistryDefinition:
    """Everything that a registry's folder declares, read and checked.

    Attributes:
        folder: where it was read from.
        registry: the contents of ``registry.yaml``.
        forms: by form name, the registry's own and its modules'.
        released: by form name, the Avro schemas released so far, oldest first.
        catalogues: by catalogue name (``units``, ``components``, …).
        mappings: by mapping name, then by form: how files' columns become fields.
        journey: how the registrations of one person belong together.
        indicators: what is counted of journeys, and which persons are listed.
        monitors: what products patients are exposed to.
        generation: a hash of all that decides what the derived values are.
        coverage: what the register is held against; None where nothing is declared.
        ownership: whose each product is, day by day.
        reporting: which registrations go on as reports.
    """

    folder: Path
    registry: Registry
    forms: Mapping[str, Form]
    released: Mapping[str, tuple[Mapping[str, Any], ...]]
    catalogues: Mapping[str, Catalogue]
    mappings: Mapping[str, Mapping[str, FormMapping]] = field(default_factory=dict)
    journey: JourneyRules = field(default_factory=JourneyRules)
    indicators: Indicators = field(default_factory=Indicators)
    monitors: Monitors = field(default_factory=Monitors)
    generation: str = ""
    coverage: Coverage | None = None
    ownership: Ownership = field(default_factory=Ownership)
    reporting: Reporting = field(default_factory=Reporting)

    @property
    def name(self) -> str:
        """The registry's name, as in topics and databases."""
        return self.registry.name
