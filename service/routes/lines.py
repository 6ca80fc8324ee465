"""Production lines of plants, with their status (P01)."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from service.actions.registry import register, revise
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
from service.routes.fields import Body, Name, UuidText
from service.routes.idempotency import OnceDep
from service.store import registry
from service.store.tables import EnterpriseRow, LineRow

router = APIRouter(prefix="/v1/lines", tags=["registry"])


LineKind = Literal["flotation", "light_burnt", "dead_burnt", "fused"]
Kiln = Literal["reverberatory", "shaft", "rotary", "electric", "other"]
LineStatus = Literal["running", "stopped", "retired"]
OrePerProduct = Annotated[Decimal, Field(ge=1, le=1000, decimal_places=4)]


class LineIn(Body):
    """A line as an office registers it; `ore_per_product` is tonnes of ore for a tonne of product."""

    enterprise_id: UuidText
    name: Name
    kind: LineKind
    kiln: Kiln | None = None
    status: LineStatus
    ore_per_product: OrePerProduct


class LineOut(EntryOut):
    """A line as clients see it."""

    enterprise_id: UUID
    name: str
    kind: LineKind
    kiln: Kiln | None
    status: LineStatus
    ore_per_product: float


class LinesOut(BaseModel):
    """A page of lines, in the order of their registration."""

    items: list[LineOut]
    next: UUID | None


@router.post("", status_code=201, response_model=LineOut)
async def register_line(body: LineIn, session: SessionDep, actor: WriterActor, once: OnceDep, at: Now) -> Response:
    """Register a line of an enterprise in the office's area."""

    async def deed() -> LineOut:
        place = await _place(session, body)
        entry = LineRow(id=uuid7(), created_at=at, **body.model_dump())
        return LineOut.model_validate(await register(session, entry, place=place, at=at, actor=actor))

    return await created(once, session, actor, deed)


@router.get("")
async def list_lines(
    session: SessionDep,
    actor: ReaderActor,
    after: After = None,
    limit: Limit = 50,
) -> LinesOut:
    """The lines that the actor may know of."""
    condition = registry.seen_by(LineRow, actor)
    rows = await registry.page(session, LineRow, condition, after=after, limit=limit)
    items = [LineOut.model_validate(row) for row in rows]
    return LinesOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{line_id}")
async def show_line(line_id: UUID, session: SessionDep, actor: ReaderActor, response: Response) -> LineOut:
    """One line."""
    entry = await registry.find(session, LineRow, line_id, actor=actor)
    tag(response, entry)
    return LineOut.model_validate(entry)


@router.patch("/{line_id}")
async def revise_line(
    line_id: UUID,
    patch: Patch,
    session: SessionDep,
    actor: WriterActor,
    version: Version,
    at: Now,
    response: Response,
) -> LineOut:
    """Edit a line; If-Match names the version that was read."""
    entry = await registry.find(session, LineRow, line_id, actor=actor, lock=True)
    body = patched(LineIn, LineOut.model_validate(entry), patch)
    place = await _place(session, body)
    entry = await revise(session, entry, body.model_dump(), version=version, place=place, at=at, actor=actor)
    tag(response, entry)
    return LineOut.model_validate(entry)


@router.get("/{line_id}/history")
async def show_history(line_id: UUID, session: SessionDep, actor: ReaderActor) -> HistoryOut:
    """All that was ever registered of a line."""
    entry = await registry.find(session, LineRow, line_id, actor=actor)
    return HistoryOut.of(await registry.history(session, entry.slice, entry.id))


async def _place(session: AsyncSession, body: LineIn) -> str:
    return (await registry.named(session, EnterpriseRow, body.enterprise_id)).jurisdiction
