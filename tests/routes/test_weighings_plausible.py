"""What a truck can hardly weigh or do, and the year to which its load belongs (W05, R16): recorded, posted, flagged."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from service.domain.units import SHANGHAI
from service.keys import Purpose
from service.store.weighings import Road
from tests import cast, yard

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]
BEGAN_AGO = timedelta(days=1)
PLATE = "辽C71717"


_BESIDE = ("no-ticket", "sequence-gap", "weighing-late")


async def told(by: By, *records: dict[str, Any], device: cast.Person = cast.BRIDGE_7_DEVICE) -> list[list[str]]:
    """What is said of each record; none is refused, and what is said of the missing ticket and of the delay is left out."""
    answer = await by(device).post("/v1/weighings", json={"records": list(records)})
    results = answer.json()["results"]
    assert {result["status"] for result in results} == {"accepted"}, answer.text
    return [[flag for flag in one["flags"] if flag not in _BESIDE] for one in results]


async def alerts(by: By, code: str) -> list[str]:
    items = (await by(cast.LI).get("/v1/alerts", params={"code": code, "state": "open"})).json()["items"]
    return [item["facts"]["plate"] for item in items]


async def test_e15_a_tare_is_held_against_its_age_and_the_plates_history(by: By, now: datetime) -> None:
    """W05: fresh or stored, 30 days, ± 10 % of the usual one; and without a tare there is no net."""
    days = [now - timedelta(days=60 - day) for day in range(3)]
    usual = [yard.record(None, "out", 30_000, at, plate=PLATE) for at in days]
    light = yard.record(None, "out", 30_000, days[2] + timedelta(days=1), plate=PLATE, tare_kg=12_000, gross_kg=42_000)
    stored = yard.record(None, "out", 30_000, days[2] + timedelta(days=29), plate=PLATE, tare_source="stored")
    stale = yard.record(None, "out", 30_000, days[2] + timedelta(days=40), plate=PLATE, tare_source="stored")
    assert await told(by, *usual, light) == [[], [], [], ["tare-drift"]]
    assert await told(by, stored, stale) == [[], ["tare-stale"]]
    assert await alerts(by, "tare-drift") == [PLATE]
    record = yard.record(None, "out", 30_000, now)
    del record["tare_kg"]
    answer = await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=record)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/tare_kg")


async def test_e16_e17_what_a_scale_says_must_be_of_a_truck_that_stands_still(by: By, now: datetime) -> None:
    """W05: axles, gross, payload; an unstable or repeated reading; by hand only with a reason and a second person."""

    def record(minute: int, net_kg: int, **said: Any) -> dict[str, Any]:
        plate = f"辽C7{minute:04}"
        return yard.record(None, "out", net_kg, now + timedelta(days=-2, minutes=5 * minute), plate=plate, **said)

    found = await told(
        by,
        record(1, 34_000, axles=6, reading=7, stable=True),
        record(2, 34_001, axles=6, reading=8),
        record(3, 21_001, axles=4),
        record(4, 41_000, tare_kg=7_000, gross_kg=48_000),
        record(5, 30_000, reading=9, stable=False),
        record(6, 30_000, reading=7, stable=True),
    )
    assert found == [[], ["overweight"], ["overweight"], ["overweight"], ["reading-unstable"], ["reading-repeated"]]
    impossible = await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=record(7, -5, reading=11))
    assert impossible.json()["results"][0]["status"] == "refused"
    assert await told(by, record(8, 30_000, reading=11)) == [[]], "what was refused took no reading"
    a_day = 24 * 60 // 5  # counters of indicators begin anew
    later = (record(5 + a_day, 30_000, reading=9), record(6 + a_day, 30_000, reading=8))
    assert await told(by, *later) == [["reading-repeated"], []]
    by_hand = {"manual": True, "manual_reason": "仪表故障"}
    found = await told(
        by, record(7 + a_day, 30_000, **by_hand), record(8 + a_day, 30_000, **by_hand, second_person="王五")
    )
    assert found == [["manual-unwitnessed"], []]


async def test_e40_a_plate_is_not_in_two_places_at_once(app: FastAPI, by: By, now: datetime) -> None:
    """W05: sooner than it can drive between two stations, whichever of them tells first; with two loads on the road."""
    for station_id, latitude in ((cast.BRIDGE_7, 40.6), (cast.PLANT_TWO_GATE, 41.0)):
        path = f"/v1/stations/{station_id}"
        place = {"latitude": latitude, "longitude": 122.8}
        await by(cast.LI).patch(path, json=place, headers={"If-Match": (await by(cast.LI).get(path)).headers["ETag"]})
    # 44 km apart: half an hour at 100 km/h is enough, twenty minutes are not.
    honest, fast = "辽C70001", "辽C70002"
    out = [yard.record(None, "out", 30_000, now, plate=plate) for plate in (honest, fast)]
    arrived = [
        yard.record(None, "in", 30_000, now + timedelta(minutes=minutes), plate=plate)
        for plate, minutes in ((fast, 20), (honest, 30))
    ]
    assert await told(by, *arrived, device=cast.PLANT_TWO_DEVICE) == [[], []]
    await told(by, *out)
    assert await alerts(by, "too-fast") == [fast]

    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 1_000_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        contract_id = await yard.contract(connection, at=now, mine_id=cast.PAIZHAI_MINE)
    wish = yard.ticket_in(contract_id, now, plate="辽C70003", valid_until=(now + timedelta(days=3)).isoformat())
    papers = [(await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wish)).json() for _ in range(2)]
    loads = [yard.record(one, "out", 31_000, now + timedelta(hours=2 + hour)) for hour, one in enumerate(papers)]
    assert await told(by, *loads) == [[], ["two-open-tickets"]]


@pytest.mark.parametrize(
    ("arrived_after_hours", "asked_after_hours", "is_there"),
    [(None, 71, True), (None, 72, False), (5, 4, True), (5, 5, False), (90, 80, False)],
)
def test_w05_a_load_that_is_missed_does_not_flag_every_later_one(
    now: datetime, arrived_after_hours: int | None, asked_after_hours: int, is_there: bool
) -> None:
    """W05, W07: it is on the road until it arrives, or until it is an alert of its own; whichever is told first."""
    ended_at = None if arrived_after_hours is None else now + timedelta(hours=arrived_after_hours)
    road = Road(PLATE, cast.BRIDGE_7, "0000000000000", cast.PAIZHAI.id, cast.TRADER.id, "210381", now, ended_at)
    assert road.is_on_the_road(now + timedelta(hours=asked_after_hours), timedelta(hours=72)) is is_there


async def test_e14_a_load_of_the_last_evening_is_the_old_years(app: FastAPI, by: By) -> None:
    """R16: weighed on 31 December at 23:59, sent and received on 1 January: the old year's quota, and its lot."""
    evening = datetime(2026, 12, 31, 23, 59, tzinfo=SHANGHAI)
    app.state.clock.stop_at(evening + timedelta(hours=3))
    contract_id: UUID
    async with app.state.database.transaction() as connection:
        for year in (2026, 2027):
            sign = app.state.keys.current(Purpose.LEDGER)
            paper = f"海镁办〔{year}〕1号"
            await yard.grant(connection, 500_000, at=evening, sign=sign, year=year, document_no=paper)
        contract_id = await yard.contract(connection, at=evening, mine_id=cast.PAIZHAI_MINE)
    ticket = (await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, evening))).json()
    assert await told(by, yard.record(ticket, "out", 31_000, evening)) == [[]]
    arrived = yard.record(ticket, "in", 31_000, evening + timedelta(hours=2))
    assert await told(by, arrived, device=cast.PLANT_TWO_DEVICE) == [[]]

    async def out_kg(year: int) -> int:
        found = await by(cast.PROVINCE).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": year})
        kg: int = found.json()["out_kg"]
        return kg

    assert (await out_kg(2026), await out_kg(2027)) == (31_000, 0)
    lots = (await by(cast.PROVINCE).get("/v1/lots", params={"holder": str(cast.PLANT_TWO.id)})).json()["items"]
    origin = (await by(cast.PROVINCE).get(f"/v1/provenance/lots/{lots[0]['id']}")).json()
    assert [(one["year"], one["kg"]) for one in origin["origins"]] == [(2026, 31_000)]
