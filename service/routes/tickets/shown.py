"""Tickets as those who may know of them see them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.datastructures import State

from service.actions.tickets import as_it_stood
from service.db import Connection, Door, Record
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


async def one_then(connection: Connection, request: Request, actor: Actor, ticket_id: UUID, at: datetime) -> TicketOut:
    """A ticket that the actor may know of, as it stood; raises NotFound where there was none, or not for the actor."""
    found = await those_then(connection, request, actor, [ticket_id], at)
    if not found:
        raise NotFound
    return found[0]


async def those_then(
    connection: Connection, request: Request, actor: Actor, ticket_ids: Sequence[UUID], at: datetime
) -> list[TicketOut]:
    """Those of some tickets that there were and that the actor might know of, as they stood."""
    found = []
    for ticket_id in ticket_ids:
        stood = await as_it_stood(connection, ticket_id, at)
        if stood is None:
            continue
        then = {part.name: getattr(one, part.name) for one in stood for part in fields(one)}
        rows = await tickets.list_tickets(connection, actor, ids=[ticket_id], then=stood[0], limit=1)
        found += [_out({**row, **then}, request.app.state.settings.public_url) for row in rows]
    return found


async def shown(door: Door, request: Request, actor: Actor | None, **wanted: Any) -> list[TicketOut]:
    """The tickets that the actor may know of, newest first; no actor sees them all."""
    rows = await tickets.list_tickets(door, actor, **wanted)
    return [_out(row, request.app.state.settings.public_url) for row in rows]


async def issued(connection: Connection, state: State, ids: Collection[UUID]) -> dict[UUID, TicketOut]:
    """Tickets for those to whom they were issued."""
    rows = await tickets.issued(connection, ids)
    return {row["id"]: _out(row, state.settings.public_url) for row in rows}


def _out(row: Record | Mapping[str, Any], public_url: str) -> TicketOut:
    return TicketOut.model_validate({**row, "code": row["code"] and code_text(public_url, row["code"])})
