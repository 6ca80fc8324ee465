"""The three ledgers of a mine for people: reserves, ore output, sales (R20)."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import reports as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.permissions import Actor, reach
from service.domain.refusals import NotFound
from service.domain.reports import Reserve, ReserveKind, Snapshot
from service.domain.sheets import CellKind, Column
from service.domain.units import shanghai_year
from service.routes.entries import Now, PoliciesNow
from service.routes.pages.looks import Looks
from service.routes.pages.pages import show
from service.routes.pages.typed import entry_of, fields_of, model_of, show_form
from service.routes.reports.bodies import OutputOut, ReserveIn, ReservesOut, SalesOut
from service.routes.reports.ledgers import ReadsReports, output_of, reserves_of, sales_of
from service.routes.reports.standing import ground
from service.store import pages as reads
from service.store.provenance import moment

router = APIRouter()

NEWEST = 200
YEARS = 4
COLUMNS = (
    Column("kind", "类别", "kind", is_required=True),
    Column("kg", "数量（吨）", "tonnes", CellKind.TONNES, True),
    Column("counted_on", "日期", "day", CellKind.DAY, True),
    Column("document_no", "依据文件编号", "number of the document", is_required=True),
)


class Ledger(StrEnum):
    """A ledger of a mine."""

    RESERVES = "reserves"
    OUTPUT = "output"
    SALES = "sales"


@router.get("/ledgers")
async def list_ledgers(request: Request, connection: ReaderDep, actor: ReadsReports, at: Now) -> Response:
    """The mines of the office's area or of the firm, each with its ledgers."""
    return await show(
        request,
        connection,
        actor,
        "ledgers.html",
        mines=await reads.list_mines(connection, actor=actor),
        kinds=list(Ledger),
        year=shanghai_year(at),
    )


@router.get("/ledgers/{mine_id}/{kind}")
async def show_ledger(
    mine_id: UUID,
    kind: str,
    request: Request,
    connection: ReaderDep,
    actor: ReadsReports,
    policies: PoliciesNow,
    look: Looks,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
) -> Response:
    """One ledger, the newest lines first; of a year, but for the reserves; now or as it stood then."""
    if kind not in set(Ledger):
        raise NotFound
    past = await moment(connection, look.at)
    stands = await ground(connection, policies, look.now, str(Snapshot(past.size, past.at)) if past else None)
    present = shanghai_year(stands.past.at)
    asked = year or present
    found: ReservesOut | OutputOut | SalesOut
    if kind == Ledger.RESERVES:
        found = await reserves_of(stands, mine_id, actor=actor)
    else:
        found = await (output_of if kind == Ledger.OUTPUT else sales_of)(stands, mine_id, asked, actor=actor)
    known = {present, asked, *(await reads.quota_years(connection))}
    return await show_form(
        request,
        connection,
        actor,
        "ledger.html",
        columns=COLUMNS,
        typed={},
        mine_id=mine_id,
        kind=Ledger(kind),
        kinds=list(Ledger),
        year=asked,
        years=sorted(known, reverse=True)[:YEARS],
        found=found,
        lines=list(reversed(found.items))[:NEWEST],
        reserve_kinds=list(ReserveKind),
        may_fill=reach(actor, "reports.fill") is not None,
    )


@router.post("/ledgers/{mine_id}/reserves")
async def add_reserve(
    mine_id: UUID,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("reports.fill"))],
    at: Now,
) -> Response:
    """Enter what a survey has found, or what came or went otherwise."""
    body = model_of(entry_of(COLUMNS, await fields_of(request)), ReserveIn)
    await deeds.add_reserve(connection, mine_id, Reserve(**body.model_dump()), at=at, actor=actor)
    return RedirectResponse(f"/ledgers/{mine_id}/reserves", 303)
