"""Counting a lot: the book changes when the office agrees, and never by more than the cap."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from tests import cast
from tests.cast import LI, PAIZHAI_CLERK, PLANT_CLERK, TRADER_CLERK, YINGKOU
from tests.routes.filing import ON_DAY_1, at, refused, trader_lot
from tests.routes.quota import allot, base, fill_pools

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture
async def lot(app: FastAPI, by: By) -> UUID:
    """50 t at the trader's."""
    at(app, ON_DAY_1)
    await fill_pools(by)
    await allot(by(cast.ANSHAN), base(60_000))
    return await trader_lot(app, by, "HT-9", 50_000)


def count(lot: UUID, kg: int, **changes: Any) -> dict[str, Any]:
    return {
        "lot_id": str(lot),
        "counted_kg": kg,
        "counted_on": "2026-03-03",
        "reason": "季度盘点",
        "document_no": "PD-2026-1",
        **changes,
    }


async def decide(by: By, stocktake: dict[str, Any], *, approve: bool = True) -> httpx.Response:
    return await by(LI).post(f"/v1/stocktakes/{stocktake['id']}/decide", json={"approve": approve})


async def in_lot(by: By, lot: UUID) -> int:
    kg: int = (await by(TRADER_CLERK).get(f"/v1/lots/{lot}")).json()["available_kg"]
    return kg


@pytest.mark.parametrize(("counted", "unproven"), [(50_900, 900), (49_100, 0)])
async def test_e31_an_approved_difference_is_posted_with_its_evidence(
    by: By, lot: UUID, counted: int, unproven: int
) -> None:
    filed = await by(TRADER_CLERK).post("/v1/stocktakes", json=count(lot, counted))
    before = await in_lot(by, lot)
    decided = await decide(by, filed.json())
    found = (await by(TRADER_CLERK).get(f"/v1/provenance/lots/{lot}")).json()

    assert (filed.status_code, filed.json()["state"], filed.json()["book_kg"]) == (201, "asked", 50_000)
    assert (decided.json()["state"], decided.json()["difference_kg"]) == ("approved", counted - 50_000)
    assert (before, await in_lot(by, lot)) == (50_000, counted)
    assert found["unproven_kg"] == unproven
    assert refused(await decide(by, filed.json()), 409, "count-decided")


async def test_e31_a_refused_count_and_an_exact_one_change_nothing(by: By, lot: UUID) -> None:
    filed = (await by(TRADER_CLERK).post("/v1/stocktakes", json=count(lot, 49_999))).json()
    refusal = await decide(by, filed, approve=False)
    exact = (await by(TRADER_CLERK).post("/v1/stocktakes", json=count(lot, 50_000))).json()

    assert (refusal.json()["state"], refusal.json()["movement_id"]) == ("refused", None)
    assert (await decide(by, exact)).json()["movement_id"] is None
    assert await in_lot(by, lot) == 50_000


async def test_e31_differences_are_capped_and_counted_together(by: By, lot: UUID) -> None:
    first = (await by(TRADER_CLERK).post("/v1/stocktakes", json=count(lot, 49_400))).json()
    await decide(by, first)
    second = (await by(TRADER_CLERK).post("/v1/stocktakes", json=count(lot, 49_900))).json()
    answer = await decide(by, second)

    assert refused(answer, 409, "count-beyond-cap")
    assert (answer.json()["adjusted_kg"], answer.json()["difference_kg"], answer.json()["most_kg"]) == (600, 500, 1_000)
    assert await in_lot(by, lot) == 49_400


async def test_one_count_of_a_lot_waits_at_a_time(by: By, lot: UUID) -> None:
    answers = await asyncio.gather(
        *(by(TRADER_CLERK).post("/v1/stocktakes", json=count(lot, 49_990 + number)) for number in range(4))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"count-waits"}


async def test_what_cannot_be_counted_is_refused(by: By, lot: UUID) -> None:
    future = count(lot, 1, counted_on="2026-03-04")
    assert refused(await by(TRADER_CLERK).post("/v1/stocktakes", json=future), 409, "count-in-future")
    assert refused(await by(PLANT_CLERK).post("/v1/stocktakes", json=count(lot, 1)), 404, "unknown-counted")
    assert (await by(TRADER_CLERK).post("/v1/stocktakes", json=count(lot, -1))).status_code == 422


async def test_a_stocktake_is_its_holders_and_its_offices(by: By, lot: UUID) -> None:
    filed = (await by(TRADER_CLERK).post("/v1/stocktakes", json=count(lot, 49_990))).json()

    assert (await by(LI).get("/v1/stocktakes", params={"state": "asked"})).json()["items"] == [filed]
    for person in (PAIZHAI_CLERK, PLANT_CLERK, YINGKOU):
        assert refused(await by(person).get(f"/v1/stocktakes/{filed['id']}"), 404, "not-found")
    decision = {"approve": True}
    assert refused(await by(YINGKOU).post(f"/v1/stocktakes/{filed['id']}/decide", json=decision), 404, "not-found")
