"""What stands beside a signal: what opt-outs left frozen, all causes, and outcomes that fit no operation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sinks.clickhouse.queries.all_causes import read_all_causes
from sinks.clickhouse.queries.signals import read_signal, read_signals
from sinks.clickhouse.queries.unresolved import bound, read_unresolved
from tests.derived_support import MONITORS, Register, cell, derived_registry, entry, exposure, made, write
from tests.integration.test_signals import UNITS, Told1970, guldadra, lines, put
from tests.unit.test_surveillance_interop import _EXPECTED

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.surveillance.bins import Change, Exposure
    from streams.surveillance.kept import Stated
    from tests.integration.test_signals import Command

pytestmark = pytest.mark.embedded
__all__ = ["guldadra"]  # the fixture, which takes the registry below

OWN = MONITORS.rstrip() + (
    '\n    specific: {unit: {eq: "U1"}}\n    unknown: {unit: {eq: "U2"}}\n'
    "monitors:\n  flat_cup: {exposures: cup, outcome: specific, baseline: flat, rates: [2.0]}\n"
    "  every: {exposures: cup, rates: [1.0]}\n"
)
REOPERATED = ("r2", "r6", "r11", "r15", "r20")


@pytest.fixture
def registry(client: Client, tmp_path: Path) -> RegistryDefinition:
    """A registry whose own outcomes are those at U1, and of those at U2 nobody knows."""
    definition = made(client, derived_registry(tmp_path / "registries", monitors=OWN))
    write(client, definition, 3, cells=[cell("2024-01-01", [1])])
    return definition


@pytest.fixture
def interop(client: Client, tmp_path: Path) -> RegistryDefinition:
    monitors = MONITORS + "monitors:\n  flat_cup: {exposures: cup, baseline: flat, rates: [2.0]}\n"
    definition = made(client, derived_registry(tmp_path / "registries", monitors=monitors))
    write(client, definition, 3, cells=[cell("2024-01-01", [1])])
    return definition


def test_what_it_was_before_opt_outs_is_what_is_shown(
    client: Client, interop: RegistryDefinition, guldadra: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GULDADRA_REGISTRIES", str(interop.folder))
    told = Told1970(interop)
    for name in REOPERATED:
        told.tell(told.last[name]._replace(before=told.last[name].after, after=None, opted_out=True))
    put(client, interop, told.messages)
    (signal,) = read_signals(client, interop).signals
    *_, (_, observed, expected, statistic, _, _) = _EXPECTED
    assert (signal.evidence["observed"], signal.hindsight[-1]["observed"]) == (observed, 0)
    assert (signal.evidence["expected"], signal.evidence["statistic"]) == pytest.approx((expected, statistic), abs=1e-6)
    shown = lines(guldadra("signals", interop.name))
    (row,) = [line for line in shown if line.startswith("flat_cup/INTEROP/0")]
    assert row == "flat_cup/INTEROP/0 alarm updated, frozen 5 0.193 11.48 1970-05-22 1970-06-11 not known"
    text = " ".join(lines(guldadra("signals", interop.name, "--show", "INTEROP")))
    assert "5 persons with 5 outcomes have opted out since it was raised" in text
    assert (
        "frozen, as it was before: 5 outcomes, 0.1925 expected, statistic 11.48, watch from 1970-05-22, alarm from "
        "1970-06-11"
    ) in text


def test_outcomes_that_fit_no_operation_are_counted_where_they_could_count(
    client: Client, registry: RegistryDefinition
) -> None:
    register = Register(registry)
    for number in range(60):
        register.reoperated(f"k1-x{number}", f"x{number}", unit=UNITS[number % 3])
    register.reoperated("k1-y", "y")  # this one fits
    register.load(client)
    listed = [
        entry(f"x{number}", "2024-06-01", list="unresolved", form="reoperation", shown=[], unit=UNITS[number % 3])
        for number in range(60)
    ]
    write(client, registry, 5, entries=listed)
    # a third are of U3, and surely no product's own; every outcome counts for the other monitor
    assert read_unresolved(client, registry) == {"flat_cup": 40, "every": 60}
    write(client, registry, 6, entries=[{**listed[0], "listed": False}])
    assert read_unresolved(client, registry) == {"flat_cup": 39, "every": 59}


def test_the_bound_is_of_all_of_them_however_many(
    client: Client, registry: RegistryDefinition, guldadra: Command
) -> None:
    register = Register(registry)
    for number in range(60):
        register.reoperated(f"k1-x{number}", f"x{number}")
    register.load(client)
    listed = [entry(f"x{n}", "2024-06-01", list="unresolved", form="reoperation", shown=[]) for n in range(60)]
    write(client, registry, 5, entries=listed)
    shown = " ".join(lines(guldadra("signals", registry.name)))
    assert f"no signals in {registry.name}" in shown
    assert "flat_cup: 60 outcomes fit no operation and may be of any product of the kind" in shown
    assert "every: 60 outcomes fit no operation" in shown
    put(client, registry, OwnTold(registry).messages)
    shown = " ".join(lines(guldadra("signals", registry.name)))
    # 65 of 0.19252567 expected: 0.19 - 65 + 65 ln(65/0.1925)
    assert "were all of one signal's, flat_cup/INTEROP/0 would come to 313.6" in shown
    shown = " ".join(lines(guldadra("signals", registry.name, "--show", "INTEROP")))
    assert "60 outcomes of its kind fit no operation; were all this product's, the statistic would be 313.6" in shown


def test_the_bound_is_worked_out_from_what_the_message_says(client: Client, interop: RegistryDefinition) -> None:
    told = Told1970(interop)
    put(client, interop, told.messages)
    (signal,) = read_signal(client, interop, "INTEROP").signals
    assert bound(signal, 0) == pytest.approx(signal.hindsight[-1]["statistic"])
    assert [bound(signal, number) for number in (1, 50)] == pytest.approx([signal.bounds[1], signal.bounds[50]])
    # 65 of 0.19252567 expected: 0.19 - 65 + 65 ln(65/0.1925)
    assert bound(signal, 60) == pytest.approx(313.58, abs=0.05)


def test_all_causes_beside_its_own_outcomes(
    client: Client, interop: RegistryDefinition, registry: RegistryDefinition
) -> None:
    # the message is another registry's, where every outcome counts; what is read beside it is of this one
    told = Told1970(interop)
    put(client, interop, told.messages)
    (signal,) = read_signal(client, interop, "INTEROP").signals
    assert read_all_causes(client, interop, signal) is None  # nothing is registered, and all causes count anyway
    register = Register(registry)
    register.operated("k1-z", "z", "2024-12-31", cup="OTHER")
    register.load(client)
    two: dict[str, Any] = {"outcomes": 2, "first_outcome": 19_906}  # 2024-07-02, after 183 days
    write(
        client,
        registry,
        4,
        exposures=[
            # ten for 365 days each, but for two that were reoperated after 183: once its own, and once nobody knows
            *(exposure(f"i{number}", "2024-01-01", product="INTEROP") for number in range(8)),
            exposure("i8", "2024-01-01", product="INTEROP", end="2024-07-02", **two, specific=1),
            exposure("i9", "2024-01-01", product="INTEROP", end="2024-07-02", **two, unknown=2),
            *(exposure(f"o{number}", "2024-01-01", product="OTHER") for number in range(99)),
            exposure("o99", "2024-01-01", product="OTHER", outcomes=1, first_outcome=19_906),
        ],
    )
    found = read_all_causes(client, registry, signal)
    assert found is not None
    assert (found.exposures, found.with_outcome, found.outcomes, found.own, found.unknown) == (10, 2, 4, 1, 2)
    assert found.unknown_share == 0.5
    years_own, years_others = (8 * 365 + 2 * 183) / 365.25, (99 * 365 + 183) / 365.25
    assert found.component_years == pytest.approx(years_own)
    assert found.others == 1
    assert found.others_years == pytest.approx(years_others)
    assert found.rate == pytest.approx(100 * 2 / years_own)
    # less than a quarter of its group, which has three in all of these years
    ratio = (2 / years_own) / (3 / (years_own + years_others))
    assert found.ratio == pytest.approx(ratio)
    assert (found.stage_one, found.njr) == (True, 2)  # of fewer than 100 primaries


def test_all_causes_are_shown_with_the_share_that_nobody_knows(
    client: Client, registry: RegistryDefinition, guldadra: Command
) -> None:
    put(client, registry, OwnTold(registry).messages)
    register = Register(registry)
    register.operated("k1-z", "z", "2024-12-31", cup="OTHER")
    register.load(client)
    gone: dict[str, Any] = {"outcomes": 1, "first_outcome": 19_906}
    write(
        client,
        registry,
        4,
        exposures=[
            exposure("i8", "2024-01-01", product="INTEROP", **gone, specific=1),
            exposure("i9", "2024-01-01", product="INTEROP", **gone, unknown=1),
        ],
    )
    text = " ".join(lines(guldadra("signals", registry.name, "--show", "INTEROP")))
    assert "all causes, as the AOANJRR and the NJR count them" in text
    assert "the product 2 1.00 2 199.6 24.2 to 721.0" in text  # two in 366 days; 0.2422 and 7.2247 are the exact limits
    assert "Of 2 outcomes 1 are its own; of 1 (50 %) nobody knows" in text
    found = json.loads(guldadra("signals", registry.name, "--show", "INTEROP", "--json").stdout)
    assert (found["all_causes"]["with_outcome"], found["all_causes"]["unknown_share"]) == (2, 0.5)


class OwnTold(Told1970):
    """The Inter-op history, all of whose outcomes are the product's own."""

    def tell(self, *changes: Change) -> list[Stated]:
        own = [one._replace(before=as_own(one.before), after=as_own(one.after)) for one in changes]
        return super().tell(*own)


def as_own(exposure: Exposure | None) -> Exposure | None:
    """An exposure whose outcomes are the product's own."""
    if exposure is None:
        return None
    return exposure._replace(specific=exposure.outcomes, first_specific=exposure.first_outcome)
