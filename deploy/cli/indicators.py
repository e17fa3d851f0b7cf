"""What is derived of the registrations, live: indicators, lists of persons to be seen to, exposures."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
from dataclasses import asdict, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.options import AsJson, Registry, Until, told_in_words
from deploy.cli.start import start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.cell_sums import Cut
    from sinks.clickhouse.queries.indicators import IndicatorReading, IndicatorRow


class Place(StrEnum):
    """Whose registrations are summed to one row."""

    unit = "unit"
    county = "county"
    region = "region"
    nation = "nation"


class Per(StrEnum):
    """Over which time."""

    month = "month"
    quarter = "quarter"
    year = "year"
    rolling = "rolling"
    all = "all"


class Language(StrEnum):
    """The titles' language."""

    en = "en"
    sv = "sv"


Unit = Annotated[str | None, typer.Option(help="One unit's code: its own rows, small numbers included.")]
Limit = Annotated[int, typer.Option(help="How many entries are printed at most; JSON has all.", min=0)]


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    for command in (indicators, lists, unresolved, exposures, trace):
        parent.command(rich_help_panel="Registrations and answers")(command)


def indicators(
    registry: Registry,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[INDICATOR]…", help="Indicators by name; all of them if left out.")
    ] = None,
    by: Annotated[Place | None, typer.Option(help="Whose registrations are summed to one row.")] = None,
    per: Annotated[
        Per | None, typer.Option(help="Over which time; rolling: the twelve months that end with each month.")
    ] = None,
    breakdown: Annotated[
        list[str] | None, typer.Option(help="A breakdown to keep apart, such as sex; may be given again.")
    ] = None,
    unit: Unit = None,
    until: Until = None,
    lang: Annotated[Language, typer.Option(help="The titles' language.")] = Language.en,
    as_json: AsJson = False,
) -> None:
    """Indicators, live, with their 95 % limits: the nation by year, then the units in the latest complete year.

    With options, each indicator in detail, say `guldadra indicators hip reoperated_2y --by county --per rolling`,
    or `--unit U01 --breakdown sex`. A value marked * may still change, for its follow-up is not over. Numbers below
    what the registry shows are hidden (..), and so are those that would give them away, but from the unit itself
    (--unit). The last line says which submissions are in the numbers.
    """
    from sinks.clickhouse.generations import readable
    from sinks.clickhouse.queries.cell_sums import Cut

    settings = start()
    declared = settings.definitions((registry,))[registry]
    day = until.date() if until else None
    overview = not (names or by or per or breakdown or unit)
    cut = Cut(by.value if by else "nation", per.value if per else "year", tuple(breakdown or ()), unit)
    with settings.clickhouse() as client, told_in_words(registry):
        definition = readable(client, declared)
        wanted, left_out = _readable_by(definition, names or (), cut)
        readings = [_read(client, definition, wanted, cut, day)]
        if overview:
            readings.append(
                _latest_mature_year(_read(client, definition, wanted, replace(cut, place="unit"), day), readings[0])
            )
    if as_json:
        print(json.dumps(_as_json(definition, readings[0], cut), ensure_ascii=False, default=str))
    else:
        _show(definition, readings, cut, lang.value)
        for line in left_out:
            print(f"left out: {line}")


def lists(
    registry: Registry,
    name: Annotated[str, typer.Argument(metavar="LIST", help="The list as indicators.yaml names it.")],
    unit: Unit = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """A list of persons to be seen to, live: how many each unit has, then the registrations, oldest first.

    A call list, or chains that are open: what is on the list leaves it by itself once it is done and registered.
    """
    from deploy.exposure_tables import list_tables
    from deploy.tables import console_for
    from deploy.words import Words, origin_line
    from sinks.clickhouse.queries.lists import read_list

    settings = start()
    definition = settings.definitions((registry,))[registry]
    with settings.clickhouse() as client, told_in_words(registry):
        reading = read_list(client, definition, name, unit=unit, limit=None if as_json else limit)
    if as_json:
        print(json.dumps(asdict(reading), ensure_ascii=False, default=str))
        return
    for table in list_tables(definition, reading, Words("en")):
        console_for().print(table)
    if (more := sum(reading.units.values()) - len(reading.entries)) > 0:
        print(f"{more:,} more: --limit or --unit")
    console_for().print(origin_line(reading.generation, reading.through), style="dim", soft_wrap=True)


def unresolved(registry: Registry, unit: Unit = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """Outcomes that fit no registration, live: a reoperation whose operation was never registered, say.

    Each leaves the list by itself when the missing registration arrives, or a correction makes it fit.
    """
    lists(registry, "unresolved", unit, limit, as_json)


def exposures(
    registry: Registry,
    groups: Annotated[
        list[str] | None, typer.Argument(metavar="[GROUP]…", help="Monitor groups by name; all of them if left out.")
    ] = None,
    unit: Unit = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Implants and treatments in follow-up, live, by product: how many began, are open, ended and why, had outcomes.

    Years are exposure-years until the day of the reading. An implant's own outcomes are those where it was taken out
    or exchanged itself; the first revision ends the exposure of all that was put in with it. Who carries what:
    `guldadra trace`.
    """
    from deploy.exposure_tables import exposure_table
    from deploy.tables import console_for
    from deploy.words import origin_line
    from sinks.clickhouse.generations import readable
    from sinks.clickhouse.queries.exposures import read_exposures

    settings = start()
    declared = settings.definitions((registry,))[registry]
    with settings.clickhouse() as client, told_in_words(registry):
        definition = readable(client, declared)
        reading = read_exposures(client, definition, groups or (), unit=unit, until=until.date() if until else None)
    if as_json:
        print(json.dumps(asdict(reading), ensure_ascii=False, default=str))
    else:
        console = console_for()
        console.print(exposure_table(definition, reading) if reading.rows else f"no exposures in {registry} yet")
        console.print(origin_line(reading.generation, reading.through), style="dim", soft_wrap=True)


def trace(
    registry: Registry,
    product: Annotated[str | None, typer.Option(help="The product's code, as its catalogue has it.")] = None,
    signal: Annotated[str | None, typer.Option(help="A signal's id: the carriers of its product.")] = None,
    lot: Annotated[
        list[str] | None, typer.Option(help="This lot, and those whose lot nobody knows; may be given again.")
    ] = None,
    notice: Annotated[
        str | None, typer.Option(help="A field safety notice's id, or its beginning: whom it is about.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="One unit's code: whom it has to call.")] = None,
    until: Until = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Who carries a product now: how many persons at each unit and, with --unit, whom this unit has to call.

    For a signal, say `guldadra trace hip --signal cup/CUP03/0 --unit U01`; for a recall without one, `guldadra trace
    hip --product CUP03 --lot L7 --unit U01`: with a lot, and of a lot's signal, also those are told whose lot nobody
    knows. A family's or company's signal is about whoever carries one of its products, a unit's about all that the unit
    put in. With --signal or --notice it is whom that is about, and how it stands with each; with --product, what was
    last said of each, whatever it was about. An exposure may be over and the product still be carried: a cup stays in
    when the head is exchanged. A unit finds its patients by the registration ids that it gave.
    """
    from deploy.exposure_tables import carrier_tables
    from deploy.settings import SettingsError
    from deploy.tables import console_for
    from deploy.words import origin_line
    from sinks.clickhouse.generations import readable
    from sinks.clickhouse.queries.carriers import Affected, read_carriers
    from sinks.clickhouse.queries.reviews import find_subject
    from sinks.clickhouse.queries.signals import read_signal, standing_of

    settings = start()
    declared = settings.definitions((registry,))[registry]
    if [product, signal, notice].count(None) != 2 or (lot and not product):  # noqa: PLR2004 - one of three
        raise SettingsError("say one of --signal, --notice and --product; with --product any --lot")
    day = until.date() if until else None
    with settings.clickhouse() as client, told_in_words(registry):
        definition = readable(client, declared)
        if signal:
            refuse_pair(definition, signal)
            (stated,) = read_signal(client, definition, signal).signals
            affected = find_subject(client, registry, stated.id, standing_of([stated])).affected
        elif notice:
            affected = find_subject(client, registry, notice).affected
        else:
            affected = Affected(product or "", tuple(lot or ()))
        reading = read_carriers(client, definition, affected, unit=unit, until=day)
    if as_json:
        shown = reading if unit else replace(reading, carriers=[])
        print(json.dumps(asdict(shown), ensure_ascii=False, default=str))
        return
    console = console_for()
    if not reading.units:
        of_lot = f" of lot {', '.join(affected.lots)}" if affected.lots else ""
        at = f" at {unit}" if unit else ""
        console.print(f"{registry} knows nobody who ever got {affected.product}{of_lot}{at}")
    else:
        for table in carrier_tables(definition, reading, limit if unit else 0):
            console.print(table)
        if unit and len(reading.carriers) > limit:
            console.print(f"… {len(reading.carriers) - limit:,} more: --limit, or --json for all")
    console.print(origin_line(reading.generation, reading.through, reading.until), style="dim", soft_wrap=True)


def refuse_pair(definition: RegistryDefinition, signal: str) -> None:
    """A signal of a drug and a reaction is of reports: there is nobody who carries it.

    Raises:
        SettingsError: the text names one; it says what to ask for.
    """
    from deploy.settings import SettingsError
    from sinks.clickhouse.queries.pair_signals import names_a_pair

    if names_a_pair(definition, signal):
        raise SettingsError(
            f"{signal} is a signal of reports, which nobody carries: `guldadra reactions {definition.name} --drug …` "
            f"has them, `guldadra trace {definition.name} --product …` who is on the drug"
        )


def _readable_by(definition: RegistryDefinition, names: Sequence[str], cut: Cut) -> tuple[list[str], list[str]]:
    """Which indicators are read, and why others are not: all must fit that are named, else those that fit."""
    from sinks.clickhouse.queries.cell_sums import CannotBeReadError, refuse_unreadable
    from sinks.clickhouse.queries.indicators import cohorts_of

    wanted, left_out = [], []
    for cohort, chosen in cohorts_of(definition, names).items():
        try:
            refuse_unreadable(cohort, definition.indicators.cohorts[cohort], cut)
        except CannotBeReadError as error:
            if names:
                raise
            left_out.append(f"{', '.join(chosen)}: {error}")
        else:
            wanted += chosen
    if left_out and not wanted:
        raise CannotBeReadError("; ".join(left_out))
    return wanted, left_out


def _read(
    client: Client,
    definition: RegistryDefinition,
    names: Sequence[str],
    cut: Cut,
    day: Any,  # noqa: ANN401
) -> IndicatorReading:
    from sinks.clickhouse.queries.indicators import read_indicators

    return read_indicators(client, definition, names, cut=cut, until=day)


def _latest_mature_year(by_unit: IndicatorReading, nation: IndicatorReading) -> IndicatorReading:
    """Of each indicator the units' rows of the latest year that is mature, or of the latest where none is."""
    years: dict[str, Any] = {}
    for row in nation.rows:  # by year, earliest first
        if row.mature or row.indicator not in years:
            years[row.indicator] = row.first_day
    return replace(by_unit, rows=[row for row in by_unit.rows if row.first_day == years.get(row.indicator)])


def _show(definition: RegistryDefinition, readings: Sequence[IndicatorReading], cut: Cut, language: Any) -> None:  # noqa: ANN401
    from deploy.indicator_tables import detail_table, overview_table, unit_tables
    from deploy.tables import console_for
    from deploy.words import Words, origin_line

    words, console = Words(language), console_for()
    first = readings[0]
    if not first.rows:
        console.print(f"no indicators of {definition.name} yet, or none for what was asked", soft_wrap=True)
    elif len(readings) > 1:
        console.print(overview_table(definition, first, words))
        for table in unit_tables(definition, readings[1].rows, words):
            console.print(table)
    else:
        for name in dict.fromkeys(row.indicator for row in first.rows):
            rows = [row for row in first.rows if row.indicator == name]
            console.print(detail_table(definition, name, rows, cut, words))
    console.print(origin_line(first.generation, first.through, first.until), style="dim", soft_wrap=True)


def _as_json(definition: RegistryDefinition, reading: IndicatorReading, cut: Cut) -> dict[str, Any]:
    from deploy.indicator_tables import indicators_of

    declared = indicators_of(definition)

    def row_of(row: IndicatorRow) -> dict[str, Any]:
        said = declared[row.indicator]
        numbers = asdict(row.estimate) if row.estimate else {}
        return {
            "indicator": row.indicator,
            "kind": said.kind,
            "title": said.title.model_dump(),
            "place": row.place,
            "first_day": row.first_day,
            "last_day": row.last_day,
            "breakdown": dict(zip(cut.breakdown, row.breakdown, strict=True)),
            "n": row.n,
            "value": None,
            **numbers,
            "mature": row.mature,
            "direction": said.direction,
            "target": said.target,
            "smallest_shown": said.smallest_shown,
        }

    return {
        "registry": reading.registry,
        "generation": reading.generation,
        "through": reading.through,
        "until": reading.until,
        "by": cut.place,
        "per": cut.per,
        "unit": cut.unit,
        "rows": [row_of(row) for row in reading.rows],
    }
