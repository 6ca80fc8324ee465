"""Alerts: listed from the database, streamed as they come."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import structlog
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AfterValidator, BaseModel
from redis.exceptions import RedisError

from service.actions import alerts as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep, Record, database
from service.domain.alerts import Flag
from service.domain.permissions import Actor
from service.domain.refusals import Busy
from service.problems import AWAY
from service.routes.fields import Body, Reason, refused
from service.store import alerts
from service.streams import Lost

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])
log = structlog.get_logger(__name__)

MOST_IN_A_PLACE = 2**64 - 1


class AlertOut(BaseModel):
    """One alert."""

    id: UUID
    code: Flag
    state: Literal["open", "settled"]
    subject_kind: str
    subject_id: str
    jurisdiction: str
    facts: dict[str, Any]
    opened_at: datetime
    occurred_at: datetime
    settled_at: datetime | None
    note: str | None

    @classmethod
    def of(cls, row: Record) -> "AlertOut":
        """An alert's row as clients see it."""
        return cls.model_validate({**row, "state": "settled" if row["settled_at"] else "open"})


class AlertsOut(BaseModel):
    """A page of alerts, newest first."""

    items: list[AlertOut]
    next: UUID | None


class SettleIn(Body):
    """What was done about an alert."""

    note: Reason


@router.get("")
async def list_alerts(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("alerts.read"))],
    state: Literal["open", "settled"] | None = None,
    code: Flag | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> AlertsOut:
    """The alerts of the office's area or of the enterprise, newest first."""
    rows = await alerts.list_alerts(connection, state=state, code=code, after=after, limit=limit, actor=actor)
    items = [AlertOut.of(row) for row in rows]
    return AlertsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.post("/{alert_id}/settle", status_code=204)
async def settle_alert(
    alert_id: UUID,
    body: SettleIn,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("alerts.settle"))],
) -> None:
    """Close an alert of the office's area with a note."""
    await deeds.settle_alert(connection, alert_id, body.note, at=request.app.state.clock.now(), actor=actor)


def _in_the_stream(place: str | None) -> str | None:
    """A place as Valkey counts them: each of its two numbers has 64 bits."""
    if place is not None and any(int(number) > MOST_IN_A_PLACE for number in place.split("-")):
        raise refused("place-out-of-range", "不是事件流中的位置", "is no place in the stream")
    return place


async def _room(request: Request) -> AsyncIterator[None]:
    with request.app.state.cache.alerts.room():
        yield


@router.get("/stream", response_class=EventSourceResponse)
async def stream_alerts(
    request: Request,
    actor: Annotated[Actor, Depends(may("alerts.read"))],
    last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,16}-\d{1,20}$"), AfterValidator(_in_the_stream)] = None,
    _: Annotated[None, Depends(_room)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Alerts as they are opened, changed and settled; goes on after Last-Event-ID, as far back as the stream reaches.

    `alert.withdrawn` names one that concerns others now, by its id alone.
    """
    told = request.app.state.cache.alerts
    try:
        place = await told.begin(last_event_id)
        while not told.is_over and await request.app.state.people.actor_of(request) is not None:
            messages = [(at, orjson.loads(message)) for at, message in await told.read(place)]
            for event in await _events(request, messages, actor):
                yield event
            if messages:
                place = messages[-1][0]
    except Lost:
        return  # browsers ask again after an end, and never again after a refusal
    except (RedisError, Busy, *AWAY) as error:
        log.warning(f"A stream of alerts has ended: {type(error).__name__}: {error}")


async def _events(request: Request, messages: list[tuple[str, dict[str, Any]]], actor: Actor) -> list[ServerSentEvent]:
    """The messages that the actor may see, with their alerts as they are now."""
    if not messages:
        return []
    ids = {UUID(message["id"]) for _, message in messages}
    async with database(request).transaction(readonly=True) as connection:
        rows = await alerts.list_alerts(connection, ids=ids, limit=len(ids), actor=actor)
    seen = {str(row["id"]): AlertOut.of(row) for row in rows}
    events = []
    for place, message in messages:
        name = _changed(message, actor) if message["event"] == "changed" else message["event"]
        alert = seen.get(message["id"])
        if name == "withdrawn":
            events.append(ServerSentEvent(id=place, event="alert.withdrawn", data={"id": message["id"]}))
        elif name is not None and alert is not None:
            events.append(ServerSentEvent(id=place, event=f"alert.{name}", data=alert))
    return events


def _changed(message: dict[str, Any], actor: Actor) -> str | None:
    """What an alert that is told anew is to one who watches: new, changed, gone, or as it was."""
    did, does = (alerts.concerns(message[told], actor) for told in ("was", "is"))
    if did and does:
        return "changed" if message["says_otherwise"] else None
    return "opened" if does else "withdrawn" if did else None
