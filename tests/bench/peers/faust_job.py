"""The small job on stock Faust: ``python -m tests.bench.peers.faust_job ORDERS`` (see ``Orders``), until SIGTERM."""

from __future__ import annotations

import logging
import sys
from typing import Any

import faust
from faust.worker import Worker

from tests.bench.peers.small_job import Orders, reader

_LOGGERS = ("aiokafka", "faust", "mode", "asyncio", "kafka")


def main() -> None:
    orders = Orders(*sys.argv[1:])
    app = faust.App(
        orders.name,
        broker=f"kafka://{orders.bootstrap}",
        store="rocksdb://?driver=rocksdict",  # as the others; in memory it is a tenth faster
        datadir=orders.state,
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=int(orders.partitions),
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
        table_standby_replicas=0,  # one worker: nobody would stand by
        consumer_auto_offset_reset="earliest",
        broker_commit_every=20_000,
        broker_commit_interval=5.0,
        broker_max_poll_records=5_000,
        stream_buffer_maxsize=20_000,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        producer_linger=0.1,
        producer_max_batch_size=256 << 10,
        producer_compression_type="lz4",
        producer_acks=-1,
    )
    partitions = int(orders.partitions)
    source = app.topic(orders.source, key_type=bytes, value_type=bytes)
    output = app.topic(orders.output, key_type=bytes, value_type=bytes, partitions=partitions)
    journeys = app.Table("journeys", key_type=bytes, value_type=bytes, partitions=partitions)
    cells = app.Table("cells", key_type=bytes, value_type=bytes, partitions=partitions)
    read = reader(orders.forms)

    async def change(cell: bytes, by: int, partition: int) -> None:
        # The partition's number comes first: a table in memory is one dictionary for all partitions, but a
        # change goes to the changelog's partition of the event at hand, and must be read back from there.
        place = b"%d|%b" % (partition, cell)
        living = b"%d" % (int(cells.get(place) or b"0") + by)
        cells[place] = living
        await output.send(key=cell, value=living, partition=partition)

    async def count(messages: Any) -> None:
        async for event in messages.events():
            registration_id, cell = read(event.value)
            place = event.key + b"|" + registration_id.encode()
            before = journeys.get(place)
            after = None if cell is None else cell.encode()
            if before == after:
                continue
            if after is None:
                del journeys[place]
            else:
                journeys[place] = after
            partition = event.message.partition
            if before is not None:
                await change(before, -1, partition)
            if after is not None:
                await change(after, 1, partition)

    app.agent(source)(count)
    for name in _LOGGERS:  # records for debugging are built and dropped, which costs a sixth of the time
        logging.getLogger(name).setLevel(logging.WARNING)
    Worker(app, loglevel="WARNING").execute_from_commandline()


if __name__ == "__main__":
    main()
