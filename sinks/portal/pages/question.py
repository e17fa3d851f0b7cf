"""The ad-hoc question: asked by choosing, answered with the number of people behind it, and kept as a link.

A clinic is not shown rows about few persons, nor what in the same answer would give them away. Two answers can be
subtracted: nobody can ask freely and be told exact numbers without that. Companies are not let in here. The
controller's own people are shown all of their registry; where that is about few persons the reading is written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter

from sinks.clickhouse.queries.answer import answer
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.question import PLACES, TESTS, TIMES, askable, codes_of, groupable, parse, summable
from sinks.portal.audit import write_down
from sinks.portal.pages.pieces import HIDDEN, Column, Fact, Field, Form, Group, Link, Option, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.texts import NOTHING, marked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.definition.form import Form as DeclaredForm
    from sinks.clickhouse.queries.answer import Answer, AnswerRow
    from sinks.clickhouse.queries.question import Asked as AskedOf
    from sinks.clickhouse.queries.question import Question
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

_MORE = 2  # empty conditions to fill in below those that are said
_IN_TURN = (marked("first by"), marked("then by"), marked("last by"))
_CONTROLLERS = frozenset({"registrar", "vigilance"})
_PURPOSE = "a question in numbers"


def router() -> APIRouter:
    """The question's route."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/question", "question", _question, renewed="for each")
    return routes


def smallest_of(asked: Asked) -> int:
    """The fewest persons that a row may be about; the controller's own people see all of their registry."""
    return 0 if asked.person.role in _CONTROLLERS else asked.portal.choices.smallest


def _question(asked: Asked) -> Page:
    t = asked.texts
    definition = asked.definition
    said = asked.request.query_params.multi_items()
    title, lead = t("A question"), t("Choose what to count. The address of the answer asks the same again.")
    chosen = asked.one("form")
    if chosen not in definition.forms:
        return Page(title, [Section(forms=[_which_form(asked)])], lead, live="")
    try:
        question = parse(definition, said)
        found = answer(
            asked.client,
            definition,
            question,
            smallest=smallest_of(asked),
            own=asked.person.units_of(definition.name),
        )
    except CannotBeReadError as error:
        return Page(
            title, [Section(warning=str(error)), *_to_ask(asked, definition.forms[chosen], None)], lead, status=400
        )
    link = f"/r/{definition.name}/question?{urlencode(question.as_query())}"
    persons = [one.people or 0 for one in (found.rows or [found.total])]
    few = sum(number for number in persons if number < asked.portal.choices.smallest)
    if few and smallest_of(asked) == 0:  # whoever knows the case may know the person
        write_down(asked, about=link, people=few, purpose=_PURPOSE)
    return Page(
        title,
        [
            Section(facts=_facts(t, found, question), tables=[_table(asked, found, question)] if question.by else []),
            *_to_ask(asked, definition.forms[chosen], question),
        ],
        lead,
        further=[Link(t("This question as a link"), link)],
        live=definition.name,
        notice=t.of(definition.registry.notice) if definition.registry.notice else "",
    )


def _which_form(asked: Asked) -> Form:
    t = asked.texts
    forms = [Option(one.name, one.doc or one.name) for one in asked.definition.forms.values()]
    return Form(
        "which", t("About which registrations?"), [Field("form", t("form"), "select", options=forms)], t("Go on")
    )


def _to_ask(asked: Asked, form: DeclaredForm, question: Question | None) -> Iterator[Section]:
    """The form to ask with, filled in with what was asked."""
    t = asked.texts
    units = asked.definition.catalogues["units"].rows if form.field_with("unit") else {}
    places = (
        *((one, t(_NAMES[one])) for one in (*(PLACES if units else ()), *TIMES)),
        *((one.name, one.name) for one in groupable(form)),
    )
    others = [one for one in asked.definition.forms.values() if one.name != form.name]
    also = question.also[0] if question and question.also else None
    fields: list[Field | Group] = [
        Field("form", "", "hidden", form.name),
        Field("first", t("from (day)"), "date", question.first.isoformat() if question and question.first else ""),
        Field("last", t("until (day)"), "date", question.last.isoformat() if question and question.last else ""),
        Field(
            "counted",
            t("count"),
            "select",
            question.counted if question else "",
            [Option("registrations", t("every registration")), Option("persons", t("each person's latest"))],
        ),
        *_conditions(t, "where", t("where"), form, question.where if question else ()),
        *_conditions(t, "of", t("and of those, how many have"), form, question.of_those if question else (), more=1),
        Field(
            "value",
            t("mean and quartiles of"),
            "select",
            question.value if question else "",
            [Option("", NOTHING), *(Option(one.name, _named(one)) for one in summable(form))],
        ),
        Group(
            t("keep apart by"),
            [
                Field("by", t(title), "select", chosen, [Option("", NOTHING), *(Option(*one) for one in places)])
                for title, chosen in zip(_IN_TURN, [*(question.by if question else ()), "", "", ""], strict=False)
            ],
        ),
        Field(
            "unit",
            t("only these units"),
            "many",
            options=[
                Option(code, f"{code} {row.get('name', '')}", code in (question.units if question else ()))
                for code, row in units.items()
            ],
        ),
        Field(
            "also",
            t("whose persons also have"),
            "select",
            also.form if also else "",
            [Option("", NOTHING), *(Option(one.name, one.doc or one.name) for one in others)],
        ),
    ]
    if also is not None:
        fields += _conditions(t, "also", t("of which"), asked.definition.forms[also.form], also.where, more=1)
    yield Section(
        t("Ask"), forms=[Form("ask", t("What is counted"), [one for one in fields if _has_choice(one)], t("Answer"))]
    )
    yield Section(tables=[_fields_table(asked, form)])


def _conditions(
    t: Texts, name: str, title: str, form: DeclaredForm, said: Sequence[AskedOf], *, more: int = _MORE
) -> Iterator[Group]:
    fields = [Option("", NOTHING), *(Option(one.name, _named(one)) for one in askable(form))]
    tests = [Option(one, t(_TESTS[one])) for one in TESTS]
    for one in (*said, *(None for _ in range(more))):
        yield Group(
            title,
            [
                Field(f"{name}_field", t("field"), "select", one.field if one else "", fields),
                Field(f"{name}_test", t("test"), "select", one.test if one else "eq", tests),
                Field(f"{name}_value", t("value"), "text", one.value if one else ""),
            ],
        )


def _has_choice(field: Field | Group) -> bool:
    return isinstance(field, Group) or field.kind != "many" or bool(field.options)


def _named(field: Any) -> str:  # noqa: ANN401 - a form's field
    return f"{field.name} ({field.unit})" if field.unit else str(field.name)


def _facts(t: Texts, found: Answer, question: Question) -> list[Fact]:
    total = found.total
    if total.people is None:
        return [Fact(t("people"), "..", t("too few to be shown"))]
    facts = [
        Fact(t("people"), t.number(total.people), t("behind the answer")),
        Fact(t("registrations"), t.number(total.registrations)),
    ]
    if total.share is not None:
        limits = f"{t.share(total.share.lower)} – {t.share(total.share.upper)}"  # noqa: RUF001 - a range
        facts.append(
            Fact(
                t("of those"),
                t.share(total.share.value),
                t("%(n)s; 95 %% limits %(limits)s", n=t.number(total.share.events), limits=limits),
            )
        )
    elif question.of_those:
        facts.append(Fact(t("of those"), "..", t("too few to be shown")))
    if total.mean is not None:
        facts.append(Fact(t("mean"), t.number(total.mean.value, 1), question.value))
    if total.quartiles is not None:
        facts.append(
            Fact(
                t("median"),
                t.number(total.quartiles[1], 1),
                t(
                    "quartiles %(low)s and %(high)s",
                    low=t.number(total.quartiles[0], 1),
                    high=t.number(total.quartiles[2], 1),
                ),
            )
        )
    if found.hidden:
        facts.append(
            Fact(t("hidden rows"), t.number(found.hidden), t("about too few people, or giving such a row away"))
        )
    return facts


def _table(asked: Asked, found: Answer, question: Question) -> Table:
    t = asked.texts
    columns = [
        *(Column(one, t(_NAMES[one]) if one in _NAMES else one) for one in question.by),
        Column("people", t("people"), "number"),
        Column("registrations", t("registrations"), "number"),
    ]
    if question.of_those:
        columns += [
            Column("of_those", t("of those"), "number"),
            Column("share", t("share"), "share"),
            Column("lower", t("lower limit"), "share"),
            Column("upper", t("upper limit"), "share"),
        ]
    if question.value:
        columns += [
            Column("mean", t("mean"), "decimal"),
            Column("quartile_1", t("lower quartile"), "decimal"),
            Column("median", t("median"), "decimal"),
            Column("quartile_3", t("upper quartile"), "decimal"),
        ]
    units = asked.definition.catalogues["units"].rows if "unit" in question.by else {}
    rows = [_row(one, question, units) for one in found.rows]
    return Table("answer", t("Answer"), columns, rows)


def _row(row: AnswerRow, question: Question, units: Mapping[str, Mapping[str, str]]) -> list[Any]:
    labels = [
        f"{label} {units.get(label, {}).get('name', '')}".strip() if by == "unit" else label
        for by, label in zip(question.by, row.labels, strict=True)
    ]
    if row.people is None:
        return [*labels, *([HIDDEN] * (2 + 4 * bool(question.of_those) + 4 * bool(question.value)))]
    cells: list[Any] = [*labels, row.people, row.registrations]
    if question.of_those:
        share = row.share
        cells += [HIDDEN] * 4 if share is None else [share.events, share.value, share.lower, share.upper]
    if question.value:
        cells += [row.mean.value if row.mean else None, *(row.quartiles or (None, None, None))]
    return cells


def _fields_table(asked: Asked, form: DeclaredForm) -> Table:
    t = asked.texts
    rows = [
        (one.name, one.doc, one.unit or "", ", ".join(codes_of(asked.definition, one)[:30])) for one in askable(form)
    ]
    columns = [
        Column("field", t("field")),
        Column("meaning", t("what it means")),
        Column("unit", t("measured in")),
        Column("codes", t("codes")),
    ]
    return Table("fields", t("What may be asked about"), columns, rows)


_NAMES = {
    "unit": marked("unit"),
    "county": marked("county"),
    "region": marked("region"),
    "month": marked("month"),
    "quarter": marked("quarter"),
    "year": marked("year"),
}
_TESTS = {
    "eq": marked("is"),
    "ne": marked("is not"),
    "gt": marked("is above"),
    "gte": marked("is at least"),
    "lt": marked("is below"),
    "lte": marked("is at most"),
    "in": marked("is one of (with commas)"),
    "starts_with": marked("starts with"),
    "contains": marked("has among it"),
    "known": marked("is known (true or false)"),
}
