"""The station's page makes of damaged scans what the service makes of them (W03): tests/domain/test_scans.py is its twin."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.pages.conftest import Visit
from tests.pages.station.conftest import INDICATOR, reading

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "wedge.json").read_text(encoding="utf-8"))


@pytest.fixture
async def page(visit: Visit) -> Page:
    """The page before anybody has enrolled."""
    page = await visit()
    await page.context.add_init_script(INDICATOR)
    await page.goto("/station")
    await page.wait_for_selector("#enrol:not([hidden])")
    return page


async def test_w03_wedge_damage_is_undone_or_refused_never_misread(page: Page) -> None:
    read = await reading(
        page,
        """
        const { read, typedNumber } = await load("codes");
        const { fromBase64 } = await load("keys");
        const keys = new Map(Object.entries(given.keys).map(([id, key]) => [Number(id), fromBase64(key)]));
        const made = [];
        for (const { name, scanned } of given.scans) {
          const found = await read(scanned, keys);
          const code = !found.fault;
          const number = code ? found.number : typedNumber(scanned);
          made.push({ name, scanned, code, number: number ?? null, fault: code || number ? null : found.fault });
        }
        return made;
        """,
        VECTORS,
    )
    assert read == VECTORS["scans"]
