"""How products are watched: what each monitor declares, in words, and how often it errs and how late it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from schemas.definition.written import as_yaml, breakdown_written, following_written, in_one_line
from sinks.clickhouse.generations import GenerationError
from sinks.clickhouse.queries.unresolved import read_unresolved
from sinks.portal.charts.curves import At, curves
from sinks.portal.guard import NotFoundError
from sinks.portal.pages.monitor_certificate import certificate
from sinks.portal.pages.pieces import Chart, Column, Fact, Link, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.words import notice_of, title_of, trail
from sinks.portal.portal import Certified

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.definition.monitors import Disproportionality, Exposure, Monitor, Rule, Thresholds
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

_NONE = Certified()


def router() -> APIRouter:
    """The pages' routes."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/monitors", "monitors", _all)
    add_page(routes, "/r/{registry}/monitors/{monitor}", "monitors", _of_monitor)
    return routes


def _all(asked: Asked) -> Page:
    t, definition = asked.texts, asked.definition
    declared = definition.monitors
    unresolved = _unresolved(asked)
    rows = [
        (
            Link(t.of(declared.exposures[one.exposures].title), f"/r/{definition.name}/monitors/{name}"),
            _outcome(t, one),
            _baseline(t, one),
            _certificate_words(t, _certified(asked, name)),
            unresolved.get(name),
        )
        for name, one in declared.monitors.items()
    ]
    monitors = Table(
        "monitors",
        t("Monitors"),
        [
            Column("products", t("products"), "link"),
            Column("outcomes", t("outcomes")),
            Column("against", t("held against")),
            Column("certificate", t("certificate")),
            Column("unresolved", t("outcomes that fit no operation"), "number"),
        ],
        rows,
    )
    tables = [monitors]
    if declared.disproportionality:
        tables.append(_pairs(t, declared.disproportionality))
    return Page(
        title_of(asked, t("Monitors")),
        [Section(tables=tables)],
        lead=t(
            "A product is watched from the first one that is used, against all others of its kind. How often a monitor "
            "raises what is not there, and how late it finds what is, stands in its certificate."
        ),
        trail=trail(asked),
        notice=notice_of(asked),
    )


def _unresolved(asked: Asked) -> Mapping[str, int]:
    """By monitor, outcomes that may be of any product of its kind; nothing before there are derived values."""
    try:
        return read_unresolved(asked.client, asked.definition)
    except GenerationError:
        return {}


def _pairs(t: Texts, declared: Mapping[str, Disproportionality]) -> Table:
    return Table(
        "pairs",
        t("Drugs and reactions"),
        [
            Column("name", t("name")),
            Column("reports", t("reports")),
            Column("drug", t("drug")),
            Column("reaction", t("reaction")),
            Column("treatments", t("treatments")),
            Column("fewest", t("fewest reports"), "number"),
            Column("watch", t("watch")),
            Column("alarm", t("alarm")),
        ],
        [
            (
                t.of(one.title),
                one.form,
                one.drug,
                one.reaction,
                one.exposures or "",
                one.fewest,
                _rules(t, one.watch),
                _rules(t, one.alarm),
            )
            for one in declared.values()
        ],
        note=t(
            "Each pair of a drug and a reaction is held against all others that are reported; more reports than "
            "expected prove no cause. One rule is enough for a level."
        ),
    )


def _rules(t: Texts, rules: Sequence[Rule]) -> str:
    known: Mapping[Rule, str] = {
        "evans": t("Evans: PRR of 2 or more, chi-square of 4 or more"),
        "ror": t("lower 95 % limit of ROR above 1"),
        "ic": t("lower 95 % limit of IC above 0"),
        "ebgm": t("EB05 of 2 or more"),
    }
    return ", ".join(known[rule] for rule in rules)


def _of_monitor(asked: Asked) -> Page:
    t, definition = asked.texts, asked.definition
    name = asked.request.path_params["monitor"]
    monitor = definition.monitors.monitors.get(name)
    if monitor is None:
        raise NotFoundError
    exposure = definition.monitors.exposures[monitor.exposures]
    certified = _certified(asked, name)
    sections = [
        Section(
            facts=[
                Fact(t("fewest outcomes"), str(monitor.fewest), t("of a product, before anything is raised")),
                Fact(
                    t("a test closes at"),
                    t.number(monitor.planned),
                    t("expected outcomes; then a new one begins"),
                ),
                Fact(
                    t("certificate"),
                    certified.id or t("none"),
                    certified.problem or ("" if certified.id else t("its error rates are not known")),
                    alarming=bool(certified.problem),
                ),
            ]
        ),
        Section(t("What is watched"), tables=[_exposure(t, exposure, monitor)]),
        _thresholds(asked, monitor),
        *certificate(asked, certified),
    ]
    return Page(
        title_of(asked, t.of(exposure.title)),
        sections,
        lead=t("How products of this kind are watched."),
        trail=trail(asked, Link(t("Monitors"), f"/r/{definition.name}/monitors")),
        notice=notice_of(asked),
    )


def _certified(asked: Asked, monitor: str) -> Certified:
    return asked.portal.certificates.get((asked.definition.name, monitor), _NONE)


def _outcome(t: Texts, monitor: Monitor) -> str:
    return t("all outcomes") if monitor.outcome == "all" else t("the product's own outcomes")


def _baseline(t: Texts, monitor: Monitor) -> str:
    rates = ", ".join(t.number(rate, 2) for rate in monitor.rates)
    match monitor.baseline:
        case "contemporary":
            return t("all other products, as they do now (at first %(rates)s per 100 years)", rates=rates)
        case "flat":
            return t("a fixed rate of %(rates)s per 100 years", rates=rates)
        case "declared":
            return t("rates by time since the start: %(rates)s per 100 years", rates=rates)


def _certificate_words(t: Texts, certified: Certified) -> str:
    if certified.id:
        return t("%(id)s, of %(years)s catalogue-years", id=certified.id, years=t.number(certified.catalogue_years))
    return certified.problem or t("none: its error rates are not known")


def _exposure(t: Texts, exposure: Exposure, monitor: Monitor) -> Table:
    ends = "; ".join(in_one_line(following_written(end)) for end in exposure.ends)
    said = [
        (t("begins with"), exposure.form + (f": {as_yaml(exposure.where)}" if exposure.where else "")),
        (t("the product is named by"), " + ".join(exposure.product)),
        (t("compared within"), ", ".join(f"{name} {in_one_line(breakdown_written(one))}"
                                         for name, one in exposure.by.items()) or t("nothing: all together")),
        (t("ends with"), ends or t("nothing")),
        (t("held against"), _baseline(t, monitor)),
        (t("outcomes"), _outcome(t, monitor)),
        (t("counted as an outcome"), in_one_line(following_written(exposure.outcomes))),
        (t("of these the product's own"), as_yaml(exposure.specific) if exposure.specific else t("all")),
        (t("of the others not known"), as_yaml(exposure.unknown) if exposure.unknown else t("none")),
        (t("left out of the comparison"), ", ".join(monitor.left_out) or t("none")),
    ]  # fmt: skip
    return Table(
        "declared",
        t("As declared"),
        [Column("what", t("what")), Column("declared", t("declared"))],
        said,
        note=t("Conditions are written as in the registry's definition."),
    )


def _thresholds(asked: Asked, monitor: Monitor) -> Section:
    t, levels = asked.texts, monitor.thresholds
    watch, alarm = t("watch"), t("alarm")
    kinds = {"family": t("a family"), "company": t("a company"), "lot": t("a lot"), "unit": t("a unit")}
    table = Table(
        "thresholds",
        t("Thresholds"),
        [
            Column("of", t("kind")),
            Column("per_year", t("outcomes expected in a year"), "decimal", 2),
            Column("watch", watch, "decimal", 2),
            Column("alarm", alarm, "decimal", 2),
        ],
        [
            *((t("a product"), *row) for row in _levels(levels)),
            *((kinds[kind], *row) for kind, own in monitor.streams.items() for row in _levels(own.thresholds)),
        ],
        note=t("Straight between the rows, level beyond. The statistic is a log-likelihood ratio."),
    )
    if len(levels.per_year) == 1 or min(levels.per_year) <= 0:
        return Section(t("Thresholds"), tables=[table])
    points = [
        At(at, series, value)
        for series, values in ((watch, levels.watch), (alarm, levels.alarm))
        for at, value in zip(levels.per_year, values, strict=True)
    ]
    says = t("The larger a product, the more evidence it takes: thresholds by the outcomes expected of it in a year.")
    spec = curves(
        points,
        [watch, alarm],
        number_title=t("outcomes expected in a year"),
        value_title=t("statistic"),
        language=asked.language,
    )
    return Section(t("Thresholds"), charts=[Chart("thresholds", t("Thresholds"), says, spec, table)])


def _levels(thresholds: Thresholds) -> Iterator[tuple[float, float, float]]:
    return zip(thresholds.per_year, thresholds.watch, thresholds.alarm, strict=True)
