"""The ledger's words: accounts, and the movements of kilograms between them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.domain.units import Kilograms


class AccountKind(StrEnum):
    """What a book of kilograms stands for."""

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


BOUNDARIES = frozenset({AccountKind.ISSUE, AccountKind.GAINED, AccountKind.SUSPENSE})


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
    """Kilograms that go from one account to another; movements of one act post and void together."""

    id: UUID
    act: UUID
    source: int
    target: int
    kg: Kilograms
    occurred_at: datetime
    fact: bytes

    def __post_init__(self) -> None:
        assert self.kg > 0, "a movement has kilograms"
        assert self.source != self.target, "a movement joins two accounts"
        assert len(self.fact) == 32, "a fact is a SHA-256"
