"""An allotment on its way through the offices' forms to the public table."""

import re

from playwright.async_api import Page, expect

from tests import cast
from tests.pages.conftest import Visit
from tests.pages.site import Site
from tests.pages.story import Story

NUMBER = "大镁办〔2026〕公示-1"


async def take(page: Page, step: str) -> None:
    await page.goto("/allotments?year=2026")
    row = page.get_by_role("row", name=re.compile(re.escape(NUMBER)))
    await row.get_by_text(step, exact=True).first.click()
    form = row.locator("details[open] form")
    await form.get_by_label("日期").fill("2026-02-01")
    async with page.expect_navigation():
        await form.get_by_role("button", name=step).click()


async def test_a_county_drafts_the_city_approves_and_everybody_reads_it(site: Site, story: Story, visit: Visit) -> None:
    """R08, R14: draft, consult, approve, issue, publish; the public table says what the tranche says."""
    county, city = await visit(cast.DASHIQIAO), await visit(cast.YINGKOU)
    await county.goto("/allotments?year=2026")
    form = county.locator("form[action^='/allotments?']")
    await form.get_by_label("类型").select_option("base")
    await form.get_by_label("季度").select_option("4")
    await form.get_by_label("持有人").select_option(label="高庄矿")
    await form.get_by_label("数量（吨）", exact=True).fill("1.234")
    await form.get_by_label("文号").fill(NUMBER)
    await form.get_by_label("文件日期").fill("2026-02-01")
    await form.get_by_role("button", name="起草").click()
    await expect(county.get_by_role("row", name=re.compile(re.escape(NUMBER)))).to_contain_text("已起草")

    await take(city, "征求意见")
    await take(city, "审议通过")
    await take(county, "下达")
    await take(county, "公示")

    nobody = await visit()
    await nobody.goto("/published?year=2026")
    row = nobody.get_by_role("row", name=re.compile(re.escape(NUMBER)))
    await expect(row).to_contain_text("高庄矿")
    with site.client(cast.DASHIQIAO) as client:
        (mine,) = [one["id"] for one in client.get("/v1/mines").json()["items"] if one["name"] == "高庄矿"]
        quota = client.get(f"/v1/mines/{mine}/quota?year=2026").json()
    (tranche,) = [one for one in quota["tranches"] if one["document_no"] == NUMBER]
    assert tranche["kg"] == 1_234
    await expect(row).to_contain_text("1.234")


async def test_r08_a_firm_sees_its_tranches_and_applies_for_more(story: Story, visit: Visit) -> None:
    """R08: the county finds the application beside its drafts."""
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto("/allotments?year=2026")
    await expect(page.get_by_role("link", name="排寨矿").first).to_be_visible()
    await expect(page.locator("form[action^='/allotments?'], form[action*='/steps']")).to_have_count(0)
    form = page.locator("form[action^='/allotments/applications']")
    await form.get_by_label("数量（吨）", exact=True).fill("1500.5")
    await form.get_by_label("原因").fill("镁砂订单增加")
    await form.get_by_role("button", name="提交申请").click()
    office = await visit(cast.LI)
    await office.goto("/allotments?year=2026")
    await expect(office.get_by_role("row", name=re.compile("镁砂订单增加"))).to_contain_text("1,500.50")
