"""A step: what pure journeys are given and give back, and so all that they and the worker that runs them share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Batch = Mapping[str, Any]
    Read = Callable[[list[bytes]], list[bytes | None]]


class UnknownSchemaError(Exception):
    """A registration is written with a version of a form that is not declared here.

    It is no fault of the registration: intake knew the version. Leaving it out would be a wrong result,
    so the process ends.
    """

    def __init__(self, schema_id: int) -> None:
        super().__init__(
            f"schema id {schema_id} is no version of any form declared here, but intake has accepted registrations "
            "with it: deploy the newer definitions, then start again"
        )
        self.schema_id = schema_id


class Output(NamedTuple):
    """A message that leaves; without a partition its key decides (murmur2)."""

    topic: str
    key: bytes | None
    value: bytes
    partition: int | None


class Unreadable(NamedTuple):
    """A registration that could not be read; ``error`` quotes no value."""

    batch: int
    registration: Mapping[str, Any]
    error: str


@dataclass(slots=True)
class Step:
    """What some batches of one partition come to.

    Attributes:
        writes: what the store shall hold from now on; None deletes.
        outputs: what leaves in the same transaction.
        version: the highest submission version taken; not below the one before.
        registrations: how many were taken.
        unreadable: those that could not be read, by the place of their batch.
    """

    writes: dict[bytes, bytes | None]
    outputs: list[Output]
    version: int
    registrations: int
    unreadable: list[Unreadable] = field(default_factory=list)


class Core(Protocol):
    """Journeys, as a pure function."""

    def step(self, batches: Sequence[Batch], after: int, read: Read) -> Step:
        """Take some batches of one partition, in their order.

        Args:
            batches: decoded ``AcceptedBatch``es.
            after: all up to this version is in already and is left out; -1 at the very first.
            read: the values of some keys as they were before the step; meant to be asked in bulk.

        Raises:
            UnknownSchemaError: a version of a form is not known here.
        """
