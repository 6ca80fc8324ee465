"""Tickets: the list, one with its code and what the scales said, and the sheet that a driver carries."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from markupsafe import Markup

from service.auth import may
from service.db import Connection, ReaderDep, Record
from service.domain.codes.numbers import typed_number
from service.domain.codes.plates import plate_as_seen
from service.domain.permissions import Actor, reach
from service.domain.refusals import NotFound
from service.routes import provenance
from service.routes.pages.origins import picture_of
from service.routes.pages.pages import show
from service.routes.pages.words import WORDS
from service.routes.pictures import qr_svg
from service.store import pages as reads

router = APIRouter()

PAGE = 50
ReadsTickets = Annotated[Actor, Depends(may("tickets.read"))]


@router.get("/tickets")
async def list_tickets(
    request: Request,
    connection: ReaderDep,
    actor: ReadsTickets,
    state: str = "",
    sought: str = "",
    paper: UUID | None = None,
    after: UUID | None = None,
) -> Response:
    """Tickets, newest first; `sought` is a ticket's number or a plate, however it was typed."""
    number = typed_number(sought)
    rows = await reads.list_tickets(
        connection,
        after=after,
        document_id=paper,
        state=state if state in WORDS["ticket_state"] else None,
        number=number,
        plate=plate_as_seen(sought) if sought.strip() and number is None else None,
        limit=PAGE,
        actor=actor,
    )
    return await show(
        request,
        connection,
        actor,
        "tickets.html",
        rows=rows,
        state=state,
        sought=sought,
        paper=paper,
        states=list(WORDS["ticket_state"]),
        following=rows[-1]["id"] if len(rows) == PAGE else None,
    )


@router.get("/tickets/{ticket_id}")
async def show_ticket(ticket_id: UUID, request: Request, connection: ReaderDep, actor: ReadsTickets) -> Response:
    """One ticket: what it says, its code, what the scales said about it."""
    ticket = await _find(connection, ticket_id, actor=actor)
    weighings = await reads.weighings_of(connection, ticket_id)
    return await show(
        request,
        connection,
        actor,
        "ticket.html",
        ticket=ticket,
        weighings=weighings,
        flags=sorted({flag for row in weighings for flag in row["flags"]} | _overdrawn(weighings)),
        qr=_picture(ticket),
        knows_origin=reach(actor, "provenance.read") is not None,
    )


@router.get("/tickets/{ticket_id}/sheet")
async def print_ticket(ticket_id: UUID, request: Request, connection: ReaderDep, actor: ReadsTickets) -> Response:
    """A ticket as it is printed: black only, on a label of 100 × 70 mm or on A4."""
    ticket = await _find(connection, ticket_id, actor=actor)
    size = "a4" if request.query_params.get("size") == "a4" else "label"
    return await show(request, connection, actor, "ticket_sheet.html", ticket=ticket, qr=_picture(ticket), size=size)


@router.get("/tickets/{ticket_id}/provenance")
async def ticket_provenance(
    ticket_id: UUID,
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("provenance.read"))],
) -> Response:
    """Where a load came from and what became of it."""
    ticket = await _find(connection, ticket_id, actor=actor)
    found = await provenance.ticket_provenance(ticket_id, connection, actor, limit=provenance.MOST_NAMED)
    return await show(
        request,
        connection,
        actor,
        "ticket_provenance.html",
        ticket=ticket,
        found=found,
        picture_data=picture_of(found, request),
    )


async def _find(connection: Connection, ticket_id: UUID, *, actor: Actor) -> Record:
    rows = await reads.list_tickets(connection, ticket_id=ticket_id, limit=1, actor=actor)
    if not rows:
        raise NotFound
    return rows[0]


def _picture(ticket: Record) -> Markup:
    return Markup(qr_svg(ticket["code"]))  # noqa: S704 a drawing of ours: nothing of the code's text stands in it


def _overdrawn(weighings: Sequence[Record]) -> set[str]:
    return {"quota-overdrawn"} if any(row["over_kg"] for row in weighings) else set()
