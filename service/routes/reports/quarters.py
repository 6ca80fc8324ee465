"""The statistics of a county's quarter, mine by mine: what it sends to the city by the 5th (R19)."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query

from service.auth import may
from service.domain import assessments as quarters
from service.domain.permissions import Actor, area_of
from service.domain.quotas import Figures, Holding, Node
from service.domain.units import start_of
from service.routes.entries import Now
from service.routes.quotas import QuotaYear
from service.routes.reports.bodies import MineQuarterOut, QuarterOut
from service.routes.reports.standing import Form, Ground, GroundDep, answer
from service.store import provenance, quotas, reports

router = APIRouter()

SUMMED: Final = ("issued_kg", "used_kg", "overdrawn_kg", "sale_kg", "own_use_kg", "unpapered_kg")


@router.get("/counties/{code}/quarter", response_model=QuarterOut)
async def show_quarter(
    code: str,
    actor: Annotated[Actor, Depends(may("statistics.read"))],
    stands: GroundDep,
    at: Now,
    year: QuotaYear,
    quarter: Annotated[int, Query(ge=1, le=4)],
    form: Form = "json",
) -> Any:
    """The statistics of a county's quarter, mine by mine: what it sends to the city by the 5th (R19)."""
    found = await quarter_of(stands, code, year, quarter, at=at, actor=actor)
    return await answer(found, form, MineQuarterOut, f"{code}-{year}-Q{quarter}")


async def quarter_of(stands: Ground, code: str, year: int, quarter: int, *, at: Now, actor: Actor) -> QuarterOut:
    """The quarter of a county of the actor's area; raises NotFound."""
    connection, past = stands.connection, stands.past
    county = await reports.find_county(connection, code, actor=actor)
    mines = await reports.mines_of(connection, code, past)
    ids = [mine["id"] for mine in mines]
    moment = provenance.Moment(past.at, past.size)
    tree = await quotas.tree(connection, year, None, area=area_of(code), enterprise_id=None, past=moment, at=at)
    holdings = {holding.id: holding for holding in _holdings(tree)}
    forms = await reports.signed_forms(connection, ids, year, quarter, past)
    scores = await reports.scores(connection, ids, year, quarter, past)
    began, ended = start_of(quarters.starts_on(year, quarter)), quarters.ends_at(year, quarter)
    used = await reports.uses(connection, ids, year, began, ended, past)
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
                **used[mine["id"]],
            )
        )
    return QuarterOut(
        code=code,
        county=county["name"],
        year=year,
        quarter=quarter,
        items=items,
        totals={name: sum(getattr(item, name) for item in items) for name in SUMMED},
        **stands.said("carry_quarters", "year_ceiling", "score_formula", "sheet_gate"),
    )


def _holdings(node: Node) -> Iterator[Holding]:
    yield from node.holdings
    for child in node.children:
        yield from _holdings(child)
