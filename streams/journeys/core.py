"""A step: submissions of one partition in, what they change out. Pure: what is kept is read through a function.

Cells are sums over journeys, so a journey's former share is taken away and its new one added: whole
numbers, exact in any order. Everything that leaves is absolute, but for exposures, which carry before and after.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from operator import itemgetter, neg
from typing import TYPE_CHECKING, Any

import msgspec

from schemas import topics
from schemas.codec import NotARegistrationError, encode_event
from schemas.definition.form import OPT_OUT
from schemas.version import version_of
from streams.journeys.evaluation import Findings, compile_evaluation
from streams.journeys.exposure_pieces import change
from streams.journeys.records import DAY, FORM, Record, Records
from streams.journeys.state import journey_of, kept, kept_alone
from streams.step import Output, Step, UnknownSchemaError, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from streams.journeys.evaluation import CellKey

    Read = Callable[[list[bytes]], list[bytes | None]]

JOURNEY = b"j"
CELL = b"c"
COUNTS = b"b"
_MOST_IN_A_MESSAGE = 5_000
_MOST_BYTES = 4_000_000  # a topic takes 4 MiB
_encode = msgspec.msgpack.Encoder().encode
_decode_numbers = msgspec.msgpack.Decoder(tuple[int, ...]).decode
_decode_counts = msgspec.msgpack.Decoder(dict[int, int]).decode
_NOTHING = Findings({}, {}, {}, {})
_VERSION = itemgetter(0)
_Submissions = tuple[list["Record"], list[int]]
"""One person's, and their versions."""
_MadeBy = dict[tuple[str, str], int]
"""The version by which each exposure that has changed, by (group, registration id), is what it is now."""


class JourneyCore:
    """The journeys of one registry, as its definition has them."""

    def __init__(self, definition: RegistryDefinition) -> None:
        self._registry = definition.name
        self._generation = definition.generation
        self._records = Records(definition)
        self._evaluation = compile_evaluation(definition, self._records)
        self._has_exposures = bool(definition.monitors.groups)
        self._opt_out = self._records.form_at(OPT_OUT) if OPT_OUT in definition.forms else -1

    def step(self, batches: Sequence[Mapping[str, Any]], after: int, read: Read) -> Step:
        """Take the submissions of some ``AcceptedBatch``es of one partition, in their order.

        Args:
            batches: as decoded.
            after: submissions up to this version are in already, and left out; -1 at the very first.
            read: what is kept under some keys.

        Raises:
            UnknownSchemaError: a registration was written with a schema that is not declared here.
        """
        step = Step({}, [], after, 0)
        submissions = self._sort(batches, step)
        partition = int(batches[0]["partition"]) if batches else 0
        changes = _Changes()
        into = changes.cells, changes.counts, changes.exposures, changes.entries
        evaluate, alone = self._evaluation
        opt_out = self._opt_out
        patients = list(submissions)
        keys = [JOURNEY + patient.encode() for patient in patients]
        for patient, key, before in zip(patients, keys, read(keys), strict=True):
            its, versions = submissions[patient]
            if before is None and len(its) == 1 and (record := its[0])[DAY] is not None and record[FORM] != opt_out:
                step.writes[key] = kept_alone(record)
                alone[record[FORM]](record, patient, versions[0], *into)
                continue
            journey = journey_of(before)
            found = now = evaluate(journey.records) if journey.records else _NOTHING
            made: _MadeBy = {}
            emptied = False
            for some, version in self._taken(its, versions):
                was, is_emptied = now.exposures, journey.take(some, opt_out)
                now = evaluate(journey.records) if journey.records else _NOTHING
                emptied = emptied or is_emptied
                for identity in was.keys() | now.exposures.keys():
                    if is_emptied or was.get(identity) != now.exposures.get(identity):
                        made[identity] = version
            step.writes[key] = kept(journey)
            changes.add(patient, found, now, made, anew=emptied, ever_out=bool(journey.opt_outs))
        cells = [*_added(changes.cells, read, step.writes), *_counted(changes.counts, read, step.writes)]
        step.outputs.extend(self._messages(partition, after, step.version, cells, changes))
        return step

    def _taken(self, its: list[Record], versions: list[int]) -> list[tuple[list[Record], int]]:
        """One person's submissions as they are taken: one by one only where it is told which of them made what."""
        if not self._has_exposures:
            return [(its, versions[-1])]
        return [([one], version) for one, version in zip(its, versions, strict=True)]

    def _sort(self, batches: Sequence[Mapping[str, Any]], step: Step) -> dict[str, _Submissions]:
        """The new submissions by patient, each patient's in order."""
        by_patient: dict[str, _Submissions] = {}
        readers = self._records.readers
        for place, batch in enumerate(batches):
            first = version_of(batch["epoch"], 0)
            for submission in batch["registrations"]:
                version = first | submission["offset"]
                if version <= step.version:
                    continue
                read = readers.get(submission["schema_id"])
                if read is None:
                    raise UnknownSchemaError(submission["schema_id"])
                try:
                    record = read(submission["payload"], submission["registration_id"])
                except NotARegistrationError as error:
                    step.unreadable.append(Unreadable(place, submission, str(error)))
                else:
                    patient = submission["patient"]
                    if patient in by_patient:
                        records, versions = by_patient[patient]
                        records.append(record)
                        versions.append(version)
                    else:
                        by_patient[patient] = [record], [version]
                    step.registrations += 1
                step.version = version
        return by_patient

    def _messages(
        self, partition: int, after: int, version: int, cells: list[tuple[Any, ...]], changes: _Changes
    ) -> Iterator[Output]:
        """What changed, as messages; always a ``CellBatch``, for it says how far the values are."""
        origin = {
            "registry": self._registry,
            "generation": self._generation,
            "partition": partition,
            "version": version,
        }
        if changes.entries:
            for value in _encoded("list_batch", origin, "entries", changes.entries):
                yield Output(topics.lists(self._registry), None, value, partition)
        for group, by_version in changes.exposures.items():
            changed = [made for _, made in sorted(by_version, key=_VERSION)]
            of_group = {**origin, "group": group, "after": after}
            for part, some in enumerate(_parts(changed)):
                value = encode_event("exposure_batch", {**of_group, "part": part, "changes": some})
                yield Output(topics.exposures(self._registry), group.encode(), value, None)
        for value in _encoded("cell_batch", origin, "cells", cells):
            yield Output(topics.cells(self._registry), None, value, partition)


class _Changes:
    """What journeys' findings add up to.

    Attributes:
        cells: by cell, the numbers to add, as they came.
        counts: by cell, what to add to its buckets.
        exposures: by group, the changes: the version of each, and its bytes in an ``ExposureBatch``.
        entries: the list entries that changed, each as ``ListBatch`` has its fields.
    """

    def __init__(self) -> None:
        self.cells: defaultdict[CellKey, list[tuple[int, ...]]] = defaultdict(list)
        self.counts: defaultdict[CellKey, defaultdict[int, int]] = defaultdict(partial(defaultdict, int))
        self.exposures: defaultdict[str, list[tuple[int, bytes]]] = defaultdict(list)
        self.entries: list[tuple[Any, ...]] = []

    def add(self, patient: str, before: Findings, now: Findings, made: _MadeBy, *, anew: bool, ever_out: bool) -> None:
        """Take the difference between what a journey came to and what it comes to.

        Args:
            patient: whose.
            before: what it came to.
            now: what it comes to.
            made: by which submission each exposure is what it is now.
            anew: whether the person has opted out in between. What is known of a person leaves anew then, also
                where it is as it was: readers leave out whatever has a version from before.
            ever_out: whether the person has ever opted out.
        """
        cells, old, new = self.cells, before.shares, now.shares
        if not old:  # most persons of most registers are new ones
            for cell, numbers in new.values():
                cells[cell].append(numbers)
        else:
            for identity, share in new.items():
                if old.get(identity) != share:
                    cells[share[0]].append(share[1])
            for identity, (cell, numbers) in old.items():
                if new.get(identity) != (cell, numbers):
                    cells[cell].append(tuple(map(neg, numbers)))
        if before.counted or now.counted:
            self._count(before.counted, now.counted)
        if before.exposures or now.exposures:
            self._expose(patient, before.exposures, now.exposures, made, anew=anew, ever_out=ever_out)
        if before.listed or now.listed:
            self._list(patient, before, now, anew=anew)

    def _count(
        self,
        before: Mapping[tuple[Any, ...], tuple[CellKey, int]],
        now: Mapping[tuple[Any, ...], tuple[CellKey, int]],
    ) -> None:
        for identity, (cell, bucket) in now.items():
            if before.get(identity) != (cell, bucket):
                self.counts[cell][bucket] += 1
        for identity, (cell, bucket) in before.items():
            if now.get(identity) != (cell, bucket):
                self.counts[cell][bucket] -= 1

    def _expose(
        self,
        patient: str,
        before: Mapping[tuple[str, str], bytes],
        now: Mapping[tuple[str, str], bytes],
        made: _MadeBy,
        *,
        anew: bool,
        ever_out: bool,
    ) -> None:
        for identity in before.keys() | now.keys() if before else now:
            was, state = before.get(identity), now.get(identity)
            if was != state or anew:
                group, registration_id = identity
                out = anew if state is None else ever_out
                version = made[identity]
                value = change(patient, registration_id, was, state, version, opted_out=out)
                self.exposures[group].append((version, value))

    def _list(self, patient: str, before: Findings, now: Findings, *, anew: bool) -> None:
        for identity in before.listed.keys() | now.listed.keys():
            state = now.listed.get(identity)
            if before.listed.get(identity) != state or anew:
                name, form, registration_id = identity
                unit, day, shown = ("", 0, ()) if state is None else state
                self.entries.append((name, patient, form, registration_id, state is not None, unit, day, shown))


def _added(
    cells: Mapping[CellKey, list[tuple[int, ...]]], read: Read, writes: dict[bytes, bytes | None]
) -> Iterator[tuple[Any, ...]]:
    """The cohorts' vectors as ``CellBatch`` has them now, with what is to be added put to what was kept."""
    keys = [CELL + _encode(cell) for cell in cells]
    for key, (cell, added), before in zip(keys, cells.items(), read(keys), strict=True):
        if before is not None:
            added.append(_decode_numbers(before))
        numbers = added[0] if len(added) == 1 else tuple(map(sum, zip(*added, strict=True)))
        value = _encode(numbers) if any(numbers) else None
        if value != before:  # else what came and what went are the same
            writes[key] = value
            yield *cell, 0, numbers


def _counted(
    counts: Mapping[CellKey, Mapping[int, int]], read: Read, writes: dict[bytes, bytes | None]
) -> Iterator[tuple[Any, ...]]:
    """Likewise what is counted by bucket: all buckets of a cell are kept together, those that changed leave."""
    keys = [COUNTS + _encode(cell) for cell in counts]
    for key, (cell, added), before in zip(keys, counts.items(), read(keys), strict=True):
        known = {} if before is None else _decode_counts(before)
        changed = {bucket: known.get(bucket, 0) + more for bucket, more in added.items() if more}
        if changed:
            left = {bucket: count for bucket, count in (known | changed).items() if count}
            writes[key] = _encode(left) if left else None
            for bucket, count in changed.items():
                yield *cell, bucket, (count,)


def _encoded(
    event: str,
    origin: Mapping[str, Any],
    field: str,
    items: Sequence[tuple[Any, ...]],
    most: int = _MOST_IN_A_MESSAGE,
) -> Iterator[bytes]:
    """The items as messages that a topic takes; one message where there are none."""
    for start in range(0, len(items) or 1, most):
        some = items[start : start + most]
        value = encode_event(event, {**origin, field: some})
        if len(value) <= _MOST_BYTES or len(some) == 1:
            yield value
        else:  # texts may be long
            yield from _encoded(event, origin, field, some, len(some) // 2)


def _parts(changes: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The changes, in as many parts as messages that a topic takes."""
    part: list[bytes] = []
    size = 0
    for one in changes:
        if part and (len(part) >= _MOST_IN_A_MESSAGE or size + len(one) > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(one)
        size += len(one)
    yield part
