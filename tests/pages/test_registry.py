"""A county officer's Monday in a browser: a new firm and its mine, a slip of the pen, a paper held, and where the ore is from."""

import re
from pathlib import Path

from playwright.async_api import expect

from tests import cast
from tests.pages.conftest import Visit
from tests.pages.look import look_at
from tests.pages.story import Story


async def test_e57_r04_an_officer_registers_revises_and_looks_into_things(
    story: Story, visit: Visit, screenshots: Path
) -> None:
    page = await visit(cast.LI)
    await page.goto("/registry")
    await page.get_by_role("button", name="登记企业").click()
    await page.get_by_label("统一社会信用代码").fill(cast.PAIZHAI.credit_code)
    await page.get_by_label("企业名称").fill("海城北山矿业有限公司")
    await page.get_by_label("采矿").check()
    await page.get_by_role("button", name="登记", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("已登记")
    await expect(page.locator("#d-credit_code")).to_contain_text("已登记")
    await expect(page.get_by_label("企业名称")).to_have_value("海城北山矿业有限公司")
    await expect(page.get_by_label("采矿")).to_be_checked()
    await page.screenshot(path=screenshots / "entry-form-refused-pc-zh.png", full_page=True)
    await page.get_by_label("统一社会信用代码").fill("91210381MA00000103")
    await page.get_by_role("button", name="登记", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("海城北山矿业有限公司")

    await page.get_by_role("button", name="变更").click()
    await page.get_by_label("企业名称").fill("海城北山矿业集团有限公司")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("section:has(#history)")).to_contain_text("北山矿业集团")
    made = re.sub(r"https?://[^/]+", "", page.url)

    await page.goto(f"/contracts/{story.one_sided}")
    await page.get_by_role("link", name="立案", exact=True).click()
    for label, said in {
        "立案机关": "海城市公安局", "立案文号": "海公〔2026〕7号", "截止日期": "2026-03-20", "立案事由": "涉嫌虚假合同",
    }.items():  # fmt: skip
        await page.get_by_label(label).fill(said)
    await page.get_by_role("button", name="立案并冻结").click()
    row = page.get_by_role("row", name="排寨-2026-009")
    await expect(row).to_contain_text("调查中")
    await row.get_by_role("link").click()
    await expect(page.get_by_role("main")).to_contain_text("海公〔2026〕7号")
    await page.screenshot(path=screenshots / "contract-held-pc-zh.png")
    firm = f"/registry/enterprises/{cast.PAIZHAI.id}"
    for name, path in {
        "registry": "/registry",
        "entry": firm,
        "entry-form": f"/registry/mines/new?enterprise={made.rsplit('/', maxsplit=1)[-1]}",
        "investigations": "/investigations",
        "investigation-form": f"/investigations/new?firm={cast.PAIZHAI.id}",
        "composition": "/compositions",
    }.items():
        await look_at(page, path, name, screenshots, in_english=name == "entry")
    await page.goto("/investigations?lang=zh")
    await page.locator("summary").click()
    await page.get_by_label("调查结论").fill("查无问题")
    await page.get_by_role("button", name="解除").click()
    await expect(page.get_by_role("row", name="排寨-2026-009")).to_contain_text("已解除")
