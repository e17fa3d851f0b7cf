"""The columns of a form's table, from its Avro schema and all its released versions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from schemas.definition.form import form_of
from sinks.clickhouse import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.definition.form import Form, FormField, Kind
    from schemas.definition.registry import RegistryDefinition

_TYPES: dict[Kind, str] = {
    "string": "String",
    "int": "Int32",
    "long": "Int64",
    "float": "Float32",
    "double": "Float64",
    "boolean": "Bool",
    "date": "Date32",
    "timestamp": "DateTime64(3, 'UTC')",
}
_WIDER = {("Int32", "Int64"), ("Int32", "Float64"), ("Float32", "Float64")}
_WRAPPED = re.compile(r"^(Array|LowCardinality|Nullable)\((.*)\)$")
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Column:
    """A column as ClickHouse's own ``system.columns`` would tell it; an empty default is none."""

    name: str
    type: str
    default: str
    comment: str

    @property
    def declaration(self) -> str:
        """As in CREATE TABLE."""
        default = f" DEFAULT {self.default}" if self.default else ""
        return f"{sql.identifier(self.name)} {self.type}{default} COMMENT {sql.text(self.comment)}"


META = (
    Column("_partition", "UInt16", "", "Partition that the registration was submitted in"),
    Column("_epoch", "UInt16", "", "Which life of the registry's log its offset belongs to"),
    Column("_offset", "UInt64", "", "Submission offset"),
    Column("_schema_id", "UInt32", "", "Fingerprint of the schema that it was written with"),
    Column("_submitted_at", _TYPES["timestamp"], "", "The broker's time of the submission"),
    Column(
        "_version",
        "UInt64",
        "bitOr(bitShiftLeft(toUInt64(_epoch), 48), _offset)",
        "Version of the registration: the highest one counts",
    ),
)
"""Where a row came from; no form can have fields of such names."""


def columns_of(definition: RegistryDefinition, form: Form) -> tuple[Column, ...]:
    """The columns of a form's table: its present fields, then those that only older versions had.

    What is no longer asked for stays readable, here as in the archive.
    """
    path = definition.folder / "forms" / f"{form.name}.avsc"
    released = reversed(definition.released.get(form.name, ()))
    versions = [form, *(form_of(dict(version), path) for version in released)]
    columns: dict[str, Column] = {}
    for version in versions:
        declared = {field["name"]: field for field in version.avro["fields"]}
        for field in version.fields:
            columns.setdefault(field.name, _column(field, declared[field.name]))
    return tuple(columns.values())


def widening(old: str, new: str) -> bool:
    """Whether every value of the old column type is one of the new: only then may a column change.

    Strings may take or lose their dictionary (LowCardinality), any type may come to allow null, and
    numbers may widen as far as no value is rounded.
    """
    before, after = _taken_apart(old), _taken_apart(new)
    if before.is_list != after.is_list or (before.nullable and not after.nullable):
        return False
    return before.base == after.base or (before.base, after.base) in _WIDER


@dataclass(frozen=True, slots=True)
class _Parts:
    base: str
    nullable: bool
    is_list: bool


def _taken_apart(column_type: str) -> _Parts:
    wrappers = set()
    while match := _WRAPPED.match(column_type):
        wrappers.add(match[1])
        column_type = match[2]
    return _Parts(column_type, "Nullable" in wrappers, "Array" in wrappers)


def _column(field: FormField, declared: Mapping[str, Any]) -> Column:
    inner = _TYPES[field.kind]
    inner = f"Nullable({inner})" if field.nullable else inner
    inner = f"LowCardinality({inner})" if field.codes else inner
    # the default of a list is the empty one and of what may be null is null: so are ClickHouse's
    plain = not (field.nullable or field.repeated)
    default = _literal(field.kind, declared["default"]) if plain and "default" in declared else ""
    return Column(field.name, f"Array({inner})" if field.repeated else inner, default, field.doc)


def _literal(kind: Kind, value: Any) -> str:  # noqa: ANN401 - what the schema has
    """A value in SQL, spelt as ClickHouse spells it back."""
    if kind == "string":
        return sql.text(value)
    if kind == "date":
        return f"toDate32('{_1970 + timedelta(days=value):%Y-%m-%d}')"
    if kind == "timestamp":
        moment = _1970 + timedelta(milliseconds=value)
        return f"toDateTime64('{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}', 3, 'UTC')"
    if kind in ("float", "double"):  # as text, for a number would be spelt back in another way
        return f"to{_TYPES[kind]}({sql.text(repr(float(value)))})"
    return json.dumps(value)
