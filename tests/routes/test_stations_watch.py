"""The register of stations: who is there, who is silent, and a day in figures (E48, W05)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from python_calamine import CalamineWorkbook

from service.actions.stations import beat
from service.domain.stations import CameraEvent, CameraEventKind, DayLine, Span, blind_spans, day_sheet
from service.domain.units import shanghai_day
from tests import cast, yard
from tests.cast import Person
from tests.routes.device import Device
from tests.sweeping import swept

pytestmark = pytest.mark.anyio
By = Callable[[Person], httpx.AsyncClient]


async def live(app: FastAPI, at: datetime) -> None:
    async with app.state.database.transaction() as connection:
        policies = await app.state.rulebook.policies(at)
        actor = cast.BRIDGE_7_DEVICE.actor
        await beat(connection, sent_at=at, unsent=4, app_version="1.0", policies=policies, at=at, actor=actor)


async def states(by: By, who: Person = cast.LI) -> dict[str, str]:
    items = (await by(who).get("/v1/stations/watch")).json()["items"]
    return {item["name"]: item["state"] for item in items}


async def silent(by: By) -> list[str]:
    items = (await by(cast.LI).get("/v1/alerts?code=station-silent&state=open")).json()["items"]
    return [item["subject_id"] for item in items]


async def test_an_office_sees_which_stations_are_there(app: FastAPI, by: By, now: datetime) -> None:
    assert await states(by) == {"七号磅": "unwatched", "二厂门磅": "unwatched"}
    for minutes, state in ((100, "down"), (30, "late"), (0, "live")):
        await live(app, now - timedelta(minutes=minutes))
        assert (await states(by))["七号磅"] == state
    assert await states(by, cast.PAIZHAI_CLERK) == {"七号磅": "live"}
    assert await states(by, cast.DASHIQIAO) == {"远山门磅": "unwatched"}


async def test_e48_a_silent_station_is_an_alert_until_it_is_heard_of(app: FastAPI, by: By, now: datetime) -> None:
    await live(app, now - timedelta(minutes=61))
    for _ in range(2):
        await swept(app, now)
        assert await silent(by) == [str(cast.BRIDGE_7)]
    await live(app, now)
    assert await silent(by) == []


async def test_a_pause_that_was_said_before_is_no_silence(app: FastAPI, by: By, now: datetime) -> None:
    path = f"/v1/stations/{cast.BRIDGE_7}/pauses"
    pause = {
        "since": (now - timedelta(hours=2)).isoformat(),
        "until": (now + timedelta(hours=9)).isoformat(),
        "reason": "停电",
    }
    late = await by(cast.BRIDGE_7_DEVICE).post(path, json=pause)
    assert (late.status_code, late.json()["code"]) == (409, "pause-not-ahead")
    assert (await by(cast.DASHIQIAO).post(path, json=pause)).status_code == 404
    assert (await by(cast.LI).post(path, json=pause)).status_code == 204
    await live(app, now - timedelta(hours=3))  # last, since the service's own sweep may come at any time
    assert (await states(by))["七号磅"] == "paused"
    await swept(app, now)
    assert await silent(by) == []
    params = {"on": shanghai_day(now).isoformat()}
    (silence,) = (await by(cast.LI).get(f"/v1/stations/{cast.BRIDGE_7}/day", params=params)).json()["silences"]
    assert (silence["until"], silence["note"]) == (None, "停电"), "what was said of it stands beside it"
    ahead = {**pause, "since": (now + timedelta(days=1)).isoformat(), "until": (now + timedelta(days=2)).isoformat()}
    assert (await by(cast.BRIDGE_7_DEVICE).post(path, json=ahead)).status_code == 204


async def test_a_stations_day_in_figures(app: FastAPI, by: By, now: datetime) -> None:
    device = Device()
    await device.register(by(cast.BRIDGE_7_DEVICE))
    await by(cast.LI).post(f"/v1/devices/{device.id}/approve")
    noon = (now - timedelta(days=1)).replace(hour=4, minute=0, second=0, microsecond=0)
    on = shanghai_day(noon).isoformat()
    first = yard.record(None, "out", 31_000, noon, sequence=1, plate="辽C11111")
    hand = {"manual": True, "manual_reason": "仪表故障", "second_person": "王五"}
    records: list[dict[str, Any]] = [
        device.sign(first),
        yard.record(None, "out", 30_000, noon + timedelta(minutes=30), sequence=2, plate="辽C22222", **hand),
        {**first, "id": str(uuid4()), "sequence": 3},
        yard.record(None, "in", 20_000, noon + timedelta(minutes=50), sequence=7, plate="辽C33333"),
        yard.record(None, "out", -5, noon + timedelta(minutes=55), sequence=8),
    ]
    answer = await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json={"records": records})
    assert [one["status"] for one in answer.json()["results"]] == ["accepted"] * 2 + [
        "duplicate",
        "accepted",
        "refused",
    ]
    for minutes in (-20, 20, 40):
        await live(app, noon + timedelta(minutes=minutes))
    down = {"camera": "东", "kind": "down", "at": (noon + timedelta(minutes=45)).isoformat()}
    await by(cast.BRIDGE_7_DEVICE).post("/v1/cameras", json={"events": [down]})

    path = f"/v1/stations/{cast.BRIDGE_7}/day"
    says = (await by(cast.LI).get(path, params={"on": on})).json()
    assert says["loads"] == {"out": 2, "in": 1, "back": 0}
    assert (says["gross_kg"], says["tare_kg"], says["net_kg"]) == (126_000, 45_000, 81_000)
    assert says["nets_kg"] == {"out": 61_000, "in": 20_000, "back": 0}
    assert (says["manual"], says["signed"], says["unsigned"]) == (1, 1, 4)
    assert (says["duplicates"], says["refused"], says["void"]) == (1, 1, 0)
    assert (says["first_sequence"], says["last_sequence"], says["missing"]) == (1, 8, [[4, 6]])
    assert says["flags"] == {"no-ticket": 3, "sequence-gap": 1}
    ids = {record["sequence"]: record["id"] for record in says["records"]}
    assert [span["weighings"] for span in says["silences"]] == [[ids[1]], [ids[2]], [ids[7]]]
    assert [(span["camera"], span["weighings"]) for span in says["cameras"]] == [("东", [ids[7]])]
    assert (await by(cast.DASHIQIAO).get(path, params={"on": on})).status_code == 404

    text = (await by(cast.LI).get(f"{path}.csv", params={"on": on})).content.decode("utf-8-sig")
    assert text.splitlines()[0].startswith("序号,称重时间,方向")
    assert len(text.splitlines()) == 6
    assert "出矿（源头）" in text.splitlines()[1]
    assert text.splitlines()[1].split(",")[10:12] == ["已接收", "无运单出矿"]
    book = (await by(cast.LI).get(f"{path}.xlsx", params={"on": on})).content
    assert len(CalamineWorkbook.from_filelike(BytesIO(book)).get_sheet_by_index(0).to_python()) == 6


def test_e11_numbers_that_are_missing_over_midnight_stand_on_the_next_days_sheet() -> None:
    at = datetime.fromisoformat("2026-03-02T04:00:00+00:00")
    line = DayLine(13, "out", 45_000, 15_000, 30_000, False, True, "accepted", (), at)
    assert day_sheet([line], [(1, 10), (13, 14), (20, 21)], 0).missing == [(10, 12)]


def test_a_camera_is_blind_from_its_trouble_until_it_is_up() -> None:
    at = datetime.fromisoformat("2026-03-02T04:00:00+00:00")

    def event(camera: str, kind: CameraEventKind, minute: int) -> CameraEvent:
        return CameraEvent(cast.BRIDGE_7, camera, kind, at + timedelta(minutes=minute))

    told = [
        event("a", CameraEventKind.DOWN, 0),
        event("a", CameraEventKind.STILL, 5),
        event("a", CameraEventKind.UP, 9),
        event("b", CameraEventKind.TAMPERED, 3),
    ]
    assert [(one.camera, span) for one, span in blind_spans(told)] == [
        ("a", Span(at, at + timedelta(minutes=9))),
        ("b", Span(at + timedelta(minutes=3), None)),
    ]
