"""Every page on a PC and on a phone: nothing serious for axe, nothing wider than the window, a picture to look at."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe

from tests import cast
from tests.pages.conftest import PC, PHONE, Visit
from tests.pages.story import Story

PAGES = {
    "sign-in": (None, "/sign-in"),
    "overview-province": (cast.PROVINCE, "/"),
    "overview-county": (cast.LI, "/"),
    "overview-firm": (cast.PAIZHAI_CLERK, "/"),
    "mine": (cast.LI, f"/mines/{cast.PAIZHAI_MINE}"),
    "contracts": (cast.LI, "/contracts"),
    "contract": (cast.LI, "/contracts/{onward}"),
    "contract-one-sided": (cast.LI, "/contracts/{one_sided}"),
    "contract-provenance": (cast.PROVINCE, "/contracts/{onward}/provenance"),
    "tickets": (cast.LI, "/tickets"),
    "ticket": (cast.PAIZHAI_CLERK, "/tickets/{delivered}"),
    "ticket-overdrawn": (cast.LI, "/tickets/{overdrawn}"),
    "ticket-provenance": (cast.LI, "/tickets/{delivered}/provenance"),
    "lots": (cast.PLANT_CLERK, "/lots"),
    "lot": (cast.LI, "/lots/{lot}"),
    "lot-of-a-trader": (cast.LI, "/lots/{onward_lot}"),
    "lot-of-a-trader-for-the-plant": (cast.PLANT_CLERK, "/lots/{onward_lot}"),
    "alerts": (cast.LI, "/alerts"),
    "not-found": (cast.LI, "/tickets/019b0000-0000-7000-8000-000000000000"),
    "problem": (None, "/problems/allotment-exceeds-pool"),
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_page_is_good_to_look_at(
    name: str, language: str, story: Story, visit: Visit, screenshots: Path
) -> None:
    person, path = PAGES[name]
    address = path.format(**{field: getattr(story, field) for field in story.__slots__})
    for device, size in (("pc", PC), ("phone", PHONE)):
        page = await visit(person, size=size)
        await page.goto(f"{address}?lang={language}")
        await page.screenshot(path=screenshots / f"{name}-{device}-{language}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page is too wide"
        assert await page.locator("html").get_attribute("lang") == {"zh": "zh-CN", "en": "en"}[language]
        found = (await Axe().run(page)).response["violations"]
        serious = [
            f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")
        ]
        assert not serious
