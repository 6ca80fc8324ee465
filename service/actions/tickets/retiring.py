"""A signing key that somebody else may have: what it signed after a moment is printed anew, and stations are told (W03)."""

from datetime import datetime

from uuid_utils.compat import uuid7

from service.actions.tickets.printing import print_anew
from service.db import Connection
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.revocations import KeyIsRetired, Revocation, RevokedBecause
from service.domain.ticket_acts import Act, ActKind
from service.domain.tickets import ReplacedBecause, reprinted
from service.keys import KeyRing, Purpose
from service.store import audits, ticket_acts, tickets

MOST_AT_ONCE = 1_000


async def retire_key(
    connection: Connection,
    key_id: int,
    signed_after: datetime,
    reason: str,
    *,
    at: datetime,
    keys: KeyRing,
    actor: Actor,
) -> int:
    """Believe a ticket key no longer; gives how many tickets on their way were printed anew.

    1. Those who sign with it are let finish; who comes later waits, and signs with the key of then.
    2. Where it is the key that signs now, another is made.
    3. Open tickets with a print that it signed after the moment get a new one by the new key; the old codes are revoked.
    4. What it signed before stays good where the book can be asked; a station without a network says that it is in doubt.

    What somebody else signs with it is in no book of ours, and so no ticket here. Raises NotFound and KeyIsRetired.
    """
    if keys.find(Purpose.TICKETS, key_id) is None:
        raise NotFound(key_id=key_id)
    await ticket_acts.await_signers(connection)
    before = await ticket_acts.retire_key(connection, key_id, signed_after, reason, at=at, actor=actor)
    if before is not None:
        raise KeyIsRetired(signed_after=before)

    if keys.current(Purpose.TICKETS).key_id == key_id:
        keys.rotate(Purpose.TICKETS, at)
    key = keys.current(Purpose.TICKETS)
    count = 0
    while found := await tickets.lock_signed(connection, key_id, signed_after, at=at, limit=MOST_AT_ONCE):
        fresh = [reprinted(ticket, ReplacedBecause.KEY_RETIRED, at=at) for ticket, _ in found]
        for ticket in fresh:
            await print_anew(connection, ticket, key=key, at=at)
        cause = {"cause": ReplacedBecause.KEY_RETIRED}
        acts = [Act(uuid7(), ticket.id, ActKind.REISSUED, reason, facts=cause) for ticket in fresh]
        await ticket_acts.keep(connection, acts, at=at, actor=actor)
        revoked = [
            Revocation(one.id, one.number, one.reissue, RevokedBecause.KEY_RETIRED, one.valid_until) for one in fresh
        ]
        await ticket_acts.revoke(connection, revoked, at=at)
        count += len(fresh)
    facts = {"key_id": key_id, "signed_after": signed_after, "reason": reason, "reprinted": count}
    await audits.note(connection, "tickets.retire_key", None, facts, at=at, actor=actor)
    return count
