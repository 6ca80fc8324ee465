"""The statistics of a county's quarter for people, and that they were sent (R19)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import deadlines as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.deadlines import Duty, statistics_deadline
from service.domain.permissions import Actor, reach
from service.domain.units import shanghai_day
from service.routes.entries import Now, PoliciesNow
from service.routes.fields import DocumentNo, JurisdictionCode
from service.routes.pages.pages import show
from service.routes.reports.quarters import quarter_of
from service.routes.reports.standing import ground
from service.store import deadlines
from service.store import pages as reads

router = APIRouter()


@router.get("/statistics")
async def show_statistics(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("statistics.read"))],
    policies: PoliciesNow,
    at: Now,
    county: JurisdictionCode | None = None,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    quarter: Annotated[int | None, Query(ge=1, le=4)] = None,
) -> Response:
    """The quarter of a county, mine by mine; unless another is asked for, the last one that has ended."""
    today = shanghai_day(at)
    last = (today.year, (today.month - 1) // 3) if today.month > 3 else (today.year - 1, 4)
    asked = (year or last[0], quarter or last[1])
    codes = dict.fromkeys(mine["jurisdiction"] for mine in await reads.list_mines(connection, actor=actor))
    places = {row["code"]: row for row in await reads.list_places(connection) if row["code"] in codes}
    chosen = county or next(iter(places), actor.jurisdiction or "")
    stands = await ground(connection, policies, at)
    sent = [
        row
        for row in await deadlines.list_submissions(connection, asked[0], actor=actor)
        if (row["duty"], row["jurisdiction"], row["quarter"]) == (Duty.STATISTICS, chosen, asked[1])
    ]
    return await show(
        request,
        connection,
        actor,
        "statistics.html",
        found=await quarter_of(stands, chosen, *asked, actor=actor) if places or county else None,
        places=places,
        county=chosen,
        year=asked[0],
        quarter=asked[1],
        sent=sent,
        due_on=statistics_deadline(*asked, policies).due_on,
        may_send=reach(actor, "submissions.create") is not None and actor.covers(chosen),
    )


@router.post("/statistics")
async def send_statistics(
    county: JurisdictionCode,
    year: Annotated[int, Query(ge=2000, le=2100)],
    quarter: Annotated[int, Query(ge=1, le=4)],
    as_of: Annotated[str, Form(max_length=40)],
    document_no: Annotated[DocumentNo, Form()],
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("submissions.create"))],
    policies: PoliciesNow,
    at: Now,
) -> Response:
    """Record that the statistics were sent to the city, as of the snapshot that was shown."""
    await deeds.report(
        connection,
        Duty.STATISTICS,
        county,
        year,
        quarter,
        policies,
        document_no=document_no,
        figures={"as_of": as_of},
        at=at,
        actor=actor,
    )
    return RedirectResponse(f"/statistics?county={county}&year={year}&quarter={quarter}", 303)
