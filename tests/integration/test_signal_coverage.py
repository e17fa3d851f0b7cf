"""Coverage beside the Inter-op cup's signal: registrations and counts by hand, shares worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from deploy.certificates import certificates_of
from deploy.signal_tables import signal_tables, signals_table
from schemas import topics
from schemas.codec import encode_event
from schemas.definition.coverage import Coverage
from sinks.clickhouse.queries.coverage_shares import Bounds
from sinks.clickhouse.queries.reviews import find_subject, read_follow_up
from sinks.clickhouse.queries.signal_coverage import main_definition, read_signal_coverage
from sinks.clickhouse.queries.signals import read_signal, standing_of
from tests.derived_support import MONITORS, Register, cell, days, derived_registry, exposure, load, made, write
from tests.integration.test_signals import WATCHED, Told1970, put

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.signals import SignalReading

pytestmark = pytest.mark.embedded

COVERAGE = """
source: {sv: Patientregistret, en: Patient register}
form: operation
counts: {patient_register: {sv: Operationer, en: Operations}}
definitions:
  units: {title: {sv: Enheter, en: Units}, share_of: units, reference: [patient_register]}
  all: {title: {sv: Andel av alla operationer, en: Share of all operations}, share_of: everything,
        reference: [patient_register]}
"""
UNTIL = date(1970, 12, 31)


def watching(client: Client, parent: Path, coverage: str = COVERAGE) -> RegistryDefinition:
    """A registry with the signal, and one who has had the cup since February 1970."""
    definition = made(client, derived_registry(parent, monitors=MONITORS + WATCHED, coverage=coverage))
    first = exposure("r1", "1970-02-03", product="INTEROP")
    write(client, definition, 3, cells=[cell("1970-02-01", [1])], exposures=[first])
    put(client, definition, Told1970(definition).messages)
    return definition


def told(client: Client, definition: RegistryDefinition, unit: str, **months: int) -> None:
    """What the patient register counts at a unit in months of 1970."""
    numbers = {"january": 1, "february": 2, "march": 3}
    counts = [
        {"period": days(f"1970-{numbers[name]:02}-01"), "measure": "patient_register", "count": count, "below": None}
        for name, count in months.items()
    ]
    record = {
        "registry": definition.name, "epoch": 0, "source": "Patient register", "unit": unit,
        "as_of": days("1970-12-01"), "uploaded_at": days("1970-12-01") * 86_400_000, "counts": counts,
    }  # fmt: skip
    load(client, definition, [(topics.counts(definition.name), encode_event("unit_counts", record))])


def registered(client: Client, definition: RegistryDefinition, *operated: tuple[str, str, int]) -> None:
    """So many operations at a unit on a day."""
    register = Register(definition)
    for unit, day, number in operated:
        for place in range(number):
            name = f"{unit}-{day}-{place}"
            register.operated(f"k1-{name}", name, day, unit=unit)
    register.load(client)


def shown(client: Client, definition: RegistryDefinition, reading: SignalReading) -> str:
    """Both tables as they are printed."""
    coverage = read_signal_coverage(client, definition, reading.signals, until=UNTIL)
    (signal,) = reading.signals
    subject = find_subject(client, definition.name, signal.id, standing_of(reading.signals))
    follow_up = read_follow_up(client, definition, subject)
    console = Console(width=200)
    with console.capture() as captured:
        console.print(signals_table(definition, reading, coverage))
        parts = signal_tables(
            definition, reading, follow_up, coverage=coverage.get(signal.id), certificates=certificates_of(definition)
        )
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, str))
    return "\n".join(" ".join(line.split()) for line in captured.get().splitlines())


def test_its_units_and_the_country_are_compared_from_the_month_on_in_which_it_was_first_put_in(
    client: Client, tmp_path: Path
) -> None:
    definition = watching(client, tmp_path)
    registered(
        client, definition,
        ("U1", "1970-01-20", 1), ("U1", "1970-02-10", 3), ("U2", "1970-02-11", 1), ("U2", "1970-03-11", 2),
        ("U3", "1970-02-12", 9),
    )  # fmt: skip
    told(client, definition, "U1", january=100, february=4)
    told(client, definition, "U2", february=2, march=2)
    told(client, definition, "U3", february=10)
    reading = read_signal(client, definition, "INTEROP")
    (signal,) = reading.signals
    elsewhere = replace(signal, units=[one for one in signal.units if one["unit"] != "U3"])
    (found,) = read_signal_coverage(client, definition, [elsewhere], until=UNTIL).values()
    assert (found.definition, found.first, found.until) == ("all", date(1970, 2, 1), UNTIL)
    assert {unit: (row.found, row.reference) for unit, row in found.units.items()} == {
        "U1": (Bounds(3, 3), Bounds(4, 4)),
        "U2": (Bounds(3, 3), Bounds(4, 4)),
    }
    assert (found.together.found, found.together.reference) == (Bounds(6, 6), Bounds(8, 8))
    assert (found.country.found, found.country.reference) == (Bounds(15, 15), Bounds(18, 18))
    # 15 of 18 are 83.3 % where U3 is one of its units too
    text = shown(client, definition, reading)
    (row,) = [line for line in text.splitlines() if line.startswith("flat_cup/INTEROP/0 alarm")]
    assert row.endswith(" 1970-05-22 1970-06-11 83.3 %")
    assert (
        "coverage: 83.3 % at its units, 83.3 % in the whole country (Share of all operations, by: Patient register; "
        "from 1970-02 on, as of 1970-12-31)" in text
    )
    by_unit = {line.split()[0]: line.split()[-2] for line in text.splitlines() if " of 10 " in line}
    assert by_unit == {"U1": "75.0", "U2": "75.0", "U3": "90.0"}


def test_where_the_source_has_told_nothing_it_is_not_known(client: Client, tmp_path: Path) -> None:
    definition = watching(client, tmp_path)
    registered(client, definition, ("U1", "1970-02-10", 3), ("U2", "1970-02-11", 1))
    told(client, definition, "U1", february=4)
    told(client, definition, "U2", january=8)
    text = shown(client, definition, read_signal(client, definition, "INTEROP"))
    by_unit = {line.split()[0]: " ".join(line.split()[-2:]) for line in text.splitlines() if " of 10 " in line}
    assert by_unit == {"U1": "75.0 %", "U2": "not known", "U3": "not known"}
    assert "coverage: 75.0 % at its units" in text


def test_a_registry_that_is_held_against_nothing_says_so(client: Client, tmp_path: Path) -> None:
    definition = watching(client, tmp_path, coverage="")
    registered(client, definition, ("U1", "1970-02-10", 3))
    reading = read_signal(client, definition, "INTEROP")
    assert read_signal_coverage(client, definition, reading.signals) == {}
    text = shown(client, definition, reading)
    assert "coverage: not known, for coverage.yaml declares nothing" in text
    (row,) = [line for line in text.splitlines() if line.startswith("flat_cup/INTEROP/0 alarm")]
    assert row.endswith(" not known")


def test_the_meaning_shown_is_that_of_everything_where_there_is_one() -> None:
    def of(**shares: str) -> str:
        title = {"sv": "x", "en": "x"}
        declared = {
            name: {"title": title, "share_of": share_of, "reference": ["n"]} for name, share_of in shares.items()
        }
        said = {"source": title, "form": "operation", "counts": {"n": title}, "definitions": declared}
        return main_definition(Coverage.model_validate(said))

    assert of(a="units", b="registering_units", c="everything", d="everything") == "c"
    assert of(a="units", b="registering_units") == "b"
    assert of(a="units") == "a"
