"""``monitors.yaml``: what products patients are exposed to, from when and until when.

exposures:
cup:                          # the monitor group: products that are compared with each other
title: {sv: Cup, en: Cup}
form: primary_operation
product: cup
lot: cup_lot
by: {sex: {field: sex}}
ends:
- {form: reoperation, attributed: true, where: {components_removed: {empty: false}}, reason: revision}
- {form: death, reason: death}
outcomes: {form: reoperation, attributed: true}
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.definition.indicators import Anchors, Breakdown, End, Following, Name
from schemas.definition.text import Text  # noqa: TC001 - pydantic reads it at run time


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExposureEnd(End):
    """What ends the exposure, and what that is called; of two on one day, the one declared first counts."""

    reason: Name


class Exposure(Anchors):
    """One monitor group: each of the anchors is one exposure, of the product that it names (not null).

    Attributes:
        product: the field that names the product.
        lot: the field with its lot.
        class_name: exposures of different classes are never compared (implants put in at a revision).
        by: what the comparison is stratified by.
        ends: what ends it.
        outcomes: what is counted while exposed, from the first day to the last, both included.
    """

    title: Text
    product: str
    lot: str | None = None
    class_name: Annotated[Name, Field(alias="class")] = "primary"
    by: dict[Name, Breakdown] = Field(default_factory=dict)
    ends: tuple[ExposureEnd, ...] = ()
    outcomes: Following


class Monitors(_Strict):
    """The whole of ``monitors.yaml``."""

    exposures: dict[Name, Exposure] = Field(default_factory=dict)
