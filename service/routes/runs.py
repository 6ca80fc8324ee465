"""Runs of plants: ore in, products out (P02)."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from service.actions import runs as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep, Record
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.runs import Input, Output, OutputKind, Run
from service.keys import Purpose
from service.routes.entries import OF_THE_PAST
from service.routes.fields import AsOf, Body, Day, DocumentNo, Grade, KilogramsIn, Reason, UuidText
from service.routes.idempotency import Answer, OnceDep
from service.store import provenance, runs
from service.store.provenance import Moment

router = APIRouter(prefix="/v1/runs", tags=["runs"])


class InputIn(Body):
    """Kilograms of a lot that went into the line."""

    lot_id: UuidText
    kg: KilogramsIn


class OutputIn(Body):
    """What came out; `ore_kg` says what ore stands behind it, for all outputs or for none."""

    kind: OutputKind
    name: Grade
    kg: KilogramsIn
    ore_kg: KilogramsIn | None = None


class RunIn(Body):
    """A run as its firm files it; without `lost_kg` what is missing of a flotation's mass is lost, of a kiln's ore nothing."""

    number: DocumentNo
    line_id: UuidText
    ran_on: Day
    inputs: Annotated[list[InputIn], Field(min_length=1, max_length=200)]
    outputs: Annotated[list[OutputIn], Field(min_length=1, max_length=20)]
    lost_kg: KilogramsIn | None = None

    def run(self, enterprise_id: UUID) -> Run:
        """The run of a firm."""
        return Run(
            self.number,
            enterprise_id,
            self.line_id,
            self.ran_on,
            tuple(Input(part.lot_id, part.kg) for part in self.inputs),
            tuple(Output(part.kind, part.name, part.kg, part.ore_kg) for part in self.outputs),
            self.lost_kg,
        )


class InputOut(BaseModel):
    """Kilograms of a lot that went in."""

    lot_id: UUID
    kg: int


class OutputOut(BaseModel):
    """What came out, as the lot that it is now; `gained_kg` of it have no ore behind them."""

    lot_id: UUID
    kind: OutputKind
    name: str
    kg: int
    ore_kg: int
    gained_kg: int


class RunOut(BaseModel):
    """A run: in = Σ ore behind the outputs + lost, to the kilogram; `burnt_off_kg` is the ore that the kiln made nothing of.

    `ore_per_product` is what the line is registered with (in its version `line_version`), `actual_ore_per_product` what
    this run needed; the two may differ by the share `yield_band`.
    """

    id: UUID
    number: str
    enterprise_id: UUID
    enterprise: str
    line_id: UUID
    line: str
    line_version: int
    ran_on: date
    in_kg: int
    lost_kg: int
    burnt_off_kg: int
    ore_per_product: float
    actual_ore_per_product: float | None
    yield_band: float
    inputs: list[InputOut]
    outputs: list[OutputOut]
    flags: list[str]
    filed_at: datetime
    voided_at: datetime | None
    void_reason: str | None

    @classmethod
    def of(cls, row: Record | dict[str, Any], yield_band: float) -> "RunOut":
        """A run's row as clients see it."""
        outputs = [OutputOut.model_validate(output) for output in row["outputs"]]
        product_kg = sum(output.kg for output in outputs if output.kind is OutputKind.PRODUCT)
        return cls.model_validate(
            {
                **row,
                "outputs": outputs,
                "burnt_off_kg": sum(max(0, output.ore_kg - output.kg) for output in outputs),
                "actual_ore_per_product": round(row["in_kg"] / product_kg, 4) if product_kg else None,
                "yield_band": yield_band,
            }
        )


class RunsOut(BaseModel):
    """A page of runs, newest first."""

    items: list[RunOut]
    next: UUID | None


class VoidIn(Body):
    """Why a run does not stand."""

    reason: Reason


@router.post("", status_code=201, response_model=RunOut)
async def file_run(
    body: RunIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("runs.file"))],
) -> Response:
    """File what a line made of some lots: 201, or 200 when the same run was filed before."""
    state = request.app.state

    async def deed() -> Answer:
        if actor.enterprise_id is None:
            raise NotFound
        run_id, is_new = await deeds.file_run(
            connection,
            body.run(actor.enterprise_id),
            at=state.clock.now(),
            sign=state.keys.current(Purpose.LEDGER),
            policies=await state.rulebook.policies(state.clock.now()),
            actor=actor,
        )
        return Answer(await _one(connection, run_id, request, actor=actor), 201 if is_new else 200)

    return await once(connection, actor, deed)


@router.get("")
async def list_runs(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("runs.read"))],
    line_id: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> RunsOut:
    """The runs of the office's area or of the enterprise, newest first."""
    rows = await runs.list_runs(connection, line_id=line_id, after=after, limit=limit, actor=actor)
    band = await _band(request)
    items = [RunOut.of(row, band) for row in rows]
    return RunsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{run_id}", dependencies=OF_THE_PAST)
async def get_run(
    run_id: UUID,
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("runs.read"))],
    as_of: AsOf = None,
) -> RunOut:
    """One run, now or as it stood then."""
    return await _one(connection, run_id, request, await provenance.moment(connection, as_of), actor=actor)


@router.post("/{run_id}/void", response_model=RunOut)
async def void_run(
    run_id: UUID,
    body: VoidIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("runs.file"))],
) -> Response:
    """Take a run back as a whole, with a reason; file it anew under another number."""
    state = request.app.state

    async def deed() -> RunOut:
        await deeds.void_run(
            connection,
            run_id,
            body.reason,
            at=state.clock.now(),
            sign=state.keys.current(Purpose.LEDGER),
            policies=await state.rulebook.policies(state.clock.now()),
            actor=actor,
        )
        return await _one(connection, run_id, request, actor=actor)

    return await once(connection, actor, deed, status=200)


async def _one(
    connection: Connection, run_id: UUID, request: Request, past: Moment | None = None, *, actor: Actor
) -> RunOut:
    row = await runs.find_run(connection, run_id, past, actor=actor)
    if row is None:
        raise NotFound
    return RunOut.of(row, await _band(request, past))


async def _band(request: Request, past: Moment | None = None) -> float:
    state = request.app.state
    policies = await state.rulebook.policies(past.at if past else state.clock.now())
    return float(policies.yield_band_share)
