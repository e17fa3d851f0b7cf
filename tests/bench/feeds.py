"""A signal's way to a thousand machines: from surveillance's topic to the last subscriber of one process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from deploy.ports import stable_ports
from schemas import topics
from schemas.codec import encode_event
from schemas.company import makers
from tests.bench.feed_server import WHO
from tests.bench.running import peak_mb
from tests.feed_support import signal

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition
    from tests.bench.figures import Figures
    from tests.bench.site import Site

SUBSCRIBERS = 1_000
_PRODUCT = "CUP01"
_SIGNALS = 5  # of a round; the first comes while everything warms up
_PATIENCE_S = 60.0


def feeds(site: Site, figures: Figures) -> None:
    """All subscribers listen to one company, and each signal goes to all of them."""
    registry = site.registry("hip")
    company = next(iter(makers(registry, _PRODUCT)))
    (port,) = stable_ports(1)
    arguments = [sys.executable, "-m", "tests.bench.feed_server", str(port), site.database.url]
    with site.room(), subprocess.Popen(arguments) as server:
        try:
            for command in ("feed", "load"):
                site.start(command, registry)
            asyncio.run(_measured(site, figures, registry, company, port))
            figures.peak("feeds: peak memory of the process with all subscribers, MB", peak_mb(server.pid))
        finally:
            server.terminate()


async def _measured(site: Site, figures: Figures, registry: RegistryDefinition, company: str, port: int) -> None:
    await _listens(port)
    asked = f"GET /api/v1/feed HTTP/1.1\r\nHost: bench\r\n{WHO}: {company}\r\n\r\n".encode()
    streams = []
    for _ in range(SUBSCRIBERS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked)
        streams.append((reader, writer))
    for reader, _ in streams:
        await reader.readuntil(b"retry: ")
    producer = Producer({**site.kafka, "linger.ms": 0})
    message = 0
    for _ in range(site.sizes.rounds):
        for turn in range(_SIGNALS):
            message += 1
            arriving = [asyncio.create_task(_arrival(reader)) for reader, _ in streams]
            await asyncio.sleep(0.3)
            began = time.monotonic()
            said = encode_event("signal", signal(registry, _PRODUCT, message))
            producer.produce(topics.signals(registry.name), said, b"cup")
            producer.flush()
            moments = await asyncio.wait_for(asyncio.gather(*arriving), _PATIENCE_S)
            if turn:
                first, last = (1_000 * (moment - began) for moment in (min(moments), max(moments)))
                figures.note("feeds: from surveillance's topic to the first of 1,000 subscribers, ms", first)
                figures.note("feeds: to the last of them, ms", last, "< 1,000")
    for _, writer in streams:
        writer.close()


async def _arrival(reader: asyncio.StreamReader) -> float:
    """When the next event has come to a subscriber whole."""
    await reader.readuntil(b"data: ")
    await reader.readuntil(b"\n\n")
    return time.monotonic()


async def _listens(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise TimeoutError("the server of the feed does not listen")
