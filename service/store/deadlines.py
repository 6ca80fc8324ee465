"""What is due, what has moved a deadline, and what was reported in time or late."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain.alerts import Flag
from service.domain.deadlines import Duty, Move
from service.domain.papers import PaperKind
from service.domain.permissions import Actor
from service.store import papers
from service.store.sentences import sentences

SQL = sentences("deadlines")


async def contract_days(connection: Connection, *, only_waiting: bool) -> Sequence[Record]:
    """The days on which contracts were signed, with those on which they are due."""
    return await connection.fetch(SQL["contract_days"], only_waiting)


async def move_contracts(connection: Connection, signed_on: date, was_due_on: date, due_on: date) -> Sequence[Record]:
    """Give the contracts that were signed on a day another due day; those that were moved, with their flags."""
    return await connection.fetch(SQL["move_contracts"], signed_on, was_due_on, due_on)


async def amendment_days(connection: Connection, *, only_waiting: bool) -> Sequence[Record]:
    """The days on which amendments were agreed, with those on which they are due."""
    return await connection.fetch(SQL["amendment_days"], only_waiting)


async def move_amendments(connection: Connection, agreed_on: date, was_due_on: date, due_on: date) -> Sequence[Record]:
    """Give the amendments that were agreed on a day another due day; those that were moved, and whether both sides are in time."""
    return await connection.fetch(SQL["move_amendments"], agreed_on, was_due_on, due_on)


async def late_slips(connection: Connection) -> Sequence[Record]:
    """The slips that were late when they were filed, with the day by which they are judged now."""
    return await connection.fetch(SQL["late_slips"])


async def add_moves(connection: Connection, moves: Collection[Move], *, version: int, at: datetime) -> None:
    """Keep how deadlines have moved, and by which version of the rulebook."""
    ids = [uuid7() for _ in moves]
    await connection.execute(
        SQL["add_moves"],
        ids,
        [move.duty for move in moves],
        [move.subject_id for move in moves],
        [move.was.due_on for move in moves],
        [move.now.due_on for move in moves],
        [move.was.is_provisional for move in moves],
        [move.now.is_provisional for move in moves],
        version,
        at,
    )
    await papers.enter_decisions(connection, PaperKind.MOVE, ids, at=at)


async def moves_of(connection: Connection, subject_ids: Collection[str]) -> Mapping[tuple[str, str], list[Record]]:
    """How the deadlines of subjects have moved, by duty and subject."""
    found: dict[tuple[str, str], list[Record]] = {}
    for row in await connection.fetch(SQL["moves_of"], list(subject_ids)):
        found.setdefault((row["duty"], row["subject_id"]), []).append(row)
    return found


async def waiting_contracts(
    connection: Connection, *, area: str | None, enterprise_id: UUID | None
) -> Sequence[Record]:
    """The contracts whose filing is not complete, with which sides have filed."""
    return await connection.fetch(SQL["waiting_contracts"], area, enterprise_id)


async def waiting_amendments(
    connection: Connection, *, area: str | None, enterprise_id: UUID | None
) -> Sequence[Record]:
    """What one side of a contract wants to change and the other has not answered."""
    return await connection.fetch(SQL["waiting_amendments"], area, enterprise_id)


async def earmarked(
    connection: Connection, year: int, *, area: str | None, enterprise_id: UUID | None
) -> Sequence[Record]:
    """The accounts of special quota of a year that is not closed."""
    return await connection.fetch(SQL["earmarked"], year, area, enterprise_id)


async def waiting_allotments(connection: Connection, *, area: str | None) -> Sequence[Record]:
    """What counties have not issued or not published yet, with when the city decided (R14)."""
    return await connection.fetch(SQL["waiting_allotments"], area)


async def counties(connection: Connection, year: int, *, area: str | None) -> Sequence[Record]:
    """The counties that got quota for a year."""
    return await connection.fetch(SQL["counties"], area, year)


async def mines(connection: Connection, *, area: str | None) -> Sequence[Record]:
    """The mines of an area, with the day of their registration."""
    return await connection.fetch(SQL["mines"], area)


async def assessed(connection: Connection, year: int) -> set[tuple[UUID, int]]:
    """Which quarters of a year were reported, by mine."""
    return {(row["mine_id"], row["quarter"]) for row in await connection.fetch(SQL["assessed"], year)}


async def submitted(connection: Connection, year: int) -> set[tuple[str, str, int | None]]:
    """What was reported of a year, by county and duty."""
    rows = await connection.fetch(SQL["submitted"], year)
    return {(row["jurisdiction"], row["duty"], row["quarter"]) for row in rows}


async def add_submission(
    connection: Connection,
    submission_id: UUID,
    duty: Duty,
    jurisdiction: str,
    year: int,
    quarter: int | None,
    *,
    document_no: str,
    figures: Mapping[str, object],
    due_on: date,
    days_late: int,
    at: datetime,
    actor: Actor,
) -> None:
    """Keep that a county has reported."""
    await connection.execute(
        SQL["add_submission"],
        submission_id,
        duty,
        jurisdiction,
        year,
        quarter,
        document_no,
        due_on,
        days_late,
        actor.person_id,
        at,
        figures,
    )


async def add_outage(
    connection: Connection,
    outage_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    *,
    version: int,
    reason: str,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> None:
    """Keep an outage that was declared."""
    await connection.execute(
        SQL["add_outage"], outage_id, version, starts_at, ends_at, reason, document_no, actor.person_id, at
    )
    await papers.enter_decisions(connection, PaperKind.OUTAGE, [outage_id], at=at)


async def add_days(
    connection: Connection,
    days: Mapping[date, bool],
    *,
    version: int,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> None:
    """Keep what a notice says of days."""
    ids = [uuid7() for _ in days]
    await connection.execute(
        SQL["add_days"],
        ids,
        list(days),
        list(days.values()),
        version,
        document_no,
        actor.person_id,
        at,
    )
    await papers.enter_decisions(connection, PaperKind.DAY, ids, at=at)


async def open_alerts(connection: Connection, codes: Collection[Flag]) -> set[tuple[Flag, str, str]]:
    """What is open of some codes."""
    rows = await connection.fetch(SQL["open_alerts"], [code.value for code in codes])
    return {(Flag(row["code"]), row["subject_kind"], row["subject_id"]) for row in rows}


async def settled_by_hand(connection: Connection, codes: Collection[Flag]) -> set[tuple[Flag, str, str]]:
    """What an office has looked at and settled, of some codes."""
    rows = await connection.fetch(SQL["settled_by_hand"], [code.value for code in codes])
    return {(Flag(row["code"]), row["subject_kind"], row["subject_id"]) for row in rows}


async def list_submissions(connection: Connection, year: int, *, actor: Actor) -> Sequence[Record]:
    """What the counties of the office's area have reported of a year."""
    return await connection.fetch(SQL["list_submissions"], actor.area, year)
