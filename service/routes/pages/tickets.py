"""Tickets: the list, one with its code and what the scales said, and the sheet that a driver carries."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from markupsafe import Markup
from uuid_utils.compat import uuid7

from service.auth import may
from service.db import Connection, ReaderDep, WalkerDep
from service.domain.codes.numbers import typed_number
from service.domain.codes.plates import plate_as_seen
from service.domain.codes.tickets import code_text
from service.domain.permissions import Actor, reach
from service.domain.refusals import NotFound
from service.domain.tickets import OPEN_STATES, TicketIsHeld, TicketState
from service.routes import provenance
from service.routes.pages.leads import leads_of, mines_to_open
from service.routes.pages.looks import Looks
from service.routes.pages.origins import STEPS_DRAWN, picture_of
from service.routes.pages.pages import show
from service.routes.pictures import qr_svg
from service.routes.tickets.shown import one_then, those_then
from service.store import pages as reads
from service.store import ticket_acts, tickets, weighings
from service.threads import in_thread

router = APIRouter()

PAGE = 50
CHILDREN_SHOWN = 100
WEIGHINGS_SHOWN = 500
SHEETS = 50
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
    numbered = await reads.ticket_numbered(connection, number) if number else None
    rows = await tickets.list_tickets(
        connection,
        actor,
        ids=[numbered] if numbered else [] if number else None,
        contract_id=paper,
        state=state if state in set(TicketState) else None,
        plate=plate_as_seen(sought) if sought.strip() and number is None else None,
        after=after,
        limit=PAGE,
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
        states=list(TicketState),
        following=rows[-1]["id"] if len(rows) == PAGE else None,
    )


@router.get("/tickets/sheets")
async def print_tickets(request: Request, connection: ReaderDep, actor: ReadsTickets, ids: str = "") -> Response:
    """Several tickets as they are printed, each on a label of its own."""
    try:
        wanted = [UUID(one) for one in ids.split(",")][:SHEETS]
    except ValueError:
        raise NotFound from None
    found = [await _find(connection, ticket_id, request, actor=actor) for ticket_id in wanted]
    size = "a4" if request.query_params.get("size") == "a4" else "label"
    printed = [ticket for ticket in found if ticket["qr"]]
    return await show(request, connection, actor, "ticket_sheet.html", tickets=printed, size=size)


@router.get("/tickets/{ticket_id}")
async def show_ticket(
    ticket_id: UUID, request: Request, connection: ReaderDep, actor: ReadsTickets, look: Looks
) -> Response:
    """One ticket: what it says, its code, what the scales said about it; now or as it stood then."""
    ticket = await _find(connection, ticket_id, request, look.at, actor=actor)
    told = await _weighings(connection, ticket_id, look.at)
    acts = await ticket_acts.acts_of(connection, ticket_id)
    children: Sequence[Any] = await tickets.list_tickets(connection, actor, parent_id=ticket_id, limit=CHILDREN_SHOWN)
    if look.at is not None:
        children = await those_then(connection, request, actor, [child["id"] for child in children], look.at)
    may_redirect = look.at is None and _may_redirect(ticket, actor)
    others = await reads.contracts_of_seller(connection, ticket["seller_id"]) if may_redirect else []
    others = [row for row in others if row["buyer_id"] != ticket["buyer_id"] and row["mine_id"] == ticket["mine_id"]]
    return await show(
        request,
        connection,
        actor,
        "ticket.html",
        ticket=ticket,
        once=str(uuid7()),
        weighings=told,
        opens={
            row["id"]
            for row in await weighings.list_weighings(
                connection, ids=[row["id"] for row in told], as_of=look.at, actor=actor
            )
        },
        acts=[act for act in acts if look.tells(act["done_at"])],
        children=children,
        others=others,
        destinations=await reads.stations_of(connection, [row["buyer_id"] for row in others]),
        flags=sorted({flag for row in told for flag in row["flags"]}),
        sees_mine=reach(actor, "quotas.read") is not None
        and ticket["mine_id"] in await mines_to_open(connection, actor=actor),
    )


@router.get("/tickets/{ticket_id}/sheet")
async def print_ticket(ticket_id: UUID, request: Request, connection: ReaderDep, actor: ReadsTickets) -> Response:
    """A ticket as it is printed: black only, on a label of 100 × 70 mm or on A4."""
    ticket = await _find(connection, ticket_id, request, actor=actor)
    size = "a4" if request.query_params.get("size") == "a4" else "label"
    if ticket["qr"] is None:
        raise TicketIsHeld
    return await show(request, connection, actor, "ticket_sheet.html", tickets=[ticket], size=size)


@router.get("/tickets/{ticket_id}/provenance")
async def ticket_provenance(
    ticket_id: UUID,
    request: Request,
    connection: WalkerDep,
    actor: Annotated[Actor, Depends(may("provenance.read"))],
    look: Looks,
) -> Response:
    """Where a load came from and what became of it, now or by then."""
    ticket = await _find(connection, ticket_id, request, look.at, actor=actor)
    found = await provenance.ticket_provenance(ticket_id, connection, actor, look.at, limit=STEPS_DRAWN)
    return await show(
        request,
        connection,
        actor,
        "ticket_provenance.html",
        ticket=ticket,
        found=found,
        leads=await leads_of(connection, found.steps, actor=actor),
        mines=await mines_to_open(connection, actor=actor),
        picture_data=await picture_of(found, request),
    )


async def _find(
    connection: Connection, ticket_id: UUID, request: Request, as_of: datetime | None = None, *, actor: Actor
) -> dict[str, Any]:
    if as_of is not None:
        return await _find_then(connection, ticket_id, request, as_of, actor=actor)
    rows = await tickets.list_tickets(connection, actor, ids=[ticket_id], limit=1)
    if not rows:
        raise NotFound
    papers = await reads.ticket_papers(connection, [ticket_id])
    code = rows[0]["code"]
    if code is None:
        return {**rows[0], **papers[ticket_id], "qr": None}
    text = code_text(request.app.state.settings.public_url, code)
    # A drawing of ours: squares, and nothing of the code's text.
    return {**rows[0], **papers[ticket_id], "qr": Markup(await in_thread(lambda: qr_svg(text)))}  # noqa: S704


async def _find_then(
    connection: Connection, ticket_id: UUID, request: Request, as_of: datetime, *, actor: Actor
) -> dict[str, Any]:
    then = await one_then(connection, request, actor, ticket_id, as_of)
    paper = ("contract", str(then.contract_id)) if then.contract_id else ("slip", str(then.slip_id))
    described = await reads.describe_subjects(connection, [paper])
    # The code of then may be good no longer, and what is printed with one is carried.
    return {**dict(then), "document_no": described[paper]["name"], "qr": None}


async def _weighings(connection: Connection, ticket_id: UUID, as_of: datetime | None) -> list[dict[str, Any]]:
    """What the scales said about a ticket, as it stands or stood, with the kilograms beyond the quota."""
    rows = await weighings.list_weighings(
        connection, ticket_id=ticket_id, as_of=as_of, limit=WEIGHINGS_SHOWN, actor=None
    )
    over_kg = await reads.over_kg_of(connection, [key for row in rows for key in row["movement_ids"]])
    told = [{**row, "over_kg": sum(over_kg.get(key, 0) for key in row["movement_ids"])} for row in rows]
    return sorted(told, key=lambda row: (row["occurred_at"], row["id"]))


def _may_redirect(ticket: Mapping[str, Any], actor: Actor) -> bool:
    is_sellers = actor.is_office or actor.enterprise_id == ticket["seller_id"]
    return is_sellers and ticket["contract_id"] is not None and ticket["state"] in OPEN_STATES
