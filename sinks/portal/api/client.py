"""A small typed client of the API: what the tests use, and a manufacturer's or a clinic's program may.

with Guldadra("https://register.example", token) as portal:
    for row in portal.indicators("hip", name=["reoperated_2y"], place="region"):
        print(row.place, row.estimate)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx2

from sinks.portal.api.answers import PageOf
from sinks.portal.api.records import AnswerPage, IndicatorRecord, RegistryRecord, SignalRecord, VariableRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import BaseModel

_PREFIX = "/api/v1"
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
            said = answer.json() if "json" in answer.headers.get("content-type", "") else {}
            raise ProblemError(answer.status_code, said.get("title", ""), said.get("detail", answer.text[:200]))
        return answer
