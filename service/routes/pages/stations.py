"""The stations of an office's area: who is there, who is silent, and what each has weighed on a day, with the evidence."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError

from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.permissions import Actor, reach
from service.domain.refusals import NotFound
from service.domain.sheets import Cell
from service.domain.stations import StationState
from service.domain.units import SHANGHAI, shanghai_day
from service.routes import watch
from service.routes.entries import Now
from service.routes.fields import Day, Reason
from service.routes.pages.languages import translations
from service.routes.pages.pages import show
from service.routes.pages.returned import back_to, stands_on
from service.routes.pages.words import word
from service.routes.watch import PauseIn
from service.sheets import MEDIA_TYPES, write_sheet

router = APIRouter()

PAGE = 500
GRAVEST_FIRST = (
    StationState.DOWN,
    StationState.LATE,
    StationState.PAUSED,
    StationState.LIVE,
    StationState.UNWATCHED,
)
# The day as a table: its columns, and which of them hold codes of the catalogue.
HEADS = {
    "sequence": "序号",
    "occurred_at": "称重时间",
    "direction": "方向",
    "ticket": "运单号",
    "plate": "车牌号",
    "gross_kg": "毛重（千克）",
    "tare_kg": "皮重（千克）",
    "net_kg": "净重（千克）",
    "manual": "手工录入",
    "is_signed": "已签名",
    "status": "状态",
    "flags": "预警",
    "recorded_at": "上报时间",
}
FAMILIES = {"direction": "direction", "status": "weighing_status", "flags": "flag"}
Reader = Annotated[Actor, Depends(may("stations.read"))]
Pauser = Annotated[Actor, Depends(may("stations.pause"))]


@router.get("/stations")
async def list_stations(
    request: Request, connection: ReaderDep, actor: Reader, at: Now, state: str = "", after: UUID | None = None
) -> Response:
    """The stations with what was heard of each, the silent ones first; the state that is asked for stands in the address."""
    items = await watch.watched(connection, request, after=after, limit=PAGE, actor=actor)
    wanted = StationState(state) if state in set(StationState) else None
    return await show(
        request,
        connection,
        actor,
        "stations.html",
        rows=sorted(
            (one for one in items if wanted in (None, one.state)),
            key=lambda one: (GRAVEST_FIRST.index(one.state), one.jurisdiction, one.name),
        ),
        counts={one: sum(item.state is one for item in items) for one in GRAVEST_FIRST},
        wanted=wanted,
        following=items[-1].id if len(items) == PAGE else None,
        today=shanghai_day(at),
        soon=_for_the_field(at),
        may_pause=reach(actor, "stations.pause") is not None,
    )


@router.get("/stations/{station_id}")
async def show_day(
    station_id: UUID, request: Request, connection: ReaderDep, actor: Reader, at: Now, on: Day | None = None
) -> Response:
    """A station's day: its figures, its silences and blind cameras with the loads that fell into them, every record."""
    today = shanghai_day(at)
    day = on or today
    sheet = await watch.day_out(station_id, day, request, connection, actor)
    return await show(
        request,
        connection,
        actor,
        "station_day.html",
        sheet=sheet,
        by_id={record["id"]: record for record in sheet.records},
        before=day - timedelta(days=1),
        following=day + timedelta(days=1) if day < today else None,
        today=today,
    )


@router.get("/v1/stations/{station_id}/day.{form}")
async def export_day(
    station_id: UUID, form: str, on: Day, request: Request, connection: ReaderDep, actor: Reader
) -> Response:
    """The day's records as a table, in Chinese, as counties keep it."""
    if form not in MEDIA_TYPES:
        raise NotFound
    sheet = await watch.day_out(station_id, on, request, connection, actor)
    rows = [[_cell(name, record[name]) for name in HEADS] for record in sheet.records]
    content = await write_sheet(form, list(HEADS.values()), rows)
    headers = {"Content-Disposition": f'attachment; filename="station-day-{on.isoformat()}.{form}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)


def _cell(name: str, value: Any) -> Cell:
    if name in FAMILIES:
        chinese = translations("zh").gettext
        return "、".join(chinese(word(one, FAMILIES[name])) for one in (value if isinstance(value, list) else [value]))
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "是" if value else "否"
    return value if isinstance(value, int) or value is None else str(value)


@router.post("/stations/{station_id}/pause", dependencies=[stands_on("/stations")])
async def pause_station(
    station_id: UUID,
    since: Annotated[datetime, Form()],
    until: Annotated[datetime, Form()],
    reason: Annotated[Reason, Form()],
    request: Request,
    connection: ConnectionDep,
    actor: Pauser,
) -> Response:
    """Say, in Beijing time, when a station does not weigh."""
    times = {"since": since.replace(tzinfo=SHANGHAI), "until": until.replace(tzinfo=SHANGHAI)}
    try:
        body = PauseIn.model_validate({**times, "reason": reason})
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    await watch.pause(station_id, body, request, connection, actor)
    return back_to(request, "/stations")


@router.post("/stations/{station_id}/resume", dependencies=[stands_on("/stations")])
async def resume_station(station_id: UUID, request: Request, connection: ConnectionDep, actor: Pauser) -> Response:
    """Say that a station weighs again."""
    await watch.resume(station_id, request, connection, actor)
    return back_to(request, "/stations")


def _for_the_field(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M")
