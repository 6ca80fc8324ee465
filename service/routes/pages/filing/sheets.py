"""Whole sheets: a template, a trial, the filing, and the faulty rows back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from service.auth import may
from service.db import Connection, ReaderDep, database
from service.domain.bulk import RowStatus
from service.domain.permissions import Actor, reach
from service.domain.refusals import NotAllowed, NotFound
from service.domain.sheets import COLUMNS, MOST_ROWS
from service.routes.bulk.filing import BulkOut, Kind, bulk_file
from service.routes.pages.pages import show
from service.routes.pages.typed import fields_of

router = APIRouter()

SHOWN = 100
DOORS = {Kind.CONTRACTS: "contracts.file", Kind.SLIPS: "slips.file", Kind.TICKETS: "tickets.issue"}
FilesSheets = Annotated[Actor, Depends(may("contracts.file"))]


@router.get("/bulk/{kind}")
async def show_sheet(kind: str, request: Request, connection: ReaderDep, actor: FilesSheets) -> Response:
    """Where a sheet is sent from, with its columns."""
    return await _page(request, connection, _kind(kind, actor), actor)


@router.post("/bulk/{kind}")
async def send_sheet(kind: str, request: Request, actor: FilesSheets) -> Response:
    """Try a sheet or file it, and say what became of each row."""
    chosen = _kind(kind, actor)
    is_trial = (await fields_of(request)).get("dry_run") == "1"
    done = await bulk_file(request, chosen, dry_run=is_trial, actor=actor)
    # Each row was a transaction of its own: the page reads what they have left.
    async with database(request).transaction(readonly=True) as connection:
        return await _page(request, connection, chosen, actor, done=done)


def _kind(text: str, actor: Actor) -> Kind:
    if text not in set(Kind):
        raise NotFound
    kind = Kind(text)
    if reach(actor, DOORS[kind]) is None:
        raise NotAllowed
    return kind


async def _page(
    request: Request,
    connection: Connection,
    kind: Kind,
    actor: Actor,
    *,
    done: BulkOut | None = None,
) -> Response:
    wrong = [row for row in done.results if row.status is RowStatus.REFUSED][:SHOWN] if done else []
    return await show(
        request,
        connection,
        actor,
        "bulk.html",
        kind=kind,
        kinds=list(Kind),
        columns=COLUMNS[kind],
        most=MOST_ROWS,
        done=done,
        wrong=wrong,
    )
