"""Signals: all that are open, one with all that speaks for it and all that became of it, and its review.

Those entitled take a signal up, confirm it or close it with a reason; each decision is a message of the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from schemas.review import DECISION, STATES
from schemas.subjects import subject_of
from schemas.version import epoch_and_offset
from sinks.clickhouse.generations import readable
from sinks.clickhouse.queries.cases import by_case
from sinks.clickhouse.queries.reviews import find_subject, read_decisions, read_follow_up, read_notices
from sinks.clickhouse.queries.signals import alarm_days, read_signal, read_signals
from sinks.portal.access import may
from sinks.portal.audit import write_down
from sinks.portal.charts.lines import Step, lines
from sinks.portal.guard import AskError, through
from sinks.portal.pages.carriers import progress_words
from sinks.portal.pages.clinic import product_named
from sinks.portal.pages.pieces import Chart, Column, Fact, Field, Form, Link, Option, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.portal import Asked, CannotBeSaidError
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.reviews import FollowUp
    from sinks.clickhouse.queries.signals import SignalReading, StatedSignal
    from sinks.portal.texts import Texts

LEVELS: Mapping[str, str] = {"watch": marked("watch"), "alarm": marked("alarm")}
BECAME: Mapping[str, str] = {
    "raised": marked("raised"),
    "updated": marked("updated"),
    "weakened": marked("weakened"),
    "withdrawn": marked("withdrawn"),
}
DECISIONS: Mapping[str, str] = {
    "taken_up": marked("taken up"),
    "confirmed": marked("confirmed"),
    "closed": marked("closed"),
}
_MOST_OF_A_PATH = 200


def router() -> APIRouter:
    """The signals' routes."""
    routes = APIRouter(include_in_schema=False)
    add_page(routes, "/r/{registry}/signals", "signals", _signals)
    add_page(routes, "/r/{registry}/signal", "signals", _signal)
    routes.add_api_route("/r/{registry}/review", _review, methods=["POST"])
    return routes


def subject_named(definition: RegistryDefinition, t: Texts, label: str) -> str:
    """What a signal is of, in words."""
    subject = subject_of(label)
    if subject.kind == "product":
        return " + ".join(product_named(definition, code) for code in label.split(" + "))
    if subject.kind == "lot":
        return t("%(product)s, lot %(lot)s", product=product_named(definition, subject.name), lot=subject.lot)
    words = {
        "family": marked("family %(name)s"),
        "company": marked("company %(name)s"),
        "unit": marked("unit %(name)s"),
    }
    return t(words[subject.kind], name=product_named(definition, subject.name))


def _signals(asked: Asked) -> Page:
    t = asked.texts
    definition = asked.definition
    reading = read_signals(asked.client, definition)
    decided = {one.about: one for one in read_decisions(asked.client, definition.name)}
    rows: list[list[Any]] = []
    marked_rows = set()
    for attached, one in by_case(readable(asked.client, definition), reading.signals):
        last = one.hindsight[-1]
        days = {level["level"]: level["day"] for level in one.levels}
        if one.level == "alarm" and one.state != "withdrawn":
            marked_rows.add(len(rows))
        latest = decided.get(one.id)
        rows.append(
            [
                Link(f"{'└ ' if attached else ''}{one.id}", f"/r/{definition.name}/signal?{urlencode({'id': one.id})}"),
                subject_named(definition, t, one.product),
                t(LEVELS[one.level]),
                t(BECAME[one.state]),
                last["observed"],
                last["expected"],
                last["statistic"],
                days.get("watch"),
                days.get("alarm"),
                t(DECISIONS[latest.state]) if latest else "",
            ]
        )
    columns = [
        Column("signal", t("signal"), "link"),
        Column("of", t("of")),
        Column("level", t("level")),
        Column("state", t("state")),
        Column("outcomes", t("outcomes"), "number"),
        Column("expected", t("expected"), "decimal", digits=2),
        Column("statistic", t("statistic"), "decimal", digits=2),
        Column("watch_from", t("watch from"), "day"),
        Column("alarm_from", t("alarm from"), "day"),
        Column("decision", t("latest decision")),
    ]
    note = t(
        "Watch from, alarm from: the day on which it would have fired with all that is known now. └: of the case above."
    )
    open_ones = [one for one in reading.signals if one.state != "withdrawn"]
    facts = [
        Fact(
            t("at alarm"),
            t.number(sum(one.level == "alarm" for one in open_ones)),
            alarming=any(one.level == "alarm" for one in open_ones),
        ),
        Fact(t("at watch"), t.number(sum(one.level == "watch" for one in open_ones))),
    ]
    return Page(
        t("Signals"),
        [
            Section(
                facts=facts,
                tables=[Table("signals", t("Signals as they stand"), columns, rows, note, frozenset(marked_rows))],
            ),
            Section(tables=[_notices(asked)]),
        ],
        lead=t(
            "A product, lot, family, company or unit that fails more often than the others by more than chance allows."
        ),
        live=definition.name,
        notice=t.of(definition.registry.notice) if definition.registry.notice else "",
    )


def _notices(asked: Asked) -> Table:
    t = asked.texts
    rows = [
        [
            one.said_at.date(),
            one.issued_by,
            one.reference,
            product_named(asked.definition, one.product),
            ", ".join(one.lots),
            one.udi_di,
            one.first_day,
            one.last_day,
        ]
        for one in read_notices(asked.client, asked.definition.name)
    ]
    columns = [
        Column("said_on", t("told on"), "day"),
        Column("issued_by", t("from whom")),
        Column("reference", t("reference")),
        Column("product", t("product")),
        Column("lots", t("lots")),
        Column("udi_di", "UDI-DI"),
        Column("first_day", t("put in from"), "day"),
        Column("last_day", t("put in until"), "day"),
    ]
    return Table("notices", t("Field safety notices"), columns, rows)


def _signal(asked: Asked) -> Page:
    t = asked.texts
    definition = asked.definition
    reading = read_signal(asked.client, definition, asked.one("id"))
    (signal,) = reading.signals
    subject = find_subject(asked.client, definition.name, signal.id, alarm_days([signal]))
    follow_up = read_follow_up(asked.client, definition, subject)
    sections = [
        Section(text=list(_in_words(t, definition, signal, reading)), facts=list(_facts(t, signal, follow_up))),
        Section(
            t("When it was known, and when it happened"), charts=[_paths(asked, signal)], tables=[_levels(t, signal)]
        ),
        Section(t("By unit"), tables=[_units(asked, signal, follow_up)]),
        Section(t("What else speaks for it"), tables=list(_evidence(t, definition, signal))),
        Section(t("What became of it"), tables=[_history(t, reading)]),
        Section(t("Review"), tables=[_decisions(asked, signal)], forms=_to_decide(asked, signal)),
    ]
    return Page(
        subject_named(definition, t, signal.product),
        sections,
        lead=f"{t(LEVELS[signal.level])}, {t(BECAME[signal.state])}: {signal.id}",
        trail=[Link(t("Signals"), f"/r/{definition.name}/signals")],
        live=definition.name,
        notice=t.of(definition.registry.notice) if definition.registry.notice else "",
        read_as_of=t(
            "Monitor %(monitor)s, declared as %(definition)s.", monitor=signal.monitor, definition=signal.definition
        ),
    )


def _in_words(t: Texts, definition: RegistryDefinition, signal: StatedSignal, reading: SignalReading) -> Iterator[str]:
    if signal.of == "unit":
        yield t("It is the unit, whatever is put in there.")
    elif signal.cause == "unit" and signal.units:
        yield t(
            "It hangs on %(unit)s: without that unit it would not be at watch.",
            unit=product_named(definition, signal.units[0]["unit"]),
        )
    else:
        yield t("It does not hang on one unit: without its largest it would be at watch as well.")
    for reason in signal.reasons:
        yield t("Withdrawn, for %(reason)s.", reason=reason)
    for erased in signal.erased:
        yield t(
            "%(persons)s persons with %(outcomes)s outcomes have opted out since; they go on counting, by number only.",
            persons=erased["persons"],
            outcomes=erased["outcomes"],
        )
    (comparator,) = signal.comparator
    yield t(
        "Those that it is held against had %(observed)s first outcomes in %(years)s component-years.",
        observed=t.number(comparator["observed"]),
        years=t.number(comparator["component_years"], 1),
    )
    if comparator["left_out"]:
        yield t("Not among them: %(products)s.", products=", ".join(comparator["left_out"]))
    if reading.unresolved and signal.bounds:
        told = min(reading.unresolved, len(signal.bounds) - 1)
        yield t(
            "%(number)s outcomes fit no operation; were all of them this one's, the statistic would be %(bound)s.",
            number=t.number(reading.unresolved),
            bound=t.number(signal.bounds[told], 2),
        )


def _facts(t: Texts, signal: StatedSignal, follow_up: FollowUp) -> Iterator[Fact]:
    last = signal.hindsight[-1]
    yield Fact(
        t("outcomes"), t.number(last["observed"]), t("%(number)s expected", number=t.number(last["expected"], 2))
    )
    yield Fact(
        t("statistic"),
        t.number(last["statistic"], 2),
        t("watch at %(watch)s, alarm at %(alarm)s", watch=t.number(last["watch"], 2), alarm=t.number(last["alarm"], 2)),
        alarming=last["statistic"] >= last["alarm"],
    )
    if last["rate"] is not None:
        limits = t("95 %% limits %(low)s to %(high)s", low=t.number(last["lower"], 1), high=t.number(last["upper"], 1))
        yield Fact(t("per 100 component-years"), t.number(last["rate"], 1), limits)
    yield Fact(
        t("Carriers"), t.number(follow_up.persons), progress_words(t, follow_up), alarming=bool(follow_up.overdue)
    )


def _paths(asked: Asked, signal: StatedSignal) -> Chart:
    """Both paths: the statistic by event date, and as it was known."""
    t = asked.texts
    names = {"hindsight": t("with all that is known now"), "known": t("as it was known")}
    rows = [
        (which, point)
        for which, path in (("hindsight", signal.hindsight), ("known", signal.known))
        for point in path[-_MOST_OF_A_PATH:]
    ]
    thresholds = {"watch": t("watch"), "alarm": t("alarm")}
    steps = [
        *(Step(point["day"], names[which], point["statistic"]) for which, point in rows),
        *(
            Step(point["day"], said, point[level])
            for level, said in thresholds.items()
            for which, point in rows
            if which == "hindsight"
        ),
    ]
    columns = [
        Column("path", t("path")),
        Column("day", t("day"), "day"),
        Column("outcomes", t("outcomes"), "number"),
        Column("expected", t("expected"), "decimal", digits=4),
        Column("statistic", t("statistic"), "decimal", digits=3),
        Column("watch", t("watch"), "decimal", digits=2),
        Column("alarm", t("alarm"), "decimal", digits=2),
        Column("rate", t("per 100 component-years"), "decimal"),
        Column("lower", t("lower limit"), "decimal"),
        Column("upper", t("upper limit"), "decimal"),
    ]
    numbers = ("observed", "expected", "statistic", "watch", "alarm", "rate", "lower", "upper")
    table = Table(
        "paths",
        t("Both paths"),
        columns,
        [[names[which], point["day"], *(point[name] for name in numbers)] for which, point in rows],
        t("As it was known: in the order of submissions, with what was known then; it is never changed."),
    )
    last = signal.hindsight[-1]
    says = t(
        "The statistic has come to %(statistic)s; watch is at %(watch)s and alarm at %(alarm)s.",
        statistic=t.number(last["statistic"], 2),
        watch=t.number(last["watch"], 2),
        alarm=t.number(last["alarm"], 2),
    )
    spec = lines(
        steps, [*names.values(), *thresholds.values()], value_title=t("statistic"), step=True, language=asked.language
    )
    return Chart("paths", t("The statistic by day"), says, spec, table)


def _levels(t: Texts, signal: StatedSignal) -> Table:
    rows = [
        [
            t(LEVELS[one["level"]]), one["day"], one["known_day"], _place(one["known_partition"], one["known_version"]),
            one["observed"], one["expected"], one["statistic"], one["threshold"],
        ]
        for one in signal.levels
    ]  # fmt: skip
    columns = [
        Column("level", t("level")),
        Column("day", t("would have fired on"), "day"),
        Column("known_day", t("could be known on"), "day"),
        Column("known_by", t("first known by")),
        Column("outcomes", t("outcomes"), "number"),
        Column("expected", t("expected"), "decimal", digits=4),
        Column("statistic", t("statistic"), "decimal", digits=3),
        Column("threshold", t("threshold"), "decimal", digits=2),
    ]
    return Table("levels", t("Levels"), columns, rows, t("First known by: partition: epoch/offset of the submission."))


def _place(partition: int, version: int) -> str:
    epoch, offset = epoch_and_offset(version)
    return f"{partition}: {epoch}/{offset}"


def _units(asked: Asked, signal: StatedSignal, follow_up: FollowUp) -> Table:
    t = asked.texts
    progress = {one.unit: one for one in follow_up.units}
    rows = []
    for one in signal.units:
        its = progress.get(one["unit"])
        rows.append(
            [
                f"{one['unit']} {product_named(asked.definition, one['unit'])}" if one["unit"] else "",
                one["exposures"],
                one["component_years"],
                one["observed"],
                one["expected"],
                one["factor"],
                f"{one['learning_observed']} / {one['learning_exposures']}",
                its.persons if its else 0,
                its.states.get("checked", 0) if its else 0,
                its.overdue if its else 0,
                one["through"],
                one["lag"],
            ]
        )
    columns = [
        Column("unit", t("unit")),
        Column("put_in", t("put in"), "number"),
        Column("component_years", t("component-years"), "decimal", digits=2),
        Column("outcomes", t("outcomes"), "number"),
        Column("expected", t("expected"), "decimal", digits=3),
        Column(
            "factor",
            t("by its other products"),
            "decimal",
            digits=2,
            note=t("by how much more, or less, is expected there"),
        ),
        Column("learning", t("of its first 15"), "number"),
        Column("carriers", t("carriers"), "number"),
        Column("checked", t("checked"), "number"),
        Column("overdue", t("overdue"), "number"),
        Column("through", t("reported through"), "day"),
        Column("lag", t("lag in days"), "number", note=t("within which nine in ten operations are recorded")),
    ]
    late = frozenset(place for place, row in enumerate(rows) if row[9])
    return Table("units", t("By unit, and how far each is with its carriers"), columns, rows, marked=late)


def _evidence(t: Texts, definition: RegistryDefinition, signal: StatedSignal) -> Iterator[Table]:
    numbers = [
        Column("put_in", t("put in"), "number"),
        Column("component_years", t("component-years"), "decimal", digits=2),
        Column("outcomes", t("outcomes"), "number"),
        Column("expected", t("expected"), "decimal", digits=3),
    ]
    if signal.lots:
        rows = [
            [
                one["lot"] or t("not known"),
                one["exposures"],
                one["component_years"],
                one["observed"],
                one["expected"],
                one["statistic"],
            ]
            for one in signal.lots
        ]
        yield Table(
            "lots",
            t("By lot, against the other lots"),
            [Column("lot", t("lot")), *numbers, Column("statistic", t("statistic"), "decimal", digits=2)],
            rows,
        )
    if signal.by_product:
        rows = [
            [
                f"{one['product']} {product_named(definition, one['product'])}",
                one["exposures"],
                one["component_years"],
                one["observed"],
                one["expected"],
            ]
            for one in signal.by_product
        ]
        yield Table("products", t("By product"), [Column("product", t("product")), *numbers], rows)
    rows = [
        [
            one["name"],
            one["statistic"],
            one["threshold"],
            t("yes") if one["reached"] else t("no"),
            one["day"],
            one["note"],
        ]
        for one in signal.methods
    ]
    columns = [
        Column("method", t("method")),
        Column("statistic", t("statistic"), "decimal", digits=3),
        Column("threshold", t("must reach"), "decimal", digits=3),
        Column("reached", t("reached")),
        Column("day", t("first on"), "day"),
        Column("note", t("note")),
    ]
    yield Table("methods", t("What other methods say; they raise no level"), columns, rows)


def _history(t: Texts, reading: SignalReading) -> Table:
    rows = [
        [
            t(BECAME[one.state]),
            t(LEVELS[one.level]),
            _place(one.partition, one.version),
            one.observed,
            one.expected,
            one.statistic,
        ]
        for one in reading.history
    ]
    columns = [
        Column("state", t("state")),
        Column("level", t("level")),
        Column("by", t("by submission")),
        Column("outcomes", t("outcomes"), "number"),
        Column("expected", t("expected"), "decimal", digits=4),
        Column("statistic", t("statistic"), "decimal", digits=3),
    ]
    return Table("history", t("A log, never edited"), columns, rows)


def _decisions(asked: Asked, signal: StatedSignal) -> Table:
    t = asked.texts
    rows = [
        [t.moment(one.said_at), t(DECISIONS[one.state]), one.by, one.reason, one.note]
        for one in read_decisions(asked.client, asked.definition.name, signal.id)
    ]
    columns = [
        Column("said_at", t("when (UTC)")),
        Column("decision", t("decision")),
        Column("by", t("by whom")),
        Column("reason", t("reason")),
        Column("note", t("note")),
    ]
    return Table("decisions", t("Decisions"), columns, rows)


def _to_decide(asked: Asked, signal: StatedSignal) -> Sequence[Form]:
    t = asked.texts
    if may(asked.person, "review", registry=asked.definition.name) is not None or asked.portal.voice is None:
        return []
    fields = [
        Field("id", "", "hidden", signal.id),
        Field("state", t("decision"), "select", options=[Option(one, t(DECISIONS[one])) for one in STATES[DECISION]]),
        Field("reason", t("reason"), "area", hint=t("It stands in the signal's history. To close a signal takes one.")),
        Field("note", t("note"), "text", hint=t("never who a patient is")),
    ]
    return [Form("review", t("Decide"), fields, t("Say it"), f"/r/{asked.definition.name}/review", "post", open=False)]


async def _review(asked: Asked = through("review")) -> Response:
    """Take a decision on a signal or a notice."""
    form = await asked.request.form()
    said = {name: str(form.get(name, "")) for name in ("id", "state", "reason", "note")}
    await run_in_threadpool(_decide, asked, said)
    return RedirectResponse(f"/r/{asked.definition.name}/signal?{urlencode({'id': said['id']})}", 303)


def _decide(asked: Asked, said: Mapping[str, str]) -> None:
    t = asked.texts
    if asked.portal.voice is None:
        raise AskError(t("This portal only reads."))
    if said["state"] not in STATES[DECISION]:
        raise AskError(t("There is no such decision."))
    write_down(asked, about=f"{said['id']}: {said['state']}", people=0)
    try:
        asked.portal.voice.decide(
            asked.definition.name,
            said["id"],
            said["state"],
            by=asked.person.name,
            reason=said["reason"],
            note=said["note"],
        )
    except CannotBeSaidError as error:
        raise AskError(str(error)) from error
