"""Field safety notices and corrective actions, tied to the signal that an incident belongs to, in its reports.

A company ties a notice to a signal by its answer; the registry may also have been told of a notice on the product.
What is tied goes into the incident's report as references (1.3.1(d)); what is on the product and not tied is told
beside, for the manufacturer to say whether it belongs here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from schemas.review import TIED, signal_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from sinks.agency.mir.model import Mir


class SafetyNotice(NamedTuple):
    """A notice as far as reports refer to it.

    Attributes:
        id: by which the registry knows it.
        group: the monitor group of the product.
        product: its code.
        reference: as whoever issued it writes it.
        lots: none where all are meant.
        first_day: only what was put in from this day on; None: from the beginning.
        last_day: only what was put in until this day; None: to the end.
    """

    id: str
    group: str
    product: str
    reference: str
    lots: tuple[str, ...] = ()
    first_day: date | None = None
    last_day: date | None = None

    def covers(self, lot: str | None, implanted: date | None) -> bool:
        """Whether a device may be one of those meant: what is not known of it speaks against nothing."""
        if self.lots and lot is not None and lot not in self.lots:
            return False
        if implanted is None:
            return True
        return not (
            (self.first_day is not None and implanted < self.first_day)
            or (self.last_day is not None and implanted > self.last_day)
        )


class TiedAnswer(NamedTuple):
    """A company's answer as far as it ties a notice to a signal."""

    about: str
    state: str
    notice: str


class Belonging(NamedTuple):
    """The notices of a signal.

    Attributes:
        tied: those that the company has tied to it, in the order in which they were.
        untied: others of the same product that may mean the device.
    """

    tied: tuple[SafetyNotice, ...]
    untied: tuple[SafetyNotice, ...]


def notices_of(
    signal: str,
    notices: Iterable[SafetyNotice],
    answers: Iterable[TiedAnswer],
    *,
    lot: str | None = None,
    implanted: date | None = None,
) -> Belonging:
    """The notices that belong to a signal, and those that may.

    Args:
        signal: group/product/number.
        notices: that the registry knows of.
        answers: of companies, in the order in which they were given.
        lot: the device's, where it is known.
        implanted: when it was put in, likewise.

    Raises:
        ValueError: the text names no signal.
    """
    named = signal_id(signal)
    if named is None:
        raise ValueError("there is no such signal: it is named group/product/number")
    by_id = {one.id: one for one in notices}
    ids = dict.fromkeys(one.notice for one in answers if one.about == signal and one.state == TIED)
    tied = tuple(by_id[one] for one in ids if one in by_id)
    untied = tuple(
        one
        for one in by_id.values()
        if one not in tied and (one.group, one.product) == named[:2] and one.covers(lot, implanted)
    )
    return Belonging(tied, untied)


def with_notices(mir: Mir, belonging: Belonging) -> Mir:
    """The report with the references of the notices that are tied to its signal, each once."""
    own = mir.administration.fsca
    references = dict.fromkeys((*own.manufacturer, *(one.reference for one in belonging.tied)))
    return replace(mir, administration=replace(mir.administration, fsca=replace(own, manufacturer=tuple(references))))
