"""Whom a clinic has to call after a signal or a field safety notice, and how it stands with each.

These pages are near to persons: they take a strong log-in and a purpose, and each reading is written down before it is
shown. The clinic finds its patients by the registration ids that it gave.
"""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from schemas.review import CARRIER, CHECKED, STATES
from sinks.clickhouse.generations import readable
from sinks.clickhouse.queries.lists import read_list
from sinks.clickhouse.queries.reviews import find_subject, read_decisions, read_follow_up
from sinks.clickhouse.queries.signals import read_signals, standing_of
from sinks.portal.audit import write_down
from sinks.portal.guard import AskError, through
from sinks.portal.pages.pieces import Column, Fact, Field, Form, Link, Option, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.signal_words import subject_named
from sinks.portal.portal import Asked, CannotBeSaidError, Told
from sinks.portal.texts import NOTHING, marked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sinks.clickhouse.queries.carriers import Carrier
    from sinks.clickhouse.queries.reviews import FollowUp
    from sinks.portal.texts import Texts

_FILE_KEPT_DAYS = 14
_LARGEST_FILE = 1 << 20
_COLUMNS = {"registration_id", "state", "unit", "note"}
STATES_IN_WORDS: Mapping[str, str] = {
    "to_call": marked("to call"),
    "called": marked("called"),
    "checked": marked("checked"),
    "declined": marked("declined"),
    "not_found": marked("not found"),
    "moved": marked("moved to another unit"),
    "dead": marked("dead"),
}


def router() -> APIRouter:
    """The routes of carriers and lists."""
    routes = APIRouter(include_in_schema=False)
    add_page(routes, "/r/{registry}/clinic/{unit}/carriers", "carriers", _carriers)
    add_page(routes, "/r/{registry}/clinic/{unit}/lists/{name}", "lists", _list)
    routes.add_api_route("/r/{registry}/clinic/{unit}/carriers", _say, methods=["POST"])
    return routes


def progress_words(t: Texts, found: FollowUp) -> str:
    """How far it is: "checked 24 of 25; 1 overdue"."""
    said = t("checked %(done)s of %(all)s", done=t.number(found.number(CHECKED)), all=t.number(found.persons))
    late = sum(one.overdue for one in found.overdue)
    return "; ".join([said, *([t("%(number)s overdue", number=t.number(late))] if late else [])])


def _follow_up(asked: Asked, about: str) -> FollowUp:
    """The follow-up of a signal or notice at the unit."""
    if not about:
        raise AskError(asked.texts("The address names no signal and no notice: about=cup/CUP01/0, say."))
    definition = readable(asked.client, asked.definition)
    standing = standing_of(read_signals(asked.client, definition).signals) if definition.monitors.monitors else {}
    subject = find_subject(asked.client, definition.name, about, standing)
    return read_follow_up(asked.client, definition, subject, unit=asked.unit)


def _carriers(asked: Asked) -> Page:
    t = asked.texts
    about = asked.one("about")
    found = _follow_up(asked, about)
    carriers = found.reading.carriers
    write_down(asked, about=found.subject.about, people=len({one.patient for one in carriers}))
    home = f"/r/{asked.definition.name}/clinic/{asked.unit}"
    progress = Fact(
        t("Carriers"), t.many("%(number)s person", "%(number)s persons", found.persons), progress_words(t, found)
    )
    states = [
        Fact(t(STATES_IN_WORDS[state]), t.number(number))
        for state in STATES[CARRIER]
        if (number := found.number(state))
    ]
    decided = [
        Fact(t("Latest decision"), one.state.replace("_", " "), f"{t.moment(one.said_at)}, {one.by}")
        for one in read_decisions(asked.client, asked.definition.name, found.subject.about)[-1:]
    ]
    return Page(
        t("Whom to call: %(product)s", product=subject_named(asked.definition, t, found.subject.product)),
        [
            Section(facts=[progress, *states, *decided]),
            Section(tables=[_table(asked, carriers)], forms=_forms(asked, found) if carriers else []),
        ],
        lead=t(
            "You find your patients by the registration ids that you gave. Keep the file no longer than it is needed."
        ),
        trail=[Link(asked.unit, home)],
        notice=_said_just_now(asked),
        read_as_of=t("As of %(day)s.", day=t.day(found.reading.until)),
    )


def _said_just_now(asked: Asked) -> str:
    """That what was said has been taken, for it stands here only once it has gone through the log."""
    said = asked.one("said")
    if not said.isdecimal():
        return ""
    return asked.texts.many(
        "Said of %(number)s registration. It stands here in a moment; load the page anew to see it.",
        "Said of %(number)s registrations. It stands here in a moment; load the page anew to see it.",
        int(said[:6]),
    )


def _table(asked: Asked, carriers: Sequence[Carrier]) -> Table:
    t = asked.texts
    columns = [
        Column("registration_id", t("registration")),
        Column("put_in_at", t("put in at")),
        Column("since", t("put in on"), "day"),
        Column("side", t("side")),
        Column("lot", t("lot")),
        Column("outcome", t("reoperated on"), "day"),
        Column("abroad", t("moved abroad")),
        Column("state", t("how it stands")),
        Column("said_at", t("said on"), "day"),
    ]
    rows = [
        [
            one.registration_id, one.put_in_at, one.since, one.side, one.lot, one.outcome,
            t("yes") if one.abroad else "", t(STATES_IN_WORDS[one.state]), one.said_at.date() if one.said_at else None,
        ]
        for one in carriers
    ]  # fmt: skip
    delete_by = asked.portal.moment.date() + timedelta(days=_FILE_KEPT_DAYS)
    return Table("carriers", t("Carriers"), columns, rows, file_name=f"carriers-delete-by-{delete_by}")


def _forms(asked: Asked, found: FollowUp) -> list[Form]:
    t = asked.texts
    kept = [Field("about", "", "hidden", found.subject.about), Field("purpose", "", "hidden", asked.purpose)]
    units = asked.definition.catalogues["units"].rows
    said = Form(
        "say",
        t("Say how it stands"),
        [
            *kept,
            Field(
                "registration_id",
                t("registrations"),
                "many",
                options=[
                    Option(one.registration_id, f"{one.registration_id} ({t(STATES_IN_WORDS[one.state])})")
                    for one in found.reading.carriers
                ],
                needed=True,
            ),
            Field(
                "state",
                t("how it stands"),
                "select",
                "called",
                [Option(one, t(STATES_IN_WORDS[one])) for one in STATES[CARRIER]],
            ),
            Field(
                "unit",
                t("moved to"),
                "select",
                options=[
                    Option("", NOTHING),
                    *(Option(code, f"{code} {row.get('name', '')}") for code, row in units.items()),
                ],
                hint=t("only for who has moved to another unit"),
            ),
            Field("note", t("note"), "text", hint=t("never who the patient is")),
        ],
        t("Say it"),
        method="post",
    )
    by_file = Form(
        "say-by-file",
        t("Say it by a file"),
        [*kept, Field("file", t("CSV with registration_id, state, and if wanted unit and note"), "file", needed=True)],
        t("Send the file"),
        method="post",
        open=False,
    )
    return [said, by_file]


async def _say(asked: Asked = through("carriers")) -> Response:
    """Take how it stands with carriers: those chosen on the page, or those of a file."""
    form = await asked.request.form(max_part_size=_LARGEST_FILE)
    about = str(form.get("about", ""))
    file = form.get("file")
    if isinstance(file, UploadFile):
        said = _rows_of(asked, await file.read(_LARGEST_FILE + 1))
    else:
        common = {name: str(form.get(name, "")) for name in ("state", "unit", "note")}
        said = [{**common, "registration_id": str(one)} for one in form.getlist("registration_id")]
    await run_in_threadpool(_send, asked, about, said)
    query = urlencode({"about": about, "purpose": asked.purpose, "said": len(said)})
    return RedirectResponse(f"/r/{asked.definition.name}/clinic/{asked.unit}/carriers?{query}", 303)


def _rows_of(asked: Asked, content: bytes) -> list[dict[str, str]]:
    t = asked.texts
    if len(content) > _LARGEST_FILE:
        raise AskError(t("The file is larger than a list of carriers can be."))
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise AskError(t("The file is no CSV in UTF-8.")) from error
    if not rows or not {"registration_id", "state"} <= rows[0].keys() <= _COLUMNS | {None}:
        raise AskError(t("The file's columns must be registration_id, state, and if wanted unit and note."))
    return [{name: (row.get(name) or "").strip() for name in _COLUMNS} for row in rows]


def _send(asked: Asked, about: str, said: Sequence[Mapping[str, str]]) -> None:
    t = asked.texts
    if asked.portal.voice is None:
        raise AskError(t("This portal only reads."))
    found = _follow_up(asked, about)
    by_registration = {one.registration_id: one for one in found.reading.carriers}
    unknown = [one["registration_id"] for one in said if one["registration_id"] not in by_registration]
    if unknown or not said:
        named = ", ".join(unknown[:5])
        raise AskError(
            t("No carrier of yours has the registration %(ids)s.", ids=named)
            if unknown
            else t("No registration was chosen.")
        )
    told = [
        Told(by_registration[one["registration_id"]], one["state"], one["unit"] or None, one["note"] or None)
        for one in said
    ]
    write_down(
        asked, about=f"{found.subject.about}: {len(told)} said", people=len({one.carrier.patient for one in told})
    )
    try:
        asked.portal.voice.carriers(
            asked.definition.name, found.subject.about, told, by=f"{asked.person.name}, {asked.unit}"
        )
    except CannotBeSaidError as error:
        raise AskError(str(error)) from error


def _list(asked: Asked) -> Page:
    from sinks.portal.pages.clinic import list_title  # noqa: PLC0415 - the clinic's page counts what stands here

    t = asked.texts
    name = str(asked.request.path_params["name"])
    title = list_title(asked, name)
    found = read_list(asked.client, asked.definition, name, unit=asked.unit)
    write_down(asked, about=f"list {name}", people=len({one.patient for one in found.entries}))
    columns = [
        Column("registration_id", t("registration")),
        Column("day", t("day"), "day"),
        Column("form", t("form")),
        *(Column(one, one) for one in found.columns),
    ]
    rows = [[one.registration_id, one.day, one.form, *one.shown] for one in found.entries]
    delete_by = asked.portal.moment.date() + timedelta(days=_FILE_KEPT_DAYS)
    table = Table(name, title, columns, rows, file_name=f"{name}-delete-by-{delete_by}")
    return Page(
        title,
        [Section(tables=[table])],
        lead=t(
            "You find your patients by the registration ids that you gave. Keep the file no longer than it is needed."
        ),
        trail=[Link(asked.unit, f"/r/{asked.definition.name}/clinic/{asked.unit}")],
    )
