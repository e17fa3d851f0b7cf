"""The words in which signals are told of: what they are of, their levels, what became of them, what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.subjects import subject_of
from schemas.version import epoch_and_offset
from sinks.portal.pages.words import product_named
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.definition.registry import RegistryDefinition
    from sinks.portal.texts import Texts

LEVELS: Mapping[str, str] = {"watch": marked("watch"), "alarm": marked("alarm")}
BECAME: Mapping[str, str] = {
    "raised": marked("raised"),
    "updated": marked("updated"),
    "weakened": marked("weakened"),
    "withdrawn": marked("withdrawn"),
}
DECISIONS: Mapping[str, str] = {
    "taken_up": marked("taken up"),
    "confirmed": marked("confirmed"),
    "closed": marked("closed"),
}
ANSWERS: Mapping[str, str] = {
    "acknowledged": marked("acknowledged"),
    "stated": marked("answered with a statement"),
    "tied": marked("tied to a field safety notice"),
}


METHODS: Mapping[str, str] = {
    "aoanjrr_stage_one": marked("AOANJRR stage 1"),
    "njr": marked("NJR levels"),
    "poisson_maxsprt": "Poisson-MaxSPRT",
    "conditional_maxsprt": marked("conditional MaxSPRT"),
    "bk_cusum": "BK-CUSUM",
    "cgr_cusum": "CGR-CUSUM",
    "bernoulli_cusum": "Bernoulli-CUSUM",
    "e_process": marked("e-process"),
    "e_detector": marked("e-detector"),
}
"""What methods are called, by the names that signals have them under."""


def subject_named(definition: RegistryDefinition, t: Texts, label: str) -> str:
    """What a signal is of, in words."""
    subject = subject_of(label)
    if subject.kind == "product":
        return " + ".join(product_named(definition, code) for code in label.split(" + "))
    if subject.kind == "lot":
        return t("%(product)s, lot %(lot)s", product=product_named(definition, subject.name), lot=subject.lot)
    words = {
        "family": marked("family %(name)s"),
        "company": marked("company %(name)s"),
        "unit": marked("unit %(name)s"),
    }
    return t(words[subject.kind], name=product_named(definition, subject.name))


def place_in_log(partition: int, version: int) -> str:
    """Where a submission stands: partition: epoch/offset."""
    epoch, offset = epoch_and_offset(version)
    return f"{partition}: {epoch}/{offset}"
