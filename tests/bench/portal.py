"""What people wait for a page: a register of a million, registrations flowing in, twenty who read at once.

Each page has been looked at once before, as in a portal that is in use; how long that took is told by itself.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from datetime import date, timedelta
from itertools import cycle, islice
from threading import Event, Thread
from typing import TYPE_CHECKING

import httpx2
from confluent_kafka import Producer

from deploy.ports import stable_ports
from schemas import topics
from schemas.codec import wire_header
from sinks.clickhouse import sql
from sinks.clickhouse.migrations.forms import rows_table
from tests.bench.accepted import Hips
from tests.bench.inputs import RECORDS, real_records
from tests.bench.running import Running, peak_mb, until
from tests.support import message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.definition.registry import RegistryDefinition
    from tests.bench.figures import Figures
    from tests.bench.site import Site

_REGISTRATIONS = 1_000_000
_FRESH = 50_000  # of these: what comes after the first operations
_A_SECOND = 1_000
_READERS = 20
_READ_S = 5.0  # between two pages of one reader
_MEASUREMENTS = 10_000_000
_ASKED = 20
_DONE_S = 3_600.0
_LATER = 5_000_000  # numbers of the patients who flow in

_PAGES = {
    "company": ("company", "company/compare", "company/signals", "company/reports", "published"),
    "clinic": ("clinic/{unit}", "clinic/{unit}/over-time", "clinic/{unit}/carriers?purpose=call&about=cup/{cup}/0",
               "question", "coverage"),
    "registrar": ("flow", "coverage", "indicators", "indicators/reoperated_2y", "published", "variables", "monitors",
                  "monitors/cup", "compliance", "signals", "access", "question?form=primary_operation&by=sex"),
    "vigilance": ("signals", "indicators", "monitors/construct", "published", "question?form=reoperation&by=reason"),
}  # fmt: skip
_MIDDLE = """
SELECT toDate32(quantileExact(0.5)(toInt32(occurred_on))) FROM DB.measurement
"""
_QUESTION = (
    "form=measurement&where=test:eq:sbp&where=value:gt:150&also=event&also_where=event:event:eq:diabetes"
    "&first={first}&last={last}&by=unit"
)


def portal(site: Site, figures: Figures) -> None:
    """The pages of the hip register, and a question to ten million real measurements."""
    with site.room():
        _pages(site, figures)
    with site.room():
        _question(site, figures)


def _pages(site: Site, figures: Figures) -> None:
    registry = site.registry("hip")
    running = site.joined(registry, "intake", "process", "surveillance", "load")
    producer = Producer({**site.kafka, "partitioner": topics.MURMUR2, "linger.ms": 20, "compression.type": "lz4"})
    for key, value in _register(registry):
        while True:
            try:
                producer.produce(topics.submitted(registry.name), value, key)
            except BufferError:
                producer.poll(0.1)
            else:
                break
    producer.flush()
    until(lambda: site.archived(registry) >= _REGISTRATIONS * 0.95, _DONE_S, "the register is not loaded", every_s=1.0)
    until(lambda: all(not one.count("lag") for one in running.values()), _DONE_S, "not all is derived", every_s=1.0)
    over = Event()
    flow = Thread(target=_flow, args=(registry, producer, over))
    server, address = _portal(site, registry)
    readers = _Readers(registry, max(site.sizes.seconds, _READ_S * max(map(len, _PAGES.values()))))
    flow.start()
    try:
        asyncio.run(readers.read(address))
    finally:
        over.set()
        flow.join()
    for page, took in sorted(readers.first.items()):
        figures.note(f"portal: {page}, for the first time: ms", 1000 * took)
    every = sorted(wait for found in readers.waits.values() for wait in found)
    name = f"portal: a page, {_READERS} readers, {_A_SECOND:,} registrations/s"
    figures.note(f"{name}: p50 ms", 1000 * statistics.median(every))
    figures.note(f"{name}: p95 ms", 1000 * every[int(0.95 * len(every))], "< 300")
    for page, found in sorted(readers.waits.items()):
        found.sort()
        figures.note(f"portal: {page}: p95 ms", 1000 * found[int(0.95 * len(found))], "< 300")
    figures.peak("portal: peak memory, MB", peak_mb(server.pid))


def _register(registry: RegistryDefinition) -> Iterator[tuple[bytes, bytes]]:
    """A million submissions: operations, and what comes of them."""
    hips = Hips(registry)
    for source in (hips.operations(_REGISTRATIONS - _FRESH), hips.fresh(_FRESH)):
        for one in source:
            yield one.patient.encode(), wire_header(one.schema_id) + one.payload


def _flow(registry: RegistryDefinition, producer: Producer, over: Event) -> None:
    """New operations at a steady rate, until told."""
    units = list(registry.catalogues["units"].rows)
    began, sent = time.monotonic(), 0
    while not over.wait(0.01):
        due = int((time.monotonic() - began) * _A_SECOND)
        for number in range(sent, due):
            unit = units[number % len(units)]
            key, value = message(registry, "primary_operation", _LATER + number, unit=unit)
            producer.produce(topics.submitted(registry.name), value, key)
        sent = due
        producer.poll(0)
    producer.flush()


def _portal(site: Site, registry: RegistryDefinition) -> tuple[Running, str]:
    """The portal as a process of its own, and where it is."""
    (port,) = stable_ports(1)
    env = {"GULDADRA_PORTAL_PORT": str(port), "GULDADRA_PORTAL_HTTPS": "false"}
    running = site.start("serve", registry, program=("-m", "tests.bench.portal_server"), env=env)
    return running, f"http://127.0.0.1:{port}"


class _Readers:
    """Twenty who read, each some pages of a role in turn, with some seconds between them.

    Args:
        registry: whose pages.
        seconds: how long they go on.
    """

    def __init__(self, registry: RegistryDefinition, seconds: float) -> None:
        self.first: dict[str, float] = {}
        self.waits: dict[str, list[float]] = {}
        self._registry = registry
        self._seconds = seconds

    async def read(self, address: str) -> None:
        """Let all of them read."""
        clients = {role: await _logged_in(address, role) for role in _PAGES}
        for role, client in clients.items():
            for page in _PAGES[role]:
                self.first[_named(page)] = await self._look(client, page)
        over = time.monotonic() + self._seconds
        many = _READERS // len(_PAGES)
        async with asyncio.TaskGroup() as readers:
            for number in range(many):
                for place, (role, client) in enumerate(clients.items()):
                    wait = _READ_S * (number * len(_PAGES) + place) / _READERS
                    readers.create_task(self._reader(client, islice(cycle(_PAGES[role]), number, None), wait, over))

    async def _reader(self, client: httpx2.AsyncClient, pages: Iterator[str], wait: float, over: float) -> None:
        await asyncio.sleep(wait)
        while time.monotonic() < over:
            page = next(pages)
            took = await self._look(client, page)
            self.waits.setdefault(_named(page), []).append(took)
            await asyncio.sleep(max(0.0, _READ_S - took))

    async def _look(self, client: httpx2.AsyncClient, page: str) -> float:
        """Have a page shown; how many seconds that took."""
        unit = next(iter(self._registry.catalogues["units"].rows))
        components = self._registry.catalogues["components"].rows.items()
        cup = next(code for code, row in components if row["kind"] == "cup")
        began = time.monotonic()
        answer = await client.get(f"/r/{self._registry.name}/{page.format(unit=unit, cup=cup)}")
        answer.raise_for_status()
        return time.monotonic() - began


def _named(page: str) -> str:
    """A page without what is asked of it."""
    return page.partition("?")[0]


async def _logged_in(address: str, who: str) -> httpx2.AsyncClient:
    client = httpx2.AsyncClient(base_url=address, timeout=60.0)
    token = re.search(r'name="forms" value="([^"]+)"', (await client.get("/login")).text)
    assert token is not None
    answer = await client.post("/login/ready", data={"forms": token[1], "subject": who, "next": "/"})
    assert answer.status_code == httpx2.codes.SEE_OTHER, answer.text
    return client


def _question(site: Site, figures: Figures) -> None:
    """Diabetes, 35 centres, six months, systolic above 150: the real records, each many times as another person's."""
    registry = site.registry("metabolic")
    source, mapping = real_records(registry, site.folder)
    site.joined(registry, "intake", "load")
    site.publish(registry, source, mapping, wait=False)
    until(lambda: site.archived(registry) >= RECORDS, _DONE_S, "the records are not loaded", every_s=1.0)
    _multiply(site, registry)
    ((middle,),) = site.rows(registry, _MIDDLE)
    _, address = _portal(site, registry)
    for took in asyncio.run(_ask(address, f"/r/{registry.name}/question", date.fromisoformat(str(middle)))):
        figures.note("portal: a question to 10 million measurements, ms", 1000 * took, "< 1,000")


async def _ask(address: str, path: str, middle: date) -> list[float]:
    """How long each takes of as many questions, each of another half year, so that none is known from before."""
    client = await _logged_in(address, "registrar")
    found = []
    for day in range(_ASKED):
        first, last = (middle + timedelta(days=day - before) for before in (182, 0))
        began = time.monotonic()
        (await client.get(f"{path}?{_QUESTION.format(first=first, last=last)}")).raise_for_status()
        found.append(time.monotonic() - began)
    return found


def _multiply(site: Site, registry: RegistryDefinition) -> None:
    """As many measurements as are wanted, and the events of their persons."""
    measured = int(str(site.rows(registry, "SELECT count() FROM DB.measurement")[0][0]))
    for form in ("measurement", "event"):
        table = sql.table(sql.database_of(registry.name), rows_table(form))
        site.client.command(
            f"INSERT INTO {table} SELECT r.* REPLACE (concat(r.patient, '-', toString(n.number)) AS patient) "
            f"FROM {table} AS r FINAL CROSS JOIN numbers({_MEASUREMENTS // measured}) AS n"
        )
