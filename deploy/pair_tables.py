"""Signals of pairs of drug and reaction as tables for people: all of them, and one with all that speaks for it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from deploy.review_tables import decisions_table
from deploy.tables import HIGHLIGHTED, plain_table
from schemas.version import epoch_and_offset
from sinks.clickhouse.queries.pair_signals import pair_names
from streams.surveillance.tables import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.table import Table

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.pair_signals import PairReading, StatedPair
    from sinks.clickhouse.queries.reviews import Decision

    Part = Mapping[str, Any]

_NUMBERS = ("rep.", "due", "PRR", "ROR", "IC", "EBGM")
_IN_ALL = (*_NUMBERS, "a", "b", "c", "d", "LLR")
_MOST_MESSAGES = 20
_PRIORS = {
    "fitted": "fitted to {pairs:,} pairs of {reports:,} reports",
    "few": "declared, for there are too few pairs to fit one",
    "narrow": "declared, for the {pairs:,} pairs of {reports:,} reports then known gave one without spread",
}
LIMITS = "due: reports expected, stratum by stratum; in brackets: the lower 95 % limit, of EBGM EB05"


def pair_signals_table(definition: RegistryDefinition, reading: PairReading) -> Table:
    """Every signal of a pair as it stands."""
    table = plain_table(f"{definition.registry.title.en}: signals of drug and reaction")
    table.add_column("signal", overflow="fold")
    for heading in ("level", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in _NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    for one in reading.signals:
        level = one.levels[-1]
        style = HIGHLIGHTED if one.level == "alarm" and one.state != "withdrawn" else None
        name = f"{one.id}\n  {_name(definition, one)}\n  by {', '.join(level['by'])}{_masked(one, level)}"
        table.add_row(name, one.level, one.state, *_row(_numbers(one)), style=style)
    table.caption = (
        f"{LIMITS}. By: what its level was reached by; more: --show SIGNAL. A signal is a reason to read the reports, "
        "no proof"
    )
    return table


def pair_signal_tables(
    definition: RegistryDefinition, reading: PairReading, decisions: Sequence[Decision] = ()
) -> Iterable[Table | str]:
    """One signal: what it is, when each level was reached, how it stands, what it was at each submission, decisions."""
    (signal,) = reading.signals
    yield "\n".join(_heading(definition, signal))
    yield _levels(signal)
    yield _now(definition, signal)
    yield _history(reading.history)
    if decisions:
        yield decisions_table(signal.id, decisions)


def _heading(definition: RegistryDefinition, signal: StatedPair) -> Iterable[str]:
    yield f"[bold]{signal.id}: {_name(definition, signal)}[/]: {signal.level}, {signal.state}"
    for reason in signal.reasons:
        yield f"withdrawn, for {reason}"
    for erased in signal.erased:
        yield (
            f"{erased['persons']} persons with {erased['reports']} reports of it have opted out since it was raised: "
            f"they go on counting for it, by number only; before, it had {erased['frozen_a']} reports and an EB05 of "
            f"{erased['frozen_eb05']:.2f}"
        )
    drugs, _ = pair_names(definition, signal.monitor)
    if signal.leading != signal.drug:
        yield f"{drugs(signal.leading)} has {100 * signal.share:.0f} % of the reports of this reaction"
    (prior,) = signal.prior
    numbers = ", ".join(f"{prior[name]:.4g}" for name in ("alpha1", "beta1", "alpha2", "beta2", "p"))
    told = _PRIORS[prior["basis"]].format_map(prior)
    yield f"prior of EBGM (alpha1, beta1, alpha2, beta2, p): {numbers}; {told}"
    yield f"monitor {signal.monitor}, declared as {signal.definition}"
    yield (
        f"its reports, with the rate per person-year on the drug: guldadra reactions {definition.name} "
        f"--drug {signal.drug} --reaction {signal.reaction}"
    )


def _levels(signal: StatedPair) -> Table:
    table = plain_table("levels")
    for heading in ("level", "by", "last report recorded", "first known by"):
        table.add_column(heading)
    for heading in _NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    for one in signal.levels:
        place = _place(one["known_partition"], one["known_version"])
        table.add_row(
            one["level"], f"{', '.join(one['by'])}{_masked(signal, one)}", str(one["known_day"] or ""), place,
            *_row(one),
        )  # fmt: skip
    rules = "; ".join(f"{rule}: {RULES[rule]}" for rule in RULES if any(rule in one["by"] for one in signal.levels))
    table.caption = f"{rules}. First known by: partition: epoch/offset of the submission"
    return table


def _now(definition: RegistryDefinition, signal: StatedPair) -> Table:
    table = plain_table(f"of {signal.reports:,} reports")
    table.add_column("held against")
    for heading in (*_IN_ALL, "rules"):
        table.add_column(heading, justify="right", no_wrap=True)
    drugs, _ = pair_names(definition, signal.monitor)
    rows = [("all others", _numbers(signal)), *((f"less {drugs(signal.leading)}", one) for one in signal.without)]
    for name, one in rows:
        cells = [f"{one[cell]:,}" for cell in ("a", "b", "c", "d")]
        table.add_row(
            name, *_row(one), *cells, _number(one["likelihood_ratio"]), ", ".join(one["rules"]),
            style=HIGHLIGHTED if one["rules"] else None,
        )  # fmt: skip
    table.caption = (
        f"{LIMITS}. a, b, c, d: reports with drug and reaction, with the drug alone, with the reaction alone, with "
        "neither; LLR: log-likelihood ratio; rules: those that call it a signal now"
    )
    return table


def _history(history: Sequence[StatedPair]) -> Table:
    table = plain_table("known then: each message about it, never changed")
    for heading in ("state", "level", "by submission"):
        table.add_column(heading)
    for heading in _NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    for one in history[-_MOST_MESSAGES:]:
        table.add_row(one.state, one.level, _place(one.partition, one.version), *_row(_numbers(one)))
    if len(history) > _MOST_MESSAGES:
        table.caption = f"{len(history) - _MOST_MESSAGES} earlier ones: --json"
    return table


def _name(definition: RegistryDefinition, signal: StatedPair) -> str:
    drugs, reactions = pair_names(definition, signal.monitor)
    return f"{drugs(signal.drug)}: {reactions(signal.reaction)}"


def _masked(signal: StatedPair, level: Part) -> str:
    return f" without {signal.leading}" if level["masked"] else ""


def _numbers(signal: StatedPair) -> Part:
    return {name: getattr(signal, name) for name in signal.__slots__}


def _row(one: Part) -> tuple[str, ...]:
    pairs = (("ror", "ror_lower"), ("ic", "ic_lower"), ("ebgm", "eb05"))
    with_limits = (f"{_number(one[name])} ({_number(one[lower])})".replace(" ()", "") for name, lower in pairs)
    return (f"{one['a']:,}", f"{one['expected']:.1f}", _number(one["prr"]), *with_limits)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return "∞" if value == inf else f"{value:.2f}"


def _place(partition: int, version: int) -> str:
    epoch, offset = epoch_and_offset(version)
    return f"{partition}: {epoch}/{offset}"
