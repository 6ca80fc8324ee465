"""Contracts and lots that an authority holds while it looks into them (E57)."""

from typing import Any

import pytest
from fastapi import FastAPI

from tests import cast
from tests.cast import ANSHAN, DASHIQIAO, LI, PAIZHAI_CLERK, PLANT_CLERK, STRANGER_CLERK, TRADER_CLERK
from tests.routes.by import By
from tests.routes.filing import ON_DAY_1, alerts, at, contract, from_stock, issue, refused, trader_lot
from tests.sweeping import swept

AUTHORITY = {"authority": "海城市公安局", "reason": "涉嫌虚假合同", "document_no": "海公〔2026〕7号"}


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI) -> None:
    await issue(app, 1_000_000)


def hold(kind: str, subject_id: object, ends_on: str = "2026-03-20") -> dict[str, Any]:
    return {"subject_kind": kind, "subject_id": str(subject_id), "ends_on": ends_on, **AUTHORITY}


def ticket(contract_id: str, day: int = 3) -> dict[str, Any]:
    return {
        "contract_id": contract_id, "plate": "辽C12345", "planned_kg": 31_000, "grade": "一级",
        "source_station_id": str(cast.BRIDGE_7), "destination_station_id": str(cast.PLANT_TWO_GATE),
        "valid_from": f"2026-03-{day:02}T08:00:00+08:00", "valid_until": f"2026-03-{day + 1:02}T08:00:00+08:00",
    }  # fmt: skip


async def test_e57_a_contract_under_investigation_is_held_told_and_free_by_itself(by: By, app: FastAPI) -> None:
    for clerk in (PAIZHAI_CLERK, PLANT_CLERK):
        filed = (await by(clerk).post("/v1/contracts", json=contract())).json()
    path = f"/v1/contracts/{filed['id']}"
    assert (await by(PAIZHAI_CLERK).post("/v1/investigations", json=hold("contract", filed["id"]))).status_code == 403
    assert refused(await by(DASHIQIAO).post("/v1/investigations", json=hold("contract", filed["id"])), 404, "not-found")
    opened = await by(LI).post("/v1/investigations", json=hold("contract", filed["id"]))
    assert opened.status_code == 201, opened.text

    (told,) = (await by(PLANT_CLERK).get("/v1/alerts?code=under-investigation")).json()["items"]
    assert (told["subject_id"], told["facts"]["authority"], told["facts"]["ends_on"]) == (
        filed["id"],
        "海城市公安局",
        "2026-03-20",
    )
    change = {"kg": 150_000, "agreed_on": "2026-03-03", "reason": "增供"}
    for answer in (
        await by(PAIZHAI_CLERK).post("/v1/tickets", json=ticket(filed["id"])),
        await by(PAIZHAI_CLERK).post(f"{path}/close"),
        await by(PLANT_CLERK).post(f"{path}/amendments", json=change),
    ):
        assert refused(answer, 409, "under-investigation")
        assert (answer.json()["authority"], answer.json()["rule"]) == ("海城市公安局", "E57")
    again = await by(ANSHAN).post("/v1/investigations", json=hold("contract", filed["id"]))
    assert refused(again, 409, "investigated-already")

    # The last day holds to its last second; then it is free, even before the sweeper has come by.
    at(app, "2026-03-20T23:59:59+08:00")
    assert refused(await by(PAIZHAI_CLERK).post("/v1/tickets", json=ticket(filed["id"])), 409, "under-investigation")
    at(app, "2026-03-21T00:00:00+08:00")
    assert (await by(PAIZHAI_CLERK).post("/v1/tickets", json=ticket(filed["id"], 21))).status_code == 201
    await swept(app, at(app, "2026-03-21T00:01:00+08:00"))
    assert await alerts(by, code="under-investigation", state="open") == []
    (seen,) = (await by(PAIZHAI_CLERK).get("/v1/investigations")).json()["items"]
    assert (seen["ended_by_itself"], seen["released_at"]) == (True, "2026-03-20T16:01:00Z")
    assert (await by(STRANGER_CLERK).get("/v1/investigations")).json()["items"] == []


async def test_e57_a_lot_under_investigation_is_neither_pledged_nor_used_until_it_is_released(
    by: By, app: FastAPI
) -> None:
    lot = await trader_lot(app, by, "HT-9", 60_000)
    opened = (await by(LI).post("/v1/investigations", json=hold("lot", lot))).json()
    sale = from_stock((lot, 31_000), kg=31_000)
    count = {"lot_id": str(lot), "counted_kg": 1, "counted_on": "2026-03-03", "reason": "盘点", "document_no": "盘1"}
    assert refused(await by(TRADER_CLERK).post("/v1/contracts", json=sale), 409, "under-investigation")
    assert refused(await by(TRADER_CLERK).post("/v1/stocktakes", json=count), 409, "under-investigation")

    path = f"/v1/investigations/{opened['id']}/release"
    assert (await by(TRADER_CLERK).post(path, json={"note": "x"})).status_code == 403
    released = await by(LI).post(path, json={"note": "查无问题"})
    assert (released.json()["note"], released.json()["ended_by_itself"]) == ("查无问题", False)
    assert refused(await by(LI).post(path, json={"note": "查无问题"}), 409, "investigation-ended")
    assert await alerts(by, code="under-investigation", state="open") == []
    assert (await by(TRADER_CLERK).post("/v1/contracts", json=sale)).status_code == 201


async def test_e57_an_investigation_ends(by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    for ends_on in ("2026-03-02", "2026-09-03"):
        answer = await by(LI).post("/v1/investigations", json=hold("contract", filed["id"], ends_on))
        assert refused(answer, 409, "investigation-too-long")
        assert answer.json()["latest"] == "2026-09-02"


async def test_e57_an_office_holds_a_paper_and_lets_it_go_on_pages(by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    html = {"Accept": "text/html"}
    path = f"/investigations/new?firm={cast.PAIZHAI.id}"
    said = {"subject_id": f"contract:{filed['id']}", "ends_on": "2026-12-31", **AUTHORITY}
    assert filed["number"] in (await by(LI).get(path, headers=html)).text
    late = await by(LI).post(path, data=said, headers=html)
    assert late.status_code == 409
    assert AUTHORITY["document_no"] in late.text
    assert (await by(LI).post(path, data={**said, "reason": ""}, headers=html)).status_code == 422
    assert (await by(LI).post(path, data={**said, "ends_on": "2026-03-20"}, headers=html)).status_code == 303

    for person, where in [
        (LI, "/investigations?state=open"),
        (PLANT_CLERK, "/investigations"),
        (LI, f"/registry/enterprises/{cast.PAIZHAI.id}"),
    ]:
        shown = await by(person).get(where, headers=html)
        assert f'href="/contracts/{filed["id"]}">' in shown.text
        assert ("/release" in shown.text) == (person is LI)
    assert AUTHORITY["reason"] in (await by(PLANT_CLERK).get(f"/contracts/{filed['id']}", headers=html)).text
    for stranger in (STRANGER_CLERK, DASHIQIAO):
        assert filed["id"] not in (await by(stranger).get("/investigations", headers=html)).text
    assert (await by(DASHIQIAO).get(f"/investigations/new?contract={filed['id']}", headers=html)).status_code == 404

    (one,) = (await by(LI).get("/v1/investigations")).json()["items"]
    release = f"/investigations/{one['id']}/release"
    assert (await by(LI).post(release, data={"note": "查无问题"}, headers=html)).status_code == 303
    assert (await by(LI).post(release, data={"note": "查无问题"}, headers=html)).status_code == 409
    assert "查无问题" in (await by(LI).get("/investigations?state=ended", headers=html)).text
