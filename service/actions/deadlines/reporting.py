"""The statistics and yearly reports that counties send."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection
from service.domain import deadlines as rules
from service.domain.alerts import Flag
from service.domain.calendar import days_late
from service.domain.deadlines import Duty
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import NotAllowed
from service.store import alerts, audits, deadlines


async def report(
    connection: Connection,
    duty: Duty,
    jurisdiction: str,
    year: int,
    quarter: int | None,
    in_force: Policies,
    *,
    document_no: str,
    figures: Mapping[str, object],
    at: datetime,
    actor: Actor,
) -> UUID:
    """Record that a county's statistics or yearly report was sent, in time or late, with what it says (R15, R19).

    Raises NotAllowed, FiguresMissing.
    """
    if duty is Duty.YEAR_REPORT and any(figures.get(name) is None for name in rules.YEAR_FIGURES):
        raise rules.FiguresMissing(needed=rules.YEAR_FIGURES)
    if not actor.covers(jurisdiction):
        raise NotAllowed
    deadline = (
        rules.year_report_deadline(year, in_force)
        if quarter is None
        else rules.statistics_deadline(year, quarter, in_force)
    )
    submission_id = uuid7()
    late = days_late(deadline.due_on, at)
    await deadlines.add_submission(
        connection,
        submission_id,
        duty,
        jurisdiction,
        year,
        quarter,
        document_no=document_no,
        figures=figures,
        due_on=deadline.due_on,
        days_late=late,
        at=at,
        actor=actor,
    )
    facts = {"duty": duty, "year": year, "quarter": quarter, "document_no": document_no, "days_late": late}
    await audits.note(connection, "submissions.create", submission_id, facts, at=at, actor=actor)
    subject = f"{jurisdiction}:{duty}:{year}:{quarter or 0}"
    told = [(flag, "report", subject) for flag in (Flag.DEADLINE_NEAR, Flag.REPORT_LATE)]
    await alerts.settle_alerts(connection, told, at=at)
    return submission_id
