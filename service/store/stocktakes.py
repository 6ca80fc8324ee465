"""Stocktakes: counts of lots, and what offices have decided about their differences."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.permissions import Actor
from service.domain.stocktakes import Stocktake, StocktakeState
from service.domain.units import Kilograms
from service.store.sentences import sentences

SQL = sentences("stocktakes")


async def add_stocktake(
    connection: Connection,
    stocktake_id: UUID,
    stocktake: Stocktake,
    *,
    book_kg: Kilograms,
    fact: bytes,
    person_id: UUID,
    at: datetime,
) -> bool:
    """Record a count beside what the book said; False where another count of the lot still waits."""
    made = await connection.fetchval(
        SQL["add"],
        stocktake_id,
        stocktake.lot_id,
        stocktake.counted_kg,
        stocktake.counted_on,
        book_kg,
        stocktake.reason,
        stocktake.document_no,
        at,
        person_id,
        fact,
    )
    return made is not None


async def lock_stocktake(connection: Connection, stocktake_id: UUID, area: str) -> Record | None:
    """A stocktake in an office's area, with its lot and what was adjusted there before; locked until it is decided."""
    return await connection.fetchrow(SQL["lock"], stocktake_id, area)


async def decide(
    connection: Connection,
    stocktake_id: UUID,
    state: StocktakeState,
    note: str | None,
    movement_id: UUID | None,
    *,
    at: datetime,
    actor: Actor,
) -> None:
    """Keep what the office has decided."""
    await connection.execute(SQL["decide"], stocktake_id, state.value, at, actor.person_id, note, movement_id)


async def list_stocktakes(
    connection: Connection,
    *,
    stocktake_id: UUID | None = None,
    state: StocktakeState | None = None,
    after: UUID | None = None,
    limit: int = 50,
    actor: Actor,
) -> Sequence[Record]:
    """The stocktakes of the office's area or of the enterprise, newest first."""
    wanted = state and state.value
    return await connection.fetch(SQL["list"], stocktake_id, actor.seen_area, actor.enterprise_id, wanted, after, limit)
