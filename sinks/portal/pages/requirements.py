"""What the register must fulfil at its stage and the next, and which units have fallen silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from schemas.requirements import REQUIREMENTS, STAGES
from sinks.clickhouse.queries.compliance import read_compliance
from sinks.clickhouse.queries.scorecard import read_scorecard
from sinks.portal.pages.pieces import Column, Fact, Page, Section, Table
from sinks.portal.pages.published import stage_words
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.words import notice_of, title_of, trail, unit_name

if TYPE_CHECKING:
    from schemas.requirements import RequirementName
    from sinks.clickhouse.queries.compliance import Compliance, ComplianceRow
    from sinks.clickhouse.queries.scorecard import Facts, Scorecard, State
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts


def router() -> APIRouter:
    """The page's route."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/compliance", "compliance", _page, renewed="for all")
    return routes


def _page(asked: Asked) -> Page:
    t, definition = asked.texts, asked.definition
    card = read_scorecard(asked.client, definition)
    sections = [
        Section(facts=_facts(t, card), tables=[_table(asked, card)]),
    ]
    if definition.coverage is not None:
        found = read_compliance(asked.client, definition)
        sections.append(Section(t("Who reports"), tables=[_reporting(asked, found)]))
    return Page(
        title_of(asked, t("Requirements")),
        sections,
        lead=t(
            "What a quality register must fulfil to be funded, by its stage. Each verdict rests on facts that are "
            "here to be looked up; the rest the registry attests in its declaration."
        ),
        trail=trail(asked),
        live=definition.name,
        notice=notice_of(asked),
    )


def _facts(t: Texts, card: Scorecard) -> list[Fact]:
    asked_for = [states[card.stage] for states in card.states.values() if states[card.stage] != "not asked"]
    facts = [
        Fact(t("stage"), stage_words(t, card.stage)),
        Fact(
            t("met"),
            t("%(met)s of %(all)s", met=asked_for.count("met"), all=len(asked_for)),
            t("not met: %(number)s", number=asked_for.count("not met")),
            alarming="not met" in asked_for,
        ),
        Fact(t("to be attested"), t.number(asked_for.count("to be attested")), t("no fact can tell")),
    ]
    if (following := card.next_stage) is not None:
        wanting = card.open(following)
        facts.append(
            Fact(
                t("before the next stage"),
                t.number(len(wanting)),
                t("still open to be %(stage)s", stage=stage_words(t, following)),
            )
        )
    return facts


def _table(asked: Asked, card: Scorecard) -> Table:
    t = asked.texts
    rows: list[tuple[object, ...]] = []
    marked = set()
    for name, requirement in REQUIREMENTS.items():
        states = card.states[name]
        if states[card.stage] == "not met":
            marked.add(len(rows))
        asks = requirement.asks.get(card.stage) or next(iter(requirement.asks.values()))
        attested = asked.definition.registry.attested.get(name)
        rows.append(
            (
                t.of(requirement.title),
                t.of(asks),
                *(_state(t, states[stage]) for stage in STAGES),
                "; ".join(part for part in (_proof(t, name, card.facts), t.of(attested) if attested else "") if part),
            )
        )
    return Table(
        "scorecard",
        t("Requirements"),
        [
            Column("requirement", t("requirement")),
            Column("asks", t("what it asks, at this stage or when it comes")),
            *(Column(stage.replace(" ", "_"), t("when %(stage)s", stage=stage_words(t, stage))) for stage in STAGES),
            Column("because", t("what is known")),
        ],
        rows,
        note=t("Marked: not met at the register's own stage. After the 2010 review of the registers."),
        marked=frozenset(marked),
    )


def _state(t: Texts, state: State) -> str:
    return {
        "met": t("met"), "not met": t("not met"), "to be attested": t("to be attested"), "not asked": t("not asked"),
    }[state]  # fmt: skip


def _proof(t: Texts, name: RequirementName, facts: Facts) -> str:
    """What is known that speaks for or against it, in words; empty where nothing is."""
    live = t("values are there") if facts.live else t("no values yet")
    described = t(
        "%(number)s of %(all)s variables described", number=t.number(facts.described), all=t.number(facts.variables)
    )
    known = {
        "feedback": t(
            "%(indicators)s indicators, %(targeted)s with a target; %(live)s",
            indicators=facts.indicators,
            targeted=facts.targeted,
            live=live,
        ),
        "platform": t(
            "%(released)s of %(forms)s forms released; %(received)s submissions, %(refused)s refused",
            released=facts.forms - facts.unreleased,
            forms=facts.forms,
            received=t.number(facts.received),
            refused=t.number(facts.refused),
        ),
        "release": "; ".join(
            (
                t("controller named") if facts.controller else t("no controller"),
                t.many("%(number)s purpose", "%(number)s purposes", facts.purposes),
                t("opt-out text given") if facts.opt_out else t("no opt-out text"),
            )
        ),
        "coverage": _coverage(t, facts),
        "comparison": t(
            "%(directed)s indicators with a direction, %(targeted)s with a target too; %(live)s",
            directed=facts.directed,
            targeted=facts.targeted,
            live=live,
        ),
        "terminology": described
        + "; "
        + t("%(coded)s of %(texts)s text variables with codes", coded=facts.coded, texts=facts.texts),
        "research": described,
    }
    return known.get(name, "")


def _coverage(t: Texts, facts: Facts) -> str:
    if not facts.held_against:
        return t("held against nothing")
    if facts.coverage is None or facts.coverage_year is None:
        return t("declared, but nothing can be judged yet")
    return t(
        "%(share)s in %(year)s, the latest that can be judged; target %(target)s",
        share=t.share(facts.coverage),
        year=facts.coverage_year.year,
        target=t.share(facts.coverage_target, 0),
    )


def _reporting(asked: Asked, found: Compliance) -> Table:
    t = asked.texts
    silence = asked.definition.coverage.silence if asked.definition.coverage else None
    return Table(
        "reporting",
        t("How each unit reports"),
        [
            Column("unit", t("unit")),
            Column("state", t("state")),
            Column("registered", t("registered"), "number"),
            Column("latest", t("latest"), "day"),
            Column("recorded", t("recorded"), "day"),
            Column("days", t("days since"), "number"),
            Column("usual", t("usual interval"), "number", note=t("days, the median of the time before the last")),
            Column("expected", t("expected since"), "decimal"),
            Column("late", t("late"), "share"),
        ],
        [
            (
                unit_name(asked.definition, row.unit),
                _reports(t, row),
                row.registered,
                row.last_on,
                row.last_recorded,
                row.days,
                row.usual_interval,
                row.expected,
                row.late,
            )
            for row in found.rows
        ],
        note=""
        if silence is None
        else t(
            "As of %(day)s. Silent: longer than %(days)s days, with %(expected)s registrations or more to be expected "
            "since. Late: after more than %(late)s days.",
            day=t.day(found.until),
            days=silence.after_days,
            expected=t.number(silence.expected_at_least),
            late=silence.late_after_days,
        ),
        marked=frozenset(at for at, row in enumerate(found.rows) if row.over),
    )


def _reports(t: Texts, row: ComplianceRow) -> str:
    match row.state:
        case "silent":
            return t("has not reported for %(days)s days", days=row.days)
        case "never reported":
            if row.known_to_source is None:
                return t("has never reported")
            low, high = row.known_to_source.low, row.known_to_source.high
            number = str(low) if low == high else t("%(lower)s to %(upper)s", lower=low, upper=high)
            return t("has never reported; the source knows of %(number)s in a year", number=number)
        case "reports":
            return t("reports")
        case "nothing to report":
            return t("has nothing to report")
