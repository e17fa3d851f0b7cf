"""A small typed client of the API: what the tests use, and a manufacturer's or a clinic's program may.

with Guldadra("https://register.example", token) as portal:
    for row in portal.indicators("hip", name=["reoperated_2y"], place="region"):
        print(row.place, row.estimate)
    for told in portal.feed(last="5f0c6f8e-2b8e-5f0e-8d5e-1f1c2d3e4f50"):
        print(told.type, told.subject)
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx2

from sinks.portal.api.answers import PageOf
from sinks.portal.api.company_records import ComponentRecord, OwnSignalRecord, SafetyRecord
from sinks.portal.api.records import (
    AnswerPage,
    AwarenessRecord,
    IndicatorRecord,
    PairRecord,
    RegistryRecord,
    SignalRecord,
    VariableRecord,
)
from sinks.portal.api.told import Told, told_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import BaseModel

_PREFIX = "/api/v1"
_AWAY = frozenset({429, 502, 503, 504})
_PATIENCE_S = 2.0
Record = TypeVar("Record", bound="BaseModel")


class ProblemError(Exception):
    """The portal refuses, or cannot answer.

    Attributes:
        status: of the answer.
        title: what kind of problem.
        detail: what is wrong, and what to do.
    """

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status, self.title, self.detail = status, title, detail


class Guldadra:
    """The API of a portal; a context manager.

    Args:
        url: of the portal.
        token: of the provider of identities; empty for what is public.
        http: how the portal is reached; a client of its own where left out.
    """

    def __init__(self, url: str, token: str = "", http: httpx2.Client | None = None) -> None:
        self._http = http or httpx2.Client(base_url=url, timeout=60)
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def registries(self) -> Iterator[RegistryRecord]:
        """Every registry."""
        return self._all("/registries", RegistryRecord)

    def variables(self, registry: str) -> Iterator[VariableRecord]:
        """A registry's variable catalogue."""
        return self._all(f"/registries/{registry}/variables", VariableRecord)

    def published(self, registry: str) -> Iterator[IndicatorRecord]:
        """The nation's indicators by year."""
        return self._all(f"/registries/{registry}/published", IndicatorRecord)

    def indicators(
        self,
        registry: str,
        *,
        name: Sequence[str] = (),
        place: str = "nation",
        per: str = "year",
        breakdown: Sequence[str] = (),
        unit: str | None = None,
    ) -> Iterator[IndicatorRecord]:
        """Indicators, cut as wanted."""
        asked = {"name": list(name), "place": place, "per": per, "breakdown": list(breakdown)}
        return self._all(
            f"/registries/{registry}/indicators", IndicatorRecord, **asked, **({"unit": unit} if unit else {})
        )

    def question(self, registry: str, query: Sequence[tuple[str, str]]) -> AnswerPage:
        """The answer to a question."""
        return AnswerPage.model_validate_json(self._get(f"/registries/{registry}/question", list(query)).content)

    def signals(self, registry: str) -> Iterator[SignalRecord]:
        """Every signal as it stands."""
        return self._all(f"/registries/{registry}/signals", SignalRecord)

    def pairs(self, registry: str) -> Iterator[PairRecord]:
        """Every signal of a pair of drug and reaction as it stands."""
        return self._all(f"/registries/{registry}/pairs", PairRecord)

    def components(self, registry: str) -> Iterator[ComponentRecord]:
        """A company's own components, the whole country."""
        return self._all(f"/registries/{registry}/company/components", ComponentRecord)

    def comparison(self, registry: str, query: Sequence[tuple[str, str]] = ()) -> Iterator[ComponentRecord]:
        """A company's own components as chosen, such as ``[("kind", "cup"), ("by", "component_clinic")]``."""
        asked: dict[str, list[str]] = {}
        for name, value in query:
            asked.setdefault(name, []).append(value)
        return self._all(f"/registries/{registry}/company/comparison", ComponentRecord, **asked)

    def own_signals(self, registry: str) -> Iterator[OwnSignalRecord]:
        """Signals of a company's own products. Reading one makes the company aware of it."""
        return self._all(f"/registries/{registry}/company/signals", OwnSignalRecord)

    def safety_report(self, registry: str, kind: str = "") -> Iterator[SafetyRecord]:
        """Volumes and problems of a company's own products, by period and region."""
        return self._all(f"/registries/{registry}/company/safety", SafetyRecord, **({"kind": kind} if kind else {}))

    def awareness(self, registry: str, *, own: bool = False) -> Iterator[AwarenessRecord]:
        """Since when companies are aware of what, for the registry; ``own``: since when one is oneself."""
        of = "company/awareness" if own else "awareness"
        return self._all(f"/registries/{registry}/{of}", AwarenessRecord)

    def feed(self, *, last: str = "", since: str = "", patience_s: float = _PATIENCE_S) -> Iterator[Told]:
        """What a company is told, as it comes, until the client is closed: where a connection ends, it makes another.

        It goes on from the last event then. Keep the id of the last event that was handled: what comes after it comes
        again, as often as it is asked for.

        Args:
            last: the id of the last event that was handled; from now on where there is none.
            since: "start" for all there is; not looked at where ``last`` is given.
            patience_s: how long it waits before it connects again.

        Raises:
            ProblemError: the portal refuses.
        """
        while not self._http.is_closed:
            asked = {"since": since} if since and not last else {}
            headers = {**self._headers, **({"last-event-id": last} if last else {})}
            try:
                with self._http.stream("GET", f"{_PREFIX}/feed", params=asked, headers=headers) as answer:
                    if answer.status_code != httpx2.codes.OK:
                        answer.read()
                        raise _problem(answer)
                    for told in told_of(answer.iter_lines()):
                        yield told
                        last = told.id
            except httpx2.TransportError:
                pass
            except ProblemError as problem:
                if problem.status not in _AWAY:
                    raise
            time.sleep(patience_s)

    def _all(self, path: str, record: type[Record], **asked: Any) -> Iterator[Record]:  # noqa: ANN401 - of the query
        """The rows of all pages."""
        cursor: str | None = None
        while True:
            found = self._get(path, {**asked, **({"cursor": cursor} if cursor else {})})
            page = PageOf[record].model_validate_json(found.content)  # type: ignore[valid-type] # made at run time
            yield from page.rows
            cursor = page.next
            if cursor is None:
                return

    def _get(self, path: str, asked: Any) -> httpx2.Response:  # noqa: ANN401 - a mapping or pairs
        answer = self._http.get(f"{_PREFIX}{path}", params=asked, headers=self._headers)
        if answer.status_code != httpx2.codes.OK:
            raise _problem(answer)
        return answer


def _problem(answer: httpx2.Response) -> ProblemError:
    said = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    return ProblemError(answer.status_code, said.get("title", ""), said.get("detail", answer.text[:200]))
