"""What things are called where people read: the words of tables in both languages, units, products, submissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from schemas.definition.form import CatalogueCodes
from schemas.definition.monitors import BETWEEN
from schemas.subjects import subject_of
from schemas.version import epoch_and_offset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from schemas.definition.indicators import Indicator
    from schemas.definition.registry import RegistryDefinition
    from schemas.definition.text import Text

Language = Literal["en", "sv"]

_SWEDISH: Mapping[str, str] = {
    "the nation by year": "riket per år",
    "units, the latest year whose follow-up is over": "enheter, det senaste året vars uppföljning är avslutad",
    "indicator": "indikator",
    "target": "målvärde",
    "unit": "enhet",
    "county": "län",
    "region": "region",
    "nation": "riket",
    "time": "tid",
    "n": "n",
    "value": "värde",
    "95 % limits": "95 % gränser",
    "quartiles": "kvartiler",
    "at least": "minst",
    "at most": "högst",
    "all time": "hela tiden",
    "to": "till",
    "per {} person-years": "per {} personår",
    "not known": "okänt",
    "*: follow-up is not over yet": "*: uppföljningen är inte avslutad",
    "in brackets: 95 % limits, of medians the quartiles": "inom parentes: 95 % gränser, för medianer kvartilerna",
    "highlighted: worse than the target by more than chance": "markerat: sämre än målvärdet, mer än av en slump",
    "..: fewer than are shown, or a number that would give them away": "..: färre än vad som visas, eller ett tal som "
    "skulle röja dem",
}


class Words:
    """Titles and headings in one of the two languages."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def __call__(self, english: str) -> str:
        """A word of the tables."""
        return english if self._language == "en" else _SWEDISH[english]

    def of(self, text: Text) -> str:
        """What is declared in both languages."""
        return text.en if self._language == "en" else text.sv

    def title(self, declared: Indicator) -> str:
        """An indicator's title, with what its value is measured in."""
        said = self.of(declared.title)
        if declared.kind == "rate" and " per " not in said:
            return f"{said} ({self('per {} person-years').format(f'{declared.per_years:,.0f}')})"
        measured_in = getattr(declared, "measured_in", "")
        return f"{said} ({measured_in})" if measured_in and measured_in not in said.lower() else said

    def number(self, value: float, decimals: int = 0) -> str:
        """A number as the language writes it."""
        written = f"{value:,.{decimals}f}"
        return written if self._language == "en" else written.replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")


def unit_name(definition: RegistryDefinition, code: str) -> str:
    """A unit's code, and what it is called where the catalogue knows it."""
    units = definition.catalogues["units"].rows if "units" in definition.catalogues else {}
    return f"{code} {units.get(code, {}).get('name', '')}".strip()


def place_name(definition: RegistryDefinition, place: str, code: str, words: Words) -> str:
    """A unit's code and name; a county or region as it is."""
    if not code:
        return words("not known")
    return unit_name(definition, code) if place == "unit" else code


def product_name(definition: RegistryDefinition, group: str, product: str) -> str:
    """What a product, or each of a construct's, is called; its code where it has no name."""
    exposure = definition.monitors.exposures[group]
    fields = {one.name: one for one in definition.forms[exposure.form].fields}
    codes = product.split(BETWEEN) if len(exposure.product) > 1 else [product]
    if len(codes) != len(exposure.product):
        return product  # a code has that text in itself
    names = []
    for name, code in zip(exposure.product, codes, strict=True):
        declared = fields[name].codes
        known = declared.catalogue if isinstance(declared, CatalogueCodes) else None
        names.append("" if known is None else definition.catalogues[known].rows.get(code, {}).get("name", ""))
    return BETWEEN.join(name or code for name, code in zip(names, codes, strict=True))


def notice_of(definition: RegistryDefinition) -> str | None:
    """What stands below every showing of a registry's data; None where nothing is declared."""
    notice = definition.registry.notice
    return notice.en if notice else None


def origin_line(generation: str, through: Mapping[int, int], until: date | None = None) -> str:
    """Which generation something was read from, and through which submissions: partition, epoch and offset."""
    places = []
    for partition, version in sorted(through.items()):
        epoch, offset = epoch_and_offset(version)
        places.append(f"{partition}: {epoch}/{offset}")
    day = f" as of {until};" if until else ""
    return (
        f"{day} generation {generation}, through (partition: epoch/offset) {', '.join(places) or 'nothing yet'}".strip()
    )


def subject_name(definition: RegistryDefinition, group: str, label: str) -> str:
    """What a product, or whatever else a label says, is called."""
    subject = subject_of(label)
    if subject.kind == "product":
        return product_name(definition, group, label)
    if subject.kind == "lot":
        return f"{product_name(definition, group, subject.name)}, lot {subject.lot}"
    return unit_name(definition, subject.name) if subject.kind == "unit" else f"{subject.kind} {subject.name}"
