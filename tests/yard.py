"""What the weighbridge's tests need on the table: quota, a contract, tickets, and records as stations send them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from service.actions.contracts import Order, file_contract
from service.db import Connection
from service.domain.allotments import Draft, Kind, fact_of
from service.domain.filings import Terms
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.units import Kilograms
from service.store.accounts import open_accounts
from service.store.allotments import insert_step
from service.store.ledger import Posted, Signer, append
from tests import cast

PLATE = "辽C12345"


async def grant(
    connection: Connection,
    kg: int,
    *,
    at: datetime,
    sign: Signer,
    mine_id: UUID = cast.PAIZHAI_MINE,
    year: int | None = None,
    document_no: str = "海镁办〔2026〕1号",
) -> tuple[UUID, Posted]:
    """A tranche for a mine, down from the province's act."""
    year = year or at.year
    keys = [
        AccountKey(AccountKind.ISSUE, jurisdiction="210000", year=year),
        *(AccountKey(AccountKind.POOL, jurisdiction=code, year=year) for code in ("210000", "210300", "210381")),
        AccountKey(AccountKind.QUOTA, owner_id=mine_id, year=year),
    ]
    accounts = await open_accounts(connection, keys)
    tranche = Draft(
        year, 1, Kind.BASE, "210381", Kilograms(kg), document_no, issued_on=date(year, 1, 5), mine_id=mine_id
    )
    ids = [uuid7() for _ in keys[1:]]
    movements = [
        Movement(id_, uuid7(), accounts[source], accounts[target], Kilograms(kg), at, fact_of(id_, tranche))
        for id_, (source, target) in zip(ids, pairwise(keys), strict=True)
    ]
    posted = await append(connection, movements, at=at, sign=sign)
    await keep(connection, ids[-1], tranche, at=at)
    return ids[-1], posted


async def keep(connection: Connection, allotment_id: UUID, tranche: Draft, *, at: datetime) -> None:
    """An allotment as it stands when it was issued, past all rules."""
    await connection.execute(
        "INSERT INTO allotment (id, year, quarter, kind, from_jurisdiction, mine_id, kg, document_no, state, issued_on,"
        " created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'issued', $9, $10)",
        allotment_id,
        tranche.year,
        tranche.quarter,
        tranche.kind,
        tranche.source,
        tranche.mine_id,
        tranche.kg,
        tranche.document_no,
        tranche.issued_on,
        at,
    )
    await insert_step(connection, allotment_id, "issue", tranche.issued_on, at=at, actor=cast.LI.actor)


async def contract(connection: Connection, *, at: datetime, **changed: Any) -> UUID:
    """A contract between Paizhai and Plant Two, filed by both."""
    terms = Terms(
        **{
            "seller_id": cast.PAIZHAI.id,
            "buyer_id": cast.PLANT_TWO.id,
            "signed_on": at.date(),
            "kg": Kilograms(100_000_000),
            "grade": "LM46",
            "valid_until": date(at.year, 12, 31),
            "mine_id": None,
            "proof": None,
            "earmark": None,
            "price_fen_per_t": None,
            **changed,
        }
    )
    number = f"HT-{uuid4().hex[:8]}"
    clerks = {person.enterprise_id: person.actor for person in cast.PEOPLE if person.enterprise_id}
    for firm_id in (terms.seller_id, terms.buyer_id):
        contract_id = await file_contract(connection, Order(clerks[firm_id], number, terms), at=at)
    return contract_id


def ticket_in(under: UUID | None, at: datetime, **changed: Any) -> dict[str, Any]:
    """A ticket as the seller asks for it."""
    return {
        "contract_id": under and str(under),
        "plate": PLATE,
        "planned_kg": 31_000,
        "grade": "LM46",
        "source_station_id": str(cast.BRIDGE_7),
        "destination_station_id": str(cast.PLANT_TWO_GATE),
        "valid_from": (at - timedelta(hours=1)).isoformat(),
        "valid_until": (at + timedelta(hours=24)).isoformat(),
        **changed,
    }


_sequence = iter(range(1, 10**9))


def record(
    named: Mapping[str, Any] | str | None, direction: str, net_kg: int, at: datetime, **changed: Any
) -> dict[str, Any]:
    """A line of a station's book."""
    return {
        "id": str(uuid4()),
        "sequence": next(_sequence),
        "ticket": named["number"] if isinstance(named, Mapping) else named,
        "direction": direction,
        "plate": named["plate"] if isinstance(named, Mapping) else PLATE,
        "gross_kg": 15_000 + net_kg,
        "tare_kg": 15_000,
        "weighed_at": at.astimezone(UTC).isoformat(),
        **changed,
    }
