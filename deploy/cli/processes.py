"""The processes that run: intake, process, load, and everything at once on one machine."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.options import Registries
from deploy.cli.start import start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from streams.worker.worker import Worker


def add_to(parent: typer.Typer) -> None:
    """Put these commands below ``guldadra``."""
    parent.command(rich_help_panel="On this machine")(demo)
    parent.command(rich_help_panel="On this machine")(up)
    parent.command(rich_help_panel="Processes")(intake)
    parent.command(rich_help_panel="Processes")(process)
    parent.command(rich_help_panel="Processes")(surveillance)
    parent.command(rich_help_panel="Processes")(load)
    parent.command(rich_help_panel="Processes")(serve)


def intake(registries: Registries = None) -> None:
    """Decide on what is submitted: accepted registrations, and a receipt for every submission.

    Start as many as there are partitions at most, each with its own GULDADRA_INSTANCE. SIGTERM ends it after
    the transaction in hand.
    """
    from deploy.observe import STUCK_AFTER_S, Observed
    from deploy.status import INTAKE_GROUP
    from streams.intake.brake import BrakeLimits
    from streams.intake.loop import Intake, IntakeOptions

    settings = start(process=True)
    definitions = settings.definitions(tuple(registries or ()))
    limits = BrakeLimits(consecutive=settings.refusal_limit, share=settings.refusal_share)
    options = IntakeOptions(
        settings.instance, static=settings.static_membership, group=settings.group or INTAKE_GROUP, brake=limits
    )
    process = Intake(settings.kafka_config(), definitions, settings.store(definitions), options)

    def health() -> tuple[bool, dict[str, Any]]:
        state = process.health
        moving = state.lag == 0 or bool(state.stopped) or time.monotonic() - state.last_progress < STUCK_AFTER_S
        facts = {"process": "intake", "decided": state.decided, "lag": state.lag, "stopped": state.stopped}
        return moving, {**facts, "last_error": state.last_error}

    with stop_on_signal() as stop, Observed(settings.host, settings.metrics_port, health):
        process.run(stop)


def process(
    registry: Annotated[str, typer.Argument(help="The registry whose journeys are kept.")],
) -> None:
    """Keep every patient's journey, and from it indicators, exposures and lists, exactly.

    Start as many as there are partitions at most, each with its own GULDADRA_INSTANCE. Changed definitions are a new
    generation: started beside the old process, it is filled from the archive, and readers switch to it once it has
    caught up (`guldadra generations`). What is kept on disk (GULDADRA_STATE) is a cache: it may be deleted.
    SIGTERM ends it after the transaction in hand.
    """
    from deploy.processing import journeys_worker

    settings = start(process=True)
    definition = settings.definitions((registry,))[registry]
    _run("process", journeys_worker(settings, definition), settings, definition)


def surveillance(
    registry: Annotated[str, typer.Argument(help="The registry whose products are watched.")],
) -> None:
    """Watch every product, and pair of drug and reaction, that monitors.yaml declares; state signals with the evidence.

    It follows the exposures and reports that `guldadra process` keeps. Products that are compared with each other are
    watched by one process; start as many as there are monitors at most, each with its own GULDADRA_INSTANCE. What it
    has stated: `guldadra signals`. SIGTERM ends it after the transaction in hand.
    """
    from deploy.watching import surveillance_worker

    settings = start(process=True)
    definition = settings.definitions((registry,))[registry]
    _run("surveillance", surveillance_worker(settings, definition), settings, definition)


def _run(name: str, worker: Worker, settings: Settings, definition: RegistryDefinition) -> None:
    """Let a worker work until it is told to stop, and answer for its health."""
    from deploy.observe import STUCK_AFTER_S, Observed

    def health() -> tuple[bool, dict[str, Any]]:
        state = worker.health
        moving = state.caught_up or time.monotonic() - state.last_progress < STUCK_AFTER_S
        partitions = {number: one.as_words() for number, one in sorted(state.partitions.items())}
        facts = {"process": name, "registry": definition.name, "generation": definition.generation}
        counts = {"registrations": state.registrations, "lag": state.lag, "caught_up": state.caught_up}
        return moving, {**facts, **counts, "partitions": partitions, "last_error": state.last_error}

    with stop_on_signal() as stop, Observed(settings.host, settings.metrics_port, health):
        worker.run(stop)


def load(
    registries: Registries = None,
    erase_every: Annotated[
        float,
        typer.Option(help="Minutes between two erasures of what persons who opted out have left; 0: never.", min=0),
    ] = 10.0,
) -> None:
    """Load accepted registrations, receipts, cells, exposures, lists and signals into ClickHouse.

    It also erases what does not count any more because a person opted out, and lets readers use a new generation of
    indicators once it has caught up, and all its signals are in where products are watched (`guldadra generations`).
    SIGTERM ends it after the batch in hand. A database that is away stops it, and loses nothing.
    """
    from deploy.generations import signals_are_in
    from deploy.observe import Observed
    from sinks.clickhouse.housekeeping import Housekeeping
    from sinks.clickhouse.loaders import LOAD_GROUP, Loaders

    settings = start(process=True)
    definitions = settings.definitions(tuple(registries or ()))
    with stop_on_signal() as stop, settings.clickhouse() as client:
        loaders = Loaders(
            settings.kafka_config(),
            client,
            definitions,
            stop=stop,
            group=settings.group or LOAD_GROUP,
            instance=settings.instance if settings.static_membership else None,
        )
        housekeeping = Housekeeping(
            client, definitions, stop=stop, holds=loaders.registrations.holds, erase_every_s=60 * erase_every,
            signals=partial(signals_are_in, settings.kafka_config(), group=settings.group),
        )  # fmt: skip
        with Observed(settings.host, settings.metrics_port, loaders.health):
            loaders.run(housekeeping.run)


def serve() -> None:
    """Serve the portal and the API, on GULDADRA_HOST and GULDADRA_PORTAL_PORT.

    People log in by OpenID Connect: set GULDADRA_PROVIDER__ISSUER, …__CLIENT_ID and …__CLIENT_SECRET, and
    GULDADRA_PORTAL_SECRET. Without a provider it shows what registries publish, and nobody can log in. Put a proxy with
    https before it; GULDADRA_PORTAL_HTTPS=false is for loopback only. SIGTERM ends it after the answers in hand.
    """
    from deploy.serving import serve as answer

    answer(start(process=True))


def up() -> None:
    """Run everything on this machine: broker, database, intake and loader. Ctrl-C ends it.

    The other commands find it by themselves. The database is kept in GULDADRA_DATA (.guldadra) from start to start.
    """
    from rich.console import Console

    from deploy.stack import PORTAL, EmbeddedStack

    settings = start(bootstrap="", clickhouse_url="")
    console = Console(stderr=True)
    with (
        stop_on_signal() as stop,
        EmbeddedStack(settings, settings.data, lambda words: console.print(f"… {words}"), portal=PORTAL) as stack,
    ):
        console.print(
            f"running: broker {stack.settings.bootstrap}, ClickHouse {stack.settings.clickhouse_url}\n"
            f"the portal, with what registries publish: {stack.portal_url}\n"
            "in another terminal: `guldadra publish hip FILE`, `guldadra company hip`, `guldadra status`\n"
            "Ctrl-C ends it",
            soft_wrap=True,
        )
        while not stop.wait(1.0):
            stack.check()


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Run without staying and print one JSON object.")] = False,
    stay: Annotated[
        bool | None,
        typer.Option(
            "--stay/--no-stay", help="Stay with live registrations flowing in; by default on a terminal only."
        ),
    ] = None,
    primaries: Annotated[int, typer.Option(help="How many operations the invented history has.", min=500)] = 24_000,
    folder: Annotated[Path | None, typer.Option(help="Where the demo keeps its data; emptied first.")] = None,
) -> None:
    """The main job on this machine: three years of a national hip register, with the Inter-op case in it.

    Exit 0 only where the counts agree: published = accepted + refused, and loaded = accepted.
    """
    from deploy.demo.run import DemoOptions, run_demo
    from deploy.tables import console_for

    settings = start(bootstrap="", clickhouse_url="")
    options = DemoOptions(
        folder=folder or settings.data / "demo",
        primaries=primaries,
        stay=not as_json and (sys.stdout.isatty() if stay is None else stay),
    )
    console = console_for(stderr=as_json)
    with stop_on_signal() as stop:
        result = run_demo(settings, options, console, stop)
    if as_json:
        print(json.dumps(result.as_json(), ensure_ascii=False, default=str))  # dates
    raise typer.Exit(0 if result.agrees else 1)


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set; a second Ctrl-C interrupts as usual."""
    stop = threading.Event()

    def heard(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, heard) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
