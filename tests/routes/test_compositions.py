"""All lots of a county in one go: their sums, what is not named, and who is told."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from service.keys import Purpose
from tests import yard
from tests.cast import (
    ANSHAN,
    BRIDGE_7_DEVICE,
    DASHIQIAO,
    LI,
    PAIZHAI_CLERK,
    PAIZHAI_MINE,
    PLANT_CLERK,
    PLANT_TWO_DEVICE,
    PROVINCE,
)
from tests.routes.by import By

pytestmark = pytest.mark.anyio
HAICHENG = "/v1/provenance/jurisdictions/210381"


@pytest.fixture
async def now(app: FastAPI, by: By) -> datetime:
    """Three lots at the plant, of 30 t, 20 t and 10 t, of which the tranche stands behind the first 50 t."""
    at: datetime = app.state.clock.now()
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 50_000, at=at, sign=app.state.keys.current(Purpose.LEDGER))
    for number, kg in enumerate((30_000, 20_000, 10_000)):
        async with app.state.database.transaction() as connection:
            contract_id: UUID = await yard.contract(connection, at=at)
        asked = yard.ticket_in(contract_id, at, plate=f"辽C1234{number}")
        ticket = (await by(PAIZHAI_CLERK).post("/v1/tickets", json=asked)).json()
        for who, way in ((BRIDGE_7_DEVICE, "out"), (PLANT_TWO_DEVICE, "in")):
            await by(who).post("/v1/weighings", json=yard.record(ticket, way, kg, at))
    return at


async def told(by: By, **query: Any) -> dict[str, Any]:
    answer = await by(LI).get(HAICHENG, params=query)
    assert answer.status_code == 200, answer.text
    says: dict[str, Any] = answer.json()
    return says


async def test_all_lots_of_a_county_add_up_to_the_kilogram(by: By, now: datetime) -> None:
    says = await told(by)

    assert [says[name] for name in ("lots_count", "kg", "ore_kg", "proven_kg", "unproven_kg")] == [
        3,
        60_000,
        60_000,
        50_000,
        10_000,
    ]
    assert [(origin["mine"], origin["kg"]) for origin in says["origins"]] == [("排寨矿", 50_000)]
    assert [(each["reason"], each["kg"]) for each in says["unproven"]] == [("debt", 10_000)]
    assert [(lot["kg"], lot["proven_kg"], lot["unproven_kg"]) for lot in says["lots"]] == [
        (30_000, 30_000, 0),
        (20_000, 20_000, 0),
        (10_000, 0, 10_000),
    ]
    assert (says["rest"], says["lots_rest"], says["not_walked"]) == (None, None, None)
    assert (await by(LI).get(f"/v1/provenance/lots/{says['lots'][0]['lot_id']}")).json()["kg"] == 30_000


async def test_what_an_answer_leaves_out_is_summed_up(by: By, now: datetime) -> None:
    named = await told(by, limit=1)
    walked = await told(by, walked=2)
    before = await told(by, as_of=(now - timedelta(days=1)).isoformat())

    assert (len(named["origins"]), named["rest"]) == (1, {"parts": 1, "kg": 10_000})
    assert (len(named["lots"]), named["lots_rest"]) == (1, {"parts": 2, "kg": 30_000})
    assert (named["kg"], named["proven_kg"], named["unproven_kg"]) == (60_000, 50_000, 10_000)
    assert (walked["kg"], walked["ore_kg"], walked["not_walked"]) == (60_000, 50_000, {"parts": 1, "kg": 10_000})
    assert (before["lots_count"], before["kg"], before["lots"]) == (0, 0, [])


async def test_only_offices_of_the_area_are_told(by: By) -> None:
    assert (await by(ANSHAN).get(HAICHENG)).status_code == 200
    assert (await by(PROVINCE).get("/v1/provenance/jurisdictions/219999")).status_code == 404
    for who in (DASHIQIAO, PLANT_CLERK):
        assert (await by(who).get(HAICHENG)).status_code == 404
    assert (await by(BRIDGE_7_DEVICE).get(HAICHENG)).status_code == 404
    assert (await by(LI).get("/v1/provenance/jurisdictions/210300")).status_code == 404


async def test_an_office_reads_on_a_page_what_its_lots_are_made_of(by: By, now: datetime) -> None:
    html = {"Accept": "text/html"}
    shown = (await by(LI).get("/compositions", headers=html)).text

    for words in ("海城市", "10,000", "50,000", "来源未证明", f'href="/mines/{PAIZHAI_MINE}'):
        assert words in shown
    assert (await by(LI).get("/compositions?place=210882", headers=html)).status_code == 404
    assert (await by(PLANT_CLERK).get("/compositions", headers=html)).status_code == 404
    assert "没有现存矿石" in (await by(DASHIQIAO).get("/compositions", headers=html)).text
