"""What is looked at on every page: its picture, its width, its language, and what axe says of it."""

from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, ViewportSize

PC: ViewportSize = {"width": 1366, "height": 768}
PHONE: ViewportSize = {"width": 390, "height": 844}
LANGUAGES = {"zh": "zh-CN", "en": "en"}


async def look_at(
    page: Page, address: str, name: str, screenshots: Path, *, is_paper: bool = False, in_english: bool = False
) -> None:
    """Look at a page on a phone and on a PC, and in English where asked; nothing serious may be wrong with it."""
    address += "&" if "?" in address else "?"
    for language, device, size in (("zh", "phone", PHONE), ("zh", "pc", PC), ("en", "pc", PC)):
        if language == "en" and not in_english:
            continue
        await page.set_viewport_size(size)
        answer = await page.goto(f"{address}lang={language}")
        assert answer is not None
        assert answer.status < 500
        await page.screenshot(path=screenshots / f"{name}-{device}-{language}.png", full_page=True)
        assert await page.locator("html").get_attribute("lang") == LANGUAGES[language]
        wide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        assert not wide or is_paper, "the page is wider than the window"
    found = (await Axe().run(page)).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not [f"{one['id']}: {one['nodes'][0]['html']}" for one in serious]
