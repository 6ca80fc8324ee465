"""What a contract says: its terms, each side's filings of them, and the contract as it stands."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from service.domain.proofs import Named, ProofState
from service.domain.units import Kilograms


class Party(StrEnum):
    """A side of a contract."""

    SELLER = "seller"
    BUYER = "buyer"


class ContractState(StrEnum):
    """How far a contract's filing is."""

    INCOMPLETE = "incomplete"  # a side, or the proof, has not been filed
    MISMATCH = "mismatch"  # both sides have filed, and not the same
    FILED = "filed"
    CLOSED = "closed"


MUST_AGREE = (
    "buyer_id",
    "signed_on",
    "kg",
    "grade",
    "mine_id",
    "project_id",
    "stock_id",
    "earmark",
    "is_framework",
    "framework_id",
)
"""The terms that both sides must file alike; seller and number are the contract's name and agree by it (R22c)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one side says that a contract says."""

    seller_id: UUID
    buyer_id: UUID
    signed_on: date
    kg: Kilograms
    grade: str
    valid_until: date
    mine_id: UUID | None = None  # null: from the seller's stock
    proof: tuple[Named, ...] | None = None
    earmark: str | None = None
    price_fen_per_t: int | None = None
    project_id: UUID | None = None
    stock_id: UUID | None = None
    is_framework: bool = False
    framework_id: UUID | None = None

    @property
    def source_id(self) -> UUID | None:
        """The mine, project or declared stock whose quota the ore draws on (R01); None for what was received before."""
        return self.mine_id or self.project_id or self.stock_id

    @property
    def is_from_stock(self) -> bool:
        """Whether the seller sells what it received before: then it owes a proof of lawful origin (R23).

        Under a framework nothing is loaded: its instalments have proofs of their own.
        """
        return self.source_id is None and not self.is_framework

    @property
    def proven_kg(self) -> Kilograms:
        """The kilograms for which the proof names lots."""
        return Kilograms(sum(named.kg for named in self.proof or ()))

    def restates(self, standing: "Terms") -> bool:
        """Whether this says nothing new; a mine that was left out, and found by the service, is the same mine."""
        found = standing.mine_id if self.source_id is None and self.proof is None else self.mine_id
        return replace(self, mine_id=found) == standing


@dataclass(frozen=True, slots=True)
class Filing:
    """A version of what one enterprise has filed; `first_filed_at` is its clock (R22c)."""

    id: UUID
    enterprise_id: UUID
    version: int
    terms: Terms
    filed_at: datetime
    first_filed_at: datetime
    days_late: int
    fact: bytes = b""  # the hash that was kept with it: its receipt

    @property
    def party(self) -> Party:
        """The side on which it was filed."""
        return Party.SELLER if self.enterprise_id == self.terms.seller_id else Party.BUYER


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract as it stands: the terms that count, and what was shipped under them."""

    id: UUID
    number: str
    seller_id: UUID
    buyer_id: UUID
    mine_id: UUID | None
    signed_on: date
    kg: Kilograms
    grade: str
    valid_until: date
    earmark: str | None
    due_on: date
    state: ContractState
    proof_state: ProofState
    flags: tuple[str, ...]
    shipped_kg: Kilograms
    received_kg: Kilograms
    created_at: datetime
    closed_at: datetime | None
    project_id: UUID | None = None
    stock_id: UUID | None = None
    is_framework: bool = False
    framework_id: UUID | None = None

    @property
    def source_id(self) -> UUID | None:
        """The mine, project or declared stock whose quota the ore draws on (R01); None for what was received before."""
        return self.mine_id or self.project_id or self.stock_id
