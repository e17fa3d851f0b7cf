"""What becomes of a delivery with each attempt: waits that double, are spread, and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sinks.feeds.delivery import DEAD, DELIVERED, WAITING, Outcome, Patience, asked_again, attempted, begun

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
PATIENCE = Patience(first_s=4, longest_s=60, given_up_after=timedelta(minutes=5))
FAILED = Outcome(503, "answered 503")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success_is_taken(status: int) -> None:
    done = attempted(begun("w", "e", NOON), Outcome(status, "answered"), NOON, PATIENCE, 0.5)
    assert (done.state, done.attempts, done.status, done.error, done.version) == (DELIVERED, 1, status, "", 1)


@pytest.mark.parametrize("status", [0, 199, 300, 301, 302, 307, 308, 400, 404, 410, 429, 500, 599])
def test_anything_else_is_not_a_redirection_least_of_all(status: int) -> None:
    assert attempted(begun("w", "e", NOON), Outcome(status, "no"), NOON, PATIENCE, 0.5).state == WAITING


def test_waits_double_up_to_the_longest_and_end_at_the_declared_time() -> None:
    one, now, waits = begun("w", "e", NOON), NOON, []
    while one.state == WAITING:
        one = attempted(one, FAILED, now, PATIENCE, 1.0)
        waits.append((one.due - now).total_seconds())
        now = max(one.due, now)
    # 4 + 8 + 16 + 32 + 60 + 60 + 60 = 240, and the last comes at five minutes and no later
    assert waits[:-1] == [4, 8, 16, 32, 60, 60, 60, 60]
    assert (one.state, one.attempts, now - NOON) == (DEAD, 9, timedelta(minutes=5))
    assert one.error == "answered 503"


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 2.0), (0.5, 3.0), (1.0, 4.0)])
def test_the_wait_is_spread_over_its_second_half(chance: float, wait: float) -> None:
    assert attempted(begun("w", "e", NOON), FAILED, NOON, PATIENCE, chance).due == NOON + timedelta(seconds=wait)


def test_an_endpoint_may_ask_to_be_left_alone_but_not_for_ever() -> None:
    asks = [attempted(begun("w", "e", NOON), Outcome(429, "", after), NOON, PATIENCE, 0).due for after in (1, 30, 9e9)]
    assert asks == [NOON + timedelta(seconds=seconds) for seconds in (2, 30, 60)]


def test_many_attempts_are_no_overflow() -> None:
    one = begun("w", "e", NOON)
    for _ in range(5_000):
        one = attempted(one, FAILED, NOON, PATIENCE, 0)
    assert one.due == NOON + timedelta(seconds=30)


def test_asked_for_again_its_time_begins_anew() -> None:
    late = NOON + timedelta(days=9)
    dead = attempted(begun("w", "e", NOON), FAILED, late, PATIENCE, 0)
    assert dead.state == DEAD
    again = asked_again(dead, late)
    assert (again.state, again.attempts, again.since, again.due) == (WAITING, 0, late, late)
    assert again.version == dead.version + 1
    assert attempted(again, FAILED, late, PATIENCE, 0).state == WAITING
