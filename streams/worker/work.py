"""What is done with the messages of one topic, partition by partition: the worker knows no more of it than this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streams.step import Read, Step

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Log(Generic[T]):
    """What the source has of a partition now.

    Attributes:
        first: the offset that it begins at; what was before is forgotten.
        partitions: how many the source has.
        messages: reads all of them anew, from the first on; those that are none are left out.
    """

    first: int
    partitions: int
    messages: Callable[[], Iterator[T]]


class Work(Protocol[T]):
    """A source topic, a changelog, and a pure step between them.

    Attributes:
        name: of the consumer group and, with the partition, of the transactions.
        registry: whose log it is.
        source: the topic that is read.
        changelog: the topic that the state is kept on, partitioned as the source is.
        follows_epochs: whether the source's offsets are of one life of the registry's log, so that in the next one
            all is read again; else they are good for as long as the topic is.
        fills_at_once: whether all that is filled in must count in one transaction, for it cannot be told what of it is
            in already.
    """

    name: str
    registry: str
    source: str
    changelog: str
    follows_epochs: bool
    fills_at_once: bool

    def recovered(self, partition: int, kept: Callable[[], Iterator[tuple[bytes, bytes]]]) -> None:
        """A partition has been taken over: what is kept is all there is, what was computed beyond it is void.

        Args:
            partition: which.
            kept: all keys and values; to be asked only where they are needed, for there may be very many.
        """

    def released(self, partition: int) -> None:
        """A partition is not ours any more: nothing that was known of it is asked for again before it is taken over."""

    def decode(self, value: bytes | None) -> T:
        """A message of the source.

        Raises:
            NotARegistrationError: it is none.
        """

    def size(self, message: T) -> int:
        """How many registrations it holds."""

    def first_version(self, message: T) -> int | None:
        """The version of its first registration; None where it has none."""

    def step(self, partition: int, messages: Sequence[tuple[int, T]], after: int, read: Read) -> Step:
        """What some messages, each with its offset, come to; see ``Core.step``."""

    def fill(self, partition: int, after: int, below: int | None, source: Log[T]) -> Iterator[T]:
        """What the log does not have any more: of versions above ``after`` and below ``below``, in their order.

        Raises:
            FillError: the archive does not answer, or does not have it either.
        """


class FillError(Exception):
    """What the log does not have any more could not be read."""
