"""Declared stock: ore that an enterprise had before, as surveyed (R01b)."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from service.actions import registry as deeds
from service.db import SessionDep
from service.routes.entries import (
    After,
    EntryOut,
    HistoryOut,
    Limit,
    Now,
    Patch,
    ReaderActor,
    Version,
    WriterActor,
    created,
    patched,
    tag,
)
from service.routes.fields import Body, Day, DocumentNo, Grade, KilogramsIn, UuidText
from service.routes.idempotency import OnceDep
from service.store import registry
from service.store.tables import EnterpriseRow, StockRow

router = APIRouter(prefix="/v1/stocks", tags=["registry"])


class StockIn(Body):
    """A declared stock as an office registers it."""

    enterprise_id: UuidText
    grade: Grade
    kg: KilogramsIn
    surveyed_on: Day
    document_no: DocumentNo


class StockOut(EntryOut):
    """A stock as clients see it."""

    enterprise_id: UUID
    grade: str
    kg: int
    surveyed_on: date
    document_no: str


class StocksOut(BaseModel):
    """A page of stocks, in the order of their registration."""

    items: list[StockOut]
    next: UUID | None


@router.post("", status_code=201, response_model=StockOut)
async def register_stock(
    body: StockIn, request: Request, session: SessionDep, actor: WriterActor, once: OnceDep, at: Now
) -> Response:
    """Register a declared stock of an enterprise in the office's area, once for each grade and until the cut-off."""

    async def deed() -> StockOut:
        place = await _place(session, body)
        entry = StockRow(id=uuid7(), created_at=at, **body.model_dump())
        policies = await request.app.state.rulebook.policies(at)
        return StockOut.model_validate(
            await deeds.register_stock(session, entry, place=place, at=at, policies=policies, actor=actor)
        )

    return await created(once, session, actor, deed)


@router.get("")
async def list_stocks(
    session: SessionDep,
    actor: ReaderActor,
    after: After = None,
    limit: Limit = 50,
) -> StocksOut:
    """The declared stocks that the actor may know of."""
    condition = registry.seen_by(StockRow, actor)
    rows = await registry.page(session, StockRow, condition, after=after, limit=limit)
    items = [StockOut.model_validate(row) for row in rows]
    return StocksOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{stock_id}")
async def show_stock(stock_id: UUID, session: SessionDep, actor: ReaderActor, response: Response) -> StockOut:
    """One stock."""
    entry = await registry.find(session, StockRow, stock_id, actor=actor)
    tag(response, entry)
    return StockOut.model_validate(entry)


@router.patch("/{stock_id}")
async def revise_stock(
    stock_id: UUID,
    patch: Patch,
    request: Request,
    session: SessionDep,
    actor: WriterActor,
    version: Version,
    at: Now,
    response: Response,
) -> StockOut:
    """Edit a stock; If-Match names the version that was read."""
    entry = await registry.find(session, StockRow, stock_id, actor=actor, lock=True)
    body = patched(StockIn, StockOut.model_validate(entry), patch)
    place = await _place(session, body)
    entry = await deeds.revise_stock(
        session,
        entry,
        body.model_dump(),
        version=version,
        place=place,
        at=at,
        policies=await request.app.state.rulebook.policies(at),
        actor=actor,
    )
    tag(response, entry)
    return StockOut.model_validate(entry)


@router.get("/{stock_id}/history")
async def show_history(stock_id: UUID, session: SessionDep, actor: ReaderActor) -> HistoryOut:
    """All that was ever registered of a stock."""
    entry = await registry.find(session, StockRow, stock_id, actor=actor)
    return HistoryOut.of(await registry.history(session, entry.slice, entry.id))


async def _place(session: AsyncSession, body: StockIn) -> str:
    return (await registry.named(session, EnterpriseRow, body.enterprise_id)).jurisdiction
