"""Signals: all that are open, and the field safety notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter

from sinks.clickhouse.generations import readable
from sinks.clickhouse.queries.cases import by_case
from sinks.clickhouse.queries.reviews import read_answers, read_decisions, read_notices
from sinks.clickhouse.queries.signals import read_signals
from sinks.portal.pages.notices import notices_table
from sinks.portal.pages.pairs import pairs_section
from sinks.portal.pages.pieces import Column, Fact, Link, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.signal_words import ANSWERS, BECAME, DECISIONS, LEVELS, subject_named

if TYPE_CHECKING:
    from sinks.portal.portal import Asked


def router() -> APIRouter:
    """The route of the signals."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/signals", "signals", _signals, renewed="for all")
    return routes


def _signals(asked: Asked) -> Page:
    t = asked.texts
    definition = asked.definition
    reading = read_signals(asked.client, definition)
    decided = {one.about: one for one in read_decisions(asked.client, definition.name)}
    answered = {one.about: one for one in read_answers(asked.client, definition.name)}
    rows: list[list[Any]] = []
    marked_rows = set()
    for attached, one in by_case(readable(asked.client, definition), reading.signals):
        last = one.evidence
        days = {level["level"]: level["day"] for level in one.levels}
        if one.level == "alarm" and one.state != "withdrawn":
            marked_rows.add(len(rows))
        latest, answer = decided.get(one.id), answered.get(one.id)
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
                t(ANSWERS[answer.state]) if answer else "",
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
        Column("answer", t("the company's latest answer")),
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
    of_pairs = pairs_section(asked)
    table = Table("signals", t("Signals as they stand"), columns, rows, note, frozenset(marked_rows))
    return Page(
        t("Signals"),
        [
            *([Section(facts=facts, tables=[table])] if definition.monitors.monitors else []),
            *([of_pairs] if of_pairs else []),
            Section(tables=[notices_table(asked, read_notices(asked.client, definition.name))]),
        ],
        lead=t(
            "A product, lot, family, company or unit that fails more often than the others by more than chance allows."
        ),
        live=definition.name,
        notice=t.of(definition.registry.notice) if definition.registry.notice else "",
    )
