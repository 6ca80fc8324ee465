"""What mines and offices report in a browser: forms, ledgers, statistics, the year, sheets and samples (R15, R17–R20)."""

import re
from pathlib import Path

from playwright.async_api import Page, expect

from tests import cast
from tests.pages.conftest import Visit
from tests.pages.look import look_at
from tests.pages.site import Site
from tests.pages.story import Story


async def status_of(page: Page, path: str) -> int:
    answer = await page.goto(path)
    assert answer
    return answer.status


def path_of(page: Page) -> str:
    return re.sub(r"https?://[^/]+", "", page.url)


async def test_r19_a_mine_fills_in_its_production_form_and_signs_it(
    story: Story, visit: Visit, screenshots: Path
) -> None:
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto("/forms")
    await page.get_by_role("button", name="开始填报").click()
    await expect(page.locator("section:has(#known)")).to_contain_text("500.00")
    await page.get_by_label("本季开采量（吨）").fill("700")
    await page.get_by_role("button", name="签报").click()
    await expect(page.get_by_role("alert")).to_contain_text("须填齐")
    await expect(page.get_by_label("本季开采量（吨）")).to_have_value("700")
    await page.get_by_label("期初库存（吨）").fill("20")
    await page.get_by_label("期末库存（吨）").fill("十")
    await page.get_by_role("button", name="暂存").click()
    await expect(page.locator("#d-closing_stock_kg")).to_be_visible()
    await page.get_by_label("期末库存（吨）").fill("10.5")
    form = path_of(page)
    await page.get_by_role("button", name="签报").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("已签报")
    await expect(page.locator("dl.figures")).to_contain_text("10.50")

    office, stranger, plant = await visit(cast.LI), await visit(cast.DASHIQIAO), await visit(cast.PLANT_CLERK)
    await look_at(office, form, "form", screenshots)
    await look_at(office, "/forms", "forms", screenshots)
    assert await status_of(stranger, form) == 404
    assert await status_of(plant, form) == 404
    await plant.goto("/")
    await expect(plant.get_by_role("link", name="报表")).to_have_count(0)


async def test_r20_a_mine_s_ledgers_are_read_and_its_reserve_is_entered(
    story: Story, visit: Visit, screenshots: Path
) -> None:
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto("/ledgers")
    await page.get_by_role("link", name="资源储量台账 排寨矿").first.click()
    await page.get_by_label("数量（吨）").fill("120000")
    await page.get_by_label("日期").fill("2025-12-31")
    await page.get_by_label("依据文件编号").fill("储核-2025-1")
    await page.get_by_role("button", name="录入").click()
    await expect(page.get_by_role("row", name=re.compile("储核-2025-1"))).to_contain_text("120,000.00")
    ledgers = f"/ledgers/{cast.PAIZHAI_MINE}"
    await look_at(page, f"{ledgers}/reserves", "ledger-reserves", screenshots)
    await look_at(page, f"{ledgers}/sales?year=2026", "ledger-sales", screenshots)
    await expect(page.get_by_role("row", name=re.compile("排寨-2026-018")).first).to_contain_text(cast.PLANT_TWO.name)
    stranger = await visit(cast.STRANGER_CLERK)
    assert await status_of(stranger, f"{ledgers}/output") == 404
    assert await status_of(stranger, f"{ledgers}/prices") == 404


async def test_r19_r15_a_county_sends_its_statistics_and_its_report_of_the_year(
    story: Story, visit: Visit, screenshots: Path
) -> None:
    page = await visit(cast.DASHIQIAO)
    await look_at(page, "/statistics?year=2026&quarter=1", "statistics", screenshots)
    await expect(page.get_by_role("row", name=re.compile("高庄矿"))).to_contain_text("156.20")
    await page.get_by_label("文号").fill("大镁统〔2026〕1号")
    await page.get_by_role("button", name="登记上报").click()
    await expect(page.locator(".notice.good")).to_contain_text("大镁统〔2026〕1号")

    await look_at(page, "/submissions", "submissions", screenshots)
    await page.get_by_label("预计全年完成（吨）").fill("80000")
    await page.get_by_label("建议理由").fill("镁建材需求增加")
    await page.get_by_label("上报文号").fill("大镁报〔2026〕9号")
    await page.locator("[name='proposed_kg']").evaluate("field => field.removeAttribute('required')")
    await page.get_by_role("button", name="登记上报").click()
    await expect(page.locator("#d-proposed_kg")).to_contain_text("缺少此项")
    await page.locator("[name='proposed_kg']").fill("95000")
    await page.get_by_role("button", name="登记上报").click()
    await expect(page.get_by_role("row", name=re.compile("大石桥市"))).to_contain_text("大镁报〔2026〕9号")
    assert await status_of(page, "/statistics?county=210381&year=2026&quarter=1") == 404
    firm = await visit(cast.PAIZHAI_CLERK)
    assert await status_of(firm, "/statistics") in (403, 404)
    assert await status_of(firm, "/submissions") in (403, 404)


async def test_r17_the_city_samples_a_mine_and_records_what_it_found(
    story: Story, visit: Visit, screenshots: Path
) -> None:
    city, county, other = await visit(cast.ANSHAN), await visit(cast.LI), await visit(cast.YINGKOU)
    await city.goto("/samples")
    await city.get_by_label("抽检理由或抽取方式").fill("随机抽取")
    await city.get_by_role("button", name="确定抽检").click()
    await expect(city.locator("section:has(#loads)")).to_contain_text("31.20")
    sample = path_of(city)
    await look_at(city, sample, "sample", screenshots)
    await county.goto(sample)
    await expect(county.get_by_role("button", name="登记", exact=True)).to_have_count(0)
    await city.get_by_label("发现问题", exact=True).check()
    await city.get_by_label("抽检情况").fill("两车无计量影像")
    await city.get_by_label("文号").fill("鞍镁检〔2026〕3号")
    await city.get_by_role("button", name="登记", exact=True).click()
    await expect(city.locator(".notice.bad")).to_contain_text("两车无计量影像")
    await look_at(county, "/samples", "samples", screenshots)
    assert await status_of(other, sample) == 404


async def test_s5_departments_enter_their_items_of_a_sheet(story: Story, visit: Visit, screenshots: Path) -> None:
    page = await visit(cast.DASHIQIAO)
    await page.goto("/assessments?year=2026")
    await page.get_by_label("矿山").select_option(label="高庄矿")
    await page.get_by_role("button", name="生成测评表").click()
    sheet = path_of(page)
    await look_at(page, f"{sheet}/departments", "assessment-departments", screenshots)
    await page.get_by_label("plus-8 分值").fill("26")
    await page.get_by_role("button", name="保存填报").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_label("plus-8 分值")).to_have_value("26")
    await page.get_by_label("plus-8 分值").fill("20")
    await page.get_by_label("plus-7 分值").fill("9")
    await page.get_by_role("button", name="保存填报").click()
    await expect(page.locator(".doing")).to_contain_text("29")
    firm = await visit(cast.PAIZHAI_CLERK)
    assert await status_of(firm, f"{sheet}/departments") in (403, 404)


async def test_r24_a_slip_has_a_page_with_its_papers(
    site: Site, story: Story, visit: Visit, tmp_path: Path, screenshots: Path
) -> None:
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto("/slips/new")
    for name, value in {
        "number": "页面-交接-9",
        "mine": "C2100002011016120104001",
        "handed_on": "2026-03-09",
        "kg": "0.5",
        "grade": "LM46",
    }.items():
        await page.locator(f"[name='{name}']").fill(value)
    await page.get_by_role("button", name="提交备案").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("页面-交接-9")
    slip = path_of(page)
    paper = tmp_path / "交接单.pdf"
    paper.write_bytes(b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n")
    await page.locator("#paper").set_input_files(paper)
    await page.get_by_role("button", name="上传", exact=True).click()
    await expect(page.get_by_role("link", name="交接单.pdf")).to_be_visible()
    await look_at(await visit(cast.LI), slip, "slip", screenshots)
    assert await status_of(await visit(cast.PLANT_CLERK), slip) == 404
