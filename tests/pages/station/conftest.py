"""A station's PC: a real Chromium with a profile of its own, which may be killed, and an indicator on a simulated port."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from types import TracebackType
from typing import Any, Self

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright

from service.embedded import Endpoints
from tests import cast
from tests.conftest import copy_database, roomy_memory
from tests.pages.conftest import ARGUMENTS, PC
from tests.pages.station.house import House, open_trade

INDICATOR = (Path(__file__).parent / "indicator.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
async def station_endpoints(servers: Endpoints, stage: str) -> Endpoints:
    """The cast's database, for these stations alone."""
    return await copy_database(servers, "station", stage)


@pytest.fixture(scope="session")
def house(
    station_endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> Iterator[House]:
    """The service, running; it names its backend so that tests without `async` may use it."""
    house = House(station_endpoints, tmp_path_factory.mktemp("house"))
    house.start()
    try:
        yield house
    finally:
        house.close()


@pytest.fixture(scope="session")
def contract(house: House) -> str:
    """A contract under which tickets can be issued."""
    return open_trade(house)


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as found:
        yield found


class Computer:
    """A PC in a scale house: its browser, its disk, and the indicator at its serial port."""

    def __init__(self, playwright: Playwright, profile: Path, arguments: list[str]) -> None:
        self._playwright = playwright
        self._profile = profile
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._browser: Browser | None = None
        self.wrong: list[str] = []

    async def __aenter__(self) -> Self:
        await self.switch_on()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def switch_on(self) -> None:
        """Start the browser on the profile that is there."""
        found = shutil.which("chromium")
        assert found
        told = self._profile / "DevToolsActivePort"
        told.unlink(missing_ok=True)
        size = f"--window-size={PC['width']},{PC['height']}"
        command = [
            found,
            *ARGUMENTS,
            size,
            "--hide-scrollbars",
            "--remote-debugging-port=0",
            f"--user-data-dir={self._profile}",
        ]
        self._process = subprocess.Popen(  # noqa: ASYNC220 it returns at once
            [*command, *self._arguments, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(400):
            if told.exists() and "\n" in told.read_text():
                break
            await asyncio.sleep(0.05)
        port = told.read_text().splitlines()[0]
        self._browser = await self._playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        await self.context.add_init_script(INDICATOR)

    @property
    def context(self) -> BrowserContext:
        assert self._browser
        return self._browser.contexts[0]

    async def open(self, url: str) -> Page:
        """The station's page; whatever goes wrong in it is remembered."""
        page = await self.context.new_page()
        await page.set_viewport_size({"width": PC["width"], "height": PC["height"]})
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        await page.goto(f"{url}/station")
        return page

    async def kill(self) -> None:
        """kill -9, as a power cut does."""
        assert self._process
        os.kill(self._process.pid, signal.SIGKILL)
        await self._gone()

    async def close(self) -> None:
        """Close the browser as people do."""
        if self._process is None:
            return
        self._process.terminate()
        await self._gone()

    async def _gone(self) -> None:
        assert self._process
        await asyncio.to_thread(self._process.wait)
        self._process = None
        self._browser = None


def needs_chromium() -> None:
    """Without a browser the tests are skipped, and say so, unless this is CI."""
    if shutil.which("chromium") is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed: .ci/install-browser installs it")
        pytest.skip("CHROMIUM WAS NOT FOUND: the station's page was not tried (install it with .ci/install-browser)")


Computers = Callable[..., Awaitable[Computer]]


@pytest.fixture(scope="session")
def disks() -> Iterator[Path]:
    """Where the profiles of browsers lie: in memory where there is room, since each record is synced to the disk."""
    with TemporaryDirectory(prefix="meisu-browser-", dir=roomy_memory(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
async def computer(playwright: Playwright, disks: Path) -> AsyncIterator[Computers]:
    """Gives computers; at the end their pages must not have failed, other than for want of a network."""
    needs_chromium()
    computers: list[Computer] = []

    async def switch_on(*arguments: str) -> Computer:
        made = Computer(playwright, Path(mkdtemp(dir=disks)), list(arguments))
        computers.append(made)
        await made.switch_on()
        return made

    yield switch_on
    for one in computers:
        await one.close()
    wrong = [text for one in computers for text in one.wrong]
    assert not [text for text in wrong if "Failed to load resource" not in text and "net::ERR" not in text]


async def enrol(page: Page, house: House, device: cast.Person = cast.BRIDGE_7_DEVICE, *, approved: bool = True) -> None:
    """The weighman signs in once; the county approves."""
    await page.fill("[name=username]", device.username)
    await page.fill("[name=password]", cast.PASSWORD)
    await page.fill("[name=name]", "磅房电脑")
    await page.click("#enrol-button")
    await page.wait_for_selector("#desk:not([hidden])")
    if approved:
        await asyncio.to_thread(house.approve_all)
        await page.click("#send")
        await until(page, "!(document.getElementById('strips').dataset.text ?? '等待').includes('等待')")


async def reading(page: Page, script: str, given: Any = None) -> Any:
    """What a module of the station's page says: `script` is the body of a function with `load` and `given`."""
    return await page.evaluate(
        "async (given) => {"
        " const base = `/station/files/${document.documentElement.dataset.version}/station/`;"
        " const load = (name) => import(`${base}${name}.js`);"
        f" {script} }}",
        given,
    )


async def until(page: Page, script: str, given: Any = None, seconds: float = 20) -> None:
    """Wait until the page says so; the page's policy lets no script wait in it that was not its own."""
    for _ in range(int(seconds / 0.05)):
        if await page.evaluate(script, given):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"it did not happen: {script}")
