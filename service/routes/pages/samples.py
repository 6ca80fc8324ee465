"""The city's samples for people: whose quarter is looked into, its sheet and loads, and what was found (R17)."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import reports as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.permissions import Actor, reach
from service.domain.units import shanghai_day
from service.routes import samples
from service.routes.entries import Now
from service.routes.fields import DocumentNo, Reason
from service.routes.pages.pages import show
from service.routes.pages.returned import stands_on
from service.routes.samples import DrawsSamples
from service.store import pages as reads

router = APIRouter()

SHOWN = 500
ReadsSamples = Annotated[Actor, Depends(may("samples.read"))]


@router.get("/samples")
async def list_samples(request: Request, connection: ReaderDep, actor: ReadsSamples, at: Now) -> Response:
    """The samples of the office's area, the newest first."""
    page = await samples.list_samples(connection, actor, limit=SHOWN)
    may_draw = reach(actor, "samples.draw") is not None
    today = shanghai_day(at)
    return await show(
        request,
        connection,
        actor,
        "samples.html",
        rows=list(reversed(page.items)),
        mines=await reads.list_mines(connection, actor=actor) if may_draw else [],
        year=today.year,
        quarter=(today.month + 2) // 3,
        may_draw=may_draw,
    )


@router.post("/samples", dependencies=[stands_on("/samples")])
async def draw_sample(
    mine_id: Annotated[UUID, Form()],
    year: Annotated[int, Form(ge=2000, le=2100)],
    quarter: Annotated[int, Form(ge=1, le=4)],
    reason: Annotated[Reason, Form()],
    connection: ConnectionDep,
    actor: DrawsSamples,
    at: Now,
) -> Response:
    """Look into a mine's quarter."""
    drawn = await deeds.draw_sample(connection, mine_id, year, quarter, reason, at=at, actor=actor)
    return RedirectResponse(f"/samples/{drawn}", 303)


@router.get("/samples/{sample_id}")
async def show_sample(
    sample_id: UUID, request: Request, connection: ReaderDep, actor: ReadsSamples, at: Now
) -> Response:
    """One sample with the mine's sheet and loads."""
    sample = await samples.get_sample(sample_id, connection, actor, at)
    return await show(
        request,
        connection,
        actor,
        "sample.html",
        sample=sample,
        may_find=reach(actor, "samples.draw") is not None and sample.found_at is None,
    )


@router.post("/samples/{sample_id}/finding", dependencies=[stands_on("/samples/{sample_id}")])
async def find(
    sample_id: UUID,
    is_in_order: Annotated[Literal["1", "0"], Form()],
    finding: Annotated[Reason, Form()],
    document_no: Annotated[DocumentNo, Form()],
    connection: ConnectionDep,
    actor: DrawsSamples,
    at: Now,
) -> Response:
    """Record what was found; once."""
    await deeds.find(
        connection,
        sample_id,
        is_in_order=is_in_order == "1",
        finding=finding,
        document_no=document_no,
        at=at,
        actor=actor,
    )
    return RedirectResponse(f"/samples/{sample_id}", 303)
