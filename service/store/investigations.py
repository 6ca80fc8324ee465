"""Contracts and lots that an authority looks into."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.investigations import Held, Investigation
from service.domain.permissions import Actor
from service.store.sentences import sentences

SQL = sentences("investigations")


async def add(
    connection: Connection,
    investigation_id: UUID,
    investigation: Investigation,
    *,
    jurisdiction: str,
    parties: Sequence[UUID],
    at: datetime,
    actor: Actor,
) -> bool:
    """Hold a paper; False where it is held already."""
    made = await connection.fetchval(
        SQL["add"],
        investigation_id,
        investigation.kind.value,
        investigation.subject_id,
        jurisdiction,
        list(parties),
        investigation.authority,
        investigation.reason,
        investigation.document_no,
        investigation.ends_on,
        at,
        actor.person_id,
    )
    return made is not None


async def held(connection: Connection, subject_ids: Collection[UUID], today: date) -> dict[UUID, Investigation]:
    """Those of some papers that are held on a day."""
    rows = await connection.fetch(SQL["held"], list(subject_ids), today) if subject_ids else []
    return {
        row["subject_id"]: Investigation(
            Held(row["subject_kind"]),
            row["subject_id"],
            row["authority"],
            row["reason"],
            row["document_no"],
            row["ends_on"],
        )
        for row in rows
    }


async def release(
    connection: Connection, investigation_id: UUID, note: str, *, at: datetime, actor: Actor
) -> Record | None:
    """End an investigation; None where it has ended already."""
    return await connection.fetchrow(SQL["release"], investigation_id, at, actor.person_id, note)


async def release_ended(connection: Connection, today: date, *, at: datetime) -> Sequence[Record]:
    """End those whose last day has passed."""
    return await connection.fetch(SQL["release_ended"], today, at)


async def list_investigations(
    connection: Connection,
    *,
    investigation_id: UUID | None = None,
    enterprise_id: UUID | None = None,
    is_open: bool | None = None,
    after: UUID | None = None,
    limit: int = 50,
    actor: Actor,
) -> Sequence[Record]:
    """The investigations of the office's area or of the enterprise's papers, newest first; with a firm those of its papers."""
    firms = [one for one in (actor.enterprise_id, enterprise_id) if one is not None]
    return await connection.fetch(SQL["list"], actor.seen_area, firms, investigation_id, after, limit, is_open)
