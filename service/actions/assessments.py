"""Scoring sheets: drawn from what the service knows, completed by the departments, signed off by the county (R18, §5)."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection
from service.domain import assessments as rules
from service.domain.assessments import Entry, SheetIsSigned
from service.domain.calendar import days_late
from service.domain.deadlines import sheets_deadline
from service.domain.permissions import Actor
from service.domain.policies import Policies, stated
from service.domain.units import start_of
from service.store import assessments, audits, provenance, quotas

POLICIES = ("score_formula", "veto_years", "merit_table", "sheet_gate")


async def draw(
    connection: Connection, mine_id: UUID, year: int, quarter: int, *, at: datetime, actor: Actor
) -> tuple[UUID, bool]:
    """Draft a mine's sheet, or read anew what the service knows into its draft; gives its id and whether it is new.

    What became known after the cut-off of the sheet before, and by now or the quarter's end, belongs to it.
    Raises NotFound, QuarterNotBegun, SheetIsSigned.
    """
    mine = await assessments.find_mine(connection, mine_id, actor=actor)
    cut_off = rules.cut_off(year, quarter, at)
    began = start_of(rules.starts_on(year, quarter))
    since = await assessments.since(connection, mine_id, year, quarter) or began
    past = await provenance.moment(connection, cut_off)
    assert past is not None, "a sheet has a cut-off"
    quota = await quotas.mine_quota(connection, mine_id, year, None, area=None, enterprise_id=None, past=past, at=at)

    header = {**mine, "issued_kg": quota.figures.issued_kg, "used_kg": quota.figures.out_kg}
    drawn = await assessments.draw(
        connection,
        uuid7(),
        mine_id,
        year,
        quarter,
        since=since,
        cut_off=cut_off,
        log_size=past.size,
        header=header,
        evidence=await assessments.find_evidence(connection, mine_id, began, since, cut_off),
        at=at,
        actor=actor,
    )
    if drawn is None:
        raise SheetIsSigned
    facts = {"mine_id": mine_id, "year": year, "quarter": quarter, "cut_off": cut_off}
    await audits.note(connection, "assessments.draw", drawn[0], facts, at=at, actor=actor)
    return drawn


async def enter(
    connection: Connection, assessment_id: UUID, entries: Sequence[Entry], *, at: datetime, actor: Actor
) -> None:
    """Enter points for items; those that the service has found are changed with a reason only.

    Raises NotFound, SheetIsSigned, ItemUnknown, PointsExceedMaximum, NoteMissing.
    """
    await assessments.lock_sheet(connection, assessment_id)
    draft = await assessments.find_sheet(connection, assessment_id, actor=actor)
    if draft["reported_at"] is not None:
        raise SheetIsSigned
    rules.check_entries(entries, rules.found_points(assessments.evidence_of(draft)))

    await assessments.enter(connection, assessment_id, entries, at=at, actor=actor)
    facts = {"entries": [asdict(entry) for entry in entries]}
    await audits.note(connection, "assessments.enter", assessment_id, facts, at=at, actor=actor)


async def sign(
    connection: Connection,
    assessment_id: UUID,
    policies: Policies,
    *,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> None:
    """Sign a sheet off: it is reported, with its score, in time or late, and never changes again (R18, E2)."""
    await assessments.lock_sheet(connection, assessment_id)
    draft = await assessments.find_sheet(connection, assessment_id, actor=actor)
    if draft["reported_at"] is not None:
        raise SheetIsSigned
    entries = (await assessments.entries_of(connection, [assessment_id]))[assessment_id]
    evidence = assessments.evidence_of(draft)
    score = rules.score_of(rules.points_of(entries, rules.found_points(evidence)), policies)
    lines = rules.lines_of(entries, evidence, await assessments.veto_texts(connection))
    due_on = sheets_deadline(draft["year"], draft["quarter"], policies).due_on

    sheet: dict[str, Any] = {
        "lines": [asdict(line) for line in lines],
        "score": asdict(score),
        "policies": stated(policies, *POLICIES),
    }
    late = days_late(due_on, at)
    await assessments.sign(
        connection, draft, score, sheet, document_no=document_no, due_on=due_on, days_late=late, at=at, actor=actor
    )
    facts = {"score": score.score, "vetoed": score.is_vetoed, "document_no": document_no, "days_late": late}
    await audits.note(connection, "assessments.sign", assessment_id, facts, at=at, actor=actor)


async def write_veto(
    connection: Connection, number: int, text: str, *, document_no: str, at: datetime, actor: Actor
) -> None:
    """Write what a veto says; the published sheet is legible in its first only (§5). Raises ItemUnknown."""
    if number not in rules.VETOES:
        raise rules.ItemUnknown(side=rules.Side.VETO, number=number)
    await assessments.write_veto(connection, number, text, document_no=document_no, at=at, actor=actor)
    facts = {"number": number, "text": text, "document_no": document_no}
    await audits.note(connection, "assessments.vetoes", None, facts, at=at, actor=actor)
