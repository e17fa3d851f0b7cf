"""What the tests of the portal share: an application over a database or none, and a browser's part of it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.testclient import TestClient

from sinks.portal.app import create_app
from sinks.portal.identity import Person
from sinks.portal.kept import Renewed
from sinks.portal.portal import Choices, Portal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx2
    from fastapi import APIRouter

    from schemas.definition.registry import RegistryDefinition
    from sinks.portal.pages.pieces import Page
    from sinks.portal.portal import Provider, Told

NOW = 1_000_000_000
SECRET = "a secret of the tests, of 32 or more"
HOSPITALS = frozenset({("hip", "U01"), ("hip", "U02")})

PEOPLE: Mapping[str, Person] = {
    "company": Person("c1", "Cilla", "company", company="Nordfalk Ortopedi"),
    "clinic": Person("k1", "Karin", "clinic", units=HOSPITALS, since=NOW, strong=True),
    "registrar": Person("r1", "Rolf", "registrar", registries=frozenset({"hip"})),
    "vigilance": Person("v1", "Vera", "vigilance", registries=frozenset({"hip"})),
    "agency": Person("m1", "Agda", "agency"),
    "admin": Person("a1", "Adam", "admin"),
}
"""One of each role."""


class NoDatabase:
    """Stands where no answer of a database is looked at."""

    def with_patience(self, _: float) -> NoDatabase:
        """The same."""
        return self

    def rows(self, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        """Nothing."""
        return []

    def insert(self, *_: Any) -> None:
        """Kept nowhere."""


@dataclass
class Voices:
    """Keeps what is said."""

    decided: list[tuple[Any, ...]] = field(default_factory=list)
    told: list[tuple[Any, ...]] = field(default_factory=list)
    answered: list[tuple[Any, ...]] = field(default_factory=list)

    def decide(self, registry: str, about: str, state: str, *, by: str, reason: str, note: str) -> None:
        self.decided.append((registry, about, state, by, reason, note))

    def carriers(self, registry: str, about: str, told: Sequence[Told], *, by: str) -> None:
        self.told.append((registry, about, list(told), by))

    def answer(
        self, registry: str, about: str, state: str, *, company: str, by: str, statement: str = "", notice: str = ""
    ) -> None:
        self.answered.append((registry, about, state, company, by, statement, notice))


class Browser(TestClient):
    """A browser: keeps cookies, brings the form's token, and does not follow where it is sent."""

    def __init__(self, app: Any, **more: Any) -> None:
        super().__init__(app, base_url="http://127.0.0.1", follow_redirects=False, **more)

    def token(self, path: str = "/login") -> str:
        found = re.search(r'name="forms" value="([^"]+)"', self.get(path).text)
        assert found is not None
        return found[1]

    def log_in(self, subject: str, onwards: str = "/") -> httpx2.Response:
        return self.post("/login/ready", data={"forms": self.token(), "subject": subject, "next": onwards})

    def say(self, path: str, **said: Any) -> httpx2.Response:
        """Send a form of a page of ours."""
        return self.post(path, data={"forms": self.token("/"), **said})


def portal(
    definitions: Mapping[str, RegistryDefinition],
    client: Any = None,
    *,
    ready: Sequence[Person] = tuple(PEOPLE.values()),
    provider: Provider | None = None,
    voice: Voices | None = None,
    pages: Renewed[Page] | None = None,
    **choices: Any,
) -> Portal:
    """A portal over registries and a database, or none."""
    decided = {"secret": SECRET, "https": False, "ready": () if provider else tuple(ready), "provider": provider}
    return Portal(
        definitions,
        NoDatabase() if client is None else client,  # type: ignore[arg-type] # where no answer is looked at
        Choices(**{"requests_a_minute": 100_000, **decided, **choices}),
        lambda: NOW,
        voice,
        pages=Renewed(math.inf) if pages is None else pages,  # each is made anew, so that a test sees what it did
    )


def browser(made: Portal, role: str = "", more: Sequence[APIRouter] = (), **given: Any) -> Browser:
    """A browser at a portal, logged in where a role is named."""
    found = Browser(create_app(made, more, **given))
    if role:
        assert found.log_in(PEOPLE[role].subject).status_code == 303
    return found
