"""Pairs of drug and reaction as tables for people, and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from deploy.tables import HIGHLIGHTED, plain_table
from sinks.clickhouse.queries.estimates import rate
from sinks.clickhouse.queries.pair_signals import Name, pair_names
from streams.surveillance.tables import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.table import Table

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.estimates import Estimate as Rate
    from sinks.clickhouse.queries.reactions import OnDrug, ReactionReading
    from streams.statistics.estimate import Estimate
    from streams.surveillance.drugs import Pair, Screening
    from streams.surveillance.tables import Table as Reports

PER_YEARS = 100.0
_NUMBERS = ("rep.", "due", "PRR", "ROR", "IC", "EBGM")


def reaction_tables(
    definition: RegistryDefinition,
    reading: ReactionReading,
    screening: Screening,
    *,
    drug: str | None,
    reaction: str | None,
    fitted: bool,
) -> Iterator[Table | str]:
    """The pairs asked for, or where none are, those that are signals or hidden; and the reports per person-year.

    Args:
        definition: the registry.
        reading: what was read.
        screening: what was worked out of it.
        drug: only this one's.
        reaction: only this one's.
        fitted: whether the prior was fitted to these reports.
    """
    drugs, reactions = pair_names(definition, reading.name)
    asked = _asked(screening.pairs, drug, reaction)
    everything = drug is not None or reaction is not None
    shown = [pair for pair in asked if everything or pair.table.rules or pair.masked]
    shown.sort(key=lambda pair: (not pair.table.rules, not pair.masked))  # else as they are: the highest EB05 first
    if shown:
        table = _pairs(shown, drugs, reactions)
        table.title = f"{definition.registry.title.en}: {'pairs' if everything else 'signals'} of drug and reaction"
        more = len(asked) - len(shown)
        table.caption = "\n".join(_legend(screening, fitted=fitted, more=more))
        yield table
    else:
        what = " and ".join(name for name in (drug and drugs(drug), reaction and reactions(reaction)) if name)
        yield f"no report of {what} in {definition.name}" if everything else f"no signals in {definition.name}"
    if uncoded := sum(reading.uncoded.values()):
        yield f"{uncoded:,} reports have no reaction yet: they are in no pair until they are coded"
    on_drug = [one for one in reading.on_drug if drug in (None, one.drug)]
    if on_drug:
        yield _rates(on_drug, drugs, reactions, of=reaction, apart=drug is not None)


def reactions_as_json(
    reading: ReactionReading, screening: Screening, *, drug: str | None, reaction: str | None
) -> dict[str, Any]:
    """All of it, of the drug and the reaction asked for; null for what is not a number."""
    on_drug = [
        {**asdict(one), "rates": {code: finite(asdict(_rate(one, [code]))) for code in one.reports}}
        for one in reading.on_drug
        if drug in (None, one.drug)
    ]
    pairs = [{**finite(asdict(pair)), "masked": pair.masked} for pair in _asked(screening.pairs, drug, reaction)]
    return {
        "registry": reading.registry,
        "name": reading.name,
        "generation": reading.generation,
        "through": reading.through,
        "until": reading.until,
        "reports": screening.reports,
        "uncoded": reading.uncoded,
        "prior": None if screening.prior is None else asdict(screening.prior),
        "prior_is_narrow": screening.prior_is_narrow,
        "pairs": pairs,
        "on_drug": on_drug,
    }


def _asked(pairs: Iterable[Pair], drug: str | None, reaction: str | None) -> list[Pair]:
    return [pair for pair in pairs if drug in (None, pair.drug) and reaction in (None, pair.reaction)]


def _pairs(pairs: Sequence[Pair], drugs: Name, reactions: Name) -> Table:
    table = plain_table("")
    table.add_column("drug: reaction", overflow="fold")
    for heading in _NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    for pair in pairs:
        name = f"{drugs(pair.drug)}: {reactions(pair.reaction)}"
        table.add_row(*_row(name, pair.table), style=HIGHLIGHTED if pair.table.rules else None)
        if pair.without is not None:
            name = f"└ without {drugs(pair.leading)}"
            table.add_row(*_row(name, pair.without), style=HIGHLIGHTED if pair.masked else None)
    return table


def _row(name: str, table: Reports) -> tuple[str, ...]:
    return (
        "\n  ".join([name, *([f"by {', '.join(table.rules)}"] if table.rules else [])]),
        f"{table.a:,}",
        f"{table.expected:.1f}",
        _number(table.prr.value),
        _with_lower(table.ror),
        _with_lower(table.ic),
        _with_lower(table.ebgm),
    )


def _legend(screening: Screening, *, fitted: bool, more: int) -> Iterator[str]:
    if more:
        yield f"{more:,} pairs more, none a signal: --drug, --reaction or --json"
    yield "due: reports expected, stratum by stratum; in brackets: the lower 95 % limit, of EBGM EB05"
    yield "a signal by " + "; ".join(f"{name}: {rule}" for name, rule in RULES.items())
    yield "└ without the drug that half of the reaction's reports or more are of; highlighted where it hid a signal"
    if screening.prior is not None:
        numbers = ", ".join(f"{number:.4g}" for number in asdict(screening.prior).values())
        source = f"fitted to {len(screening.pairs):,} pairs of {screening.reports:,} reports" if fitted else "as given"
        yield f"prior of EBGM (alpha1, beta1, alpha2, beta2, p): {numbers}; {source}"
    if screening.prior_is_narrow:
        yield (
            "a component of the prior is hardly more than one value, as few pairs may make it, so EBGM tells little: "
            "trust the others, or take --prior 0.2,0.1,2,4,0.33, where DuMouchel begins"
        )


def _rates(on_drug: Sequence[OnDrug], drugs: Name, reactions: Name, *, of: str | None, apart: bool) -> Table:
    """Reports per person-year on drug: of one reaction, of each apart, or of all together."""
    table = plain_table(f"reports per {PER_YEARS:.0f} person-years on the drug")
    for heading in ("drug", "users", "reaction"):
        table.add_column(heading, overflow="ellipsis", no_wrap=True)
    for heading in ("persons", "years", "reports", "rate", "95 % limits"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in on_drug:
        for name, codes in _reactions_of(one, reactions, of, apart=apart):
            found = _rate(one, codes)
            value = limits = ""
            if found.value is not None and found.lower is not None and found.upper is not None:
                value, limits = f"{found.value:.2f}", f"{found.lower:.2f} to {found.upper:.2f}"
            table.add_row(
                drugs(one.drug), one.users, name, f"{one.persons:,}", f"{found.years or 0:,.1f}", f"{found.events:,}",
                value, limits,
            )  # fmt: skip
    table.caption = (
        "reports that began while on the drug suspected, by who has had it before; exact 95 % limits. Who is on "
        "it, and how long after the stop, is said in monitors.yaml"
    )
    return table


def _reactions_of(one: OnDrug, reactions: Name, of: str | None, *, apart: bool) -> Iterator[tuple[str, Sequence[str]]]:
    if of is not None:
        yield reactions(of), [of]
        return
    yield "all", list(one.reports)
    if apart:
        for code, _ in sorted(one.reports.items(), key=lambda item: (-item[1], item[0])):
            yield reactions(code) or "not coded", [code]


def _rate(one: OnDrug, codes: Iterable[str]) -> Rate:
    return rate(one.persons, sum(one.reports.get(code, 0) for code in codes), one.days, PER_YEARS)


def _with_lower(estimate: Estimate) -> str:
    lower = _number(estimate.lower)
    return f"{_number(estimate.value)} ({lower})" if lower else _number(estimate.value)


def _number(value: Any) -> str:  # noqa: ANN401 - a float, or an array, which a pair never has
    if value == inf:
        return "∞"
    return f"{value:.2f}" if isfinite(value) else ""


def finite(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """JSON with null for what is not a number."""
    if isinstance(node, dict):
        return {key: finite(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [finite(value) for value in node]
    return None if isinstance(node, float) and not isfinite(node) else node
