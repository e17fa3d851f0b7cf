"""Every page that anybody is led to: no link leads nowhere, each is for all, on a phone and on a wall."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.browsing import DESKTOP, IDENTITIES, PHONE, SCREENSHOTS, WALL
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
_SIZES = {"phone": PHONE, "desktop": DESKTOP, "wall": WALL}
_HIGHEST = 6_000
_SEE_ALL_OF_IT = """async () => {
  for (let y = 0; y < document.body.scrollHeight; y += innerHeight) {
    scrollTo(0, y);
    await new Promise((seen) => requestAnimationFrame(() => setTimeout(seen, 50)));
  }
  scrollTo(0, 0);
}"""
_ALL_DRAWN = "[...document.querySelectorAll('.drawing[data-spec]')].every((one) => one.querySelector('svg'))"
_TOO_WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > wide + 1 && !one.closest(".scroll > *, .drawing > *"))
    .map((one) => one.outerHTML.slice(0, 200)).slice(0, 5).concat("the page scrolls sideways");
}"""


@dataclass
class Crawled:
    """What each role is led to, looked for once."""

    found: dict[str, Found] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    seen_in_the_dark: set[str] = field(default_factory=set)

    def by(self, who: str, visit: Visits) -> Found:
        if who not in self.found:
            self.found[who] = crawl(visit(who).request, visit.url, self.files)
        return self.found[who]


@pytest.fixture(scope="module")
def crawled() -> Crawled:
    return Crawled()


def of_each_kind(addresses: Iterable[str]) -> dict[str, str]:
    """A page of each kind; the hip register's, where it has one, for it has the most to show."""
    return {kind_of(one): one for one in sorted(addresses, key=lambda one: one.startswith("/r/hip/"))}


@pytest.mark.parametrize("who", ROLES)
def test_every_link_that_is_shown_leads_somewhere(visit: Visits, crawled: Crawled, who: str) -> None:
    found = crawled.by(who, visit)
    assert not found.broken
    assert len(found.pages) > 10


@pytest.mark.parametrize("who", ROLES)
def test_nothing_grave_is_found_by_axe_in_light_and_dark(visit: Visits, crawled: Crawled, who: str) -> None:
    page = visit(who)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(error.message))
    faults = {}
    for kind, address in of_each_kind(crawled.by(who, visit).pages.values()).items():
        page.emulate_media(color_scheme="light")
        page.goto(address)
        found = grave(page, _BY_ALL_RULES)
        if kind not in crawled.seen_in_the_dark:
            crawled.seen_in_the_dark.add(kind)
            page.emulate_media(color_scheme="dark")
            found += grave(page, _BY_CONTRAST)
        if found:
            faults[kind] = found
    assert not faults
    assert not said, "the browser complains, of what the pages' own policy forbids, say"


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


def test_no_page_scrolls_sideways_on_a_phone(visit: Visits, crawled: Crawled) -> None:
    faults, seen = {}, set[str]()
    for who in ROLES:
        page = visit(who, size=PHONE)
        for sort, address in crawled.by(who, visit).pages.items():
            if sort not in seen:
                seen.add(sort)
                page.goto(address)
                if wide := page.evaluate(_TOO_WIDE):
                    faults[address] = wide
    assert not faults


def test_pictures_are_kept_of_every_kind_of_page(visit: Visits, crawled: Crawled) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for picture in SCREENSHOTS.glob("*.png"):
        picture.unlink()
    seen = set[str]()
    for who in ROLES:
        pages = of_each_kind(crawled.by(who, visit).pages.values())
        new = {kind: address for kind, address in pages.items() if kind not in seen}
        seen |= new.keys()
        for name, size in _SIZES.items():
            page = visit(who, size=size)
            for kind, address in new.items():
                page.goto(address)
                page.evaluate(_SEE_ALL_OF_IT)
                wait_for(lambda page=page: page.evaluate(_ALL_DRAWN), f"the charts of {address}")
                high = min(_HIGHEST, int(page.evaluate("document.documentElement.scrollHeight")))
                called = re.sub(r"\W+", "-", kind.removeprefix("/r/*")).strip("-") or "start"
                page.screenshot(
                    path=SCREENSHOTS / f"{called}.{name}.png",
                    full_page=True,
                    clip={"x": 0, "y": 0, "width": size[0], "height": high},
                )
    assert len(list(SCREENSHOTS.glob("*.png"))) == len(_SIZES) * len(seen)
