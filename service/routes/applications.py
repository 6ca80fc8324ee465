"""Applications: what mines ask their county for, and what was proposed on it."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel

from service.actions import rights as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.allotments import Kind
from service.domain.permissions import Actor
from service.routes.entries import After, Limit, Now
from service.routes.fields import Body, KilogramsIn, Quarter, Reason, UuidText, Year
from service.routes.idempotency import OnceDep
from service.store import rights

router = APIRouter(prefix="/v1/applications", tags=["quota"])


class ApplicationIn(Body):
    """What a firm asks for one of its mines, with the business and the market that it needs it for."""

    mine_id: UuidText
    year: Year
    quarter: Quarter
    kind: Literal[Kind.BASE, Kind.MERIT, Kind.REWARD, Kind.SPECIAL]
    kg: KilogramsIn
    reason: Reason


class ApplicationOut(BaseModel):
    """An application, with the allotments that were drafted on it."""

    id: UUID
    mine_id: UUID
    mine: str
    year: int
    quarter: int
    kind: Kind
    kg: int
    reason: str
    filed_at: datetime
    proposals: list[dict[str, Any]]


class ApplicationsOut(BaseModel):
    """Applications, newest first."""

    items: list[ApplicationOut]
    next: UUID | None


@router.post("", status_code=201, response_model=ApplicationOut)
async def apply_for(
    body: ApplicationIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("applications.file"))],
    once: OnceDep,
    at: Now,
) -> Response:
    """Apply to the county for a quarter's quota (R08)."""

    async def deed() -> ApplicationOut:
        made = await deeds.apply_for(connection, **body.model_dump(), at=at, actor=actor)
        (row,) = await rights.list_applications(connection, application_id=made, limit=1, actor=actor)
        return ApplicationOut.model_validate(dict(row))

    return await once(connection, actor, deed)


@router.get("")
async def list_applications(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("applications.read"))],
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    after: After = None,
    limit: Limit = 50,
) -> ApplicationsOut:
    """What the mines of the office's area, or the firm's own, have applied for."""
    rows = await rights.list_applications(connection, year=year, after=after, limit=limit, actor=actor)
    items = [ApplicationOut.model_validate(dict(row)) for row in rows]
    return ApplicationsOut(items=items, next=items[-1].id if len(items) == limit else None)
