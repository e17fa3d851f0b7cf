"""The narrative of a case (H.1), told of its data, in English and in Swedish.

What identifies somebody is never told: names, initials, record numbers, days of birth and addresses are not looked at,
ages of 90 years and more are not told apart, and words of a reporter in which any of these stands, or a personal
identity number, are left out. Whoever drafts may write another narrative, or add to this one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from schemas.identity import hides_identity_number
from sinks.agency.icsr.elements import elements
from sinks.agency.icsr.model import Patient, Summary
from sinks.agency.icsr.narrative_words import WORDS
from sinks.agency.icsr.values import Moment, NullFlavor, Quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sinks.agency.icsr.model import Case, Dosage, Drug, Reaction, Test
    from sinks.agency.icsr.narrative_words import Language, Words
    from sinks.agency.icsr.values import MeddraTerm

_OLDEST_TOLD = 90  # years
_BRIEFEST_NAME = 2  # letters; one alone stands in any text
_SERIOUSNESS = {
    "a": "death",
    "b": "life_threatening",
    "c": "hospitalisation",
    "d": "disabling",
    "e": "congenital_anomaly",
    "f": "medically_important",
}


def narrative(case: Case, language: Language, term_names: Mapping[str, str]) -> str:
    """A case told, a paragraph for the report, the patient, the drugs, the reactions and what else is known.

    Args:
        case: with its data.
        language: of the text.
        term_names: of MedDRA's terms by code, in that language; a term without one is told by its code.
    """
    teller = _Teller(case, WORDS[language], term_names)
    longest = elements()["H.1"].max_length or 0
    told: list[str] = []
    length = len(teller.words.rest)
    for paragraph in teller.paragraphs():
        length += len(paragraph) + 1
        if length > longest:
            told.append(teller.words.rest)
            break
        told.append(paragraph)
    return "\n".join(told)


def with_narrative(case: Case, term_names: Callable[[Language], Mapping[str, str]]) -> Case:
    """The case with its narrative in English (H.1), and in Swedish as the summary in its own language (H.5.r)."""
    swedish = Summary(narrative(case, "sv", term_names("sv")), "swe")
    others = tuple(one for one in case.summaries if one.language != "swe")
    return replace(case, narrative=narrative(case, "en", term_names("en")), summaries=(*others, swedish))


class _Teller:
    def __init__(self, case: Case, words: Words, term_names: Mapping[str, str]) -> None:
        self.words = words
        self._case = case
        self._patient = case.patient or Patient()
        self._names = term_names
        self._hidden = _identifying(case)

    def paragraphs(self) -> Iterator[str]:
        for sentences in (self._report, self._person, self._drugs, self._reactions, self._rest):
            paragraph = " ".join(sentences())
            if paragraph:
                yield paragraph

    def _report(self) -> Iterator[str]:
        case, words = self._case, self.words
        told = dict.fromkeys(words.sources[_code(source.qualification)] for source in case.sources)
        kind = words.report.get(case.report_type or "", words.report["4"])
        sources = words.and_.join(told) or words.sources[None]
        yield words.received.format(kind, sources, _date(case.first_received) or "?")
        if case.most_recent is not None and case.most_recent != case.first_received:
            yield words.followed_up.format(_date(case.most_recent))

    def _person(self) -> Iterator[str]:
        patient, words = self._patient, self.words
        sex = words.sexes.get(_code(patient.sex), words.sexes[None])
        yield words.patient.format(sex + self._age() + words.age_groups.get(patient.age_group or "", ""))
        known = [name for one in patient.conditions if (name := self._term(one.term))]
        if isinstance(patient.history, str):
            known.append(self._quoted(patient.history))
        if known:
            yield words.history.format("; ".join(known))

    def _age(self) -> str:
        age = self._patient.age
        if age is None or age.value is None:
            return ""
        if (age.unit == "a" and age.value >= _OLDEST_TOLD) or (age.unit == "10.a" and age.value * 10 >= _OLDEST_TOLD):
            return self.words.oldest
        whole = age.value.to_integral_value() if age.unit == "a" else age.value
        return self.words.age.format(self._amount(replace(age, value=whole)))

    def _drugs(self) -> Iterator[str]:
        for drug in sorted(self._case.drugs, key=lambda one: one.role == "2"):
            yield self.words.drug.format(self.words.roles.get(drug.role or "", "?"), self._drug(drug))
            if drug.action is not None and drug.role != "2":
                done = self.words.actions.get(drug.action, self.words.actions["0"])
                yield self.words.action.format(self._name(drug), done)

    def _drug(self, drug: Drug) -> str:
        reasons = [
            self._term(one.term) or self._quoted(one.text) for one in drug.indications if one.term or _code(one.text)
        ]
        lots = list(dict.fromkeys(one.lot for one in drug.dosages if one.lot))
        told = [
            self._name(drug),
            *map(self._dosage, drug.dosages),
            self.words.for_.format(self.words.and_.join(reasons)) if reasons else "",
            *(self.words.lot.format(lot) for lot in lots),
            self.words.no_lot if drug.role == "1" and not lots else "",
        ]
        return ", ".join(filter(None, told))

    def _dosage(self, one: Dosage) -> str:
        words = self.words
        start, end = _date(one.start), _date(one.end)
        told = [
            self._amount(one.dose),
            self._interval(one.interval),
            words.from_.format(start) if start else "",
            words.until.format(end) if end else "",
        ]
        return " ".join(filter(None, told))

    def _interval(self, interval: Quantity | None) -> str:
        timeless = None if interval is None else self.words.intervals.get(interval.unit or "")
        if interval is None or timeless is None:
            return self.words.every.format(self._amount(interval)) if self._amount(interval) else ""
        return timeless if interval.value is None else f"{interval.value:f} {timeless}"

    def _reactions(self) -> Iterator[str]:
        for index, reaction in enumerate(self._case.reactions):
            yield self.words.reaction.format(self._reaction(reaction, index))
        for drug in self._case.drugs:
            for entry in drug.matrix:
                if 0 <= entry.reaction < len(self._case.reactions):
                    name = self._reaction_name(self._case.reactions[entry.reaction])
                    again = self.words.recurrences.get(entry.recurrence or "")
                    if again is not None:
                        yield self.words.recurrence.format(self._name(drug), name, again)
                    for assessment in entry.assessments:
                        judged = [part for part in (assessment.result, assessment.method, assessment.source) if part]
                        if judged:
                            yield self.words.assessed.format(self._name(drug), name, ", ".join(map(self._safe, judged)))

    def _reaction(self, reaction: Reaction, index: int) -> str:
        words = self.words
        serious = [
            words.seriousness[letter] for letter, name in _SERIOUSNESS.items() if getattr(reaction, name) is True
        ]
        lasted = self._amount(reaction.duration)
        told = [
            self._reaction_name(reaction),
            self._quoted(reaction.native_text) if self._term(reaction.term) else "",
            words.from_.format(_date(reaction.start)) if _date(reaction.start) else "",
            words.until.format(_date(reaction.end)) if _date(reaction.end) else "",
            f"({lasted})" if lasted else "",
            *(
                words.after.format(self._amount(entry.since_start), self._name(drug))
                for drug in self._case.drugs
                for entry in drug.matrix
                if entry.reaction == index and self._amount(entry.since_start)
            ),
            words.serious.format(", ".join(serious)) if serious else words.not_serious,
            words.outcome.format(words.outcomes.get(reaction.outcome or "", words.outcomes["0"])),
        ]
        return ", ".join(filter(None, told))

    def _reaction_name(self, reaction: Reaction) -> str:
        return self._term(reaction.term) or f"{self._quoted(reaction.native_text)} ({self.words.uncoded})"

    def _rest(self) -> Iterator[str]:
        words = self.words
        for test in self._case.tests:
            result = self._result(test)
            name = self._term(test.term, test.name)
            if result and name:
                yield words.test.format(f"{name} {_date(test.date)}".strip(), result)
        death = self._patient.death
        if death is not None:
            yield words.died.format(_date(death.date)) if _date(death.date) else words.died_unknown
            for sentence, causes in ((words.causes, death.reported_causes), (words.autopsy, death.autopsy_causes)):
                names = [self._term(one.term, one.text) for one in causes]
                if any(names):
                    yield sentence.format(", ".join(filter(None, names)))

    def _result(self, test: Test) -> str:
        found = []
        if test.value is not None and test.value.value is not None:
            amount = self._amount(Quantity(test.value.value, test.value.unit))
            found.append(test.value.comparison.removeprefix("=") + amount)
        if test.result is not None:
            found.append(self._quoted(test.result))
        found.append(self.words.results.get(test.code or "", ""))
        return ", ".join(filter(None, found))

    def _term(self, term: MeddraTerm | None, words: object = None) -> str:
        """By MedDRA's name, else in words, else by the code."""
        code = None if term is None else term.code
        return self._names.get(code or "") or self._quoted(words) or (f"MedDRA {code}" if code else "")

    def _name(self, drug: Drug) -> str:
        return self._safe(drug.name or "?")

    def _amount(self, quantity: Quantity | None) -> str:
        if quantity is None or (quantity.value is None and quantity.unit is None):
            return ""
        value = quantity.value
        one, several = self.words.units.get(quantity.unit or "1", (quantity.unit or "",) * 2)
        unit = one if value is None or value == Decimal(1) else several
        return f"{'' if value is None else f'{value:f}'} {unit}".strip()

    def _quoted(self, text: object) -> str:
        if not isinstance(text, str) or not text.strip():
            return ""
        safe = self._safe(text).rstrip(".")
        return safe if safe.startswith("[") else self.words.quotes.format(safe)

    def _safe(self, text: str) -> str:
        """Words as they are, on one line; none where they may say who somebody is."""
        plain = " ".join(text.split())
        if hides_identity_number(plain) or any(one.search(plain) for one in self._hidden):
            return f"[{self.words.left_out}]"
        return plain


def _identifying(case: Case) -> list[re.Pattern[str]]:
    """What may stand in nobody's words: whatever the case has of names, record numbers and days of birth."""
    patient = case.patient or Patient()
    people = [
        patient.name,
        patient.gp_record,
        patient.specialist_record,
        patient.hospital_record,
        patient.investigation,
    ]
    people += [patient.parent.name] if patient.parent else []
    people += [name for source in case.sources for name in (source.given_name, source.family_name, source.telephone)]
    born = [patient.birth_date, patient.parent.birth_date if patient.parent else None]
    days = [_date(one) for one in born] + [_date(one).replace("-", "") for one in born]
    texts = [one.strip() for one in (*people, *days) if isinstance(one, str) and len(one.strip()) >= _BRIEFEST_NAME]
    return [re.compile(rf"(?<!\w){re.escape(one)}(?!\w)", re.IGNORECASE) for one in texts]


def _code(value: object) -> str | None:
    return value if isinstance(value, str) and not isinstance(value, NullFlavor) else None


def _date(value: object) -> str:
    """A date as far as it is known, with hyphens; without the time of day."""
    if not isinstance(value, Moment):
        return ""
    digits = value.text[: len("CCYYMMDD")]
    known = re.match(r"\d+", digits)
    text = known[0] if known else ""
    return "-".join(filter(None, (text[:4], text[4:6], text[6:8])))
