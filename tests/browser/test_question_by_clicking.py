"""The ad-hoc question, asked by clicking, and asked again by the answer's own link."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import was_not_loaded_anew
from tests.support import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.browsing import Visits

pytestmark = pytest.mark.browser


def people(page: Page) -> Locator:
    return page.locator("dl.facts > div").filter(has_text="behind the answer").locator("dd").first


def test_ask_by_clicking_then_by_the_link(visit: Visits) -> None:
    page = visit("registrar", "/r/hip/question")
    page.get_by_label("form", exact=True).select_option("primary_operation")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("from (day)").fill("2001-06-02")
    page.get_by_label("until (day)").fill("2001-12-31")
    where = page.get_by_role("group", name="where").first
    where.get_by_label("field").select_option("cup")
    where.get_by_label("value").fill("INTEROP")
    page.get_by_label("first by").select_option("unit")
    page.get_by_role("button", name="Answer").click()

    # the case: thirty operations of thirty persons, at six units
    expect(people(page)).to_have_text("30")
    expect(page.locator("#answer tbody tr")).to_have_count(6)
    page.get_by_role("link", name="This question as a link").click()
    expect(people(page)).to_have_text("30")
    link = page.url
    again = visit("vigilance", link)
    expect(people(again)).to_have_text("30")
    expect(again.get_by_label("value", exact=True).first).to_have_value("INTEROP")


def test_a_form_half_filled_in_is_not_taken_away(visit: Visits) -> None:
    page = visit("registrar", "/r/hip/question?form=primary_operation")
    page.evaluate("window.theSame = true; window.heard = 0")
    page.evaluate("new EventSource('/live/hip').addEventListener('news', () => { window.heard += 1; })")
    field = page.get_by_label("value", exact=True).first
    field.fill("INTER")
    wait_for(lambda: page.evaluate("window.heard >= 2"), "news, twice")
    expect(field).to_have_value("INTER")
    assert was_not_loaded_anew(page)
