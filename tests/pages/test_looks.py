"""The field, the band and the print of a page that looks back, in a real Chromium."""

from pathlib import Path

from playwright.async_api import expect

from tests import cast
from tests.pages.conftest import PHONE, Visit
from tests.pages.look import look_at
from tests.pages.story import Story


async def test_a_page_is_asked_for_a_moment_without_scripts_and_prints_it(
    story: Story, visit: Visit, screenshots: Path
) -> None:
    page = await visit(cast.LI, size=PHONE, scripts=False)
    await page.goto(f"/mines/{cast.PAIZHAI_MINE}?year=2026")
    await page.get_by_text("截至：现在").click()
    await page.get_by_label("截至时刻").fill("2026-03-09T18:00")
    await page.get_by_role("button", name="查看当时").click()
    band = page.get_by_role("complementary", name="截至")
    await expect(band).to_contain_text("您看到的是 2026-03-09 18:00 时的记录")
    await expect(page.get_by_role("definition").first).to_contain_text("0.00")
    assert page.url.endswith(f"/mines/{cast.PAIZHAI_MINE}?year=2026&as_of=2026-03-09T18%3A00")
    await page.emulate_media(media="print")
    await expect(band).to_be_visible()
    await expect(band.get_by_role("link", name="回到现在")).to_be_hidden()
    await page.emulate_media(media="screen")
    await band.get_by_role("link", name="回到现在").click()
    await expect(page.get_by_role("definition").first).to_contain_text("500.00")

    page = await visit(cast.LI)
    await look_at(page, f"/mines/{cast.PAIZHAI_MINE}?as_of=2026-03-09T18:00", "mine-then", screenshots)
