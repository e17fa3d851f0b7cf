"""Both languages, no scripts, no mouse: whoever comes can use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.browsing import Visits

pytestmark = pytest.mark.browser


def test_the_browsers_language_and_the_other_one_by_a_click(visit: Visits) -> None:
    page = visit("sundmark", "/r/hip/company", language="sv-SE")
    expect(page.locator("html")).to_have_attribute("lang", "sv")
    expect(page.get_by_role("button", name="Logga ut")).to_be_visible()
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto("/r/hip/published")  # it is kept from page to page
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def test_numbers_are_written_as_the_language_does(visit: Visits) -> None:
    page = visit("sundmark", "/r/hip/company", language="sv-SE")
    expect(page.locator("td.decimal").first).to_contain_text(",")
    page = visit("sundmark", "/r/hip/company")
    expect(page.locator("td.decimal").first).to_contain_text(".")


def test_without_scripts_one_logs_in_reads_charts_and_asks(visit: Visits) -> None:
    page = visit(java_script_enabled=False)
    log_in(page, "registrar")
    page.goto("/r/hip/signal?id=cup/INTEROP/0")
    drawn = page.locator(".drawing img").first
    assert drawn.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert drawn.get_attribute("alt")
    page.get_by_text("The numbers behind it").first.click()
    expect(page.locator("figure.chart table").first).to_be_visible()
    page.goto("/r/hip/question?form=primary_operation")
    where = page.get_by_role("group", name="where").first
    where.get_by_label("field").select_option("cup")
    where.get_by_label("value").fill("INTEROP")
    page.get_by_role("button", name="Answer").click()
    expect(page.locator("dl.facts dd").first).to_have_text("30")
    expect(page.get_by_role("status")).to_have_text("As it was when the page was loaded.")


def focused(page: Page, what: str) -> str:
    """Something of the element that has the focus."""
    return str(page.evaluate(f"document.activeElement.{what}"))


def tab_to(page: Page, text: str, most: int = 60) -> list[str]:
    """Tab until the focus is on what says this; what was passed, and each had a ring to be seen by."""
    passed = []
    for _ in range(most):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]; })()"
        )
        assert style == ["solid", "3px"], focused(page, "outerHTML")
        passed.append(focused(page, "innerText").strip())
        if passed[-1] == text:
            return passed
    pytest.fail(f"{text} is not reached by the Tab key: {passed}")


def test_a_company_reads_its_signal_by_keyboard_alone(visit: Visits) -> None:
    page = visit()
    tab_to(page, "Log in")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login")
    tab_to(page, "Ylva Sund, Sundmark Orthopaedics")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Log out").wait_for()

    page.keyboard.press("Tab")
    assert focused(page, "innerText") == "Skip to the contents"
    assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index] # seen once it has the focus
    page.keyboard.press("Enter")
    assert focused(page, "id") == "main"
    passed = tab_to(page, "Company database")
    assert "Log out" not in passed  # the top was skipped
    page.keyboard.press("Enter")
    page.wait_for_url("**/r/hip/company")
    tab_to(page, "Signals about your own products")
    page.keyboard.press("Enter")
    page.wait_for_url("**/company/signals")
    tab_to(page, "cup/INTEROP/0")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Inter-op: alarm")).to_be_visible()
