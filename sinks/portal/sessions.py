"""Who has logged in with a browser: in a signed cookie, until its time is over or it is ended.

The cookie itself says who it is, so that a copy of it would outlive the log-out. Each session therefore has an id, and
what was ended before its time is in the database until then. Every process of the portal looks there once a second at
most, and only while somebody who has logged in asks: a copy is worth nothing a second after the log-out, wherever.
"""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from sinks.clickhouse.queries.ended_sessions import read_ended, write_ended
from sinks.portal.identity import PUBLIC, ClaimsError, Person, person_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping
    from datetime import datetime

    from sinks.clickhouse.client import Client

    Session = MutableMapping[str, Any]

_LOOK_EVERY_S = 1.0


class Sessions:
    """Begins and ends sessions. To be used from one thread, that of the server's loop.

    Args:
        client: the way to the database that all processes of the portal share.
        lasts_s: how long a log-in lasts, however often the cookie is written anew meanwhile.
        now: seconds since 1970.
        clock: seconds, never going back.
    """

    def __init__(
        self, client: Client, lasts_s: int, now: Callable[[], float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client.with_patience(0.0)  # who asks is told that it is away
        self._lasts_s = lasts_s
        self._now = now
        self._clock = clock
        self._looking = threading.Lock()
        self._ended: dict[str, int] = {}
        self._to_be_told: dict[str, int] = {}
        self._reached: datetime | None = None
        self._looked: float | None = None

    def begin(self, session: Session, claims: Mapping[str, Any]) -> None:
        """Log somebody in: a new session, of which nothing was known before, and the one before is over.

        Args:
            session: as the cookie has it.
            claims: that ``person_of`` makes the person of.
        """
        self.end(session)
        session["person"] = dict(claims)
        session["forms"] = secrets.token_urlsafe(24)
        session["id"] = secrets.token_urlsafe(24)
        session["until"] = int(self._now()) + self._lasts_s

    def end(self, session: Session) -> None:
        """Log out: no copy of the cookie counts here any more, nor elsewhere once ``tell`` has told it."""
        if "id" in session:
            self._ended[session["id"]] = self._to_be_told[session["id"]] = session["until"]
        session.clear()

    async def tell(self) -> None:
        """Have the other processes know what was ended here.

        Raises:
            DatabaseError: the database does not answer; it is told once it does.
        """
        await run_in_threadpool(self._tell)

    async def hear(self) -> None:
        """Know what was ended elsewhere.

        Raises:
            DatabaseError: the database does not answer: nobody knows then who has logged out.
        """
        if self._is_old():
            await run_in_threadpool(self._hear)

    def person(self, session: Session) -> Person:
        """Whose session it is; the public's where nobody has logged in, or it is over, as far as was heard."""
        if "person" not in session:
            return PUBLIC
        try:
            if session["until"] > self._now() and session["id"] not in self._ended:
                return person_of(session["person"])
        except (ClaimsError, KeyError):  # of a version before
            pass
        session.clear()
        return PUBLIC

    def _is_old(self) -> bool:
        return self._looked is None or self._clock() - self._looked >= _LOOK_EVERY_S

    def _tell(self) -> None:
        with self._looking:
            self._tell_while_looking()

    def _hear(self) -> None:
        with self._looking:
            if not self._is_old():  # somebody else has looked meanwhile
                return
            looked = self._clock()
            self._tell_while_looking()
            heard, self._reached = read_ended(self._client, self._reached)
            self._ended.update(heard)  # one by one, for the loop ends others meanwhile
            for over in [one for one, until in [*self._ended.items()] if until <= self._now()]:
                self._ended.pop(over, None)
            self._looked = looked

    def _tell_while_looking(self) -> None:
        telling = dict(self._to_be_told)
        if telling:
            write_ended(self._client, telling)
        for session in telling:
            self._to_be_told.pop(session, None)
