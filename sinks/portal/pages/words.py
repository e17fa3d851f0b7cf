"""What pages say alike: where they stand, of which day they are, names of places and periods, values and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.version import epoch_and_offset
from sinks.clickhouse.queries.awareness import rfc_3339
from sinks.portal.following import FEWEST
from sinks.portal.pages.pieces import HIDDEN, Column, Link, Written
from sinks.portal.texts import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from schemas.definition.indicators import Indicator
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.queries.estimates import Estimate
    from sinks.clickhouse.queries.indicators import IndicatorRow
    from sinks.portal.following import Followed
    from sinks.portal.pages.pieces import Hidden
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts

    Cell = int | Written | Hidden | None

_QUARTER = 3


def trail(asked: Asked, *above: Link) -> Sequence[Link]:
    """The pages above one of a registry: the start, then those given."""
    return (Link(asked.texts("Start"), "/"), *above)


def title_of(asked: Asked, page: str) -> str:
    """A page's heading: the registry's title, and what the page is about."""
    return f"{asked.texts.of(asked.definition.registry.title)}: {page}"


def product_named(definition: RegistryDefinition, code: str) -> str:
    """A product's name in whichever catalogue has it; else its code."""
    for catalogue in definition.catalogues.values():
        if (row := catalogue.rows.get(code)) is not None and row.get("name"):
            return str(row["name"])
    return code


def notice_of(asked: Asked) -> str:
    """The registry's own notice; empty where it has none."""
    notice = asked.definition.registry.notice
    return "" if notice is None else asked.texts.of(notice)


def read_as_of(asked: Asked, until: date | None, generation: str, through: Mapping[int, int]) -> str:
    """Of which day numbers are, by which definitions, and through which submissions."""
    t = asked.texts
    if until is None:
        return t("Nothing is registered yet.")
    places = []
    for partition, version in sorted(through.items()):
        epoch, offset = epoch_and_offset(version)
        places.append(f"{partition}: {epoch}/{offset}")
    return t(
        "Read as of %(day)s, the latest day that is known, by definitions %(generation)s, through the submissions "
        "(partition: epoch/offset) %(places)s.",
        day=t.day(until),
        generation=generation,
        places=", ".join(places) or NOTHING,
    )


def moment(t: Texts, at: datetime | None) -> Written | None:
    """A moment in UTC; in a file as RFC 3339 has it."""
    return None if at is None else Written(t.moment(at), rfc_3339(at))


def unit_name(definition: RegistryDefinition, code: str) -> str:
    """A unit's code, and what it is called where the catalogue knows it."""
    units = definition.catalogues["units"].rows if "units" in definition.catalogues else {}
    return f"{code} {units.get(code, {}).get('name', '')}".strip()


def place_name(asked: Asked, place: str, code: str) -> str:
    """What a place is called: a unit by code and name, a county or region as it is, the whole country."""
    if place == "nation":
        return asked.texts("the country")
    if not code:
        return asked.texts("place not known")
    return unit_name(asked.definition, code) if place == "unit" else code


def period_name(t: Texts, first_day: date | None, last_day: date | None, per: str) -> str:
    """What a period is called."""
    if first_day is None:
        return t("all time")
    match per:
        case "year":
            return str(first_day.year)
        case "quarter":
            return t("%(year)s, quarter %(number)s", year=first_day.year, number=(first_day.month - 1) // _QUARTER + 1)
        case "month":
            return t.month(first_day)
        case _:
            return f"{t.month(first_day)} {NOTHING} {t.month(last_day or first_day)}"


def indicator_title(t: Texts, indicator: Indicator) -> str:
    """An indicator's title, with what its value is measured in."""
    said = t.of(indicator.title)
    if indicator.kind == "rate" and " per " not in said:
        return t("%(title)s per %(years)s person-years", title=said, years=t.number(indicator.per_years))
    measured_in = getattr(indicator, "measured_in", "")
    return f"{said} ({measured_in})" if measured_in and measured_in not in said.lower() else said


def value_words(t: Texts, indicator: Indicator, value: float | None) -> str:
    """A value of an indicator as it is written."""
    if indicator.kind == "proportion":
        return t.share(value)
    return t.number(value, 0 if indicator.kind == "count" else digits_of(indicator))


def digits_of(indicator: Indicator) -> int:
    """How many decimals an indicator's values have."""
    if indicator.kind == "median":
        return 0 if indicator.resolution >= 1 else 1
    return 0 if indicator.kind == "count" else 2


def limits_words(t: Texts, indicator: Indicator, estimate: Estimate | None) -> str:
    """The 95 % limits, of a median its quartiles, in a sentence; empty where there are none."""
    lower, upper = interval(estimate)
    if lower is None or upper is None:
        return ""
    return t("%(lower)s to %(upper)s", lower=value_words(t, indicator, lower), upper=value_words(t, indicator, upper))


def interval(estimate: Estimate | None) -> tuple[float | None, float | None]:
    """The 95 % limits of an estimate, of a median its quartiles."""
    if estimate is None:
        return None, None
    return estimate.quartiles or (estimate.lower, estimate.upper)


def value_columns(t: Texts, indicator: Indicator | None = None) -> tuple[Column, ...]:
    """Columns of how many, a value and its limits; of several indicators where none is given."""
    median = indicator is not None and indicator.kind == "median"
    note = t("of medians the quartiles") if indicator is None else ""
    return (
        Column("n", t("number"), "number"),
        Column("value", t("value"), "number"),
        Column("lower", t("lower quartile") if median else t("lower 95 % limit"), "number", note=note),
        Column("upper", t("upper quartile") if median else t("upper 95 % limit"), "number", note=note),
    )


def value_cells(t: Texts, indicator: Indicator, estimate: Estimate | None) -> tuple[Cell, ...]:
    """The cells of these columns; all hidden where the estimate is not shown."""
    if estimate is None:
        return (HIDDEN,) * 4
    numbers = (estimate.value, *interval(estimate))
    written = (None if one is None else Written(value_words(t, indicator, one), one) for one in numbers)
    return estimate.n, *written


def period_cell(t: Texts, row: IndicatorRow, per: str) -> Written:
    """What a row's period is called; in a file its first day."""
    return Written(period_name(t, row.first_day, row.last_day, per), row.first_day or "")


def target_words(t: Texts, indicator: Indicator) -> str:
    """What is to be reached; empty where nothing is."""
    if indicator.target is None:
        return ""
    value = value_words(t, indicator, indicator.target)
    match indicator.direction:
        case "lower":
            return t("at most %(value)s", value=value)
        case "higher":
            return t("at least %(value)s", value=value)
        case _:
            return value


def direction_words(t: Texts, indicator: Indicator) -> str:
    """Which way is better; empty where none is."""
    match indicator.direction:
        case "lower":
            return t("lower is better")
        case "higher":
            return t("higher is better")
        case _:
            return ""


def runs_words(t: Texts, found: Followed) -> str:
    """What the runs of a place over time tell, by Anhøj's rules."""
    if found.centre is None:
        return t("Too few periods, or overlapping ones: no centre line and no limits.")
    if found.rules is None:
        return t("With fewer than %(number)s periods whose follow-up is over, runs tell nothing yet.", number=FEWEST)
    return t(
        "%(verdict)s Longest run on one side of the centre line: %(run)s (a signal above %(run_limit)s); crossings "
        "of it: %(crossings)s (a signal below %(crossings_limit)s).",
        verdict=t("The runs tell of a change.") if found.signal else t("The runs tell of no change."),
        run=found.rules.longest_run,
        run_limit=found.rules.longest_run_limit,
        crossings=found.rules.crossings,
        crossings_limit=found.rules.crossings_limit,
    )
