"""A real Chromium before a real service."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright

from service.embedded import Endpoints
from tests import cast
from tests.conftest import copy_database
from tests.pages.look import PC, PHONE
from tests.pages.site import Site, served
from tests.pages.story import CLOCK, Story, tell

__all__ = ["PC", "PHONE"]

ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


@pytest.fixture(scope="session")
async def pages_endpoints(servers: Endpoints, stage: str) -> Endpoints:
    """The cast's database, for the site alone."""
    return await copy_database(servers, "pages", stage)


@pytest.fixture(scope="session")
def site(pages_endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The service, served."""
    with served(pages_endpoints, tmp_path_factory.mktemp("pages"), CLOCK) as site:
        yield site


@pytest.fixture(scope="session")
def story(site: Site) -> Story:
    """What has happened before anybody looks."""
    return tell(site)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, without its windows where it can be had so: half the work; without one the tests are skipped, unless this is CI."""
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed: .ci/install-browser installs it")
        pytest.skip("CHROMIUM WAS NOT FOUND: no page was looked at (install it with .ci/install-browser)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        await browser.close()


class Visit(Protocol):
    """Opens a browser window for somebody of the cast, or for nobody."""

    async def __call__(
        self, person: cast.Person | None = None, *, size: ViewportSize = PC, scripts: bool = True
    ) -> Page: ...


@pytest.fixture
async def visit(site: Site, browser: Browser) -> AsyncIterator[Visit]:
    """Windows in which whatever a page does wrong is remembered and fails the test at its end."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    async def open_window(person: cast.Person | None = None, *, size: ViewportSize = PC, scripts: bool = True) -> Page:
        context = await browser.new_context(
            viewport=size, base_url=site.url, java_script_enabled=scripts, locale="zh-CN", timezone_id="Asia/Shanghai"
        )
        contexts.append(context)
        if person is not None:
            await context.add_cookies([{"name": "meisu", "value": site.cookie(person), "url": site.url}])
        page = await context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: None if request.url.startswith((site.url, "data:")) else wrong.append(request.url),
        )
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        return page

    yield open_window
    for context in contexts:
        await context.close()
    # A page that was asked for and is not there is an answer, not a fault of the page.
    faults = [text for text in wrong if "the server responded with a status of 4" not in text]
    assert not faults


@pytest.fixture(scope="session", autouse=True)
def screenshots() -> Path:
    """Where the pictures of pages are kept, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS
