"""What people see: the figures of the story, each on the page that tells it, and nothing of what is not theirs."""

import json
import re

import httpx
import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import expect

from tests import cast
from tests.pages.conftest import PHONE, Visit
from tests.pages.site import Site
from tests.pages.story import Story


async def test_the_tree_shows_who_went_beyond_the_quota_in_words(site: Site, story: Story, visit: Visit) -> None:
    page = await visit(cast.LI)
    await page.goto("/?year=2026")
    row = page.get_by_role("row", name=re.compile("排寨矿"))
    with site.client(cast.LI) as client:
        quota = client.get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota?year=2026").json()
    assert (quota["issued_kg"], quota["overdrawn_kg"] >= 63_220) == (500_000, True)
    for name in ("issued_kg", "out_kg", "overdrawn_kg"):
        await expect(row).to_contain_text(f"{quota[name] / 1000:,.2f}")
    await expect(row).to_contain_text("超指标")
    await expect(page.get_by_role("row", name=re.compile("高庄矿"))).to_have_count(0)


async def test_an_alert_that_comes_while_one_looks_is_counted_without_a_reload(
    site: Site, story: Story, visit: Visit
) -> None:
    page = await visit(cast.DASHIQIAO)
    async with page.expect_request("**/v1/alerts/stream"):
        await page.goto("/")
    count = page.locator("#alerts-beside .count")
    before = int(await count.inner_text())
    with site.client(cast.STRANGER_CLERK) as clerk:
        body = {
            "number": "远山-迟到-1",
            "seller_id": str(cast.STRANGER.id),
            "buyer_id": str(cast.TRADER.id),
            "kg": 1000,
        }
        body |= {"signed_on": "2026-01-10", "grade": "LM46", "valid_until": "2026-12-31"}
        clerk.post("/v1/contracts", json=body).raise_for_status()
    await expect(count).not_to_have_text(str(before), timeout=15_000)
    assert int(await count.inner_text()) > before


async def test_a_lot_says_where_every_kilogram_came_from_and_which_has_no_origin(story: Story, visit: Visit) -> None:
    page = await visit(cast.LI)
    await page.goto(f"/lots/{story.onward_lot}")
    await expect(page.get_by_role("alert")).to_contain_text("17.48 吨")
    picture = page.locator("[data-sankey] svg")
    await expect(picture).to_contain_text("高庄矿")
    await expect(picture).to_contain_text("来源未证明")
    rows = page.locator("section:has(#origins-heading) tbody tr td:nth-last-child(3)")
    kilograms = [int(text.replace(",", "")) for text in await rows.all_inner_texts()]
    assert sum(kilograms) == 280_980
    await expect(page.locator("section:has(#origins-heading) tfoot")).to_contain_text("280,980")
    drawn = json.loads(await page.locator("#origins").inner_text())
    received = [node["name"] for node in drawn["nodes"] if node["depth"] == max(one["depth"] for one in drawn["nodes"])]
    assert sum(link["value"] for link in drawn["links"] if link["target"] in received) == 280_980


async def test_a_firm_sees_mines_and_documents_but_not_the_firms_between(story: Story, visit: Visit) -> None:
    page = await visit(cast.PLANT_CLERK)
    await page.goto(f"/lots/{story.onward_lot}")
    await expect(page.get_by_role("cell", name="大镁办〔2026〕4号")).to_be_visible()
    assert "大石桥高庄矿业有限公司" not in await page.content()


async def test_what_is_not_yours_is_a_page_that_says_so(story: Story, visit: Visit) -> None:
    page = await visit(cast.STRANGER_CLERK)
    for path in (
        f"/tickets/{story.delivered}",
        f"/tickets/{story.delivered}/sheet",
        f"/tickets/{story.delivered}/provenance",
        f"/lots/{story.lot}",
        f"/contracts/{story.contract}",
        f"/contracts/{story.contract}/provenance",
        f"/mines/{cast.PAIZHAI_MINE}",
        "/no-such-page",
    ):
        answer = await page.goto(path)
        assert answer
        assert answer.status == 404, path
        await expect(page.get_by_role("heading", level=1)).to_have_text("没有此页面，或您无权查看")


def test_programs_get_problems_and_browsers_get_pages(site: Site, story: Story) -> None:
    for accept, kind in (("text/html", "text/html"), ("application/json", "application/problem+json")):
        answer = httpx.get(f"{site.url}/no-such-page", headers={"Accept": accept})
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith(kind)
    answer = httpx.get(f"{site.url}/v1/alerts", headers={"Accept": "text/html"})
    assert answer.headers["content-type"] == "application/problem+json"


def test_pages_ask_for_nothing_from_outside_and_allow_no_script_of_others(site: Site, story: Story) -> None:
    answer = httpx.get(
        f"{site.url}/lots/{story.lot}", cookies={"meisu": site.cookie(cast.LI)}, headers={"Accept": "text/html"}
    )
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', answer.text)
    assert " style=" not in answer.text
    assert "onclick" not in answer.text


async def test_a_ticket_shows_its_code_and_the_camera_reads_it(story: Story, visit: Visit, screenshots) -> None:
    page = await visit(cast.PAIZHAI_CLERK)
    for place in (f"/tickets/{story.waiting}", f"/tickets/{story.waiting}/sheet"):
        await page.goto(place)
        picture = screenshots / "qr.png"
        await page.locator(".qr").screenshot(path=picture)
        (found,) = zxingcpp.read_barcodes(Image.open(picture))
        assert found.text == story.code
    # On paper: 24 mm from module to module is what cheap scanners need, and black is all that a printer may have.
    width = (found.position.top_right.x - found.position.top_left.x) / CSS_PIXELS_PER_MM
    assert width >= 24, f"{width:.1f} mm"
    inks = await page.evaluate("[...document.querySelectorAll('.sheet *')].map((one) => getComputedStyle(one).color)")
    assert set(inks) == {"rgb(0, 0, 0)"}


CSS_PIXELS_PER_MM = 96 / 25.4


@pytest.mark.parametrize(("size", "width", "height"), [("label", 100, 70), ("a4", 210, 297)])
async def test_a_ticket_prints_on_one_sheet(size: str, width: int, height: int, story: Story, visit: Visit) -> None:
    page = await visit(cast.PAIZHAI_CLERK)
    await page.goto(f"/tickets/{story.waiting}/sheet?size={size}")
    printed = await page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", printed)
    assert len(boxes) == 1
    assert [round(float(side) / 72 * 25.4) for side in boxes[0]] == [width, height]


async def test_everybody_may_check_a_code_without_signing_in_and_without_scripts(story: Story, visit: Visit) -> None:
    page = await visit(size=PHONE, scripts=False)
    for path in (f"/T/{story.fields['digits']}", f"/t/{story.fields['digits']}"):
        answer = await page.goto(path)
        assert answer
        assert answer.status == 200
        await expect(page.get_by_role("heading", level=1)).to_contain_text("有效")
        await expect(page.locator("main")).to_contain_text("海城排寨矿业有限公司")
        await expect(page.locator("main")).to_contain_text("31.00 吨")
    await page.get_by_label("核对车辆车牌").fill("辽A99999")
    await page.get_by_role("button", name="核对").click()
    await expect(page.get_by_role("status")).to_contain_text("不一致")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("无效")


async def test_a_code_that_is_not_ours_is_never_valid_and_says_why(site: Site, story: Story, visit: Visit) -> None:
    digits = story.fields["digits"]
    page = await visit(size=PHONE)
    flipped = digits[:-1] + str((int(digits[-1]) + 1) % 10)
    for wrong, reason in (
        (flipped, "签名不符"),
        (digits[:-7], "不完整"),
        ("abc", "不是运单二维码"),
        (digits * 2, "两个二维码"),
    ):
        answer = await page.goto(f"/T/{wrong}")
        assert answer
        assert answer.status == 404
        await expect(page.get_by_role("heading", level=1)).to_contain_text("无效")
        await expect(page.locator(".verdict")).to_contain_text(reason)
        assert "排寨" not in await page.content()
    with site.client(cast.PAIZHAI_CLERK) as clerk:
        number = clerk.get(f"/v1/tickets/{story.waiting}").json()["number"]
    answer = await page.goto(f"/T/{number}")
    assert answer
    assert answer.status == 404, "a number alone can be guessed"


async def test_a_used_ticket_is_no_longer_valid(site: Site, story: Story, visit: Visit) -> None:
    with site.client(cast.PAIZHAI_CLERK) as clerk:
        code = clerk.get(f"/v1/tickets/{story.delivered}").json()["code"]
    page = await visit(size=PHONE)
    await page.goto("/T/" + code.rsplit("/", maxsplit=1)[-1])
    await expect(page.get_by_role("heading", level=1)).to_contain_text("无效")
    await expect(page.locator(".verdict")).to_contain_text("运单已使用")


async def test_the_keyboard_reaches_what_the_mouse_does(story: Story, visit: Visit) -> None:
    page = await visit(cast.LI)
    await page.goto("/contracts")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.locator("main :focus")).to_have_count(1)
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


async def test_an_office_settles_an_alert_with_a_note(site: Site, story: Story, visit: Visit) -> None:
    page = await visit(cast.LI)
    await page.goto("/alerts?code=filing-overdue")
    await page.get_by_text("处置", exact=True).first.click()
    await page.get_by_label("处置情况").first.fill("已电话督促需方备案")
    await page.get_by_role("button", name="处置").first.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("预警")
    await page.goto("/alerts?state=settled")
    await expect(page.get_by_text("已电话督促需方备案")).to_be_visible()
