"""One mine: its quota of a year, the tranches that it got, and when it went beyond them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from service.auth import may
from service.db import ReaderDep
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.reports import Snapshot
from service.domain.units import shanghai_year
from service.routes import provenance, quotas
from service.routes.entries import PoliciesNow
from service.routes.pages.leads import leads
from service.routes.pages.looks import Looks
from service.routes.pages.pages import show
from service.store import pages as reads
from service.store.provenance import moment

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
    look: Looks,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
) -> Response:
    """A mine with its licence, its quota, and who holds what it let out."""
    rows = await reads.list_mines(connection, mine_id, actor=actor)
    if not rows:
        raise NotFound
    past = await moment(connection, look.at)
    present = shanghai_year(look.at or look.now)
    asked = year or present
    held = await provenance.mine_holders(mine_id, connection, actor, asked, look.at, limit=HOLDERS_NAMED)
    named = {part.account for part in held.holders} | {run.account for part in held.holders for run in part.through}
    return await show(
        request,
        connection,
        actor,
        "mine.html",
        mine=rows[0],
        year=asked,
        years=sorted({present, asked, *(await reads.quota_years(connection))}, reverse=True)[:YEARS_SHOWN],
        quota=await quotas.show_mine_quota(mine_id, connection, actor, policies, look.now, asked, look.at),
        beyond=await reads.loads_beyond(connection, mine_id, asked, past, LOADS_NAMED),
        held=held,
        leads=await leads(connection, named, actor=actor),
        snapshot=past and Snapshot(past.size, past.at),
    )
