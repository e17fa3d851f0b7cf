"""Which reports tell of the same event, and which belong beside each other; pure, over a registry's reports.

Patient and doctor may both tell of one event: that is one case with two primary sources (ICH E2B(R3), C.2.r), not two.
Reports are compared by what guidance compares them by (GVP Module VI, Addendum I: patient, suspect drug, reaction,
dates of onset). Where others have to weigh initials and ages (the hit-miss model of Norén et al., Data Min Knowl Disc
2007;14:305), a register knows its patient by pseudonym, so nothing is weighed: each ground holds or does not.

| same patient and | is |
|---|---|
| one says of itself that it tells of the other's event | the same event: joined without asking |
| same suspect drug, same reaction, onsets within the window | likely the same: a person decides |
| same suspect drug and reaction, an onset not known | possibly the same: likewise |
| same suspect drug, onsets within the window or not known, a reaction not coded | possibly the same: likewise |
| none of these | another event: linked (C.1.10.r), for reports on one patient are evaluated together |
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Literal, NamedTuple

from sinks.agency.coding.meddra import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

Likeness = Literal["likely", "possible"]


class Telling(NamedTuple):
    """A registration that tells of an event.

    Attributes:
        registration_id: its id.
        patient: the person's pseudonym.
        drugs: that are suspected, by whatever code the register has for them.
        reactions: codes of the reactions; empty where none is coded.
        words: the reactions in words.
        onset: of the first of them.
        received: when the sender's organisation had it.
        same_event_as: the registration of whose event it says that it tells.
    """

    registration_id: str
    patient: str
    drugs: frozenset[str]
    reactions: frozenset[str]
    words: str
    onset: date | None
    received: date
    same_event_as: str | None = None


class Pair(NamedTuple):
    """Two registrations that may tell of one event.

    Attributes:
        first: the one that was received first.
        second: the other.
        likeness: how much speaks for it.
        grounds: what does.
    """

    first: str
    second: str
    likeness: Likeness
    grounds: tuple[str, ...]


class Sameness(NamedTuple):
    """What was found.

    Attributes:
        events: registrations that tell of one event, that which was received first at the head, which the case is of.
        suspected: pairs of registrations of different events, for a person to decide.
        links: by the head of each event the heads of other events of the same patient.
        astray: registrations that name one as the same event which the patient has not, or themselves.
    """

    events: tuple[tuple[str, ...], ...]
    suspected: tuple[Pair, ...]
    links: Mapping[str, tuple[str, ...]]
    astray: tuple[str, ...]


def same_events(tellings: Iterable[Telling], window_days: int) -> Sameness:
    """See the module.

    Args:
        tellings: those that count, each id once; what was retracted is left out.
        window_days: how far apart the onsets of one event may be told.

    Raises:
        ValueError: the window is negative.
    """
    if window_days < 0:
        raise ValueError("the window of onsets is a number of days from 0")
    by_patient: dict[str, list[Telling]] = {}
    for one in tellings:
        by_patient.setdefault(one.patient, []).append(one)
    events: list[tuple[str, ...]] = []
    suspected: list[Pair] = []
    links: dict[str, tuple[str, ...]] = {}
    astray: list[str] = []
    for _, own in sorted(by_patient.items()):
        own.sort(key=lambda one: (one.received, one.registration_id))
        astray += _astray(own)
        head_of = _heads(own)
        groups: dict[str, list[str]] = {}
        for one in own:
            groups.setdefault(head_of[one.registration_id], []).append(one.registration_id)
        events += map(tuple, groups.values())
        pairs = list(_pairs(own, head_of, window_days))
        suspected += pairs
        apart = set(combinations(groups, 2)) - {(head_of[one.first], head_of[one.second]) for one in pairs}
        for head in groups:
            beside = tuple(other for other in groups if (head, other) in apart or (other, head) in apart)
            if beside:
                links[head] = beside
    return Sameness(tuple(events), tuple(suspected), links, tuple(astray))


def _astray(own: list[Telling]) -> Iterator[str]:
    ids = {one.registration_id for one in own}
    for one in own:
        if one.same_event_as is not None and one.same_event_as not in ids - {one.registration_id}:
            yield one.registration_id


def _heads(own: list[Telling]) -> dict[str, str]:
    """The head of each registration's event; ``own`` in the order of receipt."""
    head_of = {one.registration_id: one.registration_id for one in own}
    rank = {one.registration_id: number for number, one in enumerate(own)}
    for one in own:
        if one.same_event_as in head_of:
            heads = sorted((head_of[one.registration_id], head_of[one.same_event_as]), key=rank.__getitem__)
            head_of = {name: heads[0] if head == heads[1] else head for name, head in head_of.items()}
    return head_of


def _pairs(own: list[Telling], head_of: Mapping[str, str], window_days: int) -> Iterator[Pair]:
    for first, second in combinations(own, 2):
        if head_of[first.registration_id] != head_of[second.registration_id]:
            found = _likeness(first, second, window_days)
            if found is not None:
                yield Pair(first.registration_id, second.registration_id, *found)


def _likeness(first: Telling, second: Telling, window_days: int) -> tuple[Likeness, tuple[str, ...]] | None:
    if not first.drugs & second.drugs:
        return None
    near = None
    if first.onset is not None and second.onset is not None:
        near = abs((first.onset - second.onset).days)
        if near > window_days:
            return None
    drug = "same suspect drug"
    onset = "an onset is not known" if near is None else f"onsets {near} days apart"
    same_words = plain(first.words) == plain(second.words) != ""
    if first.reactions & second.reactions or same_words:
        return "possible" if near is None else "likely", (drug, "same reaction", onset)
    if first.reactions and second.reactions:
        return None
    return "possible", (drug, "a reaction is not coded", onset)
