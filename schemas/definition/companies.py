"""``companies`` in ``registry.yaml``: which companies read about their own products, and what is hidden from them.

companies:
  smallest: 5                     # fewer people than this are never shown by themselves, below the whole country
  names_of_hospitals_at: watch    # a signal at this level tells the company the names of the hospitals with carriers
  contracts:
    - {company: Nordfalk Ortopedi, from: 2020-01-01, until: 2029-12-31, purpose: surveillance of implants}

A registry without the key lets no company in.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from schemas.definition.indicators import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.definition.registry import RegistryDefinition


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Contract(_Strict):
    """What a company has agreed with the registry: for which of the registry's purposes, from and until which day.

    ``until`` left out: until further notice.
    """

    company: Annotated[str, Field(pattern=r"\S")]
    first: Annotated[date, Field(alias="from")]
    last: Annotated[date | None, Field(alias="until")] = None
    purpose: str

    @model_validator(mode="after")
    def _in_order(self) -> Contract:
        if self.last is not None and self.last < self.first:
            raise ValueError("until lies before from")
        return self

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on a day."""
        return self.first <= day and (self.last is None or day <= self.last)


class Companies(_Strict):
    """What the registry's controller has decided about companies.

    Attributes:
        smallest: people of whom fewer are never shown by themselves below the whole country.
        years: how many calendar years together make one time of what is shown of clinics and of groups of patients;
            more than one suits a registry whose clinics use few of each product.
        fewest_others: others are compared with only where there are so many other companies at least.
        largest_share: and none of them has more than this share of what the others have.
        fewest_at_risk: a point of a survival curve with fewer at risk is not shown.
        reason: the field of the form of outcomes that says why; None where there is none.
        names_of_hospitals_at: from which level of a signal on the company is told the names of the hospitals with
            carriers; None: never.
        contracts: what has been agreed; a company without one in force is refused.
    """

    smallest: Annotated[int, Field(ge=1)] = 5
    years: PositiveInt = 1
    fewest_others: Annotated[int, Field(ge=2)] = 3
    largest_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    fewest_at_risk: PositiveInt = 40
    reason: Name | None = None
    names_of_hospitals_at: Literal["watch", "alarm"] | None = None
    contracts: tuple[Contract, ...] = ()

    def contract(self, company: str, day: date) -> Contract | None:
        """The contract with a company that is in force on a day: of several the one that began last."""
        found = [one for one in self.contracts if one.company == company and one.holds_on(day)]
        return max(found, key=lambda one: one.first, default=None)


def company_problems(definition: RegistryDefinition) -> Iterator[str]:
    """What is wrong under ``companies`` and ``tariff`` in registry.yaml; each line begins with the key."""
    groups = definition.monitors.exposures
    for group in definition.registry.tariff.of if definition.registry.tariff else ():
        if group not in groups:
            yield f"tariff.of: there is no monitor group {group}; there are {', '.join(groups) or 'none'}"
    companies = definition.registry.companies
    if companies is None:
        return
    known = definition.ownership.companies
    for number, contract in enumerate(companies.contracts):
        at = f"companies.contracts.{number}"
        if contract.company not in known:
            yield f"{at}.company: no catalogue has a product of {contract.company}"
        if contract.purpose not in definition.registry.purposes:
            purposes = "; ".join(definition.registry.purposes) or "none"
            yield f"{at}.purpose: {contract.purpose!r} is none of the registry's purposes: {purposes}"
    if companies.reason is not None:
        forms = {str(exposure.outcomes.form) for exposure in groups.values()}
        for name in sorted(forms):
            field = next((one for one in definition.forms[name].fields if one.name == companies.reason), None)
            if field is None or field.kind != "string" or field.repeated:
                yield f"companies.reason: form {name} has no field {companies.reason} with one text"
