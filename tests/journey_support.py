"""What the tests of the journeys share: submissions as batches, a worker's store, and what a loader would keep."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from schemas import topics
from schemas.codec import decode_event, form_schema
from schemas.definition.form import OPT_OUT
from schemas.version import epoch_and_offset, version_of
from streams.journeys.core import CELL, COUNTS, JOURNEY, JourneyCore
from tests.journey_registries import registry
from tests.reference_journeys import Exposed, Listed, Recomputed, Submission, recompute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from schemas.codec import FormSchema
    from schemas.definition.registry import RegistryDefinition
    from streams.step import Step

    Batch = dict[str, Any]

PARTITION = 3
DAY_MS = 86_400_000


@cache
def core(name: str) -> JourneyCore:
    """The journeys of one of the registries; a core keeps nothing, so one serves all tests."""
    return JourneyCore(registry(name))


@cache
def _schemas(name: str) -> dict[str, FormSchema]:
    return {one.name: form_schema(one, one.avro) for one in registry(name).forms.values()}


def submission(  # noqa: PLR0917 - what a submission is
    name: str, version: int, form: str, patient: str, registration_id: str, day: int, **fields: Any
) -> Submission:
    """A submission with all of its form's fields; what is not given is null, empty or as any would be."""
    declared = registry(name).forms[form]
    said: dict[str, Any] = {one.name: [] if one.repeated else None for one in declared.fields}
    said |= {"unit": "U1"} if "unit" in said else {}
    said |= {
        "registration_id": registration_id,
        "patient": patient,
        "occurred_on": day,
        "recorded_at": day * DAY_MS,
        "retracted": False,
        **fields,
    }
    return Submission(version, form, patient, registration_id, said["retracted"], said)


def batches_of(name: str, submissions: Sequence[Submission], sizes: Iterable[int] = ()) -> list[Batch]:
    """The submissions as batches of these sizes (0: a batch whose submissions were all refused), the rest in one.

    A batch never crosses from one epoch to the next.
    """
    left = list(submissions)
    batches: list[Batch] = []
    for size in itertools.chain(sizes, itertools.repeat(len(left))):
        if not left:
            break
        epoch = epoch_and_offset(left[0].version)[0]
        taken = list(itertools.takewhile(lambda one: epoch_and_offset(one.version)[0] == epoch, left[:size]))  # noqa: B023 - used at once
        left = left[len(taken) :]
        batches.append(batch(epoch, [accepted(name, one) for one in taken]))
    return batches


def batch(epoch: int, registrations: list[dict[str, Any]]) -> Batch:
    """An ``AcceptedBatch`` as it is decoded."""
    offsets = [one["offset"] for one in registrations] or [0]
    return {
        "registry": "",
        "partition": PARTITION,
        "epoch": epoch,
        "first_offset": offsets[0],
        "last_offset": offsets[-1],
        "registrations": registrations,
    }


def accepted(name: str, one: Submission, schema: FormSchema | None = None) -> dict[str, Any]:
    """A submission as a batch has it, written with the form's present schema where no other is given."""
    schema = schema or _schemas(name)[one.form]
    return {
        "offset": epoch_and_offset(one.version)[1],
        "submitted_at": 0,
        "form": one.form,
        "schema_id": schema.schema_id,
        "patient": one.patient,
        "registration_id": one.registration_id,
        "payload": schema.encode(one.fields),
    }


@dataclass
class Loader:
    """What ClickHouse would show of the messages so far; every message is held to what it promises.

    Attributes:
        cells: by cell, (version, numbers).
        exposures: by (group, patient, registration id), (version, state or None where it is no more).
        listed: by (list, patient, form, registration id), (version, entry or None where it is not listed).
        left: who has ever opted out: what is known of them leaves anew, also where it is as it was.
    """

    definition: RegistryDefinition
    cells: dict[tuple[Any, ...], tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    exposures: dict[tuple[str, str, str], tuple[int, Exposed | None]] = field(default_factory=dict)
    listed: dict[tuple[str, str, str, str], tuple[int, Listed | None]] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)

    def take(self, step: Step, after: int) -> None:
        """Take a committed step's messages; ``after``: the version that was reached before it."""
        parts: Counter[str] = Counter()
        name = self.definition.name
        takes: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
            topics.cells(name): ("cell_batch", self._take_cells),
            topics.exposures(name): ("exposure_batch", self._take_exposures),
            topics.lists(name): ("list_batch", self._take_entries),
        }
        for output in step.outputs:
            event, take = takes[output.topic]
            message = decode_event(event, output.value)
            assert message["registry"] == name
            assert message["generation"] == self.definition.generation
            assert message["version"] == step.version
            place = (message["group"].encode(), None) if event == "exposure_batch" else (None, message["partition"])
            assert (output.key, output.partition) == place
            if event == "exposure_batch":
                assert (message["after"], message["part"]) == (after, parts[message["group"]])
                parts[message["group"]] += 1
            take(message)
        # and last the cells, which say how far the values are
        assert step.outputs[-1].topic == topics.cells(name)

    def _take_cells(self, message: dict[str, Any]) -> None:
        for cell in message["cells"]:
            by = tuple(cell["by"])
            key = (cell["cohort"], cell["unit"], cell["period"], by, cell["indicator"], cell["bucket"])
            _rises(self.cells, key, message["version"])
            nothing = (0,) * len(cell["values"])
            assert tuple(cell["values"]) != self.cells.get(key, (0, nothing))[1], "a change that changes nothing"
            self.cells[key] = (message["version"], tuple(cell["values"]))

    def _take_exposures(self, message: dict[str, Any]) -> None:
        for change in message["changes"]:
            key = (message["group"], change["patient"], change["registration_id"])
            _rises(self.exposures, key, message["version"])
            before, after = (_exposed(change[when]) for when in ("before", "after"))
            assert before == self.exposures.get(key, (0, None))[1], "what was before is not what came last"
            assert before != after or key[1] in self.left, "a change that changes nothing"
            assert not change["opted_out"] or key[1] in self.left, "nobody opted out"
            self.exposures[key] = (message["version"], after)

    def _take_entries(self, message: dict[str, Any]) -> None:
        for entry in message["entries"]:
            key = (entry["list"], entry["patient"], entry["form"], entry["registration_id"])
            _rises(self.listed, key, message["version"])
            listed = Listed(entry["unit"], entry["day"], tuple(entry["shown"])) if entry["listed"] else None
            assert listed is not None or (entry["unit"], entry["day"], entry["shown"]) == ("", 0, [])
            same = listed == self.listed.get(key, (0, None))[1]
            assert not same or key[1] in self.left, "a change that changes nothing"
            self.listed[key] = (message["version"], listed)

    def shown(self, counted_from: Mapping[str, int] | None = None) -> Recomputed:
        """What readers see: zeros, what is no more, and what comes from before a person's opt-out are not there.

        Args:
            counted_from: by person, the version from which on rows about them count.
        """
        starts = counted_from or {}
        return Recomputed(
            {key: values for key, (_, values) in self.cells.items() if any(values)},
            {
                key: state
                for key, (version, state) in self.exposures.items()
                if state is not None and version >= starts.get(key[1], 0)
            },
            {
                key: entry
                for key, (version, entry) in self.listed.items()
                if entry is not None and version >= starts.get(key[1], 0)
            },
        )


def _rises(kept: Mapping[Any, tuple[int, Any]], key: Any, version: int) -> None:
    assert key not in kept or kept[key][0] < version, f"{key} comes again with a version that is not higher"


def _exposed(states: Sequence[dict[str, Any]]) -> Exposed | None:
    if not states:
        return None
    (state,) = states
    return Exposed(**{**state, "by": tuple(state["by"])})


@dataclass
class Worker:
    """A worker of one partition, without its broker: what it keeps, how far it is, and who reads what it sends."""

    name: str
    after: int = -1
    store: dict[bytes, bytes] = field(default_factory=dict)
    loader: Loader = field(init=False)

    def __post_init__(self) -> None:
        self.loader = Loader(registry(self.name))

    def try_step(self, batches: Sequence[Batch]) -> Step:
        """Take a step whose transaction is not committed: nothing is kept, nothing is seen."""
        return core(self.name).step(batches, self.after, self._read)

    def step(self, batches: Sequence[Batch]) -> Step:
        """Take a step and commit it."""
        step = self.try_step(batches)
        submitted = (one for batch in batches for one in batch["registrations"])
        self.loader.left |= {one["patient"] for one in submitted if one["form"] == OPT_OUT}
        for key, value in step.writes.items():
            if value is None:
                self.store.pop(key, None)
            else:
                self.store[key] = value
        self.loader.take(step, self.after)
        self.after = step.version
        return step

    def _read(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.store.get(key) for key in keys]

    def kept_cells(self) -> dict[tuple[Any, ...], tuple[int, ...]]:
        """The cells in the store."""
        cells = {}
        for key, value in self.store.items():
            if key[:1] == CELL:
                cohort, unit, period, by, indicator = msgspec.msgpack.decode(key[1:])
                cells[cohort, unit, period, tuple(by), indicator, 0] = tuple(msgspec.msgpack.decode(value))
            elif key[:1] == COUNTS:
                cohort, unit, period, by, indicator = msgspec.msgpack.decode(key[1:])
                for bucket, count in msgspec.msgpack.decode(value, type=dict[int, int]).items():
                    cells[cohort, unit, period, tuple(by), indicator, bucket] = (count,)
        return cells

    def kept_patients(self) -> set[str]:
        """Whose journeys are in the store."""
        return {key[1:].decode() for key in self.store if key[:1] == JOURNEY}


@dataclass
class Journeys:
    """Submissions one after another, held against the reference after every one, each a step and all in one step.

    Days count from 2000-01-01, persons and ids are what one likes.
    """

    name: str
    submitted: list[Submission] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.worker = Worker(self.name)

    def add(self, form: str, registration_id: str, day: int, patient: str = "p", **fields: Any) -> Submission:
        """Submit one registration."""
        version = version_of(0, len(self.submitted))
        one = submission(self.name, version, form, patient, registration_id, DAY_2000 + day, **fields)
        self.submitted.append(one)
        self.worker.step(batches_of(self.name, [one]))
        at_once = Worker(self.name)
        at_once.step(batches_of(self.name, self.submitted))
        expected = recompute(registry(self.name), self.submitted)
        assert self.worker.loader.shown() == at_once.loader.shown() == expected
        return one

    def retract(self, form: str, registration_id: str, patient: str = "p") -> None:
        """Withdraw one registration."""
        self.add(form, registration_id, 0, patient, retracted=True)

    def opt_out(self, registration_id: str = "o", patient: str = "p") -> None:
        """Have the person opt out; `retract` lifts it."""
        self.add(OPT_OUT, registration_id, 0, patient)

    @property
    def shown(self) -> Recomputed:
        """What readers see now."""
        return self.worker.loader.shown()

    def vector(self, cohort: str) -> tuple[int, ...]:
        """The sum of the cohort's vectors; empty where it has no cell."""
        vectors = [numbers for cell, numbers in self.shown.cells.items() if cell[0] == cohort and cell[4] == ""]
        return tuple(map(sum, zip(*vectors, strict=True)))

    def buckets(self, indicator: str) -> dict[int, int]:
        """An indicator's counts by bucket."""
        return {cell[5]: numbers[0] for cell, numbers in self.shown.cells.items() if cell[4] == indicator}

    def labels(self, cohort: str) -> set[tuple[str, ...]]:
        """The breakdowns of the cohort's cells."""
        return {cell[3] for cell in self.shown.cells if cell[0] == cohort and cell[4] == ""}

    def on(self, name: str) -> dict[str, Listed]:
        """The entries of a list by registration id."""
        return {key[3]: entry for key, entry in self.shown.listed.items() if key[0] == name}

    def exposed(self, group: str) -> dict[str, Exposed]:
        """The exposures of a group by registration id."""
        return {key[2]: state for key, state in self.shown.exposures.items() if key[0] == group}


DAY_2000 = 10_957  # 2000-01-01 in days since 1970-01-01
