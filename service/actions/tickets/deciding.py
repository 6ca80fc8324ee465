"""What an office decides about tickets that wait because the quota has not left what they plan (O03)."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.tickets.beside import note_roads
from service.actions.tickets.issuing import code_of
from service.actions.tickets.locking import lock_own
from service.actions.tickets.signing import hold_key
from service.actions.weighings.plates import road_of
from service.db import Connection
from service.domain.alerts import Flag
from service.domain.permissions import Actor
from service.domain.ticket_acts import Act, ActKind
from service.domain.tickets import Journey, TicketState, check_decision
from service.keys import KeyRing
from service.store import alerts, audits, ticket_acts


async def release_ticket(
    connection: Connection, ticket_id: UUID, reason: str, *, at: datetime, keys: KeyRing, actor: Actor
) -> None:
    """Let a ticket that waits go on its way: it gets its code, and holds its kilograms from now on.

    Raises NotFound, TicketIsNotHeld and TicketHasEnded when its time has run out meanwhile.
    """
    key = await hold_key(connection, keys=keys)
    ticket, journey = await lock_own(connection, ticket_id, actor=actor)
    check_decision(ticket, journey, at=at)

    signed = replace(ticket, code=code_of(ticket, key))
    assert signed.code is not None, "a code was signed"
    await ticket_acts.release(connection, ticket_id, signed.code, key.key_id, at=at)
    await _keep(connection, Act(uuid7(), ticket_id, ActKind.RELEASED, reason), "tickets.release", at=at, actor=actor)
    await note_roads(connection, [(None, road_of(ticket, Journey(), None))], at=at)


async def refuse_ticket(connection: Connection, ticket_id: UUID, reason: str, *, at: datetime, actor: Actor) -> None:
    """Turn down a ticket that waits: it ends as cancelled.

    Raises NotFound, TicketIsNotHeld and TicketHasEnded when its time has run out meanwhile.
    """
    ticket, journey = await lock_own(connection, ticket_id, actor=actor)
    check_decision(ticket, journey, at=at)

    await ticket_acts.end(connection, ticket_id, TicketState.CANCELLED, at=at)
    await _keep(connection, Act(uuid7(), ticket_id, ActKind.TURNED_DOWN, reason), "tickets.refuse", at=at, actor=actor)


async def _keep(connection: Connection, act: Act, deed: str, *, at: datetime, actor: Actor) -> None:
    await ticket_acts.keep(connection, [act], at=at, actor=actor)
    await audits.note(connection, deed, act.ticket_id, {"reason": act.reason}, at=at, actor=actor)
    await alerts.settle_alerts(connection, [(Flag.TICKET_HELD, "ticket", str(act.ticket_id))], at=at)
