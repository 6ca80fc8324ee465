"""Deadlines and policy values as people see and change them."""

import re

from playwright.async_api import expect

from tests import cast
from tests.pages.conftest import Visit
from tests.pages.story import Story


async def test_an_office_sees_what_is_due_with_its_countdown_and_the_policy_beside_it(
    story: Story, visit: Visit
) -> None:
    page = await visit(cast.LI)
    await page.goto("/deadlines")
    await expect(page.get_by_role("heading", name="期限", exact=True)).to_be_visible()
    row = page.get_by_role("row", name=re.compile("合同备案")).first
    await expect(row).to_contain_text(re.compile("逾期|剩"))
    await expect(row).to_contain_text("合同备案期限（日） 15")
    await expect(page.get_by_text("公布停运")).to_have_count(0)


async def test_the_province_decides_a_policy_and_declares_an_outage(story: Story, visit: Visit) -> None:
    page = await visit(cast.PROVINCE)
    await page.goto("/policies/reminder_days")
    await page.get_by_label("数值").fill("5")
    await page.get_by_label("有效期起").fill("2026-01-01")
    await page.get_by_label("文号").fill("辽镁政〔2026〕9号")
    await page.get_by_label("原因").fill("试行")
    await page.get_by_role("button", name="作出决定").click()
    await expect(page.get_by_role("row", name=re.compile("辽镁政〔2026〕9号"))).to_contain_text("5")

    await page.goto("/deadlines")
    await page.get_by_text("公布停运").click()
    form = page.locator("form[action='/outages']")
    await form.get_by_label("停运开始").fill("2025-12-01T08:00")
    await form.get_by_label("停运结束").fill("2025-12-01T09:00")
    await form.get_by_label("原因").fill("检修")
    await form.get_by_label("文号").fill("辽镁政〔2026〕10号")
    await form.get_by_role("button", name="公布").click()
    await expect(page.get_by_role("row", name=re.compile("检修"))).to_contain_text("2025-12-01 08:00")


async def test_who_is_not_the_province_finds_no_form(story: Story, visit: Visit) -> None:
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto("/policies")
    await page.get_by_role("link", name="每季度基础指标占证载规模的上限").click()
    await expect(page.locator("main")).to_contain_text("10 %")
    await expect(page.get_by_role("button", name="作出决定")).to_have_count(0)
