"""A form: one Avro record, whose fields' custom attributes make it a variable catalogue as well."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import fastavro
from fastavro.schema import SchemaParseException
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from schemas.definition.errors import DefinitionError, read_json, read_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Role = Literal[
    "registration_id", "patient", "unit", "occurred_on", "recorded_at", "retracted",
    "side", "product", "lot", "serial", "birth_year", "later_date", "implant_reference", "source_text",
]  # fmt: skip
Kind = Literal["string", "int", "long", "float", "double", "boolean", "date", "timestamp"]

OPT_OUT = "opt_out"
"""The core module's form with which a person leaves a register; no definition may count it."""
DEATH = "death"
"""The core module's form that says that a person has died."""
EMIGRATION = "emigration"
"""The core module's form that says that a person has moved abroad."""

REQUIRED_ROLES: dict[Role, Kind] = {
    "registration_id": "string",
    "patient": "string",
    "occurred_on": "date",
    "recorded_at": "timestamp",
    "retracted": "boolean",
}
OPTIONAL_ROLES: dict[Role, Kind] = {
    "unit": "string",
    "side": "string",
    "product": "string",
    "lot": "string",
    "serial": "string",
    "birth_year": "int",
    "later_date": "date",
    "implant_reference": "string",
    "source_text": "string",
}
_ONCE_AT_MOST: tuple[Role, ...] = ("unit", "side", "birth_year")
_LOGICAL: dict[tuple[str, str | None], Kind] = {
    ("int", "date"): "date",
    ("long", "timestamp-millis"): "timestamp",
    ("string", None): "string",
    ("int", None): "int",
    ("long", None): "long",
    ("float", None): "float",
    ("double", None): "double",
    ("boolean", None): "boolean",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CodeList(_Strict):
    """The codes are the registry's own list."""

    list: tuple[str, ...] = Field(min_length=1)


class CodePattern(_Strict):
    """The codes are a public system's; the pattern (matched whole) says what they look like."""

    system: str
    pattern: str

    @model_validator(mode="after")
    def _compiles(self) -> CodePattern:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"pattern is not a regular expression: {error}") from error
        return self


class CatalogueCodes(_Strict):
    """The codes are the rows of one of the registry's catalogues, where wanted of one kind only."""

    catalogue: str
    kind: str | None = None


def _codes_by(raw: object) -> str | None:
    """Which of the three kinds of codes a declaration means: the key that only it has."""
    keys = raw.keys() if isinstance(raw, dict) else vars(raw).keys()
    return next((key for key in ("list", "system", "catalogue") if key in keys), None)


Codes = Annotated[
    Annotated[CodeList, Tag("list")]
    | Annotated[CodePattern, Tag("system")]
    | Annotated[CatalogueCodes, Tag("catalogue")],
    Discriminator(
        _codes_by,
        custom_error_type="codes",
        custom_error_message="codes are {list}, {system, pattern} or {catalogue, kind}",
    ),
]


class FormField(_Strict):
    """One variable.

    ``kind`` is its type without the wrapping: ``nullable`` and ``repeated`` say whether it may be
    absent and whether it is a list. ``range`` is inclusive, in ``unit``.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Kind
    nullable: bool
    repeated: bool
    doc: str = ""
    role: Role | None = None
    unit: str | None = None
    range: tuple[float, float] | None = None
    codes: Codes | None = None
    question: str | None = None
    source: Literal["record system", "typed in"] | None = None

    @model_validator(mode="after")
    def _attributes_fit_the_type(self) -> FormField:
        if self.range and (self.kind not in ("int", "long", "float", "double") or self.range[0] > self.range[1]):
            raise ValueError("range needs a number type, and its lower bound first")
        if self.codes and self.kind != "string":
            raise ValueError("codes need type string")
        return self


_AVRO_KEYS = ("type", "default")
_KEYS = (*FormField.model_fields.keys() - {"kind", "nullable", "repeated"}, *_AVRO_KEYS)


class _Record(_Strict):
    """A form's file: what Avro wants of a record, and nothing that would be passed over in silence."""

    type: Literal["record"]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")] | None = None
    doc: str = ""
    fields: Annotated[list[dict[str, Any]], Field(min_length=1)]


class Form(_Strict):
    """A form as declared: its name, its variables and its Avro schema as written."""

    name: str
    full_name: str
    doc: str
    fields: tuple[FormField, ...]
    avro: dict[str, Any]

    def field_with(self, role: Role) -> FormField | None:
        """The first field that has the role, or None."""
        return next((field for field in self.fields if field.role == role), None)

    def name_of(self, role: Role) -> str:
        """The name of the field with a role that every form has.

        Raises:
            KeyError: no field has it; cannot happen for ``REQUIRED_ROLES`` after loading.
        """
        field = self.field_with(role)
        if field is None:
            raise KeyError(role)
        return field.name


def read_form(path: Path) -> Form:
    """Read one ``forms/<form>.avsc``.

    Raises:
        DefinitionError: not JSON, not a record, or a field that the platform cannot carry; each
            line names the file and the field.
    """
    return form_of(read_json(path), path)


def form_of(raw: object, path: Path) -> Form:
    """The form that a parsed Avro schema declares; ``path`` is for the messages.

    Raises:
        DefinitionError: as ``read_form``.
    """
    record = read_model(_Record, raw, path)
    problems: list[str] = []
    fields: list[FormField] = []
    for field in record.fields:
        try:
            fields.append(_field_of(field, path))
        except DefinitionError as error:
            problems += error.problems
        except ValueError as error:
            problems.append(f"{path}, field {field.get('name')}: {error}")
    problems += _role_problems(fields, path)
    if problems:
        raise DefinitionError(problems)
    avro = cast("dict[str, Any]", raw)
    try:
        fastavro.parse_schema(json.loads(json.dumps(avro)))
    except SchemaParseException as error:
        raise DefinitionError([f"{path}: {error}"]) from error
    full_name = f"{record.namespace}.{record.name}" if record.namespace else record.name
    return Form(name=record.name, full_name=full_name, doc=record.doc, fields=tuple(fields), avro=avro)


def _field_of(raw: Mapping[str, Any], path: Path) -> FormField:
    """One field; DefinitionError or ValueError where the platform cannot carry it."""
    if unknown := sorted(raw.keys() - set(_KEYS)):
        raise ValueError(f"unknown key {', '.join(unknown)}; there are {', '.join(sorted(_KEYS))}")
    avro_type: Any = raw.get("type")
    kind, nullable, repeated = _kind_of(avro_type)
    if nullable and "default" in raw and (raw["default"] is not None or avro_type[0] != "null"):
        raise ValueError("the default of a field that may be null is null, and null stands first in its type")
    if repeated and raw.get("default", []) != []:
        raise ValueError("the default of a list is the empty list")
    if isinstance(raw.get("default"), bool) and kind != "boolean":  # Python's True is an int, Avro's is not
        raise ValueError(f"the default of {kind} is not a boolean")
    attributes = {key: value for key, value in raw.items() if key not in _AVRO_KEYS}
    described = {**attributes, "kind": kind, "nullable": nullable, "repeated": repeated}
    return read_model(FormField, described, path, f"field {raw.get('name')}: ")


def _kind_of(avro_type: Any) -> tuple[Kind, bool, bool]:  # noqa: ANN401 - any JSON
    """(kind, nullable, repeated) of an Avro type; ValueError where forms cannot carry it."""
    nullable = repeated = False
    if isinstance(avro_type, list):
        others = [branch for branch in avro_type if branch != "null"]
        if len(others) != 1 or len(avro_type) != 2:  # noqa: PLR2004 - null and one other
            raise ValueError('a union is ["null", one other type]')
        nullable, avro_type = True, others[0]
    if isinstance(avro_type, dict) and avro_type.get("type") == "array":
        if nullable:
            raise ValueError("a list is never null: let it be empty")
        repeated, avro_type = True, avro_type.get("items")
    name, logical = (
        (avro_type.get("type"), avro_type.get("logicalType")) if isinstance(avro_type, dict) else (avro_type, None)
    )
    kind = _LOGICAL.get((str(name), None if logical is None else str(logical)))
    if kind is None:
        raise ValueError(
            f"type {json.dumps(avro_type)} cannot be carried: use string, int, long, float, double, boolean, "
            "date (int), timestamp-millis (long), an array of one of them, or a union of null and one of them"
        )
    return kind, nullable, repeated


def _role_problems(fields: list[FormField], path: Path) -> list[str]:
    problems = []
    for role, kind in REQUIRED_ROLES.items():
        bearers = [field for field in fields if field.role == role]
        if len(bearers) != 1:
            problems.append(f"{path}: needs exactly one field with role {role}, has {len(bearers)}")
        elif bearers[0].kind != kind or bearers[0].nullable or bearers[0].repeated:
            problems.append(f"{path}, field {bearers[0].name}: role {role} needs type {kind}, never null")
    for field in fields:
        expected = OPTIONAL_ROLES.get(field.role) if field.role else None
        if expected is not None and field.kind != expected:
            problems.append(f"{path}, field {field.name}: role {field.role} needs type {expected}")
    for role in _ONCE_AT_MOST:
        bearers = [field for field in fields if field.role == role]
        if len(bearers) > 1:
            problems.append(f"{path}: only one field may have role {role}: {', '.join(f.name for f in bearers)}")
        problems += [f"{path}, field {f.name}: role {role} cannot be a list" for f in bearers if f.repeated]
    names = [field.name for field in fields]
    problems += [f"{path}, field {name}: declared twice" for name in sorted({n for n in names if names.count(n) > 1})]
    return problems
