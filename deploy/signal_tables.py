"""Signals as tables for people: all of them, and one with all that speaks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy.coverage_tables import state_or_share
from deploy.review_tables import decisions_table, progress_line
from deploy.subject_words import against, products_table
from deploy.tables import HIGHLIGHTED, plain_table
from deploy.words import subject_name, unit_name
from schemas.version import epoch_and_offset
from sinks.clickhouse.queries.cases import by_case
from sinks.clickhouse.queries.unresolved import bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from rich.table import Table

    from deploy.certificates import Certificates
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.all_causes import AllCauses
    from sinks.clickhouse.queries.carriers import CarrierReading
    from sinks.clickhouse.queries.coverage import CoverageRow
    from sinks.clickhouse.queries.reviews import Decision, FollowUp
    from sinks.clickhouse.queries.signal_coverage import SignalCoverage
    from sinks.clickhouse.queries.signals import Became, SignalReading, StatedSignal

    Part = Mapping[str, Any]

_MOST_OF_A_PATH = 12
_MOST_LOTS = 5
_PATH = ("reop.", "expected", "statistic", "watch", "alarm", "per 100", "95 % limits", "P(≥)")
_BASES = {
    "contemporary": "contemporary: against {against}",
    "conditional": "conditional: against {against}, which are few themselves",
    "prior": "prior: against the declared rate, for the others have had no outcome",
    "flat": "flat: against the declared rate",
    "declared": "declared: against the declared rates",
}


def signals_table(
    definition: RegistryDefinition, reading: SignalReading, coverage: Mapping[str, SignalCoverage]
) -> Table:
    """Every signal as it stands; those that share outcomes as one case, the one that explains most first."""
    table = plain_table(f"{definition.registry.title.en}: signals")
    for heading in ("signal", "level", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("outcomes", "expected", "statistic"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("watch from", "alarm from"):
        table.add_column(heading, no_wrap=True)
    table.add_column("coverage", justify="right", no_wrap=True)
    for attached, one in by_case(definition, reading.signals):
        last = one.evidence
        days = {level["level"]: _day(level["day"]) for level in one.levels}
        style = HIGHLIGHTED if one.level == "alarm" and one.state != "withdrawn" else None
        name = subject_name(definition, one.group, one.product)
        table.add_row(
            f"{'└ ' if attached else ''}{one.id}\n  {name}{_where(one)}", one.level, _state(one), f"{last['observed']}",
            f"{last['expected']:.3g}", f"{last['statistic']:.2f}", days.get("watch", ""), days.get("alarm", ""),
            _share(coverage[one.id].together if one.id in coverage else None),
            style=style,
        )  # fmt: skip
    table.caption = (
        "watch from, alarm from: the day on which it would have fired with all that is known now; what was known when: "
        "--show SIGNAL. Coverage: of the signal's units. At a unit: without that, it would not be at watch. └: of the "
        "case above, for they have half of their outcomes or more in common. Frozen: as it was before some opted out"
    )
    return table


def beside_lines(definition: RegistryDefinition, reading: SignalReading) -> Iterable[str]:
    """What there is of each monitor beside its signals: outcomes that fit no operation, and e-BH's set as it is."""
    for monitor, number in reading.unresolved.items():
        if number:
            its = [one for one in reading.signals if one.monitor == monitor and one.state != "withdrawn"]
            bounds = ((statistic, one) for one in its if (statistic := bound(one, number)) is not None)
            most = max(bounds, default=None, key=_of)
            more = f"; were all of one signal's, {most[1].id} would come to {most[0]:.2f} at most" if most else ""
            yield (
                f"{monitor}: {number} outcomes fit no operation and may be of any product of the kind, with a signal "
                f"or without{more}; whose: `guldadra unresolved {definition.name}`"
            )
        if rejected := reading.rejected(monitor):
            group = definition.monitors.monitors[monitor].exposures
            named = ", ".join(subject_name(definition, group, product) for product in rejected)
            yield f"{monitor}: e-BH over all its products now rejects {named} (false discovery rate 5 %; not latched)"


def _of(found: tuple[float, StatedSignal]) -> float:
    return found[0]


def signal_tables(
    definition: RegistryDefinition,
    reading: SignalReading,
    follow_up: FollowUp,
    decisions: Sequence[Decision] = (),
    *,
    coverage: SignalCoverage | None,
    certificates: Certificates,
    all_causes: AllCauses | None = None,
) -> Iterable[Table | str]:
    """One signal: what it is, when it was reached and known, both paths, the units, its history, its follow-up."""
    (signal,) = reading.signals
    yield "\n".join(_heading(definition, signal, reading.unresolved.get(signal.monitor, 0)))
    yield _coverage(definition, coverage)
    yield f"monitor {signal.monitor}, declared as {signal.definition}; {certificates.words(signal.monitor)}"
    yield _levels(signal)
    others = against(signal.of)
    yield _path("would have fired on: by event date, with all that is known now", signal.hindsight, others, known=False)
    yield _path("known then: in the order of submissions, never changed", signal.known, others, known=True)
    yield _units(definition, signal, follow_up.reading, coverage)
    if signal.lots:
        yield _lots(signal)
    if signal.by_product:
        yield products_table(definition, signal.group, signal.by_product)
    if signal.methods:
        yield _methods(signal)
    if all_causes is not None:
        yield _all_causes(signal, all_causes)
    yield _history(reading.history)
    if decisions:
        yield decisions_table(signal.id, decisions)
    yield progress_line(follow_up)


def _heading(definition: RegistryDefinition, signal: StatedSignal, unresolved: int) -> Iterable[str]:
    name = subject_name(definition, signal.group, signal.product)
    yield f"[bold]{signal.id}: {name}[/]: {signal.level}, {signal.state}; {_cause(signal)}"
    for reason in signal.reasons:
        yield f"{signal.state}, for {reason}"
    for erased in signal.erased:
        yield (
            f"{erased['persons']} persons with {erased['outcomes']} outcomes have opted out since it was raised: they "
            "are in no number any more, and take nothing from it"
        )
    for frozen in signal.frozen:
        yield (
            f"frozen, as it was before: {frozen['observed']} outcomes, {frozen['expected']:.4g} expected, statistic "
            f"{frozen['statistic']:.2f}, watch from {_day(frozen['watch_from']) or 'no day'}, alarm from "
            f"{_day(frozen['alarm_from']) or 'no day'}"
            + (f"; {frozen['others']} have opted out of what it is held against" if frozen["others"] else "")
        )
    (comparator,) = signal.comparator
    if comparator["observed"]:
        yield (
            f"{against(signal.of)}: {comparator['observed']:,} first outcomes in {comparator['component_years']:,.1f} "
            f"component-years, {comparator['matched']:,} of them where {_its(signal)} has experience"
        )
    if comparator["left_out"]:
        yield f"not among the others: {', '.join(comparator['left_out'])}"
    if signal.in_set:
        them = ", ".join(subject_name(definition, signal.group, product) for product in signal.in_set)
        yield f"e-BH over all products of its kind rejects {them} (false discovery rate 5 %; as of now, not latched)"
    if unresolved and (statistic := bound(signal, unresolved)) is not None:
        yield (
            f"{unresolved} outcomes of its kind fit no operation; were all this {signal.of}'s, the statistic would be "
            f"{statistic:.2f}"
        )


def _coverage(definition: RegistryDefinition, found: SignalCoverage | None) -> str:
    declared = definition.coverage
    if declared is None:
        return "coverage: not known, for coverage.yaml declares nothing that the register is held against"
    if found is None:
        return "coverage: not known, for nothing is registered of the product any more"
    return (
        f"coverage: {_share(found.together)} at its units, {_share(found.country)} in the whole country "
        f"({declared.definitions[found.definition].title.en}, by: {declared.source.en}; from {found.first:%Y-%m} on, "
        f"as of {found.until})"
    )


def _levels(signal: StatedSignal) -> Table:
    table = plain_table("levels")
    for heading in ("level", "would have fired on", "could be known by", "first known by"):
        table.add_column(heading)
    for heading in ("outcomes", "expected", "statistic", "threshold"):
        table.add_column(heading, justify="right")
    for one in signal.levels:
        place = _place(one["known_partition"], one["known_version"])
        table.add_row(
            one["level"], _day(one["day"]) or "no more", _day(one["known_day"]), place, f"{one['observed']}",
            f"{one['expected']:.4g}", f"{one['statistic']:.3f}", f"{one['threshold']:.2f}",
        )  # fmt: skip
    table.caption = "first known by: partition: epoch/offset of the submission"
    return table


def _path(title: str, path: Sequence[Part], others: str, *, known: bool) -> Table:
    table = plain_table(title)
    table.add_column("day", no_wrap=True)
    for heading in _PATH:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("known by" if known else "against", no_wrap=True)
    for point in path[-_MOST_OF_A_PATH:]:
        rate, limits = "", ""
        if point["rate"] is not None:
            rate, limits = f"{point['rate']:.1f}", f"{point['lower']:.1f} to {point['upper']:.1f}"
        table.add_row(
            _day(point["day"]), f"{point['observed']}", f"{point['expected']:.4f}", f"{point['statistic']:.3f}",
            f"{point['watch']:.2f}", f"{point['alarm']:.2f}", rate, limits, f"{point['tail']:.2g}",
            _place(point["partition"], point["version"]) if known else point["basis"],
            style=HIGHLIGHTED if point["statistic"] >= point["watch"] else None,
        )  # fmt: skip
    known_bases = [basis for basis in dict.fromkeys(str(point["basis"]) for point in path) if basis in _BASES]
    bases = [_BASES[basis].format(against=others) for basis in known_bases]
    left_out = len(path) - _MOST_OF_A_PATH
    table.caption = "; ".join(
        [
            "per 100: outcomes per 100 component-years, with exact 95 % limits; P(≥): of so many or more, by chance",
            *bases,
            *([f"{left_out} earlier ones: --json"] if left_out > 0 else []),
        ]
    )
    return table


def _units(
    definition: RegistryDefinition, signal: StatedSignal, carriers: CarrierReading, coverage: SignalCoverage | None
) -> Table:
    table = plain_table("by unit, and whom each has to call")
    table.add_column("unit", no_wrap=True, overflow="ellipsis")
    columns = ("put in", "comp.-years", "reop.", "expected", "others", "first 15", "to call")
    for heading in columns:
        table.add_column(heading, justify="right")
    table.add_column("reported to", no_wrap=True)
    table.add_column("lag", justify="right")
    table.add_column("coverage", justify="right")
    for one in signal.units:
        to_call = carriers.units.get(one["unit"])
        table.add_row(
            unit_name(definition, one["unit"]), f"{one['exposures']:,}",
            f"{one['component_years']:,.2f}", f"{one['observed']:,}", f"{one['expected']:.3f}", f"{one['factor']:.2f}",
            f"{one['learning_observed']} of {one['learning_exposures']}", f"{to_call.persons if to_call else 0:,}",
            _day(one["through"]), "" if one["lag"] is None else f"{one['lag']}",
            _share(coverage.units[one["unit"]] if coverage else None),
        )  # fmt: skip
    table.caption = (
        "others: by how much more, or less, is expected there, by the unit's other products; first 15: outcomes of the "
        "unit's first uses of the product; to call: persons; lag: days within which nine in ten operations are recorded"
        "; coverage: how much of what the source counts there is registered"
    )
    return table


def _lots(signal: StatedSignal) -> Table:
    table = plain_table("by lot, against the other lots of the product")
    table.add_column("lot")
    for heading in ("put in", "comp.-years", "reop.", "expected", "statistic"):
        table.add_column(heading, justify="right")
    watch = signal.hindsight[-1]["watch"]
    for one in signal.lots[:_MOST_LOTS]:
        table.add_row(
            one["lot"] or "not known", f"{one['exposures']:,}", f"{one['component_years']:,.2f}", f"{one['observed']}",
            f"{one['expected']:.3f}", f"{one['statistic']:.2f}",
            style=HIGHLIGHTED if one["statistic"] >= watch else None,
        )  # fmt: skip
    table.caption = "highlighted: the statistic would be at watch, so that it may be the lot"
    return table


def _methods(signal: StatedSignal) -> Table:
    table = plain_table("what other methods say")
    table.add_column("method")
    for heading in ("statistic", "must reach"):
        table.add_column(heading, justify="right")
    for heading in ("reached", "first on", ""):
        table.add_column(heading)
    for one in signal.methods:
        numbers = ("" if one[name] is None else f"{one[name]:.4g}" for name in ("statistic", "threshold"))
        table.add_row(one["name"], *numbers, "yes" if one["reached"] else "no", _day(one["day"]), one["note"])
    return table


def _all_causes(signal: StatedSignal, found: AllCauses) -> Table:
    """All causes, as the registries count them, beside the product's own."""
    table = plain_table("all causes, as the AOANJRR and the NJR count them")
    table.add_column("")
    for heading in ("put in", "comp.-years", "with outcome", "per 100", "95 % limits"):
        table.add_column(heading, justify="right")
    limits = "" if found.lower is None else f"{found.lower:.1f} to {found.upper:.1f}"
    rate = "" if found.rate is None else f"{found.rate:.1f}"
    table.add_row(
        _its(signal), f"{found.exposures:,}", f"{found.component_years:,.2f}", f"{found.with_outcome:,}", rate, limits
    )
    years = found.others_years
    theirs = f"{100 * found.others / years:.1f}" if years else ""
    table.add_row(against(signal.of), "", f"{years:,.1f}", f"{found.others:,}", theirs, "")
    ratio = "not defined" if found.ratio is None else f"{found.ratio:.2f} times the group's (p = {found.p_value:.2g})"
    share = "" if found.unknown_share is None else f" ({100 * found.unknown_share:.0f} %)"
    table.caption = (
        f"{ratio}; AOANJRR stage 1: {'flagged' if found.stage_one else 'not flagged'}; NJR: "
        f"{'no outlier' if found.njr is None else f'level {found.njr}'}. Of {found.outcomes} outcomes {found.own} are "
        f"its own; of {found.unknown}{share} nobody knows"
    )
    return table


def _state(signal: StatedSignal) -> str:
    return f"{signal.state}, frozen" if signal.frozen and signal.evidence is signal.frozen[0] else signal.state


def _history(history: Sequence[Became]) -> Table:
    table = plain_table("what became of it")
    for heading in ("state", "level", "by submission"):
        table.add_column(heading)
    for heading in ("outcomes", "expected", "statistic"):
        table.add_column(heading, justify="right")
    for one in history:
        table.add_row(
            one.state, one.level, _place(one.partition, one.version), f"{one.observed}", f"{one.expected:.4f}",
            f"{one.statistic:.3f}",
        )  # fmt: skip
    return table


def _its(signal: StatedSignal) -> str:
    return f"the {signal.of}"


def _cause(signal: StatedSignal) -> str:
    where = _where(signal)
    return f"{_its(signal)}{where}: without that unit it would not be at watch" if where else _its(signal)


def _where(signal: StatedSignal) -> str:
    """The unit that it hangs on; empty where it is not a unit's doing, or of a unit anyway."""
    return f" at {signal.units[0]['unit']}" if signal.cause == "unit" and signal.of != "unit" and signal.units else ""


def _share(row: CoverageRow | None) -> str:
    return "not known" if row is None or row.state == "no counts" else state_or_share(row)


def _place(partition: int, version: int) -> str:
    epoch, offset = epoch_and_offset(version)
    return f"{partition}: {epoch}/{offset}"


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()
