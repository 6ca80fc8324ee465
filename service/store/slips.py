"""Handover slips: ore that a firm took from its mine into its own plant."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from service.db import Connection, Record
from service.domain.filings import Slip, SlipFiling
from service.domain.papers import PaperKind
from service.domain.permissions import Actor
from service.domain.units import Kilograms
from service.store import papers
from service.store.provenance import Moment
from service.store.sentences import sentences
from service.store.tickets import shipped_at

SQL = sentences("slips")


async def find_by_numbers(
    connection: Connection, keys: Collection[tuple[UUID, str]]
) -> dict[tuple[UUID, str], tuple[UUID, Slip]]:
    """Those slips that are known by their firms and numbers, with their ids."""
    if not keys:
        return {}
    rows = await connection.fetch(SQL["find_by_numbers"], *map(list, zip(*keys, strict=True)))
    return {(row["enterprise_id"], row["number"]): (row["id"], _slip(row)) for row in rows}


def _slip(row: Record) -> Slip:
    return Slip(
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


async def add_slips(connection: Connection, filed: Sequence[tuple[SlipFiling, UUID]], *, at: datetime) -> set[UUID]:
    """Record slips, each with the person who files it; gives those that are new, not those whose number is taken."""
    if not filed:
        return set()
    rows = [
        (
            one.id,
            one.slip.number,
            one.slip.enterprise_id,
            one.slip.mine_id,
            one.slip.handed_on,
            one.slip.kg,
            one.slip.grade,
            one.slip.line_id,
            one.slip.earmark,
            one.slip.by_tickets,
            one.due_on,
            one.days_late,
            " ".join(one.flags),
            one.movement_id,
            one.fact,
            one.slip.project_id,
            one.slip.stock_id,
            person_id,
        )
        for one, person_id in filed
    ]
    made = await connection.fetch(SQL["add"], *map(list, zip(*rows, strict=True)), at)
    ids = {row["id"] for row in made}
    await papers.enter(connection, PaperKind.SLIP, ids, at=at)
    return ids


async def frozen(connection: Connection, asked: Collection[tuple[UUID, date]]) -> set[tuple[UUID, date]]:
    """Those mines that are not consolidated or whose right is not valid on the day beside them (R07), and those projects
    whose period does not hold it."""
    if not asked:
        return set()
    sources, days = zip(*asked, strict=True)
    return {(row["source_id"], row["day"]) for row in await connection.fetch(SQL["frozen"], sources, days)}


async def list_slips(
    connection: Connection,
    *,
    ids: Collection[UUID] | None = None,
    mine: UUID | None = None,
    number: str | None = None,
    after: UUID | None = None,
    limit: int = 50,
    actor: Actor,
) -> Sequence[Record]:
    """The slips of the office's area or of the enterprise, newest first, each with what it drew beyond the quota."""
    chosen = None if ids is None else list(ids)
    return await connection.fetch(SQL["list"], chosen, actor.seen_area, actor.enterprise_id, mine, number, after, limit)


async def find_slip(
    connection: Connection, slip_id: UUID, past: Moment | None, *, actor: Actor
) -> dict[str, Any] | None:
    """A slip that the actor may know of, now or as it stood then."""
    rows = await list_slips(connection, ids=[slip_id], actor=actor)
    if not rows or (past is not None and rows[0]["filed_at"] > past.at):
        return None
    found = dict(rows[0])
    if past is not None and found["by_tickets"]:
        found["handed_kg"] = (await shipped_at(connection, [slip_id], past)).get(slip_id, 0)
    return found


async def slips_of(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Record]:
    """Slips that were filed, whoever they are of."""
    rows = await connection.fetch(SQL["list"], list(ids), None, None, None, None, None, len(ids))
    return {row["id"]: row for row in rows}
