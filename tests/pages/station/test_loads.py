"""Two hundred loads without a network, through kill -9 of the browser and of the service: each stored once, in order."""

import asyncio
from typing import Any

import asyncpg
from playwright.async_api import Page

from tests import cast
from tests.pages.station.conftest import Computers, enrol, until
from tests.pages.station.house import House, issue, let_out, wait_until

LOADS = 200
TARE_KG, GROSS_KG = 15_000, 45_000

# A quick weighman: what he does with hands, done to the same buttons.
WEIGH = """
async (tickets) => {
  const at = (id) => document.getElementById(id);
  const until = async (what, isSo) => {
    for (let turn = 0; turn < 2000; turn += 1) {
      if (isSo()) return;
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
    throw new Error(`waited for ${what}`);
  };
  for (const { code, plate, tare, gross } of tickets) {
    at("scan").value = code;
    at("scan-form").requestSubmit();
    await until(`the plate ${plate}`, () => at("plate").value === plate);
    for (const [side, kg] of [["tare", tare], ["gross", gross]]) {
      truck(kg);
      const shows = (id) => at(id).textContent.replace(/\\D/g, "") === String(kg);
      await until(`${side} of ${kg}`, () => !at(`${side}-take`).disabled && shows("live-kg"));
      at(`${side}-take`).click();
      await until(`${side} taken`, () => shows(`${side}-kg`));
    }
    await until("the record", () => !at("record").disabled);
    at("record").click();
    await until("the word", () => !at("said").hidden && at("said").textContent.includes(plate));
  }
}
"""


def trucks(tickets: list[dict[str, Any]], first: int) -> list[dict[str, Any]]:
    """What each truck weighs: no two the same."""
    return [
        {
            "code": ticket["code"],
            "plate": ticket["plate"],
            "tare": TARE_KG + first + turn,
            "gross": GROSS_KG + 2 * (first + turn),
        }
        for turn, ticket in enumerate(tickets)
    ]


async def unsent(page: Page) -> int:
    return int(await page.locator("#unsent-count").inner_text())


async def stored(house: House) -> list[asyncpg.Record]:
    """The station's records in the order in which they were recorded."""
    connection = await asyncpg.connect(house.endpoints.owner_database_url)
    try:
        return await connection.fetch(
            "SELECT w.sequence, w.plate, w.gross_kg, w.tare_kg, w.status, w.flags, t.number, t.state FROM weighing w"
            " LEFT JOIN ticket t ON t.id = w.ticket_id WHERE w.station_id = $1 ORDER BY w.recorded_at, w.sequence",
            cast.BRIDGE_7,
        )
    finally:
        await connection.close()


async def test_two_hundred_loads_outlive_everything(house: House, contract: str, computer: Computers) -> None:
    """W04, E7, E11, E12: offline from the first load; the browser is killed, the service is killed while it answers."""
    tickets = await asyncio.to_thread(issue, house, contract, LOADS)
    loads = trucks(tickets, 0)
    before_kg, unlawful_kg = await asyncio.to_thread(let_out, house)
    pc = await computer()
    page = await pc.open(house.url)
    await enrol(page, house)

    # The line breaks. Weighed as people do it: a scanner that types, a hand on the mouse.
    await pc.context.set_offline(True)
    first = loads[0]
    await page.focus("#scan")
    await page.keyboard.type(first["code"])
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#verdict.good")
    for side in ("tare", "gross"):
        await page.evaluate("truck", first[side])
        await page.click(f"#{side}-take")
    await page.click("#record")
    await page.wait_for_selector("#said.good")
    await page.evaluate(WEIGH, loads[1:100])
    assert await unsent(page) == 100
    await page.reload()
    await page.wait_for_selector("#desk:not([hidden])")
    assert await unsent(page) == 100

    # The service is gone, and then the power is cut: the browser begins again without any network.
    house.kill()
    await pc.kill()
    await pc.switch_on()
    page = await pc.open(house.url)
    await page.wait_for_selector("#desk:not([hidden])")
    assert await page.get_attribute("#net", "data-state") in ("asking", "off"), "nobody has answered yet"
    assert await unsent(page) == 100
    await page.wait_for_selector("#net[data-state=off]")
    starting = asyncio.create_task(asyncio.to_thread(house.start, connected=False))
    await page.evaluate(WEIGH, loads[100:])
    assert await unsent(page) == LOADS
    await pc.close()

    # Back again; the service dies when it has written a batch and is about to say so.
    await starting
    house.connect()
    was_lost = house.lose_next_answer(house.kill)
    await pc.switch_on()
    page = await pc.open(house.url)
    await asyncio.to_thread(wait_until, was_lost)
    written = len(await stored(house))
    assert 0 < written < LOADS
    assert await unsent(page) == LOADS, "nothing counts as sent before its answer is kept"
    await asyncio.to_thread(house.start)
    await page.click("#send")
    await until(page, "document.getElementById('unsent-count').textContent === '0'", seconds=30)

    rows = await stored(house)
    assert [row["sequence"] for row in rows] == list(range(1, LOADS + 1))
    assert [(row["number"], row["plate"], row["tare_kg"], row["gross_kg"]) for row in rows] == [
        (ticket["number"], load["plate"], load["tare"], load["gross"])
        for ticket, load in zip(tickets, loads, strict=True)
    ]
    assert {(row["status"], row["state"]) for row in rows} == {("accepted", "out")}
    assert [row["sequence"] for row in rows if row["flags"]] == [], "nothing is wrong with an honest day (E17)"
    net_kg = sum(load["gross"] - load["tare"] for load in loads)
    assert await asyncio.to_thread(let_out, house) == (before_kg + net_kg, unlawful_kg)
    told = await page.locator("#last li").all_inner_texts()
    assert len(told) == 10
    assert all("已入账" in text for text in told)
