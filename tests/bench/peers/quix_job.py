"""The small job on Quix Streams: ``python -m tests.bench.peers.quix_job ORDERS`` (see ``Orders``), until SIGTERM."""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]  # in the peers' environment only

from tests.bench.peers.small_job import Orders, reader


def main() -> None:
    orders = Orders(*sys.argv[1:])
    app = Application(
        orders.bootstrap,
        consumer_group=orders.name,
        auto_offset_reset="earliest",
        state_dir=orders.state,
        loglevel="WARNING",
        # Its checkpoint, every 5 s by default: changelog, producer flush, offsets, then the store in one batch each.
        commit_interval=5.0,
        consumer_poll_timeout=0.1,  # a stop is noticed between polls, which take 1 s at the end of the input
        # librdkafka rests 1 s, and Quix Streams sets 0.1 s, before it fetches again when its queue was full.
        consumer_extra_config={"fetch.queue.backoff.ms": 10, "queued.min.messages": 100_000},
        producer_extra_config={
            "linger.ms": 100,
            "compression.type": "lz4",
            "batch.num.messages": 50_000,
            "batch.size": 1 << 20,
            "queue.buffering.max.messages": 1_000_000,
        },
    )
    source = app.topic(orders.source, key_deserializer="bytes", value_deserializer="bytes")
    output = app.topic(orders.output, key_serializer="bytes", value_serializer="bytes")
    read = reader(orders.forms)

    def count(message: bytes, journey: Any) -> tuple[bytes, ...]:
        """The contribution before and after, where it has changed.

        State belongs to the message's key, the patient, so counts per cell would need a second pass over a
        repartitioned topic. Their contributions are less work than that, and less than the others do.
        """
        registration_id, cell = read(message)
        before = journey.get_bytes(registration_id, b"")
        after = b"" if cell is None else cell.encode()
        if before == after:
            return ()
        if after:
            journey.set_bytes(registration_id, after)
        else:
            journey.delete(registration_id)
        return (before + b">" + after,)

    frame = app.dataframe(source)
    # One step: expanding none or one spares the filter that would follow an ordinary apply.
    frame.apply(count, expand=True, stateful=True).to_topic(output)
    app.run()


if __name__ == "__main__":
    main()
