"""Reporting how a mine's quarter was scored."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection
from service.domain.assessments import Scored
from service.domain.calendar import days_late
from service.domain.deadlines import sheets_deadline
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import NotFound
from service.store import assessments, audits


async def report_score(
    connection: Connection,
    mine_id: UUID,
    year: int,
    quarter: int,
    scored: Scored,
    policies: Policies,
    *,
    cut_off: datetime,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> UUID:
    """Report a mine's score for a quarter, in time or late; later facts than the cut-off belong to the next (R18)."""
    if not actor.covers(await assessments.place_of(connection, mine_id)):
        raise NotFound
    due_on = sheets_deadline(year, quarter, policies).due_on
    assessment_id = uuid7()
    late = days_late(due_on, at)
    await assessments.add_assessment(
        connection,
        assessment_id,
        mine_id,
        year,
        quarter,
        scored,
        cut_off=cut_off,
        document_no=document_no,
        due_on=due_on,
        days_late=late,
        at=at,
        actor=actor,
    )
    facts = {"mine": mine_id, "year": year, "quarter": quarter, "score": scored.score, "days_late": late}
    await audits.note(connection, "assessments.report", assessment_id, facts, at=at, actor=actor)
    return assessment_id
