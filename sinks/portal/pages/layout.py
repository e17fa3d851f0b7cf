"""How pages look: templates in the person's language, and what stands on each of them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from sinks.portal.access import may
from sinks.portal.guard import token_against_forgery
from sinks.portal.pages.pieces import Column, Hidden, Link, Written
from sinks.portal.texts import HIDDEN, LANGUAGES, NOTHING, marked, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    from sinks.portal.pages.pieces import Page
    from sinks.portal.portal import Asked, Language
    from sinks.portal.texts import Texts


def show(
    asked: Asked,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **named: Any,  # noqa: ANN401 - what the template shows
) -> HTMLResponse:
    """A page of a template."""
    t = asked.texts
    html = (
        _environment(t.language)
        .get_template(template)
        .render(
            asked=asked,
            t=t,
            languages=[(one, name, language_link(asked, one)) for one, name in LANGUAGES.items()],
            navigation=navigation(asked),
            forms_token=token_against_forgery(asked.request),
            person=asked.person,
            **named,
        )
    )
    response = HTMLResponse(html, status, dict(headers or {}))
    if asked.one("lang"):
        response.set_cookie(
            "lang", t.language, max_age=365 * 86400, secure=asked.portal.choices.https, httponly=True, samesite="lax"
        )
    return response


def show_page(asked: Asked, page: Page, since: datetime | None = None) -> HTMLResponse:
    """A page made of pieces.

    Args:
        asked: who asks.
        page: it.
        since: when it was made, where that was not for whoever asks.
    """
    return show(asked, "page.html", page=page, since=since, status=page.status, headers=page.headers)


def cell_text(t: Texts, column: Column, value: Any) -> str:  # noqa: ANN401 - of the column's kind
    """A value as it is shown."""
    if isinstance(value, Hidden):
        return HIDDEN
    if value is None:
        return NOTHING
    if isinstance(value, Link | Written):
        return value.text
    if isinstance(value, str):
        return value
    shown: Mapping[str, Callable[[], str]] = {
        "number": lambda: t.number(value),
        "decimal": lambda: t.number(value, column.digits),
        "share": lambda: t.share(value, column.digits),
        "day": lambda: t.day(value),
    }
    return shown.get(column.kind, lambda: str(value))()


def language_link(asked: Asked, language: Language) -> str:
    """The address of the same page in another language."""
    address = asked.request.url.include_query_params(lang=language)
    return f"/{address.path.lstrip('/')}?{address.query}"  # two slashes in front would name another site


def navigation(asked: Asked) -> Sequence[tuple[str, Sequence[Link]]]:
    """What the person may go to: by registry, its title and the links."""
    found = []
    for name, definition in asked.portal.definitions.items():
        links = []
        for area, path, title in _PLACES:
            units = asked.person.units_of(name) if "{unit}" in path else ("",)
            for unit in units:
                if may(asked.person, area, registry=name, unit=unit) is None and _has(definition, area):
                    text = f"{asked.texts(title)} {unit}".strip()
                    links.append(Link(text, f"/r/{name}" + path.format(unit=unit)))
        if links:
            found.append((asked.texts.of(definition.registry.title), links))
    return found


_PLACES: Sequence[tuple[str, str, str]] = (
    ("company", "/company", marked("Company database")),
    ("clinic", "/clinic/{unit}", marked("Clinic")),
    ("signals", "/signals", marked("Signals")),
    ("reports", "/reports", marked("Reports")),
    ("question", "/question", marked("Question")),
    ("indicators", "/indicators", marked("Indicators")),
    ("coverage", "/coverage", marked("Coverage")),
    ("awareness", "/awareness", marked("Awareness")),
    ("flow", "/flow", marked("Flow")),
    ("webhooks", "/webhooks", marked("Webhooks")),
    ("compliance", "/compliance", marked("Requirements")),
    ("access log", "/access", marked("Readings")),
    ("published", "/published", marked("Published")),
    ("variables", "/variables", marked("Variables")),
    ("monitors", "/monitors", marked("Monitors")),
)
_WATCHING = frozenset({"signals", "monitors"})
_OF_COMPANIES = frozenset({"company", "awareness", "webhooks"})


def _has(definition: Any, area: str) -> bool:  # noqa: ANN401 - a registry's definition
    if area == "reports":
        return bool(definition.reporting.rules)
    if area in _OF_COMPANIES:
        return definition.registry.companies is not None
    return definition.monitors.watch_anything if area in _WATCHING else True


@cache
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=PackageLoader("sinks.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    t = texts(language)
    environment.install_gettext_translations(t.translations, newstyle=True)  # type: ignore[attr-defined] # of the extension
    environment.filters["day"] = t.day
    environment.globals["cell_text"] = cell_text
    return environment


def day_words(day: date | None, t: Texts) -> str:
    """A day as it stands in a sentence."""
    return t("nothing is registered yet") if day is None else t.day(day)
