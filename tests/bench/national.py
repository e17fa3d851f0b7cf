"""An invented national history as surveillance gets it: the messages of exposures that journeys would have sent.

A component is on the market for some years and a few have most of the operations; each cup has a few stems that it is
put in with. One in twenty-five hips is revised, one in twenty-five patients dies a year, and two in a hundred
components fail three times as often as the others.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from schemas.codec import encode_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

GROUPS = ("cup", "stem", "head", "construct")
_BEGIN, _YEAR = 12_418, 365.25  # 2004-01-01
_UNITS, _PRODUCTS, _PARTNERS, _HEADS = 80, 500, 4, 12
_DIAGNOSES = ("M16", "S72", "M87", "T84", "Q65", "M05", "M06", "C79", "M80", "M21")
_AGES = ("0-54", "55-64", "65-74", "75-84", "85-")
_REVISED, _DIES = 0.04, 0.04
_OWN = (0.45, 0.35, 0.5)  # of revisions, those at which the cup, the stem, the head was taken out


class Plan(NamedTuple):
    """How large it is.

    Attributes:
        operations: primary operations.
        years: over how many years.
        seed: of all that is drawn.
    """

    operations: int = 300_000
    years: int = 20
    seed: int = 1


class Registered(NamedTuple):
    """What one registration says of a hip.

    Attributes:
        hip: which.
        is_end: whether of the end of what it put in, not of the operation.
    """

    hip: int
    is_end: bool


class History:
    """All hips of it, and the order in which things were registered.

    Args:
        plan: how large it is.
    """

    def __init__(self, plan: Plan) -> None:
        rng = np.random.default_rng(plan.seed)
        many, last = plan.operations, _BEGIN + int(plan.years * _YEAR)
        self.start = np.sort(rng.integers(_BEGIN, last, many))
        cup, stem, head = _components(rng, self.start, last)
        self.products = {
            "cup": [f"CUP{one:03}" for one in cup.tolist()],
            "stem": [f"STEM{one:03}" for one in stem.tolist()],
            "head": [f"HEAD{one:03}" for one in head.tolist()],
        }
        self.products["construct"] = [
            f"{one} + {other}" for one, other in zip(self.products["cup"], self.products["stem"], strict=True)
        ]
        self.unit = [f"{10_000 + one}" for one in _skewed(rng, _UNITS, many, 0.5).tolist()]
        self.by = [
            [("F", "M")[sex], _AGES[age], _DIAGNOSES[why]]
            for sex, age, why in zip(
                rng.integers(0, 2, many).tolist(),
                rng.choice(len(_AGES), many, p=[0.1, 0.2, 0.35, 0.25, 0.1]).tolist(),
                _skewed(rng, len(_DIAGNOSES), many, 2.0).tolist(),
                strict=True,
            )
        ]
        self.recorded = self.start + rng.geometric(0.08, many)
        bad = 3.0 ** ((cup % 50 == 7).astype(int) + (stem % 50 == 7) + (head % 50 == 7))
        fails = rng.random(many) < np.minimum(_REVISED * bad, 0.9)
        lived = rng.exponential(_YEAR / _DIES, many).astype(np.int64)
        until = np.minimum(np.where(fails, (rng.weibull(0.6, many) * 900).astype(np.int64), 1 << 30), lived)
        self.revised = fails & (until < lived)
        self.end = self.start + until
        self.end_recorded = self.end + np.where(self.revised, rng.geometric(0.08, many), rng.geometric(0.15, many))
        self.own = rng.random((many, len(_OWN))) < np.array(_OWN)
        self._last = last

    def registered(self) -> Iterator[Registered]:
        """The registrations in the order in which they were recorded."""
        ended = np.flatnonzero(np.maximum(self.end_recorded, self.recorded) <= self._last)
        hips = np.concatenate((np.arange(self.start.size), ended))
        days = np.concatenate((self.recorded, np.maximum(self.end_recorded, self.recorded)[ended]))
        begun = self.start.size
        for at in np.argsort(days, kind="stable").tolist():
            yield Registered(int(hips[at]), is_end=at >= begun)

    def messages(self, generation: str, sizes: Iterable[int]) -> Iterator[list[bytes]]:
        """What journeys would send of so many registrations at a time: a message for each group.

        Args:
            generation: of the registry hip.
            sizes: how many registrations each of their transactions takes; it ends where they end.
        """
        registered, version = self.registered(), -1
        for size in sizes:
            taken = list(islice(registered, size))
            if not taken:
                return
            after = version
            changed: dict[int, tuple[bool, bool, int]] = {}  # was it known before, has it ended now, by which version
            for hip, is_end in taken:
                version += 1
                was, *_ = changed.pop(hip, (is_end, False, -1))
                changed[hip] = (was, is_end, version)
            yield [self._message(generation, group, after, version, changed) for group in GROUPS]

    def _message(
        self, generation: str, group: str, after: int, version: int, changed: dict[int, tuple[bool, bool, int]]
    ) -> bytes:
        return encode_event(
            "exposure_batch",
            {
                "registry": "hip",
                "generation": generation,
                "partition": 0,
                "version": version,
                "group": group,
                "after": after,
                "part": 0,
                "changes": [
                    {
                        "patient": f"{hip:032x}",
                        "registration_id": f"P-{hip}",
                        "before": [self._state(group, hip, ended=False)] if was else [],
                        "after": [self._state(group, hip, ended=ended)],
                        "opted_out": False,
                        "version": made,
                    }
                    for hip, (was, ended, made) in changed.items()
                ],
            },
        )

    def _state(self, group: str, hip: int, *, ended: bool) -> dict[str, Any]:
        revised = ended and bool(self.revised[hip])
        own = self.own[hip, :2].any() if group == "construct" else self.own[hip, GROUPS.index(group)]
        specific = revised and bool(own)
        end = int(self.end[hip]) if ended else None
        product = self.products[group][hip]
        return {
            "product": product,
            "lot": f"{product}-{int(self.start[hip]) // 90}" if group != "construct" else "",
            "unit": self.unit[hip],
            "side": ("left", "right")[hip % 2],
            "by": self.by[hip],
            "start": int(self.start[hip]),
            "end": end,
            "end_reason": ("revision" if revised else "death") if ended else "",
            "outcomes": int(revised),
            "first_outcome": end if revised else None,
            "specific": int(specific),
            "first_specific": end if specific else None,
            "unknown": 0,
            "carried_until": end if specific or (ended and not revised) else None,
            "recorded": int(self.recorded[hip]),
            "end_recorded": int(max(self.end_recorded[hip], self.recorded[hip])) if ended else None,
        }


def _components(rng: np.random.Generator, start: Ints, last: int) -> tuple[Ints, Ints, Ints]:
    """Cup, stem and head of each operation: cups that are on the market then, by their shares."""
    share = 1.0 / np.arange(1, _PRODUCTS + 1)
    rng.shuffle(share)
    begun = rng.integers(_BEGIN - 6 * 365, last, _PRODUCTS)
    begun[: _PRODUCTS // 10] = _BEGIN  # some there always were
    gone = begun + rng.integers(3 * 365, 12 * 365, _PRODUCTS)
    gone[: _PRODUCTS // 10] = last + 1
    cup = np.empty(start.size, dtype=np.int64)
    for year in range(_BEGIN, last + 1, 365):
        of_year = np.flatnonzero((start >= year) & (start < year + 365))
        there = share * ((begun < year + 365) & (gone > year))
        cup[of_year] = rng.choice(_PRODUCTS, of_year.size, p=there / there.sum())
    stems = rng.integers(0, _PRODUCTS, (_PRODUCTS, _PARTNERS))
    heads = rng.integers(0, _PRODUCTS, (_PRODUCTS, _HEADS))
    stem = stems[cup, _skewed(rng, _PARTNERS, start.size, 1.0)]
    return cup, stem, heads[stem, _skewed(rng, _HEADS, start.size, 1.0)]


def _skewed(rng: np.random.Generator, many: int, size: int, how: float) -> Ints:
    """Numbers below ``many``, of which the smallest come most often."""
    share = 1.0 / np.arange(1, many + 1) ** how
    return rng.choice(many, size, p=share / share.sum())
