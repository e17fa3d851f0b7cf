"""Whether monitors.yaml can follow the families, companies and lots that it declares, and tell them from products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.form import CatalogueCodes, CodeList
from schemas.subjects import MAKERS, subject_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.catalogue import Catalogue
    from schemas.definition.condition_checks import Known
    from schemas.definition.form import Codes
    from schemas.definition.monitors import Exposure, Monitor, Monitors


def stream_problems(known: Known, monitors: Monitors, catalogues: Mapping[str, Catalogue]) -> Iterator[str]:
    """What is wrong in the streams of monitors that are sound otherwise; each line begins with the key."""
    for name, monitor in monitors.monitors.items():
        group = monitors.exposures[monitor.exposures]
        fields = [field for one in group.product if (field := known.field_of(group.form, one)) is not None]
        for field in fields:
            yield from _of_codes(f"monitors.{name}", monitor, _codes(field.codes, catalogues))
        yield from _of_makers(f"monitors.{name}.streams", monitor, [field.codes for field in fields], catalogues)
        yield from _of_lots(f"monitors.{name}.streams", monitor, group)


def _codes(codes: Codes | None, catalogues: Mapping[str, Catalogue]) -> frozenset[str]:
    if isinstance(codes, CatalogueCodes):
        return catalogues[codes.catalogue].codes(codes.kind)
    return frozenset(codes.list) if isinstance(codes, CodeList) else frozenset()


def _of_codes(at: str, monitor: Monitor, products: frozenset[str]) -> Iterator[str]:
    for product in sorted(products):
        if subject_of(product).kind != "product":
            yield f"{at}: product {product} is called as a {subject_of(product).kind} is; give it another code"
        elif "lot" in monitor.streams and ":" in product:
            yield f"{at}.streams.lot: product {product} has a colon, which parts product and lot; give it another code"


def _of_makers(
    at: str, monitor: Monitor, codes: list[Codes | None], catalogues: Mapping[str, Catalogue]
) -> Iterator[str]:
    for kind in MAKERS:
        if kind not in monitor.streams:
            continue
        first = codes[0]
        if len(codes) > 1:
            yield f"{at}.{kind}: {monitor.exposures} follows constructs, which have no {kind}"
        elif not isinstance(first, CatalogueCodes):
            yield f"{at}.{kind}: no catalogue tells the {kind} of a product of {monitor.exposures}"
        elif kind not in catalogues[first.catalogue].columns:
            yield f"{at}.{kind}: catalogue/{first.catalogue}.csv has no column {kind}"


def _of_lots(at: str, monitor: Monitor, group: Exposure) -> Iterator[str]:
    if "lot" in monitor.streams and group.lot is None:
        yield f"{at}.lot: {monitor.exposures} does not declare which field has the lot"
