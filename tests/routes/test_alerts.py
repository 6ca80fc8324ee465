"""Alerts: who hears of them, and what settling one means."""

import asyncio
import json
import re
import resource
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis
from structlog.testing import capture_logs

from service import streams
from service.cache import Cache
from service.domain.alerts import Alert, Flag
from service.embedded import Endpoints
from service.store.alerts import open_alerts, restate_alerts, settle_alerts
from service.streams import Lost, Stream
from tests.cast import (
    ANSHAN,
    AUDITOR,
    DASHIQIAO,
    LI,
    PAIZHAI,
    PAIZHAI_CLERK,
    PAIZHAI_MINE,
    PROVINCE,
    STRANGER,
    STRANGER_CLERK,
    Person,
)
from tests.routes.by import By
from tests.routes.filing import at as set_clock

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


async def heard(app: FastAPI, by: By, who: Person, until: str) -> list[tuple[str, Any]]:
    """What one who watches is told, each by its name and what it says of kilograms, up to an event of this name."""
    told = bytearray()
    is_enough = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await is_enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        told.extend(message.get("body", b""))
        if f"event: {until}\n".encode() in told and told.endswith(b"\n\n"):
            is_enough.set()

    headers = [(name.lower().encode(), text.encode()) for name, text in by(who).headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/v1/alerts/stream", "query_string": b"", "http_version": "1.1"}
    scope |= {"headers": [*headers, (b"last-event-id", b"0-0")], "scheme": "http", "server": ("test", 80)}
    async with asyncio.timeout(20):
        await app(scope, receive, send)
    events = []
    for part in told.decode().strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in part.splitlines() if not line.startswith(":"))
        events.append((lines["event"], json.loads(lines["data"]).get("facts")))
    return events


async def test_w04_who_watches_hears_that_an_alert_says_something_else_and_not_that_it_was_opened_again(
    app: FastAPI, by: By
) -> None:
    """A record that came late tells the same episode anew: with other kilograms, or of another firm, or in another county."""
    at = app.state.clock.now()
    first = Alert(Flag.WEIGHT_GAP, "ticket", str(uuid4()), "210381", (PAIZHAI.id,), at, {"kg": 1})
    await told(app, first)
    for then in (
        first,  # nothing else is said
        replace(first, parties=(PAIZHAI.id, STRANGER.id)),
        replace(first, parties=(PAIZHAI.id, STRANGER.id), facts={"kg": 2}),
        replace(first, jurisdiction="210882", facts={"kg": 2}),
    ):
        async with app.state.database.transaction() as connection:
            await restate_alerts(connection, [then], at=at)
    async with app.state.database.transaction() as connection:
        await settle_alerts(connection, [first.subject], at=at)

    now = {"kg": 2}
    opened, changed, settled = [(f"alert.{event}", now) for event in ("opened", "changed", "settled")]
    assert await heard(app, by, PROVINCE, "alert.settled") == [opened, changed, changed, settled]
    assert await heard(app, by, PAIZHAI_CLERK, "alert.settled") == [opened, changed, changed, settled]
    assert await heard(app, by, DASHIQIAO, "alert.settled") == [opened, opened, settled]
    # Of what concerns others now they hear only that it is gone.
    assert await heard(app, by, LI, "alert.withdrawn") == [("alert.withdrawn", None)]
    assert await heard(app, by, STRANGER_CLERK, "alert.withdrawn") == [("alert.withdrawn", None)]


@pytest.mark.parametrize(
    "place", ["1-18446744073709551616", "1-99999999999999999999", "1", "18446744073709551616-1", "now"]
)
async def test_a_stream_goes_on_after_a_place_that_can_be_in_it(standing: By, place: str) -> None:
    with capture_logs():  # were it not refused, the stream would break, at length
        answer = await standing(LI).get("/v1/alerts/stream", headers={"Last-Event-ID": place})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed-body")


async def test_where_valkey_is_away_a_stream_ends_and_browsers_ask_again(
    app: FastAPI, by: By, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a refusal they would never ask again."""
    async with Cache.connect("unix:///nowhere/valkey.sock") as nowhere:
        monkeypatch.setattr(app.state.cache, "alerts", nowhere.alerts)
        with capture_logs() as logs:
            answers = await asyncio.gather(*(by(LI).get("/v1/alerts/stream") for _ in range(3)))

    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "")] * 3
    assert [line["event"] for line in logs if "sent away" in line["event"]], "in a line"
    assert len(logs) == 1


@pytest.fixture
async def valkey(stage_endpoints: Endpoints) -> AsyncIterator[Redis]:
    """The server by itself."""
    async with Redis.from_url(stage_endpoints.redis_url) as client:
        yield client


@pytest.fixture
async def stream(stage_endpoints: Endpoints, valkey: Redis) -> AsyncIterator[Stream]:
    """A stream of our own, with room for two."""
    name = f"meisu:{uuid4()}"
    async with Redis.from_url(stage_endpoints.redis_url, socket_timeout=None, client_name=name) as waiting:
        stream = Stream(name, valkey, waiting, most=2)
        yield stream
        await stream.close()
        await valkey.delete(stream._name)


async def who_wait(valkey: Redis, stream: Stream) -> list[dict[str, str]]:
    """The clients that wait at a stream, as soon as there are some."""
    async with asyncio.timeout(20):
        while True:
            clients = await valkey.client_list()
            if found := [one for one in clients if one["name"] == stream._name and "b" in one["flags"]]:
                return found


async def test_however_many_watch_valkey_is_read_once(valkey: Redis, stream: Stream) -> None:
    watching = [asyncio.create_task(stream.read("0-0")) for _ in range(110)]
    waiting = await who_wait(valkey, stream)
    await valkey.xadd(stream._name, {"message": "1"})

    assert len(waiting) == 1
    assert {message for heard in await asyncio.gather(*watching) for _, message in heard} == {b"1"}


async def test_who_was_away_hears_what_he_missed_however_much(
    valkey: Redis, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what is no longer kept here, or was told while nobody read; of a place that is not reached yet the newest is meant."""
    monkeypatch.setattr(streams, "MOST_KEPT", 3)
    monkeypatch.setattr(streams, "MOST_AT_ONCE", 2)
    for number in range(1, 6):
        await valkey.xadd(stream._name, {"message": str(number)}, id=f"{number}-0")
    assert await stream.begin("1-0") == "1-0"
    assert await stream.begin(None) == await stream.begin("900-0") == "5-0"
    for number in range(6, 9):
        await valkey.xadd(stream._name, {"message": str(number)}, id=f"{number}-0")

    heard, place = [], "1-0"
    while place != "8-0":
        for at, message in await stream.read(place):
            heard.append(int(message))
            place = at
    assert heard == [2, 3, 4, 5, 6, 7, 8]
    stream.end()
    assert await stream.read(place) == []


async def test_who_waits_hears_that_valkey_is_gone_and_comes_again(valkey: Redis, stream: Stream) -> None:
    place = await stream.begin(None)
    watching = [asyncio.create_task(stream.read(place)) for _ in range(3)]
    [blocked] = await who_wait(valkey, stream)
    with capture_logs() as logs:
        await valkey.execute_command("CLIENT", "UNBLOCK", blocked["id"], "ERROR")
        gone = await asyncio.gather(*watching, return_exceptions=True)
    assert {type(error) for error in gone} == {Lost}
    assert len(logs) == 1

    watching = [asyncio.create_task(stream.read(place))]
    await valkey.xadd(stream._name, {"message": "back"})
    assert [message for _, message in await watching[0]] == [b"back"]


async def test_who_finds_no_room_at_the_stream_comes_again(
    app: FastAPI, by: By, client: httpx.AsyncClient, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state.cache, "alerts", stream)
    with stream.room(), stream.room():
        with capture_logs() as logs:
            refused = await by(LI).get("/v1/alerts/stream")
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert refused.headers["Retry-After"] == "1"
        assert "no files for more" in logs[0]["event"]
        assert (await client.get("/v1/alerts/stream")).status_code == 401
    stream.end()
    answer = await by(LI).get("/v1/alerts/stream")
    assert (answer.status_code, answer.text) == (200, ""), "there is room again, and nothing to wait for"


def test_each_who_watches_keeps_a_file_open_and_others_want_some_too() -> None:
    assert [streams.most_who_wait(files) for files in (100, 1_024, 65_536, resource.RLIM_INFINITY)] == [
        0,
        768,
        5_000,
        5_000,
    ]


async def test_an_office_works_through_the_alerts_of_a_kind(app: FastAPI, by: By) -> None:
    """The kinds that are open stand to choose with their numbers; who settles one comes back to its list."""
    at, html = app.state.clock.now(), {"Accept": "text/html"}
    pool = Alert(Flag.POOL_OVERDRAWN, "jurisdiction", "210381", "210381", (), at, {"over_kg": 5})
    await told(app, overdrawn(at), pool)
    shown = (await by(LI).get("/alerts?code=pool-overdrawn", headers=html)).text
    assert '<span class="count">1</span>' in shown
    assert "超指标（1）</option>" in shown
    assert "超载" not in shown
    [settle] = re.findall(r'action="(/alerts/[^"]+/settle[^"]*)"', shown)
    done = await by(LI).post(settle, data={"note": "已追加"}, headers=html)
    assert done.headers["location"] == "/alerts?code=pool-overdrawn"
    assert "超载" in (await by(LI).get("/alerts?state=settled", headers=html)).text


async def test_an_office_asks_what_was_opened_since_its_last_working_day(app: FastAPI, by: By) -> None:
    """On a Monday that is the Friday before; who settles one of them comes back to their list."""
    friday = set_clock(app, "2026-08-28T00:00:00+08:00")
    html = {"Accept": "text/html"}
    await told(app, overdrawn(friday))
    async with app.state.database.transaction() as connection:
        old = Alert(Flag.POOL_OVERDRAWN, "jurisdiction", "210381", "210381", (), friday, {"over_kg": 5})
        await open_alerts(connection, [old], at=friday - timedelta(microseconds=1))
    set_clock(app, "2026-08-31T08:00:00+08:00")

    everything = (await by(LI).get("/alerts?since=", headers=html)).text
    assert '<span class="count">2</span>' in everything
    link = "?state=open&amp;since=2026-08-28"
    assert f'href="{link}"' in everything
    assert "&amp;since=" not in (await by(PAIZHAI_CLERK).get("/alerts", headers=html)).text
    shown = (await by(LI).get("/alerts" + link.replace("&amp;", "&"), headers=html)).text
    assert '<span class="count">1</span>' in shown
    [settle] = re.findall(r'action="(/alerts/[^"]+/settle[^"]*)"', shown)
    done = await by(LI).post(unescape(settle), data={"note": "已追加"}, headers=html)
    assert done.headers["location"] == "/alerts?state=open&since=2026-08-28"
    assert '<span class="count none">0</span>' in (await by(LI).get(done.headers["location"], headers=html)).text
    assert (await by(LI).get("/alerts?since=0001-01-01", headers=html)).status_code == 422
    assert (await by(LI).get("/alerts?since=Friday", headers=html)).status_code == 422
