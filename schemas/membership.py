"""The name that Kafka knows a process by, lost to another client and taken again: alike for all who have one.

A consumer group's static member and a transaction's owner keep their name over a restart. Whoever comes under the
same name takes it, and to the one before every answer is a fatal error. Mostly that is the process's own doing: its
rejoin after a broker's restart fences what it was before. It is a twin where it goes on.
"""

from __future__ import annotations

import time

import structlog
from confluent_kafka import KafkaError

log = structlog.get_logger(__name__)

_MOST_LOSSES = 3
_LOSS_WINDOW_S = 120.0


class FencedError(Exception):
    """Another process has taken over this one's name."""


class MembershipLostError(Exception):
    """The consumer cannot go on: to the group, somebody else has its name. Another consumer takes it again."""


def refuse_lost_membership(error: KafkaError) -> None:
    """See to it that a consumer's error is one that it can go on after.

    Raises:
        MembershipLostError: it is not.
    """
    if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - the client's public constant is spelt so
        raise MembershipLostError(error.str())


class Losses:
    """Counts how often a name was lost to another client: now and then the broker is to blame, often a twin."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._moments: list[float] = []

    def add(self, error: Exception) -> None:
        """The name was lost once more, and will be taken again.

        Raises:
            FencedError: it is lost too often; another process has it.
        """
        now = time.monotonic()
        self._moments = [moment for moment in self._moments if now - moment < _LOSS_WINDOW_S] + [now]
        if len(self._moments) > _MOST_LOSSES:
            raise FencedError(
                f"{self._name} was taken over {len(self._moments)} times in {_LOSS_WINDOW_S:.0f} s: another process "
                "runs under this name; give each its own GULDADRA_INSTANCE"
            ) from error
        log.warning("lost the name, taking it again", name=self._name, error=str(error))
