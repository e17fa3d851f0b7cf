"""One demo and one browser for all tests here; the story comes first, for the demo tells it once."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.browsing import PATIENCE_MS, Demo, Visits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

# as root and without a screen; it looks for nothing on the network
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The story before all else."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is None or "test_story" not in item.nodeid)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium: `apt-get install chromium`")
    expect.set_options(timeout=PATIENCE_MS)
    home: Path = tmp_path_factory.mktemp("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS), env={"HOME": str(home)})
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def beginning(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:  # noqa: ARG001 - without a browser no demo is begun
    """The demo from its beginning, while the history is still being told."""
    demo = Demo(tmp_path_factory.mktemp("demo"))
    yield demo
    demo.end()


@pytest.fixture(scope="session")
def demo(beginning: Demo) -> Demo:
    """The demo once the whole history is told, with new registrations flowing in."""
    beginning.wait_until_told()
    return beginning


@pytest.fixture(scope="session")
def logged_in() -> dict[str, object]:
    """The cookies of those who have logged in: log-ins are few a minute."""
    return {}


@pytest.fixture
def early(chromium: Browser, beginning: Demo, logged_in: dict[str, object]) -> Iterator[Visits]:
    """Visits while the history is being told."""
    visits = Visits(chromium, beginning.url, logged_in)
    yield visits
    visits.close()


@pytest.fixture
def visit(chromium: Browser, demo: Demo, logged_in: dict[str, object]) -> Iterator[Visits]:
    """Visits once the history is told."""
    visits = Visits(chromium, demo.url, logged_in)
    yield visits
    visits.close()
