"""Where all came from that lies in the lots of an area: mine by mine and tranche by tranche, and lot by lot."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.auth import may
from service.db import WalkerDep
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.routes import compositions
from service.routes.pages.leads import mines_to_open
from service.routes.pages.looks import Looks
from service.routes.pages.pages import show
from service.store import pages as reads

router = APIRouter()

NAMED = 100
LOTS_WALKED = 5_000


@router.get("/compositions")
async def show_composition(
    request: Request,
    connection: WalkerDep,
    actor: Annotated[Actor, Depends(may("provenance.read"))],
    look: Looks,
    place: str = "",
) -> Response:
    """What the lots of the office's area, or of a place in it, are or were made of; for offices and the auditor."""
    chosen = place or actor.jurisdiction
    if chosen is None:
        raise NotFound
    found = await compositions.jurisdiction_composition(
        chosen, connection, actor, look.at, limit=NAMED, walked=LOTS_WALKED
    )
    places = {
        row["code"]: row for row in await reads.list_places(connection) if actor.reads_all or actor.covers(row["code"])
    }
    return await show(
        request,
        connection,
        actor,
        "composition.html",
        found=found,
        places=places,
        chosen=chosen,
        mines=await mines_to_open(connection, actor=actor),
    )
