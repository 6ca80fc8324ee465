"""Production runs for people: what plants made of which lots, filing one, and taking one back."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import runs as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep
from service.domain.permissions import Actor, reach
from service.domain.refusals import NotFound
from service.domain.runs import OutputKind
from service.domain.sheets import CellKind, Column
from service.keys import Purpose
from service.routes import lots, runs
from service.routes.fields import Reason
from service.routes.lots import LotOut
from service.routes.pages.looks import Looks
from service.routes.pages.pages import show
from service.routes.pages.returned import stands_on
from service.routes.pages.typed import entry_of, fields_of, model_of, show_form
from service.routes.runs import RunIn
from service.store import bulk
from service.store import lots as held

router = APIRouter()

PAGE = 50
LOTS_SHOWN = 100
OUTPUTS: Final = range(1, 7)
# What the trade calls what comes out of its lines; other names are taken as they are typed.
PRODUCTS: Final = ("轻烧氧化镁", "重烧镁砂", "中档镁砂", "电熔镁砂", "菱镁精矿", "除尘粉", "尾矿")
ReadsRuns = Annotated[Actor, Depends(may("runs.read"))]
FilesRuns = Annotated[Actor, Depends(may("runs.file"))]
HEAD: Final = (
    Column("number", "加工记录编号", "number of the run", is_required=True),
    Column("line_id", "生产线", "line", is_required=True),
    Column("ran_on", "加工日期", "run on", CellKind.DAY, True),
    Column("lost_kg", "损耗（吨）", "lost (t)", CellKind.TONNES),
)
MADE: Final = tuple(
    column
    for place in OUTPUTS
    for column in (
        Column(f"kind-{place}", f"产出 {place} 类别", f"kind of output {place}"),
        Column(f"name-{place}", f"产出 {place} 名称", f"name of output {place}"),
        Column(f"kg-{place}", f"产出 {place}（吨）", f"output {place} (t)", CellKind.TONNES),
        Column(f"ore_kg-{place}", f"产出 {place} 用矿（吨）", f"ore behind output {place} (t)", CellKind.TONNES),
    )
)


@router.get("/runs")
async def list_runs(request: Request, connection: ReaderDep, actor: ReadsRuns, after: UUID | None = None) -> Response:
    """Runs, newest first."""
    page = await runs.list_runs(request, connection, actor, after=after, limit=PAGE)
    return await show(request, connection, actor, "runs.html", rows=page.items, following=page.next)


@router.get("/runs/new")
async def begin_run(request: Request, connection: ReaderDep, actor: FilesRuns) -> Response:
    """An empty form with the firm's lines and lots."""
    assert actor.enterprise_id is not None, "only firms file"
    own = await _free_lots(connection, actor)
    return await show_form(
        request,
        connection,
        actor,
        "run_form.html",
        columns=(*HEAD, *_taken(own), *MADE),
        typed={},
        head=HEAD,
        lots=own,
        lines=await bulk.own_lines(connection, actor.enterprise_id),
        kinds=list(OutputKind),
        products=PRODUCTS,
        outputs=OUTPUTS,
    )


@router.post("/runs/new")
async def file_run(request: Request, connection: ConnectionDep, actor: FilesRuns) -> Response:
    """File what a line made of some lots."""
    firm = actor.enterprise_id
    if firm is None:
        raise NotFound
    sent = entry_of((*HEAD, *_taken(await _free_lots(connection, actor)), *MADE), await fields_of(request))
    sent.entries[0].said = _as_told(sent.entries[0].said)
    body = model_of(sent, RunIn)
    state = request.app.state
    at = state.clock.now()
    run_id, _ = await deeds.file_run(
        connection,
        body.run(firm),
        at=at,
        sign=state.keys.current(Purpose.LEDGER),
        policies=await state.rulebook.policies(at),
        actor=actor,
    )
    return RedirectResponse(f"/runs/{run_id}", 303)


@router.get("/runs/{run_id}")
async def show_run(run_id: UUID, request: Request, connection: ReaderDep, actor: ReadsRuns, look: Looks) -> Response:
    """One run: what went in, what came out, what was lost; now or as it stood then."""
    run = await runs.get_run(run_id, request, connection, actor, look.at)
    ids = [part.lot_id for part in run.inputs]
    return await show(
        request,
        connection,
        actor,
        "run.html",
        run=run,
        lots={row["id"]: row for row in await held.list_lots(connection, ids=ids, limit=len(ids), actor=actor)},
        may_void=reach(actor, "runs.file") is not None and run.voided_at is None and look.at is None,
    )


@router.post("/runs/{run_id}/void", dependencies=[stands_on("/runs/{run_id}")])
async def void_run(
    run_id: UUID, reason: Annotated[Reason, Form()], request: Request, connection: ConnectionDep, actor: FilesRuns
) -> Response:
    """Take a run back as a whole."""
    state = request.app.state
    sign, at = state.keys.current(Purpose.LEDGER), state.clock.now()
    policies = await state.rulebook.policies(at)
    await deeds.void_run(connection, run_id, reason, at=at, sign=sign, policies=policies, actor=actor)
    return RedirectResponse(f"/runs/{run_id}", 303)


async def _free_lots(connection: Connection, actor: Actor) -> list[LotOut]:
    page = await lots.list_lots(connection, actor, holder=actor.enterprise_id, limit=LOTS_SHOWN)
    return [lot for lot in page.items if lot.available_kg > 0]


def _taken(own: Sequence[LotOut]) -> list[Column]:
    """A column for what went in of each lot."""
    return [
        Column(
            f"lot:{lot.id}", f"{lot.document.number} 投料（吨）", f"taken of {lot.document.number} (t)", CellKind.TONNES
        )
        for lot in own
    ]


def _as_told(said: Mapping[str, Any]) -> dict[str, Any]:
    """What the form says, as the API takes it: a row of the form that is left empty says nothing."""
    head = {column.field: said[column.field] for column in HEAD if column.field in said}
    inputs = [
        {"lot_id": field.removeprefix("lot:"), "kg": kg} for field, kg in said.items() if field.startswith("lot:")
    ]
    outputs = [
        {name: said[f"{name}-{place}"] for name in ("kind", "name", "kg", "ore_kg") if f"{name}-{place}" in said}
        for place in OUTPUTS
        if f"kg-{place}" in said or f"name-{place}" in said
    ]
    return {**head, "inputs": inputs, "outputs": outputs}
