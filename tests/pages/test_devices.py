"""The office looks at the devices of its stations, compares a fingerprint, and approves or revokes."""

from hashlib import sha256
from pathlib import Path

from axe_playwright_python.async_playwright import Axe

from service.agent.keys import DeviceKey
from tests import cast
from tests.pages.conftest import PC, PHONE, Visit
from tests.pages.site import Site


async def test_an_office_approves_and_revokes_a_device(
    site: Site, visit: Visit, tmp_path: Path, screenshots: Path
) -> None:
    """W04: by the fingerprint that stands on both screens."""
    key = DeviceKey.open(tmp_path / "device.key")
    with site.client(cast.BRIDGE_7_DEVICE) as station:
        assert station.post("/v1/devices", json={"name": "磅房电脑", "public_key": key.public_text}).is_success
    assert key.fingerprint.replace(" ", "").lower() == sha256(key.public).hexdigest()[:16]

    page = await visit(cast.LI)
    await page.goto("/devices")
    row = page.locator("tr", has_text=key.fingerprint)
    assert "等待核准" in await row.inner_text()
    for device, size in (("pc", PC), ("phone", PHONE)):
        await page.set_viewport_size(size)
        await page.screenshot(path=screenshots / f"devices-{device}-zh.png", full_page=True)
        assert not await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    found = (await Axe().run(page)).response["violations"]
    assert not [one["id"] for one in found if one["impact"] in ("serious", "critical")]
    await row.get_by_role("button", name="核准").click()
    assert "已核准" in await row.inner_text()

    stranger = await visit(cast.DASHIQIAO)
    await stranger.goto("/devices")
    assert not await stranger.locator("tr", has_text=key.fingerprint).count()

    await row.get_by_text("吊销", exact=True).first.click()
    await row.get_by_label("原因").fill("电脑报废")
    await row.get_by_role("button", name="吊销").click()
    assert "电脑报废" in await row.inner_text()
