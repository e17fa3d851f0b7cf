"""The demo: invent histories, publish them through the whole platform, wait until everything agrees, show it."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.certificates import certificates_of
from deploy.coverage_tables import compliance_table, overview_table
from deploy.demo import history, hiv, senior_alert
from deploy.demo.findings import Findings, read_findings, show_findings
from deploy.demo.history import INTEROP_STARTS_ON, LAST_DAY, HistoryPlan, live_rows
from deploy.demo.live_signals import signals_told
from deploy.demo.reported import AGENCY_FOLDER, REPORTING, Reported, report_one, show_reported, tried_out
from deploy.demo.rows import by_month, write_ndjson
from deploy.demo.unit_counts import HIP, publish_unit_counts
from deploy.exposure_tables import carrier_tables
from deploy.observe import wait_until
from deploy.publishing import publish_path, told
from deploy.signal_tables import signal_tables, signals_table
from deploy.stack import EmbeddedStack
from deploy.tables import company_table
from sinks.clickhouse.archive import archived_in, counts, duplicates_in
from sinks.clickhouse.queries.carriers import Affected, read_carriers
from sinks.clickhouse.queries.company import company_view
from sinks.clickhouse.queries.compliance import read_compliance
from sinks.clickhouse.queries.coverage import read_coverage
from sinks.clickhouse.queries.reviews import find_subject, read_follow_up
from sinks.clickhouse.queries.signal_coverage import read_signal_coverage
from sinks.clickhouse.queries.signals import read_signal, read_signals, standing_of
from streams.publish.publisher import Publisher
from streams.publish.run import PublishOptions

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from deploy.demo.history import History
    from deploy.demo.rows import HasRows
    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.carriers import CarrierReading
    from sinks.clickhouse.queries.company import CompanyRow
    from sinks.clickhouse.queries.compliance import Compliance
    from sinks.clickhouse.queries.coverage import CoverageReading
    from sinks.clickhouse.queries.reviews import FollowUp
    from sinks.clickhouse.queries.signal_coverage import SignalCoverage
    from sinks.clickhouse.queries.signals import SignalReading
    from streams.publish.run import PublishResult

REGISTRY = "hip"
_OTHERS: Mapping[str, Callable[[], HasRows]] = {"hiv": hiv.generate, "senior_alert": senior_alert.generate}
_MOST_UNITS = 5
_COUNTED_ON = LAST_DAY + timedelta(days=1)
COMPONENT = "INTEROP"
_MAPPING = "demo"
_LOADED_PATIENCE_S = 120.0
_LIVE_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How the demo runs.

    Attributes:
        folder: what it keeps; emptied first.
        primaries: how many operations the invented history has.
        stay: whether to stay, with live registrations flowing in.
    """

    folder: Path
    primaries: int
    stay: bool


_COUNTS = ("published", "accepted", "refused", "refused_here", "duplicates", "loaded", "seconds")


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo came to.

    The counts are the hip register's; ``loaded`` counts accepted submissions in the archive. ``findings``
    has what every register's journeys came to.
    """

    published: int
    accepted: int
    refused: int
    refused_here: int
    duplicates: int
    loaded: int
    seconds: float
    company_view: list[CompanyRow]
    coverage: CoverageReading
    compliance: Compliance
    carriers: CarrierReading
    signals: SignalReading
    signal: SignalReading
    signal_coverage: Mapping[str, SignalCoverage]
    follow_up: FollowUp
    findings: list[Findings]
    reported: Reported

    @property
    def agrees(self) -> bool:
        """Whether nothing was lost, nothing came twice, and a second reading gives the same numbers."""
        counts = self.published == self.accepted + self.refused and self.loaded == self.accepted
        done = self.reported.state == "acknowledged"
        return counts and done and all(one.verdict.agrees for one in self.findings)

    def as_json(self) -> dict[str, Any]:
        """For ``guldadra demo --json``."""
        keys = ("component", "unit", "inserted", "reoperated", "share", "component_years", "rate", "lower", "upper")
        view = [{key: getattr(row, key) for key in keys} for row in self.company_view]
        journeys = {one.definition.name: one.as_json() for one in self.findings}
        coverage = [asdict(row) for row in self.coverage.rows]
        counts = {name: getattr(self, name) for name in _COUNTS}
        to_call = {unit: one.persons for unit, one in self.carriers.units.items()}
        signals = [asdict(one) for one in self.signals.signals]
        return {
            **counts, "company_view": view, "coverage": coverage, "signals": signals, "to_call": to_call,
            "findings": journeys, "reported": self.reported.as_json(),
        }  # fmt: skip


def run_demo(settings: Settings, options: DemoOptions, console: Console, stop: threading.Event) -> DemoResult:
    """Run the whole platform on this machine over an invented history.

    Args:
        settings: as loaded; broker and database in them are not used.
        options: how.
        console: where to tell about it.
        stop: set it to end the staying.

    Raises:
        SettingsError, ProcessFailedError, PublishError: a part did not start or go on.
    """
    started = time.monotonic()
    shutil.rmtree(options.folder, ignore_errors=True)
    agency = tried_out(options.folder / AGENCY_FOLDER)
    settings = settings.model_copy(update={"data": options.folder, "agency": agency})
    definitions = settings.definitions((REGISTRY, *_OTHERS))
    definition = definitions[REGISTRY]
    with EmbeddedStack(
        settings,
        options.folder,
        lambda words: console.print(f"… {words}"),
        journeys=list(definitions),
        portal=("-m", "deploy.demo.portal"),
        reports=(REPORTING,),
    ) as stack:
        console.print(f"the portal, to watch it from the company's and the clinic's side: {stack.portal_url}")
        console.print("… inventing three years of a national hip register (1999 to 2001)")
        plan = HistoryPlan(primaries=options.primaries)
        invented = history.generate(plan)
        with signals_told(stack.client, definition, lambda words: console.print(words, soft_wrap=True)):
            sent = _publish_by_month(stack, definition, invented, console)
        console.print("… uploading what a patient register counts beside it: counts only, never rows")
        counted = options.folder / "counts.csv"
        publish_unit_counts(stack.settings, definition, invented.rows, HIP, as_of=_COUNTED_ON, file=counted)
        for name, generate in _OTHERS.items():
            _publish(stack, definitions[name], generate(), console)
        console.print("… registering a serious adverse reaction, which goes on to the medicines agency")
        reported = report_one(stack)
        result = _result(stack, definitions, sent, reported, started)
        show(console, definition, result)
        if options.stay and not stop.is_set():
            _stay(stack, definition, plan, console, stop)
    return result


def _publish_by_month(
    stack: EmbeddedStack, definition: RegistryDefinition, invented: History, console: Console
) -> list[PublishResult]:
    """What came before the Inter-op cup at once; from then on month by month, as it came to be known."""
    sent = []
    for part, rows in by_month(invented.rows, INTEROP_STARTS_ON).items():
        sent.append(_publish(stack, definition, replace(invented, rows=rows), console, part))
        stack.wait_until_idle()
    return sent


def _publish(
    stack: EmbeddedStack, definition: RegistryDefinition, invented: HasRows, console: Console, part: str = ""
) -> PublishResult:
    file = stack.settings.data / f"{definition.name}{part}.ndjson"
    rows = write_ndjson(invented, file)
    console.print(f"… publishing {rows:,} registrations of {file}", soft_wrap=True)
    with told(console, definition.name) as tell:
        return publish_path(stack.settings, definition, file, PublishOptions(mapping=_MAPPING), tell)


def _result(
    stack: EmbeddedStack,
    definitions: Mapping[str, RegistryDefinition],
    sent: Sequence[PublishResult],
    reported: Reported,
    started: float,
) -> DemoResult:
    """Wait until the accepted ones are loaded, then count and look."""
    ranges = [one for result in sent for one in result.ranges]
    accepted = sum(result.accepted or 0 for result in sent)
    wait_until(lambda: archived_in(stack.client, REGISTRY, ranges) == accepted, _LOADED_PATIENCE_S)
    stack.check()
    # these wait until the journeys have everything
    findings = [read_findings(stack.client, definition) for definition in definitions.values()]
    signals = read_signals(stack.client, definitions[REGISTRY])
    signal = read_signal(stack.client, definitions[REGISTRY], COMPONENT)
    return DemoResult(
        published=sum(result.published for result in sent),
        accepted=accepted,
        refused=sum(result.refused or 0 for result in sent),
        refused_here=sum(result.refused_here for result in sent),
        duplicates=duplicates_in(stack.client, REGISTRY, ranges),
        loaded=archived_in(stack.client, REGISTRY, ranges),
        company_view=company_view(stack.client, definitions[REGISTRY], until=LAST_DAY),
        coverage=read_coverage(stack.client, definitions[REGISTRY], place="region", until=LAST_DAY),
        compliance=read_compliance(stack.client, definitions[REGISTRY], until=LAST_DAY),
        findings=findings,
        carriers=read_carriers(stack.client, definitions[REGISTRY], Affected(COMPONENT), until=LAST_DAY),
        signals=signals,
        signal=signal,
        signal_coverage=read_signal_coverage(
            stack.client, definitions[REGISTRY], (*signals.signals, *signal.signals), until=LAST_DAY
        ),
        follow_up=_follow_up(stack.client, definitions[REGISTRY], signal),
        seconds=round(time.monotonic() - started, 2),
        reported=reported,
    )


def _follow_up(client: Client, definition: RegistryDefinition, reading: SignalReading) -> FollowUp:
    (signal,) = reading.signals
    subject = find_subject(client, definition.name, signal.id, standing_of(reading.signals))
    return read_follow_up(client, definition, subject, until=LAST_DAY)


def show(console: Console, definition: RegistryDefinition, result: DemoResult) -> None:
    """The account and the company view."""
    console.print(
        f"refused before they were sent: {result.refused_here:,} rows, planted as faulty\n"
        f"published {result.published:,} = accepted {result.accepted:,} + refused {result.refused:,}\n"
        f"loaded {result.loaded:,}, of which {result.duplicates:,} came twice and count once; "
        f"{result.seconds:.1f} s since the start\n"
    )
    own = [row for row in result.company_view if row.component == COMPONENT]
    totals = [row for row in result.company_view if row.unit is None]
    by_rate = sorted(totals, key=lambda row: -(row.rate or 0))
    console.print(company_table(own, definition, title="Inter-op, the faulty cup, in all and per unit"))
    console.print(company_table(by_rate, definition, title="all cups, the highest rate first", highlight=COMPONENT))
    console.print(overview_table(result.coverage, definition))
    first = replace(result.compliance, rows=result.compliance.rows[:_MOST_UNITS])
    console.print(compliance_table(first, definition))
    (signal,) = result.signal.signals
    console.print(signals_table(definition, result.signals, result.signal_coverage))
    parts = signal_tables(
        definition, result.signal, result.follow_up, coverage=result.signal_coverage.get(signal.id),
        certificates=certificates_of(definition),
    )  # fmt: skip
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))
    for table in carrier_tables(definition, result.carriers, 0):
        console.print(table)
    for unit in list(result.carriers.units)[:1]:
        console.print(f"whom a unit has to call: guldadra trace {REGISTRY} --signal {signal.id} --unit {unit}\n")
    for findings in result.findings:
        show_findings(console, findings)
    show_reported(console, result.reported)
    if not result.agrees:
        console.print("[bold red]the counts do not agree[/]")


def _clock() -> Callable[[], datetime]:
    """A clock that goes on where the history ends, an hour in a second."""
    begun = time.monotonic()
    first = datetime(LAST_DAY.year + 1, 1, 1, tzinfo=UTC)
    return lambda: first + timedelta(hours=time.monotonic() - begun)


def _stay(
    stack: EmbeddedStack, definition: RegistryDefinition, plan: HistoryPlan, console: Console, stop: threading.Event
) -> None:
    """Go on with a few registrations a second until told to stop."""
    console.print(
        f"Staying, with new registrations flowing in; Ctrl-C ends it. The portal: {stack.portal_url}\n"
        "In another terminal:\n"
        f"    export GULDADRA_DATA={stack.settings.data.absolute()}\n"
        f"    guldadra company hip --component {COMPONENT}\n"
        "    guldadra indicators hip\n"
        "    guldadra unresolved hip\n"
        f"    guldadra signals hip --show {COMPONENT}\n"
        "    guldadra status",
        soft_wrap=True,
    )
    rows = live_rows(plan, np.random.default_rng(), _clock())
    settings = stack.settings
    key = settings.key(REGISTRY)
    store = settings.store({REGISTRY: definition})
    with Publisher(settings.kafka_config(), definition, store, key, mapping=_MAPPING) as publisher:
        while not stop.wait(_LIVE_EVERY_S):
            row = next(rows)
            publisher.register(str(row.pop("form")), row)
            stack.check()
            found = counts(stack.client, definition)
            console.print(f"{found.registrations:,} registrations live", end="\r")
