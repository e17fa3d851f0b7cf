"""Who has read what that is near to a person: the controller's recurring review."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter

from sinks.clickhouse.queries.access_log import read_readings
from sinks.portal.audit import write_down
from sinks.portal.guard import AskError
from sinks.portal.pages.pieces import Column, Fact, Field, Form, Page, Section, Table
from sinks.portal.pages.serving import add_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.clickhouse.queries.access_log import Reading
    from sinks.portal.portal import Asked

_DAYS = 31
_MOST = 2_000


def router() -> APIRouter:
    """The review's route."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/access", "access log", _access)
    return routes


def _access(asked: Asked) -> Page:
    t = asked.texts
    today = asked.portal.moment.date()
    try:
        since = datetime.strptime(asked.one("since") or str(today - timedelta(days=_DAYS)), "%Y-%m-%d").date()  # noqa: DTZ007 - a day
    except ValueError as error:
        raise AskError(t("since is a day, such as 2005-01-31.")) from error
    found = read_readings(asked.client, asked.definition.name, since=since, subject=asked.one("who"), limit=_MOST)
    before = read_readings(asked.client, asked.definition.name, area=asked.area, limit=1)
    write_down(asked, about=f"readings since {since}", people=0)
    by_person = Counter((one.name, one.role, one.bound_to) for one in found)
    persons = Counter[tuple[str, str, str]]()
    for one in found:
        persons[one.name, one.role, one.bound_to] += one.people
    summary = [[*who, number, persons[who]] for who, number in by_person.most_common()]
    choose = Form(
        "choose",
        t("Choose"),
        [
            Field("since", t("from (day)"), "date", since.isoformat()),
            Field("who", t("account"), "text", asked.one("who"), hint=t("as the provider of identities calls it")),
        ],
        t("Show"),
    )
    return Page(
        t("Who has read what"),
        [
            Section(
                forms=[choose],
                facts=[
                    Fact(t("readings"), t.number(len(found)), t("since %(day)s", day=since)),
                    _gone_through(asked, before),
                ],
            ),
            Section(
                tables=[
                    Table(
                        "people",
                        t("By person"),
                        [
                            Column("name", t("name")),
                            Column("role", t("role")),
                            Column("bound_to", t("bound to")),
                            Column("readings", t("readings"), "number"),
                            Column(
                                "persons", t("persons read of"), "number", note=t("a person counts at each reading")
                            ),
                        ],
                        summary,
                    ),
                    Table(
                        "readings",
                        t("The latest first"),
                        [
                            Column("read_at", t("when (UTC)")),
                            Column("name", t("name")),
                            Column("role", t("role")),
                            Column("unit", t("unit")),
                            Column("area", t("what")),
                            Column("about", t("about")),
                            Column("purpose", t("what for")),
                            Column("people", t("persons"), "number"),
                        ],
                        [
                            [
                                t.moment(one.read_at),
                                one.name,
                                one.role,
                                one.unit,
                                one.area,
                                one.about,
                                one.purpose,
                                one.people,
                            ]
                            for one in found
                        ],
                        note=t("at most %(number)s are shown", number=t.number(_MOST)),
                    ),
                ]
            ),
        ],
        lead=t(
            "The controller goes through this at regular intervals, as the law asks. Reading it is written down too."
        ),
    )


def _gone_through(asked: Asked, before: Sequence[Reading]) -> Fact:
    """When somebody last went through the readings; marked where that is longer ago than it should be."""
    t = asked.texts
    title = t("last gone through")
    if not before:
        return Fact(title, t("never"), t("to be done every %(days)s days", days=_DAYS), alarming=True)
    (last,) = before
    at = last.read_at.replace(tzinfo=UTC)
    return Fact(
        title,
        t.moment(at),
        t("by %(name)s; to be done every %(days)s days", name=last.name, days=_DAYS),
        alarming=asked.portal.moment - at > timedelta(days=_DAYS),
    )
