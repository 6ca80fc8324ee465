"""The statistics of a county's quarter for people, and that they were sent (R19)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import deadlines as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep
from service.domain.deadlines import Duty, statistics_deadline
from service.domain.permissions import Actor, reach
from service.domain.refusals import Refusal
from service.domain.units import shanghai_day
from service.routes.entries import Now, PoliciesNow
from service.routes.fields import DocumentNo, JurisdictionCode
from service.routes.pages.pages import show
from service.routes.pages.typed import tried
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
    return await _page(request, connection, actor, policies, at, county, year, quarter)


@router.post("/statistics")
async def send_statistics(
    county: Annotated[JurisdictionCode, Form()],
    year: Annotated[int, Form(ge=2000, le=2100)],
    quarter: Annotated[int, Form(ge=1, le=4)],
    as_of: Annotated[str, Form(max_length=40)],
    document_no: Annotated[DocumentNo, Form()],
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("submissions.create"))],
    policies: PoliciesNow,
    at: Now,
) -> Response:
    """Record that the statistics were sent to the city, as of the snapshot that was shown."""

    async def deed() -> UUID:
        return await deeds.report(
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

    done = await tried(connection, deed)
    if isinstance(done, Refusal):
        return await _page(request, connection, actor, policies, at, county, year, quarter, refusal=done)
    return RedirectResponse(f"/statistics?county={county}&year={year}&quarter={quarter}", 303)


async def _page(
    request: Request,
    connection: Connection,
    actor: Actor,
    policies: PoliciesNow,
    at: Now,
    county: str | None,
    year: int | None,
    quarter: int | None,
    *,
    refusal: Refusal | None = None,
) -> Response:
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
        refusal=refusal,
        found=await quarter_of(stands, chosen, *asked, actor=actor) if places or county else None,
        places=places,
        county=chosen,
        year=asked[0],
        quarter=asked[1],
        sent=sent,
        due_on=statistics_deadline(*asked, policies).due_on,
        may_send=reach(actor, "submissions.create") is not None and actor.covers(chosen),
    )
