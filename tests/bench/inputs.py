"""Registrations for whole registries: the real records, and an invented hip register of any size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deploy.demo.history import HistoryPlan, generate, write_ndjson
from streams.publish.rdatasets import open_source as open_rdatasets
from streams.publish.read import open_source

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from streams.publish.slices import Source

RECORDS = 452_012
"""Real records in the metabolic registry."""


def real_records(definition: RegistryDefinition, folder: Path) -> tuple[Source, str]:
    """The 452,012 real records of 17,549 people, and their mapping's name."""
    return open_rdatasets(definition, folder / definition.name), "rdatasets"


def invented_hips(
    definition: RegistryDefinition, folder: Path, registrations: int, forms: Collection[str] = ()
) -> tuple[Source, str]:
    """Some years of the invented hip register, and their mapping's name.

    Mostly one operation a patient, 80 units, 36 months. Slips of the pen are in it: corrections, the same
    registration twice, and withdrawals; but nothing that intake refuses.

    Args:
        definition: a copy of the bundled hip registry.
        folder: for a file with all of them.
        registrations: how many.
        forms: only these; all if not given.
    """
    history = generate(
        HistoryPlan(
            primaries=registrations,
            corrections=registrations // 200,
            duplicates=registrations // 400,
            retractions=registrations // 600,
            faulty=0,
        )
    )
    rows = [row for row in history.rows if not forms or row["form"] in forms][:registrations]
    file = folder / f"{definition.name}.ndjson"
    write_ndjson(replace(history, rows=rows), file)
    return open_source(file, definition.forms, None), "demo"
