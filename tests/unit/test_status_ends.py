"""The ends of partitions that have no leader yet: asked again, for a topic that was just made has one in a moment."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from deploy import status
from deploy.status import Place, _ends

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACE = Place("just-made", 0)


def answering(monkeypatch: pytest.MonkeyPatch, *answers: int) -> list[int]:
    """Have the broker answer with these errors, by their codes, and then with the end 7; how often it was asked."""
    left, asked = [*answers], []

    class Admin:
        def __init__(self, _: object) -> None: ...

        def list_offsets(self, wanted: Mapping[Any, object], **_: object) -> dict[Any, Future[Any]]:
            asked.append(len(wanted))
            future: Future[Any] = Future()
            if left:
                future.set_exception(KafkaException(KafkaError(left.pop(0))))
            else:
                future.set_result(SimpleNamespace(offset=7))
            return dict.fromkeys(wanted, future)

    monkeypatch.setattr(status, "AdminClient", Admin)
    return asked


def test_a_partition_without_a_leader_is_asked_about_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
    assert _ends({}, [PLACE]) == {PLACE: 7}
    assert len(asked) == 3


def test_another_error_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        _ends({}, [PLACE])
    assert len(asked) == 1


def test_who_never_gets_a_leader_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_ANSWER_S", 0.0)
    answering(monkeypatch, *[KafkaError.NOT_LEADER_FOR_PARTITION] * 50)
    with pytest.raises(KafkaException):
        _ends({}, [PLACE])
