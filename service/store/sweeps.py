"""What time alone brings about: tickets that nobody used, loads that nobody received, keys that are forgotten."""

from datetime import datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.papers import PaperKind
from service.store import papers
from service.store.sentences import sentences

SQL = sentences("sweeps")


async def lead(connection: Connection) -> bool:
    """Hold the sweeper's lock until the transaction ends; False while another process holds it."""
    return bool(await connection.fetchval(SQL["lead"]))


async def expire_tickets(connection: Connection, before: datetime, *, at: datetime) -> list[Record]:
    """End the tickets whose validity ended before a moment and that no scale saw; their holds are released."""
    expired = await connection.fetch(SQL["expire_tickets"], before, at)
    if expired:
        await papers.enter(connection, PaperKind.EXPIRY, [ticket["id"] for ticket in expired], at=at)
    return expired


async def never_received(connection: Connection, before: datetime) -> list[Record]:
    """The loads that were weighed out before a moment, never arrived, and have no open alert for it."""
    return await connection.fetch(SQL["never_received"], before)


async def alone_again(connection: Connection) -> list[UUID]:
    """The tickets that have not left and are told to be one of two of their plate, and are not (W05)."""
    return [row["id"] for row in await connection.fetch(SQL["alone_again"])]


async def forget(connection: Connection, before: datetime, *, at: datetime) -> None:
    """Drop the answers of idempotency keys from before a moment, and revocations of tokens that have expired."""
    await connection.execute(SQL["forget_keys"], before)
    await connection.execute(SQL["forget_revocations"], at)
