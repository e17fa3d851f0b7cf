"""The variable catalogue: what each form records, in what codes and units, and since which version; to search in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from schemas.definition.form import CatalogueCodes, CodeList
from schemas.history import histories
from sinks.portal.guard import NotFoundError
from sinks.portal.pages.pieces import Column, Fact, Field, Link, Page, Section, Table
from sinks.portal.pages.pieces import Form as ToChoose
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.words import notice_of, title_of, trail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.definition.form import Form, FormField
    from schemas.history import Gone, History, Part
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts


def router() -> APIRouter:
    """The pages' routes."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/variables", "variables", _all)
    add_page(routes, "/r/{registry}/variables/{form}", "variables", _of_form)
    return routes


def _all(asked: Asked) -> Page:
    t, definition = asked.texts, asked.definition
    wanted = asked.one("q").strip()
    search = ToChoose("search", t("Search"), [Field("q", t("words"), "text", wanted)], t("Search"))
    forms = Table(
        "forms",
        t("Forms"),
        [
            Column("form", t("form"), "link"),
            Column("meaning", t("meaning")),
            Column("variables", t("variables"), "number"),
            Column("versions", t("released versions"), "number"),
        ],
        [
            (
                Link(form.name, _href(asked, form.name)),
                form.doc,
                len(form.fields),
                len(definition.released.get(form.name, ())),
            )
            for form in definition.forms.values()
        ],
    )
    found = [
        (form, field) for form in definition.forms.values() for field in form.fields if _matches(form, field, wanted)
    ]
    variables = Table(
        "variables",
        t("Variables with %(words)s", words=wanted) if wanted else t("All variables"),
        [
            Column("variable", t("variable"), "link"),
            Column("form", t("form")),
            Column("meaning", t("meaning")),
            Column("type", t("type")),
            Column("codes", t("codes")),
        ],
        [
            (
                Link(field.name, f"{_href(asked, form.name)}#variables"),
                form.name,
                field.doc,
                _type(t, field),
                _codes(t, field),
            )
            for form, field in found
        ],
    )
    return Page(
        title_of(asked, t("Variables")),
        [Section(forms=[search], tables=[variables] if wanted else [forms, variables])],
        lead=t(
            "Everything that is registered, as it is declared. Descriptions are in the language of the declaration."
        ),
        trail=trail(asked),
        notice=notice_of(asked),
    )


def _matches(form: Form, field: FormField, wanted: str) -> bool:
    """Whether all words that are sought stand somewhere in a variable's declaration."""
    codes = " ".join(field.codes.list) if isinstance(field.codes, CodeList) else str(field.codes or "")
    said = f"{form.name} {field.name} {field.doc} {field.role or ''} {field.unit or ''} {codes}".lower()
    return all(word in said for word in wanted.lower().split())


def _of_form(asked: Asked) -> Page:
    t, definition = asked.texts, asked.definition
    form = definition.forms.get(asked.request.path_params["form"])
    if form is None:
        raise NotFoundError
    released = len(definition.released.get(form.name, ()))
    told, gone = histories(definition, form)
    tables = [_variables(t, form, told)]
    if gone:
        tables.append(_gone(t, gone))
    return Page(
        title_of(asked, form.name),
        [
            Section(
                facts=[
                    Fact(t("variables"), t.number(len(form.fields))),
                    Fact(t("released versions"), t.number(released) if released else t("none")),
                    Fact(t("Avro record"), form.full_name),
                ],
                tables=tables,
            )
        ],
        lead=form.doc,
        trail=trail(asked, Link(t("Variables"), f"/r/{definition.name}/variables")),
        notice=notice_of(asked),
    )


def _variables(t: Texts, form: Form, told: Mapping[str, History]) -> Table:
    rows = [
        (
            field.name,
            field.doc,
            _type(t, field),
            field.role or "",
            field.unit or "",
            _range(t, field),
            _codes(t, field),
            field.question or "",
            _source(t, field),
            "; ".join(_history(t, told[field.name])),
        )
        for field in form.fields
    ]
    return Table(
        "variables",
        t("Variables"),
        [
            Column("variable", t("variable")),
            Column("meaning", t("meaning")),
            Column("type", t("type")),
            Column("role", t("role")),
            Column("unit", t("unit of measurement")),
            Column("range", t("range")),
            Column("codes", t("codes")),
            Column("question", t("question")),
            Column("source", t("source")),
            Column("history", t("history")),
        ],
        rows,
    )


def _gone(t: Texts, gone: tuple[Gone, ...]) -> Table:
    return Table(
        "gone",
        t("No longer recorded"),
        [
            Column("variable", t("variable")),
            Column("meaning", t("meaning")),
            Column("type", t("type")),
            Column("versions", t("in versions")),
        ],
        [
            (one.field.name, one.field.doc, _type(t, one.field), t("%(lower)s to %(upper)s", lower=one.first,
                                                                   upper=one.last))
            for one in gone
        ],
    )  # fmt: skip


def _type(t: Texts, field: FormField) -> str:
    kinds = {
        "string": t("text"), "int": t("whole number"), "long": t("whole number"), "float": t("decimal number"),
        "double": t("decimal number"), "boolean": t("yes or no"), "date": t("day"), "timestamp": t("moment"),
    }  # fmt: skip
    kind = t("list of: %(kind)s", kind=kinds[field.kind]) if field.repeated else kinds[field.kind]
    return t("%(kind)s, may be absent", kind=kind) if field.nullable else kind


def _range(t: Texts, field: FormField) -> str:
    if field.range is None:
        return ""
    return t("%(lower)s to %(upper)s", lower=f"{field.range[0]:.12g}", upper=f"{field.range[1]:.12g}")


def _codes(t: Texts, field: FormField) -> str:
    match field.codes:
        case None:
            return ""
        case CodeList():
            return ", ".join(field.codes.list)
        case CatalogueCodes():
            kind = f" ({field.codes.kind})" if field.codes.kind else ""
            return t("the catalogue %(name)s", name=field.codes.catalogue) + kind
        case _:
            return f"{field.codes.system}: {field.codes.pattern}"


def _source(t: Texts, field: FormField) -> str:
    if field.source is None:
        return ""
    return t("the record system") if field.source == "record system" else t("typed in")


def _history(t: Texts, history: History) -> Iterator[str]:
    if history.since is None:
        yield t("not released yet")
        return
    yield t("since version %(number)s", number=history.since)
    for change in history.changes:
        when = t("in version %(number)s", number=change.version) if change.version else t("not released yet")
        match change.what:
            case "changed":
                what = t("%(parts)s changed", parts=", ".join(_part(t, part) for part in change.parts))
            case "left out":
                what = t("left out")
            case "back":
                what = t("back")
        yield f"{what} {when}"


def _part(t: Texts, part: Part) -> str:
    return {
        "type": t("type"), "meaning": t("meaning"), "role": t("role"), "unit": t("unit of measurement"),
        "range": t("range"), "codes": t("codes"), "question": t("question"), "source": t("source"),
    }[part]  # fmt: skip


def _href(asked: Asked, form: str) -> str:
    return f"/r/{asked.definition.name}/variables/{form}"
