"""Slips with and without tickets under them: whatever is sent, in whatever order, kilograms count once (R24)."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.keys import Purpose
from service.verify.database import verify
from tests import cast
from tests.cast import BRIDGE_7_DEVICE, LI, PAIZHAI_CLERK, STRANGER_CLERK
from tests.routes.filing import ON_DAY_1, at, issue, refused, slip

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]

NOON = datetime(2026, 3, 3, 4, tzinfo=UTC)
QUOTA = f"/v1/mines/{cast.PAIZHAI_MINE}/quota?year=2026"
_sequence = count(1)


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture
async def plant(app: FastAPI, by: By) -> cast.Person:
    """The scale at the gate of Paizhai's own plant; 100 t of quota."""
    at(app, ON_DAY_1)
    await issue(app, 100_000)
    body = {"name": "自用厂磅", "jurisdiction": "210381", "enterprise_id": str(cast.PAIZHAI.id)}
    station = (await by(LI).post("/v1/stations", json=body)).json()["id"]
    return cast.Person(uuid4(), "own-gate", "自用厂磅", cast.Role.STATION, station_id=station)


def record(ticket: dict[str, Any], direction: str, kg: int, hours: float) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "sequence": next(_sequence),
        "ticket": ticket["number"],
        "direction": direction,
        "plate": ticket["plate"],
        "gross_kg": 15_000 + kg,
        "tare_kg": 15_000,
        "weighed_at": (NOON + timedelta(hours=hours)).isoformat(),
    }


async def ticket(by: By, plant: cast.Person, slip_id: str, plate: str) -> dict[str, Any]:
    body = {
        "slip_id": slip_id,
        "plate": plate,
        "planned_kg": 31_000,
        "grade": "一级",
        "source_station_id": str(cast.BRIDGE_7),
        "destination_station_id": str(plant.station_id),
        "valid_from": NOON.isoformat(),
        "valid_until": (NOON + timedelta(days=1)).isoformat(),
    }
    answer = await by(PAIZHAI_CLERK).post("/v1/tickets", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def send(by: By, who: cast.Person, *records: dict[str, Any]) -> list[str]:
    answer = (await by(who).post("/v1/weighings", json={"records": list(records)})).json()
    return [result["status"] for result in answer["results"]]


async def figures(by: By) -> tuple[int, int, int]:
    found = (await by(PAIZHAI_CLERK).get(QUOTA)).json()
    return found["out_kg"], found["held_kg"], found["contracted_kg"]


async def audited(app: FastAPI) -> list[str]:
    async with app.state.database.pool.acquire() as connection:
        found = await verify(connection, app.state.keys.public_keys(Purpose.LEDGER), lambda _: None)
        return [str(one) for one in found]


async def test_r24_a_slip_by_tickets_counts_its_loads_and_not_itself(app: FastAPI, by: By, plant: cast.Person) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=62_000, by_tickets=True))).json()
    assert await figures(by) == (0, 0, 62_000)
    first, second = [await ticket(by, plant, filed["id"], plate) for plate in ("辽C11111", "辽C22222")]
    assert await figures(by) == (0, 62_000, 62_000)
    at(app, "2026-03-03T23:00:00+08:00")
    out, arrived = record(first, "out", 31_000, 1), record(first, "in", 30_950, 2)
    assert await send(by, BRIDGE_7_DEVICE, out, out) == ["accepted", "duplicate"]
    assert await send(by, plant, arrived) == ["accepted"]
    assert await figures(by) == (31_000, 31_000, 31_000)
    again = await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=62_000, by_tickets=True))
    await send(by, BRIDGE_7_DEVICE, out)
    await send(by, BRIDGE_7_DEVICE, record(second, "out", 31_000, 3))

    assert (again.status_code, again.json()["handed_kg"]) == (200, 31_000)
    assert await figures(by) == (62_000, 0, 0)
    lots = (await by(PAIZHAI_CLERK).get("/v1/lots")).json()["items"]
    assert [(lot["document"]["kind"], lot["in_kg"]) for lot in lots] == [("slip", 30_950)]
    assert (await by(LI).get(f"/v1/slips/{filed['id']}")).json()["handed_kg"] == 62_000
    assert await audited(app) == []
    for person, directions in ((PAIZHAI_CLERK, ["out", "in", "out"]), (LI, ["out", "in", "out"]), (plant, ["in"])):
        listed = (await by(person).get("/v1/weighings")).json()["items"]
        assert [one["direction"] for one in listed] == directions
    only = (await by(LI).get("/v1/weighings", params={"ticket": second["id"]})).json()["items"]
    assert [(one["net_kg"], one["ticket"], one["status"]) for one in only] == [(31_000, second["number"], "accepted")]
    assert (await by(STRANGER_CLERK).get("/v1/weighings")).json()["items"] == []


async def test_r24_a_slip_without_tickets_counts_itself_and_takes_no_tickets(
    app: FastAPI, by: By, plant: cast.Person
) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=31_000))).json()
    body = {
        "slip_id": filed["id"],
        "plate": "辽C11111",
        "planned_kg": 31_000,
        "grade": "一级",
        "source_station_id": str(cast.BRIDGE_7),
        "destination_station_id": str(plant.station_id),
        "valid_from": NOON.isoformat(),
        "valid_until": (NOON + timedelta(days=1)).isoformat(),
    }
    answer = await by(PAIZHAI_CLERK).post("/v1/tickets", json=body)

    assert refused(answer, 409, "slip-goes-without-tickets")
    assert filed["handed_kg"] == 31_000
    assert await figures(by) == (31_000, 0, 0)


async def test_r24_the_same_paper_is_not_filed_once_each_way(by: By, plant: cast.Person) -> None:
    await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=31_000, by_tickets=True))
    other_way = await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=31_000))

    assert refused(other_way, 409, "slip-already-filed")
    assert (await figures(by))[0] == 0


@pytest.mark.parametrize("seed", range(3))
async def test_r24_w04_in_any_order_and_however_often_it_is_counted_once(
    app: FastAPI, by: By, plant: cast.Person, seed: int
) -> None:
    chance = random.Random(seed)
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=90_000, by_tickets=True))).json()
    tickets = [await ticket(by, plant, filed["id"], f"辽C1000{number}") for number in range(3)]
    whole = slip(number="JJ-2", kg=5_000)
    at(app, "2026-03-03T23:00:00+08:00")
    deeds: list[Callable[[], Any]] = [lambda: by(PAIZHAI_CLERK).post("/v1/slips", json=whole)] * 3
    for turn, one in enumerate(tickets):
        out, arrived = record(one, "out", 30_000 + turn, 1 + turn), record(one, "in", 30_000, 2 + turn)
        deeds += [lambda out=out: send(by, BRIDGE_7_DEVICE, out), lambda arrived=arrived: send(by, plant, arrived)] * 2
    chance.shuffle(deeds)
    for start in range(0, len(deeds), 4):
        await asyncio.gather(*(deed() for deed in deeds[start : start + 4]))

    assert await figures(by) == (95_003, 0, 0)
    seen = (await by(LI).get("/v1/slips")).json()["items"]
    assert {one["number"]: one["handed_kg"] for one in seen} == {"JJ-1": 90_003, "JJ-2": 5_000}
    lots = (await by(PAIZHAI_CLERK).get("/v1/lots")).json()["items"]
    assert sorted(lot["in_kg"] for lot in lots) == [5_000, 90_000]
    assert await audited(app) == []
