"""Weighings as people ask for them, and as somebody says more of one."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from service.db import Connection
from service.db import Record as Row
from service.domain.alerts import Flag
from service.domain.permissions import Actor
from service.domain.weighings import Line, Station
from service.store.sentences import sentences
from service.store.weighings.lines import LENGTH_OF_A_LINE, line_of

SQL = sentences("weighings")


async def lock_line(connection: Connection, weighing_id: UUID, *, actor: Actor) -> tuple[Line, Station, str] | None:
    """A weighing of the actor's station or area, and how it stands; its station's book is locked."""
    own = await connection.fetchrow(SQL["lock_book_of"], weighing_id, actor.area, actor.station_id)
    if own is None:
        return None
    where = None if own["latitude"] is None else (own["latitude"], own["longitude"])
    station = Station(own["id"], own["jurisdiction"], own["mine_id"], own["enterprise_id"], where)
    row = await connection.fetchrow(SQL["find_line"], weighing_id)
    assert row is not None, "a weighing stays"
    return line_of(row), station, row["status"]


async def list_weighings(
    connection: Connection,
    *,
    ids: Collection[UUID] | None = None,
    status: str | None = None,
    station_id: UUID | None = None,
    ticket_id: UUID | None = None,
    plate: str | None = None,
    after: UUID | None = None,
    as_of: datetime | None = None,
    limit: int = 50,
    actor: Actor | None,
) -> list[Row]:
    """The weighings that the actor may know of as they stand, or stood, the refused among them, newest first.

    No actor sees them all: who sees a ticket sees what the scales said of it.
    """
    scope = (
        (True, None, None, None)
        if actor is None
        else (actor.reads_all, actor.area, actor.enterprise_id, actor.station_id)
    )
    return await connection.fetch(
        SQL["list"],
        *scope,
        after,
        None if ids is None else list(ids),
        status,
        station_id,
        ticket_id,
        plate,
        limit,
        as_of,
    )


async def versions_of(connection: Connection, weighing_id: UUID, as_of: datetime | None = None) -> list[Row]:
    """What was said of a weighing after it was recorded, first to last."""
    return await connection.fetch(SQL["versions"], weighing_id, as_of)


async def find_sayings(connection: Connection, ticket_ids: Collection[UUID]) -> list[tuple[datetime, Line]]:
    """All that was ever said of these tickets' records, each record first to last, and when it was said."""
    rows = await connection.fetch(SQL["find_sayings"], list(ticket_ids))
    return [(row["said_at"], line_of(row[:LENGTH_OF_A_LINE])) for row in rows]


async def signature_of(connection: Connection, weighing_id: UUID) -> Row | None:
    """What the device has signed, if it has."""
    return await connection.fetchrow(SQL["signature"], weighing_id)


async def find_over(connection: Connection, movement_ids: Collection[UUID]) -> set[UUID]:
    """Those of the movements that took kilograms beyond a quota: the legs say it, for ever."""
    if not movement_ids:
        return set()
    return {row["movement"] for row in await connection.fetch(SQL["find_over"], list(movement_ids))}


async def still_said(connection: Connection, subjects: Collection[tuple[Flag, str, str]]) -> set[tuple[Flag, str, str]]:
    """Those of the subjects of whose flag some record says still that it is so."""
    said = set()
    for flag, kind, subject_id in subjects:
        if await connection.fetchval(SQL["still_said"], flag.value, kind, UUID(subject_id)):
            said.add((flag, kind, subject_id))
    return said
