"""What is sent back out of a buyer's stock, clause by clause of W10, and told in any order (W04)."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

import migrations
from service.actions.lots import watch_refused_lots
from service.app import create_app
from service.db import Connection
from service.domain.units import shanghai_day
from service.embedded import Endpoints
from service.keys import Purpose
from service.settings import Settings
from service.verify.database import verify
from tests import cast, yard
from tests.conftest import clients_of
from tests.routes.test_tickets_transfer import contract, counted, do, look, lots, out_kg, sent_out, weigh
from tests.routes.test_weighings_correct_loads import correct

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("verified")]
By = Callable[[cast.Person], httpx.AsyncClient]
MIGRATION = (Path(migrations.__file__).parent / "versions" / "0037_back_heavier.sql").read_text(encoding="utf-8")
WAITING = """
SELECT count(*)
FROM pg_sleep(0.01)
INNER JOIN pg_stat_activity ON datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture
def now(app: FastAPI) -> datetime:
    at: datetime = app.state.clock.now()
    app.state.clock.stop_at(at)  # what is refused is refused two hours after the first of these weighings
    return at - timedelta(hours=2)


@pytest.fixture
async def bought(app: FastAPI, by: By, now: datetime) -> dict[str, Any]:
    """A ticket whose load of 31 t has come into a trader's stock ten minutes after it left the mine."""
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 1_000_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
    contract_id = await contract(app, now, buyer_id=cast.TRADER.id)
    ticket = await sent_out(by, contract_id, now)
    await weigh(by, ticket, "in", 31_000, now + timedelta(minutes=10))
    return ticket


@pytest.fixture
async def sale(app: FastAPI, by: By, bought: dict[str, Any], now: datetime) -> dict[str, Any]:
    """A ticket by which the trader sells 25 t of them to the plant; its load has not left."""
    yard_id = uuid4()
    async with app.state.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO station (id, name, jurisdiction, enterprise_id, created_at) VALUES ($1, '贸易磅', '210381', $2, $3)",
            yard_id,
            cast.TRADER.id,
            now,
        )
    (lot,) = (await by(cast.TRADER_CLERK).get("/v1/lots", params={"holder": str(cast.TRADER.id)})).json()["items"]
    terms = {
        "number": "MY-1",
        "seller_id": str(cast.TRADER.id),
        "buyer_id": str(cast.PLANT_TWO.id),
        "signed_on": now.date().isoformat(),
        "kg": 25_000,
        "grade": "LM46",
        "valid_until": f"{now.year}-12-31",
        "proof": [{"lot_id": lot["id"], "kg": 25_000}],
    }
    sold = (await by(cast.TRADER_CLERK).post("/v1/contracts", json=terms)).json()
    wish = yard.ticket_in(UUID(sold["id"]), now, plate="辽C88888", source_station_id=str(yard_id))
    ticket: dict[str, Any] = (await by(cast.TRADER_CLERK).post("/v1/tickets", json=wish)).json()
    return ticket


async def flagged(app: FastAPI, by: By) -> list[tuple[str, int | None]]:
    """Of what a gap of weights is said, and the kilograms that a lot owes, when the sweeper has looked."""
    async with app.state.database.transaction() as connection:
        await watch_refused_lots(connection, at=app.state.clock.now())
    alerts = (await by(cast.PROVINCE).get("/v1/alerts", params={"code": "weight-gap", "state": "open"})).json()["items"]
    return sorted((one["subject_kind"], one["facts"]["kg"] if one["subject_kind"] == "lot" else None) for one in alerts)


async def refuse(by: By, ticket: dict[str, Any], kg: int = 10_000) -> None:
    answer = await do(by, cast.TRADER_CLERK, ticket, "refuse-part", refused_kg=kg)
    assert answer.status_code == 200, answer.text


async def test_w10_what_lies_there_runs_back_with_its_own_weighing_and_only_then_the_quota_is_credited(
    app: FastAPI, by: By, bought: dict[str, Any], now: datetime
) -> None:
    await refuse(by, bought)
    assert (await lots(by, cast.TRADER.id), await out_kg(by, now)) == ([(21_000, 0)], 31_000)
    await weigh(by, bought, "back", 10_000, now + timedelta(hours=2))
    back = await look(by, bought)
    assert (back["number"], back["state"], back["back_kg"]) == (bought["number"], "delivered", 10_000)
    assert (await out_kg(by, now), await flagged(app, by)) == (21_000, [])


@pytest.mark.parametrize("order", ["sold refused back", "refused sold back", "refused back sold"])
async def test_w10_what_is_no_longer_there_comes_back_as_an_ordinary_movement_flagged(
    app: FastAPI, by: By, bought: dict[str, Any], sale: dict[str, Any], now: datetime, order: str
) -> None:
    """W04: the trader had sold 25 t of the 31 t before it refused 10 t, whether its scale tells of that before or after."""
    for step in order.split():
        if step == "sold":
            await weigh(by, sale, "out", 25_000, now + timedelta(minutes=20))
        elif step == "refused":
            await refuse(by, bought)
        else:
            await weigh(by, bought, "back", 10_000, now + timedelta(hours=2))
    # 6 t were there, and are credited; 4 t come out of the lot, which owes them, and lie at the seller's.
    assert await lots(by, cast.TRADER.id) == [(25_000, 29_000)]
    assert await lots(by, cast.PAIZHAI.id) == [(4_000, 0)]
    assert (await out_kg(by, now), await flagged(app, by)) == (25_000, [("lot", 4_000), ("ticket", None)])


async def test_w10_what_is_sold_after_it_was_refused_is_owed(
    app: FastAPI, by: By, bought: dict[str, Any], sale: dict[str, Any], now: datetime
) -> None:
    """All 10 t were there: the lot has 21 t then, and lets 25 t go."""
    await refuse(by, bought)
    await weigh(by, sale, "out", 25_000, now + timedelta(hours=2, seconds=30))
    await weigh(by, bought, "back", 10_000, now + timedelta(hours=2, minutes=1))
    assert (await lots(by, cast.TRADER.id), await out_kg(by, now)) == ([(21_000, 25_000)], 21_000)
    assert await flagged(app, by) == [("lot", 4_000)]


@pytest.mark.parametrize("is_sold_first", [True, False])
async def test_w10_a_truck_that_comes_back_without_a_word_brings_what_lay_there(
    app: FastAPI, by: By, bought: dict[str, Any], sale: dict[str, Any], now: datetime, *, is_sold_first: bool
) -> None:
    """W04: the arrival is cut by 6 t, the rest is an ordinary movement, whichever scale tells first."""
    if is_sold_first:
        await weigh(by, sale, "out", 25_000, now + timedelta(minutes=20))
    await weigh(by, bought, "back", 10_000, now + timedelta(minutes=60))
    if not is_sold_first:
        assert (await lots(by, cast.TRADER.id), await flagged(app, by)) == ([(21_000, 0)], [])
        await weigh(by, sale, "out", 25_000, now + timedelta(minutes=20))
    assert await lots(by, cast.TRADER.id) == [(25_000, 29_000)]
    assert await lots(by, cast.PAIZHAI.id) == [(4_000, 0)]
    assert (await out_kg(by, now), await flagged(app, by)) == (25_000, [("lot", 4_000), ("ticket", None)])


@pytest.mark.parametrize("order", ["came back", "back came"])
async def test_w10_no_more_comes_back_than_had_arrived(app: FastAPI, by: By, now: datetime, order: str) -> None:
    """W02, W04: the scales differ by 100 kg; what was lost on the way stays lost, and nobody owes it."""
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 1_000_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
    contract_id = await contract(app, now, buyer_id=cast.TRADER.id)
    load = await sent_out(by, contract_id, now)
    told = {"came": ("in", 30_900, 10), "back": ("back", 31_000, 60)}
    for direction, kg, minutes in map(told.__getitem__, order.split()):
        await weigh(by, load, direction, kg, now + timedelta(minutes=minutes))
    assert (await lots(by, cast.TRADER.id), await lots(by, cast.PAIZHAI.id)) == ([(0, 0)], [])
    assert (await counted(by, contract_id), await out_kg(by, now)) == ((31_000, 0), 100)
    assert ((await look(by, load))["back_kg"], await flagged(app, by)) == (31_000, [])


@pytest.mark.parametrize("is_sold_first", [True, False])
async def test_w10_of_a_lot_that_was_sold_no_more_comes_back_than_had_arrived(
    app: FastAPI, by: By, bought: dict[str, Any], sale: dict[str, Any], now: datetime, *, is_sold_first: bool
) -> None:
    """W04, W09: 31 t had arrived and 25 t were gone, whichever scale tells first; what is said beyond them moves nothing."""
    steps = [(sale, "out", 25_000, 20), (bought, "back", 31_080, 60)]
    for ticket, direction, kg, minutes in steps if is_sold_first else reversed(steps):
        await weigh(by, ticket, direction, kg, now + timedelta(minutes=minutes))
    await correct(by, bought, "back", 31_050)
    assert (await lots(by, cast.TRADER.id), await lots(by, cast.PAIZHAI.id)) == ([(25_000, 50_000)], [(25_000, 0)])
    assert (await counted(by, bought["contract_id"]))[1] == 0
    assert (await out_kg(by, now), await flagged(app, by)) == (25_000, [("lot", 25_000), ("ticket", None)])


async def test_w10_a_contract_of_an_older_book_is_brought_to_what_its_tickets_come_to(
    app: FastAPI, by: By, bought: dict[str, Any], now: datetime
) -> None:
    """Until then 80 kg were received less than nothing; a contract without such a load is not looked at."""
    other = await contract(app, now)
    await weigh(by, bought, "back", 31_080, now + timedelta(minutes=60))
    says = "UPDATE contract SET received_kg = $2 WHERE id = $1"
    async with app.state.database.pool.acquire() as connection:
        await connection.execute(says, bought["contract_id"], -80)
        await connection.execute(says, other, 5)
        assert len(await differences(app, connection)) == 2
        await connection.execute(MIGRATION)
        [found] = await differences(app, connection)
        assert "counts 0 kg shipped and 5 kg received" in found
        await connection.execute(says, other, 0)


async def differences(app: FastAPI, connection: Connection) -> list[str]:
    """What the auditor finds."""
    found = await verify(connection, app.state.keys.public_keys(Purpose.LEDGER), lambda _: None)
    return [str(one) for one in found]


SOLD = {"sold": ("out", 25_000, 20)}
AWAY = {**SOLD, "returned": ("back", 25_000, 130)}
BACK_BEFORE = {**SOLD, "returned": ("back", 25_000, 60)}
IN_PART = {**SOLD, "came": ("in", 25_000, 40), "returned": ("back", 8_000, 130)}


@pytest.mark.parametrize(
    ("told", "order", "trader", "seller", "quota_kg"),
    [
        (AWAY, "sold refused back returned", (25_000, 4_000), [(4_000, 0)], 25_000),
        (AWAY, "returned sold refused back", (25_000, 4_000), [(4_000, 0)], 25_000),
        (AWAY, "refused back returned sold", (25_000, 4_000), [(4_000, 0)], 25_000),
        (IN_PART, "refused back came returned sold", (25_000, 21_000), [(4_000, 0)], 25_000),
        (BACK_BEFORE, "sold refused back returned", (21_000, 0), [], 21_000),
        (SOLD, "sold refused back taken-back", (21_000, 0), [], 21_000),
    ],
)
async def test_w10_what_was_on_the_road_when_some_was_refused_lay_there_no_longer(
    app: FastAPI,
    by: By,
    bought: dict[str, Any],
    sale: dict[str, Any],
    now: datetime,
    told: dict[str, tuple[str, int, int]],
    order: str,
    trader: tuple[int, int],
    seller: list[tuple[int, int]],
    quota_kg: int,
) -> None:
    """W04, W09: though the sale came back later, and whenever that is told; what never left, or was back before, lay there."""
    ids = {}
    for step in order.split():
        if step == "refused":
            await refuse(by, bought)
        elif step == "back":
            await weigh(by, bought, "back", 10_000, now + timedelta(hours=2))
        elif step == "taken-back":
            listed = (await by(cast.LI).get("/v1/weighings")).json()["items"]
            [sold] = [one["id"] for one in listed if one["record_id"] == ids["sold"]]
            void = await by(cast.LI).post(f"/v1/weighings/{sold}/void", json={"reason": "误记"})
            assert void.status_code == 200, void.text
        else:
            direction, kg, minutes = told[step]
            person = cast.PLANT_TWO_DEVICE if direction == "in" else cast.BRIDGE_7_DEVICE
            ids[step] = (await weigh(by, sale, direction, kg, now + timedelta(minutes=minutes), person))["id"]
    assert await lots(by, cast.TRADER.id) == [trader]
    assert [kept for kept in await lots(by, cast.PAIZHAI.id) if kept != (0, 0)] == seller
    assert (await out_kg(by, now), await flagged(app, by)) == (quota_kg, [("ticket", None)] if seller else [])


async def test_w10_a_run_that_is_filed_late_had_taken_what_was_refused(app: FastAPI, by: By, now: datetime) -> None:
    """P02: yesterday's ore was there no longer; taken back, the run leaves all of the refused load in stock."""
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 1_000_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
    contract_id = await contract(app, now)
    load = await sent_out(by, contract_id, now)
    await weigh(by, load, "in", 31_000, now + timedelta(minutes=10))
    assert (await do(by, cast.PLANT_CLERK, load, "refuse-part", refused_kg=10_000)).status_code == 200
    wish = yard.ticket_in(contract_id, now, plate="辽C77777")
    other = (await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wish)).json()
    await weigh(by, other, "out", 30_000, now + timedelta(minutes=20))
    await weigh(by, other, "in", 30_000, now + timedelta(hours=2, seconds=30))
    assert await lots(by, cast.PLANT_TWO.id) == [(51_000, 0)]

    (lot,) = (await by(cast.PLANT_CLERK).get("/v1/lots")).json()["items"]
    line = {"enterprise_id": str(cast.PLANT_TWO.id), "name": "一号窑", "kind": "light_burnt", "kiln": "shaft"}
    line_id = (await by(cast.LI).post("/v1/lines", json={**line, "status": "running", "ore_per_product": 2})).json()[
        "id"
    ]
    run = {
        "number": "JG-1",
        "line_id": line_id,
        "ran_on": str(shanghai_day(now - timedelta(days=1))),
        "inputs": [{"lot_id": lot["id"], "kg": 25_000}],
        "outputs": [{"kind": "product", "name": "轻烧粉", "kg": 12_500}],
    }
    filed = await by(cast.PLANT_CLERK).post("/v1/runs", json=run)
    assert filed.status_code == 201, filed.text
    ore = [(kg, gone) for kg, gone in await lots(by, cast.PLANT_TWO.id) if kg != 12_500]
    assert (ore, await flagged(app, by)) == ([(55_000, 29_000)], [("ticket", None)])

    void = await by(cast.PLANT_CLERK).post(f"/v1/runs/{filed.json()['id']}/void", json={"reason": "重复申报"})
    assert void.status_code == 200, void.text
    ore = [(kg, gone) for kg, gone in await lots(by, cast.PLANT_TWO.id) if kg]
    assert (ore, await flagged(app, by)) == ([(51_000, 0)], [])


@pytest.mark.parametrize("is_sold_first", [True, False])
async def test_w10_two_processes_tell_of_one_lot_at_the_same_moment(
    app: FastAPI,
    by: By,
    settings: Settings,
    stage_endpoints: Endpoints,
    bought: dict[str, Any],
    sale: dict[str, Any],
    now: datetime,
    *,
    is_sold_first: bool,
) -> None:
    """W04: both have seen the lot before the other posted; the end is that of one after the other, without a sweep."""
    other = create_app(settings, stage_endpoints)
    async with other.router.lifespan_context(other), clients_of(other) as by_other:
        other.state.clock.stop_at(app.state.clock.now())
        deeds = [weigh(by_other, sale, "out", 25_000, now + timedelta(minutes=20)), refuse(by, bought)]
        pool = app.state.database.pool
        async with pool.acquire() as holder, pool.acquire() as looker:
            held = holder.transaction()
            await held.start()
            await holder.fetch("SELECT FROM head FOR UPDATE")
            told = []
            for waiting, deed in enumerate(deeds if is_sold_first else reversed(deeds), 1):
                told.append(asyncio.create_task(deed))
                while await looker.fetchval(WAITING) < waiting:
                    pass  # it waits for the head, and has read before all that it needs to know
            await held.rollback()
        await asyncio.gather(*told)
    assert await lots(by, cast.TRADER.id) == [(25_000, 29_000)]
    await weigh(by, bought, "back", 10_000, now + timedelta(hours=2))
    assert await lots(by, cast.PAIZHAI.id) == [(4_000, 0)]
    assert (await out_kg(by, now), await flagged(app, by)) == (25_000, [("lot", 4_000), ("ticket", None)])
