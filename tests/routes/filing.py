"""What the tests of filing share: the usual papers, and lots that a firm holds already."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from httpx import Response
from uuid_utils.compat import uuid7

from service.domain.allotments import Draft, Kind, fact_of
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.units import Kilograms
from service.keys import Purpose
from service.store import ledger, lots
from service.store.accounts import open_accounts
from tests import cast, yard

SIGNED = "2026-03-02"
ON_DAY_1 = "2026-03-03T09:00:00+08:00"
LAST_SECOND = "2026-03-17T23:59:59+08:00"
TOO_LATE = "2026-03-18T00:00:00+08:00"


def at(app: FastAPI, moment: str) -> datetime:
    """Stop the service's clock at a moment: not one before it began, since what it does by itself has then been done later."""
    now = datetime.fromisoformat(moment).astimezone(UTC)
    assert app.state.clock.now() <= now, "let the service begin earlier (`begins_at`)"
    app.state.clock.stop_at(now)
    return now


def contract(**changes: Any) -> dict[str, Any]:
    """A contract between Paizhai Mine's firm and Plant Two."""
    return {
        "number": "HT-1",
        "seller_id": str(cast.PAIZHAI.id),
        "buyer_id": str(cast.PLANT_TWO.id),
        "signed_on": SIGNED,
        "kg": 100_000,
        "grade": "一级",
        "valid_until": "2026-12-31",
        "mine_id": str(cast.PAIZHAI_MINE),
        "proof": None,
        "earmark": None,
        "price_fen_per_t": 45_000,
        **changes,
    }


def from_stock(*proof: tuple[UUID, int], **changes: Any) -> dict[str, Any]:
    """A contract between the trader and Plant Two, with a proof of lawful origin."""
    named = [{"lot_id": str(lot), "kg": kg} for lot, kg in proof] or None
    return contract(**{"number": "MY-1", "seller_id": str(cast.TRADER.id), "mine_id": None, "proof": named, **changes})


def slip(**changes: Any) -> dict[str, Any]:
    """A handover slip of Paizhai Mine's firm."""
    return {
        "number": "JJ-1",
        "enterprise_id": str(cast.PAIZHAI.id),
        "mine_id": str(cast.PAIZHAI_MINE),
        "handed_on": SIGNED,
        "kg": 5_000,
        "grade": "一级",
        **changes,
    }


def refused(answer: Response, status: int, code: str) -> bool:
    """Whether an answer is this refusal."""
    return (answer.status_code, answer.json()["code"]) == (status, code)


async def issue(app: FastAPI, kg: int, *, year: int = 2026) -> None:
    """Give Paizhai Mine a tranche, as the office's act would, on 1 January."""
    async with app.state.database.transaction() as connection:
        source = AccountKey(AccountKind.ISSUE, jurisdiction="210000", year=year)
        quota = AccountKey(AccountKind.QUOTA, owner_id=cast.PAIZHAI_MINE, year=year)
        accounts = await open_accounts(connection, [source, quota])
        tranche = Draft(
            year,
            None,
            Kind.BASE,
            None,
            Kilograms(kg),
            "海镁指〔2026〕1号",
            issued_on=date(year, 1, 1),
            mine_id=cast.PAIZHAI_MINE,
        )
        id_ = uuid7()
        await yard.keep(connection, id_, tranche, at=app.state.clock.now())
        await _move(app, connection, id_, accounts[source], accounts[quota], kg, fact_of(id_, tranche))


async def receive(app: FastAPI, contract_id: str, holder: UUID, kg: int) -> UUID:
    """Let kilograms arrive in a lot of a holder under a contract, out of Paizhai Mine's quota."""
    async with app.state.database.transaction() as connection:
        quota = AccountKey(AccountKind.QUOTA, owner_id=cast.PAIZHAI_MINE, year=2026)
        key = AccountKey(AccountKind.LOT, owner_id=holder, document_id=UUID(contract_id), grade="一级", year=2026)
        accounts = await open_accounts(connection, [quota])
        lot_id, account = (await lots.open_lots(connection, [key], app.state.clock.now()))[key]
        await _move(app, connection, uuid4(), accounts[quota], account, kg)
        await connection.execute(
            "UPDATE contract SET shipped_kg = shipped_kg + $2, received_kg = received_kg + $2 WHERE id = $1",
            UUID(contract_id),
            kg,
        )
        return lot_id


async def _move(
    app: FastAPI, connection: Any, movement: UUID, source: int, target: int, kg: int, fact: bytes = bytes(32)
) -> None:
    now = app.state.clock.now()
    await ledger.append(
        connection,
        [Movement(movement, movement, source, target, Kilograms(kg), now, fact)],
        at=now,
        sign=app.state.keys.current(Purpose.LEDGER),
    )


async def trader_lot(app: FastAPI, by: Any, number: str, kg: int) -> UUID:
    """A lot of the trader's that came from Paizhai Mine under a contract filed by both."""
    terms = contract(number=number, buyer_id=str(cast.TRADER.id), kg=kg)
    await by(cast.PAIZHAI_CLERK).post("/v1/contracts", json=terms)
    filed = await by(cast.TRADER_CLERK).post("/v1/contracts", json=terms)
    assert filed.json()["state"] == "filed"
    return await receive(app, filed.json()["id"], cast.TRADER.id, kg)


async def alerts(by: Any, **query: str) -> list[dict[str, Any]]:
    """The alerts that the county's officer sees."""
    items: list[dict[str, Any]] = (await by(cast.LI).get("/v1/alerts", params=query)).json()["items"]
    return items
