"""Whether a company may read at all, and which products it may read about: those that are its own on that day.

A product that has changed hands is read about by whoever owns it now, with all of its history, for the owner answers
for what the patients carry. Shares of the market and what is paid go by the owner on the day when it was put in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.definition.form import CatalogueCodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from schemas.definition.companies import Companies, Contract
    from schemas.definition.registry import RegistryDefinition
    from schemas.definition.text import Text


class NotEntitledError(Exception):
    """A company may not read; the message says why, and what it takes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of implant: a monitor group of single products.

    Attributes:
        name: the group's name.
        title: in both languages.
        catalogue: the catalogue of its products.
        codes: all products of the kind that the catalogue has.
        facts: what patients can be told apart by, in the order declared.
    """

    name: str
    title: Text
    catalogue: str
    codes: Sequence[str]
    facts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Entitled:
    """A company with a contract in force, and what is its own.

    Attributes:
        definition: the registry.
        company: as the catalogues name it.
        day: the day for which it holds.
        contract: by which it may read, and for which purpose.
        terms: what the registry has decided about companies.
        kinds: by name, the kinds of implants; the same for every company.
        own: by kind, its products on that day, in the order of the catalogue; kinds of which it has none left out.
    """

    definition: RegistryDefinition
    company: str
    day: date
    contract: Contract
    terms: Companies
    kinds: Mapping[str, Kind]
    own: Mapping[str, Sequence[str]]

    def name_of(self, kind: str, code: str) -> str:
        """A product's name in its catalogue."""
        return self._catalogued(kind, code).get("name", "")

    def udi_di_of(self, kind: str, code: str | None) -> str:
        """A product's UDI-DI in its catalogue; empty where it has none, and for all of a kind."""
        return self._catalogued(kind, code or "").get("udi_di", "")

    def _catalogued(self, kind: str, code: str) -> Mapping[str, str]:
        return self.definition.catalogues[self.kinds[kind].catalogue].rows.get(code, {})


def kinds_of(definition: RegistryDefinition) -> dict[str, Kind]:
    """The monitor groups whose products are single ones of a catalogue that says whose they are."""
    kinds = {}
    for name, exposure in definition.monitors.exposures.items():
        fields = {field.name: field for field in definition.forms[exposure.form].fields}
        codes = fields[exposure.product[0]].codes
        if len(exposure.product) == 1 and isinstance(codes, CatalogueCodes):
            catalogue = definition.catalogues[codes.catalogue]
            products = [code for code in catalogue.rows if code in catalogue.codes(codes.kind)]
            if "company" in catalogue.columns:
                kinds[name] = Kind(name, exposure.title, codes.catalogue, products, tuple(exposure.by))
    return kinds


def entitle(definition: RegistryDefinition, company: str, day: date) -> Entitled:
    """What a company may read about on a day.

    Args:
        definition: the registry.
        company: as the catalogues name it.
        day: today, wherever that is decided.

    Raises:
        NotEntitledError: the registry lets no company in, has no contract with this one in force, or no product of it.
    """
    terms = definition.registry.companies
    if terms is None:
        raise NotEntitledError(f"registry {definition.name} lets no company in: registry.yaml has no `companies`")
    contract = terms.contract(company, day)
    if contract is None:
        raise NotEntitledError(
            f"{company} has no contract with registry {definition.name} that is in force on {day}: "
            "the registry's controller records one, with its purpose, under companies.contracts in registry.yaml"
        )
    kinds = kinds_of(definition)
    owned = set(definition.ownership.codes(company, day))
    own = {name: tuple(code for code in kind.codes if code in owned) for name, kind in kinds.items()}
    own = {name: codes for name, codes in own.items() if codes}
    if not own:
        raise NotEntitledError(f"{company} owns no product on {day} that registry {definition.name} follows")
    return Entitled(definition, company, day, contract, terms, kinds, own)
