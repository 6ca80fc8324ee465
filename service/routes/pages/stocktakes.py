"""Stocktakes for people: what holders counted of their lots, and what the offices decided about the differences."""

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import stocktakes as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.permissions import Actor, reach
from service.domain.policies import stated
from service.domain.sheets import CellKind, Column
from service.domain.stocktakes import Stocktake, StocktakeState
from service.keys import Purpose
from service.routes import lots, stocktakes
from service.routes.entries import PoliciesNow
from service.routes.pages.pages import show
from service.routes.pages.returned import back_to, stands_on
from service.routes.pages.typed import entry_of, fields_of, model_of, show_form
from service.routes.stocktakes import StocktakeIn
from service.store import lots as held

router = APIRouter()

PAGE = 50
LOTS_SHOWN = 500
ReadsStocktakes = Annotated[Actor, Depends(may("stocktakes.read"))]
FilesStocktakes = Annotated[Actor, Depends(may("stocktakes.file"))]
COLUMNS: Final = (
    Column("lot_id", "矿石批", "lot", is_required=True),
    Column("counted_kg", "实盘数量（吨）", "counted (t)", CellKind.TONNES, True),
    Column("counted_on", "盘点日期", "counted on", CellKind.DAY, True),
    Column("reason", "差异原因", "reason of the difference", is_required=True),
    Column("document_no", "盘点表编号", "number of the count sheet", is_required=True),
)


@router.get("/stocktakes")
async def list_stocktakes(
    request: Request,
    connection: ReaderDep,
    actor: ReadsStocktakes,
    policies: PoliciesNow,
    state: str = "",
    after: UUID | None = None,
) -> Response:
    """Stocktakes, newest first; those that wait carry the office's decision."""
    chosen = StocktakeState(state) if state in set(StocktakeState) else None
    page = await stocktakes.list_stocktakes(connection, actor, state=chosen, after=after, limit=PAGE)
    ids = [one.lot_id for one in page.items]
    return await show(
        request,
        connection,
        actor,
        "stocktakes.html",
        rows=page.items,
        lots={row["id"]: row for row in await held.list_lots(connection, ids=ids, limit=PAGE, actor=actor)},
        state=chosen,
        states=list(StocktakeState),
        following=page.next,
        values=stated(policies, "stocktake_cap_share"),
        may_decide=reach(actor, "stocktakes.decide") is not None,
    )


@router.get("/stocktakes/new")
async def begin_stocktake(
    request: Request, connection: ReaderDep, actor: FilesStocktakes, lot: UUID | None = None
) -> Response:
    """An empty form with the firm's lots."""
    page = await lots.list_lots(connection, actor, holder=actor.enterprise_id, limit=LOTS_SHOWN)
    return await show_form(
        request,
        connection,
        actor,
        "stocktake_form.html",
        columns=COLUMNS,
        typed={"lot_id": str(lot or "")},
        lots=page.items,
    )


@router.post("/stocktakes/new")
async def file_stocktake(request: Request, connection: ConnectionDep, actor: FilesStocktakes) -> Response:
    """File what was counted of an own lot."""
    body = model_of(entry_of(COLUMNS, await fields_of(request)), StocktakeIn)
    at = request.app.state.clock.now()
    await deeds.file_stocktake(connection, Stocktake(**body.model_dump()), at=at, actor=actor)
    return RedirectResponse("/stocktakes", 303)


@router.post("/stocktakes/{stocktake_id}/decide", dependencies=[stands_on("/stocktakes")])
async def decide_stocktake(
    stocktake_id: UUID,
    decision: Annotated[Literal["approve", "refuse"], Form()],
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("stocktakes.decide"))],
    policies: PoliciesNow,
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Post the difference, or leave the book as it is."""
    app = request.app.state
    state = StocktakeState.APPROVED if decision == "approve" else StocktakeState.REFUSED
    sign, at = app.keys.current(Purpose.LEDGER), app.clock.now()
    said = note.strip() or None
    await deeds.decide_stocktake(
        connection, stocktake_id, state, said, at=at, sign=sign, policies=policies, actor=actor
    )
    return back_to(request, "/stocktakes")
