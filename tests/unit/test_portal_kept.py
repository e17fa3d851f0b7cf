"""What is kept for a moment: found out once, anew when it is old, never twice at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from sinks.portal.kept import Kept, Renewed
from tests.support import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_it_is_found_out_anew_once_it_is_old() -> None:
    now, found = [0.0], iter(range(10))
    kept: Kept[int] = Kept(5.0, clock=lambda: now[0])
    assert [kept.get("hip", lambda: next(found)) for _ in range(3)] == [0, 0, 0]
    assert kept.get("hiv", lambda: next(found)) == 1
    now[0] = 4.9
    assert kept.get("hip", lambda: next(found)) == 0
    now[0] = 5.0
    assert kept.get("hip", lambda: next(found)) == 2


def test_many_who_ask_at_once_wait_for_one_finding() -> None:
    begun, go_on, times = threading.Event(), threading.Event(), []
    kept: Kept[int] = Kept(60.0)

    def find() -> int:
        times.append(1)
        begun.set()
        assert go_on.wait(10)
        return 7

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(kept.get, "hip", find) for _ in range(8)]
        assert begun.wait(10)
        go_on.set()
        assert [one.result(10) for one in answers] == [7] * 8
    assert len(times) == 1


def test_what_fails_is_not_kept() -> None:
    kept: Kept[int] = Kept(60.0)
    with pytest.raises(ZeroDivisionError):
        kept.get("hip", lambda: 1 // 0)
    assert kept.get("hip", lambda: 3) == 3


class Slow:
    """A clock, and findings that take some of its seconds each: 1, 2, 3 …"""

    def __init__(self, takes_s: float) -> None:
        self.now = 1_000.0
        self.takes_s = takes_s
        self.found = 0

    def __call__(self) -> float:
        return self.now

    def find(self) -> int:
        self.found += 1
        self.now += self.takes_s
        return self.found


@pytest.fixture
def renewed() -> Iterator[Callable[..., Renewed[int]]]:
    made: list[Renewed[int]] = []

    def make(slow: Slow, **more: float) -> Renewed[int]:
        made.append(Renewed(0.2, rest=4.0, clock=slow, **more))  # type: ignore[arg-type] # by name
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_what_is_found_out_quickly_is_found_out_each_time(renewed: Callable[..., Renewed[int]]) -> None:
    slow = Slow(0.1)
    pages = renewed(slow)
    found = [pages.get("signals", slow.find) for _ in range(3)]
    assert [one.value for one in found] == [1, 2, 3]
    assert [round(one.age_s, 6) for one in found] == [0.1] * 3


def test_what_takes_long_rests_and_is_then_given_while_it_is_renewed(renewed: Callable[..., Renewed[int]]) -> None:
    slow = Slow(2.0)
    pages = renewed(slow, longest_s=60.0)
    assert pages.get("company", slow.find).value == 1  # from 1,000 to 1,002: it rests until 1,010
    slow.now = 1_009.9
    given = pages.get("company", slow.find)
    assert (given.value, round(given.age_s, 6), slow.found) == (1, 9.9, 1)
    slow.now = 1_010.1
    assert pages.get("company", slow.find).value == 1, "at once, as it was"
    wait_for(lambda: slow.found == 2 and pages.get("company", slow.find).value == 2, "the renewed value")
    assert pages.get("company", slow.find).age_s < 10.0


def test_nothing_is_given_that_is_too_old(renewed: Callable[..., Renewed[int]]) -> None:
    slow = Slow(2.0)
    pages = renewed(slow, longest_s=60.0)
    assert pages.get("company", slow.find).value == 1
    slow.now = 1_060.1
    assert pages.get("company", slow.find).value == 2


def test_each_key_has_its_own_and_the_one_not_asked_for_the_longest_is_let_go(
    renewed: Callable[..., Renewed[int]],
) -> None:
    slow = Slow(2.0)
    pages = renewed(slow, most=2)
    assert [pages.get(key, slow.find).value for key in ("a", "b", "a", "c", "a", "b")] == [1, 2, 1, 3, 1, 4]


def test_a_renewal_that_fails_leaves_what_was_and_whoever_waits_is_told(renewed: Callable[..., Renewed[int]]) -> None:
    slow, failed = Slow(2.0), threading.Event()
    pages = renewed(slow, longest_s=60.0)
    assert pages.get("company", slow.find).value == 1

    def fail() -> int:
        failed.set()
        return 1 // 0

    slow.now = 1_011.0
    assert pages.get("company", fail).value == 1
    assert failed.wait(10)
    assert pages.get("company", fail).value == 1
    slow.now = 1_061.0
    with pytest.raises(ZeroDivisionError):
        pages.get("company", fail)


def test_many_who_wait_for_the_same_are_given_one_finding() -> None:
    begun, go_on, times = threading.Event(), threading.Event(), []
    pages: Renewed[int] = Renewed(0.2)

    def find() -> int:
        times.append(1)
        begun.set()
        assert go_on.wait(10)
        return 7

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(pages.get, "company", find) for _ in range(8)]
        assert begun.wait(10)
        wait_for(pool._work_queue.empty, "all to ask")
        go_on.set()
        assert [one.result(10).value for one in answers] == [7] * 8
    pages.close()
    assert len(times) == 1


def test_who_asks_while_the_process_ends_is_given_what_there_is(renewed: Callable[..., Renewed[int]]) -> None:
    slow = Slow(2.0)
    pages = renewed(slow, longest_s=60.0)
    assert pages.get("company", slow.find).value == 1
    pages.close()
    slow.now = 1_011.0
    assert [pages.get("company", slow.find).value for _ in range(2)] == [1, 1]
    assert pages.get("clinic", slow.find).value == 2
