"""Scoring sheets of mines (监管测评表): drafted from what the service knows, completed, signed off."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from service.actions import assessments as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain import assessments as rules
from service.domain.assessments import Entry
from service.domain.permissions import Actor
from service.domain.policies import stated
from service.domain.refusals import NotFound
from service.domain.units import Kilograms
from service.routes.assessments.bodies import (
    AssessmentIn,
    AssessmentOut,
    AssessmentsOut,
    EntriesIn,
    MeritOut,
    SignIn,
    VetoesOut,
    VetoIn,
    VetoOut,
)
from service.routes.assessments.shown import one, shown
from service.routes.entries import After, Limit, Now, PoliciesNow
from service.routes.idempotency import Answer, OnceDep
from service.store import assessments
from service.store import pages as reads

router = APIRouter(prefix="/v1/assessments", tags=["assessments"])
merit_router = APIRouter(tags=["assessments"])

ReadsSheets = Annotated[Actor, Depends(may("assessments.read"))]
FillsSheets = Annotated[Actor, Depends(may("assessments.fill"))]


@router.post("", status_code=201, response_model=AssessmentOut)
async def draw_sheet(
    body: AssessmentIn, connection: ConnectionDep, actor: FillsSheets, policies: PoliciesNow, once: OnceDep, at: Now
) -> Response:
    """Draft a sheet: 201; or read what the service knows into its draft anew: 200."""

    async def deed() -> Answer:
        assessment_id, is_new = await deeds.draw(connection, body.mine_id, body.year, body.quarter, at=at, actor=actor)
        return Answer(await one(connection, assessment_id, policies, at=at, actor=actor), 201 if is_new else 200)

    return await once(connection, actor, deed)


@router.get("")
async def list_sheets(
    connection: ReaderDep,
    actor: ReadsSheets,
    policies: PoliciesNow,
    at: Now,
    mine_id: UUID | None = None,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    quarter: Annotated[int | None, Query(ge=1, le=4)] = None,
    after: After = None,
    limit: Limit = 50,
) -> AssessmentsOut:
    """The sheets of the office's area, or the signed ones of the firm."""
    rows = await assessments.list_sheets(
        connection, mine_id=mine_id, year=year, quarter=quarter, after=after, limit=limit, actor=actor
    )
    items = await shown(connection, rows, policies, at=at)
    return AssessmentsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/vetoes")
async def list_vetoes(connection: ReaderDep, actor: ReadsSheets) -> VetoesOut:
    """What the seven vetoes say."""
    texts = {1: rules.LEGIBLE_VETO, **await assessments.veto_texts(connection)}
    return VetoesOut(items=[VetoOut(number=number, text=texts.get(number, "")) for number in rules.VETOES])


@router.put("/vetoes/{number}")
async def write_veto(
    number: Annotated[int, Path(ge=0, le=99)],
    body: VetoIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("assessments.veto"))],
    at: Now,
) -> VetoesOut:
    """Write what a veto says; sheets that were signed keep the words that they had."""
    await deeds.write_veto(connection, number, body.text, document_no=body.document_no, at=at, actor=actor)
    return await list_vetoes(connection, actor)


@router.get("/{assessment_id}")
async def get_sheet(
    assessment_id: UUID, connection: ReaderDep, actor: ReadsSheets, policies: PoliciesNow, at: Now
) -> AssessmentOut:
    """One sheet; of a signed one also what has become known of its time since (E2)."""
    return await one(connection, assessment_id, policies, at=at, actor=actor)


@router.patch("/{assessment_id}")
async def enter(
    assessment_id: UUID,
    body: EntriesIn,
    connection: ConnectionDep,
    actor: FillsSheets,
    policies: PoliciesNow,
    at: Now,
) -> AssessmentOut:
    """Enter points for items."""
    entries = [Entry(**entry.model_dump()) for entry in body.items]
    await deeds.enter(connection, assessment_id, entries, at=at, actor=actor)
    return await one(connection, assessment_id, policies, at=at, actor=actor)


@router.post("/{assessment_id}/sign", response_model=AssessmentOut)
async def sign(
    assessment_id: UUID,
    body: SignIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("assessments.sign"))],
    policies: PoliciesNow,
    once: OnceDep,
    at: Now,
) -> Response:
    """Sign a sheet off and report it; it never changes again."""

    async def deed() -> AssessmentOut:
        await deeds.sign(connection, assessment_id, policies, document_no=body.document_no, at=at, actor=actor)
        return await one(connection, assessment_id, policies, at=at, actor=actor)

    return await once(connection, actor, deed, status=200)


@merit_router.get("/v1/mines/{mine_id}/merit")
async def suggest_merit(
    mine_id: UUID,
    connection: ReaderDep,
    actor: ReadsSheets,
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
        suggested_kg=rules.suggested_kg(sheets, (year, quarter), scale_kg, policies),
        policies=stated(policies, "merit_table", "merit_share"),
    )
