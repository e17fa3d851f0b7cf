"""Kafka's partition of a key, for many keys at once: ``murmur2(key) % partitions`` as Java clients have it.

Known beforehand, because a broker's acknowledgements then need no memory of their message: within a
partition they come in the order of sending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SEED = 0x9747B28C
_M = np.uint32(0x5BD1E995)
_R = np.uint32(24)
_WORD = 4


def partitions_of(keys: Sequence[bytes], partitions: int) -> NDArray[np.uint32]:
    """The partition of every key."""
    lengths = set(map(len, keys))
    if len(lengths) == 1:
        return _of_one_length(keys, lengths.pop(), partitions)
    found = np.zeros(len(keys), dtype=np.uint32)
    for length in lengths:
        places = [place for place, key in enumerate(keys) if len(key) == length]
        found[places] = _of_one_length([keys[place] for place in places], length, partitions)
    return found


def _of_one_length(keys: Sequence[bytes], length: int, partitions: int) -> NDArray[np.uint32]:
    octets = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), length)
    whole = length // _WORD * _WORD
    words = np.ascontiguousarray(octets[:, :whole]).view("<u4")
    digest = np.full(len(keys), _SEED ^ length, dtype=np.uint32)
    for word in words.T:
        mixed = word * _M
        mixed ^= mixed >> _R
        digest = digest * _M ^ mixed * _M
    if length > whole:
        for place in range(length - whole):
            digest ^= octets[:, whole + place].astype(np.uint32) << np.uint32(8 * place)
        digest *= _M
    digest ^= digest >> np.uint32(13)
    digest *= _M
    digest ^= digest >> np.uint32(15)
    return (digest & np.uint32(0x7FFFFFFF)) % np.uint32(partitions)
