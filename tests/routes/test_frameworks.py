"""Frameworks: a total and a period, under which instalments are filed as contracts."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from tests import cast
from tests.cast import LI, PAIZHAI_CLERK, PLANT_CLERK, STRANGER_CLERK, TRADER_CLERK
from tests.routes.filing import ON_DAY_1, alerts, contract, from_stock, issue, refused

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI) -> None:
    await issue(app, 1_000_000)


@pytest.fixture
async def framework(by: By) -> dict[str, Any]:
    """A framework over 100 t that both sides filed."""
    terms = contract(number="KJ-1", is_framework=True)
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=terms)
    filed: dict[str, Any] = (await by(PLANT_CLERK).post("/v1/contracts", json=terms)).json()
    assert (filed["state"], filed["is_framework"]) == ("filed", True)
    return filed


async def test_instalments_are_contracts_and_count_against_the_framework(by: By, framework: dict[str, Any]) -> None:
    first = contract(number="FP-1", kg=60_000, framework_id=framework["id"])
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=first)
    filed = await by(PLANT_CLERK).post("/v1/contracts", json=first)
    seen = (await by(LI).get(f"/v1/contracts/{framework['id']}")).json()
    listed = (await by(LI).get("/v1/contracts", params={"framework": framework["id"]})).json()["items"]

    assert (filed.json()["state"], filed.json()["framework_id"]) == ("filed", framework["id"])
    assert (seen["kg"], seen["instalments_kg"], seen["flags"]) == (100_000, 60_000, [])
    assert [one["number"] for one in listed] == ["FP-1"]


async def test_w08_the_instalment_that_exceeds_the_framework_is_flagged_until_it_is_amended(
    by: By, framework: dict[str, Any]
) -> None:
    path = f"/v1/contracts/{framework['id']}"
    for number, kg in (("FP-1", 60_000), ("FP-2", 40_000)):
        answer = await by(PAIZHAI_CLERK).post(
            "/v1/contracts", json=contract(number=number, kg=kg, framework_id=framework["id"])
        )
        assert answer.status_code == 201
    assert await alerts(by, code="framework-exceeded") == []
    third = await by(PAIZHAI_CLERK).post(
        "/v1/contracts", json=contract(number="FP-3", kg=1, framework_id=framework["id"])
    )
    flagged = (await by(LI).get(path)).json()
    opened = await alerts(by, code="framework-exceeded", state="open")
    more = {"agreed_on": "2026-03-03", "reason": "追加", "kg": 100_001}
    amendment = (await by(PAIZHAI_CLERK).post(f"{path}/amendments", json=more)).json()
    await by(PLANT_CLERK).post(f"{path}/amendments/{amendment['id']}/confirm")

    assert third.status_code == 201, "a signed paper is a fact: it is filed, and flagged"
    assert (flagged["flags"], flagged["instalments_kg"]) == (["framework-exceeded"], 100_001)
    assert [(one["subject_id"], one["facts"]["over_kg"]) for one in opened] == [(framework["id"], 1)]
    assert (await by(LI).get(path)).json()["flags"] == []
    assert await alerts(by, code="framework-exceeded", state="open") == []


async def test_an_instalment_that_ends_gives_its_rest_back(by: By, framework: dict[str, Any]) -> None:
    body = contract(number="FP-1", kg=150_000, framework_id=framework["id"])
    instalment = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=body)).json()
    assert len(await alerts(by, code="framework-exceeded", state="open")) == 1
    await by(PAIZHAI_CLERK).post(f"/v1/contracts/{instalment['id']}/close")

    assert (await by(LI).get(f"/v1/contracts/{framework['id']}")).json()["instalments_kg"] == 0
    assert await alerts(by, code="framework-exceeded", state="open") == []


async def test_o01_a_framework_promises_nothing_by_itself(by: By) -> None:
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number="KJ-9", is_framework=True, kg=90_000_000_000))
    quota = (await by(PAIZHAI_CLERK).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": 2026})).json()

    assert quota["contracted_kg"] == 0
    assert await alerts(by, code="quota-overcommitted") == []


async def test_nothing_is_loaded_under_a_framework(by: By, framework: dict[str, Any]) -> None:
    ticket = {
        "contract_id": framework["id"],
        "plate": "辽C12345",
        "planned_kg": 31_000,
        "grade": "一级",
        "source_station_id": str(cast.BRIDGE_7),
        "destination_station_id": str(cast.PLANT_TWO_GATE),
        "valid_from": "2026-03-03T09:00:00+08:00",
        "valid_until": "2026-03-04T09:00:00+08:00",
    }

    assert refused(await by(PAIZHAI_CLERK).post("/v1/tickets", json=ticket), 409, "contract-is-a-framework")


async def test_r23_a_traders_framework_needs_no_proof_and_its_instalments_do(by: By) -> None:
    terms = from_stock(number="KJ-2", is_framework=True)
    await by(TRADER_CLERK).post("/v1/contracts", json=terms)
    framework = (await by(PLANT_CLERK).post("/v1/contracts", json=terms)).json()
    part = from_stock(number="FP-9", kg=10_000, framework_id=framework["id"])
    instalment = (await by(TRADER_CLERK).post("/v1/contracts", json=part)).json()

    assert (framework["state"], framework["proof_state"], framework["flags"]) == ("filed", "none", [])
    assert instalment["flags"] == ["origin-unproven"]


async def test_what_an_instalment_cannot_be(by: By, framework: dict[str, Any]) -> None:
    plain = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number="HT-7"))).json()["id"]
    under = {"framework_id": framework["id"]}
    early = contract(number="FP-1", signed_on="2026-03-01", **under)
    other_firm = contract(number="FP-1", buyer_id=str(cast.TRADER.id), **under)
    for body, status, code in (
        (contract(number="FP-1", framework_id=str(uuid4())), 404, "unknown-framework"),
        (contract(number="FP-1", framework_id=plain), 404, "unknown-framework"),
        (other_firm, 404, "unknown-framework"),
        (early, 409, "outside-framework"),
        (contract(number="FP-1", is_framework=True, **under), 409, "framework-in-framework"),
    ):
        assert refused(await by(PAIZHAI_CLERK).post("/v1/contracts", json=body), status, code), code
    stolen = contract(number="ST-1", seller_id=str(cast.STRANGER.id), mine_id=str(cast.STRANGER_MINE), **under)
    assert refused(await by(STRANGER_CLERK).post("/v1/contracts", json=stolen), 404, "unknown-framework")
    await by(PAIZHAI_CLERK).post(f"/v1/contracts/{framework['id']}/close")
    closed = await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number="FP-1", **under))
    assert refused(closed, 409, "contract-closed")


async def test_r22c_sides_that_name_different_frameworks_differ(by: By, framework: dict[str, Any]) -> None:
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number="FP-1", framework_id=framework["id"]))
    answer = await by(PLANT_CLERK).post("/v1/contracts", json=contract(number="FP-1"))

    assert (answer.json()["state"], answer.json()["differences"]) == ("mismatch", ["framework_id"])
