"""The log of papers by itself: entries without a gap, leaves, tree and signed roots."""

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.verify.books import Signed
from service.verify.decided import DECISIONS
from service.verify.findings import Findings
from service.verify.leaves import KEPT_LEVELS, fold, join

ENTRY = struct.Struct(">3s qB16sBq32s")
KINDS = {
    "contract": 1, "filing": 2, "amendment": 3, "slip": 4, "ticket": 5, "ticket_act": 6, "ticket_expiry": 7,
    "policy": 8, "calendar_day": 9, "outage": 10, "deadline_move": 11, "allotment_step": 12,
}  # fmt: skip


class Entry(NamedTuple):
    """An entry of the log of papers; `at` counts microseconds since 1970."""

    seq: int
    kind: str
    subject_id: UUID
    is_older: bool
    at: int
    fact: bytes
    leaf: bytes

    @property
    def meant(self) -> bytes:
        """The leaf that it should have; none where its numbers are none that the service writes."""
        try:
            bound = self.seq, KINDS[self.kind], self.subject_id.bytes, self.is_older, self.at, self.fact
            return sha256(ENTRY.pack(b"\0\1P", *bound)).digest()
        except (struct.error, KeyError):
            return b""


class Sealing:
    """Reads the log of papers from its beginning, whether it lies in a database or in files, and holds its roots against it."""

    def __init__(self, checkpoints: Iterable[Signed], public_keys: Mapping[int, bytes], findings: Findings) -> None:
        self._checkpoints = list(checkpoints)
        self._by_size = {checkpoint.size: checkpoint for checkpoint in self._checkpoints}
        self._keys = public_keys
        self._findings = findings
        self._signed = 0
        self.edge: list[bytes] = []
        self.kept: dict[int, bytearray] = defaultdict(bytearray)
        self.size = self.older = 0

    def read(self, entry: Entry, text: str | None) -> None:
        """The next entry, with what it binds; of papers that need not be there."""
        if entry.seq != self.size + 1:
            self._differs(f"entry {self.size + 1} is missing")
        self.size = entry.seq
        self.older += entry.is_older
        if entry.meant != entry.leaf:
            self._differs(f"entry {self.size}, of {entry.kind} {entry.subject_id}, is not what its leaf says")
        if text is not None and sha256(text.encode()).digest() != entry.fact:
            self._differs(f"entry {self.size}, of {entry.kind} {entry.subject_id}, binds another text")
        if text is None and entry.kind in DECISIONS:
            self._differs(f"entry {self.size}, of {entry.kind} {entry.subject_id}, has lost its text")
        self._grow(entry.seq - 1, entry.leaf)
        if checkpoint := self._by_size.get(self.size):
            self._signed = self.size
            if checkpoint.root != fold(self.edge):
                self._differs(f"the root over {self.size} entries is not that of their leaves")

    def end(self) -> None:
        """All has been read."""
        for checkpoint in self._checkpoints:
            message = f"key {checkpoint.key_id} did not sign the root over {checkpoint.size} entries"
            is_signed = self._is_signed(checkpoint)
            self._findings.judge(checkpoint.key_id, "paper", None, message, is_signed=is_signed)
        last = max(self._by_size, default=0)
        if last != self._signed or self._signed != self.size:
            self._differs(f"{self.size} entries are sealed, and roots are signed over {last}")

    def _differs(self, message: str) -> None:
        self._findings.add("paper", None, message)

    def _grow(self, index: int, node: bytes) -> None:
        level = 0
        while index & 1 and self.edge:
            node = join(self.edge.pop(), node)
            index >>= 1
            level += 1
            if level % KEPT_LEVELS == 0:
                self.kept[level] += node
        self.edge.append(node)

    def _is_signed(self, checkpoint: Signed) -> bool:
        try:
            key = Ed25519PublicKey.from_public_bytes(self._keys[checkpoint.key_id])
            key.verify(checkpoint.signature, checkpoint.body)
        except (InvalidSignature, KeyError):
            return False
        return True
