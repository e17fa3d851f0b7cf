"""What `guldadra schemas check` refuses: forms that others could not read, or that should not be.

Compatibility is FULL_TRANSITIVE: every version reads what every other wrote. The resolution rules are
the Avro specification's, as Apache Avro's own checker applies them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas.codec import canonical_form
from schemas.definition.errors import DefinitionError
from schemas.definition.form import form_of
from schemas.store import known_versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.definition.form import Form
    from schemas.definition.registry import RegistryDefinition

# Words of a field's name that say it would hold who a person is (the audit's fifth fault:
# needless names and addresses). Whole words between underscores, so `product_name` is free.
_IDENTITY_WORDS = re.compile(
    r"(^|_)(personnummer|personnr|pnr|ssn|samordningsnummer|national_id|civic_number|given_name|first_name"
    r"|surname|last_name|family_name|full_name|patient_name|maiden_name|fornamn|efternamn|namn|address|adress"
    r"|street|gata|postcode|postnummer|zip|phone|telephone|telefon|mobile|mobil|e_?mail|e_?post)(_|$)"
)
_BARE_NAME = re.compile(r"^(name|person_name)$")


def check(definition: RegistryDefinition) -> list[str]:
    """Everything that is wrong with a registry's forms, one line each; empty where nothing is."""
    problems = [problem for form in definition.forms.values() for problem in _lint(definition, form)]
    for form in definition.forms.values():
        problems += _incompatibilities(definition, form)
        problems += unreleased(definition, form)
    try:
        known_versions(definition)
    except DefinitionError as error:
        problems += error.problems
    return problems


def unreleased(definition: RegistryDefinition, form: Form) -> list[str]:
    """A line where the form as it stands is not its last released version, else none.

    Only what is released may be published: an edit of an unreleased form would make what was
    published with it unreadable.
    """
    released = definition.released.get(form.name, ())
    if released and canonical_form(released[-1]) == canonical_form(form.avro):
        return []
    what = "has changed since its last release" if released else "has never been released"
    return [f"{definition.name}, form {form.name}: {what}; run `guldadra schemas release {definition.name}`"]


def _lint(definition: RegistryDefinition, form: Form) -> Iterator[str]:
    where = f"{definition.name}, form {form.name}"
    if not form.doc:
        yield f"{where}: the record has no doc"
    for field in form.fields:
        if not field.doc.strip():
            yield f"{where}, field {field.name}: has no doc"
        if field.role != "patient" and (_IDENTITY_WORDS.search(field.name) or _BARE_NAME.match(field.name)):
            yield f"{where}, field {field.name}: would hold a name, an address or an identity number; leave it out"


def _incompatibilities(definition: RegistryDefinition, form: Form) -> Iterator[str]:
    versions: list[tuple[str, Mapping[str, Any]]] = [
        (f"released version {number}", version)
        for number, version in enumerate(definition.released.get(form.name, ()), start=1)
    ]
    versions.append(("the present version", form.avro))
    for reader_name, reader in versions:
        for writer_name, writer in versions:
            if reader is writer:
                continue
            where = f"{definition.name}, form {form.name}: {reader_name} cannot read {writer_name}"
            result = ReaderWriterCompatibilityChecker().get_compatibility(
                parse(json.dumps(reader)), parse(json.dumps(writer))
            )
            if result.compatibility is not SchemaCompatibilityType.compatible:
                reasons = "; ".join(sorted(result.messages))
                places = ", ".join(_place(reader, location) for location in sorted(result.locations))
                yield f"{where}: {reasons} (at {places})"
            yield from (f"{where}: {change}" for change in _logical_changes(form, reader, writer))


def _place(reader: Mapping[str, Any], location: str) -> str:
    """The field that a location such as ``/fields/3/type`` of Avro's checker means."""
    match = re.match(r"/?fields/(\d+)", location.lstrip("/"))
    return f"field {reader['fields'][int(match[1])]['name']}" if match else (location or "the record")


def _logical_changes(form: Form, reader: Mapping[str, Any], writer: Mapping[str, Any]) -> Iterator[str]:
    """Avro lets a date become a number; the meaning would be lost all the same."""
    kinds = {}
    for version in (reader, writer):
        kinds[id(version)] = {
            field.name: field.kind for field in form_of(dict(version), Path(f"{form.name}.avsc")).fields
        }
    ours, theirs = kinds[id(reader)], kinds[id(writer)]
    for name in sorted(ours.keys() & theirs.keys()):
        pair = {ours[name], theirs[name]}
        if len(pair) > 1 and pair & {"date", "timestamp"}:
            yield f"field {name} is {ours[name]} in one and {theirs[name]} in the other"
