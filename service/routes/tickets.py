"""Tickets: issued by sellers, checked by whoever stands in front of the truck."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, TypeAdapter, model_validator
from starlette.datastructures import State

from service import problems
from service.actions import tickets as deeds
from service.actions.tickets import Order
from service.auth import may
from service.batcher import Batcher
from service.db import Connection, ConnectionDep, Door, ReaderDep, database
from service.domain.codes.plates import plate_as_seen
from service.domain.codes.tickets import code_text
from service.domain.permissions import Actor
from service.domain.refusals import NotFound, Refusal
from service.domain.tickets import TicketState, Wish
from service.keys import Purpose
from service.routes.bodies import begins_with, described, read_body
from service.routes.fields import Body, Grade, Instant, LoadKilograms, Plate, Reason, UuidText, refused
from service.routes.idempotency import Answer, OnceDep
from service.routes.pictures import qr_png, qr_svg
from service.store import tickets

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

MOST_TICKETS = 1_000
Issuing = Batcher[Order, UUID | Refusal]


class TicketIn(Body):
    """A ticket that the seller asks for: one load, one vehicle."""

    contract_id: UuidText | None = None
    slip_id: UuidText | None = None
    plate: Plate
    planned_kg: LoadKilograms
    grade: Grade
    source_station_id: UuidText
    destination_station_id: UuidText
    valid_from: Instant
    valid_until: Instant

    @model_validator(mode="after")
    def _is_whole(self) -> "TicketIn":
        if (self.contract_id is None) == (self.slip_id is None):
            raise refused(
                "one-paper-required",
                "contract_id 与 slip_id 须填且只填一项",
                "give either contract_id or slip_id, and not both",
            )
        if self.valid_until <= self.valid_from:
            raise refused("validity-empty", "valid_until 须晚于 valid_from", "valid_until must be after valid_from")
        return self

    def wish(self) -> Wish:
        """The ticket as the rules take it."""
        return Wish(
            contract_id=self.contract_id,
            slip_id=self.slip_id,
            plate=self.plate,
            planned_kg=self.planned_kg,
            grade=self.grade,
            source_station_id=self.source_station_id,
            destination_station_id=self.destination_station_id,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )


class TicketOut(BaseModel):
    """A ticket, and what has become of it."""

    id: UUID
    number: str
    code: str
    state: TicketState
    contract_id: UUID | None
    slip_id: UUID | None
    seller_id: UUID
    seller: str
    buyer_id: UUID
    buyer: str
    mine_id: UUID | None
    mine: str | None
    earmark: str | None
    plate: str
    planned_kg: int
    grade: str
    source_station_id: UUID
    source_station: str
    destination_station_id: UUID
    destination_station: str
    valid_from: datetime
    valid_until: datetime
    issued_at: datetime
    out_kg: int | None
    out_at: datetime | None
    in_kg: int | None
    in_at: datetime | None
    back_kg: int | None
    ended_at: datetime | None
    flags: list[str]


class TicketsOut(BaseModel):
    """Tickets, newest first."""

    items: list[TicketOut]
    next: UUID | None


class IssueOut(BaseModel):
    """What became of one ticket of a list."""

    status: Literal["issued", "refused"]
    ticket: TicketOut | None = None
    problem: dict[str, Any] | None = None


class IssuesOut(BaseModel):
    """What became of each ticket of a list, in order."""

    results: list[IssueOut]


class CancelIn(Body):
    """Why a journey is not made."""

    reason: Reason


class CheckIn(Body):
    """What was scanned or typed in front of a truck."""

    code: Annotated[str, Field(strict=True, max_length=2_000)]
    plate: Annotated[str, Field(strict=True, max_length=64)] | None = None


class CheckOut(BaseModel):
    """What a code is worth now."""

    valid: bool
    reasons: list[str]
    ticket: TicketOut | None


class KeyOut(BaseModel):
    """A public key that verifies codes; raw, in base64."""

    key_id: int
    algorithm: Literal["Ed25519"]
    public_key: str


class CancelledOut(BaseModel):
    """A ticket whose code is good and which is not."""

    ticket_id: UUID
    number: str
    cancelled_at: datetime


class KeysOut(BaseModel):
    """What a station needs to check codes without a network."""

    at: datetime
    keys: list[KeyOut]
    revocations: list[CancelledOut]


_ONE: TypeAdapter[TicketIn] = TypeAdapter(TicketIn)
_MANY: TypeAdapter[list[TicketIn]] = TypeAdapter(
    Annotated[list[TicketIn], Field(min_length=1, max_length=MOST_TICKETS)]
)
_LIST = {"type": "array", "minItems": 1, "maxItems": MOST_TICKETS, "items": _ONE.json_schema()}
_BODY = {"oneOf": [_ONE.json_schema(), _LIST]}


def issuing_batcher(state: State) -> AbstractAsyncContextManager[Issuing]:
    """The batcher of this process: what is asked for meanwhile is issued in one transaction."""

    async def run(batch: list[Order]) -> Sequence[UUID | Refusal]:
        async with state.database.transaction() as connection:
            return await _issue(connection, batch, state)

    return Issuing("tickets", run, rerun_on=(asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)).running()


async def _issue(connection: Connection, orders: Sequence[Order], state: State) -> list[UUID | Refusal]:
    at = state.clock.now()
    policies = await state.rulebook.policies(at)
    return await deeds.issue_tickets(connection, orders, at=at, keys=state.keys, policies=policies)


@router.post("", status_code=201, response_model=TicketOut | IssuesOut, openapi_extra=described(_BODY))
async def issue_tickets(
    request: Request, once: OnceDep, actor: Annotated[Actor, Depends(may("tickets.issue"))]
) -> Response:
    """Issue one ticket, or each of a list that its contract or slip bears."""
    state = request.app.state
    is_list = await begins_with(request, b"[")
    asked = await read_body(request, _MANY) if is_list else [await read_body(request, _ONE)]
    orders = [Order(actor, one.wish()) for one in asked]

    async def answer(door: Door, issued: Sequence[UUID | Refusal]) -> Answer:
        if not is_list and isinstance(issued[0], Refusal):
            raise issued[0]
        ids = [one for one in issued if isinstance(one, UUID)]
        shown = {ticket.id: ticket for ticket in await _shown(door, request, actor, ids=ids, limit=len(ids))}
        if not is_list:
            return Answer(shown[ids[0]], 201)
        results = [
            IssueOut(status="issued", ticket=shown[one])
            if isinstance(one, UUID)
            else IssueOut(status="refused", problem=orjson.loads(orjson.dumps(problems.problem(one), default=str)))
            for one in issued
        ]
        return Answer(IssuesOut(results=results), 200)

    if once.key is None:
        issued = await state.issuing.submit(orders)
        async with database(request).transaction(readonly=True) as reader:
            return await once(reader, actor, lambda: answer(reader, issued))
    async with database(request).transaction() as connection:

        async def deed() -> Answer:
            return await answer(connection, await _issue(connection, orders, state))

        return await once(connection, actor, deed)


@router.get("")
async def list_tickets(
    request: Request,
    reader: ReaderDep,
    actor: Annotated[Actor, Depends(may("tickets.read"))],
    contract_id: UUID | None = None,
    state: TicketState | None = None,
    plate: Annotated[str | None, Query(max_length=64)] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> TicketsOut:
    """The tickets of the office's area, of the enterprise or of the station, newest first."""
    items = await _shown(
        reader,
        request,
        actor,
        contract_id=contract_id,
        state=state,
        plate=plate and plate_as_seen(plate),
        after=after,
        limit=limit,
    )
    return TicketsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/keys")
async def list_keys(
    request: Request, reader: ReaderDep, actor: Annotated[Actor, Depends(may("tickets.check"))]
) -> KeysOut:
    """The keys that verify codes, and the codes that are good no longer, for stations without a network."""
    state = request.app.state
    at = state.clock.now()
    public = state.keys.public_keys(Purpose.TICKETS)
    return KeysOut(
        at=at,
        keys=[
            KeyOut(key_id=key_id, algorithm="Ed25519", public_key=b64encode(key).decode())
            for key_id, key in sorted(public.items())
        ],
        revocations=[
            CancelledOut(ticket_id=row["id"], number=row["number"], cancelled_at=row["ended_at"])
            for row in await tickets.cancelled(reader, at=at)
        ],
    )


@router.post("/check")
async def check_code(
    body: CheckIn, request: Request, reader: ReaderDep, actor: Annotated[Actor, Depends(may("tickets.check"))]
) -> CheckOut:
    """What a scanned code or a typed number is worth now; a wrong one is an answer, not an error."""
    state = request.app.state
    checked = await deeds.look_up_code(reader, body.code, body.plate, at=state.clock.now(), keys=state.keys)
    shown = await _shown(reader, request, None, ids=[checked.ticket.id], limit=1) if checked.ticket else []
    return CheckOut(
        valid=checked.is_valid, reasons=[reason.value for reason in checked.reasons], ticket=shown[0] if shown else None
    )


@router.get("/{ticket_id}")
async def get_ticket(
    ticket_id: UUID, request: Request, reader: ReaderDep, actor: Annotated[Actor, Depends(may("tickets.read"))]
) -> TicketOut:
    """One ticket."""
    return await _one(reader, request, actor, ticket_id)


@router.get("/{ticket_id}/qr.svg", response_class=Response)
async def get_qr_svg(
    ticket_id: UUID, request: Request, reader: ReaderDep, actor: Annotated[Actor, Depends(may("tickets.read"))]
) -> Response:
    """The ticket's code as a picture of any size."""
    return Response(qr_svg((await _one(reader, request, actor, ticket_id)).code), media_type="image/svg+xml")


@router.get("/{ticket_id}/qr.png", response_class=Response)
async def get_qr_png(
    ticket_id: UUID,
    request: Request,
    reader: ReaderDep,
    actor: Annotated[Actor, Depends(may("tickets.read"))],
    scale: Annotated[int, Query(ge=1, le=20)] = 6,
) -> Response:
    """The ticket's code as a picture with so many pixels a module."""
    return Response(qr_png((await _one(reader, request, actor, ticket_id)).code, scale), media_type="image/png")


@router.post("/{ticket_id}/cancel", response_model=TicketOut)
async def cancel_ticket(
    ticket_id: UUID,
    body: CancelIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.cancel"))],
) -> Response:
    """End a ticket before its journey; its kilograms are no longer held."""

    async def deed() -> TicketOut:
        at = request.app.state.clock.now()
        await deeds.cancel_ticket(connection, ticket_id, body.reason, at=at, actor=actor)
        return await _one(connection, request, actor, ticket_id)

    return await once(connection, actor, deed, status=200)


async def _one(door: Door, request: Request, actor: Actor, ticket_id: UUID) -> TicketOut:
    found = await _shown(door, request, actor, ids=[ticket_id], limit=1)
    if not found:
        raise NotFound
    return found[0]


async def _shown(door: Door, request: Request, actor: Actor | None, **wanted: Any) -> list[TicketOut]:
    rows = await tickets.list_tickets(door, actor, **wanted)
    return [_out(row, request.app.state.settings.public_url) for row in rows]


def _out(row: Mapping[str, Any], public_url: str) -> TicketOut:
    return TicketOut.model_validate({**row, "code": code_text(public_url, row["code"])})
