"""A portal with something in it for everybody: what is theirs, and as much again that is others'.

Three registries. ``hip`` has companies: Nordfalk's CUP01 with 23 people and a lot, Sundmark's INTEROP with 17, a signal
about each, and one about Nordfalk's CUP02 that one clinic explains. ``own`` and ``others`` are alike: CUP1 is recalled;
Anna, Bo and others carry it at U1, Caja at U2; everybody's registration ids begin with the registry's name.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas import topics
from schemas.codec import encode_event
from schemas.company import company_code
from sinks.clickhouse.feed_rows import feed_layout, feed_row
from sinks.feeds.event import FeedEvent, event_id
from sinks.portal.identity import Person
from tests.company_support import Hip
from tests.company_support import made as made_hip
from tests.derived_support import MONITORS, Register, cell, derived_registry, entry, exposure, load, made, vector, write
from tests.portal_support import NOW
from tests.review_support import identity, issued, say, stands
from tests.support import patient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fastapi import FastAPI

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

WATCHED = MONITORS + "monitors:\n  cup: {exposures: cup, rates: [2.0]}\n"
RECALL = identity(1)
DAY = 12_000
NORDFALK, SUNDMARK, SKARVIK = "Nordfalk Ortopedi", "Sundmark Orthopaedics", "Skarvik Implants"
ROWS = 23
"""People with Nordfalk's cup; Sundmark's has 17."""


@dataclass(frozen=True, slots=True)
class World:
    """The registries and the people, by what they are called in tests."""

    hip: RegistryDefinition
    own: RegistryDefinition
    others: RegistryDefinition

    @property
    def definitions(self) -> dict[str, RegistryDefinition]:
        """By their real names."""
        return {one.name: one for one in (self.hip, self.own, self.others)}

    @property
    def people(self) -> Mapping[str, Person]:
        """Somebody of every role, and somebody else of it who is bound elsewhere."""
        own, others = self.own.name, self.others.name

        def clinic(name: str, registry: str, unit: str) -> Person:
            return Person(name, name, "clinic", units=frozenset({(registry, unit)}), since=NOW, strong=True)

        return {
            "nordfalk": Person("nordfalk", "Nils", "company", company=NORDFALK),
            "sundmark": Person("sundmark", "Ylva", "company", company=SUNDMARK),
            "skarvik": Person("skarvik", "Sten", "company", company=SKARVIK),  # its contract has run out
            "clinic": clinic("clinic", own, "U1"),
            "other unit": clinic("other unit", own, "U2"),
            "other clinic": clinic("other clinic", others, "U1"),
            "registrar": Person("registrar", "Rolf", "registrar", registries=frozenset({own})),
            "other registrar": Person("other registrar", "Rut", "registrar", registries=frozenset({others})),
            "vigilance": Person("vigilance", "Vera", "vigilance", registries=frozenset({own})),
            "other vigilance": Person("other vigilance", "Viktor", "vigilance", registries=frozenset({others})),
            "agency": Person("agency", "Agda", "agency"),
            "admin": Person("admin", "Adam", "admin"),
        }

    def at(self, address: str) -> str:
        """An address with the real names in it."""
        for name in ("hip", "own", "others"):
            address = address.replace(f"<{name}>", getattr(self, name).name)
        return address


def world_of(client: Client, folder: Path) -> World:
    """Make the registries and fill them."""
    found = World(made_hip(client), _registry(client, folder / "own"), _registry(client, folder / "others"))
    _fill_hip(client, found.hip)
    for name, definition in (("own", found.own), ("others", found.others)):
        _fill(client, definition, name)
    return found


def stated(definition: RegistryDefinition, product: str, cause: str = "product", **said: Any) -> bytes:
    """A signal at alarm, in one message."""
    point = {
        "day": DAY, "observed": 7, "expected": 1.5, "statistic": 9.25, "watch": 4.0, "alarm": 7.0, "tail": 0.001,
        "rate": 3.5, "lower": 1.4, "upper": 7.2, "basis": "contemporary",
    }  # fmt: skip
    level = {
        "known_partition": 0, "known_version": 3, "known_day": DAY, "observed": 7, "expected": 1.5, "statistic": 9.25,
        "threshold": 7.0, "day": DAY,
    }  # fmt: skip
    return encode_event(
        "signal",
        {
            "registry": definition.name, "generation": definition.generation, "monitor": "cup", "group": "cup",
            "definition": "d", "id": f"cup/{product}/0", "product": product, "number": 0, "message": 1,
            "state": "raised", "level": "alarm", "cause": cause, "reasons": [], "partition": 0, "version": 3,
            "versions": [{"partition": 0, "version": 3}],
            "levels": [{"level": one, **level} for one in ("watch", "alarm")],
            "known": [{"partition": 0, "version": 3, **point}], "hindsight": [point],
            "comparator": [{"basis": "contemporary", "component_years": 900.0, "observed": 9, "matched": 900,
                            "matching_ratio": None, "left_out": []}],
            "units": [], "methods": [], "rejected": True, "bounds": [], "happened": [], "lots": [], "erased": [],
            "of": "product", "products": [], "lot": "", "unit": "", "by_product": [], "life": 0,
            "frozen": [], "in_set": [], "stream": [], **said,
        },
    )  # fmt: skip


def event_of(definition: RegistryDefinition, company: str) -> str:
    """The id of the one event that a company is told."""
    return event_id(company_code(company), definition.name, "cup/X/0")


def _registry(client: Client, folder: Path) -> RegistryDefinition:
    return made(client, derived_registry(folder, monitors=WATCHED))


def _fill(client: Client, definition: RegistryDefinition, name: str) -> None:
    anna, bo, caja = (patient(number) for number in (1, 2, 3))
    register = Register(definition)
    for number in range(10):
        register.operated(patient(20 + number), f"{name}-u1-{number}", "2024-01-10", pain=8.0)
        register.operated(patient(40 + number), f"{name}-u2-{number}", "2024-01-10", unit="U2")
    register.load(client)
    write(
        client,
        definition,
        3,
        cells=[
            cell("2023-01-01", vector(performed=[20], reoperated=[20, 3])),
            cell("2023-01-01", vector(performed=[80], reoperated=[80, 29]), unit="U2"),
        ],
        exposures=[
            exposure(f"{name}-anna", "2024-01-02", patient=anna, lot="L1"),
            exposure(f"{name}-bo", "2024-01-03", patient=bo),
            exposure(f"{name}-caja", "2024-01-04", patient=caja, unit="U2"),
        ],
        entries=[
            entry(f"{name}-anna", "2024-01-10", patient=anna),
            entry(f"{name}-caja", "2024-03-01", patient=caja, unit="U2"),
        ],
    )
    load(client, definition, [(topics.signals(definition.name), stated(definition, "CUP1"))])
    say(client, definition, issued(1), stands(2, bo, f"{name}-bo", "called", about=RECALL))


def _fill_hip(client: Client, definition: RegistryDefinition) -> None:
    told = Hip(client, definition)
    for number in range(ROWS):
        told.operated(number, number, unit=f"U0{number % 2 + 1}", cup_lot="LOT-NORDFALK", cup="CUP01")
    for number in range(17):
        told.operated(100 + number, number, unit="U01", cup="INTEROP", cup_lot="LOT-SUNDMARK")
    for number in range(9):
        told.operated(200 + number, number, unit="U01", cup="CUP02")
    for number in (1, 2, 101):
        told.reoperated(number, 200)
    told.load()
    signals = [stated(definition, "CUP01"), stated(definition, "INTEROP"), stated(definition, "CUP02", "unit")]
    load(client, definition, [(topics.signals(definition.name), one) for one in signals])
    for company in (NORDFALK, SUNDMARK):
        code = company_code(company)
        identity, data = event_of(definition, company), {"of": company}
        event = FeedEvent(code, definition.name, identity, "guldadra.signal.raised", "cup/X/0", 1, data)
        client.insert(feed_layout().table, feed_layout().container([feed_row(event.to_json(0), 1)]), "Avro")


def listened(
    app: FastAPI, path: str, headers: Mapping[str, str], *, enough: Callable[[bytes], bool], seconds: float = 5.0
) -> tuple[int, bytes]:
    """Status, and what an address streams until it is enough or nothing more comes for so long.

    A client of tests would wait for the end, which a stream has not.
    """
    said: list[Any] = []

    async def listen() -> None:
        done = asyncio.Event()
        asked = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            if asked:
                return asked.pop()
            await done.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)
            body = b"".join(one.get("body", b"") for one in said[1:])
            if enough(body) or (message["type"] == "http.response.body" and not message.get("more_body")):
                done.set()

        given = {"host": "127.0.0.1", **headers}
        address, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": address, "raw_path": address.encode(), "query_string": query.encode(),
            "root_path": "", "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 80), "state": {},
        }  # fmt: skip
        task = asyncio.create_task(app(scope, receive, send))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await done.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(listen())
    return said[0]["status"], b"".join(one.get("body", b"") for one in said[1:])
