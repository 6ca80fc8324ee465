"""The alerts that a reader may see, and what is done about one."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from pydantic import BeforeValidator

from service.actions import alerts as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep, Record
from service.domain.alerts import Flag
from service.domain.calendar import working_day_before
from service.domain.deadlines import Duty
from service.domain.permissions import Actor, reach
from service.domain.units import shanghai_day, start_of
from service.routes.entries import Now, PoliciesNow
from service.routes.fields import Day, Reason
from service.routes.pages.pages import show
from service.routes.pages.returned import back_to, stands_on
from service.store import alerts, weighings
from service.store import pages as reads

router = APIRouter()

PAGE = 50
BESIDE = 8
SinceDay = Annotated[Day | None, BeforeValidator(lambda said: said or None)]  # an empty field of a form is none
ReadsAlerts = Annotated[Actor, Depends(may("alerts.read"))]


@router.get("/alerts")
async def list_alerts(
    request: Request,
    connection: ReaderDep,
    actor: ReadsAlerts,
    policies: PoliciesNow,
    at: Now,
    state: Literal["open", "settled"] = "open",
    code: str = "",
    since: SinceDay = None,
    after: UUID | None = None,
) -> Response:
    """The alerts, newest first, all or those opened since a day; what is asked for stands in the address."""
    flag = Flag(code) if code in set(Flag) else None
    opened = start_of(since) if since else None
    rows = await alerts.list_alerts(
        connection, state=state, code=flag, since=opened, after=after, limit=PAGE, actor=actor
    )
    counts = await reads.count_open_alerts(connection, since=opened, actor=actor)
    return await show(
        request,
        connection,
        actor,
        "alerts.html",
        state=state,
        code=flag,
        since=since,
        last_worked=working_day_before(shanghai_day(at), policies.calendar.overrides),
        rows=await described(connection, rows, actor=actor),
        following=rows[-1]["id"] if len(rows) == PAGE else None,
        counts=counts,
        count=counts.get(flag.value, 0) if flag else sum(counts.values()),
        may_settle=reach(actor, "alerts.settle") is not None,
        flags=[one for one in Flag if state == "settled" or one.value in counts or one is flag],
    )


@router.get("/alerts/beside")
async def alerts_beside(request: Request, connection: ReaderDep, actor: ReadsAlerts) -> Response:
    """The newest open alerts and their number, as they stand beside other pages; fetched anew when one comes."""
    return await show(request, connection, actor, "alerts_beside.html", **await newest(connection, actor=actor))


@router.post("/alerts/{alert_id}/settle", dependencies=[stands_on("/alerts")])
async def settle_alert(
    alert_id: UUID,
    note: Annotated[Reason, Form()],
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("alerts.settle"))],
) -> Response:
    """Close an alert of the office's area with a note; go back to the list in which it was closed."""
    await deeds.settle_alert(connection, alert_id, note, at=request.app.state.clock.now(), actor=actor)
    return back_to(request, "/alerts")


async def newest(connection: Connection, *, actor: Actor) -> dict[str, Any]:
    """What stands beside other pages."""
    rows = await alerts.list_alerts(connection, state="open", limit=BESIDE, actor=actor)
    counts = await reads.count_open_alerts(connection, actor=actor)
    gravest_first = {flag.value: counts[flag.value] for flag in Flag if flag.value in counts}
    return {
        "alerts": await described(connection, rows, actor=actor),
        "counts": gravest_first,
        "count": sum(counts.values()),
    }


async def described(connection: Connection, rows: Sequence[Record], *, actor: Actor) -> list[dict[str, Any]]:
    """Alerts with what they are about in words, and the page that tells of it."""
    subjects = {(row["subject_kind"], row["subject_id"]) for row in rows}
    words = await reads.describe_subjects(connection, subjects)
    told = [UUID(key) for kind, key in subjects if kind == "weighing"]
    opens = {row["id"] for row in await weighings.list_weighings(connection, ids=told, limit=len(told), actor=actor)}
    return [{**row, **_about(words[row["subject_kind"], row["subject_id"]], opens)} for row in rows]


def _about(words: Record, opens: Collection[UUID]) -> dict[str, Any]:
    kind, key = words["kind"], words["id"]
    pages = {
        "mine": f"/mines/{key}",
        "contract": f"/contracts/{key}",
        "ticket": f"/tickets/{key}",
        "lot": f"/lots/{key}",
        "station": f"/stations/{key}",
        "camera": f"/stations/{key.split('/')[0]}",
        "slip": f"/slips/{key}",
        "run": f"/runs/{key}",
        "project": f"/registry/projects/{key}",
        "stock": f"/registry/stocks/{key}",
        "jurisdiction": "/",
        "allotment": "/allotments",
    }
    href = f"/tickets/{words['ticket_id']}" if words["ticket_id"] else pages.get(kind)
    if kind == "weighing" and UUID(key) in opens:
        href = f"/weighings/{key}"
    said = {"subject": words["name"], "subject_en": words["name_en"] or words["name"]}
    return {**said, "href": href, "duty": None, **(_about_a_report(key) if kind == "report" else {})}


def _about_a_report(key: str) -> dict[str, str]:
    """What is owed, and where it is done."""
    code, duty, year, quarter = key.split(":")
    pages = {
        Duty.STATISTICS: f"/statistics?county={code}&year={year}&quarter={quarter}",
        Duty.SHEETS: f"/assessments?year={year}",
    }
    return {"duty": duty, "href": pages.get(Duty(duty), f"/submissions?year={year}")}
