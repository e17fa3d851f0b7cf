"""One submission, one verdict: accepted with what others need of it, or refused with every fault found.

Pure but for the schema store's answer. Nothing that a sender can put on the topic may raise here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.codec import NotARegistrationError, split_wire
from schemas.rules import Fault, compile_rules

if TYPE_CHECKING:
    from schemas.codec import FormSchema
    from schemas.definition.registry import RegistryDefinition
    from schemas.rules import Rules
    from schemas.store import SchemaStore

MAX_REGISTRATION_BYTES = 256 * 1024


class Accepted(NamedTuple):
    """What the inside of the platform needs of an accepted submission."""

    form: str
    schema_id: int
    patient: str
    registration_id: str
    payload: bytes


Refused = list[Fault]


class _Reading(NamedTuple):
    """How to read and judge submissions with one id on the wire."""

    schema: FormSchema
    rules: Rules
    patient: str
    registration_id: str


class Judge:
    """Decides on one registry's submissions."""

    def __init__(
        self, definition: RegistryDefinition, store: SchemaStore, *, max_bytes: int = MAX_REGISTRATION_BYTES
    ) -> None:
        self._definition = definition
        self._store = store
        self._max_bytes = max_bytes
        self._readings: dict[int, _Reading] = {}

    def decide(self, key: bytes | None, message: bytes | None, submitted_at: int) -> Accepted | Refused:
        """The verdict on one message of ``submitted.<registry>``.

        Args:
            key: the message's key, which must be the patient's pseudonym.
            message: wire format header and Avro.
            submitted_at: the broker's time of the message, milliseconds since 1970.

        Raises:
            SchemaStoreUnavailableError: whether the schema is known cannot be told now.
        """
        if self._definition.registry.controller is None:
            return [Fault("", "the registry has no controller: nobody is answerable, so nothing is accepted")]
        if not key:
            return [Fault("", "the message has no key: it must be the patient's pseudonym")]
        if message is not None and len(message) > self._max_bytes:
            return [Fault("", f"the message is larger than {self._max_bytes} bytes")]
        try:
            wire_id, payload = split_wire(message)
            reading = self._readings.get(wire_id) or self._reading(wire_id)
            registration = reading.schema.decode(payload)
        except NotARegistrationError as error:
            return [Fault("", str(error))]
        patient: str = registration[reading.patient]
        faults = reading.rules(registration, submitted_at)
        if key != patient.encode():
            faults.append(Fault(reading.patient, "is not the message's key"))
        if faults:
            return faults
        return Accepted(
            reading.schema.form.name, reading.schema.schema_id, patient, registration[reading.registration_id], payload
        )

    def _reading(self, wire_id: int) -> _Reading:
        schema = self._store.schema_of(self._definition.name, wire_id)
        if schema is None:
            raise NotARegistrationError(f"schema id {wire_id} is not a version of any form of this registry")
        form = schema.form
        rules = compile_rules(self._definition, form)
        reading = _Reading(schema, rules, form.name_of("patient"), form.name_of("registration_id"))
        self._readings[wire_id] = reading
        return reading
