"""The office looks at its stations: who is silent, what a scale told of a day, with the evidence (E48, W05)."""

from datetime import timedelta
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests import cast, yard
from tests.pages.conftest import PC, PHONE, Visit
from tests.pages.site import Site
from tests.pages.story import TODAY, Story


async def look(page: Page, name: str, screenshots: Path) -> None:
    """Nothing wider than the window, nothing serious for axe, a picture to look at."""
    for device, size in (("phone", PHONE), ("pc", PC)):
        await page.set_viewport_size(size)
        await page.screenshot(path=screenshots / f"{name}-{device}-zh.png", full_page=True)
        assert not await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    found = (await Axe().run(page)).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not [f"{one['id']}: {one['nodes'][0]['html']}" for one in serious]


async def test_e48_an_office_sees_its_stations_and_what_a_silent_or_blind_one_weighed(
    site: Site, story: Story, visit: Visit, screenshots: Path
) -> None:
    """E13, E17, E48: live, paused, never heard of; by hand, a clock that went back, a missing number, a blind camera."""
    noon = TODAY - timedelta(days=1)
    hand = {"manual": True, "manual_reason": "仪表故障", "second_person": "王五"}
    with site.client(cast.STRANGER_DEVICE) as station:
        beat = {"sent_at": TODAY.isoformat(), "unsent": 3, "app_version": "1.0"}
        assert station.post("/v1/heartbeats", json=beat).is_success
        records = [
            yard.record(None, "in", 30_000, noon, sequence=1, plate="辽C80001"),
            yard.record(None, "in", 30_500, noon + timedelta(hours=1), sequence=2, plate="辽C80002", **hand),
            yard.record(None, "in", 31_000, noon + timedelta(minutes=20), sequence=3, plate="辽C80003"),
            yard.record(None, "in", 150_000, noon + timedelta(hours=2), sequence=6, plate="辽C80004"),
        ]
        assert station.post("/v1/weighings", json={"records": records}).is_success
        down = {
            "camera": "出口枪机",
            "kind": "tampered",
            "at": (noon + timedelta(minutes=30)).isoformat(),
            "note": "镜头被遮挡",
        }
        assert station.post("/v1/cameras", json={"events": [down]}).is_success

    page = await visit(cast.DASHIQIAO)
    await page.goto("/stations")
    row = page.get_by_role("row", name="远山门磅")
    for words in ("正常", "1 个中 1 个异常", "有缺号"):
        await expect(row).to_contain_text(words)
    await expect(row.locator("td").nth(3)).to_have_text("3")
    await expect(page.get_by_role("row", name="七号磅")).to_have_count(0)
    await look(page, "stations", screenshots)

    await row.get_by_text("申报停用", exact=True).first.click()
    await row.get_by_label("停用结束").fill("2026-03-11T08:00")
    await row.get_by_label("原因").fill("计划检修")
    await row.get_by_role("button", name="申报停用").click()
    await expect(row).to_contain_text("停用")
    await row.get_by_role("button", name="恢复过磅").click()
    await expect(row).to_contain_text("正常")

    await row.get_by_role("link", name="远山门磅").click()
    await page.get_by_role("link", name="← 2026-03-09").click()
    main = page.locator("main")
    await expect(main).to_contain_text("缺失的序号： 4–5")
    await expect(main).to_contain_text("时钟可能被回拨： 3")
    blind = page.get_by_role("row", name="出口枪机")
    await expect(blind).to_contain_text("镜头被遮挡")
    await expect(blind).to_contain_text("辽C80002")
    await expect(blind).not_to_contain_text("辽C80001")
    await expect(page.get_by_role("row", name="辽C80004")).to_contain_text("数据不合理")
    await look(page, "station-day", screenshots)
    for form in ("CSV", "Excel"):
        href = await page.get_by_role("link", name=form).get_attribute("href")
        assert href
        assert (await page.request.get(href)).ok

    await page.goto("/")
    await expect(page.locator(f'a[href="/stations/{cast.STRANGER_GATE}"]').first).to_have_text("远山门磅")

    # A mine sees its own scale, and not its neighbour's.
    clerk = await visit(cast.PAIZHAI_CLERK)
    await clerk.goto("/stations")
    await expect(clerk.get_by_role("row", name="七号磅")).to_have_count(1)
    assert (await clerk.goto(f"/stations/{cast.STRANGER_GATE}")).status == 404  # type: ignore[union-attr]


async def test_u25_an_owner_asks_for_a_plate_and_is_told_of_its_tickets(
    site: Site, story: Story, visit: Visit, screenshots: Path
) -> None:
    """U25, E58: the feed's address is shown once; the county confirms; a ticket that is not the owner's is disowned."""
    with site.client(cast.PAIZHAI_CLERK) as clerk:
        plate = clerk.get(f"/v1/tickets/{story.waiting}").json()["plate"]
    page = await visit(cast.TRADER_CLERK)
    await page.goto("/plates")
    await page.get_by_role("textbox", name="车牌").fill(plate)
    await page.get_by_label("行驶证编号").fill("210300654321")
    await page.get_by_role("button", name="申报").click()
    await expect(page.get_by_role("status")).to_contain_text("/v1/plates/feed/")
    feed = await page.locator("main code").inner_text()
    assert (await page.request.get(feed)).status == 404, "silent until it is confirmed"
    await look(page, "plate-asked", screenshots)

    office = await visit(cast.LI)
    await office.goto("/plates")
    await look(office, "plates", screenshots)
    await office.get_by_role("row", name=plate).get_by_role("button", name="已核对行驶证").click()
    await expect(office.get_by_role("row", name=plate)).to_contain_text("已确认")

    await page.goto("/plates")
    await page.get_by_role("link", name=plate).click()
    await look(page, "plate", screenshots)
    row = page.locator("tbody tr").first
    await row.get_by_text("非本车所运").click()
    await row.get_by_label("车辆当时实际所在").fill("该车当日在大石桥修理")
    await row.get_by_role("button", name="申诉").click()
    assert (await page.request.get(feed)).ok
    await office.goto("/alerts?code=plate-disowned")
    await expect(office.locator("tbody")).to_contain_text(plate)
    stranger = await visit(cast.PLANT_CLERK)
    await stranger.goto("/plates")
    await expect(stranger.get_by_role("row", name=plate)).to_have_count(0)
