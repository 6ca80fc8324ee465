"""What scales tell of tickets: copies, contracts that end or are full, returns, New Year (E10, E14, E20–E22, E25, E28, E32)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from service.domain.units import SHANGHAI
from service.keys import Purpose
from tests import cast, yard
from tests.routes.by import By
from tests.routes.ticketing import check, held_kg, issue, weigh

pytestmark = pytest.mark.anyio


# What the scales note about a ticket's paper


async def test_e10_a_copied_paper_shows_by_its_plate_and_by_its_second_load(
    by: By, ticket: dict[str, Any], now: datetime
) -> None:
    copied = {"ticket": ticket["code"]}
    assert await check(by, ticket["code"]) == []
    answer = await by(cast.BRIDGE_7_DEVICE).post(
        "/v1/tickets/check", json={"code": ticket["code"], "plate": "辽C99999"}
    )
    assert answer.json()["reasons"] == ["plate-mismatch"]
    first = await weigh(by, ticket, "out", 31_000, now - timedelta(minutes=40), **copied)
    second = await weigh(by, ticket, "out", 30_000, now, **copied, plate="辽C99999")
    assert first["flags"] == []
    assert set(second["flags"]) == {"plate-mismatch", "ticket-reused"}
    # The second load left without a paper of its own: out of the mine's suspense (W06).
    quota = (await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": now.year})).json()
    assert (quota["out_kg"], quota["suspense_kg"]) == (31_000, 30_000)


async def test_e20_the_load_that_crosses_the_contract_is_flagged_with_the_kilograms_over(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    async with app.state.database.transaction() as connection:
        small = await yard.contract(connection, at=now, kg=50_000)
    for number, flags in ((1, []), (2, ["contract-overshipped"])):
        paper = await issue(by, yard.ticket_in(small, now, plate=f"辽C1111{number}"))
        assert (await weigh(by, paper, "out", 31_000, now))["flags"] == flags
    (alert,) = (await by(cast.LI).get("/v1/alerts", params={"code": "contract-overshipped"})).json()["items"]
    assert (alert["subject_id"], alert["facts"]["over_kg"]) == (str(small), 12_000)


async def test_e21_a_load_after_the_contracts_last_day_is_flagged(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    async with app.state.database.transaction() as connection:
        ending = await yard.contract(connection, at=now, valid_until=now.astimezone(SHANGHAI).date())
    paper = await issue(by, yard.ticket_in(ending, now, valid_until=(now + timedelta(days=3)).isoformat()))
    later = now + timedelta(days=2)
    app.state.clock.stop_at(later)
    assert (await weigh(by, paper, "out", 31_000, later))["flags"] == ["contract-expired"]


async def test_e22_loads_before_both_sides_have_filed_are_allowed_until_day_16(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    terms = {
        "number": "HT-22",
        "seller_id": str(cast.PAIZHAI.id),
        "buyer_id": str(cast.PLANT_TWO.id),
        "signed_on": now.astimezone(SHANGHAI).date().isoformat(),
        "kg": 500_000,
        "grade": "LM46",
        "valid_until": (now + timedelta(days=300)).date().isoformat(),
        "mine_id": str(cast.PAIZHAI_MINE),
    }
    one_sided = (await by(cast.PAIZHAI_CLERK).post("/v1/contracts", json=terms)).json()
    assert one_sided["state"] == "incomplete"
    first = await issue(by, yard.ticket_in(UUID(one_sided["id"]), now, plate="辽C22220"))
    assert (await weigh(by, first, "out", 31_000, now))["flags"] == []
    later = now + timedelta(days=17)
    app.state.clock.stop_at(later)
    second = await issue(by, yard.ticket_in(UUID(one_sided["id"]), later, plate="辽C22221"))
    assert (await weigh(by, second, "out", 31_000, later))["flags"] == ["filing-overdue"]


async def test_e32_a_returned_load_credits_the_quota_when_the_mine_has_weighed_it(
    by: By, ticket: dict[str, Any], now: datetime
) -> None:
    await weigh(by, ticket, "out", 31_000, now - timedelta(hours=1))
    assert (await weigh(by, ticket, "back", 30_950, now))["flags"] == []
    quota = (await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": now.year})).json()
    assert (quota["out_kg"], quota["available_kg"]) == (50, 100_000 - 50)
    assert (await by(cast.LI).get(f"/v1/tickets/{ticket['id']}")).json()["state"] == "returned"
    assert await check(by, ticket["code"]) == ["ticket-used"]


# New Year (E14, E28) and a licence that runs out (E25)


async def test_e28_a_hold_rolls_over_new_year(app: FastAPI, by: By) -> None:
    eve = datetime(2026, 12, 31, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai
    app.state.clock.stop_at(eve)
    async with app.state.database.transaction() as connection:
        for year in (2026, 2027):
            await yard.grant(
                connection,
                100_000,
                at=eve,
                year=year,
                sign=app.state.keys.current(Purpose.LEDGER),
                document_no=str(year),
            )
        under = await yard.contract(connection, at=eve, valid_until=datetime(2027, 6, 30).date())  # noqa: DTZ001
    paper = await issue(by, yard.ticket_in(under, eve))
    assert [await held_kg(by, year) for year in (2026, 2027)] == [31_000, 0]

    app.state.clock.stop_at(eve + timedelta(hours=2))
    assert [await held_kg(by, year) for year in (2026, 2027)] == [0, 31_000]
    await weigh(by, paper, "out", 30_000, eve + timedelta(hours=2))
    quotas = [
        (await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": year})).json()
        for year in (2026, 2027)
    ]
    assert [(quota["out_kg"], quota["held_kg"]) for quota in quotas] == [(0, 0), (30_000, 0)]


async def test_e28_a_hold_rolls_over_into_a_year_of_which_nothing_is_known_yet(
    app: FastAPI, by: By, contract_id: UUID
) -> None:
    """E53: before the year's first tranche, and asked for later, when there is one."""
    eve = datetime(2026, 12, 31, 15, 0, tzinfo=UTC)
    app.state.clock.stop_at(eve)
    await issue(by, yard.ticket_in(contract_id, eve))
    app.state.clock.stop_at(eve + timedelta(hours=2))
    before = await held_kg(by, 2027)
    app.state.clock.stop_at(eve + timedelta(hours=3))
    async with app.state.database.transaction() as connection:
        sign = app.state.keys.current(Purpose.LEDGER)
        await yard.grant(connection, 100_000, at=eve + timedelta(hours=3), year=2027, sign=sign)

    then = {"year": 2027, "as_of": (eve + timedelta(hours=2)).isoformat()}
    told = (await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params=then)).json()
    assert (before, told["held_kg"], await held_kg(by, 2027)) == (31_000, 31_000, 31_000)


async def test_e25_what_is_on_the_road_when_the_licence_expires_is_honoured(
    app: FastAPI, by: By, ticket: dict[str, Any], now: datetime
) -> None:
    await weigh(by, ticket, "out", 31_000, now - timedelta(minutes=30))
    async with app.state.database.transaction() as connection:
        await connection.execute(
            "UPDATE mine SET licence_valid_until = $2 WHERE id = $1",
            cast.PAIZHAI_MINE,
            (now - timedelta(days=1)).date(),
        )
    assert (await weigh(by, ticket, "in", 31_000, now))["flags"] == []
    assert (await by(cast.LI).get(f"/v1/tickets/{ticket['id']}")).json()["state"] == "delivered"
