"""What is kept for a moment: found out once, anew when it is old, never twice at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sinks.portal.kept import Kept


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
