"""What firms do from pages: file, confirm what the other side filed, amend, attach, and send whole sheets."""

import csv
import re
from io import StringIO
from pathlib import Path

from playwright.async_api import Page, expect

from tests import cast
from tests.pages.conftest import Visit
from tests.pages.site import Site
from tests.pages.story import Story

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n"


async def fill(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        await page.locator(f"[name='{name}']").fill(value)


async def file_new(page: Page, number: str) -> None:
    await page.goto("/contracts/new")
    await fill(
        page,
        number=number,
        buyer=cast.PLANT_TWO.credit_code,
        signed_on="2026-03-09",
        kg="31.2",
        grade="LM46",
        valid_until="2026-12-31",
        price_fen_per_t="450.50",
    )
    await page.get_by_role("button", name="提交备案").click()


async def test_a_contract_is_filed_confirmed_and_amended_from_pages(story: Story, visit: Visit) -> None:
    seller, buyer = await visit(cast.PAIZHAI_CLERK), await visit(cast.PLANT_CLERK)
    await file_new(seller, "页面-1")
    await expect(seller.get_by_role("heading", level=1)).to_contain_text("页面-1")
    await expect(seller.get_by_role("heading", level=1)).to_contain_text("备案不完整")
    address = re.sub(r"https?://[^/]+", "", seller.url)

    await buyer.goto(address)
    await buyer.get_by_role("link", name="备案本方").click()
    assert await buyer.locator("[name='kg']").input_value() == "31.2"
    await fill(buyer, kg="30")
    await buyer.get_by_role("button", name="提交备案").click()
    await expect(buyer.get_by_role("heading", level=1)).to_contain_text("双方不一致")
    await expect(buyer.get_by_role("row", name=re.compile("数量.*不一致"))).to_contain_text("31.20")
    await buyer.get_by_role("link", name="重新备案本方").click()
    await fill(buyer, kg="31.2")
    await buyer.get_by_role("button", name="提交备案").click()
    await expect(buyer.get_by_role("heading", level=1)).to_contain_text("双方已备案")

    await buyer.get_by_role("link", name="变更", exact=True).click()
    await fill(buyer, agreed_on="2026-03-10", kg="40", reason="追加数量")
    await buyer.get_by_role("button", name="提出变更").click()
    await expect(buyer.locator("#amendments")).to_be_visible()
    await seller.goto(address)
    await seller.get_by_role("button", name="确认").click()
    await expect(seller.locator("dl.figures")).to_contain_text("40.00")
    await expect(seller.locator("section:has(#amendments)")).to_contain_text("双方已同意")


async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(story: Story, visit: Visit) -> None:
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto("/contracts/new")
    await fill(page, number="页面-2", buyer="91210381MA00000016", signed_on="2026-03-09", kg="31.2345", grade="LM46")
    await fill(page, valid_until="2026-12-31")
    await page.get_by_role("button", name="提交备案").click()

    await expect(page.locator("#d-buyer")).to_contain_text("校验码")
    await expect(page.locator("#d-kg")).to_contain_text("小数")
    assert await page.locator("[name='number']").input_value() == "页面-2"
    await fill(page, buyer=cast.PAIZHAI.credit_code, kg="31.2")
    await page.get_by_role("button", name="提交备案").click()
    await expect(page.get_by_role("alert")).to_contain_text("买卖双方不能为同一企业")
    await page.goto("/contracts")
    await expect(page.get_by_role("main")).not_to_contain_text("页面-2")


async def test_r23_the_buyer_sees_the_origins_before_confirming(site: Site, story: Story, visit: Visit) -> None:
    with site.client(cast.TRADER_CLERK) as clerk:
        lot = next(one for one in clerk.get("/v1/lots").json()["items"] if one["available_kg"] > 1_000)
    trader, plant = await visit(cast.TRADER_CLERK), await visit(cast.PLANT_CLERK)
    await trader.goto("/contracts/new")
    await fill(trader, number="页面-3", buyer=cast.PLANT_TWO.credit_code, kg="2")
    await fill(trader, signed_on="2026-03-09", grade="LM46", valid_until="2026-12-31")
    await trader.locator(f"[name='lot:{lot['id']}']").fill("1")
    await trader.get_by_role("button", name="提交备案").click()
    await plant.goto(re.sub(r"https?://[^/]+", "", trader.url))
    panel = plant.locator("section:has(#origins-heading)")

    await expect(panel).to_contain_text("1.00")
    await expect(panel.get_by_role("row", name=re.compile("未列矿石批"))).to_contain_text("1.00")
    assert "大石桥高庄矿业有限公司" not in await plant.content()
    await plant.get_by_role("link", name="备案本方").click()
    assert await plant.locator("[name='proof']").input_value() == f"{lot['id']}:1"


async def test_a_paper_is_attached_and_what_is_none_is_refused(story: Story, visit: Visit, tmp_path: Path) -> None:
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto(f"/contracts/{story.contract}")
    good, bad = tmp_path / "合同.pdf", tmp_path / "不是.pdf"
    good.write_bytes(PDF)
    bad.write_bytes(b"MZ not a paper")
    await page.locator("#paper").set_input_files(good)
    await page.get_by_role("button", name="上传", exact=True).click()
    await expect(page.get_by_role("link", name="合同.pdf")).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="合同.pdf").click()
    fetched = tmp_path / "fetched"
    await (await download.value).save_as(fetched)
    assert fetched.read_bytes() == PDF
    await page.locator("#paper").set_input_files(bad)
    await page.get_by_role("button", name="上传", exact=True).click()
    await expect(page.get_by_role("main")).to_contain_text("不是完整的 PDF")


async def test_a_slip_is_filed_from_its_page(story: Story, visit: Visit) -> None:
    """The one mine of the firm stands there already."""
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto("/slips/new")
    await fill(page, number="页面-交接-1", handed_on="2026-03-09", kg="1.5", grade="LM46")
    await page.get_by_role("button", name="提交备案").click()

    await expect(page.get_by_role("heading", level=1)).to_contain_text("页面-交接-1")
    await expect(page.locator("dl.figures")).to_contain_text("1.50")


async def test_a_sheet_is_tried_corrected_and_filed(
    story: Story, visit: Visit, tmp_path: Path, screenshots: Path
) -> None:
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto("/bulk/contracts")
    head = ["合同编号", "卖方信用代码", "买方信用代码", "签订日期", "数量（吨）", "品级", "有效期至"]
    row = [cast.PAIZHAI.credit_code, cast.PLANT_TWO.credit_code, "2026-03-09", "5", "LM46", "2026-12-31"]
    sheet = tmp_path / "合同.csv"
    text = StringIO()
    csv.writer(text).writerows([head, ["页面-表-1", *row], ["页面-表-2", row[0], "9.12104E+17", *row[2:]]])
    sheet.write_text(text.getvalue(), encoding="utf-8-sig")
    for button, outcome in (("试填", "试填：未保存任何内容。"), ("正式填报", "已填报。")):
        await page.locator("#file").set_input_files(sheet)
        await page.get_by_role("button", name=button).click()
        await expect(page.get_by_role("status")).to_contain_text(outcome)
        await expect(page.get_by_role("status")).to_contain_text("新填报 1 行")
        await expect(page.locator("section:has(#wrong)")).to_contain_text("文本")
    await page.screenshot(path=screenshots / "bulk-answered-pc-zh.png", full_page=True)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV").first.click()
    fetched = tmp_path / "fetched.csv"
    await (await download.value).save_as(fetched)
    faulty = list(csv.reader(StringIO(fetched.read_text(encoding="utf-8-sig"))))
    assert [line[0] for line in faulty[1:]] == ["页面-表-2"]
    assert "文本" in faulty[1][-1]


async def test_offices_read_and_do_not_file(story: Story, visit: Visit) -> None:
    page = await visit(cast.LI)
    await page.goto("/contracts")
    await expect(page.get_by_role("link", name="备案合同")).to_have_count(0)
    for path in ("/contracts/new", "/slips/new", "/bulk/contracts", f"/contracts/{story.one_sided}/file"):
        answer = await page.goto(path)
        assert answer
        assert answer.status == 403, path
