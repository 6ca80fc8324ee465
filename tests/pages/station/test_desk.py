"""One truck after another as a weighman sees them: two weighings, stored tares, weights by hand, what the service said."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from tests import cast
from tests.pages.conftest import PC, PHONE
from tests.pages.station.conftest import Computers, enrol, until
from tests.pages.station.house import House, issue

OLD_BROWSER = """
const { generateKey } = SubtleCrypto.prototype;
SubtleCrypto.prototype.generateKey = function (algorithm, ...more) {
  if ((algorithm.name ?? algorithm) === "Ed25519") return Promise.reject(new DOMException("no", "NotSupportedError"));
  return generateKey.call(this, algorithm, ...more);
};
"""


async def scan(page: Page, ticket: dict[str, Any]) -> None:
    await page.fill("#scan", ticket["code"])
    await page.press("#scan", "Enter")
    await page.wait_for_selector("#verdict:not([hidden])")


async def take(page: Page, side: str, kg: int) -> None:
    await page.evaluate("truck", kg)
    await page.click(f"#{side}-take")


async def by_hand(page: Page, side: str, kg: str, reason: str, second: str) -> None:
    await page.click(f"#{side}-hand")
    for name, text in (("kg", kg), ("reason", reason), ("second", second)):
        await page.fill(f"#hand-form [name={name}]", text)
    await page.click("#hand-form button[type=submit]")


NEWEST = "String(document.querySelector('#last li').dataset.sequence)"


async def record(page: Page) -> None:
    before = await page.evaluate(NEWEST)
    await page.click("#record")
    await until(page, f"(before) => {NEWEST} !== before", before)


async def last(page: Page) -> str:
    """What the service said about the newest record."""
    await until(page, "!document.querySelector('#last li').classList.contains('wait')")
    return await page.locator("#last li").first.inner_text()


async def rows(house: House) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(house.endpoints.owner_database_url)
    try:
        return await connection.fetch(
            "SELECT gross_kg, tare_kg, tare_source, manual, manual_reason, second_person, plate, axles, grade, mgo_per_mille,"
            " moisture_per_mille FROM weighing"
            " WHERE station_id = $1 ORDER BY sequence",
            cast.STRANGER_GATE,
        )
    finally:
        await connection.close()


async def test_a_weighman_s_morning(house: House, contract: str, computer: Computers, screenshots: Path) -> None:
    """W05, W06, E13, E15, E16, E17, E46; in a browser without Ed25519 of its own. Each screen is good to look at."""
    tickets = await asyncio.to_thread(issue, house, contract, 3, 80_000)
    pc = await computer()
    await pc.context.add_init_script(OLD_BROWSER)
    page = await pc.open(house.url)
    await look(page, "enrol", screenshots)
    await page.fill("[name=username]", cast.LI.username)
    await page.fill("[name=password]", cast.PASSWORD)
    await page.fill("[name=name]", "磅房电脑")
    await page.fill("[name=password]", "猜的密码")
    await page.click("#enrol-button")
    await until(page, "document.getElementById('enrol-problem').textContent.includes('用户名或密码不对')")
    await page.fill("[name=password]", cast.PASSWORD)
    await page.click("#enrol-button")
    await until(page, "document.getElementById('enrol-problem').textContent.includes('本计量站')")
    assert "本计量站的账号" in await page.locator("#enrol-problem").inner_text()
    await enrol(page, house, cast.STRANGER_DEVICE, approved=False)
    await until(page, "document.getElementById('strips').textContent.includes('等待县里核准')")
    await look(page, "waiting", screenshots)
    for device in (await asyncio.to_thread(house.get, cast.DASHIQIAO, "/v1/devices"))["items"]:
        await asyncio.to_thread(house.post, cast.DASHIQIAO, f"/v1/devices/{device['id']}/approve", {})
    await page.click("#send")
    await until(page, "!document.getElementById('strips').textContent.includes('等待县里核准')")

    # Full and then empty, with another truck in between; the ticket does not name this station.
    await scan(page, tickets[0])
    assert await page.locator("#verdict.warn").count() == 1
    await page.check("input[value=in]", force=True)
    await take(page, "gross", 45_000)
    await look(page, "half", screenshots)
    await page.click("#park")
    await page.wait_for_selector("#inside .truck")
    assert await page.locator("#gross-take").is_disabled(), "it is the last truck that stands there"
    await scan(page, tickets[1])
    await by_hand(page, "gross", "45.02", "仪表故障", "李师傅")
    assert "整千克" in await page.locator("#hand-problem").inner_text()
    await page.click("#hand-cancel")
    await by_hand(page, "gross", "４５，０２０", "", "")
    assert "请填原因" in await page.locator("#hand-problem").inner_text()
    await look(page, "hand", screenshots)
    await page.fill("#hand-form [name=reason]", "仪表故障")
    await page.fill("#hand-form [name=second]", "李师傅")
    await page.click("#hand-form button[type=submit]")
    assert await page.locator("#record").is_disabled()
    await until(page, "document.getElementById('gross-kg').textContent.includes('45')")
    await page.reload()
    await page.wait_for_selector("#desk:not([hidden])")
    await until(page, "document.querySelectorAll('#inside .truck').length === 2")  # a weight outlives the page
    await page.locator("#inside .truck", has_text=tickets[1]["plate"]).click()
    await until(page, "document.getElementById('gross-kg').textContent.includes('45')")
    await page.click("#clear")  # a glove that slips
    assert "再按一次" in await page.locator("#lacks").inner_text()
    assert "45" in await page.locator("#gross-kg").inner_text()
    await take(page, "tare", 15_020)
    await record(page)
    assert "已入账，有提示" in await last(page)
    await page.click("#inside .truck")
    await until(page, "document.getElementById('gross-kg').textContent.includes('45')")
    await take(page, "tare", 15_040)
    await page.click(".extras summary")
    await page.select_option("#axles", "6")
    await page.fill("#grade", "LM47")
    await page.fill("#mgo", "４７．２")
    await page.fill("#moisture", "３．５")
    await page.press("#moisture", "Tab")
    await until(page, "document.getElementById('extras-said').textContent === '6 轴 · LM47 · MgO 47.2 % · 水分 3.5 %'")
    await look(page, "extras", screenshots)
    await record(page)
    assert "品级不符" in await last(page)
    assert not await page.locator("#axles").is_visible()
    await look(page, "recorded", screenshots)

    # The first truck again: its tare is stored; and a weight that no truck has.
    await page.fill("#plate", tickets[0]["plate"])
    await page.press("#plate", "Tab")
    await page.wait_for_selector("#tare-stored:not([hidden])")
    await page.click("#tare-stored")
    await take(page, "gross", 46_000)
    await record(page)
    await by_hand(page, "gross", "150000", "仪表故障", "李师傅")
    await by_hand(page, "tare", "15000", "仪表故障", "李师傅")
    await page.fill("#plate", "辽C77777")
    await page.press("#plate", "Tab")
    await record(page)
    assert "未入账" in await last(page)
    await until(page, "document.getElementById('strips').textContent.includes('有记录未入账')")
    await look(page, "refused", screenshots)
    await page.click("#settings-open")
    await look(page, "settings", screenshots)

    await page.click("#settings-close")
    await page.evaluate("() => { const { now } = Date; Date.now = () => now() - 600_000 }")
    await page.fill("#plate", "辽C77778")
    await page.press("#plate", "Tab")
    await take(page, "tare", 15_100)
    await take(page, "gross", 45_100)
    await record(page)
    await until(page, "document.getElementById('strips').textContent.includes('时钟被拨回')")

    stored = [tuple(row) for row in await rows(house)]
    assert stored[:3] == [
        (45_020, 15_020, "fresh", True, "仪表故障", "李师傅", tickets[1]["plate"], None, None, None, None),
        (45_000, 15_040, "fresh", False, None, None, tickets[0]["plate"], 6, "LM47", 472, 35),
        (46_000, 15_040, "stored", False, None, None, tickets[0]["plate"], 6, None, None, None),
    ]


async def test_a_revoked_device_keeps_its_loads_and_its_successor_sends_them(
    house: House, contract: str, computer: Computers
) -> None:
    """W04: revoked while there was no network; the loads wait, and go under the new key."""
    pc = await computer()
    page = await pc.open(house.url)
    await enrol(page, house, cast.PLANT_TWO_DEVICE)
    first = await page.locator("#device-print").text_content()
    await pc.context.set_offline(True)
    await page.fill("#plate", "辽C90000")
    await page.press("#plate", "Tab")
    await take(page, "tare", 15_000)
    await take(page, "gross", 45_500)
    await record(page)
    devices = (await asyncio.to_thread(house.get, cast.LI, "/v1/devices?limit=500"))["items"]
    for device in devices:
        if device["station_id"] == str(cast.PLANT_TWO_GATE) and device["state"] == "approved":
            await asyncio.to_thread(house.post, cast.LI, f"/v1/devices/{device['id']}/revoke", {"reason": "电脑被盗"})
    await pc.context.set_offline(False)
    await page.click("#send")
    await page.click("li[data-code=revoked] button")
    assert await page.locator("#unsent-count").inner_text() == "1"
    async with page.expect_navigation():
        await page.fill("[name=username]", cast.PLANT_TWO_DEVICE.username)
        await page.fill("[name=password]", cast.PASSWORD)
        await page.fill("[name=name]", "新电脑")
        await page.click("#enrol-button")
    await page.wait_for_selector("#desk:not([hidden])")
    await asyncio.to_thread(house.approve_all)
    await page.click("#send")
    assert "已入账" in await last(page)
    assert await page.locator("#device-print").text_content() != first


async def test_the_page_says_where_it_cannot_work(house: House, computer: Computers) -> None:
    pc = await computer()
    await pc.context.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    page = await pc.open(house.url)
    await until(page, "document.getElementById('opening').textContent.includes('https://')")


async def look(page: Page, name: str, screenshots: Path) -> None:
    """A screen on a PC and on a phone: nothing wider than the window, nothing serious for axe, a picture to look at."""
    for device, size in (("phone", PHONE), ("pc", PC)):
        await page.set_viewport_size(size)
        await page.screenshot(path=screenshots / f"station-{name}-{device}.png", full_page=True)
        assert not await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    found = (await Axe().run(page)).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not [f"{one['id']}: {one['nodes'][0]['html']}" for one in serious]
