"""Scores of mines' quarters, as counties reported them."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.assessments import Scored, Sheets
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.units import shanghai_day
from service.store.sentences import sentences

SQL = sentences("assessments")


async def sheets_of(connection: Connection, mine_id: UUID) -> Sheets:
    """What was reported of a mine, and since when it is registered; raises NotFound."""
    mine = await connection.fetchrow(SQL["registered"], mine_id)
    if mine is None:
        raise NotFound
    rows = await connection.fetch(SQL["sheets"], mine_id)
    scored = {(row["year"], row["quarter"]): Scored(row["score"], row["is_vetoed"]) for row in rows}
    return Sheets(shanghai_day(mine["created_at"]), scored)


async def place_of(connection: Connection, mine_id: UUID) -> str:
    """Where a mine lies; raises NotFound."""
    mine = await connection.fetchrow(SQL["registered"], mine_id)
    if mine is None:
        raise NotFound
    return str(mine["jurisdiction"])


async def add_assessment(
    connection: Connection,
    assessment_id: UUID,
    mine_id: UUID,
    year: int,
    quarter: int,
    scored: Scored,
    *,
    cut_off: datetime,
    document_no: str,
    due_on: date,
    days_late: int,
    at: datetime,
    actor: Actor,
) -> None:
    """Keep a quarter's score, as its next version."""
    await connection.execute(
        SQL["add"],
        assessment_id,
        mine_id,
        year,
        quarter,
        scored.score,
        scored.is_vetoed,
        cut_off,
        document_no,
        due_on,
        days_late,
        actor.person_id,
        at,
    )


async def list_assessments(
    connection: Connection,
    *,
    mine_id: UUID | None = None,
    year: int | None = None,
    quarter: int | None = None,
    limit: int,
    actor: Actor,
) -> Sequence[Record]:
    """The scores that the actor may know of, newest quarter first."""
    return await connection.fetch(SQL["list"], actor.area, actor.enterprise_id, mine_id, year, quarter, limit)
