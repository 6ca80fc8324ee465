"""Handover slips: a firm's own ore in its own plant."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from service.actions import slips as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep, Record
from service.domain.alerts import Flag
from service.domain.filings import Slip
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.keys import Purpose
from service.routes import fields
from service.routes.fields import Body, Day, DocumentNo, Grade, KilogramsIn, Name, UuidText
from service.routes.idempotency import Answer, OnceDep
from service.store import slips

router = APIRouter(prefix="/v1/slips", tags=["slips"])


class SlipIn(Body):
    """What was handed over; `by_tickets` when its loads are weighed under tickets of their own."""

    number: DocumentNo
    enterprise_id: UuidText
    mine_id: UuidText | None = None
    handed_on: Day
    kg: KilogramsIn
    grade: Grade
    line_id: UuidText | None = None
    earmark: Name | None = None
    by_tickets: fields.Flag = False
    project_id: UuidText | None = None
    stock_id: UuidText | None = None


class SlipOut(BaseModel):
    """A slip; `over_kg` of its kilograms were beyond the quota when it was filed, `handed_kg` have been handed over."""

    id: UUID
    number: str
    enterprise_id: UUID
    mine_id: UUID | None
    project_id: UUID | None
    stock_id: UUID | None
    handed_on: date
    kg: int
    grade: str
    line_id: UUID | None
    earmark: str | None
    by_tickets: bool
    due_on: date
    filed_at: datetime
    days_late: int
    flags: list[str]
    over_kg: int
    handed_kg: int
    movement_id: UUID | None
    receipt: str

    @classmethod
    def of(cls, row: Record) -> "SlipOut":
        """A slip's row as clients see it."""
        over = [Flag.QUOTA_OVERDRAWN] if row["over_kg"] else []
        return cls.model_validate({**row, "flags": [*row["flags"], *over], "receipt": row["fact"].hex()})


class SlipsOut(BaseModel):
    """A page of slips, newest first."""

    items: list[SlipOut]
    next: UUID | None


@router.post("", status_code=201, response_model=SlipOut)
async def file_slip(
    body: SlipIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("slips.file"))],
) -> Response:
    """File a handover slip: 201, or 200 when the same slip was filed before."""
    state = request.app.state
    at = state.clock.now()

    async def deed() -> Answer:
        slip_id, is_new = await deeds.file_slip(
            connection,
            Slip(**body.model_dump()),
            at=at,
            sign=state.keys.current(Purpose.LEDGER),
            policies=state.policies,
            actor=actor,
        )
        return Answer(await _one(connection, slip_id, actor=actor), 201 if is_new else 200)

    return await once(connection, actor, deed)


@router.get("")
async def list_slips(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("slips.read"))],
    mine: UUID | None = None,
    number: str | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> SlipsOut:
    """The slips of the office's area or of the enterprise, newest first."""
    rows = await slips.list_slips(connection, mine=mine, number=number, after=after, limit=limit, actor=actor)
    items = [SlipOut.of(row) for row in rows]
    return SlipsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{slip_id}")
async def get_slip(
    slip_id: UUID, connection: ReaderDep, actor: Annotated[Actor, Depends(may("slips.read"))]
) -> SlipOut:
    """One slip."""
    return await _one(connection, slip_id, actor=actor)


async def _one(connection: Connection, slip_id: UUID, *, actor: Actor) -> SlipOut:
    rows = await slips.list_slips(connection, slip_id=slip_id, actor=actor)
    if not rows:
        raise NotFound
    return SlipOut.of(rows[0])
