"""Devices of stations: registered, approved, signing in without a password, signing what they weigh (W04, RFC 7523)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.keys import Purpose
from service.verify.database.signatures import SIGNED, _faults
from tests import cast, yard
from tests.cast import Person
from tests.routes.device import Device

pytestmark = pytest.mark.anyio
By = Callable[[Person], httpx.AsyncClient]


@pytest.fixture
async def ticket(app: FastAPI, by: By, now: datetime) -> dict[str, Any]:
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 100_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        contract_id = await yard.contract(connection, at=now)
    issued: dict[str, Any] = (
        await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, now))
    ).json()
    return issued


async def enrolled(by: By) -> Device:
    device = Device()
    assert (await device.register(by(cast.BRIDGE_7_DEVICE))).status_code == 201
    assert (await by(cast.LI).post(f"/v1/devices/{device.id}/approve")).status_code == 200
    return device


async def weigh(by: By, *records: dict[str, Any], who: Person = cast.BRIDGE_7_DEVICE) -> list[dict[str, Any]]:
    answer = await by(who).post("/v1/weighings", json={"records": list(records)})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def test_a_station_registers_a_device_and_its_county_approves_it(by: By) -> None:
    device = Device()
    first = await device.register(by(cast.BRIDGE_7_DEVICE))
    assert first.status_code == 201
    says = first.json()
    assert (says["state"], says["station_id"], says["approved_at"]) == ("asked", str(cast.BRIDGE_7), None)
    assert (says["next_sequence"], says["public_key"]) == (1, device.public_key)
    again = await device.register(by(cast.BRIDGE_7_DEVICE))
    assert (again.status_code, again.json()["id"]) == (200, says["id"])

    asked = (await by(cast.LI).get("/v1/devices")).json()["items"]
    assert [one["id"] for one in asked] == [says["id"]]
    approved = await by(cast.LI).post(f"/v1/devices/{device.id}/approve")
    assert (approved.json()["state"], approved.json()["approved_at"] is not None) == ("approved", True)
    assert (await by(cast.LI).post(f"/v1/devices/{device.id}/approve")).status_code == 200
    revoked = await by(cast.LI).post(f"/v1/devices/{device.id}/revoke", json={"reason": "电脑被盗"})
    assert (revoked.json()["state"], revoked.json()["revoke_reason"]) == ("revoked", "电脑被盗")
    ended = await by(cast.LI).post(f"/v1/devices/{device.id}/approve")
    assert (ended.status_code, ended.json()["code"]) == (409, "device-has-ended")


async def test_a_device_is_known_to_its_own_offices_and_firm(by: By) -> None:
    device = Device()
    await device.register(by(cast.BRIDGE_7_DEVICE))
    path = f"/v1/devices/{device.id}"
    for person in (cast.PROVINCE, cast.AUDITOR, cast.ANSHAN, cast.LI, cast.PAIZHAI_CLERK, cast.BRIDGE_7_DEVICE):
        assert (await by(person).get(path)).status_code == 200, person.username
    for person in (cast.YINGKOU, cast.DASHIQIAO, cast.PLANT_CLERK, cast.STRANGER_DEVICE):
        assert (await by(person).get(path)).status_code == 404, person.username
    for person in (cast.YINGKOU, cast.DASHIQIAO):
        assert (await by(person).post(f"{path}/approve")).status_code == 404
        assert (await by(person).post(f"{path}/revoke", json={"reason": "不归我管"})).status_code == 404


@pytest.mark.parametrize("key", ["", "AAAA", "A" * 44, "=" * 43, "é" * 43, 7, None])
async def test_a_key_that_is_none_is_malformed(by: By, key: object) -> None:
    answer = await by(cast.BRIDGE_7_DEVICE).post("/v1/devices", json={"name": "磅", "public_key": key})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/public_key"


async def test_one_key_is_one_stations(by: By) -> None:
    device = Device()
    await device.register(by(cast.BRIDGE_7_DEVICE))
    other = await device.register(by(cast.PLANT_TWO_DEVICE))
    assert (other.status_code, other.json()["code"]) == (409, "key-of-another-station")


async def test_an_approved_device_signs_in_without_a_password(by: By, client: httpx.AsyncClient) -> None:
    device = Device()
    await device.register(by(cast.BRIDGE_7_DEVICE))
    waiting = await device.sign_in(client)
    assert (waiting.status_code, waiting.json()["code"], waiting.json()["error"]) == (
        400,
        "device-not-approved",
        "invalid_grant",
    )
    await by(cast.LI).post(f"/v1/devices/{device.id}/approve")
    answer = await device.sign_in(client)
    assert answer.status_code == 200, answer.text
    token = answer.json()
    assert "refresh_token" not in token
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    beat = {"sent_at": datetime.now(UTC).isoformat(), "unsent": 3, "app_version": "1.0"}
    assert (await client.post("/v1/heartbeats", json=beat, headers=headers)).status_code == 204
    shown = await client.get(f"/v1/devices/{device.id}", headers=headers)
    assert shown.json()["last_seen_at"] is not None

    await by(cast.LI).post(f"/v1/devices/{device.id}/revoke", json={"reason": "更换"})
    assert (await client.post("/v1/heartbeats", json=beat, headers=headers)).status_code == 401
    assert (await device.sign_in(client)).json()["code"] == "device-revoked"


async def test_an_assertion_is_good_once_and_not_for_long(by: By, client: httpx.AsyncClient) -> None:
    device = await enrolled(by)
    once = device.assertion()
    assert [(await device.sign_in(client, once)).status_code for _ in range(2)] == [200, 400]
    at = datetime.now(UTC)
    for hours in (-23, 23):
        wrong_clock = device.assertion(at + timedelta(hours=hours))
        assert (await device.sign_in(client, wrong_clock)).status_code == 200, hours
    for bad in (
        device.assertion(at - timedelta(hours=25)),
        device.assertion(at + timedelta(hours=25)),
        device.assertion(exp=int(at.timestamp()) + 3_600),
        device.assertion(exp=int(at.timestamp()) - 3_600),
        device.assertion(sub=str(uuid4())),
        device.assertion(iss=str(uuid4())),
        device.assertion(aud="meisu-api"),
        device.assertion(jti=""),
        device.assertion(exp=10**12, iat=10**12 - 5),
        "a.b.c",
    ):
        answer = await device.sign_in(client, bad)
        assert (answer.status_code, answer.json()["code"]) == (400, "sign-in-failed")


async def test_w04_what_a_device_has_signed_is_kept_beside_the_weighing(
    app: FastAPI, by: By, ticket: dict[str, Any], now: datetime
) -> None:
    device = await enrolled(by)
    record = yard.record(ticket, "out", 31_200, now)
    signed = device.sign(record)
    plain = yard.record(None, "out", 20_000, now, plate="辽C54321")
    [out, other] = await weigh(by, signed, plain)
    assert (out["id"], out["status"], out["flags"]) == (record["id"], "accepted", [])
    assert other["status"] == "accepted"
    [again] = await weigh(by, signed)
    assert (again["status"], again["movement_ids"]) == ("duplicate", out["movement_ids"])
    [unsigned] = await weigh(by, record)
    assert unsigned["status"] == "duplicate"
    async with app.state.database.transaction(readonly=True) as connection:
        kept = await connection.fetch(
            "SELECT s.jws, s.device_id, w.record_id FROM signature s JOIN weighing w ON w.id = s.weighing_id"
        )
    assert [tuple(row) for row in kept] == [(signed["jws"], device.id, UUID(record["id"]))]
    shown = (await by(cast.LI).get(f"/v1/devices/{device.id}")).json()
    assert shown["next_sequence"] == plain["sequence"] + 1


@pytest.mark.parametrize("change", ["gross_kg", "plate", "key", "none"])
async def test_the_auditor_holds_each_signature_against_its_key_and_its_weighing(
    app: FastAPI, by: By, ticket: dict[str, Any], now: datetime, change: str
) -> None:
    device = await enrolled(by)
    await weigh(by, device.sign(yard.record(ticket, "out", 31_200, now, plate="辽c·12345")))
    async with app.state.database.transaction() as connection:
        row = await connection.fetchrow(SIGNED)
    changed = {"gross_kg": 1, "plate": "辽C00000", "public_key": bytes(32)}
    name = "public_key" if change == "key" else change
    assert bool(_faults({**dict(row), **({name: changed[name]} if name in changed else {})})) == (change != "none")


async def test_a_bare_record_may_be_signed(by: By, ticket: dict[str, Any], now: datetime) -> None:
    device = await enrolled(by)
    record = yard.record(ticket, "out", 31_200, now)
    answer = await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=device.sign(record))
    assert answer.json()["results"][0]["status"] == "accepted"


async def test_w05_a_record_with_a_wrong_signature_is_refused_alone_and_kept(
    app: FastAPI, by: By, ticket: dict[str, Any], now: datetime
) -> None:
    device, stranger, waiting = await enrolled(by), Device(), Device()
    stranger.id = uuid4()
    await waiting.register(by(cast.BRIDGE_7_DEVICE))
    record = yard.record(ticket, "out", 31_200, now)
    head, _, signature = device.sign(record)["jws"].split(".")
    changed = device.sign({**record, "gross_kg": 40_000})["jws"].split(".")[1]
    bad = {
        "signature-invalid": {"jws": f"{head}.{changed}.{signature}"},
        "device-unknown": stranger.sign(record),
    }
    results = await weigh(by, *bad.values(), waiting.sign(record), device.sign(record))
    assert [one["problem"] and one["problem"]["code"] for one in results] == [*bad, "device-unknown", None]
    assert [one["status"] for one in results] == ["refused"] * 3 + ["accepted"]
    [elsewhere] = await weigh(by, device.sign(yard.record(None, "out", 1, now)), who=cast.PLANT_TWO_DEVICE)
    assert elsewhere["problem"]["code"] == "device-unknown"
    await weigh(by, *bad.values())
    async with app.state.database.transaction(readonly=True) as connection:
        codes = await connection.fetch("SELECT problem->>'code' FROM weighing_refusal ORDER BY id")
        assert await connection.fetchval("SELECT count(*) FROM weighing") == 1
    assert sorted(code for (code,) in codes) == ["device-unknown"] * 3 + ["signature-invalid"]


async def test_what_is_no_signed_record_is_malformed_where_it_is(by: By, now: datetime) -> None:
    device = await enrolled(by)
    record = yard.record(None, "out", 31_200, now)
    good = device.sign(record)
    for line, pointer in (
        ({"jws": "a.b.c"}, "/records/1/jws"),
        ({"jws": 7}, "/records/1/jws"),
        (device.sign(record, alg="none"), "/records/1/jws"),
        (device.sign(record, crit=["b64"]), "/records/1/jws"),
        (device.sign(record, kid="bridge"), "/records/1/jws"),
        (device.sign(b"[]"), "/records/1/jws"),
        (device.sign({**record, "gross_kg": "31"}), "/records/1/jws/gross_kg"),
        ({**record, "gross_kg": "31"}, "/records/1/gross_kg"),
        ({**good, "note": "?"}, "/records/1/note"),
    ):
        answer = await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json={"records": [good, line]})
        assert answer.status_code == 422, line
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_day_of_signatures_is_checked(by: By, now: datetime) -> None:
    device = await enrolled(by)
    records = [
        yard.record(None, "in", 30_000 + n, now - timedelta(minutes=10 * n), plate=f"辽C{n:05}") for n in range(200)
    ]
    results = await weigh(by, *(device.sign(record) for record in records))
    assert {one["status"] for one in results} == {"accepted"}
