"""Deadlines for people: what is due with its countdown, outages, and how far the calendar is known."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from service.actions import deadlines as deeds
from service.auth import may
from service.db import ReaderDep, database
from service.domain.deadlines import Duty
from service.domain.permissions import Actor, reach
from service.domain.units import SHANGHAI, shanghai_year
from service.routes import calendar, deadlines
from service.routes.calendar import CalendarIn, CalendarOut, OutageIn
from service.routes.deadlines import DeadlineOut
from service.routes.entries import Now, PoliciesNow
from service.routes.fields import DocumentNo, Reason
from service.routes.pages.pages import show
from service.routes.pages.returned import stands_on
from service.store import pages as reads

router = APIRouter()


@router.get("/deadlines")
async def list_deadlines(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("deadlines.read"))],
    policies: PoliciesNow,
    at: Now,
) -> Response:
    """What the reader, or the firms and counties of the reader's area, have still to do, the most urgent first."""
    due = await deadlines.due(connection, policies, at=at, actor=actor)
    year = shanghai_year(at)
    return await show(
        request,
        connection,
        actor,
        "deadlines.html",
        rows=[(one, _place(one)) for one in due],
        places={row["code"]: row for row in await reads.list_places(connection)},
        names=await reads.names_of(connection, {party for one in due for party in one.parties}),
        outages=await calendar.outages(connection),
        years=[CalendarOut.of(one, policies) for one in (year, year + 1)],
        may_declare=reach(actor, "outages.declare") is not None,
    )


@router.post("/outages", dependencies=[stands_on("/deadlines")])
async def declare_outage(
    starts_at: Annotated[datetime, Form()],
    ends_at: Annotated[datetime, Form()],
    reason: Annotated[Reason, Form()],
    document_no: Annotated[DocumentNo, Form()],
    request: Request,
    actor: Annotated[Actor, Depends(may("outages.declare"))],
    at: Now,
) -> Response:
    """Declare an outage, in Beijing time."""
    times = {"starts_at": starts_at.replace(tzinfo=SHANGHAI), "ends_at": ends_at.replace(tzinfo=SHANGHAI)}
    try:
        body = OutageIn.model_validate({**times, "reason": reason, "document_no": document_no})
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    async with database(request).transaction() as connection:
        await deeds.declare_outage(connection, **body.model_dump(), at=at, actor=actor)
    await request.app.state.rulebook.wait_for_all()
    return RedirectResponse("/deadlines", 303)


@router.post("/calendar", dependencies=[stands_on("/deadlines")])
async def enter_calendar(
    days: Annotated[str, Form(max_length=20_000)],
    document_no: Annotated[DocumentNo, Form()],
    request: Request,
    actor: Annotated[Actor, Depends(may("calendar.enter"))],
    at: Now,
) -> Response:
    """Enter what a notice makes of days, a line for each."""
    try:
        body = CalendarIn.model_validate({"days": list(calendar.rows_of(days)), "document_no": document_no})
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    told = [(one.day, one.is_worked) for one in body.days]
    async with database(request).transaction() as connection:
        await deeds.enter_days(connection, told, document_no=document_no, at=at, actor=actor)
    await request.app.state.rulebook.wait_for_all()
    return RedirectResponse("/deadlines", 303)


def _place(one: DeadlineOut) -> str | None:
    """Where what is due is done."""
    year, quarter = one.facts.get("year"), one.facts.get("quarter")
    return {
        Duty.CONTRACT: f"/contracts/{one.subject_id}",
        Duty.AMENDMENT: f"/contracts/{one.subject_id}",
        Duty.EARMARK: f"/mines/{one.facts.get('mine_id')}?year={year}",
        Duty.COUNTY_ISSUE: "/allotments",
        Duty.PUBLICATION: "/allotments",
        Duty.SHEETS: f"/assessments?year={year}",
        Duty.STATISTICS: f"/statistics?county={one.jurisdiction}&year={year}&quarter={quarter}",
        Duty.YEAR_REPORT: f"/submissions?year={year}",
    }.get(one.duty)
