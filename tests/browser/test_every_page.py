"""Every page that anybody is led to: no link leads nowhere, each is for all, on a phone and on a desk."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.browsing import DESKTOP, IDENTITIES, PHONE, SCREENSHOTS
from tests.browser.crawling import Found, crawl, kind_of
from tests.support import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playwright.sync_api import Page

    from tests.browser.browsing import Visits

pytestmark = pytest.mark.browser

ROLES = ("", *(one for one in IDENTITIES if one != "nordfalk"))
"""Nobody who is logged in, and one of every role."""

_AXE = Axe()
_BY_ALL_RULES = {"resultTypes": ["violations"]}
_BY_CONTRAST = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
_GRAVE = {"serious", "critical"}
_HIGHEST = 6_000
_SEE_EVERY_CHART = """async () => {
  for (const one of document.querySelectorAll(".drawing[data-spec]")) {
    one.scrollIntoView();
    await new Promise((seen) => requestAnimationFrame(() => setTimeout(seen)));
  }
  scrollTo(0, 0);
}"""
_FEW_ROWS = """() => document.querySelectorAll("tbody").forEach((one) => {
  [...one.rows].slice(12).forEach((row) => row.remove());
})"""
_ALL_DRAWN = "[...document.querySelectorAll('.drawing[data-spec]')].every((one) => one.querySelector('svg'))"
_TOO_WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > wide + 1 && !one.closest(".scroll > *, .drawing > *"))
    .map((one) => one.outerHTML.slice(0, 200)).slice(0, 5).concat("the page scrolls sideways");
}"""


@dataclass
class Looked:
    """What each role is led to, looked for once, and the kinds of pages that have been looked at."""

    found: dict[str, Found] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)

    def by(self, who: str, visit: Visits) -> Found:
        if who not in self.found:
            self.found[who] = crawl(visit(who).request, visit.url, self.files)
        return self.found[who]

    def new_to(self, who: str, visit: Visits) -> dict[str, str]:
        """By kind, a page that a role is led to and no other before it was; of each role where it begins."""
        pages = of_each_kind(self.by(who, visit).pages.values())
        new = {kind: address for kind, address in pages.items() if kind not in self.kinds or kind == "/"}
        self.kinds |= new.keys()
        return new


@pytest.fixture(scope="module")
def looked() -> Looked:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for picture in SCREENSHOTS.glob("*.png"):
        picture.unlink()
    return Looked()


def of_each_kind(addresses: Iterable[str]) -> dict[str, str]:
    """A page of each kind; the hip register's, where it has one, for it has the most to show."""
    return {kind_of(one): one for one in sorted(addresses, key=lambda one: one.startswith("/r/hip/"))}


@pytest.mark.parametrize("who", ROLES)
def test_every_link_that_is_shown_leads_somewhere(visit: Visits, looked: Looked, who: str) -> None:
    found = looked.by(who, visit)
    assert not found.broken
    assert len(found.pages) > 10


@pytest.mark.parametrize("who", ROLES)
def test_every_kind_of_page_is_for_all(visit: Visits, looked: Looked, who: str) -> None:
    """On a desk axe finds nothing grave, in light and dark; on a phone none scrolls sideways; pictures of both."""
    desk, phone = (visit(who, size=size) for size in (DESKTOP, PHONE))
    said: list[str] = []
    for page in (desk, phone):
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(error.message))
    faults: dict[str, list[Any]] = {}
    for kind, address in looked.new_to(who, visit).items():
        picture = f"{who or 'public'}.{re.sub(r'[^a-z0-9]+', '-', kind.removeprefix('/r/*')).strip('-') or 'start'}"
        open_whole(phone, address)
        keep_picture(phone, f"{picture}.phone")
        open_whole(desk, address)
        keep_picture(desk, f"{picture}.desk")
        desk.evaluate(_FEW_ROWS)  # all rows of a table are made alike
        found = [*phone.evaluate(_TOO_WIDE), *grave(desk, _BY_ALL_RULES)]
        desk.emulate_media(color_scheme="dark")
        found += grave(desk, _BY_CONTRAST)
        desk.emulate_media(color_scheme="light")
        if found:
            faults[address] = found
    assert not faults
    assert not said, "the browser complains, of what the pages' own policy forbids, say"


def open_whole(page: Page, address: str) -> None:
    """Open a page, and wait until all its charts are drawn: each is once it is seen."""
    page.goto(address)
    page.evaluate(_SEE_EVERY_CHART)
    wait_for(lambda: page.evaluate(_ALL_DRAWN), f"the charts of {address}")


def keep_picture(page: Page, name: str) -> None:
    high = min(_HIGHEST, int(page.evaluate("document.documentElement.scrollHeight")))
    wide = page.viewport_size["width"] if page.viewport_size else 0
    page.screenshot(
        path=SCREENSHOTS / f"{name}.png", full_page=True, clip={"x": 0, "y": 0, "width": wide, "height": high}
    )


def grave(page: Page, options: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """What axe finds serious or critical: the rule, what it asks, and the first elements that break it."""
    return [
        (
            one["id"],
            one["help"],
            [node["html"][:200] + str(node.get("any", [{}])[:1])[:300] for node in one["nodes"][:3]],
        )
        for one in _AXE.run(page, options=options).response["violations"]
        if one["impact"] in _GRAVE
    ]
