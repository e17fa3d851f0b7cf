"""One signal, with all that speaks for it and all that became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from sinks.clickhouse.queries.all_causes import read_all_causes
from sinks.clickhouse.queries.awareness import read_awareness
from sinks.clickhouse.queries.reviews import find_subject, read_follow_up
from sinks.clickhouse.queries.signals import read_signal, standing_of
from sinks.clickhouse.queries.unresolved import bound
from sinks.portal.access import may
from sinks.portal.pages.awareness import awareness_table
from sinks.portal.pages.carriers import progress_words
from sinks.portal.pages.pieces import Fact, Link, Page, Section
from sinks.portal.pages.review import said_of, to_decide
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.signal_evidence import all_causes, evidence, history, levels, paths, units
from sinks.portal.pages.signal_words import BECAME, LEVELS, subject_named
from sinks.portal.pages.words import product_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.reviews import FollowUp
    from sinks.clickhouse.queries.signals import SignalReading, StatedSignal
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts


def router() -> APIRouter:
    """The route of one signal."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/signal", "signals", _signal)
    return routes


def _signal(asked: Asked) -> Page:
    t = asked.texts
    definition = asked.definition
    reading = read_signal(asked.client, definition, asked.one("id"))
    (signal,) = reading.signals
    subject = find_subject(asked.client, definition.name, signal.id, standing_of([signal]))
    follow_up = read_follow_up(asked.client, definition, subject)
    every_cause = read_all_causes(asked.client, definition, signal)
    sections = [
        Section(text=list(_in_words(t, definition, signal, reading)), facts=list(_facts(t, signal, follow_up))),
        Section(
            t("When it was known, and when it happened"), charts=[paths(asked, signal)], tables=[levels(t, signal)]
        ),
        Section(t("By unit"), tables=[units(asked, signal, follow_up)]),
        Section(t("What else speaks for it"), tables=[*evidence(t, definition, signal), *all_causes(t, every_cause)]),
        Section(t("What became of it"), tables=[history(t, reading)]),
        Section(t("Review"), tables=[said_of(asked, signal.id)], forms=to_decide(asked, signal.id)),
    ]
    if may(asked.person, "awareness", registry=definition.name) is None:
        told = [one for one in read_awareness(asked.client, definition.name) if one.subject == signal.id]
        sections.append(Section(tables=[awareness_table(asked, told)]))
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
        yield t("%(state)s, for %(reason)s.", state=t(BECAME[signal.state]).capitalize(), reason=reason)
    for erased in signal.erased:
        yield t(
            "%(persons)s persons with %(outcomes)s outcomes have opted out since; that takes nothing from the signal.",
            persons=t.number(erased["persons"]),
            outcomes=t.number(erased["outcomes"]),
        )
    for frozen in signal.frozen:
        yield t(
            "Frozen as it was before: %(observed)s outcomes, %(expected)s expected, statistic %(statistic)s.",
            observed=t.number(frozen["observed"]),
            expected=t.number(frozen["expected"], 2),
            statistic=t.number(frozen["statistic"], 2),
        )
    if signal.in_set:
        yield t(
            "e-BH over all products of its kind now rejects %(products)s (false discovery rate 5 %%; not latched).",
            products=", ".join(subject_named(definition, t, product) for product in signal.in_set),
        )
    (comparator,) = signal.comparator
    yield t(
        "Those that it is held against had %(observed)s first outcomes in %(years)s component-years.",
        observed=t.number(comparator["observed"]),
        years=t.number(comparator["component_years"], 1),
    )
    if comparator["left_out"]:
        yield t("Not among them: %(products)s.", products=", ".join(comparator["left_out"]))
    unresolved = reading.unresolved.get(signal.monitor, 0)
    if unresolved and (statistic := bound(signal, unresolved)) is not None:
        yield t(
            "%(number)s outcomes fit no operation; were all of them this one's, the statistic would be %(bound)s.",
            number=t.number(unresolved),
            bound=t.number(statistic, 2),
        )


def _facts(t: Texts, signal: StatedSignal, follow_up: FollowUp) -> Iterator[Fact]:
    last = {**signal.hindsight[-1], **signal.evidence}
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
