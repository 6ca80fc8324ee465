"""Plates: owners of vehicles are told of tickets in their names, in a list or by a feed with a secret address."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from pydantic import BaseModel

from service.actions import plates as deeds
from service.auth import may
from service.auth.attempts import address_of
from service.db import Connection, ConnectionDep, ReaderDep, Record
from service.domain.permissions import Actor
from service.domain.plates import PlateWatch, WatchState
from service.domain.refusals import NotFound, TooManyAttempts
from service.domain.tickets import TicketState
from service.domain.units import Kilograms, tonnes
from service.routes.fields import Body, DocumentNo, Plate, Reason
from service.routes.idempotency import OnceDep
from service.store import plates

router = APIRouter(prefix="/v1/plates", tags=["plates"])

TICKETS_TOLD = 50
MOST_READINGS = RateLimitItemPerMinute(60)
_readings = MovingWindowRateLimiter(MemoryStorage())
ReadsPlates = Annotated[Actor, Depends(may("plates.read"))]


class PlateIn(Body):
    """A vehicle of the enterprise's; `evidence` is the number of its vehicle licence."""

    plate: Plate
    evidence: DocumentNo


class DisownIn(Body):
    """Why a ticket does not name the vehicle rightly."""

    number: Annotated[str, Query(pattern="^[0-9]{13}$")]
    reason: Reason


class PlateOut(BaseModel):
    """An enterprise's wish to be told of tickets that name a plate; `feed` is shown once, when it is asked for."""

    id: UUID
    enterprise_id: UUID
    enterprise: str
    plate: str
    evidence: str
    state: WatchState
    asked_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None
    feed: str | None = None


class PlatesOut(BaseModel):
    """Plates, newest first."""

    items: list[PlateOut]
    next: UUID | None


class NamedOut(BaseModel):
    """What the owner of a vehicle is told of a ticket that names it: nothing of persons, papers or prices."""

    number: str
    plate: str
    state: TicketState
    planned_kg: int
    valid_from: datetime
    valid_until: datetime
    issued_at: datetime
    out_at: datetime | None
    in_at: datetime | None
    seller: str
    source_station: str
    destination_station: str


class NamedsOut(BaseModel):
    """The newest tickets that name a plate."""

    items: list[NamedOut]


class FeedItemOut(BaseModel):
    """A ticket in a feed: its state stands in the text, and changes the date."""

    id: str
    title: str
    content_text: str
    date_published: datetime
    date_modified: datetime


class FeedOut(BaseModel):
    """A JSON Feed 1.1, which feed readers of phones show and watch."""

    version: Literal["https://jsonfeed.org/version/1.1"] = "https://jsonfeed.org/version/1.1"
    title: str
    language: Literal["zh-CN"] = "zh-CN"
    items: list[FeedItemOut]


@router.post("", status_code=201, response_model=PlateOut)
async def ask_for_plate(
    body: PlateIn,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("plates.watch"))],
) -> PlateOut:
    """Ask to be told of tickets in the name of the firm's vehicle; the county confirms that it is the firm's."""
    state = request.app.state
    watch_id, secret = await deeds.ask_for_plate(
        connection, body.plate, body.evidence, at=state.clock.now(), actor=actor
    )
    shown = await _one(connection, watch_id, actor)
    return shown.model_copy(update={"feed": f"{state.settings.public_url.rstrip('/')}/v1/plates/feed/{secret}"})


@router.get("")
async def list_plates(
    reader: ReaderDep,
    actor: ReadsPlates,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> PlatesOut:
    """The plates of the office's area or of the enterprise, newest first."""
    items = [_out(row) for row in await plates.list_watches(reader, after=after, limit=limit, actor=actor)]
    return PlatesOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/feed/{secret}", response_model=FeedOut)
async def read_feed(secret: str, request: Request, reader: ReaderDep) -> Response:
    """The newest tickets that name a plate, for the feed reader of whoever has the address; silent when it has ended."""
    if not await _readings.hit(MOST_READINGS, "feed", address_of(request)):
        raise TooManyAttempts(retry_after=60)
    watch = await plates.by_feed(reader, deeds.hash_of(secret))
    if watch is None or watch.state is not WatchState.CONFIRMED:
        raise NotFound
    rows = await plates.tickets_of(reader, watch, limit=TICKETS_TOLD)
    feed = FeedOut(title=f"镁溯 {watch.plate}", items=[_told(row) for row in rows])
    return Response(feed.model_dump_json(), media_type="application/feed+json", headers={"Cache-Control": "no-store"})


@router.get("/{plate_id}")
async def get_plate(plate_id: UUID, reader: ReaderDep, actor: ReadsPlates) -> PlateOut:
    """One plate."""
    return await _one(reader, plate_id, actor)


@router.get("/{plate_id}/tickets")
async def list_named(plate_id: UUID, reader: ReaderDep, actor: ReadsPlates) -> NamedsOut:
    """The newest tickets that name a plate, once it is confirmed."""
    shown = await _one(reader, plate_id, actor)
    watch = PlateWatch(shown.id, shown.enterprise_id, shown.plate, shown.confirmed_at, shown.ended_at)
    watch.check_confirmed()
    rows = await plates.tickets_of(reader, watch, limit=TICKETS_TOLD)
    return NamedsOut(items=[NamedOut.model_validate(dict(row)) for row in rows])


@router.post("/{plate_id}/confirm", response_model=PlateOut)
async def confirm_plate(
    plate_id: UUID,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("plates.confirm"))],
) -> Response:
    """Confirm, with the vehicle licence in hand, that the vehicle is the firm's."""

    async def deed() -> PlateOut:
        await deeds.confirm_plate(connection, plate_id, at=request.app.state.clock.now(), actor=actor)
        return await _one(connection, plate_id, actor)

    return await once(connection, actor, deed, status=200)


@router.post("/{plate_id}/end", response_model=PlateOut)
async def end_plate(
    plate_id: UUID,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("plates.end"))],
) -> Response:
    """End an entry: nothing more is told, and its feed falls silent."""

    async def deed() -> PlateOut:
        await deeds.end_plate(connection, plate_id, at=request.app.state.clock.now(), actor=actor)
        return await _one(connection, plate_id, actor)

    return await once(connection, actor, deed, status=200)


@router.post("/{plate_id}/disown", status_code=204)
async def disown_ticket(
    plate_id: UUID,
    body: DisownIn,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("plates.watch"))],
) -> None:
    """Say that a ticket names the firm's vehicle wrongly: the office gets an alert."""
    at = request.app.state.clock.now()
    await deeds.disown_ticket(connection, plate_id, body.number, body.reason, at=at, actor=actor)


async def _one(connection: Connection, plate_id: UUID, actor: Actor) -> PlateOut:
    rows = await plates.list_watches(connection, only=plate_id, limit=1, actor=actor)
    if not rows:
        raise NotFound
    return _out(rows[0])


def _out(row: Record) -> PlateOut:
    watch = PlateWatch(row["id"], row["enterprise_id"], row["plate"], row["confirmed_at"], row["ended_at"])
    said: dict[str, Any] = dict(row)
    return PlateOut.model_validate({**said, "state": watch.state})


_SAID = {
    TicketState.HELD: "待审核",
    TicketState.ISSUED: "未过磅",
    TicketState.OUT: "运输途中",
    TicketState.DELIVERED: "已送达",
    TicketState.RETURNED: "已退回",
    TicketState.CANCELLED: "已取消",
    TicketState.EXPIRED: "已过期",
    TicketState.LOST: "已挂失",
}


def _told(row: Record) -> FeedItemOut:
    state = _SAID[TicketState(row["state"])]
    return FeedItemOut(
        id=f"{row['number']} {row['state']}",
        title=f"{row['plate']} 运单 {row['number']}：{state}",
        content_text=(
            f"{row['seller']}，{row['source_station']} → {row['destination_station']}，"
            f"计划 {tonnes(Kilograms(row['planned_kg']))}。如非本车所运，请立即向主管部门申诉。"
        ),
        date_published=row["issued_at"],
        date_modified=row["in_at"] or row["out_at"] or row["issued_at"],
    )
