"""Reading lots and the book of one account."""

import asyncio
from collections.abc import Callable
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.db import Connection
from service.domain.ledger import AccountKey, AccountKind
from service.store import lots
from tests import cast
from tests.cast import LI, PAIZHAI_CLERK, PLANT_CLERK, STRANGER_CLERK, TRADER_CLERK, YINGKOU
from tests.routes.filing import ON_DAY_1, from_stock, issue, refused, slip, trader_lot

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI) -> None:
    await issue(app, 60_000)


async def test_a_lot_says_what_came_went_is_pledged_and_is_free(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 50_000)
    await by(TRADER_CLERK).post("/v1/contracts", json=from_stock((lot, 20_000), kg=20_000))
    found = (await by(TRADER_CLERK).get("/v1/lots", params={"holder": str(cast.TRADER.id)})).json()["items"]

    assert [(item["id"], item["holder"]) for item in found] == [(str(lot), cast.TRADER.name)]
    assert [(item["in_kg"], item["out_kg"], item["pledged_kg"], item["available_kg"]) for item in found] == [
        (50_000, 0, 20_000, 30_000)
    ]
    assert found[0]["document"]["number"] == "HT-9"


async def test_lots_are_their_holders_and_its_offices(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 50_000)

    assert [item["id"] for item in (await by(LI).get("/v1/lots")).json()["items"]] == [str(lot)]
    for person in (STRANGER_CLERK, PLANT_CLERK, PAIZHAI_CLERK, YINGKOU):
        assert (await by(person).get("/v1/lots")).json()["items"] == []
        assert refused(await by(person).get(f"/v1/lots/{lot}"), 404, "not-found")


async def test_the_book_of_an_account_is_read_line_by_line(by: By) -> None:
    for number in range(3):
        await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(number=f"JJ-{number}", kg=25_000))
    newest = (await by(PAIZHAI_CLERK).get("/v1/lots")).json()["items"][0]["account"]
    book = (await by(PAIZHAI_CLERK).get("/v1/movements", params={"account": newest})).json()["items"]
    quota = book[0]["source"]["account"]
    whole = (await by(PAIZHAI_CLERK).get("/v1/movements", params={"account": quota})).json()["items"]

    assert [(item["kg"], item["over_kg"], item["document"]) for item in book] == [(25_000, 15_000, "JJ-2")]
    assert [(item["kg"], item["document"]) for item in whole] == [
        (25_000, "JJ-2"),
        (25_000, "JJ-1"),
        (25_000, "JJ-0"),
        (60_000, "海镁指〔2026〕1号"),
    ]
    page = (await by(LI).get("/v1/movements", params={"account": quota, "limit": 3})).json()
    rest = (await by(LI).get("/v1/movements", params={"account": quota, "after": page["next"]})).json()
    assert [item["seq"] for item in page["items"] + rest["items"]] == [4, 3, 2, 1]
    assert rest["next"] is None


async def test_a_book_is_its_owners_and_its_offices(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 50_000)
    account = (await by(TRADER_CLERK).get(f"/v1/lots/{lot}")).json()["account"]

    for person in (TRADER_CLERK, LI):
        assert (await by(person).get("/v1/movements", params={"account": account})).status_code == 200
    for person in (PAIZHAI_CLERK, STRANGER_CLERK, YINGKOU):
        assert refused(await by(person).get("/v1/movements", params={"account": account}), 404, "not-found")
    assert refused(await by(LI).get("/v1/movements", params={"account": 10**9}), 404, "not-found")


async def test_many_writers_open_one_lot(app: FastAPI, by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(by_tickets=True))).json()
    key = AccountKey(AccountKind.LOT, owner_id=cast.PAIZHAI.id, document_id=UUID(filed["id"]), grade="一级", year=2026)

    async def open_it() -> tuple[UUID, int]:
        async with app.state.database.transaction() as connection:
            return (await lots.open_lots(connection, [key], app.state.clock.now()))[key]

    assert len(set(await asyncio.gather(*(open_it() for _ in range(8))))) == 1


async def test_no_lots_are_opened_where_none_are_wanted(connection: Connection, app: FastAPI) -> None:
    assert await lots.open_lots(connection, [], app.state.clock.now()) == {}
    assert uuid4() not in await lots.held_by(connection, [], cast.TRADER.id)
