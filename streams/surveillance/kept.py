"""What is kept of a monitor, record by record: keys and values as bytes, each value absolute.

A record of its own for each kind of exposure, each count of reports, each look and each signal: a step writes what it
changed, and all records together are the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from streams.surveillance.bins import Bin
from streams.surveillance.clock import Report
from streams.surveillance.following import Part, Reached
from streams.surveillance.levels import Stream  # noqa: TC001 - msgspec reads it at run time
from streams.surveillance.lost import Lost
from streams.surveillance.pairs_kept import PAIR_KINDS
from streams.surveillance.signals import Look, Signal  # noqa: TC001 - likewise

if TYPE_CHECKING:
    from collections.abc import Iterable

_encode = msgspec.msgpack.Encoder().encode
_decode_key = msgspec.msgpack.Decoder(tuple[str, str, list[Any]]).decode
_decode_number = msgspec.msgpack.Decoder(int).decode
_decode_reached = msgspec.msgpack.Decoder(int | Reached).decode  # parts were not told of at first


class Seen(NamedTuple):
    """A look of the known path, and the stream that it was in."""

    look: Look
    stream: Stream


class Stated(NamedTuple):
    """The latest of a subject's signals, without its known path, and how many messages of it were sent."""

    signal: Signal
    messages: int


_decode_lost = msgspec.msgpack.Decoder(Lost).decode
_decode_seen = msgspec.msgpack.Decoder(Seen).decode
_decode_stated = msgspec.msgpack.Decoder(Stated).decode


class Kept:
    """All that is kept of a monitor.

    Attributes:
        bins: the number of exposures of each kind.
        reports: the clock's counts.
        known: by subject's label, the looks of its known path, in their order.
        stated: by label, the latest of its signals.
        versions: by partition, up to which version submissions are in.
        parts: likewise, and up to which part of what there is of that version.
        confirmed: labels of subjects under a confirmed signal.
        lost: by label, what opt-outs took of its signal.
    """

    def __init__(self) -> None:
        self.bins: dict[Bin, int] = {}
        self.reports: dict[Report, int] = {}
        self.known: dict[str, list[Seen]] = {}
        self.stated: dict[str, Stated] = {}
        self.versions: dict[int, int] = {}
        self.parts: dict[int, Part] = {}
        self.confirmed: set[str] = set()
        self.lost: dict[str, Lost] = {}


def bin_record(monitor: str, kind: Bin, number: int) -> tuple[bytes, bytes | None]:
    """How many exposures of a kind there are; nothing is kept of none."""
    return _key("bin", monitor, kind), _encode(number) if number else None


def report_record(monitor: str, report: Report, number: int) -> tuple[bytes, bytes | None]:
    """How many reports of a kind there are; nothing is kept of none."""
    return _key("report", monitor, report), _encode(number) if number else None


def look_record(monitor: str, label: str, place: int, seen: Seen) -> tuple[bytes, bytes]:
    """A look, which is written once and never changed."""
    return _key("look", monitor, (label, place)), _encode(seen)


def signal_record(monitor: str, stated: Stated) -> tuple[bytes, bytes]:
    """A signal as it stands."""
    return _key("signal", monitor, (stated.signal.product,)), _encode(stated)


def version_record(monitor: str, partition: int, reached: Reached) -> tuple[bytes, bytes]:
    """How far a partition's submissions are in."""
    return _key("version", monitor, (partition,)), _encode(reached)


def confirmed_record(monitor: str, label: str, *, confirmed: bool) -> tuple[bytes, bytes | None]:
    """That a subject is under a confirmed signal; nothing is kept of others."""
    return _key("confirmed", monitor, (label,)), _encode(1) if confirmed else None


def life_record(life: int) -> tuple[bytes, bytes]:
    """In which life of surveillance it is kept: how many others were lost before it."""
    return _LIFE, _encode(life)


def life_kept(records: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The life that records are kept in; None where there are none. Those from before it was told are of the first.

    Raises:
        msgspec.MsgspecError: the bytes are no record.
    """
    found = None
    for key, value in records:
        if key == _LIFE:
            return _decode_number(value)
        found = 0
    return found


def lost_record(monitor: str, label: str, lost: Lost | None) -> tuple[bytes, bytes | None]:
    """What opt-outs took of a signal; nothing is kept of others."""
    return _key("lost", monitor, (label,)), None if lost is None else _encode(lost)


def sorted_out(records: Iterable[tuple[bytes, bytes]]) -> dict[str, Kept]:
    """What records hold, by monitor; those of monitors of pairs, and of none, are left out.

    Raises:
        msgspec.MsgspecError: the bytes are no record.
    """
    found: dict[str, Kept] = {}
    looks: dict[tuple[str, str], dict[int, Seen]] = {}
    for key, value in records:
        what, monitor, rest = _decode_key(key)
        if what.startswith(PAIR_KINDS) or key == _LIFE:
            continue
        kept = found.setdefault(monitor, Kept())
        if what == "bin":
            kept.bins[msgspec.convert(rest, Bin)] = _decode_number(value)
        elif what == "report":
            kept.reports[Report(*rest)] = _decode_number(value)
        elif what == "look":
            label, place = rest
            looks.setdefault((monitor, label), {})[place] = _decode_seen(value)
        elif what == "signal":
            stated = _decode_stated(value)
            kept.stated[stated.signal.product] = stated
        elif what == "confirmed":
            kept.confirmed.add(rest[0])
        elif what == "lost":
            kept.lost[rest[0]] = _decode_lost(value)
        else:
            reached = _decode_reached(value)
            kept.versions[rest[0]], kept.parts[rest[0]] = (reached, Part()) if isinstance(reached, int) else reached
    for (monitor, label), by_place in looks.items():
        found[monitor].known[label] = [by_place[place] for place in sorted(by_place)]
    return found


def _key(what: str, monitor: str, rest: tuple[object, ...]) -> bytes:
    return _encode((what, monitor, rest))


_LIFE = _key("life", "", ())
