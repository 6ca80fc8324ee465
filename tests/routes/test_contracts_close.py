"""Closing a contract: it ends with what was shipped."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.domain.ledger import AccountKey, AccountKind
from service.store.accounts import open_accounts
from tests import cast
from tests.cast import LI, PAIZHAI_CLERK, PLANT_CLERK, STRANGER_CLERK, TRADER_CLERK, YINGKOU
from tests.routes.filing import (
    ON_DAY_1,
    TOO_LATE,
    alerts,
    at,
    contract,
    from_stock,
    issue,
    receive,
    refused,
    trader_lot,
)

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI) -> None:
    await issue(app, 1_000_000)


@pytest.fixture
async def filed(by: By) -> str:
    """A contract that both sides filed."""
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())
    answer = await by(PLANT_CLERK).post("/v1/contracts", json=contract())
    return str(answer.json()["id"])


async def open_ticket(app: FastAPI, contract_id: str, state: str = "issued") -> None:
    async with app.state.database.transaction() as connection:
        ticket = uuid4()
        key = AccountKey(AccountKind.LOAD, owner_id=cast.PAIZHAI.id, document_id=ticket)
        now = datetime(2026, 3, 3, tzinfo=UTC)
        await connection.execute(
            "INSERT INTO ticket (id, number, code, contract_id, seller_id, buyer_id, mine_id, plate, planned_kg, grade,"
            " source_station_id, destination_station_id, valid_from, valid_until, issued_at, issued_by, account, state)"
            " VALUES ($1, '1000000000009', '1', $2, $3, $4, $5, '辽C12345', 31000, '一级', $6, $7, $8, $9, $8, $10, $11, $12)",
            ticket,
            UUID(contract_id),
            cast.PAIZHAI.id,
            cast.PLANT_TWO.id,
            cast.PAIZHAI_MINE,
            cast.BRIDGE_7,
            cast.PLANT_TWO_GATE,
            now,
            datetime(2026, 3, 4, tzinfo=UTC),
            PAIZHAI_CLERK.id,
            (await open_accounts(connection, [key]))[key],
            state,
        )


@pytest.mark.parametrize("person", [PAIZHAI_CLERK, PLANT_CLERK, LI], ids=lambda person: person.username)
async def test_a_party_or_its_office_closes_it_once(by: By, filed: str, person: cast.Person) -> None:
    closed = await by(person).post(f"/v1/contracts/{filed}/close")
    again = await by(person).post(f"/v1/contracts/{filed}/close")

    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    assert closed.json()["closed_at"] == "2026-03-03T01:00:00Z"
    assert again.json()["closed_at"] == closed.json()["closed_at"]


async def test_e6_what_was_shipped_stays(app: FastAPI, by: By, filed: str) -> None:
    await receive(app, filed, cast.PLANT_TWO.id, 31_200)
    closed = (await by(PAIZHAI_CLERK).post(f"/v1/contracts/{filed}/close")).json()

    assert (closed["state"], closed["shipped_kg"], closed["received_kg"]) == ("closed", 31_200, 31_200)


async def test_e21_pledges_are_released_beyond_what_was_shipped(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 50_000)
    pledged = (await by(TRADER_CLERK).post("/v1/contracts", json=from_stock((lot, 50_000), kg=50_000))).json()
    before = (await by(TRADER_CLERK).get(f"/v1/lots/{lot}")).json()
    await by(TRADER_CLERK).post(f"/v1/contracts/{pledged['id']}/close")
    after = (await by(TRADER_CLERK).get(f"/v1/lots/{lot}")).json()

    assert (before["pledged_kg"], before["available_kg"]) == (50_000, 0)
    assert (after["pledged_kg"], after["available_kg"]) == (0, 50_000)


async def test_a_ticket_that_can_still_be_used_keeps_it_open(app: FastAPI, by: By, filed: str) -> None:
    await open_ticket(app, filed)
    answer = await by(PAIZHAI_CLERK).post(f"/v1/contracts/{filed}/close")

    assert refused(answer, 409, "tickets-still-open")
    assert answer.json()["tickets"] == ["1000000000009"]


async def test_a_load_on_the_road_does_not(app: FastAPI, by: By, filed: str) -> None:
    await open_ticket(app, filed, "out")

    assert (await by(PAIZHAI_CLERK).post(f"/v1/contracts/{filed}/close")).json()["state"] == "closed"


async def test_nothing_more_is_filed_under_it(by: By) -> None:
    mismatch = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    await by(PAIZHAI_CLERK).post(f"/v1/contracts/{mismatch['id']}/close")

    assert refused(await by(PLANT_CLERK).post("/v1/contracts", json=contract()), 409, "contract-closed")
    assert (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()["state"] == "closed"


async def test_a_buyer_cannot_spend_a_number_that_the_seller_has_not_used(by: By) -> None:
    claim = contract(buyer_id=str(cast.STRANGER.id))
    begun = (await by(STRANGER_CLERK).post("/v1/contracts", json=claim)).json()

    assert refused(await by(STRANGER_CLERK).post(f"/v1/contracts/{begun['id']}/close"), 409, "seller-has-not-filed")


async def test_what_was_never_shipped_leaves_nothing_to_settle(app: FastAPI, by: By) -> None:
    incomplete = (await by(TRADER_CLERK).post("/v1/contracts", json=from_stock())).json()
    at(app, TOO_LATE)
    closed = (await by(TRADER_CLERK).post(f"/v1/contracts/{incomplete['id']}/close")).json()

    assert incomplete["flags"] == ["origin-unproven"]
    assert closed["flags"] == []
    assert await alerts(by, state="open") == []


async def test_it_is_nobody_elses(by: By, filed: str) -> None:
    for person in (STRANGER_CLERK, YINGKOU):
        assert refused(await by(person).post(f"/v1/contracts/{filed}/close"), 404, "not-found")
    assert refused(await by(LI).post(f"/v1/contracts/{uuid4()}/close"), 404, "not-found")
    assert (await by(LI).get(f"/v1/contracts/{filed}")).json()["state"] == "filed"


async def test_an_idempotency_key_gives_the_same_answer_again(by: By, filed: str) -> None:
    key = {"Idempotency-Key": "close-1"}
    first = await by(PAIZHAI_CLERK).post(f"/v1/contracts/{filed}/close", headers=key)
    again = await by(PAIZHAI_CLERK).post(f"/v1/contracts/{filed}/close", headers=key)

    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
