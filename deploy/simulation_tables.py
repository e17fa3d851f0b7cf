"""A certificate as tables, for a terminal and for a page; and as a chart of time to detection against false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.tables import plain_table
from streams.surveillance.simulation.error_rates import JUDGED
from streams.surveillance.simulation.runs import DEFAULT
from streams.surveillance.simulation.thresholds import BUDGETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rich.table import Table

    from streams.surveillance.simulation.certificate import Certificate

_DEFECTS = {
    "product": "a whole product",
    "lot": "one lot of 60",
    "unit": "one unit",
    "late": "a product, from year 2 on",
    "interop": "Inter-op",
}
_ORDER = ("interop", "product", "late", "lot", "unit")
_DRAWN = (("product", 2.0), ("product", 3.0), ("product", 8.0), ("lot", 3.0), ("lot", 8.0), ("unit", 2.0))
_PNG_SCALE = 1.5
_AS_DECLARED = "as declared, "


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: its title, its columns, its rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def table(self) -> Table:
        """For a terminal."""
        found = plain_table(self.title, *self.columns)
        for row in self.rows:
            found.add_row(*row)
        return found

    def markdown(self) -> str:
        """For a page."""
        lines = (self.columns, ("---",) * len(self.columns), *self.rows)
        return f"**{self.title}**\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def sheets(certificate: Certificate, *, whole: bool = True) -> list[Sheet]:
    """What a certificate says, table by table.

    Args:
        certificate: which.
        whole: each method with all its numbers, not the monitor's own only.
    """
    found = [
        _false(certificate),
        _thresholds(certificate),
        _interop(certificate),
        _side_by_side(certificate, "alarm"),
        _side_by_side(certificate, "watch"),
        _as_declared(certificate),
        *(_frontier(certificate, kind) for kind in JUDGED),
        _blamed_for_unit(certificate),
        _blamed_for_lot(certificate),
    ]
    return found + [_whole(one) for one in certificate.results["compared"] if whole or one["method"] == DEFAULT]


def heading(certificate: Certificate) -> str:
    """In a line, what was simulated."""
    return (
        f"{certificate.registry}, monitors {certificate.monitor}: {certificate.catalogue_years:,} catalogue-years, "
        f"seed {certificate.seed}, certificate {certificate.id}"
    )


def page(certificate: Certificate, *, whole: bool = True) -> str:
    """The tables as Markdown."""
    return "\n".join([f"{heading(certificate)}\n", *(one.markdown() for one in sheets(certificate, whole=whole))])


def draw(certificate: Certificate, folder: Path) -> list[Path]:
    """Draw time to detection against false alarms, as SVG and PNG."""
    import vl_convert  # noqa: PLC0415 - a large library, for this alone

    spec = chart(certificate)
    svg, png = folder / "time_to_detection.svg", folder / "time_to_detection.png"
    svg.write_text(vl_convert.vegalite_to_svg(spec), encoding="utf-8")
    png.write_bytes(vl_convert.vegalite_to_png(spec, scale=_PNG_SCALE))
    return [svg, png]


def chart(certificate: Certificate) -> dict[str, Any]:
    """The chart in Vega-Lite: a panel for each defect, a line for each method as its threshold is raised."""
    drawn = [
        {"of": _of(defect, ratio), **point} for defect, ratio in _DRAWN for point in _points(certificate, defect, ratio)
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": "Median days to detection against false alarms, as thresholds are raised",
        "data": {"values": drawn},
        "facet": {"field": "of", "type": "nominal", "title": None, "sort": [_of(*one) for one in _DRAWN]},
        "columns": 3,
        "resolve": {"scale": {"y": "independent"}},
        "spec": {
            "width": 260,
            "height": 200,
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": {
                    "field": "false",
                    "type": "quantitative",
                    "scale": {"type": "log"},
                    "title": "false alarms in 10 catalogue-years",
                },
                "y": {"field": "days", "type": "quantitative", "title": "median days to detection"},
                "order": {"field": "false"},
                "color": {"field": "method", "type": "nominal", "title": None},
            },
        },
    }


def _points(certificate: Certificate, defect: str, ratio: float) -> Iterable[dict[str, Any]]:
    return (
        {"method": one["method"], "false": one["false"], "days": one["days"]}
        for one in certificate.results["curves"]
        if (one["defect"], one["ratio"]) == (defect, ratio)
    )


def _false(certificate: Certificate) -> Sheet:
    results = certificate.results
    rows = [
        ("all together", "", *(value for level in BUDGETS for value in _counted(results["false"][level]))),
        *(
            (
                kind,
                f"{results['streams'][kind]:,.0f}",
                *(value for level in BUDGETS for value in _counted(results["false_of"][level][kind])),
            )
            for kind in certificate.levels
        ),
    ]
    budgets = [f"{level}, budget {10 * budget:g}" for level, budget in BUDGETS.items()]
    return Sheet(
        "False signals in 10 catalogue-years, with 95 % limits, in histories that no threshold was solved on",
        ("streams of a", "of these, in a history", budgets[0], "counted", budgets[1], "counted"),
        tuple(rows),
    )


def _counted(false: dict[str, Any]) -> tuple[str, str]:
    return _rate(false), f"{false['number']:,}"


def _thresholds(certificate: Certificate) -> Sheet:
    rows = [
        (kind, f"{at:g}", f"{watch:.2f}", f"{alarm:.2f}")
        for kind, levels in certificate.levels.items()
        for at, watch, alarm in zip(levels.per_year, levels.watch, levels.alarm, strict=True)
    ]
    planned = next(iter(certificate.levels.values())).planned
    title = (
        f"Thresholds, straight between the rows, level beyond; streams close at {planned:g} expected, and it takes "
        f"{certificate.fewest} outcomes for any level"
    )
    return Sheet(title, ("of a", "expected a year", "watch", "alarm"), tuple(rows))


def _interop(certificate: Certificate) -> Sheet:
    rows = [
        (
            f"against {'a flat 2 per 100' if baseline == 'flat' else 'an early peak'}",
            str(one["number"]),
            str(one["day"]),
            f"{one['expected']:.3f}",
            f"{one['statistic']:.2f}",
            ", ".join(one["raised"]),
        )
        for baseline, reoperations in certificate.results["interop"].items()
        for one in reoperations
    ]
    columns = ("Inter-op", "reoperation", "day", "expected", "log-likelihood ratio", "raises")
    return Sheet("Inter-op, everybody reporting on the day", columns, tuple(rows))


def _side_by_side(certificate: Certificate, level: str) -> Sheet:
    compared = [one for one in certificate.results["compared"] if one["at"] == level]
    title = (
        f"Median days to detection (share found) by the defect's own kind of stream, each kind at the rate of false "
        f"signals of level {level} in the first group"
    )
    return _beside(title, compared, [one["method"] for one in compared])


def _as_declared(certificate: Certificate) -> Sheet:
    compared = [one for one in certificate.results["compared"] if one["at"].startswith(_AS_DECLARED)]
    names = [f"{one['method']}, {one['at'].removeprefix(_AS_DECLARED)}" for one in compared]
    return _beside("The same of methods with the thresholds that others declare", compared, names)


def _beside(title: str, compared: Sequence[dict[str, Any]], names: Iterable[str]) -> Sheet:
    rows = [
        (f"false in 10 years, {kind}s", *(_rate(one["false_of"][kind]) for one in compared))
        for kind in compared[0]["false_of"]
    ]
    for defect, ratio in _defects(compared):
        found = [_detected(one, defect, ratio) for one in compared]
        rows.append((_of(defect, ratio), *(f"{_median(one['median_days'])} ({one['share']:.0%})" for one in found)))
    return Sheet(title, ("defect", *names), tuple(rows))


def _frontier(certificate: Certificate, kind: str) -> Sheet:
    rows = []
    for one in certificate.results["frontier"]:
        if one["kind"] != kind:
            continue
        bar = one["bar"]
        heights = " to ".join(f"{at:g}: {height:.1f}" for at, height in zip(*bar.values(), strict=True)) if bar else ""
        rows.append(
            (
                one["level"],
                f"{one['floor']:g}",
                heights or "none",
                f"{one['days']:.0f}" if bar else "",
                *((str(one["interop"] or "never") if bar else "",) if kind == "product" else ()),
                "chosen" if one["chosen"] else "",
            )
        )
    columns = (
        "level",
        "threshold of small ones",
        "by expected a year",
        "days lost",
        *(("Inter-op at",) if kind == "product" else ()),
        "",
    )
    title = f"The frontier: thresholds of {kind} streams that keep their part of the budget; days lost on average"
    return Sheet(title, columns, tuple(rows))


def _blamed_for_unit(certificate: Certificate) -> Sheet:
    said = certificate.results["blamed_for_unit"]
    rows = [
        (f"{float(ratio):g}", kind, *(f"{said[level][kind][ratio]:.2f}" for level in BUDGETS))
        for kind in said["watch"]
        for ratio in said["watch"][kind]
    ]
    title = "Streams of the first group that signal falsely because one unit is worse, on average for each such unit"
    return Sheet(title, ("hazard ratio of the unit", "streams of a", *BUDGETS), tuple(rows))


def _blamed_for_lot(certificate: Certificate) -> Sheet:
    said = certificate.results["blamed_for_lot"]
    rows = [(f"{float(ratio):g}", *(f"{said[level][ratio]:.0%}" for level in BUDGETS)) for ratio in said["watch"]]
    title = "Share of the lots with a defect whose product signals as well"
    return Sheet(title, ("hazard ratio of the lot", *BUDGETS), tuple(rows))


def _whole(compared: dict[str, Any]) -> Sheet:
    rows = [
        (
            _of(one["defect"], one["ratio"]),
            str(one["planted"]),
            f"{one['share']:.0%}",
            *(_median(one[name]) for name in ("median_days", "late_days", "median_implants", "late_implants")),
        )
        for defect, ratio in _defects([compared])
        for one in [_detected(compared, defect, ratio)]
    ]
    columns = ("defect", "planted", "found", "median days", "90 % days", "median implants", "90 % implants")
    title = f"{compared['method']}, {compared['at']}: {_rate(compared['false'])} false in 10 years"
    return Sheet(title, columns, tuple(rows))


def _defects(compared: Sequence[dict[str, Any]]) -> list[tuple[str, float]]:
    known = {(one["defect"], one["ratio"]) for method in compared for one in method["detected"]}
    return sorted(known, key=lambda one: (_ORDER.index(one[0]), one[1]))


def _detected(compared: dict[str, Any], defect: str, ratio: float) -> dict[str, Any]:
    found: dict[str, Any] = next(
        one for one in compared["detected"] if (one["defect"], one["ratio"]) == (defect, ratio)
    )
    return found


def _of(defect: str, ratio: float) -> str:
    return f"{_DEFECTS[defect]}, hazard ratio {ratio:g}" if ratio else _DEFECTS[defect]


def _median(value: float | None) -> str:
    return "none" if value is None else f"{value:,.0f}"


def _rate(false: dict[str, Any]) -> str:
    return f"{false['per_ten_years']:.2f} ({false['lower']:.2f} to {false['upper']:.2f})"
