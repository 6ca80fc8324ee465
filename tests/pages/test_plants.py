"""What plants do in a browser: runs of their lines, and stocktakes that their office decides (P01, P02, E31)."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests import cast
from tests.pages.conftest import Visit
from tests.pages.look import look_at
from tests.pages.site import Site
from tests.pages.story import Story


@pytest.fixture(scope="session")
def line(site: Site, story: Story) -> str:
    """Plant Two's shaft kiln, registered."""
    body = {
        "enterprise_id": str(cast.PLANT_TWO.id), "name": "一号竖窑", "kind": "light_burnt", "kiln": "shaft",
        "status": "running", "ore_per_product": "2.2",
    }  # fmt: skip
    with site.client(cast.LI) as office:
        answer = office.post("/v1/lines", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


async def fill_run(page: Page, story: Story, number: str, tonnes: str, made: str) -> None:
    await page.goto("/runs/new")
    for name, value in {
        "number": number,
        "ran_on": "2026-03-10",
        f"lot:{story.lot}": tonnes,
        "name-1": "轻烧氧化镁",
        "kg-1": made,
    }.items():
        await page.locator(f"[name='{name}']").fill(value)


async def test_p02_a_plant_files_a_run_and_takes_it_back(
    story: Story, line: str, visit: Visit, screenshots: Path
) -> None:
    page = await visit(cast.PLANT_CLERK)
    await fill_run(page, story, "页面-加工-1", "9000000", "5")
    await page.get_by_role("button", name="提交登记").click()
    await expect(page.get_by_role("alert")).to_contain_text("批次可用量少于投料量")
    await expect(page.locator("[name='number']")).to_have_value("页面-加工-1")
    await page.locator(f"[name='lot:{story.lot}']").fill("1.1 x")
    await page.get_by_role("button", name="提交登记").click()
    await expect(page.locator(f"td:has([name='lot:{story.lot}'])")).to_contain_text("数字")

    await fill_run(page, story, "页面-加工-1", "11", "5")
    await page.locator("[name='kg-2']").fill("0.2")
    await page.locator("[name='name-2']").fill("除尘粉")
    await page.locator("[name='kind-2']").select_option("by_product")
    await page.get_by_role("button", name="提交登记").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("页面-加工-1")
    await expect(page.locator("section:has(#outputs)")).to_contain_text("副产品")
    await expect(page.locator("dl.figures")).to_contain_text("5.80")  # burnt off: 11 t of ore, 5.2 t out
    path = re.sub(r"https?://[^/]+", "", page.url)
    await look_at(page, path, "run", screenshots)
    await look_at(page, "/runs", "runs", screenshots)
    await look_at(page, "/runs/new", "run-form", screenshots)

    office, neighbour, seller = await visit(cast.LI), await visit(cast.DASHIQIAO), await visit(cast.PAIZHAI_CLERK)
    await office.goto("/runs")
    await expect(office.get_by_role("row", name=re.compile("页面-加工-1"))).to_contain_text(cast.PLANT_TWO.name)
    for stranger in (neighbour, seller):
        answer = await stranger.goto(path)
        assert answer
        assert answer.status == 404

    await page.goto(path)
    await page.get_by_text("作废加工记录").first.click()
    await page.get_by_label("原因").fill("数量填错")
    await page.get_by_role("button", name="作废加工记录").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("已作废")
    await expect(page.get_by_text("作废加工记录")).to_have_count(0)


async def test_e31_a_plant_counts_and_its_office_decides(story: Story, visit: Visit, screenshots: Path) -> None:
    plant, office = await visit(cast.PLANT_CLERK), await visit(cast.LI)
    await plant.goto(f"/stocktakes/new?lot={story.lot}")
    book = re.search(r"([\d,.]+) 吨$", await plant.locator("#f-lot_id option:checked").inner_text())
    assert book
    counted = f"{float(book[1].replace(',', '')) - 0.5:.3f}"
    await plant.locator("[name='counted_kg']").fill(counted)
    await plant.locator("[name='counted_on']").fill("2027-01-01")
    await plant.locator("[name='reason']").fill("雨水冲刷")
    await plant.locator("[name='document_no']").fill("页面-盘点-1")
    await plant.get_by_role("button", name="提交盘点").click()
    await expect(plant.get_by_role("alert")).to_contain_text("盘点日期在将来")
    await plant.locator("[name='counted_on']").fill("2026-03-10")
    await plant.get_by_role("button", name="提交盘点").click()
    row = plant.get_by_role("row", name=re.compile("页面-盘点-1"))
    await expect(row).to_contain_text("-0.50")
    await expect(row.get_by_text("审核", exact=True)).to_have_count(0)

    await look_at(office, "/stocktakes", "stocktakes", screenshots)
    row = office.get_by_role("row", name=re.compile("页面-盘点-1"))
    await row.locator("summary").click()
    await row.get_by_role("radio", name="同意：按差异调整账面", exact=True).check()
    await row.get_by_role("button", name="审核").click()
    await expect(office.get_by_role("row", name=re.compile("页面-盘点-1"))).to_contain_text("已核准")
    elsewhere = await visit(cast.DASHIQIAO)
    await elsewhere.goto("/stocktakes")
    await expect(elsewhere.get_by_role("main")).not_to_contain_text("页面-盘点-1")
    answer = await office.goto("/stocktakes/new")
    assert answer
    assert answer.status == 403
