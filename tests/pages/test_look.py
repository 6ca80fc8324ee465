"""Every page on a PC and on a phone: nothing serious for axe, nothing wider than the window, a picture to look at."""

from pathlib import Path

import pytest

from tests import cast
from tests.pages.conftest import Visit
from tests.pages.look import look_at
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
    page, address = await visit(person), path.format(**story.fields)
    await look_at(page, address, name, screenshots, is_paper=name in ON_PAPER, in_english=True)
