"""Vehicles and who is told of tickets in their names: asked for by their owners, confirmed by offices (U25)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from service.actions import plates as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.permissions import Actor, reach
from service.domain.plates import WatchState
from service.routes import plates as doors
from service.routes.entries import Now
from service.routes.pages.pages import show
from service.routes.pages.returned import back_to, stands_on
from service.routes.plates import DisownIn, PlateIn

router = APIRouter()

PAGE = 100
Owner = Annotated[Actor, Depends(may("plates.watch"))]


@router.get("/plates")
async def list_plates(
    request: Request, connection: ReaderDep, actor: doors.ReadsPlates, after: UUID | None = None
) -> Response:
    """The plates, newest first, with the form by which a firm asks for one more."""
    found = await doors.list_plates(connection, actor, after, PAGE)
    return await show(
        request,
        connection,
        actor,
        "plates.html",
        rows=found.items,
        following=found.next,
        may_watch=reach(actor, "plates.watch") is not None,
        may_confirm=reach(actor, "plates.confirm") is not None,
        may_end=reach(actor, "plates.end") is not None,
    )


@router.post("/plates", dependencies=[stands_on("/plates")])
async def ask_for_plate(
    plate: Annotated[str, Form()],
    evidence: Annotated[str, Form()],
    request: Request,
    connection: ConnectionDep,
    actor: Owner,
) -> Response:
    """Ask for a plate; the feed's address is shown this once, since only its hash is kept."""
    try:
        body = PlateIn(plate=plate, evidence=evidence)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    asked = await doors.ask_for_plate(body, request, connection, actor)
    return await show(request, connection, actor, "plate.html", plate=asked, tickets=[], may_disown=False)


@router.get("/plates/{plate_id}")
async def show_plate(plate_id: UUID, request: Request, connection: ReaderDep, actor: doors.ReadsPlates) -> Response:
    """One plate with the newest tickets that name it, once it is confirmed."""
    plate = await doors.get_plate(plate_id, connection, actor)
    is_told = plate.state is WatchState.CONFIRMED
    tickets = (await doors.list_named(plate_id, connection, actor)).items if is_told else []
    may_disown = is_told and reach(actor, "plates.watch") is not None
    return await show(request, connection, actor, "plate.html", plate=plate, tickets=tickets, may_disown=may_disown)


@router.post("/plates/{plate_id}/confirm", dependencies=[stands_on("/plates")])
async def confirm_plate(
    plate_id: UUID,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("plates.confirm"))],
    at: Now,
) -> Response:
    """Confirm, with the vehicle licence in hand, whose vehicle it is."""
    await deeds.confirm_plate(connection, plate_id, at=at, actor=actor)
    return back_to(request, "/plates")


@router.post("/plates/{plate_id}/end", dependencies=[stands_on("/plates")])
async def end_plate(
    plate_id: UUID,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("plates.end"))],
    at: Now,
) -> Response:
    """End an entry: nothing more is told, and its feed falls silent."""
    await deeds.end_plate(connection, plate_id, at=at, actor=actor)
    return back_to(request, "/plates")


@router.post("/plates/{plate_id}/disown", dependencies=[stands_on("/plates/{plate_id}")])
async def disown_ticket(
    plate_id: UUID,
    number: Annotated[str, Form()],
    reason: Annotated[str, Form()],
    request: Request,
    connection: ConnectionDep,
    actor: Owner,
) -> Response:
    """Say that a ticket names the firm's vehicle wrongly."""
    try:
        body = DisownIn(number=number, reason=reason)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    await doors.disown_ticket(plate_id, body, request, connection, actor)
    return RedirectResponse(f"/plates/{plate_id}", 303)
