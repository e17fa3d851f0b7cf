"""What each company is to be told of its own products: from signals and reviews to events. Pure, but for what was told.

A company is told what its projection lets through, and nothing is added to that. It hears of decisions on those
signals and notices alone that it was told of before: what is explained by a unit goes to clinic and registry, and a
decision on it would give it away. Where a signal that it was told of is no longer put to its product, it is told so.
What it answers itself comes back to it, so that its machines know what its people have said; others never hear of it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from schemas.review import ANSWER, DECISION, NOTICE
from sinks.feeds import event as events
from sinks.feeds.event import FeedEvent, event_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

WITHDRAWN = "withdrawn"
OTHERWISE = {"state": WITHDRAWN, "reasons": ["explained otherwise than by the product"]}
"""What a company is told of a signal that is no longer put to its product."""

_PRODUCT = "product"
_RAISED = "raised"


class Projection(Protocol):
    """What a company may know of a signal; None where it is not to know of it."""

    def __call__(self, signal: Mapping[str, Any], company: str) -> Mapping[str, Any] | None:
        """The projection of a ``Signal`` in Avro's own numbers for the company of a code."""
        ...


class Telling:
    """Tells the companies of one registry; what it has told is its only state, and is in the feeds themselves.

    Args:
        registry: its name.
        generation: the definitions by which signals count: of another one's nothing is told.
        companies: the codes of those that are told anything.
        project: what a company may know of a signal.
        makers: the codes of the companies that make a product.
    """

    def __init__(
        self,
        registry: str,
        generation: str,
        companies: Iterable[str],
        project: Projection,
        makers: Callable[[str], Iterable[str]],
    ) -> None:
        self._registry = registry
        self._generation = generation
        self._companies = sorted(companies)
        self._project = project
        self._makers = makers
        self._ids: set[str] = set()
        self._open: dict[tuple[str, str], bool] = {}

    def recall(self, told: FeedEvent) -> None:
        """Take up what was told before, in the order of the feed; of other registries it is no matter."""
        if told.registry != self._registry:
            return
        self._ids.add(told.id)
        if not told.type.startswith(events.REVIEW):
            self._open[told.company, told.subject] = told.data != {"signal": told.subject, **OTHERWISE}

    def forget(self) -> None:
        """Nothing was told."""
        self._ids.clear()
        self._open.clear()

    def of_signal(self, signal: Mapping[str, Any], at: int) -> Iterator[FeedEvent]:
        """What companies are told of a ``Signal`` that was stated at a moment, in milliseconds since 1970."""
        if signal["generation"] != self._generation:
            return
        for company in self._companies:
            projection = self._project(signal, company)
            is_open = self._open.get((company, signal["id"]), False)
            if not is_open and (projection is None or signal["state"] == WITHDRAWN):
                continue  # of what it never heard of, it need not hear that it is over
            if projection is None and signal["cause"] == _PRODUCT:
                continue  # it may not read any more
            if projection is None:
                state, data = WITHDRAWN, {"signal": signal["id"], **OTHERWISE}
            else:
                # to whom it was never told, or taken back from, it begins
                state, data = signal["state"] if is_open else _RAISED, dict(projection)
            said = (signal["message"], signal["life"]) if signal["life"] else (signal["message"],)
            yield from self._told(company, events.SIGNAL + state, signal["id"], at, data, *said)

    def of_review(self, review: Mapping[str, Any]) -> Iterator[FeedEvent]:
        """What companies are told of a ``Review``: of a carrier nothing, of others' words not by whom or why."""
        if review["kind"] == NOTICE:
            data = _of_notice(review)
            for company in sorted(set(self._makers(review["product"])) & set(self._companies)):
                yield from self._told(
                    company, events.NOTICE + review["state"], review["about"], review["said_at"], data
                )
        elif review["kind"] == DECISION:
            data = _of_decision(review)
            for company in self._companies:
                if self._open.get((company, review["about"]), False):
                    said_at = review["said_at"]
                    yield from self._told(
                        company, events.REVIEW + review["state"], review["about"], said_at, data, review["id"]
                    )

        elif review["kind"] == ANSWER:
            company = review["company"]
            if self._open.get((company, review["about"]), False):
                yield from self._told(
                    company,
                    events.REVIEW + review["state"],
                    review["about"],
                    review["said_at"],
                    _of_answer(review),
                    review["id"],
                )

    def _told(
        self, company: str, kind: str, subject: str, at: int, data: dict[str, Any], *said: object
    ) -> Iterator[FeedEvent]:
        """The event, unless it was told before."""
        told = FeedEvent(
            company,
            self._registry,
            event_id(company, self._registry, subject, kind, data, *said),
            kind,
            subject,
            at,
            data,
        )
        if told.id not in self._ids:
            self.recall(told)
            yield told


def _of_notice(review: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "notice": review["about"],
        "product": review["product"],
        "lots": list(review["lots"]),
        "udi_di": review["udi_di"],
        "first_day": _day(review["first_day"]),
        "last_day": _day(review["last_day"]),
        "issued_by": review["issued_by"],
        "reference": review["reference"],
    }


def _of_decision(review: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "about": review["about"],
        "product": review["product"],
        "decision": review["state"],
        "said_on": _said_on(review),
    }


def _of_answer(review: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "about": review["about"],
        "product": review["product"],
        "answer": review["state"],
        "notice": review["notice"],
        "said_on": _said_on(review),
    }


def _said_on(review: Mapping[str, Any]) -> str:
    return datetime.fromtimestamp(review["said_at"] / 1000, UTC).date().isoformat()


def _day(number: int | None) -> str | None:
    return None if number is None else datetime.fromtimestamp(number * 86_400, UTC).date().isoformat()
