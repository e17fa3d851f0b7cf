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

# What a field's name must not say, for it would hold who a person is (the audit's fifth fault:
# needless names and addresses). Whole words between underscores, so `product_name` is free …
_IDENTITY_WORDS = re.compile(
    r"(^|_)(pnr|ssn|nin|samordningsnr|(national|personal|civic|social_security|identity|coordination)_?(id|nr|number)"
    r"|id_number|social_security|personal_identity|(given|first|middle|last|family|full|maiden|birth|person|patient"
    r"|contact|relative|next_of_kin|mother|father)_?names?|surname|forename|initials|namn|street|gata|zip|zipcode"
    r"|postcode|postal_code|phone|telephone|mobile|mobil|e_?mail|e_?post)(_|$)"
    # … and words that Swedish writes together with others, wherever they stand.
    r"|personn(ummer|r)|samordningsnummer|(f[o\u00f6]r|efter|patient|person)namn|add?ress|telefon|mobiln(ummer|r)"
    r"|postn(ummer|r)|epost"
)
_BARE_NAME = re.compile(r"names?")
_CODED_ROLES = ("unit", "product")
_checker: Any = ReaderWriterCompatibilityChecker  # published without types


def check(definition: RegistryDefinition) -> list[str]:
    """Everything that is wrong with a registry's forms, one line each; empty where nothing is."""
    waiting = [line for form in definition.forms.values() for line in unreleased(definition, form)]
    return release_problems(definition) + waiting


def release_problems(definition: RegistryDefinition) -> list[str]:
    """What must be put right before the forms as they stand may be released; one line each."""
    problems = [problem for form in definition.forms.values() for problem in _lint(definition, form)]
    for form in definition.forms.values():
        problems += _incompatibilities(definition, form)
    if problems:  # a collision would say the same again, less plainly
        return problems
    try:
        known_versions(definition)
    except DefinitionError as error:
        return error.problems
    return []


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
        if field.role in _CODED_ROLES and field.codes is None:
            yield f"{where}, field {field.name}: role {field.role} needs codes, or any {field.role} would be accepted"
        if _IDENTITY_WORDS.search(field.name) or _BARE_NAME.fullmatch(field.name):
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
            yield from (f"{where}: {reason}" for reason in _unreadable(reader, writer))
            yield from (f"{where}: {change}" for change in _changed_meanings(form, reader, writer))


def _unreadable(reader: Mapping[str, Any], writer: Mapping[str, Any]) -> Iterator[str]:
    """Why the reader cannot read what the writer wrote, field by field; Avro's checker judges the types."""
    theirs = {field["name"]: field["type"] for field in writer["fields"]}
    for field in reader["fields"]:
        where = f"field {field['name']}"
        if field["name"] in theirs:
            ours, written = parse(json.dumps(field["type"])), parse(json.dumps(theirs[field["name"]]))
            result = _checker().get_compatibility(ours, written)
            if result.compatibility is not SchemaCompatibilityType.compatible:
                yield f"{where}: {'; '.join(sorted(result.messages))}"
        elif "default" not in field:
            yield f"{where}: it is not in the other, and has no default"


def _changed_meanings(form: Form, reader: Mapping[str, Any], writer: Mapping[str, Any]) -> Iterator[str]:
    """What Avro allows and we do not: a date that becomes a number, a record that moves to another subject."""
    ours, theirs = (form_of(version, Path(f"{form.name}.avsc")) for version in (reader, writer))
    if ours.full_name != theirs.full_name:
        yield f"the record is {ours.full_name} in one and {theirs.full_name} in the other"
    kinds = {field.name: field.kind for field in theirs.fields}
    for field in ours.fields:
        pair = {field.kind, kinds.get(field.name, field.kind)}
        if len(pair) > 1 and pair & {"date", "timestamp"}:
            yield f"field {field.name} is {field.kind} in one and {kinds[field.name]} in the other"
