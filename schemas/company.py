"""The companies that stand behind a registry's products, and the names by which machines know them."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from schemas.definition.errors import DefinitionError
from schemas.definition.monitors import BETWEEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from schemas.definition.registry import RegistryDefinition

COMPANY = "company"
"""The column of a catalogue that says who makes the product."""

_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST = 100  # a topic's name may have 249 characters, and this is a part of one
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "ß": "ss", "đ": "d", "ł": "l", "þ": "th", "ð": "d"})


def company_code(name: str) -> str:
    """The name that machines know a company by, such as ``nordlunga-lakemedel``: in topics, addresses, tables.

    Raises:
        ValueError: nothing of the name is left, or too much.
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS)).encode("ascii", "ignore").decode()
    code = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not is_company_code(code):
        raise ValueError(f"the company {name!r} has no letter or digit of the Latin alphabet, or too many")
    return code


def is_company_code(text: str) -> bool:
    """Whether a text may be a company's code."""
    return len(text) <= _LONGEST and _CODE.fullmatch(text) is not None


def companies_of(definitions: Iterable[RegistryDefinition]) -> dict[str, str]:
    """The companies in the registries' catalogues: names by code, in the order of the codes.

    Raises:
        DefinitionError: a name gives no code, or two names give the same.
    """
    found: dict[str, str] = {}
    problems = []
    for definition in definitions:
        for catalogue in definition.catalogues.values():
            for code, row in catalogue.rows.items():
                name = row.get(COMPANY, "")
                if not name:
                    continue
                where = f"{definition.name}, catalogue {catalogue.name}, {code}"
                try:
                    other = found.setdefault(company_code(name), name)
                except ValueError as error:
                    problems.append(f"{where}: {error}")
                    continue
                if other != name:
                    problems.append(
                        f"{where}: the companies {other!r} and {name!r} have the same code; spell one otherwise"
                    )
    if problems:
        raise DefinitionError(sorted(set(problems)))
    return dict(sorted(found.items()))


def is_under_contract(definition: RegistryDefinition, company: str, day: date) -> bool:
    """Whether a contract of the registry with a company, by its code, is in force on a day."""
    companies = definition.registry.companies
    contracts = companies.contracts if companies is not None else ()
    return any(one.holds_on(day) and company_code(one.company) == company for one in contracts)


def makers(definition: RegistryDefinition, product: str) -> frozenset[str]:
    """The codes of the companies that make a product, or the parts of a construct; none where no catalogue says."""
    rows: list[Mapping[str, str]] = [
        catalogue.rows[code]
        for code in product.split(BETWEEN)
        for catalogue in definition.catalogues.values()
        if code in catalogue.rows
    ]
    return frozenset(company_code(row[COMPANY]) for row in rows if row.get(COMPANY))
