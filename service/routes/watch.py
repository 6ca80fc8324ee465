"""The register of stations: whether each is there, when it paused, and its day in figures."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from service.actions.stations import pause_station, resume_station
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep, Record
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.stations import DayLine, Pulse, Span, StationState, blind_spans, day_sheet, state_of
from service.domain.units import SHANGHAI
from service.routes.fields import Body, Day, Instant, Reason
from service.store import stations

router = APIRouter(prefix="/v1/stations", tags=["stations"])

Reader = Annotated[Actor, Depends(may("stations.read"))]


class WatchedOut(BaseModel):
    """A station as it was heard of last; of the last 30 days' loads, how many were typed by hand."""

    id: UUID
    name: str
    jurisdiction: str
    enterprise: str
    mine: str | None
    state: StationState
    seen_at: datetime | None
    paused_until: datetime | None
    clock_offset_seconds: int | None
    unsent: int | None
    app_version: str | None
    told_at: datetime | None
    has_gap: bool
    repeated: int
    devices: int
    cameras: int
    blind_cameras: int
    manual: int
    loads: int


class WatchOut(BaseModel):
    """A page of stations, in the order of their registration."""

    items: list[WatchedOut]
    next: UUID | None


class PauseIn(Body):
    """When a station does not weigh, and why."""

    since: Instant
    until: Instant
    reason: Reason


class SpanOut(BaseModel):
    """A time in which a station was silent, or a camera did not see, with the loads that were weighed in it."""

    since: datetime
    until: datetime | None
    camera: str | None = None
    kind: str | None = None
    note: str | None = None
    weighings: list[UUID]


class DayOut(BaseModel):
    """A station's day: figures, evidence and every record."""

    station_id: UUID
    station: str
    on: date
    loads: dict[str, int]
    gross_kg: int
    tare_kg: int
    net_kg: int
    nets_kg: dict[str, int]
    manual: int
    signed: int
    unsigned: int
    duplicates: int
    refused: int
    void: int
    flags: dict[str, int]
    first_sequence: int | None
    last_sequence: int | None
    missing: list[tuple[int, int]]
    backwards: list[int]
    silences: list[SpanOut]
    cameras: list[SpanOut]
    records: list[dict[str, Any]]


@router.get("/watch")
async def list_watched(
    request: Request,
    connection: ReaderDep,
    actor: Reader,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> WatchOut:
    """Whether the stations of the office's area, or one's own, are live, late, down or paused."""
    items = await watched(connection, request, after=after, limit=limit, actor=actor)
    return WatchOut(items=items, next=items[-1].id if len(items) == limit else None)


async def watched(
    connection: Connection, request: Request, *, after: UUID | None, limit: int, actor: Actor
) -> list[WatchedOut]:
    """The actor's stations as clients and pages see them."""
    state = request.app.state
    at = state.clock.now()
    policies = await state.rulebook.policies(at)
    rows = await stations.list_watched(connection, after=after, limit=limit, at=at, actor=actor)
    return [
        WatchedOut(
            **{name: row[name] for name in WatchedOut.model_fields if name in row},
            state=state_of(Pulse(row["seen_at"], row["paused_until"]), at=at, policies=policies),
            clock_offset_seconds=None
            if row["seen_at"] is None
            else int((row["seen_at"] - row["sent_at"]).total_seconds()),
            has_gap=row["seen"] is not None and len(row["seen"]) > 1,
        )
        for row in (dict(row) | {"repeated": row["repeated"] or 0} for row in rows)
    ]


@router.post("/{station_id}/pauses", status_code=204)
async def pause(
    station_id: UUID,
    body: PauseIn,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("stations.pause"))],
) -> None:
    """Say that a station will not weigh for a time, by itself beforehand or by an office of its area."""
    at = request.app.state.clock.now()
    await pause_station(connection, station_id, body.since, body.until, body.reason, at=at, actor=actor)


@router.post("/{station_id}/resume", status_code=204)
async def resume(
    station_id: UUID,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("stations.pause"))],
) -> None:
    """Say that a station weighs again, before its pause is over."""
    await resume_station(connection, station_id, at=request.app.state.clock.now(), actor=actor)


@router.get("/{station_id}/day")
async def show_day(station_id: UUID, on: Day, request: Request, connection: ReaderDep, actor: Reader) -> DayOut:
    """A station's day in Asia/Shanghai: loads, weights, hands, signatures, refusals, flags, numbers, silences, cameras."""
    return await day_out(station_id, on, request, connection, actor)


async def day_out(station_id: UUID, on: date, request: Request, connection: Connection, actor: Actor) -> DayOut:
    """A station's day as clients and pages see it; raises NotFound for a station of which the actor may not know."""
    state = request.app.state
    at = state.clock.now()
    found = await stations.list_watched(connection, station_id=station_id, limit=1, at=at, actor=actor)
    if not found:
        raise NotFound
    since = datetime(on.year, on.month, on.day, tzinfo=SHANGHAI)
    until = since + timedelta(days=1)
    rows = await stations.day_of(connection, station_id, since, until)
    lines = [
        DayLine(
            row["sequence"],
            row["direction"],
            row["gross_kg"],
            row["tare_kg"],
            row["net_kg"],
            row["manual"],
            row["is_signed"],
            row["status"],
            tuple(row["flags"]),
            row["weighed_at"],
        )
        for row in rows
    ]
    seen = [(span.lower, span.upper) for span in found[0]["seen"] or ()]
    policies = await state.rulebook.policies(at)
    refusals = await stations.count_refusals(connection, station_id, since, until)
    sheet = day_sheet(lines, seen, refusals, policies)
    late_minutes = policies.station_late_minutes
    silences = await stations.silences_of(connection, station_id, since, until, late_minutes=late_minutes, at=at)
    blind = blind_spans(await stations.camera_events(connection, station_id, until))
    return DayOut(
        station_id=station_id,
        station=found[0]["name"],
        on=on,
        **asdict(sheet),
        silences=[
            SpanOut(since=span.since, until=span.until, note=reason, weighings=_weighed_in(span, rows))
            for span, reason in silences
        ],
        cameras=[
            SpanOut(
                since=span.since,
                until=span.until,
                camera=event.camera,
                kind=event.kind,
                note=event.note,
                weighings=_weighed_in(span, rows),
            )
            for event, span in blind
            if span.until is None or span.until > since
        ],
        records=[dict(row) for row in rows],
    )


def _weighed_in(span: Span, rows: Iterable[Record]) -> list[UUID]:
    return [row["id"] for row in rows if row["status"] == "accepted" and span.holds(row["occurred_at"])]
