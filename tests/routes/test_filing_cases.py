"""What real life does to filed contracts, from the paper to the scale and back (edge cases)."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.actions.contracts import flag_overdue
from service.actions.overdraws import report_overdraws
from service.domain.changes import Void
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.units import Kilograms
from service.keys import Purpose
from service.store import ledger, lots
from tests import cast
from tests.cast import ANSHAN, BRIDGE_7_DEVICE, LI, PAIZHAI_CLERK, PLANT_CLERK, PLANT_TWO_DEVICE, TRADER_CLERK
from tests.routes.filing import ON_DAY_1, alerts, at, contract, from_stock, refused, trader_lot
from tests.routes.quota import allot, base, fill_pools
from tests.routes.test_slips_loads import audited, record

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]

NOON = datetime(2026, 3, 3, 4, tzinfo=UTC)


@pytest.fixture
def begins_at() -> str:
    return "2026-03-03T09:00:00+08:00"


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI, by: By) -> None:
    at(app, ON_DAY_1)
    await fill_pools(by)
    await allot(by(ANSHAN), base(1_000_000))


async def filed(by: By, **changes: Any) -> str:
    for clerk in (PAIZHAI_CLERK, PLANT_CLERK):
        answer = await by(clerk).post("/v1/contracts", json=contract(**changes))
    assert answer.json()["state"] == "filed", answer.text
    return f"/v1/contracts/{answer.json()['id']}"


async def ticket(by: By, path: str, **changes: Any) -> dict[str, Any]:
    body = {
        "contract_id": path.rsplit("/", maxsplit=1)[-1],
        "plate": "辽C12345",
        "planned_kg": 31_000,
        "grade": "一级",
        "source_station_id": str(cast.BRIDGE_7),
        "destination_station_id": str(cast.PLANT_TWO_GATE),
        "valid_from": NOON.isoformat(),
        "valid_until": (NOON + timedelta(days=1)).isoformat(),
        **changes,
    }
    answer = await by(PAIZHAI_CLERK).post("/v1/tickets", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def weigh(by: By, device: cast.Person, told: dict[str, Any]) -> list[str]:
    answer = (await by(device).post("/v1/weighings", json={"records": [told]})).json()["results"][0]
    assert answer["status"] == "accepted", answer
    return [flag for flag in answer["flags"] if flag not in ("sequence-gap", "clock-skew")]


async def carry(by: By, path: str, kg: int, hours: float = 1, **changes: Any) -> list[str]:
    made = await ticket(by, path, **changes)
    flags = await weigh(by, BRIDGE_7_DEVICE, record(made, "out", kg, hours))
    await weigh(by, PLANT_TWO_DEVICE, record(made, "in", kg, hours + 0.5))
    return flags


async def pass_on(app: FastAPI, contract_id: str, source: UUID, holder: UUID, kg: int) -> UUID:
    """Let kilograms of a lot arrive in a lot of another holder, under a contract."""
    now = app.state.clock.now()
    async with app.state.database.transaction() as connection:
        key = AccountKey(AccountKind.LOT, owner_id=holder, document_id=UUID(contract_id), grade="一级", year=2026)
        target, account = (await lots.open_lots(connection, [key], now))[key]
        given = await connection.fetchval("SELECT account FROM lot WHERE id = $1", source)
        movement = uuid4()
        moved = Movement(movement, movement, given, account, Kilograms(kg), now, bytes(32))
        await ledger.append(connection, [moved], at=now, sign=app.state.keys.current(Purpose.LEDGER))
        return target


async def agree(by: By, path: str, **terms: Any) -> None:
    body = {"agreed_on": "2026-03-03", "reason": "补充协议", **terms}
    amendment = (await by(PAIZHAI_CLERK).post(f"{path}/amendments", json=body)).json()
    answer = await by(PLANT_CLERK).post(f"{path}/amendments/{amendment['id']}/confirm")
    assert answer.json()["state"] == "agreed", answer.text


async def test_w08_e20_the_load_that_crosses_is_flagged_and_an_amendment_cures_it(app: FastAPI, by: By) -> None:
    path = await filed(by, kg=50_000)
    at(app, "2026-03-03T23:00:00+08:00")
    assert await carry(by, path, 31_000) == []
    assert await carry(by, path, 31_000, 3) == ["contract-overshipped"]
    [crossing] = await alerts(by, code="contract-overshipped")
    assert (crossing["state"], crossing["facts"]["over_kg"]) == ("open", 12_000)
    assert (await by(LI).get(path)).json()["flags"] == ["contract-overshipped"]
    await agree(by, path, kg=62_000)

    seen = (await by(LI).get(path)).json()
    assert (seen["kg"], seen["shipped_kg"], seen["flags"]) == (62_000, 62_000, [])
    assert [one["state"] for one in await alerts(by, code="contract-overshipped")] == ["settled"]
    weighed = (await by(LI).get("/v1/weighings")).json()["items"]
    assert next(one["flags"] for one in weighed if one["direction"] == "out") == [
        "sequence-gap",
        "contract-overshipped",
    ], "history kept"
    assert await audited(app) == []


async def test_e6_e21_a_contract_with_shipments_ends_with_what_was_shipped(app: FastAPI, by: By) -> None:
    path = await filed(by)
    at(app, "2026-03-03T23:00:00+08:00")
    await carry(by, path, 31_000)
    on_the_road = await ticket(by, path, plate="辽C99999")
    assert refused(await by(PAIZHAI_CLERK).post(f"{path}/close"), 409, "tickets-still-open")
    await weigh(by, BRIDGE_7_DEVICE, record(on_the_road, "out", 30_000, 4))
    closed = (await by(PAIZHAI_CLERK).post(f"{path}/close")).json()
    await weigh(by, PLANT_TWO_DEVICE, record(on_the_road, "in", 30_000, 5))
    quota = (await by(PAIZHAI_CLERK).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota?year=2026")).json()
    after = (await by(LI).get(path)).json()

    assert (closed["state"], closed["shipped_kg"], closed["received_kg"]) == ("closed", 61_000, 31_000)
    assert (after["received_kg"], quota["contracted_kg"]) == (61_000, 0)
    assert refused(
        await by(PAIZHAI_CLERK).post("/v1/tickets", json={**on_the_road_body(path), "plate": "辽C88888"}),
        409,
        "contract-is-closed",
    )
    assert await audited(app) == []


def on_the_road_body(path: str) -> dict[str, Any]:
    return {
        "contract_id": path.rsplit("/", maxsplit=1)[-1],
        "planned_kg": 31_000,
        "grade": "一级",
        "source_station_id": str(cast.BRIDGE_7),
        "destination_station_id": str(cast.PLANT_TWO_GATE),
        "valid_from": NOON.isoformat(),
        "valid_until": (NOON + timedelta(days=1)).isoformat(),
    }


async def test_e21_a_later_end_cures_a_load_after_the_contract_expired(app: FastAPI, by: By) -> None:
    path = await filed(by, valid_until="2026-03-03")
    at(app, "2026-03-04T11:00:00+08:00")
    assert await carry(by, path, 31_000, 17) == ["contract-expired"]
    assert [one["state"] for one in await alerts(by, code="contract-expired")] == ["open"]
    await agree(by, path, valid_until="2026-12-31")

    assert [one["state"] for one in await alerts(by, code="contract-expired")] == ["settled"]


async def test_r26_e22_loads_before_filing_are_allowed_and_all_flagged_on_day_16(app: FastAPI, by: By) -> None:
    first = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    path = f"/v1/contracts/{first['id']}"
    at(app, "2026-03-03T23:00:00+08:00")
    assert await carry(by, path, 31_000) == []
    now = at(app, "2026-03-18T00:00:00+08:00")
    async with app.state.database.transaction() as connection:
        await flag_overdue(connection, at=now)
    [overdue] = await alerts(by, code="filing-overdue")
    assert (overdue["facts"]["loads"], overdue["facts"]["shipped_kg"]) == (1, 31_000)
    day_16 = datetime(2026, 3, 17, 16, tzinfo=UTC)
    late = {"valid_from": day_16.isoformat(), "valid_until": (day_16 + timedelta(days=1)).isoformat()}
    hours = (day_16 - NOON).total_seconds() / 3600
    assert await carry(by, path, 31_000, hours, **late) == ["filing-overdue"]


async def test_e42_a_trader_that_sells_more_than_proven_ships_the_rest_without_origin(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 40_000)
    sold = from_stock((lot, 40_000), number="MY-1", kg=40_000)
    again = from_stock((lot, 30_000), number="MY-2", kg=30_000)
    for body in (sold, again):
        for clerk in (TRADER_CLERK, PLANT_CLERK):
            answer = await by(clerk).post("/v1/contracts", json=body)
    seen = (await by(PLANT_CLERK).get(f"/v1/contracts/{answer.json()['id']}/origins")).json()
    partly = from_stock((lot, 1), number="MY-3", kg=5_000)
    mine = (await by(TRADER_CLERK).post("/v1/contracts", json=partly)).json()
    bare = (await by(PLANT_CLERK).get(f"/v1/contracts/{mine['id']}/origins")).json()

    assert answer.json()["flags"] == ["origin-overpledged"]
    assert (seen["kg"], seen["beyond_lots_kg"], seen["unnamed_kg"]) == (0, 30_000, 0)
    assert (bare["kg"], bare["beyond_lots_kg"], bare["unnamed_kg"]) == (0, 1, 4_999)


async def test_e41_e43_ore_that_goes_round_keeps_its_origins_and_grows_by_nothing(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 40_000)
    there = from_stock((lot, 40_000), number="MY-1", kg=40_000)
    for clerk in (TRADER_CLERK, PLANT_CLERK):
        out = (await by(clerk).post("/v1/contracts", json=there)).json()
    second = await pass_on(app, out["id"], lot, cast.PLANT_TWO.id, 40_000)
    back = contract(
        number="HF-1", seller_id=str(cast.PLANT_TWO.id), buyer_id=str(cast.TRADER.id), mine_id=None, kg=40_000
    )
    back["proof"] = [{"lot_id": str(second), "kg": 40_000}]
    for clerk in (PLANT_CLERK, TRADER_CLERK):
        answer = (await by(clerk).post("/v1/contracts", json=back)).json()
    seen = (await by(TRADER_CLERK).get(f"/v1/contracts/{answer['id']}/origins")).json()

    assert (seen["kg"], seen["proven_kg"], seen["unproven_kg"]) == (40_000, 40_000, 0)
    assert [(one["mine"], one["kg"]) for one in seen["origins"]] == [("排寨矿", 40_000)]
    assert cast.TRADER.name not in str(seen)


async def test_e43_ore_that_comes_from_itself_has_no_origin_and_is_told(app: FastAPI, by: By) -> None:
    """E43, design §2.1: a lot's ore is sold on, its own delivery is taken back, and what was sold on comes back to cover it."""
    first = await trader_lot(app, by, "HT-9", 40_000)
    there = from_stock((first, 40_000), number="MY-1", kg=40_000)
    for clerk in (TRADER_CLERK, PLANT_CLERK):
        out = (await by(clerk).post("/v1/contracts", json=there)).json()
    second = await pass_on(app, out["id"], first, cast.PLANT_TWO.id, 40_000)
    now, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    async with app.state.database.transaction() as connection:
        sold, bought = [
            await connection.fetchval("SELECT account FROM lot WHERE id = $1", lot) for lot in (second, first)
        ]
        delivery = await connection.fetchval("SELECT movement FROM leg WHERE target = $1", bought)
        await ledger.revise(connection, [Void([delivery], now, bytes(32))], at=now, sign=sign)
        back = uuid4()
        moved = Movement(back, back, sold, bought, Kilograms(30_000), now, bytes(32))
        posted = await ledger.append(connection, [moved], at=now, sign=sign)
        await report_overdraws(connection, posted, at=now)

    (told,) = await alerts(by, code="origin-circular", state="open")
    assert (told["subject_kind"], told["subject_id"], told["facts"]["kg"]) == ("lot", str(first), 30_000)
    assert (await by(LI).get(f"/v1/provenance/lots/{first}")).json()["proven_kg"] == 0
    settled = await by(LI).post(f"/v1/alerts/{told['id']}/settle", json={"note": "补录合法来源"})
    assert settled.status_code == 204


async def test_the_origins_of_a_proof_are_the_parties_and_the_offices(app: FastAPI, by: By) -> None:
    """R23: the buyer sees mines, tranches and kilograms before it confirms; strangers see nothing."""
    lot = await trader_lot(app, by, "HT-9", 40_000)
    sold = (await by(TRADER_CLERK).post("/v1/contracts", json=from_stock((lot, 30_000), kg=50_000))).json()
    path = f"/v1/contracts/{sold['id']}/origins"
    for person in (PLANT_CLERK, TRADER_CLERK, LI):
        seen = (await by(person).get(path)).json()
        assert (seen["kg"], seen["proven_kg"], seen["unnamed_kg"]) == (30_000, 30_000, 20_000)
    for person in (cast.STRANGER_CLERK, PAIZHAI_CLERK, cast.YINGKOU):
        assert refused(await by(person).get(path), 404, "not-found")


async def test_e53_the_origins_of_a_proof_as_of_a_time_stay_whatever_is_taken_back_later(app: FastAPI, by: By) -> None:
    """A delivery that is voided and a contract that is closed later change nothing of what was known before (E53)."""
    at(app, "2026-03-03T09:00:00+08:00")
    lot = await trader_lot(app, by, "HT-9", 40_000)
    at(app, "2026-03-03T10:00:00+08:00")
    sold = (await by(TRADER_CLERK).post("/v1/contracts", json=from_stock((lot, 30_000), kg=50_000))).json()
    path = f"/v1/contracts/{sold['id']}/origins"
    then = (await by(PLANT_CLERK).get(path)).json()
    now = at(app, "2026-03-03T11:00:00+08:00")
    async with app.state.database.transaction() as connection:
        delivery = await connection.fetchval(
            "SELECT movement FROM leg WHERE target = (SELECT account FROM lot WHERE id = $1)", lot
        )
        sign = app.state.keys.current(Purpose.LEDGER)
        await ledger.revise(connection, [Void([delivery], now, bytes(32))], at=now, sign=sign)

    async def seen(moment: str) -> Any:
        return (await by(PLANT_CLERK).get(path, params={"as_of": f"2026-03-03T{moment}+08:00"})).json()

    voided = (await by(PLANT_CLERK).get(path)).json()
    assert (voided["kg"], voided["beyond_lots_kg"], voided["unnamed_kg"]) == (0, 30_000, 20_000)
    at(app, "2026-03-03T12:00:00+08:00")
    assert (await by(TRADER_CLERK).post(f"/v1/contracts/{sold['id']}/close")).is_success
    assert (then["kg"], then["proven_kg"], then["unnamed_kg"]) == (30_000, 30_000, 20_000)
    assert await seen("10:30:00") == then
    assert await seen("11:30:00") == voided
    early = await by(PLANT_CLERK).get(path, params={"as_of": "2026-03-03T09:30:00+08:00"})
    assert refused(early, 404, "not-found"), "there was no such contract"


@pytest.mark.parametrize(
    ("said", "flags"), [("LM46", []), ("一级品", []), ("二级", ["grade-mismatch"]), ("甲", ["grade-mismatch"])]
)
async def test_e46_grades_are_compared_by_their_band(app: FastAPI, by: By, said: str, flags: list[str]) -> None:
    path = await filed(by)
    at(app, "2026-03-03T23:00:00+08:00")
    made = await ticket(by, path, grade="一级矿")
    told = {**record(made, "out", 31_000, 1), "grade": said}

    assert await weigh(by, BRIDGE_7_DEVICE, told) == flags


async def test_r22c_names_of_one_grade_are_no_mismatch(by: By) -> None:
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(grade="一级品"))
    answer = (await by(PLANT_CLERK).post("/v1/contracts", json=contract(grade="LM46"))).json()

    assert (answer["state"], answer["grade"]) == ("filed", "一级品")
    assert [side["terms"]["grade"] for side in answer["filings"]] == ["一级品", "LM46"], "as each side has filed"


async def test_o01_what_was_contracted_then_is_told_as_it_was_then(app: FastAPI, by: By) -> None:
    """E53: the seller's terms count where the sides differ, now and as of any day; amendments count from their day."""
    quota = f"/v1/mines/{cast.PAIZHAI_MINE}/quota"
    await by(PLANT_CLERK).post("/v1/contracts", json=contract(kg=90_000))
    at(app, "2026-03-04T09:00:00+08:00")
    path = f"/v1/contracts/{(await by(PAIZHAI_CLERK).post('/v1/contracts', json=contract())).json()['id']}"
    at(app, "2026-03-05T09:00:00+08:00")
    await by(PLANT_CLERK).post("/v1/contracts", json=contract())
    at(app, "2026-03-06T09:00:00+08:00")
    await agree(by, path, kg=150_000)
    at(app, "2026-03-06T13:00:00+08:00")
    told = {}
    for day in range(3, 7):
        asked = {"year": 2026, "as_of": f"2026-03-0{day}T12:00:00+08:00"}
        told[day] = (await by(LI).get(quota, params=asked)).json()["contracted_kg"]

    assert told == {3: 90_000, 4: 100_000, 5: 100_000, 6: 150_000}
    assert (await by(LI).get(quota, params={"year": 2026})).json()["contracted_kg"] == 150_000


async def test_an_amendment_is_agreed_once_however_many_confirm(by: By) -> None:
    path = await filed(by)
    body = {"agreed_on": "2026-03-03", "reason": "补充协议", "kg": 120_000}
    proposals = await asyncio.gather(
        *(by(clerk).post(f"{path}/amendments", json=body) for clerk in (PAIZHAI_CLERK, PLANT_CLERK) * 4)
    )
    first = next(answer.json()["id"] for answer in proposals if answer.status_code == 201)
    confirms = await asyncio.gather(*(by(PLANT_CLERK).post(f"{path}/amendments/{first}/confirm") for _ in range(4)))
    seen = (await by(LI).get(path)).json()

    assert {answer.status_code for answer in proposals} <= {201, 409}
    assert {answer.status_code for answer in confirms} <= {200, 409}
    assert (seen["kg"], [side["version"] for side in seen["filings"]]) == (120_000, [2, 2])
    listed = (await by(LI).get(f"{path}/amendments")).json()["items"]
    assert [one["state"] for one in listed] == ["agreed"]
