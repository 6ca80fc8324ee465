"""Stations as they are heard of: life signs, cameras, pauses, silences and the loads that fall into them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain.permissions import Actor
from service.domain.stations import CameraEvent, CameraEventKind, Span
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


async def list_watched(
    connection: Connection,
    *,
    station_id: UUID | None = None,
    after: UUID | None = None,
    limit: int = 50,
    at: datetime,
    actor: Actor,
) -> list[Record]:
    """The actor's stations as they were heard of last, in the order of their registration."""
    return await connection.fetch(
        SQL["watch"],
        actor.reads_all,
        actor.area,
        actor.enterprise_id,
        actor.station_id,
        station_id,
        after,
        at,
        limit,
    )


async def day_of(connection: Connection, station_id: UUID, since: datetime, until: datetime) -> list[Record]:
    """All that a station told of a time, as it stands now."""
    return await connection.fetch(SQL["day"], station_id, since, until)


async def count_refusals(connection: Connection, station_id: UUID, since: datetime, until: datetime) -> int:
    """How many records that came in a time were none: wrong signatures, ids used before."""
    found: int = await connection.fetchval(SQL["refusals"], station_id, since, until)
    return found


async def silences_of(
    connection: Connection, station_id: UUID, since: datetime, until: datetime, *, late_minutes: int, at: datetime
) -> list[tuple[Span, str | None]]:
    """When a station was not heard of in a time, with the reason of a pause that was said; the present silence has no end yet."""
    rows = await connection.fetch(SQL["silences"], station_id, since, until, at, late_minutes)
    return [(Span(row["since"], row["until"]), row["reason"]) for row in rows]


async def camera_events(connection: Connection, station_id: UUID, until: datetime) -> list[CameraEvent]:
    """What became of a station's cameras before a moment, camera by camera."""
    return [
        CameraEvent(station_id, row["camera"], CameraEventKind(row["kind"]), row["occurred_at"], row["note"])
        for row in await connection.fetch(SQL["camera_events"], station_id, until)
    ]


async def pause(
    connection: Connection, station_id: UUID, since: datetime, until: datetime, reason: str, *, at: datetime, by: UUID
) -> None:
    """Keep that a station does not weigh for a time."""
    await connection.execute(SQL["pause"], uuid7(), station_id, since, until, reason, by, at)


async def resume(connection: Connection, station_id: UUID, *, at: datetime) -> None:
    """End the pauses of a station that are in force."""
    await connection.execute(SQL["resume"], station_id, at)


async def find_silent(connection: Connection, before: datetime, *, at: datetime) -> list[Record]:
    """The stations that were heard of, but not since a moment, and of which nobody was told yet."""
    return await connection.fetch(SQL["silent"], before, at)
