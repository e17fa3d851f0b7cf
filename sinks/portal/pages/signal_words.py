"""The words in which signals are told of: what they are of, their levels, what became of them, what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.subjects import subject_of
from schemas.version import epoch_and_offset
from sinks.portal.pages.clinic import product_named
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
