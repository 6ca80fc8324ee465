"""Handover slips: ore that a firm took from its mine into its own plant."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.filings import Slip
from service.domain.permissions import Actor
from service.domain.units import Kilograms
from service.store.sentences import sentences

SQL = sentences("slips")


async def find_by_number(connection: Connection, enterprise_id: UUID, number: str) -> tuple[UUID, Slip] | None:
    """The slip that a firm numbered so, with its id."""
    row = await connection.fetchrow(SQL["find_by_number"], enterprise_id, number)
    if row is None:
        return None
    slip = Slip(
        enterprise_id=row["enterprise_id"],
        number=row["number"],
        mine_id=row["mine_id"],
        handed_on=row["handed_on"],
        kg=Kilograms(row["kg"]),
        grade=row["grade"],
        line_id=row["line_id"],
        earmark=row["earmark"],
        by_tickets=row["by_tickets"],
        project_id=row["project_id"],
        stock_id=row["stock_id"],
    )
    return row["id"], slip


async def add_slip(
    connection: Connection,
    slip_id: UUID,
    slip: Slip,
    *,
    due_on: date,
    days_late: int,
    flags: Sequence[str],
    movement_id: UUID | None,
    fact: bytes,
    person_id: UUID,
    at: datetime,
) -> bool:
    """Record a slip; False where its number was taken meanwhile."""
    made = await connection.fetchval(
        SQL["add"],
        slip_id,
        slip.number,
        slip.enterprise_id,
        slip.mine_id,
        slip.handed_on,
        slip.kg,
        slip.grade,
        slip.line_id,
        slip.earmark,
        slip.by_tickets,
        due_on,
        at,
        days_late,
        flags,
        movement_id,
        person_id,
        fact,
        slip.project_id,
        slip.stock_id,
    )
    return made is not None


async def is_frozen(connection: Connection, source_id: UUID, on: date) -> bool:
    """Whether a mine is not consolidated or its right not valid on a day (R07), or a project's period does not hold it."""
    return bool(await connection.fetchval(SQL["is_frozen"], source_id, on))


async def list_slips(
    connection: Connection,
    *,
    slip_id: UUID | None = None,
    mine: UUID | None = None,
    number: str | None = None,
    after: UUID | None = None,
    limit: int = 50,
    actor: Actor,
) -> Sequence[Record]:
    """The slips of the office's area or of the enterprise, newest first, each with what it drew beyond the quota."""
    area = None if actor.reads_all else actor.area
    return await connection.fetch(SQL["list"], slip_id, area, actor.enterprise_id, mine, number, after, limit)
