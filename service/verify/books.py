"""All that the entries come to, as the auditor gathers it."""

import struct
from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from service.verify.columns import Columns
from service.verify.findings import Findings

BOUNDARY, QUOTA = 1, 2  # sorts of account; 0 is any other
SORTS = {"issue": BOUNDARY, "gained": BOUNDARY, "suspense": BOUNDARY, "quota": QUOTA}

# What the replay reads of an entry: seq, act, movement, then a leg's source, lo, kg, target, lo, kg, over, cover, flags,
# or a hole's account, lo, hi, 0, column, kind, debt, 0, 0.
Row = tuple[int, int, bytes, int, int, int, int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """How entries lie side by side in a stream."""

    entry: str  # a Row, then the time in microseconds, the fact and the leaf
    row: struct.Struct  # the same with nothing but the Row read
    epoch: int  # from where times count, in microseconds from 1970


LEDGER, PAPERS = "meisu/ledger", "meisu/papers"  # the two logs, by what their checkpoints begin with


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint: a signed root over the first `size` entries of a log; of papers it stands for no act."""

    size: int
    act: int | None
    recorded_at: datetime
    root: bytes
    key_id: int
    signature: bytes
    origin: str = LEDGER

    @property
    def body(self) -> bytes:
        """What the signature is over."""
        at = self.recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n{at}\n".encode()


@dataclass(frozen=True, slots=True)
class Window:
    """Neighbouring entries behind the first `lo`, how many of them there must be, and the checkpoints over them."""

    lo: int
    due: int
    entries: bytes | memoryview
    signed: Sequence[Signed]


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
    closed_seq: int = 0  # 0: it is open
    covered_by: UUID | None = None


@dataclass(slots=True)
class Books:
    """All that the entries come to."""

    columns: Columns
    marks: bytearray  # 16 bytes at each account's id
    sorts: bytearray  # one
    accounts: int = 0
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
    # By quota, the entries of acts that moved its debt.
    owing: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, last: int) -> "Books":
        """Books for accounts up to an id."""
        return cls(Columns(last), bytearray(16 * (last + 1)), bytearray(last + 1))

    def open(self, account: int, mark: bytes, text: str, findings: Findings) -> None:
        """Take an account in: its mark, and the text that says what it is."""
        if sha256(b"meisu account 1\n" + text.encode()).digest()[:16] != mark:
            findings.add("account", None, f"account {account} is not what its mark says")
        self.marks[16 * account : 16 * account + 16] = mark
        self.sorts[account] = SORTS.get(text.partition("\n")[0].removeprefix("="), 0)
        self.accounts += 1

    def summary(self, differences: int) -> str:
        """What was read and how much of it differs, in one line."""
        found = f"{differences} difference" if differences == 1 else f"{differences} differences"
        return (
            f"{self.legs} legs, {self.holes} holes, {self.acts} acts, {self.checkpoints} checkpoints, "
            f"{self.accounts} accounts: {found}"
        )
