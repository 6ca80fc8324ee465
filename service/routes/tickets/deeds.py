"""What sellers, buyers and offices do to a ticket after it was issued."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.actions import tickets as deeds
from service.actions.tickets import Diversion
from service.auth import may
from service.db import Connection, ConnectionDep
from service.domain.permissions import Actor
from service.keys import KeyRing, Purpose
from service.routes.idempotency import Once, OnceDep
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
from service.store.ledger import Signer

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])


class Doing:
    """What every deed to a ticket has at hand, and how it is answered: once, with the ticket as it stands then."""

    def __init__(self, ticket_id: UUID, request: Request, connection: Connection, once: Once) -> None:
        self.ticket_id = ticket_id
        self.request = request
        self.connection = connection
        self.once = once
        self.at: datetime = request.app.state.clock.now()
        self.keys: KeyRing = request.app.state.keys

    @property
    def sign(self) -> Signer:
        """The key that signs the ledger's checkpoints."""
        return self.keys.current(Purpose.LEDGER)

    async def __call__(self, actor: Actor, deed: Callable[[], Awaitable[Any]]) -> Response:
        """Answer with the ticket."""

        async def done() -> TicketOut:
            await deed()
            return await one_ticket(self.connection, self.request, actor, self.ticket_id)

        return await self.once(self.connection, actor, done, status=200)

    async def shown(self, actor: Actor, ids: list[UUID]) -> TicketsOut:
        """Several tickets, in the order of their issue."""
        items = await shown(self.connection, self.request, actor, ids=ids, limit=len(ids))
        return TicketsOut(items=sorted(items, key=lambda item: item.id), next=None)


async def _doing(ticket_id: UUID, request: Request, connection: ConnectionDep, once: OnceDep) -> Doing:
    return Doing(ticket_id, request, connection, once)


DoingDep = Annotated[Doing, Depends(_doing)]


@router.post("/{ticket_id}/cancel", response_model=TicketOut)
async def cancel_ticket(
    body: ReasonIn, doing: DoingDep, actor: Annotated[Actor, Depends(may("tickets.cancel"))]
) -> Response:
    """End a ticket before its journey; its kilograms are no longer held, and its codes are revoked."""
    return await doing(
        actor,
        lambda: deeds.cancel_ticket(doing.connection, doing.ticket_id, body.reason, at=doing.at, actor=actor),
    )


@router.post("/{ticket_id}/lose", response_model=TicketOut)
async def lose_ticket(
    body: ReasonIn, doing: DoingDep, actor: Annotated[Actor, Depends(may("tickets.lose"))]
) -> Response:
    """End a ticket that was lost before its journey; an office also writes off a load that was lost on the road."""
    return await doing(
        actor,
        lambda: deeds.lose_ticket(
            doing.connection, doing.ticket_id, body.reason, at=doing.at, sign=doing.sign, actor=actor
        ),
    )


@router.post("/{ticket_id}/extend", response_model=TicketOut)
async def extend_ticket(
    body: ExtensionIn, doing: DoingDep, actor: Annotated[Actor, Depends(may("tickets.extend"))]
) -> Response:
    """Give a ticket a later end, before or after its time has run out; the paper in the truck stays good."""
    policies = await doing.request.app.state.rulebook.policies(doing.at)
    return await doing(
        actor,
        lambda: deeds.extend_ticket(
            doing.connection,
            doing.ticket_id,
            body.valid_until,
            body.reason,
            at=doing.at,
            keys=doing.keys,
            policies=policies,
            actor=actor,
        ),
    )


@router.post("/{ticket_id}/reissue", response_model=TicketOut)
async def reissue_ticket(
    body: ReissueIn, doing: DoingDep, actor: Annotated[Actor, Depends(may("tickets.reissue"))]
) -> Response:
    """Print a ticket anew in place of a lost or damaged paper: the same number; the old codes are revoked."""
    return await doing(
        actor,
        lambda: deeds.reissue_ticket(
            doing.connection, doing.ticket_id, body.cause, body.reason, at=doing.at, keys=doing.keys, actor=actor
        ),
    )


@router.post("/{ticket_id}/release", response_model=TicketOut)
async def release_ticket(
    body: ReasonIn, doing: DoingDep, actor: Annotated[Actor, Depends(may("tickets.decide"))]
) -> Response:
    """Let a ticket that waits for the office go on its way; it gets its code now."""
    return await doing(
        actor,
        lambda: deeds.release_ticket(
            doing.connection, doing.ticket_id, body.reason, at=doing.at, keys=doing.keys, actor=actor
        ),
    )


@router.post("/{ticket_id}/refuse", response_model=TicketOut)
async def refuse_ticket(
    body: ReasonIn, doing: DoingDep, actor: Annotated[Actor, Depends(may("tickets.decide"))]
) -> Response:
    """Turn down a ticket that waits for the office; it ends as cancelled."""
    return await doing(
        actor,
        lambda: deeds.refuse_ticket(doing.connection, doing.ticket_id, body.reason, at=doing.at, actor=actor),
    )


@router.post("/{ticket_id}/redirect", response_model=TicketOut)
async def redirect_ticket(
    body: RedirectionIn, doing: DoingDep, actor: Annotated[Actor, Depends(may("tickets.redirect"))]
) -> Response:
    """Send a load to another buyer under that buyer's contract; the answer is the ticket under which it goes on."""
    diversion = Diversion(body.contract_id, body.destination_station_id, body.reason)

    async def done() -> TicketOut:
        going = await deeds.redirect_ticket(
            doing.connection,
            doing.ticket_id,
            diversion,
            at=doing.at,
            keys=doing.keys,
            policies=await doing.request.app.state.rulebook.policies(doing.at),
            actor=actor,
        )
        return await one_ticket(doing.connection, doing.request, actor, going)

    return await doing.once(doing.connection, actor, done, status=200)


@router.post("/{ticket_id}/refuse-part", response_model=TicketOut)
async def refuse_part(
    body: RefusalIn, doing: DoingDep, actor: Annotated[Actor, Depends(may("tickets.refuse_part"))]
) -> Response:
    """Record that the buyer does not take a part of what was weighed in; it is then returned or redirected."""
    policies = await doing.request.app.state.rulebook.policies(doing.at)
    return await doing(
        actor,
        lambda: deeds.refuse_part(
            doing.connection,
            doing.ticket_id,
            body.refused_kg,
            body.reason,
            at=doing.at,
            sign=doing.sign,
            policies=policies,
            actor=actor,
        ),
    )


@router.post("/{ticket_id}/children", status_code=201, response_model=TicketsOut)
async def split_ticket(
    body: TransferIn, doing: DoingDep, actor: Annotated[Actor, Depends(may("tickets.split"))]
) -> Response:
    """Let parts of a load go on by other trucks, each under a child ticket; together at most what is left of the load."""

    async def done() -> TicketsOut:
        children = await deeds.split_ticket(
            doing.connection,
            doing.ticket_id,
            [truck.truck() for truck in body.trucks],
            body.reason,
            at=doing.at,
            keys=doing.keys,
            policies=await doing.request.app.state.rulebook.policies(doing.at),
            actor=actor,
        )
        return await doing.shown(actor, children)

    return await doing.once(doing.connection, actor, done)


@router.post("/{ticket_id}/close", response_model=TicketOut)
async def close_ticket(
    body: ReasonIn, doing: DoingDep, actor: Annotated[Actor, Depends(may("tickets.split"))]
) -> Response:
    """Close the rest of a load whose parts went on by other trucks; beyond the tolerance by an office only."""
    policies = await doing.request.app.state.rulebook.policies(doing.at)
    return await doing(
        actor,
        lambda: deeds.close_ticket(
            doing.connection,
            doing.ticket_id,
            body.reason,
            at=doing.at,
            sign=doing.sign,
            policies=policies,
            actor=actor,
        ),
    )


@router.post("/{ticket_id}/apportion", response_model=TicketsOut)
async def apportion_weighing(
    body: ApportionIn, doing: DoingDep, actor: Annotated[Actor, Depends(may("tickets.refuse_part"))]
) -> Response:
    """Share what was weighed in under this ticket with others of the same truck, by what their sources' scales saw."""

    async def done() -> TicketsOut:
        await deeds.apportion_weighing(
            doing.connection,
            doing.ticket_id,
            body.tickets,
            body.reason,
            at=doing.at,
            sign=doing.sign,
            policies=await doing.request.app.state.rulebook.policies(doing.at),
            actor=actor,
        )
        return await doing.shown(actor, [doing.ticket_id, *body.tickets])

    return await doing.once(doing.connection, actor, done, status=200)
