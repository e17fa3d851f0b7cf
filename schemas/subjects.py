"""What a stream of surveillance follows: a product; beside it a family, a company, a lot, a unit.

A subject's label stands where a product's code does, so also in the id of its signals: ``CUP01``, ``family:Falka``,
``company:Nordfalk Ortopedi``, ``lot:CUP01:L7``, ``unit:U11``. Nothing in it is escaped: no code of a product begins
as another label does, and none has a colon where lots are followed (the definition checks see to both).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from schemas.definition.form import CatalogueCodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.catalogue import Catalogue
    from schemas.definition.form import FormField
    from schemas.definition.registry import RegistryDefinition

Kind = Literal["product", "family", "company", "lot", "unit"]
Makers = Literal["family", "company"]
"""The kinds that a product's row of its catalogue tells, in the columns of these names."""
KINDS: tuple[Kind, ...] = get_args(Kind)
MAKERS: tuple[Makers, ...] = get_args(Makers)

_BESIDE = frozenset(KINDS[1:])


class Subject(NamedTuple):
    """What a stream follows.

    Attributes:
        kind: of what it is.
        name: the code of the product, or of the lot's; the family, company or unit.
        lot: of a lot alone.
    """

    kind: Kind
    name: str
    lot: str = ""

    @property
    def label(self) -> str:
        """What it is called where a product's code may stand."""
        if self.kind == "product":
            return self.name
        return f"lot:{self.name}:{self.lot}" if self.kind == "lot" else f"{self.kind}:{self.name}"


def subject_of(label: str) -> Subject:
    """What a label says; whatever begins like no other label is a product's code."""
    kind, colon, name = label.partition(":")
    if not colon or kind not in _BESIDE:
        return Subject("product", label)
    if kind == "lot":
        product, _, lot = name.partition(":")
        return Subject("lot", product, lot)
    return Subject(kind, name)


def product_field(definition: RegistryDefinition, group: str) -> FormField | None:
    """The field that names the products of a group; None of constructs, which several name."""
    exposure = definition.monitors.exposures[group]
    if len(exposure.product) > 1:
        return None
    return next(one for one in definition.forms[exposure.form].fields if one.name == exposure.product[0])


def made_by(field: FormField | None, catalogues: Mapping[str, Catalogue], column: Makers) -> dict[str, str]:
    """By product that a field may name, its family or company as the catalogue now has it; those without left out."""
    if field is None or not isinstance(field.codes, CatalogueCodes):
        return {}
    catalogue = catalogues[field.codes.catalogue]
    codes = catalogue.codes(field.codes.kind)
    return {code: maker for code, row in catalogue.rows.items() if code in codes and (maker := row.get(column, ""))}


def products_of(definition: RegistryDefinition, group: str, subject: Subject) -> tuple[str, ...]:
    """The products of a group that a subject is about; none for a unit, which it is about whatever they are."""
    if subject.kind == "unit":
        return ()
    if subject.kind not in MAKERS:
        return (subject.name,)
    made = made_by(product_field(definition, group), definition.catalogues, subject.kind)
    return tuple(sorted(product for product, maker in made.items() if maker == subject.name))
