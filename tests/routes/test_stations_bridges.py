"""What is registered of a station's scale and its road, and what follows for the loads that it weighs (E18)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from service.keys import Purpose
from tests import cast, yard
from tests.cast import Person

pytestmark = pytest.mark.anyio
BEGAN_AGO = timedelta(hours=2)
_plates = count(1000)
By = Callable[[Person], httpx.AsyncClient]


async def trade(app: FastAPI, now: datetime) -> UUID:
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 1_000_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        return await yard.contract(connection, at=now, mine_id=cast.PAIZHAI_MINE)


async def classed(app: FastAPI, by: By, station_id: UUID, **said: Any) -> httpx.Response:
    path = f"/v1/stations/{station_id}"
    tag = (await by(cast.LI).get(path)).headers["ETag"]
    answer = await by(cast.LI).patch(path, json=said, headers={"If-Match": tag})
    await app.state.rulebook.look()
    return answer


async def flags(by: By, contract_id: UUID, now: datetime, out_kg: int, in_kg: int, *, arrives_first: bool) -> list[str]:
    """What is said of a load in the end, whichever scale tells first."""
    wish = yard.ticket_in(contract_id, now, plate=f"辽C6{next(_plates)}")
    ticket = (await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wish)).json()
    told = [
        (cast.BRIDGE_7_DEVICE, yard.record(ticket, "out", out_kg, now)),
        (cast.PLANT_TWO_DEVICE, yard.record(ticket, "in", in_kg, now + timedelta(hours=1))),
    ]
    for device, record in reversed(told) if arrives_first else told:
        answer = await by(device).post("/v1/weighings", json=record)
        assert answer.json()["results"][0]["status"] == "accepted", answer.text
    alerts = (await by(cast.LI).get("/v1/alerts", params={"code": "weight-gap", "state": "open"})).json()["items"]
    return [one["code"] for one in alerts if ticket["number"] in str(one)]


async def test_e18_two_scales_may_differ_as_the_coarser_of_them_does(app: FastAPI, by: By, now: datetime) -> None:
    """W02, W04: policy transit_tolerance of a class; the same end whichever scale tells first."""
    coarse = {
        "value": {"share": "0.02", "kg": 400},
        "scope": "IIII",
        "valid_from": "2026-01-01",
        "document_no": "辽镁政〔2026〕3号",
        "reason": "老旧地磅过渡期",
    }
    answer = await by(cast.PROVINCE).post("/v1/policies/transit_tolerance", json=coarse)
    assert answer.status_code == 201, answer.text
    contract_id = await trade(app, now)
    for arrives_first in (False, True):
        assert await flags(by, contract_id, now, 31_000, 30_500, arrives_first=arrives_first) == ["weight-gap"]

    answer = await classed(app, by, cast.BRIDGE_7, bridge_class="IIII")
    assert (answer.status_code, answer.json()["bridge_class"]) == (200, "IIII")
    for arrives_first in (False, True):
        assert await flags(by, contract_id, now, 31_000, 30_500, arrives_first=arrives_first) == []
    assert await flags(by, contract_id, now, 31_000, 30_300, arrives_first=False) == ["weight-gap"]
    refused = await classed(app, by, cast.BRIDGE_7, bridge_class="V")
    assert (refused.status_code, refused.json()["code"]) == (422, "malformed-body")
    history = (await by(cast.LI).get(f"/v1/stations/{cast.BRIDGE_7}/history")).json()["items"]
    assert [item["entry"].get("bridge_class") for item in history] == ["IIII"]


async def test_e18_a_road_may_bear_less_than_the_law_allows(app: FastAPI, by: By, now: datetime) -> None:
    """W05, E16: recorded and flagged, never refused."""

    async def weighed(net_kg: int) -> list[str]:
        record = yard.record(None, "out", net_kg, now, plate="辽C55555")
        answer = await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=record)
        (result,) = answer.json()["results"]
        assert result["status"] == "accepted"
        return [flag for flag in result["flags"] if flag == "overweight"]

    assert await weighed(30_000) == []
    assert (await classed(app, by, cast.BRIDGE_7, gross_limit_kg=40_000)).json()["gross_limit_kg"] == 40_000
    assert await weighed(26_000) == ["overweight"]
    assert await weighed(24_000) == []


async def test_a_pause_ends_before_its_time(by: By, app: FastAPI, now: datetime) -> None:
    """E48: from then on a silence is one again."""
    at = app.state.clock.now()
    body = {
        "since": (at - timedelta(hours=1)).isoformat(),
        "until": (at + timedelta(days=1)).isoformat(),
        "reason": "检修",
    }
    path = f"/v1/stations/{cast.BRIDGE_7}"

    async def state() -> str:
        items = (await by(cast.LI).get("/v1/stations/watch")).json()["items"]
        return next(str(item["state"]) for item in items if item["id"] == str(cast.BRIDGE_7))

    assert (await by(cast.LI).post(f"{path}/pauses", json=body)).status_code == 204
    assert await state() == "paused"
    assert (await by(cast.DASHIQIAO).post(f"{path}/resume")).status_code == 404
    assert (await by(cast.BRIDGE_7_DEVICE).post(f"{path}/resume")).status_code == 204
    assert await state() == "unwatched"
