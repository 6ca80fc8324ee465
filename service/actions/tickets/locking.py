"""A ticket that somebody means to change: locked, if they may know of it and do it."""

from uuid import UUID

from service.db import Connection
from service.domain.permissions import Actor
from service.domain.refusals import NotAllowed, NotFound
from service.domain.tickets import Journey, Ticket
from service.store import tickets


async def lock_own(connection: Connection, ticket_id: UUID, *, actor: Actor) -> tuple[Ticket, Journey]:
    """The ticket, locked, for its seller or an office of a party's area; raises NotFound, and NotAllowed for others."""
    found = await tickets.lock_visible(connection, ticket_id, actor)
    if found is None:
        raise NotFound
    if not actor.is_office and actor.enterprise_id != found[0].seller_id:
        raise NotAllowed
    return found
