"""Signals of drugs and reactions: all of them, and one with its cells, measures, what hides it, and rates on the drug.

A signal is a reason to read the reports, and no proof. Whoever is entitled decides on it as on signals of products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter

from sinks.clickhouse.queries.estimates import rate
from sinks.clickhouse.queries.pair_signals import pair_names, read_pair_signal, read_pair_signals
from sinks.clickhouse.queries.reactions import read_reactions
from sinks.clickhouse.queries.reviews import read_decisions
from sinks.portal.pages.pieces import Column, Fact, Link, Page, Section, Table
from sinks.portal.pages.review import said_of, to_decide
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.signal_words import BECAME, DECISIONS, LEVELS, place_in_log
from sinks.portal.pages.words import notice_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.pair_signals import PairReading, StatedPair
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

    Part = Mapping[str, Any]

_PER_YEARS = 100.0
_NUMBERS = (
    "a", "b", "c", "d", "expected", "prr", "prr_lower", "prr_upper", "ror", "ror_lower", "ror_upper", "ic", "ic_lower",
    "ic_upper", "ebgm", "eb05", "eb95",
)  # fmt: skip


def router() -> APIRouter:
    """The route of one pair."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/pair", "signals", _pair)
    return routes


def pairs_section(asked: Asked) -> Section | None:
    """Every signal of a pair as it stands; None where the registry declares no pairs."""
    t, definition = asked.texts, asked.definition
    if not definition.monitors.disproportionality:
        return None
    reading = read_pair_signals(asked.client, definition)
    decided = {one.about: one for one in read_decisions(asked.client, definition.name)}
    rows = []
    for one in reading.signals:
        latest = decided.get(one.id)
        rows.append(
            [
                Link(one.id, f"/r/{definition.name}/pair?{urlencode({'id': one.id})}"),
                _name(definition, one),
                t(LEVELS[one.level]),
                t(BECAME[one.state]),
                *_short(_numbers(one)),
                t(DECISIONS[latest.state]) if latest else "",
            ]
        )
    columns = [
        Column("signal", t("signal"), "link"),
        Column("of", t("of")),
        Column("level", t("level")),
        Column("state", t("state")),
        Column("reports", t("reports"), "number"),
        Column("expected", t("expected"), "decimal"),
        Column("prr", "PRR", "decimal", digits=2),
        Column("ror_lower", t("ROR, lower limit"), "decimal", digits=2),
        Column("ic_lower", t("IC, lower limit"), "decimal", digits=2),
        Column("eb05", "EB05", "decimal", digits=2),
        Column("decision", t("latest decision")),
    ]
    alarming = frozenset(
        place for place, one in enumerate(reading.signals) if one.level == "alarm" and one.state != "withdrawn"
    )
    note = t("More reports than expected are a reason to read them, and prove no cause.")
    table = Table("pairs", t("Drugs and reactions as they stand"), columns, rows, note, alarming)
    return Section(t("Drugs and reactions"), tables=[table])


def _pair(asked: Asked) -> Page:
    t, definition = asked.texts, asked.definition
    reading = read_pair_signal(asked.client, definition, asked.one("id"))
    (signal,) = reading.signals
    return Page(
        _name(definition, signal),
        [
            Section(text=list(_in_words(t, definition, signal)), facts=list(_facts(t, signal))),
            Section(t("Held against all other reports"), tables=[_held_against(t, definition, signal)]),
            Section(
                t("On the drug"),
                [t("Reports that began while on the drug suspected, by who has had it before; exact limits.")],
                tables=list(_rates(asked, signal)),
            ),
            Section(t("When it was known"), tables=[_levels(t, signal), _history(t, reading)]),
            Section(t("Review"), tables=[said_of(asked, signal.id)], forms=to_decide(asked, signal.id)),
        ],
        lead=f"{t(LEVELS[signal.level])}, {t(BECAME[signal.state])}: {signal.id}",
        trail=[Link(t("Signals"), f"/r/{definition.name}/signals")],
        live=definition.name,
        notice=notice_of(asked),
        read_as_of=t(
            "Monitor %(monitor)s, declared as %(definition)s.", monitor=signal.monitor, definition=signal.definition
        ),
    )


def _name(definition: RegistryDefinition, signal: StatedPair) -> str:
    drugs, reactions = pair_names(definition, signal.monitor)
    return f"{drugs(signal.drug)}: {reactions(signal.reaction)}"


def _numbers(signal: StatedPair) -> Part:
    return {name: getattr(signal, name) for name in (*_NUMBERS, "likelihood_ratio", "rules")}


def _short(one: Part) -> list[Any]:
    return [one[name] for name in ("a", "expected", "prr", "ror_lower", "ic_lower", "eb05")]


def _in_words(t: Texts, definition: RegistryDefinition, signal: StatedPair) -> Iterator[str]:
    drugs, _ = pair_names(definition, signal.monitor)
    for reason in signal.reasons:
        yield t("Withdrawn, for %(reason)s.", reason=reason)
    for erased in signal.erased:
        yield t(
            "%(persons)s persons with %(reports)s reports have opted out since; they go on counting, by number only.",
            persons=erased["persons"],
            reports=erased["reports"],
        )
    if signal.leading and signal.leading != signal.drug:
        yield t(
            "%(drug)s has %(share)s of this reaction's reports, and may hide others: below, the pair without them.",
            drug=drugs(signal.leading),
            share=t.share(signal.share, 0),
        )
    (prior,) = signal.prior
    basis = {
        "fitted": t("fitted to the pairs that are reported"),
        "few": t("declared, for there are too few pairs to fit one"),
        "narrow": t("declared, for the pairs that are reported gave one without spread"),
    }
    yield t("The prior of EBGM is %(basis)s.", basis=basis[prior["basis"]])


def _facts(t: Texts, signal: StatedPair) -> Iterator[Fact]:
    yield Fact(
        t("reports"),
        t.number(signal.a),
        t("%(number)s expected, of %(all)s", number=t.number(signal.expected, 1), all=t.number(signal.reports)),
    )
    measures = (
        ("PRR", signal.prr, signal.prr_lower, signal.prr_upper),
        ("ROR", signal.ror, signal.ror_lower, signal.ror_upper),
        ("IC", signal.ic, signal.ic_lower, signal.ic_upper),
        ("EBGM", signal.ebgm, signal.eb05, signal.eb95),
    )
    for name, value, lower, upper in measures:
        limits = ""
        if lower is not None and upper is not None:
            limits = t("%(lower)s to %(upper)s", lower=t.number(lower, 2), upper=t.number(upper, 2))
        yield Fact(name, t.number(value, 2), limits)


def _held_against(t: Texts, definition: RegistryDefinition, signal: StatedPair) -> Table:
    drugs, _ = pair_names(definition, signal.monitor)
    rows = [[t("all others"), *_row(_numbers(signal))]]
    rows += [[t("all but %(drug)s", drug=drugs(signal.leading)), *_row(one)] for one in signal.without]
    columns = [
        Column("against", t("held against")),
        *_measures(t),
        Column("likelihood_ratio", t("log-likelihood ratio"), "decimal", digits=2),
        Column("rules", t("rules that call it a signal")),
    ]
    note = t(
        "a, b, c, d: reports with drug and reaction, with the drug alone, with the reaction alone, with neither. "
        "Limits are of 95 %, of EBGM from 5 to 95 %."
    )
    return Table("measures", t("Cells and measures"), columns, rows, note)


def _measures(t: Texts) -> list[Column]:
    limited = {"prr": "PRR", "ror": "ROR", "ic": "IC"}
    return [
        *(Column(name, name, "number") for name in ("a", "b", "c", "d")),
        Column("expected", t("expected"), "decimal", digits=2),
        *(
            column
            for name, title in limited.items()
            for column in (
                Column(name, title, "decimal", digits=2),
                Column(f"{name}_lower", t("%(name)s, lower limit", name=title), "decimal", digits=2),
                Column(f"{name}_upper", t("%(name)s, upper limit", name=title), "decimal", digits=2),
            )
        ),
        Column("ebgm", "EBGM", "decimal", digits=2),
        Column("eb05", "EB05", "decimal", digits=2),
        Column("eb95", "EB95", "decimal", digits=2),
    ]


def _row(one: Part) -> list[Any]:
    return [*(one[name] for name in _NUMBERS), one["likelihood_ratio"], ", ".join(one["rules"])]


def _levels(t: Texts, signal: StatedPair) -> Table:
    rows = [
        [
            t(LEVELS[one["level"]]), ", ".join(one["by"]), t("yes") if one["masked"] else "", one["known_day"],
            place_in_log(one["known_partition"], one["known_version"]), *_short(one),
        ]
        for one in signal.levels
    ]  # fmt: skip
    columns = [
        Column("level", t("level")),
        Column("by", t("by rule")),
        Column("masked", t("without the leading drug")),
        Column("known_day", t("last report recorded"), "day"),
        Column("known_by", t("first known by")),
        *_few(t),
    ]
    return Table("levels", t("Levels"), columns, rows, t("First known by: partition: epoch/offset of the submission."))


def _history(t: Texts, reading: PairReading) -> Table:
    rows = [
        [t(BECAME[one.state]), t(LEVELS[one.level]), place_in_log(one.partition, one.version), *_short(_numbers(one))]
        for one in reading.history
    ]
    columns = [
        Column("state", t("state")), Column("level", t("level")), Column("by", t("by submission")), *_few(t),
    ]  # fmt: skip
    return Table("history", t("A log, never edited"), columns, rows)


def _few(t: Texts) -> Sequence[Column]:
    return (
        Column("a", t("reports"), "number"),
        Column("expected", t("expected"), "decimal", digits=2),
        Column("prr", "PRR", "decimal", digits=2),
        Column("ror_lower", t("ROR, lower limit"), "decimal", digits=2),
        Column("ic_lower", t("IC, lower limit"), "decimal", digits=2),
        Column("eb05", "EB05", "decimal", digits=2),
    )


def _rates(asked: Asked, signal: StatedPair) -> Iterator[Table]:
    """Reports of the pair per 100 person-years on the drug; nothing where no treatments are declared."""
    t = asked.texts
    if asked.definition.monitors.disproportionality[signal.monitor].exposures is None:
        return
    rows = []
    for one in read_reactions(asked.client, asked.definition, signal.monitor).on_drug:
        if one.drug == signal.drug:
            found = rate(one.persons, one.reports.get(signal.reaction, 0), one.days, _PER_YEARS)
            rows.append([one.users, one.persons, found.years, found.events, found.value, found.lower, found.upper])
    columns = [
        Column("users", t("users")),
        Column("persons", t("persons"), "number"),
        Column("years", t("person-years"), "decimal"),
        Column("reports", t("reports"), "number"),
        Column("rate", t("per 100 person-years"), "decimal", digits=2),
        Column("lower", t("lower 95 % limit"), "decimal", digits=2),
        Column("upper", t("upper 95 % limit"), "decimal", digits=2),
    ]
    yield Table("rates", t("Reports per 100 person-years on the drug"), columns, rows)
