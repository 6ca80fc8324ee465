"""The statistics of a county's quarter, mine by mine: what it sends to the city by the 5th (R19)."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query

from service.auth import may
from service.domain import assessments as quarters
from service.domain.permissions import Actor
from service.domain.units import start_of
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
    year: QuotaYear,
    quarter: Annotated[int, Query(ge=1, le=4)],
    form: Form = "json",
) -> Any:
    """The statistics of a county's quarter, mine by mine: what it sends to the city by the 5th (R19)."""
    found = await quarter_of(stands, code, year, quarter, actor=actor)
    return await answer(found, form, MineQuarterOut, f"{code}-{year}-Q{quarter}")


async def quarter_of(stands: Ground, code: str, year: int, quarter: int, *, actor: Actor) -> QuarterOut:
    """The quarter of a county of the actor's area; raises NotFound."""
    connection, past = stands.connection, stands.past
    county = await reports.find_county(connection, code, actor=actor)
    mines = await reports.mines_of(connection, code, past)
    ids = [mine["id"] for mine in mines]
    moment = provenance.Moment(past.at, past.size)
    drawn = await quotas.drawn(connection, ids, year, moment)
    forms = await reports.signed_forms(connection, ids, year, quarter, past)
    scores = await reports.scores(connection, ids, year, quarter, past)
    began, ended = start_of(quarters.starts_on(year, quarter)), quarters.ends_at(year, quarter)
    used = await reports.uses(connection, ids, year, began, ended, past)
    items = []
    for mine in mines:
        figures, overdrawn_kg = drawn[mine["id"]]
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
                overdrawn_kg=overdrawn_kg,
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
