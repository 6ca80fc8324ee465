"""New prints of a ticket: for a longer window, or in place of a paper that was lost or damaged."""

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
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.revocations import Revocation, RevokedBecause
from service.domain.ticket_acts import Act, ActKind
from service.domain.tickets import ReplacedBecause, Ticket, check_open, check_validity, reprinted
from service.keys import Key, KeyRing
from service.store import audits, ticket_acts


async def extend_ticket(
    connection: Connection,
    ticket_id: UUID,
    valid_until: datetime,
    reason: str,
    *,
    at: datetime,
    keys: KeyRing,
    policies: Policies,
    actor: Actor,
) -> None:
    """Give a ticket a later end, before or after its time has run out (E38); the paper in the truck stays good.

    By its seller or an office. Raises NotFound, NotAllowed, TicketIsHeld, TicketHasEnded, ExtensionTooShort,
    ValidityTooLong and NoMoreReissues.
    """
    key = await hold_key(connection, keys=keys)
    ticket, journey = await lock_own(connection, ticket_id, actor=actor)
    check_open(journey)
    extended = reprinted(ticket, ReplacedBecause.EXTENDED, at=at, valid_until=valid_until)
    check_validity(max(at, ticket.valid_from), valid_until, policies, at=at)

    await print_anew(connection, extended, key=key, at=at)
    facts = {"from": ticket.valid_until, "until": valid_until, "was_over": at > ticket.valid_until}
    await ticket_acts.keep(
        connection, [Act(uuid7(), ticket_id, ActKind.EXTENDED, reason, facts=facts)], at=at, actor=actor
    )
    await audits.note(connection, "tickets.extend", ticket_id, {**facts, "reason": reason}, at=at, actor=actor)
    change = (road_of(ticket, journey, None), road_of(extended, journey, None))
    await note_roads(connection, [change], since=journey.out_at, at=at, policies=policies)


async def reissue_ticket(
    connection: Connection,
    ticket_id: UUID,
    because: ReplacedBecause,
    reason: str,
    *,
    at: datetime,
    keys: KeyRing,
    actor: Actor,
) -> None:
    """Print a ticket anew in place of a lost or damaged paper: the same number, and the old codes are revoked (E37).

    By its seller or an office. Raises NotFound, NotAllowed, TicketIsHeld, TicketHasEnded and NoMoreReissues.
    """
    key = await hold_key(connection, keys=keys)
    ticket, journey = await lock_own(connection, ticket_id, actor=actor)
    check_open(journey)
    fresh = reprinted(ticket, because, at=at)

    await print_anew(connection, fresh, key=key, at=at)
    facts = {"cause": because, "reissue": fresh.reissue}
    await ticket_acts.keep(
        connection, [Act(uuid7(), ticket_id, ActKind.REISSUED, reason, facts=facts)], at=at, actor=actor
    )
    await audits.note(connection, "tickets.reissue", ticket_id, {**facts, "reason": reason}, at=at, actor=actor)
    if ticket.valid_until > at:
        revoked = Revocation(ticket.id, ticket.number, fresh.reissue, RevokedBecause(because.value), ticket.valid_until)
        await ticket_acts.revoke(connection, [revoked], at=at)


async def print_anew(connection: Connection, ticket: Ticket, *, key: Key, at: datetime) -> None:
    """Sign the code of a ticket's next print, and write it in place of the last."""
    await ticket_acts.reprint(connection, replace(ticket, code=code_of(ticket, key)), key.key_id, at=at)
