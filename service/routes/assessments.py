"""Scoring sheets of mines (监管测评表): drafted from what the service knows, completed, signed off."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from service.actions import assessments as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep, Record
from service.domain import assessments as rules
from service.domain.assessments import Entry, Score, Side
from service.domain.calendar import days_late
from service.domain.deadlines import sheets_deadline
from service.domain.permissions import Actor
from service.domain.policies import Policies, stated
from service.domain.refusals import NotFound
from service.domain.units import Kilograms
from service.routes.entries import After, Limit, Now, PoliciesNow
from service.routes.fields import Body, DocumentNo, Quarter, Reason, UuidText, Year
from service.routes.idempotency import Answer, OnceDep
from service.store import assessments
from service.store import pages as reads

router = APIRouter(prefix="/v1/assessments", tags=["assessments"])
merit_router = APIRouter(tags=["assessments"])

ReadsSheets = Annotated[Actor, Depends(may("assessments.read"))]
FillsSheets = Annotated[Actor, Depends(may("assessments.fill"))]


class AssessmentIn(Body):
    """Whose sheet, of which quarter."""

    mine_id: UuidText
    year: Year
    quarter: Quarter


class EntryIn(Body):
    """Points for one item; of a veto 1 says that it applies. Vetoes, and points other than the service found, need a `note`."""

    side: Side
    number: int
    points: int
    note: Reason | None = None


class EntriesIn(Body):
    """What departments enter; items that are not named stay as they are."""

    items: list[EntryIn] = Field(min_length=1, max_length=40)


class SignIn(Body):
    """The number of the document under which the county reports the sheet."""

    document_no: DocumentNo


class VetoIn(Body):
    """What a veto says, and by which document."""

    text: Reason
    document_no: DocumentNo


class VetoOut(BaseModel):
    """A veto; empty where the published sheet is not legible and the province has written nothing."""

    number: int
    text: str


class VetoesOut(BaseModel):
    """The seven vetoes."""

    items: list[VetoOut]
    next: None = None


class EvidenceOut(BaseModel):
    """A fact behind an item: an alert, a camera's event, a station's silence or a paper; `counts` not: to be looked at only."""

    item: int
    kind: str
    id: str
    occurred_at: datetime
    recorded_at: datetime
    counts: bool
    facts: dict[str, Any]


class LineOut(BaseModel):
    """An item: its points, those that the service found (null where it looks for none), and the evidence."""

    side: Side
    number: int
    most: int
    text: str
    text_en: str
    owner: str
    points: int
    found_points: int | None
    note: str | None
    evidence: list[EvidenceOut]


class HeaderOut(BaseModel):
    """The sheet's head: `issued_kg` (年初分配指标额) and `used_kg` (已使用指标额) of the year, from the ledger at the cut-off."""

    mine: str
    holder: str
    reporter: str
    method: Literal["open", "underground"]
    licence_number: str
    scale_kg: int
    valid_from: date
    valid_until: date
    issued_kg: int
    used_kg: int


class SuggestionOut(BaseModel):
    """The merit tranche that the score suggests, and for which quarter (R11)."""

    year: int
    quarter: int
    suggested_kg: int


class DeltaOut(BaseModel):
    """What has become known of a signed sheet's time since its cut-off; the sheet stays, the next one counts it (E2).

    `used_kg` is by how much the kilograms used by then are known to be more, or fewer; `later` happened by then and was told
    after it; `healed` are facts of the sheet that have put themselves right.
    """

    used_kg: int
    later: list[EvidenceOut]
    healed: list[str]


class AssessmentOut(BaseModel):
    """A sheet; what became known after `since` and by `cut_off` belongs to it, `as_of` is the ledger's size then."""

    id: UUID
    mine_id: UUID
    year: int
    quarter: int
    state: Literal["draft", "signed"]
    header: HeaderOut
    since: datetime
    cut_off: datetime
    as_of: int
    lines: list[LineOut]
    plus: int
    minus: int
    is_vetoed: bool
    score: int
    unfilled: list[str]
    merit: SuggestionOut
    due_on: date
    days_late: int
    document_no: str | None
    reported_at: datetime | None
    signed_by: str | None
    delta: DeltaOut | None
    policies: dict[str, Any]


class MeritOut(BaseModel):
    """What last quarter's score suggests as a quarter's merit tranche; null without a score."""

    mine_id: UUID
    year: int
    quarter: int
    suggested_kg: int | None
    policies: dict[str, Any]


class AssessmentsOut(BaseModel):
    """A page of sheets, oldest first."""

    items: list[AssessmentOut]
    next: UUID | None


@router.post("", status_code=201, response_model=AssessmentOut)
async def draw_sheet(
    body: AssessmentIn, connection: ConnectionDep, actor: FillsSheets, policies: PoliciesNow, once: OnceDep, at: Now
) -> Response:
    """Draft a sheet: 201; or read what the service knows into its draft anew: 200."""

    async def deed() -> Answer:
        assessment_id, is_new = await deeds.draw(connection, body.mine_id, body.year, body.quarter, at=at, actor=actor)
        return Answer(await one(connection, assessment_id, policies, at=at, actor=actor), 201 if is_new else 200)

    return await once(connection, actor, deed)


@router.get("")
async def list_sheets(
    connection: ReaderDep,
    actor: ReadsSheets,
    policies: PoliciesNow,
    at: Now,
    mine_id: UUID | None = None,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    quarter: Annotated[int | None, Query(ge=1, le=4)] = None,
    after: After = None,
    limit: Limit = 50,
) -> AssessmentsOut:
    """The sheets of the office's area, or the signed ones of the firm."""
    rows = await assessments.list_sheets(
        connection, mine_id=mine_id, year=year, quarter=quarter, after=after, limit=limit, actor=actor
    )
    items = await shown(connection, rows, policies, at=at)
    return AssessmentsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/vetoes")
async def list_vetoes(connection: ReaderDep, actor: ReadsSheets) -> VetoesOut:
    """What the seven vetoes say."""
    texts = {1: rules.LEGIBLE_VETO, **await assessments.veto_texts(connection)}
    return VetoesOut(items=[VetoOut(number=number, text=texts.get(number, "")) for number in rules.VETOES])


@router.put("/vetoes/{number}")
async def write_veto(
    number: Annotated[int, Path(ge=0, le=99)],
    body: VetoIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("assessments.veto"))],
    at: Now,
) -> VetoesOut:
    """Write what a veto says; sheets that were signed keep the words that they had."""
    await deeds.write_veto(connection, number, body.text, document_no=body.document_no, at=at, actor=actor)
    return await list_vetoes(connection, actor)


@router.get("/{assessment_id}")
async def get_sheet(
    assessment_id: UUID, connection: ReaderDep, actor: ReadsSheets, policies: PoliciesNow, at: Now
) -> AssessmentOut:
    """One sheet; of a signed one also what has become known of its time since (E2)."""
    return await one(connection, assessment_id, policies, at=at, actor=actor)


@router.patch("/{assessment_id}")
async def enter(
    assessment_id: UUID,
    body: EntriesIn,
    connection: ConnectionDep,
    actor: FillsSheets,
    policies: PoliciesNow,
    at: Now,
) -> AssessmentOut:
    """Enter points for items."""
    entries = [Entry(**entry.model_dump()) for entry in body.items]
    await deeds.enter(connection, assessment_id, entries, at=at, actor=actor)
    return await one(connection, assessment_id, policies, at=at, actor=actor)


@router.post("/{assessment_id}/sign", response_model=AssessmentOut)
async def sign(
    assessment_id: UUID,
    body: SignIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("assessments.sign"))],
    policies: PoliciesNow,
    once: OnceDep,
    at: Now,
) -> Response:
    """Sign a sheet off and report it; it never changes again."""

    async def deed() -> AssessmentOut:
        await deeds.sign(connection, assessment_id, policies, document_no=body.document_no, at=at, actor=actor)
        return await one(connection, assessment_id, policies, at=at, actor=actor)

    return await once(connection, actor, deed, status=200)


@merit_router.get("/v1/mines/{mine_id}/merit")
async def suggest_merit(
    mine_id: UUID,
    connection: ReaderDep,
    actor: ReadsSheets,
    policies: PoliciesNow,
    year: Annotated[int, Query(ge=2000, le=2100)],
    quarter: Annotated[int, Query(ge=1, le=4)],
) -> MeritOut:
    """What last quarter's score suggests as a mine's merit tranche of a quarter (R11)."""
    mines = await reads.list_mines(connection, mine_id, actor=actor)
    if not mines:
        raise NotFound
    sheets = await assessments.sheets_of(connection, mine_id)
    scale_kg = Kilograms(mines[0]["licence_scale_kg"])
    return MeritOut(
        mine_id=mine_id,
        year=year,
        quarter=quarter,
        suggested_kg=rules.suggested_kg(sheets, (year, quarter), scale_kg, policies),
        policies=stated(policies, "merit_table", "merit_share"),
    )


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
