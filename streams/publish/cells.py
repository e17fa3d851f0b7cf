"""A column's raw values to the Avro bytes of a field, each distinct value worked out once.

Registrations repeat themselves: 80 units, 30 cups, 1,100 days. Remembering what a raw value became costs
40 ns where converting, checking and encoding it costs 1 to 3 µs. What is new in a column is worked out
together, for a rule asked once about many values costs a fifth of being asked about each.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    Make = Callable[[Collection[Any]], list[bytes | None]]

REMEMBERED = 20_000
_NO_VALUE = type(None)
_REMEMBERED_KINDS = (str, int, float, bool, date, datetime)  # those that can be looked up and never change


class Cells:
    """One field's bytes for whole columns.

    Args:
        make: the bytes of each of some raw values (None: an absent one), or None where they are in doubt:
            only the whole row can tell whether it is to be refused.
        remembered: how many distinct values to remember at most.

    Attributes:
        doubts: whether any value so far was in doubt.
    """

    def __init__(self, make: Make, remembered: int = REMEMBERED) -> None:
        self._make = make
        # By kind, for 1, 1.0 and True are one key to a dict, and not one value to a form.
        self._memos: dict[type, Memo] = {kind: Memo(self._make_noting, remembered) for kind in _REMEMBERED_KINDS}
        self.doubts = False

    def piece(self, raw: object) -> bytes | None:
        """The bytes of one raw value; None where they are in doubt."""
        return self._make_noting([raw])[0]

    def pieces(self, column: Sequence[Any]) -> list[bytes | None]:
        """The bytes of every value of a column."""
        kinds = set(map(type, column))
        kinds.discard(_NO_VALUE)
        if len(kinds) > 1:
            return self._mixed(column)
        memo = self._memos.get(kinds.pop() if kinds else str)
        return self._make_noting(column) if memo is None else memo.of(column)

    def _mixed(self, column: Sequence[Any]) -> list[bytes | None]:
        """Kind by kind; an absent value goes with any."""
        made: list[bytes | None] = [None] * len(column)
        for kind in dict.fromkeys(map(type, column)):
            places = [place for place, raw in enumerate(column) if type(raw) is kind]
            for place, piece in zip(places, self.pieces([column[place] for place in places]), strict=True):
                made[place] = piece
        return made

    def _make_noting(self, raws: Collection[Any]) -> list[bytes | None]:
        made = self._make(raws)
        if None in made:
            self.doubts = True
        return made


class Memo:
    """What raw values of one kind became; begins anew when it is full."""

    def __init__(self, make: Callable[[Collection[Any]], list[Any]], size: int = REMEMBERED) -> None:
        self._make = make
        self._size = size
        self._made: dict[Any, Any] = {}

    def __len__(self) -> int:
        """How many values are remembered."""
        return len(self._made)

    def of(self, column: Sequence[Any]) -> list[Any]:
        """What each value of a column becomes."""
        try:
            return list(map(self._made.__getitem__, column))
        except KeyError:
            fresh = set(column).difference(self._made)
        if len(self._made) + len(fresh) > self._size:
            self._made.clear()
            fresh = set(column)
        self._made.update(zip(fresh, self._make(fresh), strict=True))
        return list(map(self._made.__getitem__, column))
