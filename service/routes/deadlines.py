"""Deadlines: what is due, when, and what has moved it; and that a county has reported."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, model_validator

from service.actions import deadlines as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep, Record
from service.domain.deadlines import POLICIES, RULES, Duty, Obligation, days_left
from service.domain.permissions import Actor
from service.domain.policies import Policies, stated
from service.domain.units import shanghai_day
from service.routes.entries import Now, PoliciesNow
from service.routes.fields import (
    Body,
    DocumentNo,
    JurisdictionCode,
    Name,
    Quarter,
    Reason,
    SomeKilograms,
    Year,
    refused,
)
from service.routes.idempotency import OnceDep
from service.store import deadlines
from service.store import policies as rulebook

router = APIRouter(prefix="/v1", tags=["deadlines"])

FIGURES = ("expected_kg", "proposed_kg", "proposal", "as_of")


class MoveOut(BaseModel):
    """What a deadline was before a decision moved it."""

    was_due_on: date
    due_on: date
    was_provisional: bool
    is_provisional: bool
    cause: Literal["policy", "outage", "calendar"]
    document_no: str | None
    recorded_at: datetime


class OutageShown(BaseModel):
    """An outage that has put a deadline off."""

    id: UUID
    starts_at: datetime
    ends_at: datetime
    reason: str
    document_no: str


class DeadlineOut(BaseModel):
    """What is not done yet: the last day on which it is in time, and the whole days until then (negative after it)."""

    duty: Duty
    rule: str
    subject_kind: str
    subject_id: str
    name: str
    jurisdiction: str
    parties: list[UUID]
    due_on: date
    ends_at: datetime
    days_left: int
    is_provisional: bool
    facts: dict[str, Any]
    outages: list[OutageShown]
    moves: list[MoveOut]
    policies: dict[str, Any]


class DeadlinesOut(BaseModel):
    """What is due, the most urgent first."""

    on: date
    items: list[DeadlineOut]
    next: None = None


class SubmissionIn(Body):
    """That a county has sent its statistics of a quarter, or its report of a year, by the document's number.

    A year's report says what is expected by the year's end, and what is proposed for the next, with reasons; statistics may
    name the snapshot that they are of (GET /v1/reports/counties/{code}/quarter).
    """

    duty: Literal[Duty.STATISTICS, Duty.YEAR_REPORT]
    jurisdiction: JurisdictionCode
    year: Year
    quarter: Quarter | None = None
    document_no: DocumentNo
    expected_kg: SomeKilograms | None = None
    proposed_kg: SomeKilograms | None = None
    proposal: Reason | None = None
    as_of: Name | None = None

    @model_validator(mode="after")
    def is_of_a_quarter(self) -> Self:
        """Statistics are of a quarter, the report is of a year."""
        if (self.duty is Duty.YEAR_REPORT) != (self.quarter is None):
            raise refused(
                "quarter-malformed",
                "季度统计须注明季度，年度报告不注明",
                "statistics name a quarter, a year's report none",
            )
        return self


class SubmissionOut(BaseModel):
    """A report that was received, with the days by which it was late."""

    id: UUID
    duty: Duty
    jurisdiction: str
    year: int
    quarter: int | None
    document_no: str
    due_on: date
    days_late: int
    submitted_at: datetime
    figures: dict[str, Any]


class SubmissionsOut(BaseModel):
    """The reports of a year that were received."""

    items: list[SubmissionOut]
    next: None = None


@router.get("/deadlines")
async def list_deadlines(
    connection: ReaderDep, actor: Annotated[Actor, Depends(may("deadlines.read"))], in_force: PoliciesNow, at: Now
) -> DeadlinesOut:
    """What the caller, or the firms and counties of an office's area, have still to do, with countdown and history."""
    return DeadlinesOut(on=shanghai_day(at), items=await due(connection, in_force, at=at, actor=actor))


@router.post("/submissions", status_code=201, response_model=SubmissionOut)
async def submit(
    body: SubmissionIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("submissions.create"))],
    in_force: PoliciesNow,
    once: OnceDep,
    at: Now,
) -> Response:
    """Record that a county's report was sent (R15, R19)."""

    async def deed() -> SubmissionOut:
        figures = {name: said for name in FIGURES if (said := getattr(body, name)) is not None}
        named = body.model_dump(exclude=set(FIGURES))
        submission_id = await deeds.report(connection, **named, figures=figures, in_force=in_force, at=at, actor=actor)
        rows = await deadlines.list_submissions(connection, body.year, actor=actor)
        return next(SubmissionOut.model_validate(dict(row)) for row in rows if row["id"] == submission_id)

    return await once(connection, actor, deed)


@router.get("/submissions")
async def list_submissions(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("submissions.read"))],
    year: Annotated[int, Query(ge=2000, le=2100)],
) -> SubmissionsOut:
    """The reports of a year that the counties of the office's area have sent."""
    rows = await deadlines.list_submissions(connection, year, actor=actor)
    return SubmissionsOut(items=[SubmissionOut.model_validate(dict(row)) for row in rows])


async def due(connection: Connection, in_force: Policies, *, at: datetime, actor: Actor) -> list[DeadlineOut]:
    """What the actor's firm, or the firms and counties of the office's area, have still to do."""
    waiting = await deeds.obligations(connection, in_force, area=actor.area, enterprise_id=actor.enterprise_id, at=at)
    moves = await deadlines.moves_of(connection, {one.moves_id for one in waiting})
    known = {row["id"]: row for row in await rulebook.list_outages(connection)}
    return [_shown(one, moves.get((one.duty, one.moves_id), []), known, in_force, at=at) for one in waiting]


def _shown(
    one: Obligation, moves: list[Record], outages: dict[UUID, Record], in_force: Policies, *, at: datetime
) -> DeadlineOut:
    counted = in_force.on(one.decided_on) if one.decided_on else in_force
    return DeadlineOut(
        duty=one.duty,
        rule=RULES[one.duty],
        subject_kind=one.subject_kind,
        subject_id=one.subject_id,
        name=one.name,
        jurisdiction=one.jurisdiction,
        parties=list(one.parties),
        due_on=one.deadline.due_on,
        ends_at=one.deadline.ends_at,
        days_left=days_left(one.deadline.due_on, at),
        is_provisional=one.deadline.is_provisional,
        facts=dict(one.facts),
        outages=[OutageShown.model_validate(dict(outages[key])) for key in one.deadline.outages],
        moves=[MoveOut.model_validate(dict(row)) for row in moves],
        policies=stated(counted, *POLICIES.get(one.duty, ())),
    )
