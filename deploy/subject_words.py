"""What a signal is held against, and what its outcomes are made of, whatever it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy.tables import plain_table
from deploy.words import product_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from schemas.definition.registry import RegistryDefinition

_MOST = 10
_AGAINST = {
    "lot": "the product's other lots",
    "unit": "what other units put in",
}


def against(of: str) -> str:
    """What a subject of this kind is held against."""
    return _AGAINST.get(of, "all others")


def products_table(definition: RegistryDefinition, group: str, products: Sequence[Mapping[str, Any]]) -> Table:
    """What the outcomes of a family, a company or a unit are made of."""
    table = plain_table("by product")
    table.add_column("product")
    for heading in ("put in", "comp.-years", "reop.", "expected"):
        table.add_column(heading, justify="right")
    for one in products[:_MOST]:
        table.add_row(
            f"{one['product']} {product_name(definition, group, one['product'])}", f"{one['exposures']:,}",
            f"{one['component_years']:,.2f}", f"{one['observed']}", f"{one['expected']:.3f}",
        )  # fmt: skip
    left_out = len(products) - _MOST
    table.caption = "those with the most outcomes more than expected first" + (
        f"; {left_out} others: --json" if left_out > 0 else ""
    )
    return table
