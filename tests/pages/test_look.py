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
    "contract-filed-by-us": (cast.PAIZHAI_CLERK, "/contracts/{contract}"),
    "contract-before-confirming": (cast.PLANT_CLERK, "/contracts/{one_sided}"),
    "contract-form": (cast.TRADER_CLERK, "/contracts/new"),
    "contract-form-own-side": (cast.PLANT_CLERK, "/contracts/{one_sided}/file"),
    "amendment-form": (cast.PAIZHAI_CLERK, "/contracts/{contract}/amend"),
    "slips": (cast.LI, "/slips"),
    "slip-form": (cast.PAIZHAI_CLERK, "/slips/new"),
    "bulk": (cast.PAIZHAI_CLERK, "/bulk/contracts"),
    "tickets": (cast.LI, "/tickets"),
    "ticket": (cast.PAIZHAI_CLERK, "/tickets/{delivered}"),
    "ticket-waiting": (cast.PAIZHAI_CLERK, "/tickets/{waiting}"),
    "tickets-new": (cast.PAIZHAI_CLERK, "/tickets/new?paper={contract}"),
    "ticket-overdrawn": (cast.LI, "/tickets/{overdrawn}"),
    "ticket-provenance": (cast.LI, "/tickets/{delivered}/provenance"),
    "label": (cast.PAIZHAI_CLERK, "/tickets/{waiting}/sheet"),
    "a4": (cast.PAIZHAI_CLERK, "/tickets/{waiting}/sheet?size=a4"),
    "code": (None, "/T/{digits}?plate=辽C10234"),
    "code-of-nobody": (None, "/T/4711"),
    "lots": (cast.PLANT_CLERK, "/lots"),
    "lot": (cast.LI, "/lots/{onward_lot}"),
    "lot-for-the-plant": (cast.PLANT_CLERK, "/lots/{onward_lot}"),
    "alerts": (cast.LI, "/alerts"),
    "not-found": (cast.LI, "/tickets/019b0000-0000-7000-8000-000000000000"),
    "explanation": (None, "/problems/allotment-exceeds-pool"),
}
ON_PAPER = ("label", "a4")


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_is_good_to_look_at(name: str, story: Story, visit: Visit, screenshots: Path) -> None:
    person, path = PAGES[name]
    address = path.format(**story.fields)
    address += "&" if "?" in address else "?"
    page = await visit(person)
    for language, device, size in (("zh", "pc", PC), ("zh", "phone", PHONE), ("en", "pc", PC)):
        await page.set_viewport_size(size)
        await page.goto(f"{address}lang={language}")
        await page.screenshot(path=screenshots / f"{name}-{device}-{language}.png", full_page=True)
        assert await page.locator("html").get_attribute("lang") == {"zh": "zh-CN", "en": "en"}[language]
        wide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        assert not wide or name in ON_PAPER, "the page is wider than the window"
        if (language, device) != ("en", "pc"):
            continue
        found = (await Axe().run(page)).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert not [f"{one['id']}: {one['nodes'][0]['html']}" for one in serious]
