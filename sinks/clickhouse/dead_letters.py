"""What ClickHouse refuses is found row by row, and sent to where it can be looked at and replayed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas import topics
from schemas.dead_letter import dead_letter
from sinks.clickhouse import metrics
from sinks.clickhouse.errors import RowsRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sinks.clickhouse.buffer import GivenUp, TableRows

_PROCESS = "load"
_SEND_S = 30.0
_client_log = logging.getLogger("librdkafka")


class TooManyRefusedError(Exception):
    """So many rows were refused at once that it is not the rows: nothing was given up."""


def insert_finding_refused(rows: TableRows, insert: Callable[[bytes], None], most: int) -> list[GivenUp]:
    """Insert rows; where ClickHouse refuses them, halve until the refused ones stand alone.

    Args:
        rows: what to insert.
        insert: inserts one container.
        most: how many may be refused before it cannot be the rows.

    Returns:
        The refused rows; all others are inserted.

    Raises:
        TooManyRefusedError: more than ``most`` were refused.
        DatabaseError: what ``insert`` raises but for the refusal of rows.
    """
    refused: list[GivenUp] = []
    waiting = [(0, len(rows.blocks))]
    while waiting:
        first, last = waiting.pop()
        try:
            insert(rows.layout.container(rows.blocks[first:last]))
        except RowsRefusedError as error:
            if last - first > 1:
                middle = (first + last) // 2
                waiting += [(middle, last), (first, middle)]
                continue
            refused.append(rows.given_up(first, str(error)))
            if len(refused) > most:
                raise TooManyRefusedError(
                    f"ClickHouse refused more than {most} rows of {rows.layout.table} at once, the last with: "
                    f"{error}. That is a fault of the loader or the tables, so nothing was given up: "
                    "look at the versions of both"
                ) from None
    return refused


class DeadLetterBox:
    """Sends dead letters, and knows that they arrived."""

    def __init__(self, kafka: Mapping[str, str | int | bool]) -> None:
        self._producer = Producer(
            {**kafka, "enable.idempotence": True, "compression.type": "lz4", "message.max.bytes": 16 << 20},
            logger=_client_log,
        )

    def send(self, letters: Iterable[GivenUp]) -> None:
        """Send them and wait until the broker has them all.

        Raises:
            KafkaException: it does not.
        """
        failures: list[KafkaError] = []
        for letter in letters:
            read = letter.read
            self._producer.produce(
                topics.DEAD_LETTERS,
                dead_letter(
                    _PROCESS, read.topic, read.partition, read.offset, letter.error, key=read.key, value=letter.value
                ),
                read.key,
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
            metrics.DEAD_LETTERS.labels(read.topic).inc()
        if self._producer.flush(_SEND_S):
            raise KafkaException(
                KafkaError(KafkaError._MSG_TIMED_OUT, f"{topics.DEAD_LETTERS} did not take all dead letters")  # noqa: SLF001 - the client's public constant is spelt so
            )
        if failures:
            raise KafkaException(failures[0])
