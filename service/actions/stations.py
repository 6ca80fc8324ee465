"""What stations and offices say of a station itself: that it lives, and what its cameras do."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import NotAllowed, NotFound
from service.domain.stations import CameraEvent, CameraEventKind, PauseNotAhead, StationNotNamed
from service.store import alerts, audits, stations


async def beat(
    connection: Connection,
    *,
    sent_at: datetime,
    unsent: int,
    app_version: str,
    policies: Policies,
    at: datetime,
    actor: Actor,
) -> None:
    """Note a sign of life of the actor's station; a silence that it ends is kept, and its alert settles itself."""
    if actor.station_id is None:
        raise NotAllowed
    before = await stations.beat(
        connection,
        actor.station_id,
        sent_at=sent_at,
        unsent=unsent,
        app_version=app_version,
        at=at,
        by=actor.person_id,
    )
    if before is not None and at - before > timedelta(minutes=policies.station_late_minutes):
        await stations.end_silence(connection, actor.station_id, before, at)
        await alerts.settle_alerts(connection, [(Flag.STATION_SILENT, "station", str(actor.station_id))], at=at)


async def pause_station(
    connection: Connection,
    station_id: UUID,
    since: datetime,
    until: datetime,
    reason: str,
    *,
    at: datetime,
    actor: Actor,
) -> None:
    """Say that a station will not weigh for a time, by itself or an office of its area: its silence is then none.

    Raises NotFound, PauseNotAhead: a silence cannot be explained away afterwards by the one who was silent.
    """
    if station_id not in await stations.find_places(connection, [station_id], actor=actor):
        raise NotFound
    if since >= until or (since < at and not actor.is_office):
        raise PauseNotAhead

    await stations.pause(connection, station_id, since, until, reason, at=at, by=actor.person_id)
    facts = {"since": since, "until": until, "reason": reason}
    await audits.note(connection, "stations.pause", station_id, facts, at=at, actor=actor)
    if since <= at < until:
        await alerts.settle_alerts(connection, [(Flag.STATION_SILENT, "station", str(station_id))], at=at)


async def resume_station(connection: Connection, station_id: UUID, *, at: datetime, actor: Actor) -> None:
    """Say that a station weighs again before its pause is over, by itself or an office of its area. Raises NotFound."""
    if station_id not in await stations.find_places(connection, [station_id], actor=actor):
        raise NotFound

    await stations.resume(connection, station_id, at=at)
    await audits.note(connection, "stations.resume", station_id, {}, at=at, actor=actor)


async def flag_silent(connection: Connection, policies: Policies, *, at: datetime) -> None:
    """Have stations looked at that were heard of and have been silent for too long (E48)."""
    silent = await stations.find_silent(connection, at - timedelta(minutes=policies.station_down_minutes), at=at)
    await alerts.open_alerts(
        connection,
        [
            Alert(
                Flag.STATION_SILENT,
                "station",
                str(row["id"]),
                row["jurisdiction"],
                (row["enterprise_id"],),
                row["seen_at"],
                {"station": row["id"], "seen_at": row["seen_at"]},
            )
            for row in silent
        ],
        at=at,
    )


async def tell_cameras(connection: Connection, events: Sequence[CameraEvent], *, at: datetime, actor: Actor) -> None:
    """Keep what became of cameras, by the station itself or an office's system; what is down is an alert until it is up.

    Raises StationNotNamed for an office's event without a station, NotFound for a station that is not the actor's.
    """
    named = [replace(event, station_id=event.station_id or actor.station_id) for event in events]
    if any(event.station_id is None for event in named):
        raise StationNotNamed
    station_ids = {event.station_id for event in named if event.station_id}
    places = await stations.find_places(connection, station_ids, actor=actor)
    if missing := station_ids - places.keys():
        raise NotFound(stations=sorted(missing))

    await stations.tell_cameras(connection, named, at=at, by=actor.person_id)
    troubles, good = [], []
    for row in await stations.cameras(connection, station_ids):
        if (row["station_id"], row["camera"]) not in {(event.station_id, event.camera) for event in named}:
            continue
        subject_id = f"{row['station_id']}/{row['camera']}"
        if row["kind"] == CameraEventKind.UP:
            good.append((Flag.CAMERA_FAULT, "camera", subject_id))
        else:
            place = places[row["station_id"]]
            troubles.append(
                Alert(
                    Flag.CAMERA_FAULT,
                    "camera",
                    subject_id,
                    place["jurisdiction"],
                    (place["enterprise_id"],),
                    row["occurred_at"],
                    {"station": place["id"], "camera": row["camera"], "kind": row["kind"], "note": row["note"]},
                )
            )
    await alerts.open_alerts(connection, troubles, at=at)
    await alerts.settle_alerts(connection, good, at=at)
    if actor.is_office:
        facts = {"stations": sorted(map(str, station_ids)), "events": len(named)}
        await audits.note(connection, "cameras.report", _single(station_ids), facts, at=at, actor=actor)


def _single(station_ids: set[UUID]) -> UUID | None:
    return next(iter(station_ids)) if len(station_ids) == 1 else None
