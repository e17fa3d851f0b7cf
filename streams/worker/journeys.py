"""Journeys as the worker's work: accepted registrations in, cells, lists and exposures out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas import topics
from schemas.codec import NotARegistrationError, decode_event
from schemas.dead_letter import dead_letter, registration_alone
from schemas.version import version_of
from streams.step import Output, Step
from streams.worker.work import FillError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from streams.step import Batch, Core, Read
    from streams.worker.work import Log

    Fill = Callable[[int, int, int | None], Iterable[bytes | Batch]]

PROCESS = "process"
_EVENT = "accepted_batch"


class Journeys:
    """One generation of a registry's journeys; see ``Work``.

    Args:
        registry: its name.
        generation: which definitions the core was made of.
        core: the pure part.
        archive: ``AcceptedBatch``es (as bytes or decoded) of a partition's archived registrations with
            after < version < below, in their order; may raise anything. None where there is no archive.
    """

    def __init__(self, registry: str, generation: str, core: Core, archive: Fill | None = None) -> None:
        self.name = f"guldadra-process-{registry}-{generation}"
        self.registry = registry
        self.source = topics.accepted(registry)
        self.changelog = topics.journeys_changelog(registry, generation)
        self.follows_epochs = True
        self.fills_at_once = False
        self._core = core
        self._archive = archive

    def recovered(self, partition: int, kept: Callable[[], Iterator[tuple[bytes, bytes]]]) -> None:
        """See ``Work``; what is kept is asked for by key."""

    def released(self, partition: int) -> None:
        """See ``Work``; nothing is known beside the store."""

    def decode(self, value: bytes | None) -> Batch:
        """See ``Work``."""
        if value is None:
            raise NotARegistrationError("the message has no value")
        return decode_event(_EVENT, value)

    def size(self, message: Batch) -> int:
        """See ``Work``."""
        return len(message["registrations"])

    def first_version(self, message: Batch) -> int | None:
        """See ``Work``."""
        for registration in message["registrations"]:
            return version_of(message["epoch"], registration["offset"])
        return None

    def step(self, partition: int, messages: Sequence[tuple[int, Batch]], after: int, read: Read) -> Step:
        """See ``Work``; what could not be read leaves as dead letters."""
        step = self._core.step([batch for _, batch in messages], after, read)
        for place, registration, error in step.unreadable:
            offset, batch = messages[place]
            step.outputs.append(self._letter(partition, offset, batch, registration, error))
        return step

    def fill(self, partition: int, after: int, below: int | None, source: Log[Batch]) -> Iterator[Batch]:  # noqa: ARG002 - the archive has all of it
        """See ``Work``."""
        if self._archive is None or (below is not None and below <= after + 1):
            return
        try:
            for batch in self._archive(partition, after, below):
                yield self.decode(batch) if isinstance(batch, bytes) else batch
        except Exception as error:
            raise FillError(f"the archive of {self.registry} could not be read: {error}") from error

    def _letter(self, partition: int, offset: int, batch: Batch, registration: Any, error: str) -> Output:  # noqa: ANN401 - as the core gave it back
        text = f"{error} (registration at offset {registration['offset']} of epoch {batch['epoch']})"
        alone = registration_alone(batch, registration)
        letter = dead_letter(PROCESS, self.source, partition, offset, text, key=None, value=alone)
        return Output(topics.DEAD_LETTERS, None, letter, None)
