"""Reports as of a snapshot: a mine's three ledgers, and the statistics of a county's quarter (R19, R20, E53)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel

from service.actions import reports as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep
from service.domain import assessments as quarters
from service.domain.permissions import Actor, Role, area_of
from service.domain.policies import Policies, stated
from service.domain.quotas import Figures, Node
from service.domain.reports import Reserve, ReserveKind, Snapshot, by_use, reserve_lines
from service.domain.sheets import Cell
from service.domain.units import shanghai_day, start_of
from service.routes.entries import Now, PoliciesNow
from service.routes.fields import Body, Day, DocumentNo, KilogramsIn
from service.routes.idempotency import OnceDep
from service.routes.quotas import QuotaYear
from service.sheets import MEDIA_TYPES, write_sheet
from service.store import assessments, quotas, reports

router = APIRouter(prefix="/v1/reports", tags=["reports"])

ReadsReports = Annotated[Actor, Depends(may("reports.read"))]
AsOf = Annotated[str | None, Query(max_length=40, description="a snapshot's id: the same one gives the same figures")]
Form = Annotated[Literal["json", "csv", "xlsx"], Query(alias="format")]


class ReserveIn(Body):
    """What a survey has found a mine's reserve to be, or by how much it has changed otherwise than by supplies."""

    kind: ReserveKind
    kg: KilogramsIn
    counted_on: Day
    document_no: DocumentNo


class ReserveLineOut(BaseModel):
    """A line of the ledger of reserves; `left_kg` is null until the reserve was first surveyed."""

    on: date
    kind: Literal["surveyed", "added", "written-off", "supplied"]
    change_kg: int
    left_kg: int | None
    document: str | None


class OutflowOut(BaseModel):
    """Ore that left the mine under one paper: `kg` stand of what went, `back_kg` were taken back."""

    occurred_at: datetime
    use: Literal["sale", "own-use", "without-paper"]
    document: str | None
    grade: str | None
    went_kg: int
    back_kg: int
    kg: int


class SaleOut(OutflowOut):
    """Ore that was sold; the price is for the parties and the province."""

    contract: str | None
    buyer: str | None
    price_fen_per_t: int | None


class MineTotals(BaseModel):
    """What left for what, in kilograms that stand."""

    sale_kg: int
    own_use_kg: int
    unpapered_kg: int


class ReportOut(BaseModel):
    """What all reports say of themselves: `as_of` is the snapshot that they are made of."""

    as_of: str
    taken_at: datetime
    policies: dict[str, Any]


class ReservesOut(ReportOut):
    """A mine's ledger of reserves."""

    mine_id: UUID
    mine: str
    items: list[ReserveLineOut]


class OutputOut(ReportOut):
    """A mine's ledger of ore output of a year, with its months."""

    mine_id: UUID
    mine: str
    year: int
    items: list[OutflowOut]
    months: dict[str, int]
    totals: MineTotals


class SalesOut(ReportOut):
    """A mine's ledger of sales of a year."""

    mine_id: UUID
    mine: str
    year: int
    items: list[SaleOut]
    kg: int


class MineQuarterOut(BaseModel):
    """A mine in the county's statistics: of the year so far, and of the quarter; what it has signed itself, and its score."""

    mine_id: UUID
    mine: str
    enterprise: str
    scale_kg: int
    issued_kg: int
    used_kg: int
    left_kg: int
    overdrawn_kg: int
    sale_kg: int
    own_use_kg: int
    unpapered_kg: int
    mined_kg: int | None
    closing_stock_kg: int | None
    score: int | None


class QuarterOut(ReportOut):
    """The statistics of a county's quarter."""

    code: str
    county: str
    year: int
    quarter: int
    items: list[MineQuarterOut]
    totals: dict[str, int]


HEADS = {
    "on": "日期", "kind": "类别", "change_kg": "增减（千克）", "left_kg": "结余（千克）", "document": "单据",
    "occurred_at": "时间", "use": "去向", "grade": "品级", "went_kg": "发出（千克）", "back_kg": "退回（千克）",
    "kg": "净发出（千克）", "contract": "合同", "buyer": "买方", "price_fen_per_t": "单价（分/吨）", "mine_id": "矿山标识",
    "mine": "矿山", "enterprise": "采矿权人", "scale_kg": "证载规模（千克）", "issued_kg": "本年已下达（千克）",
    "used_kg": "本年已使用（千克）", "overdrawn_kg": "超指标（千克）", "sale_kg": "本季销售（千克）",
    "own_use_kg": "本季自用（千克）", "unpapered_kg": "本季无单据（千克）", "mined_kg": "本季开采（千克）",
    "closing_stock_kg": "期末库存（千克）", "score": "测评得分",
}  # fmt: skip


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
        return await _reserves(connection, mine_id, None, policies, at=at, actor=actor)

    return await once(connection, actor, deed)


@router.get("/mines/{mine_id}/reserves", response_model=ReservesOut)
async def show_reserves(
    mine_id: UUID,
    connection: ReaderDep,
    actor: ReadsReports,
    policies: PoliciesNow,
    at: Now,
    as_of: AsOf = None,
    form: Form = "json",
) -> Any:
    """A mine's ledger of reserves: surveys, and what was supplied since, day by day (R20)."""
    found = await _reserves(connection, mine_id, as_of, policies, at=at, actor=actor)
    return await _answer(found, form, ReserveLineOut, f"reserves-{found.as_of}")


@router.get("/mines/{mine_id}/output", response_model=OutputOut)
async def show_output(
    mine_id: UUID,
    connection: ReaderDep,
    actor: ReadsReports,
    policies: PoliciesNow,
    at: Now,
    year: QuotaYear,
    as_of: AsOf = None,
    form: Form = "json",
) -> Any:
    """A mine's ledger of ore output: each load and slip of a quota year, with what it left for (R20)."""
    mine = await assessments.find_mine(connection, mine_id, actor=actor)
    past = await reports.snapshot(connection, as_of, at=at)
    gone = (await reports.outflows(connection, [mine_id], year, past)).get(mine_id, [])
    months: dict[str, int] = {}
    for one in gone:
        month = f"{shanghai_day(one.occurred_at):%Y-%m}"
        months[month] = months.get(month, 0) + one.kg
    found = OutputOut(
        mine_id=mine_id,
        mine=mine["name"],
        year=year,
        items=[OutflowOut.model_validate(_row(one)) for one in gone],
        months=months,
        totals=MineTotals(**by_use(gone)),
        **_said(past, policies, "carry_quarters", "carry_years"),
    )
    return await _answer(found, form, OutflowOut, f"output-{year}-{found.as_of}")


@router.get("/mines/{mine_id}/sales", response_model=SalesOut)
async def show_sales(
    mine_id: UUID,
    connection: ReaderDep,
    actor: ReadsReports,
    policies: PoliciesNow,
    at: Now,
    year: QuotaYear,
    as_of: AsOf = None,
    form: Form = "json",
) -> Any:
    """A mine's ledger of sales: each load of a quota year under a contract, with its buyer (R20)."""
    mine = await assessments.find_mine(connection, mine_id, actor=actor)
    past = await reports.snapshot(connection, as_of, at=at)
    gone = [one for one in (await reports.outflows(connection, [mine_id], year, past)).get(mine_id, []) if one.contract]
    sees_prices = actor.enterprise_id is not None or actor.role is Role.PROVINCE
    contracts = {one.contract_id for one in gone if one.contract_id}
    prices = await reports.prices(connection, contracts, past) if sees_prices else {}
    found = SalesOut(
        mine_id=mine_id,
        mine=mine["name"],
        year=year,
        items=[
            SaleOut.model_validate(_row(one) | {"price_fen_per_t": prices.get(one.contract_id or mine_id)})
            for one in gone
        ],
        kg=sum(one.kg for one in gone),
        **_said(past, policies, "carry_years", "filing_days"),
    )
    return await _answer(found, form, SaleOut, f"sales-{year}-{found.as_of}")


@router.get("/counties/{code}/quarter", response_model=QuarterOut)
async def show_quarter(
    code: str,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("statistics.read"))],
    policies: PoliciesNow,
    at: Now,
    year: QuotaYear,
    quarter: Annotated[int, Query(ge=1, le=4)],
    as_of: AsOf = None,
    form: Form = "json",
) -> Any:
    """The statistics of a county's quarter, mine by mine: what it sends to the city by the 5th (R19)."""
    county = await reports.find_county(connection, code, actor=actor)
    past = await reports.snapshot(connection, as_of, at=at)
    moment = quotas.Moment(past.at, past.size)
    tree = await quotas.tree(connection, year, None, area=area_of(code), enterprise_id=None, past=moment, at=at)
    holdings = {holding.id: holding for holding in _holdings(tree)}
    mines = await reports.mines_of(connection, code, past)
    ids = [mine["id"] for mine in mines]
    gone = await reports.outflows(connection, ids, year, past)
    forms = await reports.signed_forms(connection, ids, year, quarter, past)
    scores = await reports.scores(connection, ids, year, quarter, past)
    began, ended = start_of(quarters.starts_on(year, quarter)), quarters.ends_at(year, quarter)
    items = []
    for mine in mines:
        holding = holdings.get(mine["id"])
        figures = holding.figures if holding else Figures()
        said = forms.get(mine["id"], {})
        items.append(
            MineQuarterOut(
                mine_id=mine["id"],
                mine=mine["name"],
                enterprise=mine["enterprise"],
                scale_kg=mine["licence_scale_kg"],
                issued_kg=figures.issued_kg,
                used_kg=figures.out_kg,
                left_kg=figures.issued_kg - figures.out_kg,
                overdrawn_kg=holding.overdrawn_kg if holding else 0,
                mined_kg=said.get("mined_kg"),
                closing_stock_kg=said.get("closing_stock_kg"),
                score=scores.get(mine["id"]),
                **by_use(one for one in gone.get(mine["id"], ()) if began <= one.occurred_at < ended),
            )
        )
    totals = {
        name: sum(getattr(item, name) for item in items)
        for name in ("issued_kg", "used_kg", "overdrawn_kg", "sale_kg", "own_use_kg", "unpapered_kg")
    }
    found = QuarterOut(
        code=code,
        county=county["name"],
        year=year,
        quarter=quarter,
        items=items,
        totals=totals,
        **_said(past, policies, "carry_quarters", "year_ceiling", "score_formula", "sheet_gate"),
    )
    return await _answer(found, form, MineQuarterOut, f"{code}-{year}-Q{quarter}-{found.as_of}")


async def _reserves(
    connection: Connection, mine_id: UUID, as_of: str | None, policies: Policies, *, at: datetime, actor: Actor
) -> ReservesOut:
    mine = await assessments.find_mine(connection, mine_id, actor=actor)
    past = await reports.snapshot(connection, as_of, at=at)
    said = await reports.reserves(connection, mine_id, past)
    lines = reserve_lines(said, await reports.supplied_by_day(connection, mine_id, past))
    items = [ReserveLineOut.model_validate(line, from_attributes=True) for line in lines]
    return ReservesOut(mine_id=mine_id, mine=mine["name"], items=items, **_said(past, policies, "carry_years"))


def _row(one: Any) -> dict[str, Any]:
    names = ("occurred_at", "use", "document", "contract", "buyer", "grade", "went_kg", "back_kg", "kg")
    return {name: getattr(one, name) for name in names}


def _said(past: Snapshot, policies: Policies, *names: str) -> dict[str, Any]:
    """The snapshot, and the policies in force on its day, which the figures depend on."""
    then = policies.on(shanghai_day(past.at))
    return {"as_of": str(past), "taken_at": past.at, "policies": stated(then, *names)}


def _holdings(node: Node) -> Sequence[Any]:
    return [*node.holdings, *(one for child in node.children for one in _holdings(child))]


async def _answer(found: Any, form: str, item: type[BaseModel], name: str) -> Any:
    """A report as JSON, or its lines as a table; the last lines of the table say which snapshot and policies they are of."""
    if form == "json":
        return found
    fields = list(item.model_fields)
    rows: list[list[Cell]] = [[_cell(getattr(line, field)) for field in fields] for line in found.items]
    rows += [[], ["as_of", found.as_of], *([policy, str(value)] for policy, value in found.policies.items())]
    content = await write_sheet(form, [f"{HEADS.get(field, '')} {field}".strip() for field in fields], rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)


def _cell(value: Any) -> Cell:
    return str(value) if isinstance(value, UUID) else value
