"""All that the entries come to, as the auditor gathers it."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from service.verify.columns import Columns

BOUNDARY, QUOTA = 1, 2  # sorts of account; 0 is any other

# One entry as it is streamed: seq, act, movement, then a leg's source, lo, kg, target, lo, kg, over, cover, flags, or
# a hole's account, lo, hi, 0, column, kind, debt, 0, 0; then the time in PostgreSQL's microseconds, fact and leaf.
Row = tuple[int, int, bytes, int, int, int, int, int, int, int, int, int, int, bytes, bytes]


@dataclass(slots=True)
class Episode:
    """An overdraw as the entries tell it."""

    account: int
    opened_act: int
    opened_seq: int
    opened_by: UUID
    debt_kg: int
    peak_kg: int
    closed_act: int | None = None
    covered_by: UUID | None = None


@dataclass(slots=True)
class Books:
    """All that the entries come to."""

    columns: Columns
    marks: bytes
    sorts: bytes
    accounts: int
    legs: int = 0
    holes: int = 0
    acts: int = 0
    seq: int = 0
    checkpoints: int = 0
    recorded_at: datetime | None = None
    edge: list[bytes] = field(default_factory=list)
    kept: dict[int, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    loose: set[int] = field(default_factory=set)
    debts: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    episodes: list[Episode] = field(default_factory=list)
