"""Asking Kafka's client again: while it says so, and not for ever."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.transactions import StuckError, again

if TYPE_CHECKING:
    from collections.abc import Callable


def failing(*errors: KafkaError) -> tuple[Callable[[], None], list[KafkaError]]:
    """A call that fails with these, one after the other, and then does not; and what is left of them."""
    left = [*errors]

    def call() -> None:
        if left:
            raise KafkaException(left.pop(0))

    return call, left


def retry() -> KafkaError:
    return KafkaError(KafkaError._TIMED_OUT, "retry call to resume", False, True, False)


def test_it_is_made_again_while_the_client_says_so() -> None:
    call, left = failing(retry(), retry(), retry())
    again(call, math.inf)
    assert left == []


def test_patience_ends() -> None:
    call, left = failing(*[retry() for _ in range(5)])
    with pytest.raises(StuckError, match="retry call to resume"):
        again(call, 0.12)  # waits of 0.05, 0.1 and then no more
    assert len(left) == 2


def test_what_may_not_be_made_again_is_not() -> None:
    call, left = failing(KafkaError(KafkaError._STATE, "no transaction"), retry())
    with pytest.raises(KafkaException, match="no transaction"):
        again(call)
    assert len(left) == 1


def test_what_must_be_aborted_is_not_made_again() -> None:
    call, left = failing(KafkaError(KafkaError._TIMED_OUT, "gone", False, True, True), retry())
    with pytest.raises(KafkaException, match="gone"):
        again(call)
    assert len(left) == 1
