"""What a journey comes to: its share of every cell, its exposures, its list entries.

The definitions become straight-line functions (as `schemas.compiled` does for Avro): for each form, for each
registration of it, every cohort, list and exposure that begins there. Most journeys of most registers begin
with one registration and stay so for long; for those there is one function a form, of the same text less all
that asks for other registrations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.definition.indicators import UNRESOLVED
from streams.journeys.anchor_code import AnchorCode
from streams.journeys.cell_code import CellCode
from streams.journeys.exposure_code import ExposureCode
from streams.journeys.records import DAY, FORM, ID, Records
from streams.journeys.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.definition.indicators import Anchors, PatientList
    from schemas.definition.registry import RegistryDefinition
    from streams.journeys.records import Record

CellKey = tuple[Any, ...]
"""(cohort, unit, period, by as a tuple, indicator); the indicator is empty where it is the cohort's vector."""
ListedState = tuple[Any, ...]
"""(unit, day, shown)."""


@dataclass(slots=True)  # not frozen: to make one would cost three times as much
class Findings:
    """What one journey comes to.

    Attributes:
        shares: by an identity within the journey, (cell, numbers to add to it).
        counted: likewise, (cell, the bucket of it that it counts in).
        exposures: by (group, registration id), the bytes of the state as ``ExposureBatch`` has it.
        listed: by (list, form, registration id).
    """

    shares: dict[tuple[Any, ...], tuple[CellKey, tuple[int, ...]]]
    counted: dict[tuple[Any, ...], tuple[CellKey, int]]
    exposures: dict[tuple[str, str], bytes]
    listed: dict[tuple[str, str, str], ListedState]


class Evaluation(NamedTuple):
    """A registry's definitions as functions.

    Attributes:
        journey: what a journey comes to; it takes the records in their order.
        alone: by the place of its form, what a journey of one record comes to; adds it to the changes at once:
            ``f(record, patient, version, cells, counts, exposures, entries)``.
    """

    journey: Callable[[list[Record]], Findings]
    alone: tuple[Callable[[Record, str, int, Any, Any, Any, Any], None], ...]


def compile_evaluation(definition: RegistryDefinition, records: Records) -> Evaluation:
    """The functions of a registry's journeys."""
    return _Writer(definition, records).functions()


class _Writer:
    """Writes the source; in it ``a`` is the registration looked at."""

    def __init__(self, definition: RegistryDefinition, records: Records) -> None:
        self._definition = definition
        self._records = records
        self._anchor = AnchorCode(definition, records)
        self._cells = CellCode(self._anchor)
        self._exposures = ExposureCode(self._anchor)
        self._source = self._anchor.source
        self._code = self._anchor.code

    def functions(self) -> Evaluation:
        """The functions, of all that is declared."""
        self._journey()
        for form in self._records.forms:
            self._of_one(form)
        alone = "".join(f"alone_{place}, " for place in range(len(self._records.forms)))
        with self._source.block("def functions():"):
            self._source.add(f"return evaluate, ({alone})")
        return Evaluation(*self._source.function("functions", {**TOOLS, "Findings": Findings, **self._anchor.tools})())

    def _journey(self) -> None:
        blocks = [*self._attributions(), *((form, self._of_form(form)) for form in self._records.forms)]
        source = self._source
        forms = len(self._records.forms)
        with source.block("def evaluate(J):"):
            source.add(f"F = [{', '.join('[]' for _ in range(forms))}]")
            with source.block("for r in J:"):
                source.add(f"F[r[{FORM}]].append(r)")
            source.add(f"T = [{', '.join('NOTHING' for _ in range(forms))}]", "C = {}", "B = {}", "X = {}", "L = {}")
            for name, fact in sorted(self._definition.journey.persons.items()):
                place = self._records.form_at(fact.form)
                last = self._code.place(fact.form, fact.field, f"F[{place}][-1]")
                source.add(f"p_{name} = {last} if F[{place}] else None")
            for form, lines in blocks:
                if lines:
                    with source.block(f"if F[{self._records.form_at(form)}]:"):
                        source.add(*lines)
            source.add("return Findings(C, B, X, L)")

    def _of_one(self, form: str) -> None:
        """The function of a journey that is one registration."""
        place = self._records.form_at(form)
        forms = range(len(self._records.forms))
        lines = []
        with self._anchor.by_itself(place):
            if form in self._definition.journey.attributions:  # what it could belong to is of another form
                unit = self._code.role(form, "unit", "a")
                lines += [f"unit = {unit}", self._anchor.found_entry(UNRESOLVED, form, "()")]
            lines += self._of_form(form)
        with self._source.block(f"def alone_{place}(a, patient, version, cells, counts, exposures, entries):"):
            self._source.add(f"F = ({', '.join('(a,)' if one == place else 'NONE' for one in forms)},)")
            self._source.add(f"T = ({'NOTHING, ' * len(forms)})")
            for name, fact in sorted(self._definition.journey.persons.items()):
                self._source.add(f"p_{name} = {self._code.place(form, fact.field, 'a') if fact.form == form else None}")
            self._source.add(*lines)

    def _attributions(self) -> Iterator[tuple[str, list[str]]]:
        """Which record each outcome belongs to, before anything else asks; those that fit nothing are listed."""
        for outcome, rule in sorted(self._definition.journey.attributions.items()):
            place, to = self._records.form_at(outcome), self._records.form_at(rule.to)
            fits = [f"r[{DAY}] <= a[{DAY}]", *self._code.equal(rule.same, outcome, "a", rule.to, "r")]
            wanted = " and ".join(fits)
            source = self._source
            name = source.variable("target")
            with source.block(f"def {name}(a, F):"):
                if rule.reference is not None:
                    source.add(f"named = {self._code.place(outcome, rule.reference, 'a')}")
                    with source.block("if named is not None:"):
                        with source.block(f"for r in F[{to}]:"), source.block(f"if r[{ID}] == named:"):
                            source.add(f"return r if {wanted} else None")
                        source.add("return None")
                with source.block(f"for r in reversed(F[{to}]):"), source.block(f"if {wanted}:"):
                    source.add("return r")
                source.add("return None")
            yield (
                outcome,
                [
                    f"T[{place}] = targets = {{}}",
                    f"for a in F[{place}]:",
                    f"    target = {name}(a, F)",
                    "    if target is None:",
                    f"        unit = {self._code.role(outcome, 'unit', 'a')}",
                    f"        {self._anchor.found_entry(UNRESOLVED, outcome, '()')}",
                    "    else:",
                    f"        targets[a[{ID}]] = target",
                ],
            )

    def _of_form(self, form: str) -> list[str]:
        """All that begins at a form's registrations: one loop for what looks at each, one for each choice of some."""
        begins: list[tuple[Anchors, list[str]]] = [
            *((one, self._cells.of(name, one)) for name, one in sorted(self._definition.indicators.cohorts.items())
              if one.form == form),
            *((one, self._entry_of(name, one)) for name, one in sorted(self._definition.indicators.lists.items())
              if one.form == form),
            *((one, self._exposures.of(name, one)) for name, one in sorted(self._definition.monitors.groups.items())
              if one.form == form),
        ]  # fmt: skip
        if not begins:
            return []
        place = self._records.form_at(form)
        head = [f"    unit = {self._code.role(form, 'unit', 'a')}"]
        shared = [f"    {statement}" for statement in self._anchor.take_shared()]
        each: list[str] = []
        chosen: list[str] = []
        for anchors, lines in begins:
            where = self._code.expression(anchors.where, form)
            if anchors.once_per is not None:
                period = "0" if anchors.once_per == "person" else f"{anchors.once_per}_of(a[{DAY}])"
                chosen += ["chosen = {}", f"for a in F[{place}]:", f"    if {where}:", f"        chosen[{period}] = a"]
                chosen += ["for a in chosen.values():", *head, *(f"    {line}" for line in lines)]
            elif anchors.where is None:
                each += [f"    {line}" for line in lines]
            else:
                each += [f"    if {where}:", *(f"        {line}" for line in lines)]
        return [*([f"for a in F[{place}]:", *head, *shared, *each] if each else []), *chosen]

    def _entry_of(self, name: str, declared: PatientList) -> list[str]:
        form = declared.form
        shown = "".join(f"{self._shown(form, field)}, " for field in declared.show)
        return [
            f"if {self._code.expression(declared.when, form)}:",
            f"    {self._anchor.found_entry(name, form, f'({shown})')}",
        ]

    def _shown(self, form: str, field: str) -> str:
        kind = next((one.kind for one in self._definition.forms[form].fields if one.name == field), "int")
        place = self._code.place(form, field, "a")
        return f"date_text({place})" if kind == "date" else f"text({place})"
