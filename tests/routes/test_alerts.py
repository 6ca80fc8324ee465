"""Alerts: who hears of them, and what settling one means."""

from datetime import datetime
from uuid import uuid4

import pytest
from fastapi import FastAPI

from service.domain.alerts import Alert, Flag
from service.store.alerts import open_alerts, settle_alerts
from tests.cast import ANSHAN, AUDITOR, DASHIQIAO, LI, PAIZHAI, PAIZHAI_CLERK, PAIZHAI_MINE, PROVINCE, STRANGER_CLERK
from tests.routes.by import By

pytestmark = pytest.mark.anyio


def overdrawn(at: datetime, kg: int = 1_200) -> Alert:
    facts = {"over_kg": kg}
    return Alert(Flag.QUOTA_OVERDRAWN, "mine", str(PAIZHAI_MINE), "210381", (PAIZHAI.id,), at, facts)


async def told(app: FastAPI, *alerts: Alert) -> None:
    async with app.state.database.transaction() as connection:
        await open_alerts(connection, alerts, at=app.state.clock.now())


async def test_an_alert_reaches_its_area_and_its_parties(app: FastAPI, by: By) -> None:
    await told(app, overdrawn(app.state.clock.now()))

    for who in (LI, ANSHAN, PROVINCE, AUDITOR, PAIZHAI_CLERK):
        [alert] = (await by(who).get("/v1/alerts?state=open")).json()["items"]
        assert (alert["code"], alert["facts"], alert["state"]) == ("quota-overdrawn", {"over_kg": 1_200}, "open")
    for who in (DASHIQIAO, STRANGER_CLERK):
        assert (await by(who).get("/v1/alerts")).json() == {"items": [], "next": None}


async def test_an_alert_is_open_once(app: FastAPI, by: By) -> None:
    at = app.state.clock.now()
    await told(app, overdrawn(at), overdrawn(at))
    await told(app, overdrawn(at, kg=5_000))

    [alert] = (await by(LI).get("/v1/alerts")).json()["items"]
    assert alert["facts"] == {"over_kg": 1_200}, "it keeps its first opening"


async def test_an_office_settles_an_alert_of_its_area(app: FastAPI, by: By) -> None:
    at = app.state.clock.now()
    await told(app, overdrawn(at))
    [alert] = (await by(LI).get("/v1/alerts")).json()["items"]
    path = f"/v1/alerts/{alert['id']}/settle"

    for who in (DASHIQIAO, STRANGER_CLERK):
        assert (await by(who).post(path, json={"note": "not mine"})).status_code in (403, 404)
    assert (await by(PAIZHAI_CLERK).post(path, json={"note": "ours"})).status_code == 403
    assert (await by(LI).post(path, json={})).status_code == 422
    assert (await by(LI).post(path, json={"note": "补发指标"})).status_code == 204
    assert (await by(ANSHAN).post(path, json={"note": "again"})).status_code == 204, "what is settled stays settled"

    assert (await by(LI).get("/v1/alerts?state=open")).json()["items"] == []
    [settled] = (await by(LI).get("/v1/alerts?state=settled")).json()["items"]
    assert (settled["note"], settled["settled_at"] is not None) == ("补发指标", True)
    assert (await by(LI).post(f"/v1/alerts/{uuid4()}/settle", json={"note": "none"})).status_code == 404
    await told(app, overdrawn(at))
    assert len((await by(LI).get("/v1/alerts")).json()["items"]) == 2, "the next episode is another alert"


async def test_what_is_put_right_settles_itself(app: FastAPI, by: By) -> None:
    alert = overdrawn(app.state.clock.now())
    await told(app, alert)
    async with app.state.database.transaction() as connection:
        await settle_alerts(connection, [alert.subject], at=app.state.clock.now())

    [settled] = (await by(LI).get("/v1/alerts")).json()["items"]
    assert (settled["state"], settled["note"]) == ("settled", None)


async def test_lists_go_on_where_they_stopped(app: FastAPI, by: By) -> None:
    at = app.state.clock.now()
    stations = [str(uuid4()) for _ in range(3)]
    await told(app, *(Alert(Flag.SEQUENCE_GAP, "station", station, "210381", (), at) for station in stations))
    first = (await by(LI).get("/v1/alerts?limit=2")).json()
    rest = (await by(LI).get(f"/v1/alerts?limit=2&after={first['next']}")).json()

    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]
    assert {item["subject_id"] for item in first["items"] + rest["items"]} == set(stations)
    assert (await by(LI).get("/v1/alerts?code=weight-gap")).json()["items"] == []
    assert (await by(LI).get("/v1/alerts?code=nonsense")).status_code == 422
