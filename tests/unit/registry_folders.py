"""Registries for tests: small folders that are right, so that a test can make one thing wrong."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    Avro = dict[str, Any]

DATE = {"type": "int", "logicalType": "date"}
TIMESTAMP = {"type": "long", "logicalType": "timestamp-millis"}
UNITS = "code,name\nU1,First clinic\nU2,Second clinic\n"
PSEUDONYM = "k1-" + "a" * 26


def field(name: str, avro_type: Any, **attributes: Any) -> Avro:
    """One field of a form, documented."""
    return {"name": name, "type": avro_type, "doc": f"The {name} of the visit.", **attributes}


def optional(name: str, avro_type: Any, **attributes: Any) -> Avro:
    """One field that may be absent, with the default that evolution needs."""
    return field(name, ["null", avro_type], default=None, **attributes)


REQUIRED = (
    field("registration_id", "string", role="registration_id"),
    field("patient", "string", role="patient"),
    field("occurred_on", DATE, role="occurred_on"),
    field("recorded_at", TIMESTAMP, role="recorded_at"),
    field("retracted", "boolean", default=False, role="retracted"),
)
"""The fields that every form has, in the shapes that their roles want."""

UNIT = field("unit", "string", role="unit", codes={"catalogue": "units"})
WEIGHT = optional("weight", "double", range=[0, 500], unit="kg")


def form(*fields: Avro, name: str = "visit", required: Iterable[Avro] = REQUIRED, **record: Any) -> Avro:
    """A form: the required fields, then those given."""
    return copy.deepcopy(
        {
            "type": "record",
            "name": name,
            "namespace": "test.registry",
            "doc": "A visit to the clinic.",
            "fields": [*required, *fields],
            **record,
        }
    )


def visit(**values: Any) -> dict[str, Any]:
    """A registration that the minimal registry's form ``visit`` accepts, in Avro's own numbers (day 10,000)."""
    return {
        "registration_id": "v-1",
        "patient": PSEUDONYM,
        "occurred_on": 10_000,
        "recorded_at": 10_000 * 86_400_000,
        "retracted": False,
        "unit": "U1",
        "weight": 71.5,
        **values,
    }


def write_registry(
    parent: Path,
    name: str = "minimal",
    *,
    registry: Mapping[str, Any] | None = None,
    forms: Iterable[Avro] | None = None,
    released: Mapping[str, Iterable[Avro]] | None = None,
    catalogues: Mapping[str, str] | None = None,
    mappings: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``<parent>/<name>/`` with everything that a registry needs.

    Args:
        parent: an existing folder.
        name: the registry's name, and its folder's.
        registry: keys of ``registry.yaml`` to set; a value of None leaves the key out.
        forms: the forms' schemas; one form ``visit`` with unit and weight if left out.
        released: by form, its released versions, oldest first; the forms as they stand if left out.
        catalogues: the CSV texts by name; ``units`` with U1 and U2 if left out.
        mappings: what the mappings' YAML says, by mapping name.

    Returns:
        The registry's folder.
    """
    folder = parent / name
    (folder / "forms" / "released").mkdir(parents=True)
    (folder / "catalogue").mkdir()
    (folder / "mappings").mkdir()
    declared: dict[str, Any] = {
        "name": name,
        "title": {"sv": "Minsta registret", "en": "Smallest register"},
        "controller": "Region Test",
        "stage": "new",
        "modules": [],
        **(registry or {}),
    }
    kept = {key: value for key, value in declared.items() if value is not None}
    (folder / "registry.yaml").write_text(yaml.safe_dump(kept, allow_unicode=True, sort_keys=False), encoding="utf-8")
    schemas = [form(UNIT, WEIGHT)] if forms is None else list(forms)
    for schema in schemas:
        write_json(folder / "forms" / f"{schema['name']}.avsc", schema)
    versions = {schema["name"]: [schema] for schema in schemas} if released is None else released
    for form_name, history in versions.items():
        for number, schema in enumerate(history, start=1):
            write_json(folder / "forms" / "released" / f"{form_name}.{number}.avsc", schema)
    for catalogue, text in ({"units": UNITS} if catalogues is None else catalogues).items():
        (folder / "catalogue" / f"{catalogue}.csv").write_text(text, encoding="utf-8")
    for mapping, content in (mappings or {}).items():
        (folder / "mappings" / f"{mapping}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def write_json(path: Path, content: Any) -> None:
    """Write one JSON file."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")
