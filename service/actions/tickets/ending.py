"""Ends of tickets that no scale records: cancelled before the journey, lost before it or on it, a rest that is closed."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.overdraws import report_overdraws
from service.actions.tickets.beside import note_roads
from service.actions.tickets.locking import lock_own
from service.actions.weighings.plates import road_of
from service.db import Connection
from service.domain.alerts import Flag
from service.domain.ledger import Movement
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.revocations import RevokedBecause
from service.domain.ticket_acts import Act, ActKind
from service.domain.tickets import Ticket, TicketState, cancelled, lost
from service.domain.transfers import closed
from service.domain.weighings.legs import lost_of
from service.store import alerts, audits, ticket_acts
from service.store.accounts import open_accounts
from service.store.ledger import Signer, append


async def cancel_ticket(connection: Connection, ticket_id: UUID, reason: str, *, at: datetime, actor: Actor) -> None:
    """End a ticket before its journey, release its hold and revoke its codes (E4); by its seller or an office.

    Raises NotFound, NotAllowed for its buyer, TicketAlreadyWeighed (E5) and TicketHasEnded.
    """
    ticket, journey = await lock_own(connection, ticket_id, actor=actor)
    ended = cancelled(journey, at=at)

    if ended is not journey:
        await ticket_acts.end(connection, ticket_id, ended.state, at=at)
        act = Act(uuid7(), ticket_id, ActKind.CANCELLED, reason)
        await ticket_acts.keep(connection, [act], at=at, actor=actor)
        await audits.note(connection, "tickets.cancel", ticket_id, {"reason": reason}, at=at, actor=actor)
        if journey.state is TicketState.HELD:
            await alerts.settle_alerts(connection, [(Flag.TICKET_HELD, "ticket", str(ticket_id))], at=at)
        await ticket_acts.revoke_all(connection, ticket, RevokedBecause.CANCELLED, at=at)
        await note_roads(connection, [(road_of(ticket, journey, None), None)], at=at)


async def lose_ticket(
    connection: Connection, ticket_id: UUID, reason: str, *, at: datetime, sign: Signer, actor: Actor
) -> None:
    """End a ticket that was lost before its journey, or write its load off as lost on the road (W01, W07, E37, E39).

    By its seller or an office; what is on the road by an office only. Raises NotFound, NotAllowed, TicketHasEnded,
    TicketIsHeld and WriteOffNeedsAnOffice.
    """
    ticket, journey = await lock_own(connection, ticket_id, actor=actor)
    ended = lost(journey, by_an_office=actor.is_office, at=at)
    if ended is journey:
        return

    act = Act(uuid7(), ticket_id, ActKind.LOST, reason)
    left_kg = journey.on_board_kg
    if journey.state is TicketState.OUT and journey.out_at is not None and left_kg:
        act = Act(uuid7(), ticket_id, ActKind.WRITTEN_OFF, reason, left_kg, movement_ids=(uuid7(),))
    await ticket_acts.end(connection, ticket_id, ended.state, at=at)
    await ticket_acts.keep(connection, [act], at=at, actor=actor)
    facts = {"reason": reason, "kg": act.kg}
    await audits.note(connection, "tickets.lose", ticket_id, facts, at=at, actor=actor)
    await alerts.settle_alerts(connection, [(Flag.NEVER_RECEIVED, "ticket", str(ticket_id))], at=at)
    await ticket_acts.revoke_all(connection, ticket, RevokedBecause.LOST, at=at)
    if act.kg is not None and journey.out_at is not None:
        await _post_as_lost(connection, ticket, act, journey.out_at, at=at, sign=sign)
    change = (road_of(ticket, journey, None), road_of(ticket, ended, None))
    await note_roads(connection, [change], since=journey.out_at, at=at)


async def close_ticket(
    connection: Connection,
    ticket_id: UUID,
    reason: str,
    *,
    at: datetime,
    sign: Signer,
    policies: Policies,
    actor: Actor,
) -> None:
    """End a parent whose rest does not arrive anywhere: what is left is lost, with a reason (W11).

    By its seller, beyond the tolerance by an office. Raises NotFound, NotAllowed, TicketIsHeld, TicketHasEnded,
    NotOnTheRoad, NothingWasTransferred and WriteOffNeedsAnOffice.
    """
    ticket, journey = await lock_own(connection, ticket_id, actor=actor)
    policies = policies.between(ticket.source_station_id, ticket.destination_station_id)
    ended = closed(journey, policies, by_an_office=actor.is_office, at=at)

    rest_kg = journey.on_board_kg
    act = Act(uuid7(), ticket_id, ActKind.CLOSED, reason, rest_kg, movement_ids=(uuid7(),))
    await ticket_acts.advance(connection, ticket_id, ended)
    await ticket_acts.keep(connection, [act], at=at, actor=actor)
    await audits.note(connection, "tickets.close", ticket_id, {"kg": rest_kg, "reason": reason}, at=at, actor=actor)
    await ticket_acts.revoke_all(connection, ticket, RevokedBecause.ENDED, at=at)
    assert journey.out_at is not None, "what is on the road has left"
    await _post_as_lost(connection, ticket, act, journey.out_at, at=at, sign=sign)
    change = (road_of(ticket, journey, None), road_of(ticket, ended, None))
    await note_roads(connection, [change], since=journey.out_at, at=at, policies=policies)


async def _post_as_lost(
    connection: Connection, ticket: Ticket, act: Act, left_at: datetime, *, at: datetime, sign: Signer
) -> None:
    """Post what an act says that nobody receives, out of the ticket's load, under the movement that it names."""
    key = lost_of(ticket, left_at)
    accounts = await open_accounts(connection, [key])
    assert act.kg is not None, "what is lost has kilograms"
    (movement_id,) = act.movement_ids
    movement = Movement(movement_id, act.id, ticket.account, accounts[key], act.kg, at, act.fact)
    await report_overdraws(connection, await append(connection, [movement], at=at, sign=sign), at=at)
