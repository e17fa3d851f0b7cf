"""How products are watched: what each monitor declares, in words, and how often it errs and how late it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from schemas.definition.written import as_yaml, breakdown_written, following_written, in_one_line
from sinks.portal.charts.curves import At, curves
from sinks.portal.guard import NotFoundError
from sinks.portal.pages.asking import one_of
from sinks.portal.pages.pieces import Chart, Column, Fact, Field, Form, Link, Option, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.words import notice_of, title_of, trail
from sinks.portal.portal import Certified

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.definition.monitors import Disproportionality, Exposure, Monitor, Rule, Thresholds
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

_NONE = Certified()
_TEN = 10


def router() -> APIRouter:
    """The pages' routes."""
    routes = APIRouter()
    add_page(routes, "/r/{registry}/monitors", "monitors", _all)
    add_page(routes, "/r/{registry}/monitors/{monitor}", "monitors", _of_monitor)
    return routes


def _all(asked: Asked) -> Page:
    t, definition = asked.texts, asked.definition
    declared = definition.monitors
    rows = [
        (
            Link(t.of(declared.exposures[one.exposures].title), f"/r/{definition.name}/monitors/{name}"),
            _outcome(t, one),
            _baseline(t, one),
            _certificate_words(t, _certified(asked, name)),
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
        *_certificate(asked, certified),
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


def _certificate(asked: Asked, certified: Certified) -> list[Section]:
    t, results = asked.texts, certified.results
    if not certified.id:
        text = certified.problem or t("No certificate is named: nobody has simulated how often this monitor errs.")
        return [Section(t("How often it errs"), text=[text])]
    compared: Sequence[Mapping[str, Any]] = results.get("compared", ())
    sections = [
        Section(
            t("How often it errs"),
            text=[
                t(
                    "Invented national registries without any defect were run through the monitor as it is: "
                    "%(years)s catalogue-years (seed %(seed)s).",
                    years=t.number(certified.catalogue_years),
                    seed=certified.seed,
                )
            ],
            tables=[_false(t, certified)],
        )
    ]
    if compared:
        own = str(compared[0]["method"])
        sections.append(
            Section(
                t("What it finds, and how late"),
                text=[t("Defects were planted in invented registries.")],
                tables=[_detected(t, one) for one in compared if one["method"] == own],
            )
        )
        sections.append(_beside(asked, compared, results.get("curves", ())))
    return sections


def _false(t: Texts, certified: Certified) -> Table:
    rows = [
        (
            _level(t, level),
            _TEN * certified.budgets[level] if level in certified.budgets else None,
            said["per_ten_years"],
            _limits(t, said),
            said["number"],
        )
        for level, said in certified.results.get("false", {}).items()
    ]
    return Table(
        "false",
        t("False signals in ten catalogue-years, over all streams together"),
        [
            Column("level", t("level")),
            Column("budget", t("budget"), "decimal"),
            Column("false", t("false"), "decimal", 2),
            Column("limits", t("95 % limits")),
            Column("counted", t("counted"), "number"),
        ],
        rows,
        note=t("In histories that no threshold was solved on."),
    )


def _detected(t: Texts, said: Mapping[str, Any]) -> Table:
    rows = [
        (
            _defect(t, one["defect"], one["ratio"]),
            one["planted"],
            one["share"],
            one["median_days"],
            one["late_days"],
            one["median_implants"],
        )
        for one in said["detected"]
    ]
    return Table(
        f"detected_{said['at']}",
        t("At level %(level)s", level=_level(t, said["at"])),
        [
            Column("defect", t("defect")),
            Column("planted", t("planted"), "number"),
            Column("found", t("found"), "share", 0),
            Column("median_days", t("median days"), "number"),
            Column("late_days", t("days, nine of ten"), "number"),
            Column("median_implants", t("median number in use"), "number"),
        ],
        rows,
        note=t("No median where fewer than half were found in the years watched."),
    )


def _beside(asked: Asked, compared: Sequence[Mapping[str, Any]], drawn: Sequence[Mapping[str, Any]]) -> Section:
    """Other methods at the same rate of false signals, and the curves of one defect."""
    t = asked.texts
    table = Table(
        "methods",
        t("Beside other methods"),
        [
            Column("method", t("method")),
            Column("at", t("at level")),
            Column("false", t("false in ten years"), "decimal", 2),
            Column("limits", t("95 % limits")),
            *(
                Column(f"{one['defect']}_{one['ratio']:g}", _defect(t, one["defect"], one["ratio"]))
                for one in compared[0]["detected"]
            ),
        ],
        [
            (
                one["method"],
                _level(t, one["at"]),
                one["false"]["per_ten_years"],
                _limits(t, one["false"]),
                *(_days_and_share(t, found) for found in one["detected"]),
            )
            for one in compared
        ],
        note=t("Median days to detection, and the share found. All see the same data on the same days."),
    )
    defects = sorted({f"{one['defect']} {one['ratio']:g}" for one in drawn})
    if not defects:
        return Section(t("Beside other methods"), tables=[table])
    chosen = one_of(asked, "defect", defects, defects[0])
    points = [
        At(one["false"], one["method"], one["days"])
        for one in drawn
        if f"{one['defect']} {one['ratio']:g}" == chosen and one["false"] > 0 and one["days"] is not None
    ]
    methods = list(dict.fromkeys(one.series for one in points))
    title = t("Median days to detection against false signals: %(defect)s", defect=_named(t, chosen))
    form = Form(
        "choose",
        t("Choose"),
        [Field("defect", t("defect"), "select", chosen, [Option(one, _named(t, one)) for one in defects])],
        t("Show"),
    )
    spec = curves(
        points,
        methods,
        number_title=t("false signals in ten catalogue-years"),
        value_title=t("median days"),
        log=True,
        language=asked.language,
    )
    numbers = Table(
        "curves",
        title,
        [
            Column("method", t("method")),
            Column("false", t("false in ten years"), "decimal", 2),
            Column("days", t("median days"), "number"),
        ],
        [(one.series, one.number, one.value) for one in points],
    )
    says = t("A line for each method as its threshold is raised: the fewer false signals, the later a defect is found.")
    return Section(
        t("Beside other methods"), forms=[form], charts=[Chart("curves", title, says, spec, numbers)], tables=[table]
    )


def _level(t: Texts, level: str) -> str:
    return {"watch": t("watch"), "alarm": t("alarm")}.get(level, level)


def _named(t: Texts, chosen: str) -> str:
    defect, _, ratio = chosen.partition(" ")
    return _defect(t, defect, float(ratio))


def _defect(t: Texts, defect: str, ratio: float) -> str:
    known = {
        "product": t("a whole product"),
        "lot": t("one lot of 60"),
        "unit": t("one unit"),
        "late": t("a product, from its second year on"),
        "interop": "Inter-op",
    }
    said = known.get(defect, defect)
    return t("%(defect)s, hazard ratio %(ratio)s", defect=said, ratio=t.number(ratio, 1)) if ratio else said


def _limits(t: Texts, said: Mapping[str, float]) -> str:
    return t("%(lower)s to %(upper)s", lower=t.number(said["lower"], 2), upper=t.number(said["upper"], 2))


def _days_and_share(t: Texts, found: Mapping[str, Any]) -> str:
    days = t("none") if found["median_days"] is None else t.number(found["median_days"])
    return f"{days} ({t.share(found['share'], 0)})"
