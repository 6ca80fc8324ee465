"""How tickets come in: from a picture, from a camera, from scanners that type, and from hands."""

import asyncio
import io
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

import pytest
from PIL import Image, ImageFilter
from playwright.async_api import Page, Playwright

from service.domain.codes.numbers import make_number
from service.routes.pictures import qr_png
from tests import cast
from tests.pages.station.conftest import Computer, Computers, enrol, needs_chromium, reading, until
from tests.pages.station.house import House, issue
from tests.printed.damage import COMBINED
from tests.printed.test_round_trip import a_code

DAMAGED = 20
PLATE = "document.getElementById('plate').value"


@pytest.fixture(scope="session")
def tickets(house: House, contract: str) -> list[dict[str, Any]]:
    """Tickets that no test weighs."""
    return issue(house, contract, 3, first_plate=50_000)


@pytest.fixture(scope="module")
async def gate(house: House, playwright: Playwright, disks: Path) -> AsyncIterator[Page]:
    """The page at the plant's gate, enrolled."""
    needs_chromium()
    async with Computer(playwright, Path(mkdtemp(dir=disks)), []) as pc:
        page = await pc.open(house.url)
        await enrol(page, house, cast.PLANT_TWO_DEVICE)
        yield page


@pytest.fixture
async def page(gate: Page) -> AsyncIterator[Page]:
    """The same page, before a truck and with a network."""
    yield gate
    await gate.context.set_offline(False)
    if await gate.locator("#clear").is_enabled():
        await clear(gate)


def photographed(code: str, path: Path, size: tuple[int, int] | None = None, blur: float = 1) -> Path:
    """A ticket as somebody photographs it: askew, soft by so many pixels (a module has five), grey, on a table."""
    label = Image.open(io.BytesIO(qr_png(code, 5))).convert("L")
    width, height = size or (label.width + 240, label.height + 160)
    picture = Image.new("L", (width, height), 150)
    turned = label.rotate(7, expand=True, fillcolor=150, resample=Image.Resampling.BICUBIC)
    picture.paste(turned, ((width - turned.width) // 2, (height - turned.height) // 2))
    picture.filter(ImageFilter.GaussianBlur(blur)).point(lambda tone: 30 + tone * 190 // 255).save(path)
    return path


def filmed(picture: Path, path: Path) -> Path:
    """The same as a film for a camera that is none."""
    image = Image.open(picture).convert("L")
    header = f"YUV4MPEG2 W{image.width} H{image.height} F10:1 Ip A1:1 C420jpeg\n".encode()
    grey = bytes([128]) * (image.width // 2 * (image.height // 2) * 2)
    path.write_bytes(header + (b"FRAME\n" + image.tobytes() + grey) * 2)
    return path


async def scan(page: Page, text: str, *, ends: str | None = "Enter", into: str = "#scan") -> None:
    """A scanner types where the cursor stands."""
    await page.focus(into)
    await page.keyboard.type(text)
    if ends:
        await page.keyboard.press(ends)


async def clear(page: Page) -> None:
    """The next truck."""
    await page.click("#clear")
    await page.wait_for_selector("#verdict", state="hidden")


async def test_a_photograph_of_a_ticket_is_read(page: Page, tickets: list[dict[str, Any]], tmp_path: Path) -> None:
    """W03: without a network, too."""
    await page.context.set_offline(True)
    await page.set_input_files("#picture", photographed(tickets[0]["code"], tmp_path / "ticket.png"))
    await page.wait_for_selector("#verdict.good")
    assert await page.evaluate(PLATE) == tickets[0]["plate"]
    assert await page.is_checked("input[value=in]"), "the ticket ends here"
    blank = tmp_path / "blank.png"
    Image.new("L", (600, 400), 200).save(blank)
    await page.set_input_files("#picture", blank)
    await page.wait_for_selector("#said.bad")


async def test_a_print_that_is_damaged_in_all_ways_is_read_by_the_page(page: Page) -> None:
    """W03: what a decoder alone cannot read, out of focus, noisy, crooked, squeezed and small, is restored first."""
    draw = Random("at the gate")
    pixels, damage = COMBINED
    good = 0
    for _ in range(DAMAGED):
        _, text = a_code(draw)
        picture = io.BytesIO()
        damage(Image.open(io.BytesIO(qr_png(text, pixels))).convert("L"), pixels, draw).save(picture, "PNG")
        read = await reading(
            page,
            """
            const { readFile } = await load("camera");
            const bytes = Uint8Array.from(atob(given), (character) => character.charCodeAt(0));
            return readFile(new Blob([bytes], { type: "image/png" }));
            """,
            b64encode(picture.getvalue()).decode(),
        )
        assert read in ([], [text])
        good += len(read)
    assert good >= 0.9 * DAMAGED, f"{good} of {DAMAGED}"


async def test_a_camera_reads_a_ticket(
    house: House, computer: Computers, tickets: list[dict[str, Any]], tmp_path: Path
) -> None:
    """W03: from a stream, in a worker, with the reader that the page brought along; out of focus by half a module."""
    soft = photographed(tickets[1]["code"], tmp_path / "frame.png", (640, 480), blur=2.5)
    film = filmed(soft, tmp_path / "film.y4m")
    pc = await computer(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    page = await pc.open(house.url)
    await enrol(page, house, cast.PLANT_TWO_DEVICE)
    await pc.context.set_offline(True)
    await page.click("#camera")
    await page.wait_for_selector("#verdict.good", timeout=30_000)
    assert await page.evaluate(PLATE) == tickets[1]["plate"]
    await page.wait_for_selector("#video", state="hidden")
    assert "离线核对" in await page.locator("#verdict").inner_text()


async def test_scanners_type_into_any_field_in_any_state(page: Page, tickets: list[dict[str, Any]]) -> None:
    """W03: other case, no Enter, the cursor in another field; the field keeps what stood in it."""
    first, second, third = tickets
    await scan(page, first["code"].swapcase(), ends=None)
    await page.wait_for_selector("#verdict.good")
    assert await page.evaluate(PLATE) == first["plate"]
    await clear(page)
    await page.fill("#plate", second["plate"])
    await scan(page, second["code"], into="#plate")
    await page.wait_for_selector("#verdict.good")
    assert await page.evaluate(PLATE) == second["plate"]
    await clear(page)
    await page.fill("#plate", "辽C99999")
    await scan(page, third["code"], ends="Tab", into="#plate")
    await page.wait_for_selector("#verdict.warn")
    assert await page.evaluate(PLATE) == "辽C99999"
    assert "运单属于另一车牌" in await page.locator("#verdict").inner_text()


async def test_an_input_method_does_not_change_a_code(page: Page, tickets: list[dict[str, Any]]) -> None:
    """W03: a Chinese input method swallows the letters and leaves other text; the keys themselves say the code."""
    session = await page.context.new_cdp_session(page)
    await page.focus("#scan")
    for character in tickets[0]["code"].upper():
        kind = "Digit" if character.isdigit() else "Key"
        code = {":": "Semicolon", "/": "Slash", ".": "Period"}.get(character, kind + character)
        event = {"key": "Process", "code": code, "windowsVirtualKeyCode": 229}
        await session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **event})
    await session.send("Input.insertText", {"text": "好的，他说１２３"})
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#verdict.good")
    assert await page.evaluate(PLATE) == tickets[0]["plate"]
    assert await page.input_value("#scan") == ""


async def test_what_is_not_one_whole_code_is_refused_with_its_reason(page: Page, tickets: list[dict[str, Any]]) -> None:
    """W03: two scans run together, half a code, a wrong digit, another's code: said, and no ticket is taken."""
    first, second = tickets[0]["code"], tickets[1]["code"]
    wrong = first[:-1] + str((int(first[-1]) + 1) % 10)
    for text, words in (
        (first + second, "连在一起"),
        (first[:-40], "不完整"),
        (wrong, "签名不符"),
    ):
        await scan(page, text)
        await until(page, "(words) => document.getElementById('verdict').textContent.includes(words)", words)
        assert await page.locator("#verdict.bad").count() == 1
        assert await page.evaluate(PLATE) == ""
        await clear(page)


async def test_a_number_is_typed_and_asked_for_online(page: Page, tickets: list[dict[str, Any]], house: House) -> None:
    """W03: grouped and in full width; without a network the number alone proves nothing, and a wrong one is no number."""
    number = tickets[2]["number"]
    assert await page.is_checked("input[value=in]"), "into a yard, unless something says otherwise"
    await page.check("input[value=out]", force=True)
    await page.fill("#scan", f"{number[:4]} {number[4:8]}－{number[8:]}")
    await page.press("#scan", "Enter")
    await page.wait_for_selector("#verdict.good")
    assert await page.evaluate(PLATE) == tickets[2]["plate"]
    assert await page.is_checked("input[value=out]"), "what a person has said stands"
    await clear(page)
    await page.fill("#scan", number)
    await page.press("#scan", "Enter")
    await page.wait_for_selector("#verdict.good")
    assert await page.is_checked("input[value=in]"), "the ticket ends here"
    await clear(page)
    await page.fill("#scan", make_number(7))
    await page.press("#scan", "Enter")
    await page.wait_for_selector("#verdict.bad")
    assert "已联网核对" in await page.locator("#verdict").inner_text()
    await clear(page)
    await page.context.set_offline(True)
    await page.fill("#scan", number)
    await page.press("#scan", "Enter")
    await page.wait_for_selector("#verdict.warn")
    said = await page.locator("#verdict").inner_text()
    assert "只有号码" in said
    assert "只查了作废名单" in said
    await clear(page)
    await page.fill("#scan", number[:-1] + str((int(number[-1]) + 1) % 10))
    await page.press("#scan", "Enter")
    await page.wait_for_selector("#verdict.bad")
    assert "应为 13 位数字" in await page.locator("#verdict").inner_text()


async def test_a_cancelled_ticket_is_refused_without_a_network(page: Page, house: House, contract: str) -> None:
    """E4, U20: the list of revocations is learned while there is a network."""
    ticket, *_ = await asyncio.to_thread(issue, house, contract, 1, 60_000)
    await asyncio.to_thread(
        house.post, cast.PAIZHAI_CLERK, f"/v1/tickets/{ticket['id']}/cancel", {"reason": "司机病了"}
    )
    await page.reload()
    await page.wait_for_selector("#desk:not([hidden])")
    await until(
        page,
        "async (id) => { const open = indexedDB.open('meisu-station'); await new Promise((done) => { open.onsuccess = done; });"
        " const asked = open.result.transaction('own').objectStore('own').get('knowledge');"
        " await new Promise((done) => { asked.onsuccess = done; }); open.result.close();"
        " return asked.result.revoked.has(id); }",
        ticket["id"],
    )
    await page.context.set_offline(True)
    await scan(page, ticket["code"])
    await page.wait_for_selector("#verdict.bad")
    assert "作废" in await page.locator("#verdict").inner_text()


async def test_a_day_later_and_still_without_a_network_tickets_are_checked(
    page: Page, tickets: list[dict[str, Any]]
) -> None:
    """W03, W04, E11: what was learned before the line broke is enough; that it is a day old is said beside it."""
    await page.context.set_offline(True)
    await page.evaluate("() => { const { now } = Date; Date.now = () => now() + 25 * 3600_000; Date.really = now }")
    try:
        await scan(page, tickets[0]["code"])
        await page.wait_for_selector("#verdict.good")
        await until(page, "document.getElementById('strips').textContent.includes('超过一天没有更新')")
    finally:
        await page.evaluate("() => { Date.now = Date.really }")
