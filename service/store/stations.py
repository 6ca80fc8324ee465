"""Stations as they are heard of: life signs, cameras, pauses, silences and the loads that fall into them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain.permissions import Actor
from service.domain.stations import CameraEvent
from service.store.sentences import sentences

SQL = sentences("stations")


async def beat(
    connection: Connection,
    station_id: UUID,
    *,
    sent_at: datetime,
    unsent: int,
    app_version: str,
    at: datetime,
    by: UUID,
) -> datetime | None:
    """Note a sign of life; gives when the one before was noted, None when there was none or a minute has not passed."""
    before: datetime | None = await connection.fetchval(SQL["beat"], station_id, at, sent_at, unsent, app_version, by)
    return before


async def end_silence(connection: Connection, station_id: UUID, since: datetime, until: datetime) -> None:
    """Keep a silence that is over."""
    await connection.execute(SQL["end_silence"], station_id, since, until)


async def find_places(connection: Connection, station_ids: Collection[UUID], *, actor: Actor) -> dict[UUID, Record]:
    """Those of the stations that the actor speaks for: an office for those of its area, a station for itself."""
    rows = await connection.fetch(SQL["places"], list(station_ids), actor.area, actor.station_id)
    return {row["id"]: row for row in rows}


async def tell_cameras(connection: Connection, events: Sequence[CameraEvent], *, at: datetime, by: UUID) -> None:
    """Keep what became of cameras; the same event told again is kept once."""
    await connection.execute(
        SQL["tell_cameras"],
        [uuid7() for _ in events],
        [event.station_id for event in events],
        [event.camera for event in events],
        [event.kind.value for event in events],
        [event.occurred_at for event in events],
        [event.note for event in events],
        by,
        at,
    )


async def cameras(connection: Connection, station_ids: Collection[UUID]) -> list[Record]:
    """The last word on each camera of the stations."""
    return await connection.fetch(SQL["cameras"], list(station_ids))
