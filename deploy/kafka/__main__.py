"""``python -m deploy.kafka up``: a real broker, and a schema registry if wanted, until Ctrl-C."""

import contextlib
import signal
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from deploy.embedded.process import ProcessFailedError
from deploy.kafka.launcher import JavaServer, KafkaBroker, SchemaRegistry
from deploy.kafka.toolchain import ToolchainError

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def real_kafka() -> None:
    """A real Kafka broker and schema registry on this machine; needs Java 17 and Maven."""


@app.command()
def up(
    registry: Annotated[bool, typer.Option("--registry", help="Start a schema registry too.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Keep the data here; without it they are gone at the end.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="The broker's port; a free one if not given.")] = None,
) -> None:
    """Run them until Ctrl-C and print the settings to export."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's stop is a Ctrl-C
    with contextlib.ExitStack() as running, contextlib.suppress(KeyboardInterrupt):
        try:
            home = folder or Path(running.enter_context(tempfile.TemporaryDirectory(prefix="guldadra-kafka-")))
            broker = running.enter_context(KafkaBroker(home / "kafka", port=port))
            servers: list[JavaServer] = [broker]
            settings = {"GULDADRA_BOOTSTRAP": broker.bootstrap}
            if registry:
                schemas = running.enter_context(SchemaRegistry(home / "schema-registry"))
                servers.append(schemas)
                settings["GULDADRA_SCHEMA_REGISTRY"] = schemas.url
        except (ToolchainError, ProcessFailedError) as error:
            typer.echo(error, err=True)
            raise typer.Exit(2) from error
        for name, value in settings.items():
            typer.echo(f"export {name}={value}")
        typer.echo("running until Ctrl-C", err=True)
        _watch(servers)


def _watch(servers: list[JavaServer]) -> None:
    while True:
        for server in servers:
            if not server.alive():
                typer.echo(f"the {server.name} has died; why is in {server.log_file}", err=True)
                raise typer.Exit(1)
        time.sleep(0.5)


app()
