"""Exposures as their topic has them, and those that it has forgotten before they were ever read.

The topic keeps for some weeks. What stood when it begins now is what the first word about each exposure says was
before; and of those that it has no word about, what was said last, which the archive keeps. Both are absolute, so it
comes to the same as if nothing had been forgotten, whenever it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

State = tuple[Any, ...]
"""An exposure's state: the fields of ``ExposureBatch``'s states in their order."""


class Batch(NamedTuple):
    """What a transaction changed in the exposures of a group, or a part of it: ``ExposureBatch``'s fields in order."""

    registry: str
    generation: str
    partition: int
    version: int
    group: str
    after: int | None
    part: int
    changes: tuple[tuple[Any, ...], ...]


class Archived(NamedTuple):
    """An exposure as it was said to be last, also of a person who has opted out since.

    Attributes:
        group: of which group.
        partition: of the submissions that it comes from.
        version: up to which of these.
        patient: pseudonym.
        registration_id: the registration that began it.
        state: what it is.
    """

    group: str
    partition: int
    version: int
    patient: str
    registration_id: str
    state: State


def forgotten(archived: Iterable[Archived], log: Iterable[Batch], groups: Collection[str]) -> Iterator[Batch]:
    """What stood before the log begins, as messages to be taken before it.

    Args:
        archived: the exposures of these groups that stand, read before the log is: the archive may be behind its end,
            but not behind its beginning.
        log: what it has of the generation.
        groups: which are asked for.
    """
    first: dict[tuple[str, int], Batch] = {}
    before: dict[tuple[str, str, str], Archived | None] = {}
    for batch in log:
        if batch.group not in groups:
            continue
        began = first.setdefault((batch.group, batch.partition), batch)
        version = began.version if began.after is None else began.after
        for patient, registration_id, was, *_ in batch.changes:
            exposure = (batch.group, patient, registration_id)
            if exposure not in before:
                before[exposure] = (
                    Archived(batch.group, batch.partition, version, *exposure[1:], was[0]) if was else None
                )
    stood = [one for one in before.values() if one]
    stood += [one for one in archived if (one.group, one.patient, one.registration_id) not in before]
    together: dict[tuple[int, int, str], list[tuple[Any, ...]]] = {}
    for one in stood:
        changes = together.setdefault((one.version, one.partition, one.group), [])
        changes.append((one.patient, one.registration_id, (), (one.state,), False, None))
    for (version, partition, group), changes in sorted(together.items(), key=lambda one: one[0]):
        told = first.get((group, partition))
        # of the version that the log begins in the middle of, all parts before are in
        is_cut = told is not None and told.version == version
        after, part = (told.after, told.part - 1) if told is not None and is_cut else (None, 0)
        yield Batch("", "", partition, version, group, after, part, tuple(changes))
