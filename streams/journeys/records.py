"""A registration as a journey keeps it: a list that begins with its day, when it was recorded, its form and its id.

Lists in their order are registrations in theirs: by their day, those of one day as they were recorded. When they were
submitted does not matter; else one that is sent twice would change places, and with it what comes of the journey.
Behind the head stand only the fields that a definition mentions, so journeys are small and quick to read; the rest is
in the archive. A retraction is the same list without fields, its day None.
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
DAY, RECORDED, FORM, ID, FIRST_FIELD = range(5)
DAY_MS = 86_400_000
NEVER = 1 << 40
"""A day that does not come."""


class Records:
    """What records of a registry look like.

    Attributes:
        forms: the forms' names; a record names its form by its place among them.
        fields: by form, the fields kept, in their order behind ``FIRST_FIELD``.
        readers: by schema id, the function that makes a record of (payload, registration id); it raises
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

    def _reader(self, schema: FormSchema) -> Callable[[bytes, str], Record]:
        form = schema.form
        place, kept = self.form_at(form.name), self.fields[form.name]
        head = [form.name_of(role) for role in ("retracted", "occurred_on", "recorded_at")]
        wanted = (*head, *kept)
        if schema.current:
            decode: Callable[[bytes], list[Any]] = compile_reader(_with_recurring_codes(form), fields=wanted)
        else:

            def decode(payload: bytes) -> list[Any]:
                said = schema.decode(payload)
                return [said[name] for name in wanted]

        def read(payload: bytes, registration_id: str) -> Record:
            try:
                said = decode(payload)
            except NotPlainAvroError as error:
                raise NotARegistrationError(str(error)) from error
            retracted, day, recorded = said[:3]
            if retracted:
                return [None, recorded, place, registration_id]
            said[:3] = day, recorded, place, registration_id
            return said

        return read


def _with_recurring_codes(form: Form) -> dict[str, Any]:
    """The form's schema, whose coded texts are said to recur: few different ones, read again and again."""
    coded = {field.name for field in form.fields if field.codes is not None and not field.repeated}
    recurring = {"type": "string", "recurring": True}

    def said(declared: dict[str, Any]) -> dict[str, Any]:
        kind = declared["type"]
        of_codes = [recurring if one == "string" else one for one in kind] if isinstance(kind, list) else recurring
        return {**declared, "type": of_codes}

    return {**form.avro, "fields": [said(one) if one["name"] in coded else one for one in form.avro["fields"]]}


def _always_kept(form: Form) -> set[str]:
    """Fields that stand at the head of every record."""
    return {form.name_of(role) for role in ("occurred_on", "recorded_at", "registration_id")}
