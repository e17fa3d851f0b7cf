"""The history of variables over released versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.folder import load_registry
from schemas.history import Change, History, histories
from tests.unit.registry_folders import UNIT, WEIGHT, form, optional, write_registry

if TYPE_CHECKING:
    from pathlib import Path


def test_what_became_of_each_variable(tmp_path: Path) -> None:
    ranged = {**WEIGHT, "range": [0, 300]}
    once, again = optional("once", "int"), optional("again", "int")
    released = {"visit": [form(UNIT, once), form(UNIT, WEIGHT, again), form(UNIT, ranged), form(UNIT, ranged, again)]}
    reworded = {**ranged, "unit": "g", "doc": "Otherwise."}
    definition = load_registry(write_registry(tmp_path, forms=[form(UNIT, reworded, again)], released=released))

    told, gone = histories(definition, definition.forms["visit"])
    assert told["unit"] == History(1)
    assert told["weight"] == History(
        2, (Change(3, "changed", ("range",)), Change(None, "changed", ("meaning", "unit")))
    )
    assert told["again"] == History(2, (Change(3, "left out"), Change(4, "back")))
    assert [(one.field.name, one.first, one.last) for one in gone] == [("once", 1, 1)]


def test_a_form_that_was_never_released_has_no_history(tmp_path: Path) -> None:
    definition = load_registry(write_registry(tmp_path, released={}))
    told, gone = histories(definition, definition.forms["visit"])
    assert {one.since for one in told.values()} == {None}
    assert gone == ()
