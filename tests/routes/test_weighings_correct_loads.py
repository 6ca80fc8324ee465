"""Corrections of weighings whose kilograms hang on other weighings, and on what people did to the load (W09, W10)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from service.domain.units import shanghai_day
from service.embedded import Endpoints
from service.keys import Purpose
from service.verify.database import verify
from tests import cast
from tests.routes.test_tickets_transfer import do, look, lots, out_kg, sent_out, weigh

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]
BEGAN_AGO = timedelta(hours=2)


async def audit(app: FastAPI) -> list[str]:
    async with app.state.database.pool.acquire() as connection:
        found = await verify(connection, app.state.keys.public_keys(Purpose.LEDGER), lambda _: None)
    return [f"{one.check}: {one.message}" for one in found]


async def correct(by: By, ticket: dict[str, Any], direction: str, net_kg: int) -> list[str]:
    """Say other weights of the ticket's weighing that way; gives what the scale's record is flagged for then."""
    listed = (await by(cast.LI).get("/v1/weighings", params={"ticket": ticket["id"]})).json()["items"]
    [id_] = [one["id"] for one in listed if one["direction"] == direction]
    body = {"gross_kg": 15_000 + net_kg, "tare_kg": 15_000, "reason": "读错一位"}
    answer = await by(cast.LI).post(f"/v1/weighings/{id_}/correct", json=body)
    assert answer.status_code == 200, answer.text
    flags: list[str] = answer.json()["flags"]
    return flags


async def gaps(by: By) -> list[str]:
    found = (await by(cast.LI).get("/v1/alerts?code=weight-gap&state=open")).json()["items"]
    return [one["subject_id"] for one in found]


async def test_w09_w10_a_load_that_came_back_heavier_than_it_left_is_corrected(
    app: FastAPI, stage_endpoints: Endpoints, by: By, contract_id: UUID, now: datetime
) -> None:
    """What was on board came back under either weight, and the auditor says so; what was never posted he still finds."""
    load = await sent_out(by, contract_id, now)
    await weigh(by, load, "back", 31_100, now + timedelta(hours=1))
    assert (await correct(by, load, "back", 31_060), await out_kg(by, now)) == ([], 0)
    assert (await look(by, load))["back_kg"] == 31_060
    assert await audit(app) == []
    # The load was lighter than both, and then not, and is told once more.
    assert (await correct(by, load, "out", 31_050), await out_kg(by, now)) == ([], 0)
    await correct(by, load, "back", 31_020)
    assert await out_kg(by, now) == 30
    await correct(by, load, "back", 31_070)
    assert (await out_kg(by, now), await audit(app)) == (0, [])

    owner = await asyncpg.connect(stage_endpoints.owner_database_url)
    await owner.execute(
        "UPDATE weighing_version SET gross_kg = gross_kg - 80, net_kg = net_kg - 80 WHERE version = 2 AND reason IS NOT NULL"
        " AND weighing_id = (SELECT id FROM weighing WHERE direction = 'back')"
    )
    await owner.close()
    assert any("no entry binds version 2" in one for one in await audit(app))


async def test_w09_w10_what_was_refused_came_back_heavier_and_is_corrected(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """A part of it lay in the lot no longer: it came anew, and stays so."""
    load = await sent_out(by, contract_id, now)
    await weigh(by, load, "in", 31_000, now + timedelta(minutes=10))
    [lot] = (await by(cast.PLANT_CLERK).get("/v1/lots")).json()["items"]
    count = {"lot_id": lot["id"], "counted_kg": 30_400, "counted_on": str(shanghai_day(now)), "reason": "盘亏"}
    filed = await by(cast.PLANT_CLERK).post("/v1/stocktakes", json={**count, "document_no": "盘点〔2026〕3号"})
    decided = await by(cast.LI).post(f"/v1/stocktakes/{filed.json()['id']}/decide", json={"approve": True})
    assert decided.status_code == 200, decided.text
    assert (await do(by, cast.PLANT_CLERK, load, "refuse-part", refused_kg=31_000)).status_code == 200
    await weigh(by, load, "back", 31_050, now + timedelta(hours=1))
    await correct(by, load, "back", 31_090)
    assert await lots(by, cast.PAIZHAI.id) == [(600, 0)]
    assert (await out_kg(by, now), await audit(app)) == (600, [])


async def test_w09_a_source_weight_is_not_made_smaller_behind_what_was_refused(
    app: FastAPI, stage_endpoints: Endpoints, by: By, contract_id: UUID, now: datetime
) -> None:
    """W02, W10: corrected by the scale it is flagged, refused part or not; changed in silence, the auditor finds it."""
    load = await sent_out(by, contract_id, now)
    await weigh(by, load, "in", 30_990, now + timedelta(minutes=10))
    assert (await do(by, cast.PLANT_CLERK, load, "refuse-part", refused_kg=10_000)).status_code == 200
    assert (await gaps(by), await audit(app)) == ([], [])
    await correct(by, load, "out", 28_000)
    assert (await gaps(by), await audit(app)) == ([load["id"]], [])
    await correct(by, load, "out", 31_000)
    assert (await gaps(by), await audit(app)) == ([], [])

    owner = await asyncpg.connect(stage_endpoints.owner_database_url)
    await owner.execute("UPDATE ticket SET out_kg = out_kg - 3_000")
    await owner.execute("UPDATE contract SET shipped_kg = shipped_kg - 3_000 WHERE id = $1", contract_id)
    await owner.close()
    assert [one.split(":")[0] for one in await audit(app)] == ["ticket"]
