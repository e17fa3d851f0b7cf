"""How it stands with one event at one endpoint, and what becomes of it with each attempt. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

WAITING, DELIVERED, DEAD = "waiting", "delivered", "dead"
"""States: it will be tried again; the endpoint has taken it; it was given up, and waits on the list of dead letters."""

_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_LONGEST_ERROR = 200


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often an event is tried.

    Attributes:
        first_s: the wait after the first attempt; it doubles with each.
        longest_s: the longest wait between two.
        given_up_after: the time after which it is given up, counted from when it could first be sent.
    """

    first_s: float = 5.0
    longest_s: float = 3_600.0
    given_up_after: timedelta = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt.

    Attributes:
        status: of the answer; 0 where there was none.
        error: what went wrong, in words; empty where nothing did.
        after_s: how long the endpoint asks to be left alone.
    """

    status: int
    error: str = ""
    after_s: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the endpoint has the event: any status of success, and no other; a redirection is not followed."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's classes


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event at one endpoint.

    Attributes:
        webhook: the endpoint's id.
        event: the event's id.
        state: ``WAITING``, ``DELIVERED`` or ``DEAD``.
        attempts: since it was last asked for.
        since: from when on its time is counted.
        tried_at: the last attempt.
        due: where it waits: the next.
        status: of the last answer.
        error: what went wrong last.
        version: how often anything was said of it.
    """

    webhook: str
    event: str
    state: str
    attempts: int
    since: datetime
    tried_at: datetime
    due: datetime
    status: int
    error: str
    version: int


def begun(webhook: str, event: str, since: datetime) -> Delivery:
    """Before the first attempt."""
    return Delivery(webhook, event, WAITING, 0, since, _NEVER, since, 0, "", 0)


def attempted(before: Delivery, outcome: Outcome, now: datetime, patience: Patience, chance: float) -> Delivery:
    """After an attempt.

    Args:
        before: as it stood.
        outcome: what came of it.
        now: when.
        patience: how long it is tried.
        chance: from 0 to 1, drawn anew for each: it spreads the waits over their second half, so that many that
            failed together do not come again together.
    """
    tried = replace(
        before,
        attempts=before.attempts + 1,
        tried_at=now,
        status=outcome.status,
        error="" if outcome.taken else outcome.error[:_LONGEST_ERROR],
        version=before.version + 1,
    )
    if outcome.taken:
        return replace(tried, state=DELIVERED)
    end = before.since + patience.given_up_after
    if now >= end:
        return replace(tried, state=DEAD)
    wait = min(patience.first_s * 2.0 ** min(before.attempts, 60), patience.longest_s) * (0.5 + chance / 2)
    wait = max(wait, min(outcome.after_s, patience.longest_s))
    return replace(tried, state=WAITING, due=min(now + timedelta(seconds=wait), end))


def asked_again(before: Delivery, now: datetime) -> Delivery:
    """A dead one that somebody asks for: its time begins anew, at once."""
    return replace(before, state=WAITING, attempts=0, since=now, due=now, version=before.version + 1)
