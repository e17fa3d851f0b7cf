"""Surveillance as the worker's work: changes of exposures in, signals out.

A partition's monitors are kept in memory. What a step made of them counts once its transaction is committed; after a
failure the worker takes the partition over anew, and they are made again of what is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from schemas import topics
from schemas.codec import NotARegistrationError, UnknownVersionError, decode_event_as_tuples
from streams.publish.partition import partitions_of
from streams.step import Output, Step
from streams.surveillance.bins import Change, Exposure
from streams.surveillance.following import CannotGoOnError, Part
from streams.surveillance.kept import life_kept, life_record, sorted_out
from streams.surveillance.pair_watch import PairWatch, WatchedPairs
from streams.surveillance.pairs_kept import pairs_sorted_out
from streams.surveillance.signals import Version
from streams.surveillance.watch import Told, Watch
from streams.worker.exposures import Batch, forgotten
from streams.worker.work import FillError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from streams.step import Read
    from streams.surveillance.declared import Watched
    from streams.surveillance.pair_signals import PairSignal
    from streams.surveillance.signals import Signal
    from streams.worker.exposures import Archived
    from streams.worker.work import Log

log = structlog.get_logger(__name__)

_EVENT = "exposure_batch"


class NewerExposuresError(Exception):
    """Exposures are written in a way that is not known here."""

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"{topic} has exposures that are written in a way which is not known here: `guldadra process` is newer. "
            "Deploy the same version, then start `guldadra surveillance` again"
        )


class Surveillance:
    """One generation of a registry's surveillance; see ``Work``.

    Args:
        registry: its name.
        generation: which exposures are watched: those made by these definitions.
        monitors: by name, those of products and those of pairs of drug and reaction.
        said: by monitor and product, whether a signal of it was confirmed, or closed since.
        archive: the exposures of a group that stand, as they were said to be last; may raise anything. None where
            nobody keeps them.
        life: how many times the generation's surveillance had lost what it kept before it begins; asked where nothing
            is kept, and may raise anything.
    """

    def __init__(
        self,
        registry: str,
        generation: str,
        monitors: Mapping[str, Watched | WatchedPairs],
        said: Callable[[], Mapping[tuple[str, str], bool]] = dict,
        archive: Callable[[str], Iterable[Archived]] | None = None,
        *,
        life: Callable[[], int] = lambda: 0,
    ) -> None:
        self.name = f"guldadra-surveillance-{registry}-{generation}"
        self.registry = registry
        self.source = topics.exposures(registry)
        self.changelog = topics.surveillance_changelog(registry, generation)
        self.follows_epochs = False
        self.fills_at_once = True
        self._generation = generation
        self._monitors = monitors
        self._said = said
        self._archive = archive
        self._life = life
        self._lives: dict[int, int | None] = {}
        self._watches: dict[int, dict[str, Watch | PairWatch]] = {}

    def recovered(self, partition: int, kept: Callable[[], Iterator[tuple[bytes, bytes]]]) -> None:
        """See ``Work``."""
        products, pairs = sorted_out(kept()), pairs_sorted_out(kept())
        watches: dict[str, Watch | PairWatch] = {}
        for name, watched in self._monitors.items():
            if isinstance(watched, WatchedPairs):
                if name in pairs:
                    watches[name] = PairWatch(watched, pairs[name])
            elif name in products:
                watches[name] = Watch(watched, products[name])
        self._watches[partition] = watches
        self._lives[partition] = life_kept(kept())

    def released(self, partition: int) -> None:
        """See ``Work``: its monitors are another's now."""
        self._watches.pop(partition, None)
        self._lives.pop(partition, None)

    def decode(self, value: bytes | None) -> Batch:
        """See ``Work``.

        Raises:
            NewerExposuresError: it must not be left out.
        """
        if value is None:
            raise NotARegistrationError("the message has no value")
        try:
            return Batch._make(decode_event_as_tuples(_EVENT, value))
        except UnknownVersionError:
            # a difference that is left out is a wrong count for ever, and journeys that are newer may write another
            raise NewerExposuresError(self.source) from None

    def size(self, message: Batch) -> int:
        """See ``Work``; of exposures."""
        return len(message.changes)

    def first_version(self, message: Batch) -> int | None:
        """See ``Work``; the log of exposures is read from where it begins."""
        return message.version

    def step(self, partition: int, messages: Sequence[tuple[int, Batch]], after: int, read: Read) -> Step:  # noqa: ARG002 - what is kept is in memory
        """See ``Work``: each monitor takes the messages of its group together."""
        by_group: dict[str, list[Told]] = {}
        for _, batch in messages:
            if batch.generation == self._generation:
                by_group.setdefault(batch.group, []).append(_told(batch))
        watches = self._watches.setdefault(partition, {})
        said = self._said()
        writes: dict[bytes, bytes | None] = {}
        outputs = []
        kept = self._lives.get(partition)
        life = self._begun() if kept is None else kept
        for name, watched in self._monitors.items():
            told = by_group.get(watched.exposures)
            if told is None:
                continue
            watch = watches.get(name)
            if watch is None:
                watch = watches[name] = PairWatch(watched) if isinstance(watched, WatchedPairs) else Watch(watched)
            confirmed = {product: on for (of, product), on in said.items() if of == name}
            try:
                added, stated = self._take(watch, told, confirmed, life)
            except CannotGoOnError as error:
                raise FillError(str(error)) from error
            writes |= added
            outputs += [Output(topics.signals(self.registry), name.encode(), value, None) for value in stated]
        if writes and kept is None:
            writes |= [life_record(life)]
            self._lives[partition] = life
        return Step(writes, outputs, after, sum(self.size(batch) for _, batch in messages))

    def _begun(self) -> int:
        """The life that begins where nothing is kept."""
        try:
            return self._life()
        except Exception as error:
            raise FillError(
                f"how often {self.changelog} was lost could not be read from the database: {error}"
            ) from error

    def _take(
        self, watch: Watch | PairWatch, told: Sequence[Told], confirmed: Mapping[str, bool], life: int
    ) -> tuple[dict[bytes, bytes | None], list[bytes]]:
        """What to keep of some messages, and the signals to send."""
        stated: list[tuple[Signal | PairSignal, bytes]]
        place = self.registry, self._generation
        if isinstance(watch, PairWatch):
            pairs = watch.take(told, confirmed)
            writes, stated = pairs.writes, [(one.signal, watch.message(*place, one, life=life)) for one in pairs.stated]
        else:
            products = watch.take(told, confirmed)
            writes = products.writes
            stated = [(one.signal, watch.message(*place, one, life=life)) for one in products.stated]
        for signal, _ in stated:
            log.warning("signal", id=signal.id, state=signal.state, reached=signal.level, cause=signal.cause)
        return writes, [value for _, value in stated]

    def fill(self, partition: int, after: int, below: int | None, source: Log[Batch]) -> Iterator[Batch]:  # noqa: ARG002 - versions of other partitions' submissions, that the log is not in the order of
        """See ``Work``: what the log had forgotten before it was first read."""
        if self._watches.get(partition):
            raise FillError(
                f"{self.source} does not have any more what follows on what is counted in {self.changelog}: it was "
                "made anew, or has forgotten messages unread. Only a new generation of the registry counts right again"
            )
        every = sorted({one.exposures for one in self._monitors.values()})
        places = partitions_of([group.encode() for group in every], source.partitions).tolist()
        groups = {group for group, place in zip(every, places, strict=True) if place == partition}
        if not source.first or not groups:
            return
        if self._archive is None:
            raise FillError(f"{self.source} has forgotten what was before offset {source.first}, and no archive has it")
        try:
            archived = [one for group in groups for one in self._archive(group)]
        except Exception as error:
            raise FillError(
                f"{self.source} has forgotten what was before offset {source.first}, and what stood then could not be "
                f"read from the database: {error}"
            ) from error
        own = (one for one in source.messages() if one.generation == self._generation)
        found = [one._replace(generation=self._generation) for one in forgotten(archived, own, groups)]
        if found:
            log.warning(
                "the log of exposures begins after its beginning: what stood then is taken from the database",
                topic=self.source, partition=partition, offset=source.first, exposures=sum(map(self.size, found)),
            )  # fmt: skip
        yield from found


def _told(batch: Batch) -> Told:
    at, part = Version(batch.partition, batch.version), Part(batch.after, batch.part)
    made = [batch.version if version is None else version for *_, version in batch.changes]
    return Told(at, [_change(*one) for one in batch.changes], part, made)


def _change(
    patient: str,
    registration_id: str,
    before: tuple[tuple[Any, ...], ...],
    after: tuple[tuple[Any, ...], ...],
    opted_out: bool,
    _: int | None,
) -> Change:
    return Change(
        patient,
        registration_id,
        Exposure._make(before[0]) if before else None,
        Exposure._make(after[0]) if after else None,
        opted_out,
    )
