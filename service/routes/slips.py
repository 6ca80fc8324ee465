"""Handover slips: a firm's own ore in its own plant."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.datastructures import State

from service.actions import slips as deeds
from service.actions.slips import Order
from service.auth import may
from service.db import Connection, ReaderDep, Record
from service.domain.alerts import Flag
from service.domain.calendar import days_late
from service.domain.deadlines import POLICIES, Duty, slip_deadline
from service.domain.filings import Slip
from service.domain.permissions import Actor
from service.domain.policies import Policies, stated
from service.domain.refusals import NotFound, Refusal
from service.keys import Purpose
from service.routes import fields
from service.routes.entries import OF_THE_PAST, PoliciesNow
from service.routes.fields import AsOf, Body, Day, DocumentNo, Grade, KilogramsIn, Name, UuidText
from service.routes.filings import Filings, file_one, filing_batcher
from service.routes.idempotency import Answer, OnceDep
from service.routes.receipts import sign_receipts
from service.store import provenance, slips

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
    """A slip; `over_kg` of its kilograms were beyond the quota when it was filed, `handed_kg` have been handed over.

    `receipt` is the hash that stands for it, `receipt_note` the service's signature for that, as the log stands now: a signed
    note, null in lists. What the slip posts is bound to the hash by its leaf.
    """

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
    policies: dict[str, Any]
    receipt_note: str | None = None

    @classmethod
    def of(cls, row: Record | Mapping[str, Any], policies: Policies) -> "SlipOut":
        """A slip's row as clients see it; its day is that of the calendar and the outages that are known now (R27)."""
        due_on = slip_deadline(row["handed_on"], policies).due_on
        late = days_late(due_on, row["filed_at"])
        filed = [flag for flag in row["flags"] if flag != Flag.FILING_LATE]
        late_flags = [Flag.FILING_LATE] if late else []
        over = [Flag.QUOTA_OVERDRAWN] if row["over_kg"] else []
        said = {
            "due_on": due_on,
            "days_late": late,
            "flags": [*late_flags, *filed, *over],
            "receipt": row["fact"].hex(),
            "policies": stated(policies.on(row["handed_on"]), *POLICIES[Duty.SLIP]),
        }
        return cls.model_validate({**row, **said})


class SlipsOut(BaseModel):
    """A page of slips, newest first."""

    items: list[SlipOut]
    next: UUID | None


def slip_batcher(state: State) -> AbstractAsyncContextManager[Filings[Order]]:
    """The batcher of this process: slips are filed, and their kilograms handed over, in one transaction."""

    async def file(
        connection: Connection, orders: Sequence[Order], policies: Policies, at: datetime
    ) -> list[Answer | Refusal]:
        sign = state.keys.current(Purpose.LEDGER)
        filed = await deeds.file_slips(connection, orders, at=at, sign=sign, policies=policies)
        known = await slips.slips_of(connection, [one[0] for one in filed if not isinstance(one, Refusal)])
        seen = await _stamped(state, connection, [SlipOut.of(row, policies) for row in known.values()])
        answers = dict(zip(known, seen, strict=True))
        return [one if isinstance(one, Refusal) else Answer(answers[one[0]], 201 if one[1] else 200) for one in filed]

    return filing_batcher(state, "slips", file)


@router.post("", status_code=201, response_model=SlipOut)
async def file_slip(
    body: SlipIn,
    request: Request,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("slips.file"))],
) -> Response:
    """File a handover slip: 201, or 200 when the same slip was filed before."""
    return await file_one(request.app.state.slips, once, Order(actor, Slip(**body.model_dump())))


@router.get("")
async def list_slips(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("slips.read"))],
    policies: PoliciesNow,
    mine: UUID | None = None,
    number: str | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> SlipsOut:
    """The slips of the office's area or of the enterprise, newest first."""
    rows = await slips.list_slips(connection, mine=mine, number=number, after=after, limit=limit, actor=actor)
    items = [SlipOut.of(row, policies) for row in rows]
    return SlipsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{slip_id}", dependencies=OF_THE_PAST)
async def get_slip(
    slip_id: UUID,
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("slips.read"))],
    policies: PoliciesNow,
    as_of: AsOf = None,
) -> SlipOut:
    """One slip, with its receipt, now or as it stood then."""
    row = await slips.find_slip(connection, slip_id, await provenance.moment(connection, as_of), actor=actor)
    if row is None:
        raise NotFound
    return (await _stamped(request.app.state, connection, [SlipOut.of(row, policies)]))[0]


async def _stamped(state: State, connection: Connection, seen: Sequence[SlipOut]) -> list[SlipOut]:
    """Slips with the service's signatures for them."""
    notes = await sign_receipts(state, connection, [slip.receipt for slip in seen])
    return [slip.model_copy(update={"receipt_note": note}) for slip, note in zip(seen, notes, strict=True)]
