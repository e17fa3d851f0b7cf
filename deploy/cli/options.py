"""What many commands take, and how they tell what cannot be read."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that `--help` need not wait

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer

Registry = Annotated[str, typer.Argument(help="The registry's name.")]
Registries = Annotated[list[str] | None, typer.Argument(help="Registries by name; all of them if left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Until = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of the reading; else the latest known.")
]


@contextmanager
def told_in_words(registry: str) -> Iterator[None]:
    """What cannot be read is told in words, as a wrong setting is."""
    from deploy.settings import SettingsError
    from sinks.clickhouse.generations import GenerationError
    from sinks.clickhouse.queries.cell_sums import CannotBeReadError

    try:
        yield
    except (CannotBeReadError, GenerationError) as error:
        raise SettingsError(f"{registry}: {error}") from error
