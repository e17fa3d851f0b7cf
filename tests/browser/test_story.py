"""The Inter-op story as its company and a clinic see it happen, on pages that nobody loads anew."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import not_loaded_anew, was_not_loaded_anew
from tests.support import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.browsing import Demo, Visits

pytestmark = pytest.mark.browser

_STORY_MS = 480_000
_TOLD_WITHIN_S = 480.0


def number_of(page: Page, title: str) -> int:
    """The number that stands large below a title, the first of them."""
    fact = page.locator("dl.facts > div").filter(has=page.get_by_text(title, exact=True)).first
    return int(re.sub(r"\D", "", fact.locator("dd").first.inner_text()))


def when_there_is_something(page: Page, path: str, what: str) -> None:
    """Open a page that says nothing before the first registrations are in."""

    def there() -> bool:
        page.goto(path)
        return bool(page.locator(what).count())

    wait_for(there, f"{what} on {path}", _TOLD_WITHIN_S)


def test_company_and_clinic_see_the_signal_while_registrations_come_in(early: Visits, beginning: Demo) -> None:
    overview, signals, clinic = (early(who) for who in ("sundmark", "sundmark", "clinic"))
    when_there_is_something(overview, "/r/hip/company", "dl.facts")
    when_there_is_something(signals, "/r/hip/company/signals", "#signals")
    when_there_is_something(clinic, "/r/hip/clinic/U11", "dl.facts")
    assert signals.get_by_text("cup/INTEROP/0").count() == 0
    assert clinic.get_by_text("Carriers of Inter-op").count() == 0
    in_use = number_of(overview, "in use now")
    for page in (overview, signals, clinic):
        not_loaded_anew(page)
        expect(page.get_by_role("status")).to_have_text("Follows what comes in.")

    # 5 of 30 are redone, and the reference path has its alarm on the 161st day
    row = signals.get_by_role("row").filter(has_text="cup/INTEROP/0")
    expect(row).to_contain_text("alarm", timeout=_STORY_MS)
    expect(clinic.get_by_text("Carriers of Inter-op")).to_be_visible(timeout=_STORY_MS)
    wait_for(lambda: number_of(overview, "in use now") > in_use, "more that are in use", _TOLD_WITHIN_S)
    assert all(was_not_loaded_anew(page) for page in (overview, signals, clinic))
    beginning.wait_until_told()
    expect(row.locator("td").last).to_have_text("5", timeout=_STORY_MS)

    row.get_by_role("link").click()
    expect(signals.get_by_role("heading", name="Inter-op: alarm")).to_be_visible()
    # the company is told the hospitals' names, and no number of theirs
    expect(signals.get_by_text("hospitals with carriers")).to_be_visible()


def test_the_clinic_says_how_it_stands_with_its_carriers(visit: Visits) -> None:
    kept_open = visit("clinic", "/r/hip/clinic/U11")
    not_loaded_anew(kept_open)
    carriers = kept_open.locator("dl.facts > div").filter(has_text="Carriers of Inter-op")
    expect(carriers).to_contain_text(re.compile(r"checked 0 of \d"))

    page = visit("clinic", "/r/hip/clinic/U11")
    page.get_by_role("link", name="Carriers of Inter-op").click()
    page.get_by_label("What do you need it for?").fill("to call those with an Inter-op cup")
    page.get_by_role("button", name="Go on").click()
    rows = page.locator("#carriers tbody tr")
    first = rows.first.locator("th").inner_text().strip()
    page.get_by_label("registrations", exact=True).select_option(first)
    page.get_by_label("how it stands").select_option("checked")
    page.get_by_role("button", name="Say it").first.click()
    expect(page.get_by_text("Said of 1 registration")).to_be_visible()

    # the page that stayed open hears of it once it has gone through the log, and so does the registry
    expect(carriers).to_contain_text(re.compile(r"checked 1 of \d"))
    assert was_not_loaded_anew(kept_open)
    page.reload()
    expect(rows.filter(has_text=first)).to_contain_text("checked")
    vigilance = visit("vigilance", "/r/hip/signal?id=cup/INTEROP/0")
    expect(vigilance.get_by_text("checked 1 of 25")).to_be_visible()


def test_numbers_follow_what_comes_in(visit: Visits) -> None:
    page = visit("registrar", "/r/hip/flow")
    not_loaded_anew(page)
    expect(page.get_by_role("status")).to_have_text("Follows what comes in.")
    accepted = number_of(page, "accepted")
    wait_for(lambda: number_of(page, "accepted") > accepted, "more that is accepted", 120)
    assert was_not_loaded_anew(page)
