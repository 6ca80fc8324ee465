"""What counties have reported of a year for people: each quarter's statistics, and the report of the year (R15, R19)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import deadlines as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep, Record
from service.domain.deadlines import Duty, statistics_deadline, year_report_deadline
from service.domain.permissions import Actor, reach
from service.domain.policies import Policies
from service.domain.sheets import CellKind, Column
from service.domain.units import shanghai_day, shanghai_year
from service.routes import quotas
from service.routes.deadlines import FIGURES, SubmissionIn
from service.routes.entries import Now, PoliciesNow
from service.routes.pages.typed import entry_of, fields_of, model_of, show_form
from service.routes.quotas import NodeOut
from service.store import deadlines

router = APIRouter()

COLUMNS: Final = (
    Column("jurisdiction", "县（市、区）", "county", is_required=True),
    Column("expected_kg", "预计全年完成（吨）", "expected by the year's end (t)", CellKind.TONNES, True),
    Column("proposed_kg", "下年度指标建议（吨）", "proposed for the next year (t)", CellKind.TONNES, True),
    Column("proposal", "建议理由", "reasons of the proposal", is_required=True),
    Column("document_no", "上报文号", "number of the document", is_required=True),
)


@dataclass(frozen=True, slots=True)
class Owed:
    """A report of a county: until when it is due, what was received of it, and whether it is still owed.

    A county owes none of a time before its mines were registered.
    """

    due_on: date
    quarter: int | None
    received: Record | None
    is_owed: bool


@router.get("/submissions")
async def list_submissions(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("submissions.read"))],
    policies: PoliciesNow,
    at: Now,
    asked: Annotated[int | None, Query(ge=2000, le=2100, alias="year")] = None,
) -> Response:
    """Counties by reports: what was received of each, and what is still owed."""
    year = asked or shanghai_year(at)
    tree = await quotas.show_tree(connection, actor, policies, at, year)
    counties = _counties(tree.province, actor)
    rows = await deadlines.list_submissions(connection, year, actor=actor)
    received = {(row["jurisdiction"], row["duty"], row["quarter"]): row for row in rows}
    waiting = await deeds.obligations(connection, policies, area=actor.area, enterprise_id=None, at=at)
    owed = {
        (one.jurisdiction, one.duty.value, one.facts.get("quarter"))
        for one in waiting
        if one.subject_kind == "report" and one.facts.get("year") == year
    }
    return await show_form(
        request,
        connection,
        actor,
        "submissions.html",
        columns=COLUMNS,
        typed={},
        year=year,
        years=[year + 1, year, year - 1],
        today=shanghai_day(at),
        rows=[(county, _owed(county.code, year, received, owed, policies)) for county in counties],
        may_send=reach(actor, "submissions.create") is not None,
    )


@router.post("/submissions")
async def submit_year_report(
    year: Annotated[int, Query(ge=2000, le=2100)],
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("submissions.create"))],
    policies: PoliciesNow,
    at: Now,
) -> Response:
    """Record a county's report of the year: what is expected by its end, and what is proposed for the next."""
    sent = entry_of(COLUMNS, await fields_of(request))
    sent.entries[0].said |= {"duty": Duty.YEAR_REPORT.value, "year": year}
    body = model_of(sent, SubmissionIn)
    await deeds.report(
        connection,
        body.duty,
        body.jurisdiction,
        body.year,
        None,
        policies,
        document_no=body.document_no,
        figures={name: said for name in FIGURES if (said := getattr(body, name)) is not None},
        at=at,
        actor=actor,
    )
    return RedirectResponse(f"/submissions?year={year}", 303)


def _counties(node: NodeOut, actor: Actor) -> list[NodeOut]:
    """The counties of the office's area that have mines."""
    own = [node] if node.level == "county" and (actor.reads_all or actor.covers(node.code)) else []
    return [*own, *(county for child in node.children for county in _counties(child, actor))]


def _owed(
    code: str,
    year: int,
    received: Mapping[tuple[str, str, int | None], Record],
    owed: Collection[tuple[str, str, object]],
    policies: Policies,
) -> list[Owed]:
    days = [(quarter, statistics_deadline(year, quarter, policies).due_on) for quarter in range(1, 5)]
    reports: list[tuple[str, int | None, date]] = [(Duty.STATISTICS.value, quarter, due_on) for quarter, due_on in days]
    reports.append((Duty.YEAR_REPORT.value, None, year_report_deadline(year, policies).due_on))
    return [
        Owed(due_on, quarter, received.get((code, duty, quarter)), is_owed=(code, duty, quarter) in owed)
        for duty, quarter, due_on in reports
    ]
