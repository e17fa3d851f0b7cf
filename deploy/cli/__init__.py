"""The command ``guldadra``.

Exit codes everywhere: 0 done, 1 done but something did not agree or was refused, 2 could not run.
"""

from __future__ import annotations

import sys

import typer
from confluent_kafka import KafkaException

from deploy.cli import logs, processes, reading, registering, schemas
from deploy.logbook import LogError
from deploy.settings import SettingsError
from schemas.definition.errors import DefinitionError
from schemas.store import SchemaStoreUnavailableError
from streams.intake.loop import IntakeNotReadyError
from streams.intake.transaction import FencedError

COULD_NOT_RUN = 2

app = typer.Typer(
    name="guldadra",
    help="Guldådra: from a clinic's registration to a live answer, through Kafka and ClickHouse.\n\n"
    "Settings come from the environment (GULDADRA_…) and guldadra.toml. Without any, `guldadra up` runs "
    "everything on this machine, and the other commands find it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for room in (processes, registering, reading, logs, schemas):
    room.add_to(app)


def main() -> None:
    """Run one command; what went wrong is told in words, without a stack of Python."""
    try:
        app()
    except (
        DefinitionError,
        FencedError,
        IntakeNotReadyError,
        LogError,
        SchemaStoreUnavailableError,
        SettingsError,
    ) as error:
        _end(str(error))
    except KafkaException as error:
        _end(f"Kafka: {error.args[0].str()}")


def _end(message: str) -> None:
    sys.stderr.write("".join(f"guldadra: {line}\n" for line in message.splitlines()))
    sys.exit(COULD_NOT_RUN)
