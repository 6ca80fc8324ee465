"""Stations say that they live, and what their cameras do."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from service.actions import stations as deeds
from service.auth import may
from service.db import ConnectionDep
from service.domain.permissions import Actor
from service.domain.stations import CameraEvent, CameraEventKind
from service.routes.fields import Body, Instant, Name, Reason, UuidText

router = APIRouter(tags=["stations"])

MOST_EVENTS = 500


class HeartbeatIn(Body):
    """A sign of life: the device's clock, what it has not sent yet, and what it runs."""

    sent_at: Instant
    unsent: Annotated[int, Field(ge=0, le=10_000_000, strict=True)]
    app_version: Name


class CameraEventIn(Body):
    """What became of a camera; a station tells it of its own, an office names the station."""

    station_id: UuidText | None = None
    camera: Name
    kind: CameraEventKind
    at: Instant
    note: Reason | None = None

    def event(self) -> CameraEvent:
        """The event as the rules take it."""
        return CameraEvent(self.station_id, self.camera, self.kind, self.at, self.note)


class CamerasIn(Body):
    """What became of cameras, oldest or newest first."""

    events: Annotated[list[CameraEventIn], Field(min_length=1, max_length=MOST_EVENTS)]


@router.post("/v1/heartbeats", status_code=204)
async def beat(
    body: HeartbeatIn,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("stations.beat"))],
) -> None:
    """Say that one's own station lives; one a minute is kept, and more than its unsent records is not asked for."""
    state = request.app.state
    await deeds.beat(
        connection,
        sent_at=body.sent_at,
        unsent=body.unsent,
        app_version=body.app_version,
        policies=await state.rulebook.policies(state.clock.now()),
        at=state.clock.now(),
        actor=actor,
    )


@router.post("/v1/cameras", status_code=204)
async def tell_cameras(
    body: CamerasIn,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("cameras.report"))],
) -> None:
    """Tell what became of cameras; the same event may be told again."""
    events = [event.event() for event in body.events]
    await deeds.tell_cameras(connection, events, at=request.app.state.clock.now(), actor=actor)
