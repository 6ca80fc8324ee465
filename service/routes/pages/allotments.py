"""Allotments for people: what was drafted, approved, issued and published, with the forms of an office; and the public table."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from service.actions import allotments as deeds
from service.actions import rights as applications
from service.auth import may
from service.db import ConnectionDep, ReaderDep, Record
from service.domain.allotments import (
    PROVINCE,
    Cause,
    HolderKind,
    Kind,
    State,
    Step,
    may_approve,
    may_issue,
)
from service.domain.permissions import Actor, reach
from service.domain.policies import stated
from service.domain.quotas import chain
from service.domain.units import shanghai_day, shanghai_year
from service.keys import Purpose
from service.problems import malformed_body
from service.routes.allotments import AllotmentIn
from service.routes.applications import ApplicationIn
from service.routes.entries import Now, PoliciesNow
from service.routes.fields import Day
from service.routes.pages.pages import show
from service.routes.pages.rendering import render
from service.routes.pages.returned import stands_on
from service.store import allotments, rights
from service.store import pages as reads

router = APIRouter()

PAGE = 100
MOST_PUBLISHED = 5_000
NEXT = {
    State.DRAFT: (Step.CONSULT, Step.ISSUE, Step.WITHDRAW),
    State.CONSULTED: (Step.APPROVE, Step.ISSUE, Step.WITHDRAW),
    State.APPROVED: (Step.ISSUE, Step.WITHDRAW),
    State.ISSUED: (Step.PUBLISH, Step.WITHDRAW),
    State.PUBLISHED: (Step.WITHDRAW,),
    State.WITHDRAWN: (),
}
Asked = Annotated[int | None, Query(ge=2000, le=2100)]


@router.get("/allotments")
async def list_allotments(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("allotments.read"))],
    at: Now,
    policies: PoliciesNow,
    year: Asked = None,
    state: str = "",
    after: UUID | None = None,
    applied_after: UUID | None = None,
) -> Response:
    """What was allotted in the reader's area or to the reader's firm, with the steps that are the reader's to take."""
    chosen = State(state) if state in set(State) else None
    asked = year or shanghai_year(at)
    rows = await allotments.list_allotments(connection, year=asked, state=chosen, after=after, limit=PAGE, actor=actor)
    names = await reads.names_of(connection, {row["mine_id"] for row in rows})
    places = {row["code"]: row for row in await reads.list_places(connection)}
    offices = reach(actor, "allotments.create") is not None
    applied = await rights.list_applications(connection, year=asked, after=applied_after, limit=PAGE, actor=actor)
    return await show(
        request,
        connection,
        actor,
        "allotments.html",
        year=asked,
        state=chosen,
        states=list(State),
        rows=[(row, _steps(actor, row) if offices else []) for row in rows],
        names=names,
        places=places,
        following=rows[-1]["id"] if len(rows) == PAGE else None,
        mines=await reads.list_mines(connection, actor=actor),
        may_apply=reach(actor, "applications.file") is not None,
        quarter=min(4, (shanghai_day(at).month + 2) // 3 + 1),
        pools=[code for code in places if actor.covers(code)] if offices else [],
        sources=_sources(actor, places) if offices else [],
        kinds=list(Kind),
        causes=[Cause.INTEGRATION, Cause.RESTRUCTURING, Cause.LAYOUT, Cause.ORDER, Cause.OTHER],
        applications=applied,
        applied_following=applied[-1]["id"] if len(applied) == PAGE else None,
        values=stated(policies, "base_share", "merit_share", "reward_share", "year_ceiling", "publication_days"),
    )


@router.post("/allotments")
async def draft_allotment(
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("allotments.create"))],
    at: Now,
    policies: PoliciesNow,
    year: Annotated[int, Form()],
    kind: Annotated[str, Form()],
    to: Annotated[str, Form(max_length=40)],
    tonnes: Annotated[str, Form(max_length=20)],
    document_no: Annotated[str, Form()],
    issued_on: Annotated[str, Form()],
    source: Annotated[str, Form(max_length=6)] = "",
    quarter: Annotated[str, Form(max_length=1)] = "",
    reason: Annotated[str, Form()] = "",
    earmark: Annotated[str, Form()] = "",
    cause: Annotated[str, Form()] = "",
    application_id: Annotated[str, Form()] = "",
) -> Response:
    """Write a draft; kilograms are typed as tonnes with up to three decimals."""
    holder = {"jurisdiction": to} if to.isdecimal() else {"mine_id": to}
    try:
        body = AllotmentIn.model_validate(
            {
                "year": year,
                "quarter": int(quarter) if quarter.isdecimal() else None,
                "kind": kind,
                "from": source or None,
                "to": holder,
                "kg": kilograms(tonnes),
                "document_no": document_no,
                "issued_on": issued_on,
                "reason": reason.strip() or None,
                "earmark": earmark.strip() or None,
                "cause": cause or None,
                "application_id": application_id or None,
            }
        )
    except ValidationError as error:
        raise malformed_body(error) from error
    sign = request.app.state.keys.current(Purpose.LEDGER)
    await deeds.create_allotment(connection, body.draft(), policies, issue=False, at=at, sign=sign, actor=actor)
    return RedirectResponse(f"/allotments?year={year}", 303)


@router.post("/allotments/applications", dependencies=[stands_on("/allotments")])
async def apply_for(
    mine_id: Annotated[UUID, Form()],
    year: Annotated[int, Form(ge=2000, le=2100)],
    quarter: Annotated[int, Form(ge=1, le=4)],
    kind: Annotated[str, Form()],
    tonnes: Annotated[str, Form(max_length=20)],
    reason: Annotated[str, Form()],
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("applications.file"))],
    at: Now,
) -> Response:
    """Apply to the county for a quarter's quota of an own mine (R08)."""
    said = {"mine_id": str(mine_id), "year": year, "quarter": quarter, "kind": kind, "kg": kilograms(tonnes)}
    try:
        body = ApplicationIn.model_validate({**said, "reason": reason})
    except ValidationError as error:
        raise malformed_body(error) from error
    await applications.apply_for(connection, **body.model_dump(), at=at, actor=actor)
    return RedirectResponse(f"/allotments?year={year}", 303)


@router.post("/allotments/{allotment_id}/steps", dependencies=[stands_on("/allotments")])
async def take_step(
    allotment_id: UUID,
    step: Annotated[Step, Form()],
    on: Annotated[Day, Form()],
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("allotments.step"))],
    at: Now,
    policies: PoliciesNow,
) -> Response:
    """Take an allotment one step on."""
    sign = request.app.state.keys.current(Purpose.LEDGER)
    await deeds.take_step(connection, allotment_id, step, on, policies, at=at, sign=sign, actor=actor)
    row = await allotments.find_allotment(connection, allotment_id, actor=actor)
    return RedirectResponse(f"/allotments?year={row['year']}", 303)


@router.get("/published")
async def show_published(request: Request, connection: ReaderDep, at: Now, year: Asked = None) -> Response:
    """What was allotted and published of a year, by place and holder, for everybody to read and to print (公示, R14)."""
    asked = year or shanghai_year(at)
    rows = await allotments.published(connection, asked, after=None, limit=MOST_PUBLISHED)
    told: dict[str, Any] = {
        "year": asked,
        "years": sorted({asked, shanghai_year(at), *await reads.quota_years(connection)}, reverse=True)[:4],
        "groups": _by_holder(rows),
        "places": {row["code"]: row for row in await reads.list_places(connection)},
        "printed_at": at,
    }
    actor = await request.app.state.people.actor_of(request)
    if actor is None:
        return render(request, "published.html", **told)
    return await show(request, connection, actor, "published.html", **told)


def kilograms(text: str) -> int | str:
    """Tonnes as somebody typed them, in kilograms; what is no number stays text, and is refused by the field."""
    whole, _, rest = text.strip().replace(",", "").partition(".")
    digits = whole.removeprefix("-")
    if not digits.isdecimal() or len(rest) > 3 or (rest and not rest.isdecimal()):
        return text
    kg = int(digits) * 1000 + int(rest.ljust(3, "0") or 0)
    return -kg if whole.startswith("-") else kg


def _by_holder(rows: Sequence[Record]) -> list[tuple[str, str, list[Record], int]]:
    def key(row: Record) -> tuple[str, bool, str]:
        return (row["jurisdiction"], row["holder_kind"] != HolderKind.JURISDICTION, row["holder"])

    groups = [(name, list(own)) for name, own in groupby(sorted(rows, key=key), key=key)]
    return [(place, holder, own, sum(row["kg"] for row in own)) for (place, _, holder), own in groups]


def _steps(actor: Actor, row: Record) -> list[Step]:
    source = row["from_jurisdiction"]
    allowed = {Step.CONSULT: may_approve, Step.APPROVE: may_approve}
    is_used = row["issued_under_kg"] is not None  # by another document, which cites this approval
    return [
        step
        for step in NEXT[State(row["state"])]
        if allowed.get(step, may_issue)(actor, source) and not (is_used and step is Step.ISSUE)
    ]


def _sources(actor: Actor, places: dict[str, Record]) -> list[str]:
    """The pools that the office may draft from: its own first, those below it, and those above, which give to it."""
    own = actor.jurisdiction or PROVINCE
    known = [code for code in places if actor.covers(code) or code in chain(own)]
    return sorted(known, key=lambda code: (code != own, code))
