"""A browser at the portal of a demo that runs, and what is looked at on its pages."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.settings import PREFIX
from tests.deploy_support import GULDADRA
from tests.support import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / ".guldadra" / "screenshots"

IDENTITIES = ("sundmark", "nordfalk", "clinic", "registrar", "vigilance", "agency", "admin")
"""The demo's ready identities: two companies, and one of every other role."""

DESKTOP, PHONE = (1280, 900), (390, 844)
PATIENCE_MS = 60_000  # for a machine that does much else at once
_BEGINNING_S = 240.0
_WHOLE_HISTORY_S = 480.0


@dataclass
class Demo:
    """`guldadra demo` as a process of its own, with a history small enough to be told in a minute."""

    folder: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        with (self.folder / "out").open("wb") as out:
            self.process = subprocess.Popen(
                [*GULDADRA, "demo", "--stay", "--primaries", "600", "--folder", str(self.data)],
                cwd=self.folder,
                env=without_settings(),
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def data(self) -> Path:
        """What the demo keeps; commands find it by this folder."""
        return self.folder / "demo"

    @property
    def told(self) -> str:
        """What it has said so far."""
        return (self.folder / "out").read_text(encoding="utf-8")

    @cached_property
    def url(self) -> str:
        """Where its portal answers; waits for it to say so."""
        wait_for(
            lambda: self._goes_on() and re.search(r"http://127\.0\.0\.1:\d+", self.told), "the portal", _BEGINNING_S
        )
        found = re.search(r"http://127\.0\.0\.1:\d+", self.told)
        assert found is not None
        return found[0]

    def wait_until_told(self) -> None:
        """Wait until the whole history is published, and new registrations flow in."""
        wait_for(lambda: self._goes_on() and "Staying" in self.told, "the end of the history", _WHOLE_HISTORY_S)

    def _goes_on(self) -> bool:
        assert self.process.poll() is None, self.told
        return True

    def end(self) -> None:
        """End it as a power cut would: nothing is left behind."""
        self.process.kill()
        self.process.wait(60)


def without_settings() -> dict[str, str]:
    """This machine's environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


@dataclass
class Visits:
    """Opens pages of a portal, each in a window with nothing kept from others.

    Attributes:
        chromium: the browser.
        url: of the portal.
        kept: the cookies of those who have logged in, so that each has to only once.
    """

    chromium: Browser
    url: str
    kept: dict[str, Any] = field(default_factory=dict)
    opened: list[BrowserContext] = field(default_factory=list)

    def __call__(
        self,
        who: str = "",
        path: str = "/",
        *,
        size: tuple[int, int] = DESKTOP,
        language: str = "en-GB",
        **more: Any,
    ) -> Page:
        """A page as somebody sees it; as nobody who is logged in where ``who`` is empty.

        Args:
            who: the subject of a ready identity.
            path: of the page.
            size: of the window, in CSS pixels.
            language: that the browser asks for.
            more: further choices of the browser, such as ``java_script_enabled``.
        """
        if who and who not in self.kept:
            page = self._window(size=DESKTOP, language="en-GB")
            log_in(page, who)
            self.kept[who] = page.context.storage_state()
        page = self._window(size=size, language=language, storage_state=self.kept.get(who), **more)
        page.goto(path)
        return page

    def close(self) -> None:
        """Close all windows."""
        while self.opened:
            self.opened.pop().close()

    def _window(self, *, size: tuple[int, int], language: str, **more: Any) -> Page:
        width, height = size
        context = self.chromium.new_context(
            base_url=self.url, viewport={"width": width, "height": height}, locale=language, **more
        )
        context.set_default_timeout(PATIENCE_MS)
        self.opened.append(context)
        return context.new_page()


def log_in(page: Page, who: str) -> None:
    """Choose a ready identity on the log-in page."""
    page.goto("/login")
    page.locator(f"button[value={who}]").click()
    page.get_by_role("button", name="Log out").wait_for()


def not_loaded_anew(page: Page) -> None:
    """Mark a page, so that ``was_not_loaded_anew`` can tell."""
    page.evaluate("window.theSame = true")


def was_not_loaded_anew(page: Page) -> bool:
    """Whether it is the page that was marked, however much on it is new."""
    return bool(page.evaluate("window.theSame === true"))
