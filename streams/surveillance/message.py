"""A signal as the message that goes out: `Signal` of the platform's own records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.codec import encode_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.surveillance.evidence import Point
    from streams.surveillance.kept import Stated
    from streams.surveillance.signals import Raised, Signal, UnitNumbers
    from streams.surveillance.watch import Watch

_EVENT = "signal"
_MOST = 500  # of a path in one message: earlier points are in earlier messages, and hindsight can be worked out anew


def message_of(registry: str, generation: str, watch: Watch, stated: Stated, *, life: int = 0) -> bytes:
    """A signal as it was stated, in which life of surveillance, encoded."""
    signal = stated.signal
    return encode_event(
        _EVENT,
        {
            "registry": registry,
            "generation": generation,
            "monitor": signal.group,
            "group": watch.watched.exposures,
            "definition": signal.definition,
            "id": signal.id,
            "product": signal.product,
            "number": signal.number,
            "message": stated.messages,
            "state": signal.state,
            "level": signal.level,
            "cause": signal.cause,
            "reasons": list(signal.reasons),
            **signal.at._asdict(),
            "versions": [one._asdict() for one in signal.versions],
            "levels": [_level(one) for one in signal.levels],
            "known": [{**look.at._asdict(), **look.point._asdict()} for look in signal.known[-_MOST:]],
            "hindsight": [point._asdict() for point in signal.hindsight[-_MOST:]],
            "comparator": [{**signal.comparator._asdict(), "left_out": list(signal.comparator.left_out)}],
            "units": [_unit(one, watch.clock.lag(one.unit)) for one in signal.units],
            "methods": [one._asdict() for one in signal.beside.methods],
            "rejected": signal.beside.rejected,
            "in_set": list(signal.beside.in_set),
            "stream": [] if signal.beside.stream is None else [signal.beside.stream._asdict()],
            "bounds": list(signal.beside.bounds),
            "happened": [one._asdict() for one in signal.beside.happened[-_MOST:]],
            "lots": [one._asdict() for one in signal.beside.lots],
            "erased": _erased(signal),
            "frozen": _frozen(signal),
            "of": signal.subject.kind,
            "products": list(signal.products),
            "lot": signal.subject.lot,
            "unit": signal.subject.name if signal.subject.kind == "unit" else "",
            "by_product": [one._asdict() for one in signal.beside.products],
            "life": life,
        },
    )


def _level(raised: Raised) -> dict[str, Any]:
    point: Point = raised.known.point
    return {
        "level": raised.level,
        "known_partition": raised.known.at.partition,
        "known_version": raised.known.at.version,
        "known_day": point.day,
        "observed": point.observed,
        "expected": point.expected,
        "statistic": point.statistic,
        "threshold": getattr(point, raised.level),
        "day": raised.day,
    }


def _unit(numbers: UnitNumbers, lag: int | None) -> dict[str, Any]:
    of_all, learning = numbers.all, numbers.learning
    return {
        "unit": numbers.unit,
        "factor": numbers.factor,
        "through": numbers.through,
        "lag": lag,
        **of_all._asdict(),
        "learning_exposures": learning.exposures,
        "learning_years": learning.component_years,
        "learning_observed": learning.observed,
        "learning_expected": learning.expected,
    }


def _erased(signal: Signal) -> Sequence[dict[str, Any]]:
    if signal.erased is None:
        return []
    erased = signal.erased
    return [
        {
            "persons": erased.persons,
            "outcomes": erased.outcomes,
            "frozen_version": erased.frozen.at.version,
            "frozen_statistic": erased.frozen.point.statistic,
        }
    ]


def _frozen(signal: Signal) -> Sequence[dict[str, Any]]:
    if signal.erased is None:
        return []
    erased = signal.erased
    point = erased.frozen.point
    return [
        {
            "version": erased.frozen.at.version,
            "day": point.day,
            "observed": point.observed,
            "expected": point.expected,
            "statistic": point.statistic,
            "watch_from": erased.watch,
            "alarm_from": erased.alarm,
            "others": erased.others,
        }
    ]
