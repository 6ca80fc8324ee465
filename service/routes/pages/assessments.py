"""Scoring sheets for people: the county's list, and the sheet as the notice prints it, with the facts behind each point."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import assessments as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.assessments import ITEMS, Entry, Item, ItemUnknown, Side
from service.domain.permissions import Actor, reach
from service.domain.refusals import MalformedBody
from service.domain.units import shanghai_day
from service.faults import fault
from service.routes import assessments
from service.routes.assessments import AssessmentOut, LineOut, ReadsSheets
from service.routes.entries import Now, PoliciesNow
from service.routes.fields import DocumentNo
from service.routes.pages.pages import show
from service.routes.pages.returned import returned_to, stands_on
from service.routes.pages.typed import fields_of
from service.store import assessments as store
from service.store import pages as reads

router = APIRouter()

SHOWN = 500
PLACES: Final[Mapping[str, str]] = {"ticket": "/tickets/", "contract": "/contracts/", "slip": "/slips/"}


@router.get("/assessments")
async def list_sheets(
    request: Request,
    connection: ReaderDep,
    actor: ReadsSheets,
    policies: PoliciesNow,
    at: Now,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
) -> Response:
    """The sheets of a year, and for offices the form that drafts one."""
    asked = year or shanghai_day(at).year
    rows = await store.list_sheets(connection, year=asked, limit=SHOWN, actor=actor)
    may_fill = reach(actor, "assessments.fill") is not None
    return await show(
        request,
        connection,
        actor,
        "assessments.html",
        year=asked,
        quarter=(shanghai_day(at).month + 2) // 3,
        rows=await assessments.shown(connection, rows, policies, at=at),
        mines=await reads.list_mines(connection, actor=actor) if may_fill else [],
        may_fill=may_fill,
    )


@router.post("/assessments")
async def draw_sheet(
    mine_id: Annotated[UUID, Form()],
    year: Annotated[int, Form(ge=2000, le=2100)],
    quarter: Annotated[int, Form(ge=1, le=4)],
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("assessments.fill"))],
    at: Now,
) -> Response:
    """Draft a sheet, or read what the service knows into its draft anew."""
    assessment_id, _ = await deeds.draw(connection, mine_id, year, quarter, at=at, actor=actor)
    return RedirectResponse(f"/assessments/{assessment_id}", 303)


@router.get("/assessments/{assessment_id}")
async def show_sheet(
    assessment_id: UUID,
    request: Request,
    connection: ReaderDep,
    actor: ReadsSheets,
    policies: PoliciesNow,
    at: Now,
) -> Response:
    """The sheet, to be filled in and to be printed."""
    sheet = await assessments.one(connection, assessment_id, policies, at=at, actor=actor)
    return await show(
        request,
        connection,
        actor,
        "assessment.html",
        sheet=sheet,
        sides={side.value: [line for line in sheet.lines if line.side is side] for side in Side},
        place=_place,
        may_fill=reach(actor, "assessments.fill") is not None,
    )


@router.post("/assessments/{assessment_id}/entries", dependencies=[stands_on("/assessments/{assessment_id}")])
async def enter(
    assessment_id: UUID,
    item: Annotated[str, Form(max_length=20)],
    points: Annotated[int, Form()],
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("assessments.fill"))],
    at: Now,
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Enter points for one item, named as `plus-7`."""
    named = _named(item)
    entry = Entry(named.side, named.number, points, note.strip() or None)
    await deeds.enter(connection, assessment_id, [entry], at=at, actor=actor)
    return RedirectResponse(f"/assessments/{assessment_id}", 303)


@router.get("/assessments/{assessment_id}/departments")
async def show_departments(
    assessment_id: UUID,
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("assessments.fill"))],
    policies: PoliciesNow,
    at: Now,
) -> Response:
    """The items by the departments that own them, each to be entered."""
    sheet = await assessments.one(connection, assessment_id, policies, at=at, actor=actor)
    returned, stands = returned_to(request), _stands(sheet)
    owners: dict[str, list[LineOut]] = {}
    for line in sheet.lines:
        owners.setdefault(line.owner, []).append(line)
    return await show(
        request,
        connection,
        actor,
        "assessment_departments.html",
        sheet=sheet,
        owners=owners,
        typed=returned.kept(request.url.path) or stands,
        wrong=returned.wrong(stands, {}),
        field=_field,
    )


@router.post("/assessments/{assessment_id}/departments")
async def enter_departments(
    assessment_id: UUID,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("assessments.fill"))],
    policies: PoliciesNow,
    at: Now,
) -> Response:
    """Enter the points that were typed, all or none; what was left as it was is not entered."""
    sheet = await assessments.one(connection, assessment_id, policies, at=at, actor=actor)
    stands = _stands(sheet)
    typed = {**stands, **await fields_of(request)}
    entries, faults = [], []
    for line in sheet.lines:
        fields = [f"{what}:{_field(line)}" for what in ("points", "note")]
        points, note = (typed[name].strip() for name in fields)
        if [points, note] == [stands[name] for name in fields]:
            continue
        if points.isdecimal() and len(points) < 4:
            entries.append(Entry(line.side, line.number, int(points), note or None))
        else:
            faults.append(fault(fields[:1], "int_parsing", "whole points are needed"))
    if faults:
        raise MalformedBody(errors=faults)
    if entries:
        await deeds.enter(connection, assessment_id, entries, at=at, actor=actor)
    return RedirectResponse(f"/assessments/{assessment_id}/departments", 303)


@router.post("/assessments/{assessment_id}/sign", dependencies=[stands_on("/assessments/{assessment_id}")])
async def sign(
    assessment_id: UUID,
    document_no: Annotated[DocumentNo, Form()],
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("assessments.sign"))],
    policies: PoliciesNow,
    at: Now,
) -> Response:
    """Sign a sheet off."""
    await deeds.sign(connection, assessment_id, policies, document_no=document_no, at=at, actor=actor)
    return RedirectResponse(f"/assessments/{assessment_id}", 303)


def _field(line: LineOut) -> str:
    return f"{line.side}-{line.number}"


def _stands(sheet: AssessmentOut) -> dict[str, str]:
    """What stands in the departments' fields: no points where they still owe them."""
    fields = {}
    for line in sheet.lines:
        name = _field(line)
        fields[f"points:{name}"] = "" if name in sheet.unfilled else str(line.points)
        fields[f"note:{name}"] = line.note or ""
    return fields


def _named(text: str) -> Item:
    found = next((item for item in ITEMS if f"{item.side}-{item.number}" == text), None)
    if found is None:
        raise ItemUnknown(item=text)
    return found


def _place(kind: str, key: str, facts: Mapping[str, Any]) -> str:
    """Where a fact is to be looked at."""
    if kind == "alert":
        kind, key = facts["subject_kind"], facts["subject_id"]
    if kind in PLACES:
        return f"{PLACES[kind]}{key}"
    return f"/alerts?code={facts.get('code', 'camera-fault')}"
