"""Tickets listed, shown and checked, and what stations need to check them without a network."""

from base64 import b64encode
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import tickets as deeds
from service.auth import may
from service.db import ConnectionDep, Door, ReaderDep
from service.domain.codes.plates import plate_as_seen
from service.domain.permissions import Actor
from service.domain.tickets import TicketIsHeld, TicketState
from service.keys import Purpose
from service.routes.entries import OF_THE_PAST
from service.routes.fields import AsOf
from service.routes.pictures import qr_png, qr_svg
from service.routes.tickets.bodies import (
    ActOut,
    ActsOut,
    CheckIn,
    CheckOut,
    KeyOut,
    KeyRetirementIn,
    KeyRetirementOut,
    KeysOut,
    RevocationsOut,
    TicketOut,
    TicketsOut,
)
from service.routes.tickets.shown import one_then, one_ticket, shown
from service.store import ticket_acts
from service.threads import in_thread

MOST_VERSION = 2**63 - 1  # what a bigint holds

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])


@router.get("")
async def list_tickets(
    request: Request,
    reader: ReaderDep,
    actor: Annotated[Actor, Depends(may("tickets.read"))],
    contract_id: UUID | None = None,
    state: TicketState | None = None,
    plate: Annotated[str | None, Query(max_length=64)] = None,
    parent_id: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> TicketsOut:
    """The tickets of the office's area, of the enterprise or of the station, newest first."""
    items = await shown(
        reader,
        request,
        actor,
        contract_id=contract_id,
        state=state,
        plate=plate and plate_as_seen(plate),
        parent_id=parent_id,
        after=after,
        limit=limit,
    )
    return TicketsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/keys")
async def list_keys(
    request: Request,
    reader: ReaderDep,
    actor: Annotated[Actor, Depends(may("tickets.check"))],
    since: Annotated[int, Query(ge=0, le=MOST_VERSION)] = 0,
) -> KeysOut:
    """The keys that verify codes, and the codes that are good no longer, for stations without a network.

    A station keeps what it got and asks for what is newer: `since` is the last `version` that it has. It never drops an
    item before its `expires_at`, whatever a later answer leaves out: a revoked code stays revoked (U20).
    """
    state = request.app.state
    at = state.clock.now()
    public = await deeds.codes_in_use(reader, at=at, keys=state.keys)
    retired = await ticket_acts.retired_keys(reader)
    return KeysOut(
        at=at,
        keys=[
            KeyOut(
                key_id=key_id,
                algorithm="Ed25519",
                public_key=b64encode(key).decode(),
                retired_after=retired.get(key_id),
            )
            for key_id, key in public.items()
        ],
        revocations=RevocationsOut.of(
            await ticket_acts.revoked(reader, since, at=at), state.keys.current(Purpose.TICKETS)
        ),
    )


@router.post("/keys/{key_id}/retire")
async def retire_key(
    key_id: int,
    body: KeyRetirementIn,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("tickets.retire_key"))],
) -> KeyRetirementOut:
    """Believe a key no longer that somebody else may have; what it signed after a moment is printed anew."""
    state = request.app.state
    count = await deeds.retire_key(
        connection, key_id, body.signed_after, body.reason, at=state.clock.now(), keys=state.keys, actor=actor
    )
    return KeyRetirementOut(
        key_id=key_id,
        signed_after=body.signed_after,
        current_key_id=state.keys.current(Purpose.TICKETS).key_id,
        reprinted=count,
    )


@router.post("/check")
async def check_code(
    body: CheckIn, request: Request, reader: ReaderDep, actor: Annotated[Actor, Depends(may("tickets.check"))]
) -> CheckOut:
    """What a scanned code or a typed number is worth now; a wrong one is an answer, not an error."""
    state = request.app.state
    checked = await deeds.look_up_code(reader, body.code, body.plate, at=state.clock.now(), keys=state.keys)
    found = await shown(reader, request, None, ids=[checked.ticket.id], limit=1) if checked.ticket else []
    return CheckOut(
        valid=checked.is_valid, reasons=[reason.value for reason in checked.reasons], ticket=found[0] if found else None
    )


@router.get("/{ticket_id}", dependencies=OF_THE_PAST)
async def get_ticket(
    ticket_id: UUID,
    request: Request,
    reader: ReaderDep,
    actor: Annotated[Actor, Depends(may("tickets.read"))],
    as_of: AsOf = None,
) -> TicketOut:
    """One ticket, now or as it stood then."""
    if as_of is not None:
        return await one_then(reader, request, actor, ticket_id, as_of)
    return await one_ticket(reader, request, actor, ticket_id)


@router.get("/{ticket_id}/acts")
async def list_acts(
    ticket_id: UUID, request: Request, reader: ReaderDep, actor: Annotated[Actor, Depends(may("tickets.read"))]
) -> ActsOut:
    """What firms and offices did to a ticket after it was issued, oldest first."""
    await one_ticket(reader, request, actor, ticket_id)
    return ActsOut(items=[ActOut.model_validate(dict(row)) for row in await ticket_acts.acts_of(reader, ticket_id)])


@router.get("/{ticket_id}/print", response_class=RedirectResponse, status_code=303)
async def print_ticket(
    ticket_id: UUID,
    request: Request,
    reader: ReaderDep,
    actor: Annotated[Actor, Depends(may("tickets.read"))],
    size: Literal["label", "a4"] = "label",
) -> Response:
    """The sheet that a driver carries, on a label of 100 × 70 mm or on A4, as a page to print."""
    await one_ticket(reader, request, actor, ticket_id)
    return RedirectResponse(f"/tickets/{ticket_id}/sheet?size={size}", 303)


@router.get("/{ticket_id}/qr.svg", response_class=Response)
async def get_qr_svg(
    ticket_id: UUID, request: Request, reader: ReaderDep, actor: Annotated[Actor, Depends(may("tickets.read"))]
) -> Response:
    """The ticket's code as a picture of any size."""
    code = await _code(reader, request, actor, ticket_id)
    return Response(await in_thread(lambda: qr_svg(code)), media_type="image/svg+xml")


@router.get("/{ticket_id}/qr.png", response_class=Response)
async def get_qr_png(
    ticket_id: UUID,
    request: Request,
    reader: ReaderDep,
    actor: Annotated[Actor, Depends(may("tickets.read"))],
    scale: Annotated[int, Query(ge=1, le=20)] = 6,
) -> Response:
    """The ticket's code as a picture with so many pixels a module."""
    code = await _code(reader, request, actor, ticket_id)
    return Response(await in_thread(lambda: qr_png(code, scale)), media_type="image/png")


async def _code(door: Door, request: Request, actor: Actor, ticket_id: UUID) -> str:
    code = (await one_ticket(door, request, actor, ticket_id)).code
    if code is None:
        raise TicketIsHeld
    return code
