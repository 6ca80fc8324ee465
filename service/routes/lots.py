"""Lots: what a holder received under each contract or slip, and how much of it is still free."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from service.auth import may
from service.db import Connection, ReaderDep, Record
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.routes.entries import OF_THE_PAST
from service.routes.fields import AsOf
from service.store import ledger, lots, pledges, provenance
from service.store.provenance import Moment

router = APIRouter(prefix="/v1/lots", tags=["lots"])


class DocumentOut(BaseModel):
    """The paper under which a lot arrived, or the run that made it."""

    kind: str
    id: UUID
    number: str


class LotOut(BaseModel):
    """A lot: what came, what went, what proofs in force may still draw of it, and the rest."""

    id: UUID
    account: int
    holder_id: UUID
    holder: str
    document: DocumentOut
    grade: str
    year: int
    in_kg: int
    out_kg: int
    pledged_kg: int
    available_kg: int
    created_at: datetime


class LotsOut(BaseModel):
    """A page of lots, newest first."""

    items: list[LotOut]
    next: UUID | None


@router.get("", dependencies=OF_THE_PAST)
async def list_lots(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("lots.read"))],
    holder: UUID | None = None,
    after: UUID | None = None,
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> LotsOut:
    """The lots of the office's area or of the enterprise, newest first."""
    past = await provenance.moment(connection, as_of)
    rows = await lots.list_lots(connection, holder=holder, after=after, past=past, limit=limit, actor=actor)
    items = await _shown(connection, rows, past)
    return LotsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{lot_id}", dependencies=OF_THE_PAST)
async def get_lot(
    lot_id: UUID,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("lots.read"))],
    as_of: AsOf = None,
) -> LotOut:
    """One lot."""
    past = await provenance.moment(connection, as_of)
    rows = await lots.list_lots(connection, lot_id=lot_id, past=past, actor=actor)
    if not rows:
        raise NotFound
    return (await _shown(connection, rows, past))[0]


async def _shown(connection: Connection, rows: Sequence[Record], past: Moment | None) -> list[LotOut]:
    balances = await ledger.balances(
        connection, [row["account"] for row in rows], as_of=None if past is None else past.size
    )
    pledged = await pledges.pledged_of(connection, [row["id"] for row in rows], past)
    shown = []
    for row in rows:
        balance, pledged_kg = balances[row["account"]], pledged[row["id"]]
        document = DocumentOut(
            kind=next(kind for kind in ("contract", "slip", "run") if row[f"{kind}_id"]),
            id=row["contract_id"] or row["slip_id"] or row["run_id"],
            number=row["document_no"],
        )
        shown.append(
            LotOut(
                id=row["id"],
                account=row["account"],
                holder_id=row["holder_id"],
                holder=row["holder"],
                document=document,
                grade=row["grade"],
                year=row["year"],
                in_kg=balance.in_kg,
                out_kg=balance.out_kg,
                pledged_kg=pledged_kg,
                available_kg=balance.in_kg - balance.out_kg - pledged_kg,
                created_at=row["created_at"],
            )
        )
    return shown
