"""A monitor's certificate: how often it errs and how late it is, beside other methods, as the simulation found it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sinks.portal.charts.curves import At, curves
from sinks.portal.pages.asking import one_of
from sinks.portal.pages.pieces import Chart, Column, Field, Form, Option, Section, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sinks.portal.portal import Asked, Certified
    from sinks.portal.texts import Texts

_TEN = 10


def certificate(asked: Asked, certified: Certified) -> list[Section]:
    """What a certificate says; why there is none that holds."""
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
                    "Invented national registries without any defect were run through the monitor: "
                    "%(years)s catalogue-years (seed %(seed)s).",
                    years=t.number(certified.catalogue_years),
                    seed=certified.seed,
                ),
                *_differing(t, certified),
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


def _differing(t: Texts, certified: Certified) -> list[str]:
    if not certified.differing:
        return []
    otherwise = "; ".join(certified.differing)
    return [t("It was not simulated as it is declared, so these are not its own numbers: %(what)s.", what=otherwise)]


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
