"""Names are shown as they are, and do nothing: scripts, quotes, marks that turn the direction of writing."""

import asyncpg
import pytest
from playwright.async_api import expect

from service.embedded import Endpoints
from tests import cast
from tests.pages.conftest import Visit
from tests.pages.site import Site
from tests.pages.story import Story

NAMES = (
    "<script>alert(1)</script> </script><script>alert(2)</script> \"'><img src=x onerror=alert(3)>",
    "{{ 7 * 7 }}{% raw %} \\u003c/script\\u003e & < >",
    "甲\u202e乙\u2066丙 שלום עולם",
)
PATHS = ("/", "/contracts", "/contracts/{onward}", "/contracts/{onward}/provenance", "/tickets/{overdrawn}", "/alerts")

CUT_OFF = """picture => [...picture.querySelectorAll("text")].some(
    label => label.getBoundingClientRect().right > picture.getBoundingClientRect().right)"""


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_text_wherever_it_stands(
    name: str, site: Site, pages_endpoints: Endpoints, story: Story, visit: Visit
) -> None:
    connection = await asyncpg.connect(pages_endpoints.owner_database_url)
    before = await connection.fetchval("SELECT name FROM enterprise WHERE id = $1", cast.TRADER.id)
    mine = await connection.fetchval("SELECT name FROM mine WHERE id = $1", cast.PAIZHAI_MINE)
    try:
        await connection.execute("UPDATE enterprise SET name = $2 WHERE id = $1", cast.TRADER.id, name)
        await connection.execute("UPDATE mine SET name = $2 WHERE id = $1", cast.PAIZHAI_MINE, name)
        page = await visit(cast.LI)
        for path in PATHS:
            await page.goto(path.format(**story.fields))
            assert await page.evaluate("document.scripts.length") <= 5, "a script of somebody's"
            assert await page.locator("img[src=x]").count() == 0
            shown = page.locator("bdi", has_text=name.split("\u202e", maxsplit=1)[0].strip())
            assert path == "/alerts" or await shown.count() > 0, path
        await page.goto(f"/tickets/{story.overdrawn}/provenance")
        picture = page.locator("[data-sankey] svg")
        await expect(picture).to_be_visible()
        drawn = await picture.text_content()
        assert drawn
        assert "\u202e" not in drawn
        assert not await picture.evaluate(CUT_OFF), "a name at the end of the bands has room"
    finally:
        await connection.execute("UPDATE enterprise SET name = $2 WHERE id = $1", cast.TRADER.id, before)
        await connection.execute("UPDATE mine SET name = $2 WHERE id = $1", cast.PAIZHAI_MINE, mine)
        await connection.close()
