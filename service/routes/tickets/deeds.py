"""What sellers, buyers and offices do to a ticket after it was issued."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.actions import tickets as deeds
from service.actions.tickets import Diversion
from service.auth import may
from service.db import ConnectionDep
from service.domain.permissions import Actor
from service.keys import Purpose
from service.routes.idempotency import OnceDep
from service.routes.tickets.bodies import (
    ApportionIn,
    ExtensionIn,
    ReasonIn,
    RedirectionIn,
    RefusalIn,
    ReissueIn,
    TicketOut,
    TicketsOut,
    TransferIn,
)
from service.routes.tickets.shown import one_ticket, shown

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])


@router.post("/{ticket_id}/cancel", response_model=TicketOut)
async def cancel_ticket(
    ticket_id: UUID,
    body: ReasonIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.cancel"))],
) -> Response:
    """End a ticket before its journey; its kilograms are no longer held, and its codes are revoked."""

    async def deed() -> TicketOut:
        state = request.app.state
        await deeds.cancel_ticket(connection, ticket_id, body.reason, at=state.clock.now(), actor=actor)
        return await one_ticket(connection, request, actor, ticket_id)

    return await once(connection, actor, deed, status=200)


@router.post("/{ticket_id}/lose", response_model=TicketOut)
async def lose_ticket(
    ticket_id: UUID,
    body: ReasonIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.lose"))],
) -> Response:
    """End a ticket that was lost before its journey; an office also writes off a load that was lost on the road."""

    async def deed() -> TicketOut:
        state = request.app.state
        await deeds.lose_ticket(
            connection,
            ticket_id,
            body.reason,
            at=state.clock.now(),
            sign=state.keys.current(Purpose.LEDGER),
            actor=actor,
        )
        return await one_ticket(connection, request, actor, ticket_id)

    return await once(connection, actor, deed, status=200)


@router.post("/{ticket_id}/extend", response_model=TicketOut)
async def extend_ticket(
    ticket_id: UUID,
    body: ExtensionIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.extend"))],
) -> Response:
    """Give a ticket a later end, before or after its time has run out; the paper in the truck stays good."""

    async def deed() -> TicketOut:
        state = request.app.state
        await deeds.extend_ticket(
            connection, ticket_id, body.valid_until, body.reason, at=state.clock.now(), keys=state.keys, actor=actor
        )
        return await one_ticket(connection, request, actor, ticket_id)

    return await once(connection, actor, deed, status=200)


@router.post("/{ticket_id}/reissue", response_model=TicketOut)
async def reissue_ticket(
    ticket_id: UUID,
    body: ReissueIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.reissue"))],
) -> Response:
    """Print a ticket anew in place of a lost or damaged paper: the same number; the old codes are revoked."""

    async def deed() -> TicketOut:
        state = request.app.state
        await deeds.reissue_ticket(
            connection, ticket_id, body.cause, body.reason, at=state.clock.now(), keys=state.keys, actor=actor
        )
        return await one_ticket(connection, request, actor, ticket_id)

    return await once(connection, actor, deed, status=200)


@router.post("/{ticket_id}/release", response_model=TicketOut)
async def release_ticket(
    ticket_id: UUID,
    body: ReasonIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.decide"))],
) -> Response:
    """Let a ticket that waits for the office go on its way; it gets its code now."""

    async def deed() -> TicketOut:
        state = request.app.state
        await deeds.release_ticket(
            connection, ticket_id, body.reason, at=state.clock.now(), keys=state.keys, actor=actor
        )
        return await one_ticket(connection, request, actor, ticket_id)

    return await once(connection, actor, deed, status=200)


@router.post("/{ticket_id}/refuse", response_model=TicketOut)
async def refuse_ticket(
    ticket_id: UUID,
    body: ReasonIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.decide"))],
) -> Response:
    """Turn down a ticket that waits for the office; it ends as cancelled."""

    async def deed() -> TicketOut:
        state = request.app.state
        await deeds.refuse_ticket(connection, ticket_id, body.reason, at=state.clock.now(), actor=actor)
        return await one_ticket(connection, request, actor, ticket_id)

    return await once(connection, actor, deed, status=200)


@router.post("/{ticket_id}/redirect", response_model=TicketOut)
async def redirect_ticket(
    ticket_id: UUID,
    body: RedirectionIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.redirect"))],
) -> Response:
    """Send a load to another buyer under that buyer's contract; the answer is the ticket under which it goes on."""

    async def deed() -> TicketOut:
        state = request.app.state
        going = await deeds.redirect_ticket(
            connection,
            ticket_id,
            Diversion(body.contract_id, body.destination_station_id, body.reason),
            at=state.clock.now(),
            keys=state.keys,
            policies=await state.rulebook.policies(state.clock.now()),
            actor=actor,
        )
        return await one_ticket(connection, request, actor, going)

    return await once(connection, actor, deed, status=200)


@router.post("/{ticket_id}/refuse-part", response_model=TicketOut)
async def refuse_part(
    ticket_id: UUID,
    body: RefusalIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.refuse_part"))],
) -> Response:
    """Record that the buyer does not take a part of what was weighed in; it is then returned or redirected."""

    async def deed() -> TicketOut:
        state = request.app.state
        await deeds.refuse_part(
            connection,
            ticket_id,
            body.refused_kg,
            body.reason,
            at=state.clock.now(),
            sign=state.keys.current(Purpose.LEDGER),
            actor=actor,
        )
        return await one_ticket(connection, request, actor, ticket_id)

    return await once(connection, actor, deed, status=200)


@router.post("/{ticket_id}/children", status_code=201, response_model=TicketsOut)
async def split_ticket(
    ticket_id: UUID,
    body: TransferIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.split"))],
) -> Response:
    """Let parts of a load go on by other trucks, each under a child ticket; together at most what is left of the load."""

    async def deed() -> TicketsOut:
        state = request.app.state
        children = await deeds.split_ticket(
            connection,
            ticket_id,
            [truck.truck() for truck in body.trucks],
            body.reason,
            at=state.clock.now(),
            keys=state.keys,
            actor=actor,
        )
        items = await shown(connection, request, actor, ids=children, limit=len(children))
        return TicketsOut(items=sorted(items, key=lambda item: item.id), next=None)

    return await once(connection, actor, deed)


@router.post("/{ticket_id}/close", response_model=TicketOut)
async def close_ticket(
    ticket_id: UUID,
    body: ReasonIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.split"))],
) -> Response:
    """Close the rest of a load whose parts went on by other trucks; beyond the tolerance by an office only."""

    async def deed() -> TicketOut:
        state = request.app.state
        await deeds.close_ticket(
            connection,
            ticket_id,
            body.reason,
            at=state.clock.now(),
            policies=await state.rulebook.policies(state.clock.now()),
            keys=state.keys,
            actor=actor,
        )
        return await one_ticket(connection, request, actor, ticket_id)

    return await once(connection, actor, deed, status=200)


@router.post("/{ticket_id}/apportion", response_model=TicketsOut)
async def apportion_weighing(
    ticket_id: UUID,
    body: ApportionIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("tickets.refuse_part"))],
) -> Response:
    """Share what was weighed in under this ticket with others of the same truck, by what their sources' scales saw."""

    async def deed() -> TicketsOut:
        state = request.app.state
        await deeds.apportion_weighing(
            connection,
            ticket_id,
            body.tickets,
            body.reason,
            at=state.clock.now(),
            sign=state.keys.current(Purpose.LEDGER),
            actor=actor,
        )
        ids = [ticket_id, *body.tickets]
        return TicketsOut(items=await shown(connection, request, actor, ids=ids, limit=len(ids)), next=None)

    return await once(connection, actor, deed, status=200)
