"""Raw rows to messages: mapped, recoded, pseudonymised, validated and encoded (pure).

There are two ways to the same message. ``FormMapper.registrations`` takes one row and says everything
about it; it is what is meant. ``FormMapper.map`` takes a table and joins remembered bytes for the rows
about which there is no doubt, and asks the other for the rest. A test holds the one against the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, cast

from schemas.codec import form_schema, wire_header
from schemas.definition.mapping import FormMapping
from schemas.rules import Fault, compile_rules
from streams.publish.convert import BrokenRuleError
from streams.publish.errors import InputError
from streams.publish.fields import Together, fields_of
from streams.publish.slices import FORM_COLUMN, PREVIOUS_PATIENT_COLUMN, REFUSED_COLUMNS, REFUSED_TEXT, is_absent

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from schemas.definition.form import Form
    from schemas.definition.registry import RegistryDefinition
    from schemas.identity import PseudonymKey
    from streams.publish.fields import Pseudonym
    from streams.publish.slices import Slice, Table

LARGEST_MESSAGE = 900_000
"""Bytes of a registration; a broker takes a megabyte unless it is told otherwise."""

_REMEMBERED_PATIENTS = 100_000

Faults = tuple[Fault, ...]


@dataclass(slots=True)
class Mapped:
    """What a slice became, in the order of its rows.

    Attributes:
        rows: the row of each message; a row that was moved to another patient has two.
        keys: the messages' keys, pseudonyms.
        values: the messages in the wire format.
        refused: the faults of each row that was refused here.
    """

    rows: list[int] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    refused: dict[int, Faults] = field(default_factory=dict)

    def after(self, row: int) -> Mapped:
        """The messages of later rows than this one; the refusals stay."""
        if not self.rows or self.rows[0] > row:
            return self
        return self._chosen([place for place, own in enumerate(self.rows) if own > row])

    def add(self, row: int, key: bytes, value: bytes) -> None:
        """One message more."""
        self.rows.append(row)
        self.keys.append(key)
        self.values.append(value)

    @classmethod
    def merged(cls, parts: Sequence[Mapped]) -> Mapped:
        """Several forms' messages in the order of the rows."""
        whole = cls()
        for part in parts:
            whole.rows += part.rows
            whole.keys += part.keys
            whole.values += part.values
            whole.refused.update(part.refused)
        return whole._chosen(sorted(range(len(whole.rows)), key=whole.rows.__getitem__))

    def _chosen(self, places: list[int]) -> Mapped:
        return Mapped(
            [self.rows[place] for place in places],
            [self.keys[place] for place in places],
            [self.values[place] for place in places],
            self.refused,
        )


class FormMapper:
    """The rows of one form to its messages.

    Args:
        definition: the registry.
        form: one of its forms.
        mapping: where the form's fields come from.
        pseudonym: makes pseudonyms; None where there is no key, as patients are pseudonyms already.
        wire_id: asked once for the id on the wire of the form's present version.
        now_ms: the time of submission, in milliseconds since 1970.
        ignore_columns: whether columns that the form has no field for are left out in silence.
        decimal_comma: whether a comma in a number can only be a decimal comma.
    """

    def __init__(
        self,
        definition: RegistryDefinition,
        form: Form,
        *,
        mapping: FormMapping,
        pseudonym: Pseudonym | None,
        wire_id: Callable[[], int],
        now_ms: Callable[[], int],
        ignore_columns: bool = False,
        decimal_comma: bool = False,
    ) -> None:
        self.form = form
        self._now_ms = now_ms
        self._ignore_columns = ignore_columns
        self._wire_id = wire_id
        self._encode = form_schema(form, form.avro).encode
        self._rules = compile_rules(definition, form)
        self._patient = form.name_of("patient")
        self._retracted = form.name_of("retracted")
        self._fields = fields_of(definition, form, mapping, pseudonym, now_ms, decimal_comma=decimal_comma)
        self._together = Together(definition, form, self._fields, now_ms)
        by_name = {own.name: own for own in self._fields}
        self._to_pseudonym = by_name[self._patient].convert
        self._patient_place = 1 + list(by_name).index(self._patient)  # the header is before them
        self._labels = {"": "", **{name: own.label for name, own in by_name.items()}}
        columns = {own.column for own in self._fields if own.column is not None}
        self._known = frozenset(columns | {PREVIOUS_PATIENT_COLUMN, *REFUSED_COLUMNS})

    @cached_property
    def _header(self) -> bytes:
        return wire_header(self._wire_id())

    @property
    def known_columns(self) -> frozenset[str]:
        """The columns that mean something to this form."""
        return self._known

    def check_columns(self, columns: Mapping[str, Sequence[Any]], others: Container[str], *, all_there: bool) -> None:
        """Before the first row: that the form may be written, and has a field for every column.

        Args:
            columns: the first rows.
            others: the columns of the registry's other forms: they may be there, and a row that fills one is
                refused by itself. A column that every row fills is no slip.
            all_there: whether a column that is needed and missing now is missing in all rows.

        Raises:
            InputError: naming the columns.
        """
        _ = self._header
        unknown = [
            name or "(no name)"
            for name in self._unknown(columns)
            if name not in others or not any(map(is_absent, columns[name]))
        ]
        if unknown:
            raise InputError(
                f"form {self.form.name} has no field for: {', '.join(unknown)}. Map them, take them out, or say that "
                "they are to be left out (--ignore-columns)"
            )
        missing = [own.label for own in self._fields if own.column not in (None, *columns) and own.required]
        if all_there and missing:
            raise InputError(f"form {self.form.name} needs columns that are not there: {', '.join(missing)}")

    def map(self, table: Table) -> Mapped:
        """The messages of a table's rows, and the faults of those that are refused."""
        columns, count = table.columns, len(table.rows)
        pieces: list[Sequence[bytes]] = [[self._header] * count]
        doubtful = self._unusual(columns)
        for own in self._fields:
            column = columns.get(own.column) if own.column is not None else None
            made = [own.cells.piece(own.constant)] * count if column is None else own.cells.pieces(column)
            if own.cells.doubts:
                doubtful.update(place for place, piece in enumerate(made) if piece is None)
            pieces.append([piece or b"" for piece in made] if own.cells.doubts else cast("list[bytes]", made))
        doubtful.update(self._together.doubtful(columns, count, doubtful))
        values = list(map(b"".join, zip(*pieces, strict=True)))
        if max(map(len, values), default=0) > LARGEST_MESSAGE:
            doubtful.update(place for place, value in enumerate(values) if len(value) > LARGEST_MESSAGE)
        # A pseudonym has at most 39 characters, so its length takes one byte before it.
        keys = [piece[1:] for piece in pieces[self._patient_place]]
        mapped = Mapped(list(table.rows), keys, values)
        return self._without_doubt(table, mapped, doubtful) if doubtful else mapped

    def registrations(self, raw: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Faults]:
        """The registrations that one row means, in Avro's own numbers, or its faults.

        There are two where the row says whose it was before: a retraction there, a registration here.

        Raises:
            NoKeyError: a pseudonym is to be made without a key.
        """
        faults: list[Fault] = []
        registration: dict[str, Any] = {}
        for own in self._fields:
            try:
                registration[own.name] = own.convert(own.constant if own.column is None else raw.get(own.column))
            except BrokenRuleError as error:
                faults.append(Fault(own.label, str(error)))
        registrations = [registration]
        if not is_absent(previous := raw.get(PREVIOUS_PATIENT_COLUMN)):
            try:
                before = self._to_pseudonym(previous)
            except BrokenRuleError as error:
                faults.append(Fault(PREVIOUS_PATIENT_COLUMN, str(error)))
            else:
                registrations.insert(0, {**registration, self._patient: before, self._retracted: True})
                if before == registration.get(self._patient):
                    faults.append(Fault(PREVIOUS_PATIENT_COLUMN, "is the patient that it has now"))
        rule = f"is no column of form {self.form.name}"
        faults += [Fault(name, rule) for name in self._unknown(raw) if not is_absent(raw[name])]
        if not faults:
            now = self._now_ms()
            found = [fault for one in registrations for fault in self._rules(one, now)]
            faults = [Fault(self._labels[fault.field], fault.rule) for fault in found]
        return (registrations, ()) if not faults else ([], tuple(dict.fromkeys(faults)))

    def _without_doubt(self, table: Table, joined: Mapped, doubtful: set[int]) -> Mapped:
        """The messages joined, but for the rows in doubt, which are looked at whole."""
        mapped = Mapped()
        for place, row in enumerate(table.rows):
            if place not in doubtful:
                mapped.add(row, joined.keys[place], joined.values[place])
                continue
            registrations, faults = self.registrations({name: column[place] for name, column in table.columns.items()})
            messages = [(one[self._patient].encode(), self._header + self._encode(one)) for one in registrations]
            if any(len(value) > LARGEST_MESSAGE for _, value in messages):
                messages, faults = [], (Fault("", f"is larger than {LARGEST_MESSAGE:,} bytes"),)
            for key, value in messages:
                mapped.add(row, key, value)
            if faults:
                mapped.refused[row] = faults
        return mapped

    def _unusual(self, columns: Mapping[str, Sequence[Any]]) -> set[int]:
        """The places of rows that were moved, or that say something in columns that the form does not have."""
        names = self._unknown(columns)
        if PREVIOUS_PATIENT_COLUMN in columns:
            names.append(PREVIOUS_PATIENT_COLUMN)
        return {place for name in names for place, raw in enumerate(columns[name]) if not is_absent(raw)}

    def _unknown(self, columns: Iterable[str]) -> list[str]:
        return [] if self._ignore_columns else [name for name in columns if name not in self._known]


class RegistryMapper:
    """Slices of rows of any of a registry's forms to messages.

    Args:
        definition: the registry.
        mapping: the name of one of its mappings; None: columns are named as the fields, and patients
            are given by personal identity number.
        key: what patients become pseudonyms with.
        wire_id: the id on the wire of a form's present version; asked once for each form in use.
        now_ms: the time of submission, in milliseconds since 1970.
        ignore_columns: whether columns that a form has no field for are left out in silence.
        decimal_comma: whether a comma in a number can only be a decimal comma.

    Raises:
        InputError: there is no such mapping.
    """

    def __init__(
        self,
        definition: RegistryDefinition,
        *,
        mapping: str | None,
        key: PseudonymKey | None,
        wire_id: Callable[[str], int],
        now_ms: Callable[[], int],
        ignore_columns: bool = False,
        decimal_comma: bool = False,
    ) -> None:
        if mapping is not None and mapping not in definition.mappings:
            there = ", ".join(sorted(definition.mappings)) or "none"
            raise InputError(f"registry {definition.name} has no mapping {mapping}; there are: {there}")
        self._definition = definition
        self._mapping = definition.mappings[mapping] if mapping is not None else {}
        self._wire_id = wire_id
        self._options: dict[str, Any] = {
            # One memory for all forms: a pseudonym costs as much as all the rest of a row.
            "pseudonym": lru_cache(_REMEMBERED_PATIENTS)(key.pseudonym) if key else None,
            "now_ms": now_ms,
            "ignore_columns": ignore_columns,
            "decimal_comma": decimal_comma,
        }
        self._mappers: dict[str, FormMapper] = {}

    def mapper(self, form: str) -> FormMapper:
        """The mapper of one form.

        Raises:
            KeyError: the registry has no such form.
        """
        if form not in self._mappers:
            declared = self._definition.forms[form]
            mapping = self._mapping.get(form, FormMapping())
            self._mappers[form] = FormMapper(
                self._definition, declared, mapping=mapping, wire_id=partial(self._wire_id, form), **self._options
            )
        return self._mappers[form]

    def check_columns(self, first: Slice, *, tabular: bool) -> None:
        """That the columns of the first slice fit the forms; ``tabular``: that none is missing either.

        Raises:
            InputError: naming the columns.
        """
        tables = [table for table in first.tables if table.form in self._definition.forms]
        if not tables:
            return
        others = frozenset({REFUSED_TEXT}).union(*(self.mapper(form).known_columns for form in self._definition.forms))
        for table in tables:
            self.mapper(str(table.form)).check_columns(table.columns, others, all_there=tabular)

    def map(self, part: Slice) -> Mapped:
        """The messages of a slice in the order of its rows, and the faults of the rows refused."""
        mapped = [self._map_table(table) for table in part.tables]
        if part.broken:
            mapped.append(Mapped(refused={own.row: (Fault("", own.rule),) for own in part.broken}))
        return mapped[0] if len(mapped) == 1 else Mapped.merged(mapped)

    def _map_table(self, table: Table) -> Mapped:
        if table.form in self._definition.forms:
            return self.mapper(str(table.form)).map(table)
        rule = "is none of the registry's forms" if table.form else "is missing"
        return Mapped(refused=dict.fromkeys(table.rows, (Fault(FORM_COLUMN, rule),)))
