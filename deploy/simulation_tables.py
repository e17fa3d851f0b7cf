"""A certificate as tables, for a terminal and for a page; and as a chart of time to detection against false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.tables import plain_table
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
    "late": "a product, from year 2 on",
    "interop": "Inter-op",
}
_ORDER = ("interop", "product", "lot", "late")
_DRAWN = (("interop", 0.0), ("product", 2.0), ("product", 3.0), ("product", 8.0), ("lot", 8.0))
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
        _frontier(certificate),
        _blamed(certificate),
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
    rows = [
        (
            level,
            f"{10 * budget:g}",
            _rate(certificate.results["false"][level]),
            f"{certificate.results['false'][level]['number']:,}",
        )
        for level, budget in BUDGETS.items()
    ]
    return Sheet(
        "False signals in 10 catalogue-years, over all streams, in histories that no threshold was solved on",
        ("level", "budget", "false, with 95 % limits", "counted"),
        tuple(rows),
    )


def _thresholds(certificate: Certificate) -> Sheet:
    rows = _rows_of("component", certificate.levels.per_year, certificate.levels.watch, certificate.levels.alarm)
    constructs = certificate.results["construct_levels"]
    if constructs:
        rows += _rows_of("construct", constructs["per_year"], constructs["watch"], constructs["alarm"])
    title = (
        f"Thresholds, straight between the rows, level beyond; streams close at {certificate.levels.planned:g} expected"
    )
    return Sheet(title, ("of a", "expected a year", "watch", "alarm"), tuple(rows))


def _rows_of(
    what: str, per_year: Iterable[float], watch: Iterable[float], alarm: Iterable[float]
) -> list[tuple[str, ...]]:
    return [
        (what, f"{at:g}", f"{low:.2f}", f"{high:.2f}") for at, low, high in zip(per_year, watch, alarm, strict=True)
    ]


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
    title = f"Median days to detection (share found), at the rate of false alarms of level {level} in the first group"
    return _beside(title, compared, [one["method"] for one in compared])


def _as_declared(certificate: Certificate) -> Sheet:
    compared = [one for one in certificate.results["compared"] if one["at"].startswith(_AS_DECLARED)]
    names = [f"{one['method']}, {one['at'].removeprefix(_AS_DECLARED)}" for one in compared]
    return _beside("The same of methods with the thresholds that others declare", compared, names)


def _beside(title: str, compared: Sequence[dict[str, Any]], names: Iterable[str]) -> Sheet:
    rows = [("false in 10 years", *(_rate(one["false"]) for one in compared))]
    for defect, ratio in _defects(compared):
        found = [_detected(one, defect, ratio) for one in compared]
        rows.append((_of(defect, ratio), *(f"{_median(one['median_days'])} ({one['share']:.0%})" for one in found)))
    return Sheet(title, ("defect", *names), tuple(rows))


def _frontier(certificate: Certificate) -> Sheet:
    rows = []
    for one in certificate.results["frontier"]:
        bar = one["bar"]
        rise = (
            f"{bar['height'][1]:.1f} at {bar['per_year'][1]:g}, rising from {bar['per_year'][0]:g}" if bar else "none"
        )
        rows.append(
            (
                one["level"],
                f"{one['floor']:g}",
                rise,
                f"{one['days']:.0f}" if bar else "",
                str(one["interop"] or "never") if bar else "",
                "chosen" if one["chosen"] else "",
            )
        )
    columns = (
        "level",
        "threshold of small products",
        "of large ones, by expected a year",
        "days lost",
        "Inter-op at",
        "",
    )
    title = (
        "The frontier: thresholds of components that keep the budget; days lost on average over the kinds of defects"
    )
    return Sheet(title, columns, tuple(rows))


def _blamed(certificate: Certificate) -> Sheet:
    rows = [
        (f"{float(ratio):g}", *(f"{certificate.results['blamed'][level][ratio]:.2f}" for level in BUDGETS))
        for ratio in certificate.results["blamed"]["watch"]
    ]
    title = "Products falsely flagged in the first group because one unit is worse, on average for each such unit"
    return Sheet(title, ("hazard ratio of the unit", *BUDGETS), tuple(rows))


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
    heights = " to ".join(f"{height:.2f}" for height in dict.fromkeys(compared["threshold"]["height"]))
    title = (
        f"{compared['method']}, {compared['at']} (threshold {heights}): {_rate(compared['false'])} false in 10 years"
    )
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
