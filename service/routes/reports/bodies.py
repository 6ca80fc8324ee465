"""What reports say: ledgers of mines, and the quarter of a county."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel

from service.domain.reports import ReserveKind
from service.routes.fields import Body, Day, DocumentNo, KilogramsIn


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


HEADS: Final[Mapping[str, str]] = {
    "on": "日期", "kind": "类别", "change_kg": "增减（千克）", "left_kg": "结余（千克）", "document": "单据",
    "occurred_at": "时间", "use": "去向", "grade": "品级", "went_kg": "发出（千克）", "back_kg": "退回或冲正（千克）",
    "kg": "净发出（千克）", "contract": "合同", "buyer": "买方", "price_fen_per_t": "单价（分/吨）", "mine_id": "矿山标识",
    "mine": "矿山", "enterprise": "采矿权人", "scale_kg": "证载规模（千克）", "issued_kg": "本年已下达（千克）",
    "used_kg": "本年已使用（千克）", "overdrawn_kg": "超指标（千克）", "sale_kg": "本季销售（千克）",
    "own_use_kg": "本季自用（千克）", "unpapered_kg": "本季无单据（千克）", "mined_kg": "本季开采（千克）",
    "closing_stock_kg": "期末库存（千克）", "score": "测评得分",
}  # fmt: skip
"""What the columns of tables are called."""
