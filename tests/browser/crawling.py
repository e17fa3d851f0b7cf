"""All that somebody is led to: every link of every page, followed from the start."""

from __future__ import annotations

import html
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import APIRequestContext, APIResponse

_LINK = re.compile(r'(?:href|src|data-spec)="([^"]+)"')
_UNIT = re.compile(r"/clinic/[^/]+")
_ONE_OF = re.compile(r"/(indicators|variables|lists|monitors)/[^/?]+")
_PATIENCE_MS = 180_000
_PURPOSE = "to see that every link leads somewhere"


@dataclass
class Found:
    """What a crawl came to.

    Attributes:
        pages: an address of each sort of page.
        broken: the address, its status, and the page that it stands on.
    """

    pages: dict[str, str] = field(default_factory=dict)
    broken: list[tuple[str, int, str]] = field(default_factory=list)


def sort_of(address: str) -> str:
    """An address without its values: what pages of a sort have in common."""
    parts = urlsplit(address)
    named = sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} - {"purpose"})
    path = _UNIT.sub("/clinic/*", parts.path)
    path = re.sub(r"/files/[^/]+\.", "/files/*.", path)
    return f"{path}?{'&'.join(named)}" if named else path


def kind_of(address: str) -> str:
    """Its sort, whichever registry it is of, and whichever of its indicators, forms or lists."""
    return _ONE_OF.sub(r"/\1/*", re.sub(r"^/r/[^/]+", "/r/*", sort_of(address)))


def crawl(request: APIRequestContext, url: str, files: set[str]) -> Found:
    """Follow every link from the start, one of each sort: a unit's, a product's, a signal's.

    Args:
        request: asks as who has logged in.
        url: of the portal.
        files: the kinds of files that have been asked for, which stand on the same pages for others; added to.
    """
    found, seen = Found(), {"/"}
    waiting = deque([("/", "the start")])
    while waiting:
        address, came_from = waiting.popleft()
        answer = _asked(request, address)
        if answer.status != 200:
            found.broken.append((address, answer.status, came_from))
            continue
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        found.pages.setdefault(sort_of(address), answer.url.removeprefix(url))
        for link in _links(answer.text(), url + address):
            address_of = link.removeprefix(url)
            is_file = "/files/" in address_of
            known, sort = (files, kind_of(address_of)) if is_file else (seen, sort_of(address_of))
            if sort not in known:
                known.add(sort)
                waiting.append((address_of, address))
    return found


def _asked(request: APIRequestContext, address: str) -> APIResponse:
    """What is answered; a page that asks what it is wanted for is told."""
    answer = request.get(
        address, max_redirects=0, timeout=_PATIENCE_MS
    )  # a link that leads to the log-in would be one shown in vain
    if answer.status == 403 and 'name="purpose"' in answer.text():
        return request.get(
            f"{address}{'&' if '?' in address else '?'}purpose={_PURPOSE}", max_redirects=0, timeout=_PATIENCE_MS
        )
    return answer


def _links(text: str, base: str) -> Iterator[str]:
    """Where a page leads, within the portal."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(base))
    for found in _LINK.findall(text):
        link = urljoin(base, html.unescape(found)).partition("#")[0]
        if link.startswith(f"{origin}/") and "lang=" not in link:
            yield link
