"""What deadlines are counted by, as offices declare it: outages of the platform, and which days are worked."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.deadlines.moving import move_deadlines
from service.db import Connection
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.store import audits, deadlines, policies


async def declare_outage(
    connection: Connection,
    starts_at: datetime,
    ends_at: datetime,
    *,
    reason: str,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> UUID:
    """Declare that the platform was out; the deadlines that this touched are put off (R27, E54)."""
    version = await policies.turn(connection)
    before = await _rules(connection)
    outage_id = uuid7()
    await deadlines.add_outage(
        connection,
        outage_id,
        starts_at,
        ends_at,
        version=version,
        reason=reason,
        document_no=document_no,
        at=at,
        actor=actor,
    )
    facts = {"starts_at": starts_at, "ends_at": ends_at, "reason": reason, "document_no": document_no}
    await audits.note(connection, "outages.declare", outage_id, facts, at=at, actor=actor)
    await move_deadlines(connection, before, await _rules(connection), version=version, at=at)
    return outage_id


async def enter_days(
    connection: Connection, days: Iterable[tuple[date, bool]], *, document_no: str, at: datetime, actor: Actor
) -> None:
    """Enter which days a year's notice makes worked or free; the last word on a day counts (R19, E56)."""
    version = await policies.turn(connection)
    before = await _rules(connection)
    told = dict(days)
    await deadlines.add_days(connection, told, version=version, document_no=document_no, at=at, actor=actor)
    facts = {"days": len(told), "document_no": document_no}
    await audits.note(connection, "calendar.enter", None, facts, at=at, actor=actor)
    await move_deadlines(connection, before, await _rules(connection), version=version, at=at)


async def _rules(connection: Connection) -> Policies:
    return Policies(history=await policies.history(connection))
