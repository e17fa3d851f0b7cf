"""Everybody logs in by clicking, goes where they may, and out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import log_in

if TYPE_CHECKING:
    from tests.browser.browsing import Visits

pytestmark = pytest.mark.browser

_FIRST_PLACE = {
    "sundmark": ("Company database", "/r/hip/company"),
    "clinic": ("Clinic U11", "/r/hip/clinic/U11"),
    "registrar": ("Signals", "/r/hip/signals"),
    "vigilance": ("Signals", "/r/hip/signals"),
    "agency": ("Signals", "/r/hip/signals"),
    "admin": ("Flow", "/r/hip/flow"),
}
"""The page that each role comes for."""


@pytest.mark.parametrize("who", _FIRST_PLACE)
def test_each_role_logs_in_finds_its_page_and_logs_out(visit: Visits, who: str) -> None:
    page = visit()
    log_in(page, who)
    text, path = _FIRST_PLACE[who]
    link = page.locator(f"main a[href='{path}']").first  # other registries have such pages too
    expect(link).to_have_text(text)
    link.click()
    page.wait_for_url(f"**{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    page.goto(path)
    page.wait_for_url("**/login?next=*")  # what it was is over
