"""The command ``guldadra``.

Exit codes everywhere: 0 done, 1 done but something did not agree or was refused, 2 could not run.
"""

# ruff: noqa: PLC0415 - the errors that can be told in words are looked up only once there is one

from __future__ import annotations

import sys
import traceback

import typer

from deploy.cli import (
    coverage,
    feeds,
    generations,
    indicators,
    logs,
    processes,
    reactions,
    reading,
    registering,
    reports,
    reviews,
    schemas,
    signals,
    simulate,
    verify,
)

COULD_NOT_RUN = 2

app = typer.Typer(
    name="guldadra",
    help="Guldådra: from a clinic's registration to a live answer, through Kafka and ClickHouse.\n\n"
    "New here? `guldadra demo` shows everything on invented data. `guldadra up` runs everything on this machine, "
    "and the other commands find it. In production, settings come from the environment (GULDADRA_…) and "
    "guldadra.toml.\n\n"
    "Exit codes: 0 done; 1 done, but something was refused or does not agree; 2 could not run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for room in (
    processes,
    registering,
    reading,
    indicators,
    signals,
    reviews,
    reports,
    reactions,
    coverage,
    feeds,
    verify,
    simulate,
    logs,
    generations,
    schemas,
):
    room.add_to(app)


def main() -> None:
    """Run one command; what went wrong is told in words, without a stack of Python."""
    try:
        app(prog_name="guldadra")
    except Exception as error:  # noqa: BLE001 - whatever it is, the exit code must not say "some were refused"
        message = _in_words(error)
        if message is None:
            traceback.print_exception(error)
        else:
            sys.stderr.write("".join(f"guldadra: {line}\n" for line in message.splitlines()))
        sys.exit(COULD_NOT_RUN)


def _in_words(error: Exception) -> str | None:
    """What to tell of an error that its reader can do something about; None for a fault of ours."""
    from confluent_kafka import KafkaException

    from deploy.embedded.process import ProcessFailedError
    from deploy.logbook import LogError
    from deploy.settings import SettingsError
    from schemas.definition.errors import DefinitionError
    from schemas.membership import FencedError
    from schemas.store import SchemaStoreUnavailableError
    from sinks.clickhouse.backup import BackupError
    from sinks.clickhouse.dead_letters import TooManyRefusedError
    from sinks.clickhouse.errors import DatabaseError
    from sinks.clickhouse.generations import GenerationError
    from sinks.clickhouse.migrations.step import MigrationError
    from sinks.clickhouse.queries.webhooks import NoSuchWebhookError
    from sinks.clickhouse.reader import ReaderNotReadyError
    from sinks.clickhouse.restore import RestoreError
    from sinks.feeds.signing import NoSecretError
    from streams.intake.loop import IntakeNotReadyError
    from streams.publish.errors import PublishError
    from streams.relay import RelayNotReadyError
    from streams.step import UnknownSchemaError
    from streams.worker.credentials import CredentialsError
    from streams.worker.worker import WorkerNotReadyError

    if isinstance(error, KafkaException):
        return f"Kafka: {error.args[0].str()}"
    told = (
        BackupError,
        CredentialsError,
        DatabaseError,
        DefinitionError,
        FencedError,
        GenerationError,
        IntakeNotReadyError,
        LogError,
        MigrationError,
        NoSecretError,
        NoSuchWebhookError,
        OSError,
        ProcessFailedError,
        PublishError,
        ReaderNotReadyError,
        RelayNotReadyError,
        RestoreError,
        SchemaStoreUnavailableError,
        SettingsError,
        TooManyRefusedError,
        UnknownSchemaError,
        WorkerNotReadyError,
    )
    return str(error) if isinstance(error, told) else None
