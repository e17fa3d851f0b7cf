"""Which schema an id on the wire means: bundled files, or a Confluent-compatible registry over HTTP.

Whatever the wire says, the platform's inside knows a schema by its fingerprint alone, so the archive
can be read for ever from the files in ``forms/`` and ``released/``, without any registry.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx2 import HTTPError

from schemas import topics
from schemas.codec import FormSchema, canonical_form, fingerprint, form_schema
from schemas.definition.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from schemas.definition.form import Form
    from schemas.definition.registry import RegistryDefinition

Answer = TypeVar("Answer")

_NOT_FOUND = 404
_REFUSED = (409, 422)  # incompatible, invalid
_HIGHEST_ID = 0x7FFFFFFF  # a signed int on the wire; higher ones can only be junk
_TIMEOUT_SECONDS = 10
_UNKNOWN_FOR_SECONDS = 30
_MOST_UNKNOWN = 10_000


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

    def __init__(
        self,
        url: str,
        registries: Mapping[str, RegistryDefinition],
        *,
        client: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._client = SchemaRegistryClient(
            {"url": url, "timeout": _TIMEOUT_SECONDS, "max.retries": 2, "retries.wait.ms": 200, **(client or {})}
        )
        self._registries = registries
        self._known = {name: known_versions(definition) for name, definition in registries.items()}
        self._by_wire_id: dict[tuple[str, int], FormSchema | None] = {}
        self._wire_ids: dict[tuple[str, str], int] = {}
        self._unknown_until: dict[int, float] = {}
        self._clock = clock

    def wire_id(self, registry: str, form: str) -> int:
        """See ``SchemaStore``.

        Raises:
            DefinitionError: the form's present version has not been registered.
            SchemaStoreUnavailableError: no answer.
        """
        key = (registry, form)
        if key not in self._wire_ids:
            declared = self._registries[registry].forms[form]
            subject, schema = subject_of(registry, declared), Schema(json.dumps(declared.avro), "AVRO")
            found = self._ask(lambda: self._client.lookup_schema(subject, schema), subject)
            if found is None or found.schema_id is None:
                raise DefinitionError(
                    [f"{subject}: this version is not registered; run `guldadra schemas register {registry}`"]
                )
            self._wire_ids[key] = found.schema_id
        return self._wire_ids[key]

    def schema_of(self, registry: str, wire_id: int) -> FormSchema | None:
        """See ``SchemaStore``.

        An id that the registry does not know is asked about again after half a minute: it may be
        registered by then, but a flood of invented ids must not become a flood of requests.

        Raises:
            SchemaStoreUnavailableError: no answer; the id may be known when it comes.
        """
        if wire_id > _HIGHEST_ID:
            return None
        key = (registry, wire_id)
        if key not in self._by_wire_id:
            if self._unknown_until.get(wire_id, -1.0) > self._clock():
                return None
            found = self._ask(lambda: self._client.get_schema(wire_id), f"schema {wire_id}")
            if found is None:
                if len(self._unknown_until) >= _MOST_UNKNOWN:
                    self._unknown_until.clear()
                self._unknown_until[wire_id] = self._clock() + _UNKNOWN_FOR_SECONDS
                return None
            self._by_wire_id[key] = self._known.get(registry, {}).get(_fingerprint_of(found.schema_str))
        return self._by_wire_id[key]

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

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
            for version in _versions(definition, form):
                schema_id = self._ask(lambda s=subject, v=version: self._register(s, v), subject)  # type: ignore[misc]
                if schema_id is None:
                    raise SchemaStoreUnavailableError(f"{self._url} has no schema registry: it answers 404")
                registered[subject] = schema_id
        return registered

    def _register(self, subject: str, version: Mapping[str, object]) -> int:
        self._client.set_compatibility(subject_name=subject, level="FULL_TRANSITIVE")
        return self._client.register_schema(subject, Schema(json.dumps(version), "AVRO"))

    def _ask(self, question: Callable[[], Answer], subject: str) -> Answer | None:
        """The registry's answer; None where it has not found what was asked for."""
        try:
            return question()
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                return None
            if error.http_status_code in _REFUSED:
                raise DefinitionError([f"{subject}: {error.error_message}"]) from error
            raise SchemaStoreUnavailableError(f"the schema registry {self._url}: {error}") from error
        except (HTTPError, OSError) as error:
            raise SchemaStoreUnavailableError(f"the schema registry {self._url} does not answer: {error}") from error


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
                both = f"forms {other.form.name} and {form.name} have versions that differ but share the id"
                remedy = "change the order of a field or a logical type back"
                raise DefinitionError([f"{definition.folder}: {both} {schema.schema_id}; {remedy}"])
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
    walk([field["type"] for field in fields])  # type: ignore[attr-defined]
    return canonical_form(schema), tuple(logical)


def _fingerprint_of(text: str | None) -> int:
    try:
        return fingerprint(json.loads(text or ""))
    except Exception:  # noqa: BLE001 - another record's schema, or none: no form of ours
        return -1
