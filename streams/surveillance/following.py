"""What follows on what is known of the exposures of one partition's submissions: what is new, and what is in already.

Exposures at a version are those of the submissions up to it, whoever works them out, and however often. So a message
that ends where something known has ended, or before, says nothing new: it was sent again, or by journeys that were
built anew. One that begins before that and ends after it cannot be told apart into what is in and what is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class CannotGoOnError(ValueError):
    """What is told does not follow on what is known; the message says why, and what to do."""


class BeganAnewError(CannotGoOnError):
    """What exposures are said to be began before what is known of them: their journeys have begun anew."""

    def __init__(self, monitor: str, partition: int, span: str, known: int) -> None:
        super().__init__(
            f"monitor {monitor}: exposures of partition {partition} {span}, but {known} is in already: the journeys "
            "were built anew under the generation that surveillance has counted. Drop the topics "
            "journeys.<registry>.<generation>, surveillance.<registry>.<generation> and exposures.<registry>, run "
            "`guldadra topics create`, and start both processes again"
        )


class Part(NamedTuple):
    """Where a message stands among those of its version.

    Attributes:
        after: its changes are from this version on; None where the message is from before this was told.
        number: from 0 on.
    """

    after: int | None = None
    number: int = 0


class Reached(NamedTuple):
    """How far the messages of a partition are in: a version, and the last of its parts."""

    version: int
    part: Part = Part()


def is_new(known: Reached | None, told: Reached, *, monitor: str, partition: int) -> bool:
    """Whether a message is to be taken; else it is in already.

    Args:
        known: how far the partition's messages are in; None where there were none.
        told: where the message stands.
        monitor: whose, and
        partition: of which submissions; for the error.

    Raises:
        BeganAnewError: some of it is in, some is not.
    """
    if known is None:
        return True
    after = told.part.after
    if after is None:
        if told.version < known.version:
            raise BeganAnewError(monitor, partition, f"at version {told.version}", known.version)
        return True
    if told.version > known.version:
        if after < known.version:
            span = f"between versions {after} and {told.version}"
            raise BeganAnewError(monitor, partition, span, known.version)
        return True
    return told.version == known.version and after == known.part.after and told.part.number > known.part.number


def take_in(versions: dict[int, int], parts: dict[int, Part], at: Reached, *, monitor: str, partition: int) -> bool:
    """Whether a message is not in yet; from now on it is.

    Args:
        versions: by partition, up to which version messages are in.
        parts: likewise, and up to which of its parts.
        at: where the message stands.
        monitor: whose, and
        partition: of which submissions.

    Raises:
        BeganAnewError: some of it is in, some is not.
    """
    known = reached(versions, parts, partition) if partition in versions else None
    if not is_new(known, at, monitor=monitor, partition=partition):
        return False
    versions[partition], parts[partition] = at
    return True


def reached(versions: Mapping[int, int], parts: Mapping[int, Part], partition: int) -> Reached:
    """How far a partition's messages are in."""
    return Reached(versions[partition], parts.get(partition, Part()))
