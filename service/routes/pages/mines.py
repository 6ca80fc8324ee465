"""One mine: its quota of a year, the tranches that it got, and when it went beyond them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from service.auth import may
from service.db import ReaderDep
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.units import shanghai_year
from service.routes import provenance, quotas
from service.routes.entries import PoliciesNow
from service.routes.pages.pages import show
from service.store import pages as reads

router = APIRouter()

YEARS_SHOWN = 4
HOLDERS_NAMED = 20
LOADS_NAMED = 100


@router.get("/mines/{mine_id}")
async def show_mine(
    mine_id: UUID,
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("quotas.read"))],
    policies: PoliciesNow,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
) -> Response:
    """A mine with its licence, its quota, and who holds what it let out."""
    rows = await reads.list_mines(connection, mine_id, actor=actor)
    if not rows:
        raise NotFound
    at = request.app.state.clock.now()
    present = shanghai_year(at)
    asked = year or present
    return await show(
        request,
        connection,
        actor,
        "mine.html",
        mine=rows[0],
        year=asked,
        years=sorted({present, asked, *(await reads.quota_years(connection))}, reverse=True)[:YEARS_SHOWN],
        quota=await quotas.show_mine_quota(mine_id, connection, actor, policies, at, asked),
        beyond=await reads.loads_beyond(connection, mine_id, asked, LOADS_NAMED),
        held=await provenance.mine_holders(mine_id, connection, actor, asked, limit=HOLDERS_NAMED),
    )
