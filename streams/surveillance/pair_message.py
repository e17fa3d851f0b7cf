"""A signal of a pair as the message that goes out: `PairSignal` of the platform's own records."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from schemas.codec import encode_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.surveillance.pair_signals import Numbers, PairErased, PairRaised
    from streams.surveillance.pairs_kept import PairStated
    from streams.surveillance.prior import PriorInUse

PAIR_EVENT = "pair_signal"


def pair_message_of(registry: str, generation: str, stated: PairStated, *, life: int = 0) -> bytes:
    """A signal as it was stated, in which life of surveillance, encoded."""
    signal, look = stated.signal, stated.signal.look
    return encode_event(
        PAIR_EVENT,
        {
            "registry": registry,
            "generation": generation,
            "monitor": signal.group,
            "definition": signal.definition,
            "id": signal.id,
            "drug": signal.drug,
            "reaction": signal.reaction,
            "number": signal.number,
            "message": stated.messages,
            "state": signal.state,
            "level": signal.level,
            "reasons": list(signal.reasons),
            **look.at._asdict(),
            "day": look.day,
            "versions": [one._asdict() for one in signal.versions],
            "reports": look.reports,
            **_numbers(look.numbers),
            "leading": look.leading,
            "share": look.share,
            "without": [] if look.without is None else [_numbers(look.without)],
            "levels": [_level(one) for one in signal.levels],
            "prior": [_prior(signal.prior)],
            "erased": _erased(signal.erased),
            "life": life,
        },
    )


def _numbers(numbers: Numbers) -> dict[str, Any]:
    return numbers._asdict() | {"rules": list(numbers.rules)}


def _level(raised: PairRaised) -> dict[str, Any]:
    look = raised.look
    return {
        "level": raised.level,
        "by": list(raised.rules),
        "masked": raised.masked,
        "known_partition": look.at.partition,
        "known_version": look.at.version,
        "known_day": look.day,
        "reports": look.reports,
        **_numbers(look.numbers),
    }


def _prior(prior: PriorInUse) -> dict[str, Any]:
    numbers = {"reports": prior.reports, "pairs": prior.pairs}
    return {"basis": prior.basis, **asdict(prior.mixture), **numbers, **prior.at._asdict()}


def _erased(erased: PairErased | None) -> Sequence[dict[str, Any]]:
    if erased is None:
        return []
    frozen = erased.frozen
    return [
        {
            "persons": erased.persons,
            "reports": erased.reports,
            "frozen_version": frozen.at.version,
            "frozen_a": frozen.numbers.a,
            "frozen_eb05": frozen.numbers.eb05,
        }
    ]
