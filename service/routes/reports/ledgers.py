"""A mine's three ledgers: reserves, ore output, sales (R20)."""

from collections import Counter
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from service.actions import reports as deeds
from service.auth import may
from service.db import ConnectionDep
from service.domain.permissions import Actor, Role
from service.domain.reports import Reserve, by_use, reserve_lines
from service.domain.units import shanghai_day
from service.routes.entries import Now, PoliciesNow
from service.routes.idempotency import OnceDep
from service.routes.quotas import QuotaYear
from service.routes.reports.bodies import (
    MineTotals,
    OutflowOut,
    OutputOut,
    ReserveIn,
    ReserveLineOut,
    ReservesOut,
    SaleOut,
    SalesOut,
)
from service.routes.reports.standing import Form, Ground, GroundDep, answer, ground
from service.store import assessments, reports

router = APIRouter()

ReadsReports = Annotated[Actor, Depends(may("reports.read"))]


@router.post("/mines/{mine_id}/reserves", status_code=201, response_model=ReservesOut)
async def add_reserve(
    mine_id: UUID,
    body: ReserveIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("reports.fill"))],
    policies: PoliciesNow,
    once: OnceDep,
    at: Now,
) -> Response:
    """Enter what a survey has found, or what came or went otherwise."""

    async def deed() -> ReservesOut:
        await deeds.add_reserve(connection, mine_id, Reserve(**body.model_dump()), at=at, actor=actor)
        return await reserves_of(await ground(connection, policies, at), mine_id, actor=actor)

    return await once(connection, actor, deed)


@router.get("/mines/{mine_id}/reserves", response_model=ReservesOut)
async def show_reserves(mine_id: UUID, actor: ReadsReports, stands: GroundDep, form: Form = "json") -> Any:
    """A mine's ledger of reserves: surveys, and what was supplied since, day by day (R20)."""
    return await answer(await reserves_of(stands, mine_id, actor=actor), form, ReserveLineOut, "reserves")


@router.get("/mines/{mine_id}/output", response_model=OutputOut)
async def show_output(
    mine_id: UUID, actor: ReadsReports, stands: GroundDep, year: QuotaYear, form: Form = "json"
) -> Any:
    """A mine's ledger of ore output: each load and slip of a quota year, with what it left for (R20)."""
    return await answer(await output_of(stands, mine_id, year, actor=actor), form, OutflowOut, f"output-{year}")


@router.get("/mines/{mine_id}/sales", response_model=SalesOut)
async def show_sales(
    mine_id: UUID, actor: ReadsReports, stands: GroundDep, year: QuotaYear, form: Form = "json"
) -> Any:
    """A mine's ledger of sales: each load of a quota year under a contract, with its buyer (R20)."""
    return await answer(await sales_of(stands, mine_id, year, actor=actor), form, SaleOut, f"sales-{year}")


async def reserves_of(stands: Ground, mine_id: UUID, *, actor: Actor) -> ReservesOut:
    """The ledger of reserves of a mine that the actor may see; raises NotFound."""
    mine = await assessments.find_mine(stands.connection, mine_id, actor=actor)
    said = await reports.reserves(stands.connection, mine_id, stands.past)
    lines = reserve_lines(said, await reports.supplied_by_day(stands.connection, mine_id, stands.past))
    items = [ReserveLineOut.model_validate(line, from_attributes=True) for line in lines]
    return ReservesOut(mine_id=mine_id, mine=mine["name"], items=items, **stands.said("carry_years"))


async def output_of(stands: Ground, mine_id: UUID, year: int, *, actor: Actor) -> OutputOut:
    """The ledger of ore output of a mine that the actor may see; raises NotFound."""
    mine = await assessments.find_mine(stands.connection, mine_id, actor=actor)
    gone = (await reports.outflows(stands.connection, [mine_id], year, stands.past)).get(mine_id, [])
    months: Counter[str] = Counter()
    for one in gone:
        months[f"{shanghai_day(one.occurred_at):%Y-%m}"] += one.kg
    return OutputOut(
        mine_id=mine_id,
        mine=mine["name"],
        year=year,
        items=[OutflowOut.model_validate(one, from_attributes=True) for one in gone],
        months=dict(months),
        totals=MineTotals(**by_use(gone)),
        **stands.said("carry_quarters", "carry_years"),
    )


async def sales_of(stands: Ground, mine_id: UUID, year: int, *, actor: Actor) -> SalesOut:
    """The ledger of sales of a mine that the actor may see; prices are for the parties and the province."""
    mine = await assessments.find_mine(stands.connection, mine_id, actor=actor)
    gone = (await reports.outflows(stands.connection, [mine_id], year, stands.past)).get(mine_id, [])
    sold = [one for one in gone if one.contract]
    sees_prices = actor.enterprise_id is not None or actor.role is Role.PROVINCE
    contracts = {one.contract_id for one in sold if one.contract_id}
    prices = await reports.prices(stands.connection, contracts, stands.past) if sees_prices else {}
    items = []
    for one in sold:
        told = OutflowOut.model_validate(one, from_attributes=True).model_dump()
        price = prices.get(one.contract_id) if one.contract_id else None
        items.append(SaleOut(**told, contract=one.contract, buyer=one.buyer, price_fen_per_t=price))
    return SalesOut(
        mine_id=mine_id,
        mine=mine["name"],
        year=year,
        items=items,
        kg=sum(one.kg for one in sold),
        **stands.said("carry_years", "filing_days"),
    )
