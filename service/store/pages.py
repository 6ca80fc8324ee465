"""What pages show that no other capability reads: joined with names, for those who may see it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.permissions import Actor
from service.store.provenance import Moment
from service.store.sentences import sentences

SQL = sentences("pages")


async def find_viewer(connection: Connection, actor: Actor) -> Record | None:
    """Who is looking: name, role, and the office, firm or station they look for."""
    return await connection.fetchrow(SQL["viewer"], actor.person_id)


async def list_mines(connection: Connection, mine_id: UUID | None = None, *, actor: Actor) -> Sequence[Record]:
    """The mines of the office's area or of the enterprise, or one of them."""
    return await connection.fetch(SQL["mines"], actor.area, actor.enterprise_id, mine_id)


async def list_places(connection: Connection) -> Sequence[Record]:
    """The jurisdictions, by code."""
    return await connection.fetch(SQL["places"])


async def quota_years(connection: Connection) -> list[int]:
    """The years that have a quota tree, newest first."""
    return [row["year"] for row in await connection.fetch(SQL["quota_years"])]


async def count_open_alerts(connection: Connection, *, since: datetime | None = None, actor: Actor) -> dict[str, int]:
    """How many alerts of each code wait for somebody; all, or those opened since a moment."""
    rows = await connection.fetch(SQL["count_open_alerts"], actor.area, actor.enterprise_id, since)
    return {row["code"]: row["number"] for row in rows}


async def loads_beyond(
    connection: Connection, mine_id: UUID, year: int, past: Moment | None, limit: int
) -> Sequence[Record]:
    """The newest loads and slips with kilograms beyond a mine's quota of a year, now or then."""
    return await connection.fetch(SQL["loads_beyond"], mine_id, year, limit, past and past.size)


async def pages_of(connection: Connection, accounts: Collection[int], *, actor: Actor) -> Sequence[Record]:
    """The lots, tickets and runs that accounts are of, as far as the actor may see them."""
    return await connection.fetch(
        SQL["pages_of"], list(accounts), actor.reads_all, actor.seen_area, actor.enterprise_id
    )


async def names_of(connection: Connection, ids: Collection[UUID | None]) -> dict[UUID, str]:
    """What enterprises, mines, stations and people are called."""
    rows = await connection.fetch(SQL["names"], [key for key in ids if key is not None])
    return {row["id"]: row["name"] for row in rows}


async def describe_subjects(
    connection: Connection, subjects: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Record]:
    """What alerts are about, in words, by kind and id."""
    rows = await connection.fetch(
        SQL["describe_subjects"], [kind for kind, _ in subjects], [key for _, key in subjects]
    )
    return {(row["kind"], row["id"]): row for row in rows}


async def ticket_papers(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Record]:
    """The number of the contract or slip, and the mine's licence, that tickets go by."""
    return {row["id"]: row for row in await connection.fetch(SQL["ticket_papers"], list(ids))}


async def ticket_numbered(connection: Connection, number: str) -> UUID | None:
    """The ticket of a number, whoever may see it."""
    found: UUID | None = await connection.fetchval(SQL["ticket_numbered"], number)
    return found


async def ticket_for_anybody(connection: Connection, ticket_id: UUID) -> Record | None:
    """What everybody who holds a ticket's printed code may know of it."""
    return await connection.fetchrow(SQL["ticket_for_anybody"], ticket_id)


async def over_kg_of(connection: Connection, movements: Collection[UUID]) -> dict[UUID, int]:
    """The kilograms of movements that had no quota behind them when they were posted; nothing of those that had."""
    return {row["movement"]: row["over_kg"] for row in await connection.fetch(SQL["over_kg_of"], list(movements))}


async def suspense_kg_of(connection: Connection, movements: Collection[UUID]) -> int:
    """The kilograms of movements that left without a lawful paper and wait for an officer."""
    kg: int = await connection.fetchval(SQL["suspense_kg_of"], list(movements))
    return kg


async def contracts_of_seller(connection: Connection, seller_id: UUID) -> Sequence[Record]:
    """The open contracts under which a firm sells, newest first."""
    return await connection.fetch(SQL["contracts_of_seller"], seller_id)


async def stations_of(connection: Connection, enterprise_ids: Collection[UUID]) -> Sequence[Record]:
    """The weighing stations of firms: those of their mines and those in their yards."""
    return await connection.fetch(SQL["stations_of"], list(enterprise_ids))
