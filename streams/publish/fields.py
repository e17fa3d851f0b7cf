"""How each field of a form is filled from a row: column, converter, remembered bytes.

A record in Avro is its fields' bytes one after the other, so a field's bytes can be kept and joined with
others for the next row that has the same value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.codec import plain_schema
from schemas.compiled_writer import compile_writer
from schemas.definition.mapping import ColumnMapping
from schemas.identity import PSEUDONYM
from schemas.rules import compile_rules
from streams.publish.cells import Cells, Memo
from streams.publish.convert import BrokenRuleError, field_converter, no_default, text_of, verbatim
from streams.publish.errors import InputError, NoKeyError
from streams.publish.slices import is_absent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from schemas.compiled import AvroType
    from schemas.compiled_writer import Writer
    from schemas.definition.form import Form, FormField
    from schemas.definition.mapping import FormMapping
    from schemas.definition.registry import RegistryDefinition
    from schemas.identity import IdentityKind
    from schemas.rules import Rules
    from streams.publish.convert import Convert

    Clock = Callable[[], int]
    Pseudonym = Callable[[str, IdentityKind], str]


class Field(NamedTuple):
    """How one field of a form is filled.

    Attributes:
        name: the field's name.
        column: the column it comes from; None where it is the same for every row.
        constant: the raw value where it is the same for every row.
        convert: raw value to value in Avro's own numbers; BrokenRuleError where it cannot be one.
        cells: raw values to the field's bytes, for whole columns.
        noted: the converter again, where other fields' rules ask for its extremes.
    """

    name: str
    column: str | None
    constant: object
    convert: Convert
    cells: Cells
    noted: Noting | None

    @property
    def label(self) -> str:
        """The field's name, and the column's where it has another."""
        return self.name if self.column in (None, self.name) else f"{self.name} (column {self.column})"

    @property
    def required(self) -> bool:
        """Whether a row without a value for it is refused."""
        try:
            self.convert(self.constant)
        except BrokenRuleError:
            return True
        return False


def fields_of(
    definition: RegistryDefinition,
    form: Form,
    mapping: FormMapping,
    pseudonym: Pseudonym | None,
    now_ms: Clock,
    *,
    decimal_comma: bool,
) -> list[Field]:
    """The fields of a form in the order of its schema; the parameters are ``FormMapper``'s.

    Raises:
        InputError: the mapping fills a field twice.
    """
    source_texts = _source_texts(form, mapping)
    together = {own.name for own in _together(form)}
    fields = []
    for declared, avro in zip(form.fields, plain_schema(form.avro)["fields"], strict=True):
        mapped = mapping.fields.get(source_texts.get(declared.name, declared.name), ColumnMapping())
        column = None if mapped.constant is not None else mapped.column or declared.name
        if declared.name in source_texts:
            column = mapped.column or source_texts[declared.name]
            convert = _verbatim_converter(nullable=declared.nullable)
        elif declared.role == "patient":
            convert = _patient_converter(mapped, pseudonym)
        else:
            convert = field_converter(
                declared.kind,
                nullable=declared.nullable,
                repeated=declared.repeated,
                mapped=mapped,
                default=avro["default"] if "default" in avro else no_default(),
                decimal_comma=decimal_comma,
            )
        noted = Noting(convert) if declared.name in together else None
        convert = noted or convert
        cells = _cells(definition, form, declared, avro_type=avro["type"], convert=convert, now_ms=now_ms)
        fields.append(Field(declared.name, column, mapped.constant, convert, cells, noted))
    return fields


class Together:
    """The rule that needs several fields of a row: nothing lies before the year of birth.

    Where the earliest date so far goes with the latest year of birth so far, every row's does, and one
    look is enough for a slice. Else the slice's own extremes are looked at, and at last each row.
    """

    def __init__(self, definition: RegistryDefinition, form: Form, fields: list[Field], now_ms: Clock) -> None:
        declared = _together(form)
        self._fields = [own for own in fields if own.noted is not None]
        self._values = [Memo(_each(own.convert)) for own in self._fields]
        self._born = form.name_of("birth_year") if declared else ""
        self._retracted = form.name_of("retracted")
        self._rules = _rules_of(definition, form, declared)
        self._lists = any(own.repeated for own in declared)
        self._now_ms = now_ms

    def doubtful(self, columns: Mapping[str, Sequence[Any]], count: int, known: set[int]) -> list[int]:
        """The places where the fields may not go together, but for those known to be in doubt already."""
        places = [place for place in range(count) if place not in known] if self._fields else []
        if not places or self._fine({own.name: own.noted.extremes for own in self._fields if own.noted}):
            return []
        values: dict[str, list[Any]] = {}
        for own, remembered in zip(self._fields, self._values, strict=True):
            column = columns.get(own.column) if own.column is not None else None
            if column is None:
                values[own.name] = [own.convert(own.constant)] * len(places)
            else:
                values[own.name] = remembered.of([column[place] for place in places])
        if self._fine({name: _extremes(there) for name, there in values.items()}):
            return []
        now = self._now_ms()
        rows = (dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))
        return [
            place for place, row in zip(places, rows, strict=True) if self._rules({**row, self._retracted: False}, now)
        ]

    def _fine(self, extremes: Mapping[str, tuple[Any, Any]]) -> bool:
        """Whether the latest year of birth goes with the earliest of everything else; of lists nobody knows."""
        if self._lists:
            return False
        values = {name: highest if name == self._born else lowest for name, (lowest, highest) in extremes.items()}
        return not self._rules({**values, self._retracted: False}, self._now_ms())


class Noting:
    """A converter that remembers the lowest and the highest value that it ever gave."""

    def __init__(self, convert: Convert) -> None:
        self._convert = convert
        self.extremes: tuple[Any, Any] = (None, None)

    def __call__(self, raw: object) -> Any:  # noqa: ANN401 - as the field is
        """Convert, and remember."""
        value = self._convert(raw)
        lowest, highest = self.extremes
        if value is not None and (lowest is None or not lowest <= value <= highest):
            self.extremes = _extremes([lowest, highest, value])
        return value


def _each(one: Callable[[Any], Any]) -> Callable[[Collection[Any]], list[Any]]:
    return lambda raws: list(map(one, raws))


def _extremes(values: Iterable[Any]) -> tuple[Any, Any]:
    there = [value for value in values if value is not None]
    return min(there, default=None), max(there, default=None)


def _together(form: Form) -> list[FormField]:
    """The fields that the rule about births is about; none where the form has no year of birth."""
    born = form.field_with("birth_year")
    times = [own for own in form.fields if own.kind in ("date", "timestamp")]
    return [] if born is None else [born, *times]


def _source_texts(form: Form, mapping: FormMapping) -> dict[str, str]:
    """The fields that receive a text as it stood, and the fields that it was recoded for."""
    found: dict[str, str] = {}
    for name, mapped in mapping.fields.items():
        kept_in = mapped.keep_source_in
        if kept_in is None:
            continue
        if kept_in in mapping.fields or kept_in in found:
            raise InputError(f"form {form.name}, field {kept_in}: the mapping fills it twice")
        found[kept_in] = name
    return found


def _cells(
    definition: RegistryDefinition,
    form: Form,
    declared: FormField,
    *,
    avro_type: AvroType,
    convert: Convert,
    now_ms: Clock,
) -> Cells:
    """The field's bytes wherever the field by itself gives no reason to look at the row as a whole.

    What was found fine stays so: later is never more in the future.
    """
    encode = compile_writer(avro_type)
    if declared.role == "retracted":  # a retraction has rules of its own
        return Cells(_each(_or_doubt(convert, encode, lambda value: not value)))
    if declared.role == "patient":
        return Cells(_each(_or_doubt(convert, encode, PSEUDONYM.fullmatch)))
    name, retracted = declared.name, form.name_of("retracted")
    rules = _rules_of(definition, form, [declared])
    # A list's rule is that of each item, so many values can be asked about as if they were one list.
    role = None if declared.role == "birth_year" else declared.role  # a list of them is nobody's year of birth
    as_list = declared.model_copy(update={"repeated": True, "nullable": False, "role": role})
    rules_of_many = rules if declared.repeated else _rules_of(definition, form, [as_list])
    one_by_one = _each(_or_doubt(convert, encode, lambda value: not rules({retracted: False, name: value}, now_ms())))

    def make(raws: Collection[object]) -> list[bytes | None]:
        try:
            values = list(map(convert, raws))
        except BrokenRuleError:
            return one_by_one(raws)
        if declared.repeated:
            there = [item for value in values for item in value]
        else:
            there = [value for value in values if value is not None]
        if rules_of_many({retracted: False, name: there}, now_ms()):
            return one_by_one(raws)
        return list(map(encode, values))

    return Cells(make)


def _or_doubt(convert: Convert, encode: Writer, fine: Callable[[Any], object]) -> Callable[[object], bytes | None]:
    """One raw value to its bytes, or None where there is doubt about it."""

    def make(raw: object) -> bytes | None:
        try:
            value = convert(raw)
        except BrokenRuleError:
            return None
        return encode(value) if fine(value) else None

    return make


def _rules_of(definition: RegistryDefinition, form: Form, fields: Iterable[FormField]) -> Rules:
    """The rules about some of a form's fields alone."""
    given = {own.name: own for own in fields}
    retracted = form.field_with("retracted")
    chosen = [given.get(own.name, own) for own in form.fields if own.name in given or own == retracted]
    return compile_rules(definition, form.model_copy(update={"fields": tuple(chosen)}))


def _patient_converter(mapped: ColumnMapping, pseudonym: Pseudonym | None) -> Convert:
    """Whatever names a patient to the pseudonym.

    A pseudonym is no personal identity number, so among those it can stay as it is.
    """
    kind = mapped.identity

    def convert(raw: object) -> str:
        if is_absent(raw):
            raise BrokenRuleError("is missing")
        identity = text_of(raw)
        if kind == "pseudonym" or (kind == "personal_identity_number" and PSEUDONYM.fullmatch(identity)):
            return identity
        if pseudonym is None:
            raise NoKeyError(
                f"patients are given by {kind.replace('_', ' ')}, and there is no key to make pseudonyms with: "
                "publish where the controller's key is (`guldadra keys create` makes one)"
            )
        try:
            return pseudonym(identity, kind)
        except ValueError as error:
            raise BrokenRuleError(f"is {error}") from None

    return convert


def _verbatim_converter(*, nullable: bool) -> Convert:
    def convert(raw: object) -> str | None:
        if not is_absent(raw):
            return verbatim(raw)
        if nullable:
            return None
        raise BrokenRuleError("is missing")

    return convert
