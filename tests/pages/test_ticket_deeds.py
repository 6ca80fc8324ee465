"""What sellers and buyers do to tickets in a browser (W01, W10, W11, E4, E33, E37, E38)."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page, expect

from tests import cast, yard
from tests.pages.conftest import PHONE, Visit
from tests.pages.site import Site
from tests.pages.story import TODAY, Story


def issue(site: Site, story: Story, plate: str) -> dict[str, Any]:
    """A ticket of Paizhai's for Plant Two."""
    with site.client(cast.PAIZHAI_CLERK) as clerk:
        grade = clerk.get(f"/v1/tickets/{story.waiting}").json()["grade"]
        wish = yard.ticket_in(None, TODAY, contract_id=story.contract, plate=plate, grade=grade)
        answer = clerk.post("/v1/tickets", json=wish)
        assert answer.status_code == 201, answer.text
        ticket: dict[str, Any] = answer.json()
        return ticket


def weigh(site: Site, person: cast.Person, ticket: dict[str, Any], direction: str, kg: int) -> None:
    with site.client(person) as device:
        at = TODAY + (timedelta(minutes=1) if direction == "in" else timedelta(0))
        answer = device.post("/v1/weighings", json=yard.record(ticket, direction, kg, at))
        assert answer.json()["results"][0]["status"] == "accepted", answer.text


async def do(page: Page, summary: str, **said: str) -> None:
    """Open the small form of a deed, fill it in, send it."""
    form = page.locator("details.settle", has=page.locator("summary", has_text=re.compile(f"^{summary}$")))
    await form.locator("summary").click()
    for label, value in {"原因": "车辆故障", **said}.items():
        await form.get_by_label(label).fill(value)
    await form.get_by_role("button", name=summary).click()


async def test_a_seller_issues_tickets_for_several_trucks(story: Story, visit: Visit, screenshots: Path) -> None:
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto(f"/contracts/{story.contract}")
    await page.goto(f"/tickets?paper={story.contract}")
    await page.get_by_role("button", name="开具运单").click()
    await page.get_by_label("车牌（每行一个）").fill("辽C60001\n辽c·60002\n车牌不对")
    await page.get_by_label("每车计划数量（吨）").fill("31.5")
    await page.get_by_role("button", name="开具").click()
    await expect(page.locator("#d-plates")).to_contain_text("车牌不对")
    await expect(page.get_by_label("每车计划数量（吨）")).to_have_value("31.5")

    await page.get_by_label("车牌（每行一个）").fill("辽C60001\n辽c·60002")
    await page.get_by_role("button", name="开具").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("已开具 2 张运单")
    await page.get_by_role("link", name="打印第 1 至 2 张标签").click()
    await expect(page.locator(".sheet")).to_have_count(2)
    printed = await page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/MediaBox", printed)) == 2


async def test_a_seller_extends_reprints_and_cancels(site: Site, story: Story, visit: Visit, screenshots: Path) -> None:
    ticket = issue(site, story, "辽C60003")
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto(f"/tickets/{ticket['id']}")
    await do(page, "延期", **{"有效期止": "2026-03-18T18:00"})
    await expect(page.locator("dl.facts").first).to_contain_text("2026-03-18 18:00")
    await page.screenshot(path=screenshots / "ticket-deeds-pc-zh.png", full_page=True)

    form = page.locator("details.settle", has=page.locator("summary", has_text="补打"))
    await form.locator("summary").click()
    await form.get_by_label("纸质运单遗失").check()
    await form.get_by_label("原因").fill("驾驶员遗失")
    await page.screenshot(path=screenshots / "ticket-deed-open-pc-zh.png", full_page=True)
    await form.get_by_role("button", name="补打").click()
    await expect(page).to_have_url(re.compile("/sheet$"))
    await expect(page.locator(".sheet")).to_contain_text("第 3 次打印")
    await page.screenshot(path=screenshots / "label-third-pc-zh.png")

    anybody = await visit(size=PHONE)
    await anybody.goto("/T/" + ticket["code"].rsplit("/", 1)[1])
    await expect(anybody.locator(".verdict")).to_contain_text("已报遗失或损坏并已补打")
    await anybody.screenshot(path=screenshots / "code-replaced-phone-zh.png", full_page=True)

    await page.goto(f"/tickets/{ticket['id']}")
    await do(page, "取消运单")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("已取消")
    await expect(page.locator("main")).to_contain_text("补打，原单作废")
    await expect(page.get_by_text("可办理事项")).to_have_count(0)


async def test_a_load_goes_on_by_another_truck_and_is_refused_in_part(site: Site, story: Story, visit: Visit) -> None:
    ticket = issue(site, story, "辽C60004")
    weigh(site, cast.BRIDGE_7_DEVICE, ticket, "out", 31_000)
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto(f"/tickets/{ticket['id']}")
    await do(page, "换车", **{"车牌": "辽C60005", "数量（吨）": "12.5"})
    await expect(page.locator("main")).to_contain_text(ticket["number"])
    child = httpx.URL(page.url).path.rsplit("/", 1)[1]
    with site.client(cast.PAIZHAI_CLERK) as clerk:
        weigh(site, cast.PLANT_TWO_DEVICE, clerk.get(f"/v1/tickets/{child}").json(), "in", 12_480)

    buyer = await visit(cast.PLANT_CLERK)
    await buyer.goto(f"/tickets/{child}")
    await do(buyer, "部分拒收", **{"拒收（吨）": "2.48"})
    await expect(buyer.locator("main")).to_contain_text("买方拒收")
    await expect(buyer.get_by_role("heading", level=1)).to_contain_text("运输途中")

    # What the rules refuse is said in words.
    await page.goto(f"/tickets/{ticket['id']}")
    await do(page, "结清余量")
    await expect(page.get_by_role("alert")).to_contain_text("只能由主管部门核销")
    await expect(page.locator("details[open]").get_by_label("原因")).to_have_value("车辆故障")
