"""Handover slips: the list, and filing one."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from service.actions.slips import Order
from service.auth import may
from service.db import ReaderDep, database
from service.domain.attachments import AttachmentKind
from service.domain.filings import Slip
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.sheets import COLUMNS
from service.routes import slips
from service.routes.bulk.reading import name_slips
from service.routes.entries import PoliciesNow
from service.routes.pages.looks import Looks
from service.routes.pages.pages import show
from service.routes.pages.typed import entry_of, fields_of, filed, model_of, show_form
from service.routes.slips import SlipIn
from service.store import attachments, bulk
from service.store import pages as reads

router = APIRouter()

PAGE = 50
FilesSlips = Annotated[Actor, Depends(may("slips.file"))]


@router.get("/slips")
async def list_slips(
    request: Request,
    connection: ReaderDep,
    policies: PoliciesNow,
    actor: Annotated[Actor, Depends(may("slips.read"))],
    after: UUID | None = None,
) -> Response:
    """Slips, newest first."""
    page = await slips.list_slips(connection, actor, policies, after=after, limit=PAGE)
    names = await reads.names_of(connection, {key for slip in page.items for key in (slip.enterprise_id, slip.mine_id)})
    return await show(request, connection, actor, "slips.html", rows=page.items, names=names, following=page.next)


@router.get("/slips/new")
async def begin_slip(request: Request, connection: ReaderDep, actor: FilesSlips) -> Response:
    """A form, empty but for where the ore comes from, if the firm has one such place alone."""
    assert actor.enterprise_id is not None, "only firms file"
    rows = await bulk.own_sources(connection, actor.enterprise_id)
    return await show_form(
        request,
        connection,
        actor,
        "slip_form.html",
        columns=COLUMNS["slips"],
        typed={rows[0]["kind"]: rows[0]["word"]} if len(rows) == 1 else {},
        sources=[(row["kind"], row["word"], row["name"]) for row in rows],
        lines=[line["name"] for line in await bulk.own_lines(connection, actor.enterprise_id)],
    )


@router.post("/slips/new")
async def file_slip(request: Request, actor: FilesSlips) -> Response:
    """File a slip of the firm's own ore in its own plant."""
    firm = actor.enterprise_id
    if firm is None:
        raise NotFound
    sent = entry_of(COLUMNS["slips"], await fields_of(request))
    async with database(request).transaction(readonly=True) as connection:
        await name_slips(connection, sent, firm)
    body = model_of(sent, SlipIn)
    slip_id = await filed(request.app.state.slips, Order(actor, Slip(**body.model_dump())))
    return RedirectResponse(f"/slips/{slip_id}", 303)


@router.get("/slips/{slip_id}")
async def show_slip(
    slip_id: UUID,
    request: Request,
    connection: ReaderDep,
    policies: PoliciesNow,
    actor: Annotated[Actor, Depends(may("slips.read"))],
    look: Looks,
) -> Response:
    """One slip: what it says, what became of it, its papers and tickets; now or as it stood then."""
    slip = await slips.get_slip(slip_id, request, connection, actor, policies, look.at)
    is_known = await attachments.is_known(connection, AttachmentKind.SLIP, slip_id, actor=actor)
    papers = await attachments.attachments_of(connection, AttachmentKind.SLIP, slip_id) if is_known else None
    words = await bulk.words_of(connection, [slip.project_id, slip.stock_id])
    return await show(
        request,
        connection,
        actor,
        "slip.html",
        slip=slip,
        names=await reads.names_of(connection, {slip.enterprise_id, slip.mine_id}),
        words=words,
        lines={line["id"]: line["name"] for line in await bulk.own_lines(connection, slip.enterprise_id)},
        papers=papers and [paper for paper in papers if look.tells(paper.attached_at)],
    )
