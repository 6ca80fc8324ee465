"""Signed roots against the leaves below them."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.verify.books import Books
from service.verify.findings import Findings


def join(left: bytes, right: bytes) -> bytes:
    """The node above two nodes (RFC 6962)."""
    return sha256(b"\x01" + left + right).digest()


def root(edge: Sequence[bytes]) -> bytes:
    """The root over the perfect subtrees on the right edge."""
    if not edge:
        return sha256().digest()
    top = edge[-1]
    for left in edge[-2::-1]:
        top = join(left, top)
    return top


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint: a signed root over the first `size` entries."""

    size: int
    act: int
    recorded_at: datetime
    root: bytes
    key_id: int
    signature: bytes

    @property
    def body(self) -> bytes:
        """What the signature is over."""
        at = self.recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return f"meisu/ledger\n{self.size}\n{b64encode(self.root).decode()}\n{at}\n".encode()


class Checkpoints:
    """The signed roots of one window, in order of size."""

    def __init__(self, books: Books, findings: Findings, public_keys: Mapping[int, bytes]) -> None:
        self.size = 0
        self._books = books
        self._findings = findings
        self._keys = {key_id: Ed25519PublicKey.from_public_bytes(key) for key_id, key in public_keys.items()}
        self._waiting: list[Signed] = []
        self._act = 0

    def expect(self, rows: Sequence[Signed]) -> None:
        """Take the checkpoints of the next window; those of the last have found their entries."""
        for row in self._waiting:
            self._findings.add("checkpoint", row.size, "a checkpoint over entries that are not there")
        self._waiting = list(reversed(rows))
        self.size = rows[0].size if rows else 0

    def check(self, act: int) -> None:
        """The checkpoint over all entries so far."""
        row = self._waiting.pop()
        self.size = self._waiting[-1].size if self._waiting else 0
        books, findings, size = self._books, self._findings, row.size
        books.checkpoints += 1
        if row.root != root(books.edge):
            findings.add("root", size, "the root is not that of the leaves so far")
        if row.act != act or act == self._act:
            findings.add("checkpoint", size, f"it stands for act {row.act}, not for the end of act {act}")
        if books.recorded_at and row.recorded_at < books.recorded_at:
            findings.add("checkpoint", size, "the book's time went back")
        books.recorded_at = row.recorded_at
        self._act = act
        key = self._keys.get(row.key_id)
        if key is None:
            findings.add("signature", size, f"there is no key {row.key_id}")
            return
        try:
            key.verify(row.signature, row.body)
        except InvalidSignature:
            findings.add("signature", size, f"key {row.key_id} did not sign this checkpoint")
