"""The service has a new version: the station's page takes it between two trucks, and loses nothing."""

import asyncio
import shutil
from pathlib import Path

import asyncpg

from service.routes.pages.rendering import STATIC
from tests import cast
from tests.pages.station.conftest import Computers, enrol, until
from tests.pages.station.house import House, wait_until
from tests.pages.station.test_desk import record, take

# It asks twice a second whether the county has approved it, and not every ten.
IMPATIENT = (
    "{ const patient = setInterval; window.setInterval = (deed, ms) => patient(deed, ms === 10000 ? 500 : ms); }"
)
VERSION = "document.documentElement.dataset.version"
LOOK_FOR_UPDATE = "navigator.serviceWorker.getRegistration('/station').then((known) => known.update())"


async def told(house: House, sentence: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(house.endpoints.owner_database_url)
    try:
        return await connection.fetch(sentence, cast.PLANT_TWO_GATE)
    finally:
        await connection.close()


async def test_a_new_version_is_taken_between_two_trucks_with_all_that_is_unsent(
    house: House, computer: Computers, tmp_path: Path
) -> None:
    """W04, E11, E48: what waits for the county's approval still waits then; approved, the station is heard of at once."""
    pages = shutil.copytree(STATIC, tmp_path / "pages")
    with (pages / "station/station.css").open("a") as style:
        style.write("/* the next version */\n")
    updating = asyncio.create_task(asyncio.to_thread(house.next_version, tmp_path / "next", pages))
    pc = await computer()
    await pc.context.add_init_script(IMPATIENT)
    page = await pc.open(house.url)
    await enrol(page, house, cast.PLANT_TWO_DEVICE, approved=False)
    begun = await page.evaluate(VERSION)
    plates = [f"辽C9100{turn}" for turn in range(3)]
    for turn, plate in enumerate(plates):
        await page.fill("#plate", plate)
        await page.press("#plate", "Tab")
        await take(page, "tare", 15_000 + turn)
        if plate != plates[-1]:
            await take(page, "gross", 45_000 + turn)
            await record(page)

    # A truck stands on the scale: the new version is there, and waits.
    (await updating)()
    await page.evaluate(LOOK_FOR_UPDATE)
    await page.click("li[data-code=new-version] button")
    await take(page, "gross", 46_000)
    assert await page.evaluate(VERSION) == begun
    await record(page)
    async with page.expect_navigation():
        await page.click("li[data-code=new-version] button")
    await page.wait_for_selector("#desk:not([hidden])")
    newest = await page.evaluate(VERSION)
    assert (newest != begun, await page.locator("#unsent-count").inner_text()) == (True, "3")
    assert await page.locator("#last li").count() >= 3

    await asyncio.to_thread(house.approve_all)
    await until(page, "document.getElementById('unsent-count').textContent === '0'")
    rows = await told(
        house, "SELECT plate FROM weighing WHERE station_id = $1 AND plate LIKE '辽C910%' ORDER BY sequence"
    )
    assert [row["plate"] for row in rows] == plates

    def is_heard_of() -> bool:
        pulses = asyncio.run(told(house, "SELECT app_version FROM pulse WHERE station_id = $1"))
        return [row["app_version"] for row in pulses] == [newest]

    await asyncio.to_thread(wait_until, is_heard_of)
