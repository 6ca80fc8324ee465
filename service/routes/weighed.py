"""What the scales said, as a list."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from service.auth import may
from service.db import ReaderDep
from service.domain.permissions import Actor
from service.domain.weighings import Direction, Status
from service.store import weighings

router = APIRouter(prefix="/v1/weighings", tags=["weighings"])


class WeighingOut(BaseModel):
    """A record as it is kept: `occurred_at` is the device's time corrected by its offset, `record_id` the station's own id."""

    id: UUID
    station_id: UUID
    station: str
    record_id: UUID
    sequence: int
    direction: Direction
    ticket_id: UUID | None
    ticket: str | None
    plate: str
    gross_kg: int
    tare_kg: int
    net_kg: int
    grade: str | None
    manual: bool
    weighed_at: datetime
    occurred_at: datetime
    recorded_at: datetime
    status: Status
    flags: list[str]


class WeighingsOut(BaseModel):
    """A page of weighings, newest first."""

    items: list[WeighingOut]
    next: UUID | None


@router.get("")
async def list_weighings(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("weighings.read"))],
    station: UUID | None = None,
    ticket: UUID | None = None,
    status: Status | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> WeighingsOut:
    """What was weighed in the office's area, at the firm's stations or under its tickets, or at the station itself."""
    rows = await weighings.list_weighings(
        connection, actor, station=station, ticket=ticket, status=status, after=after, limit=limit
    )
    items = [WeighingOut.model_validate(dict(row)) for row in rows]
    return WeighingsOut(items=items, next=items[-1].id if len(items) == limit else None)
