"""Who has logged in with a browser: in a signed cookie, until its time is over or it is ended.

The cookie itself says who it is, so that a copy of it would outlive the log-out. Each session therefore has an id, and
what was ended before its time is remembered until then: by each process for itself, and for as long as it runs.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sinks.portal.identity import PUBLIC, ClaimsError, Person, person_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    Session = MutableMapping[str, Any]


class Sessions:
    """Begins and ends sessions. To be used from one thread, that of the server's loop.

    Args:
        lasts_s: how long a log-in lasts, however often the cookie is written anew meanwhile.
        now: seconds since 1970.
    """

    def __init__(self, lasts_s: int, now: Callable[[], float]) -> None:
        self._lasts_s = lasts_s
        self._now = now
        self._ended: dict[str, int] = {}

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
        """Log out: no copy of the cookie counts any more."""
        now = self._now()
        self._ended = {one: until for one, until in self._ended.items() if until > now}
        if "id" in session:
            self._ended[session["id"]] = session["until"]
        session.clear()

    def person(self, session: Session) -> Person:
        """Whose session it is; the public's where nobody has logged in, or it is over."""
        if "person" not in session:
            return PUBLIC
        try:
            if session["until"] > self._now() and session["id"] not in self._ended:
                return person_of(session["person"])
        except (ClaimsError, KeyError):  # of a version before
            pass
        session.clear()
        return PUBLIC
