"""The ledger's words: accounts, and the movements of kilograms between them."""

import hashlib
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.domain.refusals import Refusal
from service.domain.units import Kilograms
from service.domain.values import dataclass


class AccountKind(StrEnum):
    """What a book of kilograms stands for."""

    # Issue, gained and suspense are boundaries: kilograms come out of them without having come in.
    ISSUE = "issue"
    POOL = "pool"
    QUOTA = "quota"
    LOAD = "load"
    LOT = "lot"
    RUN = "run"
    PRODUCT = "product"
    CONSUMED = "consumed"
    LOST = "lost"
    GAINED = "gained"
    SUSPENSE = "suspense"


@dataclass(frozen=True, slots=True)
class AccountKey:
    """What an account is: its kind, whose it is, and the document, grade, quota year and earmark it is kept for."""

    kind: AccountKind
    jurisdiction: str | None = None
    owner_id: UUID | None = None
    document_id: UUID | None = None
    grade: str | None = None
    year: int | None = None
    earmark: str | None = None

    @property
    def mark(self) -> bytes:
        """Sixteen bytes that stand for this key in every leaf."""
        owner = (self.kind.value, self.jurisdiction, self.owner_id)
        fields = (*owner, self.document_id, self.grade, self.year, self.earmark)
        text = "\n".join("-" if field is None else f"={field}" for field in fields)
        return hashlib.sha256(b"meisu account 1\n" + text.encode()).digest()[:16]


@dataclass(frozen=True, slots=True)
class Movement:
    """Kilograms that go from one account to another; movements of one act post and void together.

    A conversion empties a run into a new product: `made_kg` is what it makes of the run's kilograms.
    """

    id: UUID
    act: UUID
    source: int
    target: int
    kg: Kilograms
    occurred_at: datetime
    fact: bytes
    made_kg: Kilograms | None = None

    def __post_init__(self) -> None:
        assert self.kg > 0, "a movement has kilograms"
        assert self.source != self.target, "a movement joins two accounts"
        assert len(self.fact) == 32, "a fact is a SHA-256"
        assert self.made_kg is None or 0 < self.made_kg <= self.kg, "a product weighs no more than its ore"

    @property
    def target_kg(self) -> Kilograms:
        """The kilograms that arrive."""
        return self.kg if self.made_kg is None else self.made_kg


class Side(StrEnum):
    """A column of a book: how a kilogram came, how it went."""

    IN = "in"
    OUT = "out"


class HoleKind(StrEnum):
    """Why a place of one column is empty: its kilograms were taken back, or dead places were jumped over."""

    CUT = "cut"
    JUMP = "jump"


@dataclass(frozen=True, slots=True)
class Leg:
    """Kilograms with their places on both accounts: one row of the ledger."""

    act: int
    movement: UUID
    source: int
    source_lo: int
    source_kg: Kilograms
    target: int
    target_lo: int
    target_kg: Kilograms
    over_kg: Kilograms
    cover_kg: Kilograms
    source_behind: bool
    target_behind: bool
    occurred_at: datetime
    fact: bytes


@dataclass(frozen=True, slots=True)
class Hole:
    """Places that one column of an account has no longer, and the debt that this made (in) or ended (out)."""

    act: int
    movement: UUID
    account: int
    side: Side
    lo: int
    hi: int
    kind: HoleKind
    debt_kg: Kilograms
    occurred_at: datetime
    fact: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """What is still live of one leg."""

    movement: UUID
    source: int
    source_lo: int
    source_kg: int
    target: int
    target_lo: int
    target_kg: int


class NothingToVoid(Refusal):
    """Nothing of this movement stands any more: it was voided or replaced before."""

    title = "该笔流转已被作废或更正，没有可作废的内容"
    rule = "W09"


class TooMuchTakenBack(Refusal):
    """Fewer kilograms can be taken back than were asked for: `possible_kg` says how many."""

    title = "可退回的数量少于请求的数量：可退回 possible_kg"
    rule = "W10"


class NotReplaceable(Refusal):
    """Only what still stands of a movement can be replaced, by a movement to the same account."""

    title = "只有仍然有效的流转可以更正，且去向必须相同"
    rule = "W09"


class ConversionIsWhole(Refusal):
    """A conversion is one run into one product: it is voided or replaced as a whole, never in part."""

    title = "加工转换是一次投料对应一批产品，只能整体作废或更正，不能部分处理"
    rule = "P02"
