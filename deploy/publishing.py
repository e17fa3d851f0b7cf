"""Publishing as people see it: settings in, progress bars, and an account of what came of it."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.observe import wait_until
from schemas.store import BundledStore
from sinks.clickhouse.archive import archived_in, duplicates_in
from sinks.clickhouse.errors import DatabaseError
from streams.publish.run import publish_file, publish_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import Console

    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from streams.publish.run import Progress as PublishProgress
    from streams.publish.run import PublishOptions, PublishResult
    from streams.publish.slices import Source

    Tell = Callable[[PublishProgress], None]

_LOADED_PATIENCE_S = 30.0


@contextmanager
def told(console: Console, title: str) -> Iterator[Tell]:
    """Progress bars for one input: what was read and sent, and what has its receipt."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        sent = bars.add_task(title, total=None)
        verdicts = bars.add_task("receipts", total=None)

        def tell(now: PublishProgress) -> None:
            bars.update(sent, completed=now.rows, total=now.total_rows or None, description=f"{title} ({now.state})")
            bars.update(verdicts, completed=now.accepted + now.refused, total=now.published or None)

        yield tell


def publish_path(
    settings: Settings,
    definition: RegistryDefinition,
    file: Path,
    options: PublishOptions,
    tell: Tell,
    *,
    form: str | None = None,
) -> PublishResult:
    """Publish one file with what the settings say; raises as ``publish_file``."""
    return _publish(
        settings, definition, options, lambda **given: publish_file(file, definition, form=form, **given), tell
    )


def publish_source(
    settings: Settings, definition: RegistryDefinition, source: Source, options: PublishOptions, tell: Tell
) -> PublishResult:
    """Publish the rows of a source with what the settings say; raises as ``publish_rows``."""
    return _publish(settings, definition, options, partial(publish_rows, source, definition), tell)


def _publish(
    settings: Settings,
    definition: RegistryDefinition,
    options: PublishOptions,
    run: Callable[..., PublishResult],
    tell: Tell,
) -> PublishResult:
    definitions = {definition.name: definition}
    key = settings.key(definition.name) if settings.key_path(definition.name).exists() else None
    kafka = {} if options.dry_run else settings.kafka_config()
    store = BundledStore(definitions) if options.dry_run else settings.store(definitions)
    return run(kafka=kafka, store=store, key=key, options=options, observe=tell)


def account(settings: Settings, definition: RegistryDefinition, result: PublishResult, name: str) -> str:
    """What a run came to in a few lines, duplicates included where the archive can be asked."""
    verdicts = ""
    if result.accepted is not None and result.refused is not None:
        verdicts = f" = {result.accepted:,} accepted + {result.refused:,} refused by intake"
    counted = f"{result.rows:,} rows, {result.refused_here:,} refused here, {result.published:,} published{verdicts}"
    lines = [f"{name}: {counted}, {result.seconds:.1f} s"]
    if result.resumed_after:
        lines.append(f"went on after row {result.resumed_after:,}, where an earlier run was interrupted")
    if result.refused_path:
        lines.append(f"refused rows, with their reasons: {result.refused_path}")
    if result.accepted:
        lines.append(duplicates_line(settings, definition, result))
    if definition.registry.notice:
        lines.append(definition.registry.notice.en)
    return "\n".join(lines)


def duplicates_line(settings: Settings, definition: RegistryDefinition, result: PublishResult) -> str:
    """How many of the run's submissions repeat what was there, or why that cannot be told."""
    if not settings.clickhouse_url:
        return "duplicates: not known here, for no ClickHouse is set"
    ranges = result.ranges
    try:
        with settings.clickhouse() as client:
            if not wait_until(
                lambda: archived_in(client, definition.name, ranges) == result.accepted, _LOADED_PATIENCE_S
            ):
                return "duplicates: not known yet, the loader is behind (`guldadra status`)"
            duplicates = duplicates_in(client, definition.name, ranges)
    except DatabaseError as error:
        return f"duplicates: not known, for ClickHouse did not answer ({error})"
    return f"duplicates (already there, counted once): {duplicates:,}"
