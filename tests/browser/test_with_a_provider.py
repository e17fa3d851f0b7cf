"""`guldadra serve` as a deployment has it, with a provider of identities; and what its pages say when it goes."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from deploy.observe import read_health
from deploy.ports import HOST, stable_ports
from tests.browser.browsing import Demo, Visits, not_loaded_anew, was_not_loaded_anew, without_settings
from tests.browser.provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.deploy_support import GULDADRA
from tests.portal_support import SECRET
from tests.support import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

_CLAIMS = {
    "sub": "7",
    "name": "Cilla Sund",
    "portal_role": "company",
    "company": "Sundmark Orthopaedics",
}


@contextmanager
def serving(demo: Demo, provider: Provider, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The portal over the demo's database."""
    (metrics,) = stable_ports(1)
    said = {
        "DATA": str(demo.data),
        "PORTAL_PORT": port,
        "METRICS_PORT": metrics,
        "PORTAL_HTTPS": "false",
        "PORTAL_SECRET": SECRET,
        "PROVIDER__ISSUER": provider.issuer,
        "PROVIDER__CLIENT_ID": CLIENT_ID,
        "PROVIDER__CLIENT_SECRET": CLIENT_SECRET,
        "PROVIDER__CLAIMS": json.dumps({"role": "portal_role"}),
    }
    environment = without_settings() | {f"GULDADRA_{name}": str(value) for name, value in said.items()}
    with (demo.folder / "serve").open("ab") as out:
        process = subprocess.Popen([*GULDADRA, "serve"], cwd=demo.folder, env=environment, stdout=out, stderr=out)
    try:
        wait_for(lambda: read_health(f"http://{HOST}:{metrics}/health") is not None, "the portal")
        yield process
    finally:
        process.kill()
        process.wait(30)


def test_log_in_by_the_provider_and_hear_when_the_portal_goes_and_comes(chromium: Browser, demo: Demo) -> None:
    (port,) = stable_ports(1)
    visit = Visits(chromium, f"http://{HOST}:{port}")
    with Provider(_CLAIMS).answering() as provider:
        with serving(demo, provider, port):
            page = visit(path="/r/hip/company")
            page.get_by_label("Password").fill(provider.password)
            page.get_by_role("button", name="Let me in").click()
            page.wait_for_url("**/r/hip/company")  # on to where one was going
            expect(page.locator(".person")).to_have_text("Cilla Sund")
            expect(page.get_by_role("heading", level=1)).to_have_text("Sundmark Orthopaedics")
            expect(page.get_by_role("status")).to_have_text("Follows what comes in.")
            not_loaded_anew(page)
        expect(page.get_by_role("status")).to_contain_text("Not followed since")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sundmark Orthopaedics")  # what was known stays
        with serving(demo, provider, port):
            expect(page.get_by_role("status")).to_have_text("Follows what comes in.")
            assert was_not_loaded_anew(page)
    visit.close()
