"""Any case safety report that ICH's table and rules allow, drawn at random."""

from __future__ import annotations

import string
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from sinks.agency.icsr import model, values
from sinks.agency.icsr.elements import elements
from sinks.agency.icsr.values import Attachment, MeddraTerm, Moment, Quantity, Term, TestValue
from tests.icsr_cases import CREATED

if TYPE_CHECKING:
    from random import Random

    from sinks.agency.icsr.elements import Element
    from sinks.agency.icsr.model import Case, Place

_LETTERS = string.ascii_letters + string.digits + " åäöÅÄÖ<>&\"'\t\n\r]]>;%ßЖ漢😀\u00a0\ufffd"
_FIRST = date(1930, 1, 1)
_DAYS = (date(2026, 2, 20) - _FIRST).days
_OFFSETS = ("", "", "+0100", "-0530", "+14", "-1200")
_FORMS = ("%Y", "%Y%m", "%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S")


def any_case(random: Random) -> Case:
    """A case that may be sent: each section and element there or not, filled up to its length now and then."""
    drawing = _Drawing(random)
    return _lawful(random, drawing, drawing.section(model.Case))


class _Drawing:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._fullness = random.choice((0.1, 0.4, 0.8))
        self._version = random.choice(("28.0", "9.1"))

    def section(self, kind: Any) -> Any:
        """One of the model's sections, with something in it."""
        hints = get_type_hints(kind, vars(model), {**vars(values), "Decimal": Decimal})
        drawn: dict[str, Any] = {}
        for one in fields(kind):
            place: Place | None = one.metadata.get("place")
            if place is not None:
                drawn[one.name] = self._field(place, get_args(hints[one.name]))
        made = kind(**drawn) if kind is not model.DrugReaction else kind(reaction=0, **drawn)
        return made if any(value is not None and value != () for value in drawn.values()) else self.section(kind)

    def _field(self, place: Place, types: tuple[Any, ...]) -> Any:
        parts = {part: elements()[number] for part, number in place.elements.items()}
        needed = any(element.conformance == "mandatory" for element in parts.values())
        repeats = types[-1:] == (...,)
        if not needed and self._random.random() > self._fullness:
            return () if repeats else None
        inner = next((kind for kind in types if isinstance(kind, type) and is_dataclass(kind)), None)
        if repeats:
            count = self._random.choice((1, 1, 2, 3))
            return tuple(self._value(parts, inner) if parts else self.section(inner) for _ in range(count))
        return self.section(inner) if place.section and inner else self._value(parts, inner)

    def _value(self, parts: dict[str, Element], inner: type[Any] | None) -> Any:
        element = next(iter(parts.values()))
        if element.null_flavors and inner is not TestValue and self._random.random() < 0.3:
            return self._random.choice(sorted(element.null_flavors, key=lambda flavor: flavor.value))
        if inner is Quantity:
            return Quantity(self._number(parts["value"]), self._text(parts["unit"]))
        if inner is TestValue:
            sign = self._random.choice((1, -1))
            comparison = self._random.choice(_COMPARISONS)
            return TestValue(sign * self._number(parts["value"]), self._text(parts["unit"]), comparison)
        if inner is MeddraTerm:
            return MeddraTerm(f"{self._random.randrange(10**8):08}", self._version)
        if inner is Term:
            system = None if parts["code"].number in _ONE_SYSTEM else self._random.choice((None, "1.2.3.4"))
            return Term(self._text(parts["code"]), self._text(parts["version"]), system)
        return self._plain(element)

    def _plain(self, element: Element) -> Any:
        if element.data_type == "TS":
            return self._moment(element)
        if element.data_type == "BL":
            return True if element.values else self._random.choice((True, False))
        if element.data_type == "ED":
            name = self._random.choice((None, "a & b.pdf"))
            content = self._random.randbytes(self._random.choice((1, 50)))
            return Attachment(content, "application/pdf", name, self._random.choice((None, "DF")))
        if element.number in {"F.r.4", "F.r.5", "D.3", "D.4", "D.10.4", "D.10.5"}:
            return self._number(element)
        return self._text(element)

    def _moment(self, element: Element) -> Moment:
        least = values.PRECISIONS.index(element.precision or "year")
        form = self._random.choice(_FORMS[least:])
        when = _FIRST + timedelta(days=self._random.randrange(_DAYS))
        text = when.strftime(form).replace("%H", "23")
        return Moment(text + self._random.choice(_OFFSETS) if "%d" in form else text)

    def _number(self, element: Element) -> Decimal:
        longest = min(element.max_length or 8, 12)
        digits = str(self._random.randrange(10 ** self._random.randint(1, longest)))
        if element.number in {"D.4", "D.10.5"} or len(digits) > longest - 2 or self._random.random() < 0.5:
            return Decimal(digits)
        return Decimal(f"{digits}.{self._random.randrange(10)}")

    def _text(self, element: Element) -> str:
        if element.values:
            return self._random.choice(element.values)
        systems = element.code_systems
        if "1.0.3166.1.2.2" in systems:
            return self._random.choice(("SE", "EU", "US", "ZA"))
        if "1.0.639.2" in systems:
            return self._random.choice(("swe", "eng", "jpn"))
        if "(unit)" in element.name:
            return self._random.choice(("mg", "{DF}", "mg/kg", "%", "[iU]"))
        longest = element.max_length or 1
        length = longest if self._random.random() < 0.05 else self._random.randint(1, min(longest, 30))
        return "".join(self._random.choices(_LETTERS, k=length - 1)) + self._random.choice(string.ascii_letters)


_COMPARISONS: tuple[Literal["=", "<", "<=", ">", ">="], ...] = ("=", "<", "<=", ">", ">=")
_ONE_SYSTEM = {"D.8.r.3b", "D.10.8.r.3b", "G.k.2.1.2b"}


def _lawful(random: Random, drawing: _Drawing, case: Case) -> Case:
    """The same case, with what the conditional rules ask for."""
    sources = tuple(map(_source, case.sources)) or (model.PrimarySource(),)
    sources = tuple(replace(source, primary=None) for source in sources)
    first = replace(sources[0], primary="1", country="SE", qualification="5")
    reactions = tuple(map(_reaction, case.reactions)) or (_reaction(drawing.section(model.Reaction)),)
    drugs = case.drugs or (drawing.section(model.Drug),)
    drugs = (replace(drugs[0], role="1"), *drugs[1:])
    study = case.study or model.Study(kind="1")
    received, recent = sorted(_days(random, 2))
    return replace(
        case,
        report_id=f"SE-GULD-{random.randrange(10**9)}",
        worldwide_id=f"EU-OTHER-{random.randrange(10**9)}-A",
        created=CREATED,
        first_received=Moment(received),
        most_recent=Moment(recent),
        documents=tuple(replace(one, description=one.description or "A document") for one in case.documents),
        documents_available=bool(case.documents),
        other_identifiers=tuple(
            replace(one, source=one.source or "A", identifier=one.identifier or "B") for one in case.other_identifiers
        ),
        other_identifiers_exist=True if case.other_identifiers else values.NullFlavor.NI,
        nullification=case.nullification or "1",
        nullification_reason=case.nullification_reason or "A duplicate.",
        sources=(first, *sources[1:]),
        sender=_sender(case.sender or model.Sender(kind="1")),
        study=replace(study, kind=study.kind or "3"),
        patient=_patient(case.patient or model.Patient(name="AB")),
        reactions=reactions,
        tests=tuple(map(_test, case.tests)),
        drugs=tuple(_drug(random, drug, len(reactions)) for drug in drugs),
        summaries=tuple(replace(one, text=one.text or "A", language=one.language or "swe") for one in case.summaries),
    )


def _days(random: Random, count: int) -> list[str]:
    return [f"{_FIRST + timedelta(days=random.randrange(_DAYS)):%Y%m%d}" for _ in range(count)]


def _source(source: model.PrimarySource) -> model.PrimarySource:
    return replace(source, given_name=source.given_name or values.NullFlavor.NASK)


def _sender(sender: model.Sender) -> model.Sender:
    return replace(sender, organisation=sender.organisation or "A register", given_name=sender.given_name or "Eva")


def _ordered(section: Any) -> Any:
    start, end = section.start, section.end
    if isinstance(start, Moment) and isinstance(end, Moment) and end.day()[1] < start.day()[0]:
        return replace(section, start=end, end=start)
    return section


def _product(drug: Any) -> Any:
    return replace(drug, phpid=None) if drug.mpid is not None else drug


def _patient(patient: model.Patient) -> model.Patient:
    death, parent = patient.death, patient.parent
    if death is not None:
        causes = tuple(replace(cause, text=cause.text or "Sepsis") for cause in death.autopsy_causes)
        death = replace(
            death, autopsy=True if causes or death.autopsy is None else death.autopsy, autopsy_causes=causes
        )
    if parent is not None:
        parent = replace(
            parent,
            birth_date=None if parent.age is not None else parent.birth_date,
            sex=parent.sex or "1",
            conditions=tuple(_ordered(one) for one in parent.conditions if one.term),
            past_drugs=tuple(_ordered(_product(drug)) for drug in parent.past_drugs),
        )
    return replace(
        patient,
        sex="2",
        history=patient.history or "None",
        conditions=tuple(_ordered(one) for one in patient.conditions if one.term),
        past_drugs=tuple(_ordered(_product(replace(drug, name=drug.name or "A drug"))) for drug in patient.past_drugs),
        death=death,
        parent=parent,
    )


def _reaction(reaction: model.Reaction) -> model.Reaction:
    language = (reaction.native_language or "swe") if reaction.native_text else None
    made: model.Reaction = _ordered(replace(reaction, native_language=language))
    return made


def _test(test: model.Test) -> model.Test:
    measured = test.value is not None
    return replace(
        test,
        date=test.date or values.NullFlavor.UNK,
        name=test.name or "A test",
        result=None if measured else test.result or "Normal",
    )


def _drug(random: Random, drug: model.Drug, reactions: int) -> model.Drug:
    chosen = sorted(random.sample(range(reactions), min(reactions, len(drug.matrix))))
    made: model.Drug = _product(
        replace(
            drug,
            authorisation_country=drug.authorisation_country or ("SE" if drug.authorisation else None),
            dosages=tuple(map(_ordered, drug.dosages)),
            matrix=tuple(replace(entry, reaction=at) for entry, at in zip(drug.matrix, chosen, strict=False)),
        )
    )
    return made
