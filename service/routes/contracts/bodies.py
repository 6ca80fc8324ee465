"""What is said of contracts, by their sides and to them."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel

from service.domain.filings import ContractState, Party, Terms
from service.domain.proofs import Named, ProofState
from service.routes import fields
from service.routes.fields import Body, Day, DocumentNo, FenPerTonne, Grade, KilogramsIn, Name, UuidText, refused

MOST_LOTS_OF_A_PROOF = 500


class ProofLine(Body):
    """A lot of the seller's and the kilograms to be taken from it."""

    lot_id: UuidText
    kg: KilogramsIn


def each_lot_once(lines: list[ProofLine]) -> list[ProofLine]:
    """A proof names each lot once, and not too many."""
    if len(lines) > MOST_LOTS_OF_A_PROOF:
        raise refused(
            "too-many-lots", f"最多列 {MOST_LOTS_OF_A_PROOF} 个批次", f"name at most {MOST_LOTS_OF_A_PROOF} lots"
        )
    if len({line.lot_id for line in lines}) < len(lines):
        raise refused("lot-named-twice", "同一批次只能列一次", "name each lot once")
    return lines


class ContractIn(Body):
    """What the caller's side says that a contract says."""

    number: DocumentNo
    seller_id: UuidText
    buyer_id: UuidText
    signed_on: Day
    kg: KilogramsIn
    grade: Grade
    valid_until: Day
    mine_id: UuidText | None = None
    proof: Annotated[list[ProofLine], AfterValidator(each_lot_once)] | None = None
    earmark: Name | None = None
    price_fen_per_t: FenPerTonne | None = None
    project_id: UuidText | None = None
    stock_id: UuidText | None = None
    is_framework: fields.Flag = False
    framework_id: UuidText | None = None
    for_both: fields.Flag = False

    def terms(self) -> Terms:
        """The contract's terms; a proof without lots is none."""
        said = self.model_dump(exclude={"number", "proof", "for_both"})
        return Terms(**said, proof=named_lots(self.proof))


def named_lots(lines: list[ProofLine] | None) -> tuple[Named, ...] | None:
    """A proof as the rules see it; one without lots is none."""
    return tuple(Named(line.lot_id, line.kg) for line in lines or ()) or None


class ProofLineOut(BaseModel):
    """A line of a proof, as it was filed."""

    lot_id: UUID
    kg: int


class TermsOut(BaseModel):
    """The terms of one side, as far as the reader may see them."""

    seller_id: UUID
    buyer_id: UUID
    signed_on: date
    kg: int
    grade: str
    valid_until: date
    mine_id: UUID | None
    proof: list[ProofLineOut] | None
    earmark: str | None
    price_fen_per_t: int | None
    project_id: UUID | None
    stock_id: UUID | None
    is_framework: bool
    framework_id: UUID | None


class FilingOut(BaseModel):
    """One side of a contract; `receipt` is the hash that stands for what was filed, `receipt_note` the service's signature
    for it, as the log stands now: a signed note, null in lists."""

    party: Party
    enterprise_id: UUID | None
    filed_at: datetime | None
    days_late: int
    version: int
    terms: TermsOut | None
    receipt: str | None
    receipt_note: str | None = None


class PledgeOut(BaseModel):
    """A lot that the proof in force pledges: `excess_kg` of it has no origin, `undrawn_kg` is still to be loaded."""

    lot_id: UUID
    kg: int
    excess_kg: int
    undrawn_kg: int


class ContractOut(BaseModel):
    """A contract, both its sides, and what they come to.

    `instalments_kg` is what the contracts under a framework promise; `amending` is the amendment that waits for an answer.
    """

    id: UUID
    number: str
    state: ContractState
    seller_id: UUID
    buyer_id: UUID
    mine_id: UUID | None
    signed_on: date
    kg: int
    grade: str
    valid_until: date
    earmark: str | None
    due_on: date
    filings: list[FilingOut]
    differences: list[str]
    shipped_kg: int
    received_kg: int
    proof_state: ProofState
    proof: list[PledgeOut]
    flags: list[str]
    closed_at: datetime | None
    project_id: UUID | None
    stock_id: UUID | None
    is_framework: bool
    framework_id: UUID | None
    instalments_kg: int | None
    amending: UUID | None
    policies: dict[str, Any]


class VersionsOut(BaseModel):
    """All versions of both sides, oldest first."""

    items: list[FilingOut]
    next: None = None


class ContractsOut(BaseModel):
    """A page of contracts, newest first."""

    items: list[ContractOut]
    next: UUID | None
