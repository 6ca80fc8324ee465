"""Tickets as those who may know of them see them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import Request

from service.db import Door
from service.domain.codes.tickets import code_text
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.routes.tickets.bodies import TicketOut
from service.store import tickets


async def one_ticket(door: Door, request: Request, actor: Actor, ticket_id: UUID) -> TicketOut:
    """A ticket that the actor may know of; raises NotFound."""
    found = await shown(door, request, actor, ids=[ticket_id], limit=1)
    if not found:
        raise NotFound
    return found[0]


async def shown(door: Door, request: Request, actor: Actor | None, **wanted: Any) -> list[TicketOut]:
    """The tickets that the actor may know of, newest first; no actor sees them all."""
    rows = await tickets.list_tickets(door, actor, **wanted)
    return [_out(row, request.app.state.settings.public_url) for row in rows]


def _out(row: Mapping[str, Any], public_url: str) -> TicketOut:
    return TicketOut.model_validate({**row, "code": row["code"] and code_text(public_url, row["code"])})
