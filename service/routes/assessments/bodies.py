"""What is said of scoring sheets."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from service.domain.assessments import Side
from service.routes.fields import Body, DocumentNo, Quarter, Reason, UuidText, Year


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
