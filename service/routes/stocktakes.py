"""Stocktakes of lots: counted by the holder, decided by the office."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from service.actions import stocktakes as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.stocktakes import Stocktake, StocktakeState
from service.domain.units import MAX_KILOGRAMS
from service.keys import Purpose
from service.routes import fields
from service.routes.fields import Body, Day, DocumentNo, Reason, UuidText
from service.routes.idempotency import OnceDep
from service.store import stocktakes

router = APIRouter(prefix="/v1/stocktakes", tags=["stocktakes"])


class StocktakeIn(Body):
    """What was counted of a lot, why, and the number of the document that shows it."""

    lot_id: UuidText
    counted_kg: Annotated[int, Field(strict=True, ge=0, le=MAX_KILOGRAMS)]
    counted_on: Day
    reason: Reason
    document_no: DocumentNo


class DecisionIn(Body):
    """The office's decision."""

    approve: fields.Flag
    note: Reason | None = None


class StocktakeOut(BaseModel):
    """A count beside the book as it stood when the count was filed; `movement_id` is set once a difference was posted."""

    id: UUID
    lot_id: UUID
    grade: str
    holder_id: UUID
    holder: str
    counted_kg: int
    counted_on: date
    book_kg: int
    difference_kg: int
    reason: str
    document_no: str
    state: StocktakeState
    filed_at: datetime
    decided_at: datetime | None
    note: str | None
    movement_id: UUID | None


class StocktakesOut(BaseModel):
    """A page of stocktakes, newest first."""

    items: list[StocktakeOut]
    next: UUID | None


@router.post("", status_code=201, response_model=StocktakeOut)
async def file_stocktake(
    body: StocktakeIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("stocktakes.file"))],
) -> Response:
    """File what was counted of an own lot; an office decides about the difference."""
    at = request.app.state.clock.now()

    async def deed() -> StocktakeOut:
        stocktake_id = await deeds.file_stocktake(connection, Stocktake(**body.model_dump()), at=at, actor=actor)
        return await _one(connection, stocktake_id, actor=actor)

    return await once(connection, actor, deed)


@router.get("")
async def list_stocktakes(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("stocktakes.read"))],
    state: StocktakeState | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> StocktakesOut:
    """The stocktakes of the office's area or of the enterprise, newest first."""
    rows = await stocktakes.list_stocktakes(connection, state=state, after=after, limit=limit, actor=actor)
    items = [StocktakeOut.model_validate(dict(row)) for row in rows]
    return StocktakesOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{stocktake_id}")
async def get_stocktake(
    stocktake_id: UUID, connection: ReaderDep, actor: Annotated[Actor, Depends(may("stocktakes.read"))]
) -> StocktakeOut:
    """One stocktake."""
    return await _one(connection, stocktake_id, actor=actor)


@router.post("/{stocktake_id}/decide", response_model=StocktakeOut)
async def decide_stocktake(
    stocktake_id: UUID,
    body: DecisionIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("stocktakes.decide"))],
) -> Response:
    """Post the difference, or leave the book as it is."""
    state = request.app.state

    async def deed() -> StocktakeOut:
        await deeds.decide_stocktake(
            connection,
            stocktake_id,
            StocktakeState.APPROVED if body.approve else StocktakeState.REFUSED,
            body.note,
            at=state.clock.now(),
            sign=state.keys.current(Purpose.LEDGER),
            policies=await state.rulebook.policies(state.clock.now()),
            actor=actor,
        )
        return await _one(connection, stocktake_id, actor=actor)

    return await once(connection, actor, deed, status=200)


async def _one(connection: Connection, stocktake_id: UUID, *, actor: Actor) -> StocktakeOut:
    rows = await stocktakes.list_stocktakes(connection, stocktake_id=stocktake_id, actor=actor)
    if not rows:
        raise NotFound
    return StocktakeOut.model_validate(dict(rows[0]))
