"""Lots: what firms received, and where it came from."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.auth import may
from service.db import ReaderDep, WalkerDep
from service.domain.permissions import Actor
from service.domain.units import shanghai_day
from service.routes import lots, provenance
from service.routes.pages.leads import leads_of, mines_to_open
from service.routes.pages.looks import Looks
from service.routes.pages.origins import STEPS_DRAWN, picture_of
from service.routes.pages.pages import show
from service.store import investigations

router = APIRouter()

PAGE = 50


@router.get("/lots")
async def list_lots(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("lots.read"))],
    look: Looks,
    holder: UUID | None = None,
    after: UUID | None = None,
) -> Response:
    """Lots, newest first; all of them, or those of one holder."""
    page = await lots.list_lots(connection, actor, holder=holder, after=after, as_of=look.at, limit=PAGE)
    return await show(request, connection, actor, "lots.html", rows=page.items, holder=holder, following=page.next)


@router.get("/lots/{lot_id}")
async def show_lot(
    lot_id: UUID,
    request: Request,
    connection: WalkerDep,
    actor: Annotated[Actor, Depends(may("provenance.read"))],
    look: Looks,
) -> Response:
    """One lot, whether it is held, and where all that it received came from."""
    lot = await lots.get_lot(lot_id, connection, actor, look.at)
    found = await provenance.lot_provenance(lot_id, connection, actor, look.at, limit=STEPS_DRAWN)
    held = {} if look.at else await investigations.held(connection, [lot_id], shanghai_day(look.now))
    return await show(
        request,
        connection,
        actor,
        "lot.html",
        lot=lot,
        held=held.get(lot_id),
        found=found,
        leads=await leads_of(connection, found.steps, actor=actor),
        mines=await mines_to_open(connection, actor=actor),
        picture_data=await picture_of(found, request),
    )
