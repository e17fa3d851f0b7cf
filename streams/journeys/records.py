"""A registration as a journey keeps it: a list of its day, its version, its form, its id, and the fields spoken of.

Only fields that a definition mentions are kept, so journeys are small and quick to read; the rest is in
the archive. A retraction is the same list without fields, its day None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.codec import NotARegistrationError
from schemas.compiled import NotPlainAvroError
from schemas.compiled_reader import compile_reader
from schemas.store import known_versions
from streams.journeys.mentions import mentioned

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.codec import FormSchema
    from schemas.definition.form import Form
    from schemas.definition.registry import RegistryDefinition

Record = list[Any]
#: Where a record has what; the fields spoken of follow.
DAY, VERSION, FORM, ID, FIRST_FIELD = range(5)


class Records:
    """What records of a registry look like.

    Attributes:
        forms: the forms' names; a record names its form by its place among them.
        fields: by form, the fields kept, in their order behind ``FIRST_FIELD``.
        readers: by schema id, the function that makes a record of (payload, version, registration id); it raises
            NotARegistrationError where the payload is not what the schema says.
    """

    def __init__(self, definition: RegistryDefinition) -> None:
        self.forms = tuple(sorted(definition.forms))
        spoken_of = mentioned(definition)
        self.fields: dict[str, tuple[str, ...]] = {
            name: tuple(sorted(spoken_of[name] - _always_kept(form))) for name, form in definition.forms.items()
        }
        self.readers = {schema_id: self._reader(schema) for schema_id, schema in known_versions(definition).items()}

    def form_at(self, name: str) -> int:
        """A form's place."""
        return self.forms.index(name)

    def _reader(self, schema: FormSchema) -> Callable[[bytes, int, str], Record]:
        form = schema.form
        place, kept = self.form_at(form.name), self.fields[form.name]
        day, retracted = form.name_of("occurred_on"), form.name_of("retracted")
        wanted = (retracted, day, *kept)
        if schema.current:
            decode: Callable[[bytes], list[Any]] = compile_reader(schema.avro, fields=wanted)
        else:

            def decode(payload: bytes) -> list[Any]:
                said = schema.decode(payload)
                return [said[name] for name in wanted]

        def read(payload: bytes, version: int, registration_id: str) -> Record:
            try:
                said = decode(payload)
            except NotPlainAvroError as error:
                raise NotARegistrationError(str(error)) from error
            if said[0]:
                return [None, version, place, registration_id]
            said[0:2] = said[1], version, place, registration_id
            return said

        return read


def _always_kept(form: Form) -> set[str]:
    """Fields that stand at the head of every record."""
    return {form.name_of("occurred_on"), form.name_of("registration_id")}
