"""What speaks for a signal: both paths, its levels, units, lots, products, other methods; and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.portal.charts.curves import Step, lines
from sinks.portal.pages.pieces import Chart, Column, Table
from sinks.portal.pages.signal_words import BECAME, LEVELS, METHODS, place_in_log
from sinks.portal.pages.words import product_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.all_causes import AllCauses
    from sinks.clickhouse.queries.reviews import FollowUp
    from sinks.clickhouse.queries.signals import SignalReading, StatedSignal
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

_MOST_OF_A_PATH = 200


def paths(asked: Asked, signal: StatedSignal) -> Chart:
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


def levels(t: Texts, signal: StatedSignal) -> Table:
    """When each level was crossed, and by which submission that was first known."""
    rows = [
        [
            t(LEVELS[one["level"]]), one["day"], one["known_day"],
            place_in_log(one["known_partition"], one["known_version"]),
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


def units(asked: Asked, signal: StatedSignal, follow_up: FollowUp) -> Table:
    """What each unit has of it, and how far it is with its carriers."""
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


def evidence(t: Texts, definition: RegistryDefinition, signal: StatedSignal) -> Iterator[Table]:
    """What else speaks for it: lots, products, other methods."""
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
            t(METHODS.get(one["name"], one["name"])),
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


def all_causes(t: Texts, found: AllCauses | None) -> Iterator[Table]:
    """All causes beside the product's own outcomes; nothing where those are counted anyway."""
    if found is None:
        return
    columns = [
        Column("put_in", t("put in"), "number"),
        Column("component_years", t("component-years"), "decimal", digits=2),
        Column("with_outcome", t("with an outcome"), "number"),
        Column("rate", t("per 100 component-years"), "decimal"),
        Column("lower", t("lower limit"), "decimal"),
        Column("upper", t("upper limit"), "decimal"),
        Column("ratio", t("times the group's"), "decimal", digits=2),
        Column("stage_one", t("AOANJRR stage 1")),
        Column("njr", t("NJR levels")),
        Column("outcomes", t("outcomes"), "number"),
        Column("own", t("of these the product's own"), "number"),
        Column("unknown", t("of the others not known"), "number"),
        Column("share", t("share not known"), "share", digits=0),
    ]
    row = [
        found.exposures,
        found.component_years,
        found.with_outcome,
        found.rate,
        found.lower,
        found.upper,
        found.ratio,
        t("yes") if found.stage_one else t("no"),
        found.njr or "",
        found.outcomes,
        found.own,
        found.unknown,
        found.unknown_share,
    ]
    yield Table("all_causes", t("All causes beside its own outcomes"), columns, [row])


def history(t: Texts, reading: SignalReading) -> Table:
    """Each message about it."""
    rows = [
        [
            t(BECAME[one.state]),
            t(LEVELS[one.level]),
            place_in_log(one.partition, one.version),
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
