"""A product under a confirmed signal is nobody's comparator any more, and stays so over a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.surveillance.bins import Change, Exposure
from streams.surveillance.declared import Watched
from streams.surveillance.expected import Baseline
from streams.surveillance.kept import sorted_out
from streams.surveillance.monitor import Monitor
from streams.surveillance.signals import Version
from streams.surveillance.watch import Told, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.surveillance.signals import Signal

WATCHED = Watched(
    Monitor("cup", "a1b2", Baseline("contemporary", (1.0,))), "cup", False, frozenset({"death"}), frozenset({"OLD"})
)
_numbers = iter(range(10_000))


def put_in(product: str, many: int, failed: int = 0) -> Iterator[Change]:
    """So many of a product, put in on days 0, 1, 2, … and recorded at once; the first of them failed after 30 days."""
    for day in range(many):
        outcome = day + 30 if day < failed else None
        outcomes = int(outcome is not None)
        exposure = Exposure(
            product, "", "U", "left", ("F",), day, outcome, "", outcomes, outcome, outcomes, outcome, recorded=day
        )
        yield Change(f"p{next(_numbers)}", "r", None, exposure)


def latest(watch: Watch, changes: Iterator[Change], **said: bool) -> tuple[dict[bytes, bytes | None], Signal]:
    taken = watch.take([Told(Version(0, next(_numbers)), list(changes))], said)
    (stated,) = taken.stated
    return taken.writes, stated.signal


def test_others_are_not_compared_with_it_until_it_is_closed_and_a_restart_remembers() -> None:
    watch = Watch(WATCHED)
    kept: dict[bytes, bytes] = {}

    def keep(writes: dict[bytes, bytes | None]) -> None:
        for key, value in writes.items():
            if value is None:
                kept.pop(key, None)
            else:
                kept[key] = value

    others = [*put_in("BAD", 100, 50), *put_in("GOOD", 300, 3)]
    keep(watch.take([Told(Version(0, next(_numbers)), others)]).writes)
    writes, signal = latest(watch, put_in("NEW", 100, 60))
    keep(writes)
    assert (signal.product, signal.comparator.observed) == ("NEW", 53)
    assert signal.comparator.left_out == ("OLD",)

    writes, signal = latest(watch, put_in("NEW", 1, 1), BAD=True)
    keep(writes)
    assert signal.comparator.observed == 3  # those of GOOD alone
    assert signal.comparator.left_out == ("BAD", "OLD")

    watch = Watch(WATCHED, sorted_out(kept.items())["cup"])
    writes, signal = latest(watch, put_in("NEW", 1, 1))
    keep(writes)
    assert signal.comparator.left_out == ("BAD", "OLD")

    _, signal = latest(watch, put_in("NEW", 1, 1), BAD=False)
    assert signal.comparator.observed == 53
    assert signal.comparator.left_out == ("OLD",)
