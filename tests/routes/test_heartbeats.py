"""POST /v1/heartbeats and /v1/cameras: what stations say of themselves (E48)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.actions import stations
from service.domain.stations import Pulse, StationState, state_of
from tests import cast
from tests.cast import Person

pytestmark = pytest.mark.anyio
By = Callable[[Person], httpx.AsyncClient]
AT = datetime(2026, 3, 2, 4, tzinfo=UTC)


def heartbeat(**changed: Any) -> dict[str, Any]:
    return {"sent_at": AT.isoformat(), "unsent": 0, "app_version": "1.0", **changed}


def camera(kind: str, minute: int = 0, **changed: Any) -> dict[str, Any]:
    return {"camera": "地磅东", "kind": kind, "at": (AT + timedelta(minutes=minute)).isoformat(), **changed}


@pytest.mark.parametrize(
    ("minutes", "state"),
    [(10, StationState.LIVE), (11, StationState.LATE), (60, StationState.LATE), (61, StationState.DOWN)],
)
def test_e48_a_station_is_late_and_then_down(minutes: int, state: StationState) -> None:
    assert state_of(Pulse(AT), at=AT + timedelta(minutes=minutes)) is state


def test_a_station_that_has_said_so_is_paused_and_one_that_never_beat_is_not_watched() -> None:
    assert state_of(Pulse(AT, AT + timedelta(days=9)), at=AT + timedelta(days=1)) is StationState.PAUSED
    assert state_of(Pulse(AT, AT + timedelta(hours=1)), at=AT + timedelta(days=1)) is StationState.DOWN
    assert state_of(Pulse(None), at=AT) is StationState.UNWATCHED


async def test_a_minute_keeps_one_heartbeat(app: FastAPI, by: By) -> None:
    for unsent in (0, 0, 5):
        answer = await by(cast.BRIDGE_7_DEVICE).post("/v1/heartbeats", json=heartbeat(unsent=unsent))
        assert answer.status_code == 204, answer.text
    async with app.state.database.transaction(readonly=True) as connection:
        pulses = await connection.fetch("SELECT station_id, unsent FROM pulse")
        assert await connection.fetchval("SELECT count(*) FROM silence") == 0
    assert [tuple(pulse) for pulse in pulses] == [(cast.BRIDGE_7, 5)]


async def test_e48_a_silence_is_kept_when_it_ends(app: FastAPI) -> None:
    async with app.state.database.transaction() as connection:
        for minute in (0, 5, 15, 26, 28, 100):
            await stations.beat(
                connection,
                sent_at=AT,
                unsent=0,
                app_version="1.0",
                policies=await app.state.rulebook.policies(AT),
                at=AT + timedelta(minutes=minute),
                actor=cast.BRIDGE_7_DEVICE.actor,
            )
        silences = await connection.fetch("SELECT since, until FROM silence ORDER BY since")
    assert [tuple(row) for row in silences] == [
        (AT + timedelta(minutes=15), AT + timedelta(minutes=26)),
        (AT + timedelta(minutes=28), AT + timedelta(minutes=100)),
    ]


@pytest.mark.parametrize("changed", [{"unsent": -1}, {"unsent": "3"}, {"app_version": ""}, {"sent_at": "now"}])
async def test_a_malformed_heartbeat_is_none(by: By, changed: dict[str, Any]) -> None:
    assert (await by(cast.BRIDGE_7_DEVICE).post("/v1/heartbeats", json=heartbeat(**changed))).status_code == 422


async def faults(by: By) -> list[str]:
    items = (await by(cast.LI).get("/v1/alerts?code=camera-fault&state=open")).json()["items"]
    return [item["facts"]["kind"] for item in items]


async def test_a_camera_that_is_down_is_an_alert_until_it_is_up(by: By) -> None:
    station = by(cast.BRIDGE_7_DEVICE)
    told = await station.post("/v1/cameras", json={"events": [camera("down"), camera("down")]})
    assert told.status_code == 204, told.text
    assert await faults(by) == ["down"]
    # An older word that comes late changes nothing.
    await station.post("/v1/cameras", json={"events": [camera("up", -5)]})
    assert await faults(by) == ["down"]
    await station.post("/v1/cameras", json={"events": [camera("up", 5)]})
    assert await faults(by) == []


async def test_an_office_names_the_station_of_each_event(by: By) -> None:
    office = by(cast.LI)
    unnamed = await office.post("/v1/cameras", json={"events": [camera("tampered")]})
    assert (unnamed.status_code, unnamed.json()["code"]) == (409, "station-not-named")
    named = camera("tampered", station_id=str(cast.PLANT_TWO_GATE))
    assert (await office.post("/v1/cameras", json={"events": [named]})).status_code == 204
    assert await faults(by) == ["tampered"]
    for station_id in (cast.STRANGER_GATE, uuid4()):
        away = camera("down", station_id=str(station_id))
        assert (await office.post("/v1/cameras", json={"events": [away]})).status_code == 404
    foreign = camera("down", station_id=str(cast.PLANT_TWO_GATE))
    assert (await by(cast.BRIDGE_7_DEVICE).post("/v1/cameras", json={"events": [foreign]})).status_code == 404
