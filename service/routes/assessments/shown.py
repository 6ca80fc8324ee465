"""Scoring sheets as they are seen: a signed one as it was signed, with what has become known since."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from service.actions import assessments as deeds
from service.db import Connection, Record
from service.domain import assessments as rules
from service.domain.assessments import Score
from service.domain.calendar import days_late
from service.domain.deadlines import sheets_deadline
from service.domain.permissions import Actor
from service.domain.policies import Policies, stated
from service.domain.units import Kilograms
from service.routes.assessments.bodies import AssessmentOut, DeltaOut, EvidenceOut, HeaderOut, LineOut, SuggestionOut
from service.store import assessments


async def one(
    connection: Connection, assessment_id: UUID, policies: Policies, *, at: datetime, actor: Actor
) -> AssessmentOut:
    """A sheet that the actor may see, with what has become known since it was signed; raises NotFound."""
    row = await assessments.find_sheet(connection, assessment_id, actor=actor)
    (sheet,) = await shown(connection, [row], policies, at=at)
    if row["reported_at"] is None:
        return sheet
    used_kg = await assessments.used_kg(connection, row["mine_id"], row["year"], row["cut_off"])
    later = await assessments.find_alerts(connection, row["mine_id"], row["cut_off"], at)
    told = [one.id for one in assessments.evidence_of(row) if one.kind == "alert"]
    delta = DeltaOut(
        used_kg=used_kg - sheet.header.used_kg,
        later=[EvidenceOut(**asdict(one)) for one in later if one.occurred_at <= row["cut_off"]],
        healed=sorted(await assessments.healed(connection, told)),
    )
    return sheet.model_copy(update={"delta": delta})


async def shown(
    connection: Connection, rows: "list[Record] | Any", policies: Policies, *, at: datetime
) -> list[AssessmentOut]:
    """Sheets as clients see them: a signed one as it was signed."""
    entries = await assessments.entries_of(connection, [row["id"] for row in rows])
    vetoes = await assessments.veto_texts(connection)
    return [_shown(row, entries[row["id"]], vetoes, policies, at=at) for row in rows]


def _shown(row: Record, entries: Any, vetoes: dict[int, str], policies: Policies, *, at: datetime) -> AssessmentOut:
    evidence = assessments.evidence_of(row)
    lines = rules.lines_of(entries, evidence, vetoes)
    if row["reported_at"] is not None:
        sheet = row["sheet"]
        told, score, said = sheet["lines"], Score(**sheet["score"]), sheet["policies"]
        due_on, late = row["due_on"], row["days_late"]
    else:
        told = [asdict(line) for line in lines]
        score = rules.score_of(rules.points_of(entries, rules.found_points(evidence)), policies)
        said = stated(policies, *deeds.POLICIES)
        due_on = sheets_deadline(row["year"], row["quarter"], policies).due_on
        late = days_late(due_on, at)
    head = row["header"]
    year, quarter = (row["year"], row["quarter"] + 1) if row["quarter"] < 4 else (row["year"] + 1, 1)
    return AssessmentOut(
        id=row["id"],
        mine_id=row["mine_id"],
        year=row["year"],
        quarter=row["quarter"],
        state="draft" if row["reported_at"] is None else "signed",
        header=HeaderOut(
            mine=head["name"],
            holder=head["enterprise"],
            reporter=head["place"],
            method=head["method"],
            licence_number=head["licence_number"],
            scale_kg=head["licence_scale_kg"],
            valid_from=head["licence_valid_from"],
            valid_until=head["licence_valid_until"],
            issued_kg=head["issued_kg"],
            used_kg=head["used_kg"],
        ),
        since=row["since"],
        cut_off=row["cut_off"],
        as_of=row["log_size"],
        lines=[LineOut.model_validate(line) for line in told],
        plus=score.plus,
        minus=score.minus,
        is_vetoed=score.is_vetoed,
        score=score.score,
        unfilled=[f"{item.side}-{item.number}" for item in rules.unfilled(entries)],
        merit=SuggestionOut(
            year=year,
            quarter=quarter,
            suggested_kg=rules.share_kg(score.score, Kilograms(head["licence_scale_kg"]), policies),
        ),
        due_on=due_on,
        days_late=late,
        document_no=row["document_no"],
        reported_at=row["reported_at"],
        signed_by=row["signed_by"],
        delta=None,
        policies=said,
    )
