"""Scores of mines' quarters: reported by the county, read by all whom they concern."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from service.actions import assessments as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.assessments import Scored, suggested_kg
from service.domain.permissions import Actor
from service.domain.policies import stated
from service.domain.refusals import NotFound
from service.domain.units import Kilograms
from service.routes.entries import Now, PoliciesNow
from service.routes.fields import Body, DocumentNo, Flag, Instant, Quarter, UuidText, Year
from service.routes.idempotency import OnceDep
from service.store import assessments
from service.store import pages as reads

router = APIRouter(prefix="/v1", tags=["assessments"])
ReadsAssessments = Annotated[Actor, Depends(may("assessments.read"))]


class AssessmentIn(Body):
    """A mine's score of a quarter, of a hundred; facts after the cut-off belong to the next sheet."""

    mine_id: UuidText
    year: Year
    quarter: Quarter
    score: Annotated[int, Field(ge=0, le=100, strict=True)]
    is_vetoed: Flag = False
    cut_off: Instant
    document_no: DocumentNo


class AssessmentOut(BaseModel):
    """A reported score; of several versions the last counts."""

    id: UUID
    mine_id: UUID
    year: int
    quarter: int
    version: int
    score: int
    is_vetoed: bool
    cut_off: datetime
    document_no: str
    due_on: date
    days_late: int
    reported_at: datetime


class AssessmentsOut(BaseModel):
    """Scores, newest quarter first."""

    items: list[AssessmentOut]
    next: None = None


class MeritOut(BaseModel):
    """What last quarter's score suggests as a quarter's merit tranche; null without a score."""

    mine_id: UUID
    year: int
    quarter: int
    suggested_kg: int | None
    policies: dict[str, Any]


@router.post("/assessments", status_code=201, response_model=AssessmentOut)
async def report_score(
    body: AssessmentIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("assessments.report"))],
    policies: PoliciesNow,
    once: OnceDep,
    at: Now,
) -> Response:
    """Report a mine's score of a quarter (R18); the sheet behind it is the county's."""

    async def deed() -> AssessmentOut:
        said = body.model_dump(exclude={"score", "is_vetoed"})
        scored = Scored(body.score, body.is_vetoed)
        made = await deeds.report_score(connection, **said, scored=scored, policies=policies, at=at, actor=actor)
        rows = await assessments.list_assessments(connection, mine_id=body.mine_id, limit=500, actor=actor)
        return next(AssessmentOut.model_validate(dict(row)) for row in rows if row["id"] == made)

    return await once(connection, actor, deed)


@router.get("/assessments")
async def list_assessments(
    connection: ReaderDep,
    actor: ReadsAssessments,
    mine_id: UUID | None = None,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    quarter: Annotated[int | None, Query(ge=1, le=4)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> AssessmentsOut:
    """The scores that the actor may know of."""
    rows = await assessments.list_assessments(
        connection, mine_id=mine_id, year=year, quarter=quarter, limit=limit, actor=actor
    )
    return AssessmentsOut(items=[AssessmentOut.model_validate(dict(row)) for row in rows])


@router.get("/mines/{mine_id}/merit")
async def suggest_merit(
    mine_id: UUID,
    connection: ReaderDep,
    actor: ReadsAssessments,
    policies: PoliciesNow,
    year: Annotated[int, Query(ge=2000, le=2100)],
    quarter: Annotated[int, Query(ge=1, le=4)],
) -> MeritOut:
    """What last quarter's score suggests as a mine's merit tranche of a quarter (R11)."""
    mines = await reads.list_mines(connection, mine_id, actor=actor)
    if not mines:
        raise NotFound
    sheets = await assessments.sheets_of(connection, mine_id)
    scale_kg = Kilograms(mines[0]["licence_scale_kg"])
    return MeritOut(
        mine_id=mine_id,
        year=year,
        quarter=quarter,
        suggested_kg=suggested_kg(sheets, (year, quarter), scale_kg, policies),
        policies=stated(policies, "merit_table", "merit_share"),
    )
