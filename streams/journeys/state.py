"""One person's journey as it is kept, and how submissions change it.

The latest submission of a registration id wins, a retraction takes it out. An opt-out empties the
journey, and while it is in force nothing is taken; when it is lifted, what is submitted from then on
counts, and what was before does not come back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from streams.journeys.records import DAY, FORM, ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.journeys.records import Record

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


@dataclass(slots=True)
class Journey:
    """What is known of one person.

    Attributes:
        records: the living registrations in their order.
        opt_outs: the opt-out registrations ever made, by id: whether each is in force.
    """

    records: list[Record] = field(default_factory=list)
    opt_outs: dict[str, bool] = field(default_factory=dict)

    @property
    def opted_out(self) -> bool:
        """Whether nothing of the person counts now."""
        return any(self.opt_outs.values())

    def take(self, submissions: Iterable[Record], opt_out: int) -> bool:
        """Take submissions in the order of their versions; ``opt_out`` is the place of the form of that name.

        Returns:
            Whether everything that was known before is gone: what is known now was submitted again since.
        """
        known: dict[tuple[Any, Any], Record] = {(record[FORM], record[ID]): record for record in self.records}
        out = self.opted_out
        emptied = False
        for record in submissions:
            form = record[FORM]
            if form == opt_out:
                if record[DAY] is not None:
                    self.opt_outs[record[ID]] = True
                    out = emptied = True
                    known.clear()
                elif record[ID] in self.opt_outs:  # else it lifts what never was, and means nothing
                    known.clear()
                    emptied = True
                    self.opt_outs[record[ID]] = False
                    out = self.opted_out
            elif out:
                continue
            elif record[DAY] is None:
                known.pop((form, record[ID]), None)
            else:
                known[form, record[ID]] = record
        self.records = sorted(known.values())  # ids of a form differ, so nothing behind them is compared
        return emptied


def journey_of(kept: bytes | None) -> Journey:
    """A journey as it was kept; an empty one where nothing was."""
    if kept is None:
        return Journey()
    records, opt_outs = _decode(kept)
    return Journey(records, opt_outs)


def kept(journey: Journey) -> bytes | None:
    """The bytes to keep of a journey; None where there is nothing to know."""
    if not journey.records and not journey.opt_outs:
        return None
    return _encode((journey.records, journey.opt_outs))


def kept_alone(record: Record) -> bytes:
    """The bytes to keep of a journey that is one registration."""
    return _encode(((record,), {}))
