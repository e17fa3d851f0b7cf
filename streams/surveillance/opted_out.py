"""What a raised signal knows of persons who have opted out: how many they are, and how many outcomes were theirs.

Their outcomes are told with it, by number only. Where an opt-out is lifted and an outcome is registered again, it
would count twice; so it is taken off what is erased. Nobody's name is kept for that, but a mark that some in every
65,536 persons share: too little to tell of anybody that he was among them, and enough, for it is asked only of those
who are known to come back.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from streams.surveillance.signals import Erased, Gone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.surveillance.signals import Look, Signal

_MARK_BYTES = 2


class OptedOut(NamedTuple):
    """Who has opted out of one product's exposures, or come back to them since, and with how many first outcomes.

    Attributes:
        out: by person, the outcomes that are in no number any more.
        back: by person, those that are again.
        again: the persons whose exposure itself is there again.
    """

    out: Mapping[str, int]
    back: Mapping[str, int]
    again: frozenset[str]


def frozen_at(signal: Signal, last: Look) -> Erased:
    """What a signal was before anybody opted out; ``last`` is the last look before that."""
    days = {raised.level: raised.day for raised in signal.levels}
    return Erased(0, 0, last, watch=days.get("watch"), alarm=days.get("alarm"))


def erased_now(erased: Erased, product: str, told: OptedOut) -> Erased:
    """What is erased of a signal now.

    Args:
        erased: what was.
        product: the signal's.
        told: what came.
    """
    persons, outcomes = erased.persons, erased.outcomes
    gone = [*erased.gone, *(Gone(mark_of(product, person), number) for person, number in told.out.items())]
    persons += len(told.out)
    outcomes += sum(told.out.values())
    for person, number in told.back.items():
        mark = mark_of(product, person)
        at = next((place for place, one in enumerate(gone) if one.mark == mark), None)
        if at is None:
            continue  # gone before the signal was raised
        one = gone[at]
        is_back = person in told.again and not one.is_back
        counted = min(one.outcomes, number)
        persons, outcomes = persons - is_back, outcomes - counted
        gone[at] = Gone(mark, one.outcomes - counted, one.is_back or is_back)
    left = tuple(one for one in gone if one.outcomes or not one.is_back)
    return erased._replace(persons=persons, outcomes=outcomes, gone=left)


def mark_of(product: str, patient: str) -> int:
    """A person's mark among those of a product."""
    digest = hashlib.blake2b(patient.encode(), digest_size=_MARK_BYTES, key=product.encode()[:64]).digest()
    return int.from_bytes(digest, "big")
