"""Plates that enterprises watch, and the tickets that name them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.permissions import Actor
from service.domain.plates import PlateWatch
from service.store.sentences import sentences

SQL = sentences("plates")


async def ask(
    connection: Connection, watch: PlateWatch, evidence: str, feed_hash: bytes, *, at: datetime, actor: Actor
) -> bool:
    """Write an enterprise's wish to be told; False when it has asked already."""
    row = await connection.fetchrow(
        SQL["ask"], watch.id, watch.enterprise_id, watch.plate, evidence, feed_hash, at, actor.person_id
    )
    return row is not None


async def running(connection: Connection, enterprise_id: UUID, plate: str) -> UUID | None:
    """The entry by which an enterprise watches a plate already."""
    found: UUID | None = await connection.fetchval(SQL["running"], enterprise_id, plate)
    return found


async def lock(connection: Connection, watch_id: UUID, *, actor: Actor) -> PlateWatch | None:
    """An entry that the actor may know of, locked."""
    row = await connection.fetchrow(SQL["lock"], watch_id, actor.reads_all, actor.area, actor.enterprise_id)
    return None if row is None else PlateWatch(**dict(row))


async def has_another_owner(connection: Connection, watch: PlateWatch) -> bool:
    """Whether a plate is confirmed for somebody by another entry."""
    return bool(await connection.fetchval(SQL["has_another_owner"], watch.plate, watch.id))


async def confirm(connection: Connection, watch_id: UUID, *, at: datetime, actor: Actor) -> None:
    """Note that an office has seen that the vehicle is the enterprise's."""
    await connection.execute(SQL["confirm"], watch_id, at, actor.person_id)


async def end(connection: Connection, watch_id: UUID, *, at: datetime) -> None:
    """End an entry: its feed falls silent."""
    await connection.execute(SQL["end"], watch_id, at)


async def list_watches(
    connection: Connection, *, after: UUID | None = None, only: UUID | None = None, limit: int, actor: Actor
) -> Sequence[Record]:
    """The entries of the office's area or of the enterprise, newest first."""
    return await connection.fetch(SQL["list"], actor.reads_all, actor.area, actor.enterprise_id, after, only, limit)


async def by_feed(connection: Connection, feed_hash: bytes) -> PlateWatch | None:
    """The entry whose feed has an address with this hash."""
    row = await connection.fetchrow(SQL["by_feed"], feed_hash)
    return None if row is None else PlateWatch(**dict(row))


async def tickets_of(
    connection: Connection, watch: PlateWatch, *, number: str | None = None, limit: int
) -> Sequence[Record]:
    """The newest tickets that name a confirmed plate, from its confirmation on."""
    return await connection.fetch(SQL["tickets"], watch.plate, watch.confirmed_at, number, limit)
