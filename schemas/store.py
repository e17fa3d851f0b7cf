"""Which schema an id on the wire means: bundled files, or a Confluent-compatible registry over HTTP.

Whatever the wire says, the platform's inside knows a schema by its fingerprint alone, so the archive
can be read for ever from the files in ``forms/`` and ``released/``, without any registry.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx import HTTPError

from schemas import topics
from schemas.codec import FormSchema, canonical_form, fingerprint, form_schema
from schemas.definition.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schemas.definition.form import Form
    from schemas.definition.registry import RegistryDefinition

_NOT_FOUND = 404


class SchemaStoreUnavailableError(Exception):
    """The schema registry did not answer: try again, decide nothing."""


class SchemaStore(Protocol):
    """Translates between ids on the wire and the forms' versions."""

    def wire_id(self, registry: str, form: str) -> int:
        """The id to write the form's present version with."""

    def schema_of(self, registry: str, wire_id: int) -> FormSchema | None:
        """The version that an id means in this registry; None where it means none of its forms."""


class BundledStore:
    """The files are the store: an id on the wire is the fingerprint itself."""

    def __init__(self, registries: Mapping[str, RegistryDefinition]) -> None:
        self._known = {name: known_versions(definition) for name, definition in registries.items()}
        self._present = {
            (name, form.name): fingerprint(form.avro)
            for name, definition in registries.items()
            for form in definition.forms.values()
        }

    def wire_id(self, registry: str, form: str) -> int:
        """See ``SchemaStore``."""
        return self._present[registry, form]

    def schema_of(self, registry: str, wire_id: int) -> FormSchema | None:
        """See ``SchemaStore``."""
        return self._known.get(registry, {}).get(wire_id)


class HttpStore:
    """A Confluent-compatible schema registry; subjects by TopicRecordName.

    A version that the registry knows but the declared forms do not is unknown here: what cannot be
    read back from the files for ever is not accepted.
    """

    def __init__(self, url: str, registries: Mapping[str, RegistryDefinition]) -> None:
        self._client = SchemaRegistryClient({"url": url})
        self._registries = registries
        self._known = {name: known_versions(definition) for name, definition in registries.items()}
        self._by_wire_id: dict[tuple[str, int], FormSchema | None] = {}
        self._wire_ids: dict[tuple[str, str], int] = {}

    def wire_id(self, registry: str, form: str) -> int:
        """See ``SchemaStore``.

        Raises:
            DefinitionError: the form's present version has not been registered.
            SchemaStoreUnavailableError: no answer.
        """
        key = (registry, form)
        if key not in self._wire_ids:
            declared = self._registries[registry].forms[form]
            subject = subject_of(registry, declared)
            try:
                found = self._client.lookup_schema(subject, Schema(json.dumps(declared.avro), "AVRO"))
            except SchemaRegistryError as error:
                if error.http_status_code != _NOT_FOUND:
                    raise SchemaStoreUnavailableError(str(error)) from error
                raise DefinitionError(
                    [f"{subject}: this version is not registered; run `guldadra schemas register {registry}`"]
                ) from error
            except (HTTPError, OSError) as error:
                raise SchemaStoreUnavailableError(str(error)) from error
            self._wire_ids[key] = int(found.schema_id)  # type: ignore[arg-type]
        return self._wire_ids[key]

    def schema_of(self, registry: str, wire_id: int) -> FormSchema | None:
        """See ``SchemaStore``.

        Raises:
            SchemaStoreUnavailableError: no answer; the id may be known when it comes.
        """
        key = (registry, wire_id)
        if key not in self._by_wire_id:
            try:
                text = self._client.get_schema(wire_id).schema_str
            except SchemaRegistryError as error:
                if error.http_status_code != _NOT_FOUND:
                    raise SchemaStoreUnavailableError(str(error)) from error
                return None  # not remembered: it may be registered in the next minute
            except (HTTPError, OSError) as error:
                raise SchemaStoreUnavailableError(str(error)) from error
            self._by_wire_id[key] = self._known.get(registry, {}).get(_fingerprint_of(text))
        return self._by_wire_id[key]

    def register(self, registry: str) -> dict[str, int]:
        """Register every released and present version, oldest first; ids by subject.

        Each subject is first set to FULL_TRANSITIVE, so that the registry itself refuses a version
        that others could not read.

        Raises:
            DefinitionError: the registry refuses a version.
            SchemaStoreUnavailableError: no answer.
        """
        definition = self._registries[registry]
        registered: dict[str, int] = {}
        for form in definition.forms.values():
            subject = subject_of(registry, form)
            try:
                self._client.set_compatibility(subject_name=subject, level="FULL_TRANSITIVE")
                for version in _versions(definition, form):
                    registered[subject] = self._client.register_schema(
                        subject, Schema(json.dumps(version), "AVRO")
                    )
            except SchemaRegistryError as error:
                raise DefinitionError([f"{subject}: {error.error_message}"]) from error
            except (HTTPError, OSError) as error:
                raise SchemaStoreUnavailableError(str(error)) from error
        return registered


def subject_of(registry: str, form: Form) -> str:
    """The form's subject by TopicRecordName: ``submitted.<registry>-<full name>``."""
    return f"{topics.submitted(registry)}-{form.full_name}"


def known_versions(definition: RegistryDefinition) -> dict[int, FormSchema]:
    """Every version of every form by fingerprint.

    Raises:
        DefinitionError: two schemas that read bytes differently have one fingerprint.
    """
    known: dict[int, FormSchema] = {}
    for form in definition.forms.values():
        for version in _versions(definition, form):
            schema = form_schema(form, version)
            other = known.get(schema.schema_id)
            if other is not None and _meaning(other.avro) != _meaning(version):
                raise DefinitionError(
                    [
                        f"{definition.folder}: forms {other.form.name} and {form.name} have versions that differ "
                        f"but share the id {schema.schema_id}; change the order of a field or a logical type back"
                    ]
                )
            known[schema.schema_id] = schema
    return known


def _versions(definition: RegistryDefinition, form: Form) -> Iterable[Mapping[str, object]]:
    return (*definition.released.get(form.name, ()), form.avro)


def _meaning(schema: Mapping[str, object]) -> tuple[str, tuple[str, ...]]:
    """The canonical form and, for it leaves them out, the logical types in their order."""
    logical: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            logical.append(str(node.get("logicalType")))
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for item in node:
                walk(item)

    fields = schema["fields"]
    walk([field["type"] for field in fields])  # type: ignore[index, attr-defined]
    return canonical_form(schema), tuple(logical)


def _fingerprint_of(text: str | None) -> int:
    try:
        return fingerprint(json.loads(text or ""))
    except Exception:  # noqa: BLE001 - another record's schema, or none: no form of ours
        return -1
