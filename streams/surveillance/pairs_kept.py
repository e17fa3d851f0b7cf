"""What is kept of a monitor of pairs, record by record: keys and values as bytes, each value absolute.

A record of its own for each cell of reports and each signal, and one for the prior in use. They stand among those of
``kept``, told apart by their kinds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from streams.surveillance.following import Part, Reached
from streams.surveillance.pair_signals import PairSignal  # noqa: TC001 - msgspec reads it at run time
from streams.surveillance.prior import PriorInUse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.surveillance.reports import Cell, Pair

_encode = msgspec.msgpack.Encoder().encode
_decode_key = msgspec.msgpack.Decoder(tuple[str, str, list[Any]]).decode
_decode_number = msgspec.msgpack.Decoder(int).decode
_decode_reached = msgspec.msgpack.Decoder(Reached).decode
_decode_prior = msgspec.msgpack.Decoder(PriorInUse).decode


class PairStated(NamedTuple):
    """The latest of a pair's signals, and how many messages of the pair's were sent."""

    signal: PairSignal
    messages: int


_decode_stated = msgspec.msgpack.Decoder(PairStated).decode


class PairsKept:
    """All that is kept of a monitor of pairs.

    Attributes:
        cells: the number of reports in each.
        stated: by pair, the latest of its signals.
        versions: by partition, up to which version submissions are in.
        parts: likewise, and up to which part of what there is of that version.
        prior: in use; None before the first report.
    """

    def __init__(self) -> None:
        self.cells: dict[Cell, int] = {}
        self.stated: dict[Pair, PairStated] = {}
        self.versions: dict[int, int] = {}
        self.parts: dict[int, Part] = {}
        self.prior: PriorInUse | None = None


def cell_record(monitor: str, cell: Cell, number: int) -> tuple[bytes, bytes | None]:
    """How many reports there are in a cell; nothing is kept of none."""
    return _key("pair_cell", monitor, cell), _encode(number) if number else None


def prior_record(monitor: str, prior: PriorInUse) -> tuple[bytes, bytes]:
    """The prior in use."""
    return _key("pair_prior", monitor, ()), _encode(prior)


def pair_record(monitor: str, stated: PairStated) -> tuple[bytes, bytes]:
    """A signal as it stands."""
    return _key("pair_signal", monitor, stated.signal.pair), _encode(stated)


def pair_version_record(monitor: str, partition: int, reached: Reached) -> tuple[bytes, bytes]:
    """How far a partition's submissions are in."""
    return _key("pair_version", monitor, (partition,)), _encode(reached)


def pairs_sorted_out(records: Iterable[tuple[bytes, bytes]]) -> dict[str, PairsKept]:
    """What records hold of monitors of pairs, by monitor; others are left out.

    Raises:
        msgspec.MsgspecError: the bytes are no record.
    """
    found: dict[str, PairsKept] = {}
    for key, value in records:
        what, monitor, rest = _decode_key(key)
        if not what.startswith(PAIR_KINDS):
            continue
        kept = found.setdefault(monitor, PairsKept())
        if what == "pair_cell":
            drug, reaction, stratum = rest
            kept.cells[drug, reaction, tuple(stratum)] = _decode_number(value)
        elif what == "pair_signal":
            stated = _decode_stated(value)
            kept.stated[stated.signal.pair] = stated
        elif what == "pair_prior":
            kept.prior = _decode_prior(value)
        else:
            kept.versions[rest[0]], kept.parts[rest[0]] = _decode_reached(value)
    return found


PAIR_KINDS = "pair_"
"""What the kinds of these records begin with."""


def _key(what: str, monitor: str, rest: tuple[object, ...]) -> bytes:
    return _encode((what, monitor, rest))
