"""The log's evidence: leaves, the RFC 6962 tree over them, signed checkpoints, and proofs that outsiders can check.

A leaf binds all that one row of the book means; its index is its seq less one, and a checkpoint's size is the last seq
of an act. What the service writes here, `service.verify` recomputes by code of its own: change neither alone.
"""

import hashlib
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

ORIGIN = "meisu/ledger"
RECEIPTS = "meisu/receipt"
PAPERS = "meisu/papers"
EMPTY_ROOT = hashlib.sha256().digest()
TILE_LEVELS = 8  # a tile is the 2**8 nodes below one kept node

Node = tuple[int, int]
"""A perfect subtree: its level (0 for leaves) and its index on that level."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
LEG = struct.Struct(">2sc qq16s 16sqq 16sqq qq Bq32s")
_HOLE = struct.Struct(">2sc qq16s 16sB qq Bqq32s")
VERSION_1 = b"\x00\x01"  # RFC 6962's prefix of a leaf, then ours
_SIDES = {"in": 0, "out": 1}
_HOLE_KINDS = {"cut": 0, "jump": 1}
_ED25519 = b"\x01"  # signature type of a C2SP signed note


@dataclass(frozen=True, slots=True)
class LegEntry:
    """A leg as its leaf binds it; accounts are bound by their marks."""

    seq: int
    act: int
    movement: UUID
    source_mark: bytes
    source_lo: int
    source_kg: int
    target_mark: bytes
    target_lo: int
    target_kg: int
    over_kg: int
    cover_kg: int
    source_behind: bool
    target_behind: bool
    occurred_at: datetime
    fact: bytes

    @property
    def leaf(self) -> bytes:
        """The leaf hash, version 1."""
        return leaf(
            LEG.pack(
                VERSION_1,
                b"L",
                self.seq,
                self.act,
                self.movement.bytes,
                self.source_mark,
                self.source_lo,
                self.source_kg,
                self.target_mark,
                self.target_lo,
                self.target_kg,
                self.over_kg,
                self.cover_kg,
                self.source_behind | self.target_behind << 1,
                microseconds(self.occurred_at),
                self.fact,
            )
        )


def leaf(bound: bytes) -> bytes:
    """The leaf hash over the bytes that it binds."""
    return hashlib.sha256(bound).digest()


@dataclass(frozen=True, slots=True)
class HoleEntry:
    """A hole as its leaf binds it."""

    seq: int
    act: int
    movement: UUID
    account_mark: bytes
    side: str
    lo: int
    hi: int
    kind: str
    debt_kg: int
    occurred_at: datetime
    fact: bytes

    @property
    def leaf(self) -> bytes:
        """The leaf hash, version 1."""
        return _hash(
            _HOLE.pack(
                VERSION_1,
                b"H",
                self.seq,
                self.act,
                self.movement.bytes,
                self.account_mark,
                _SIDES[self.side],
                self.lo,
                self.hi,
                _HOLE_KINDS[self.kind],
                self.debt_kg,
                microseconds(self.occurred_at),
                self.fact,
            )
        )


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def microseconds(at: datetime) -> int:
    """The instant as leaves bind it: since 1970, in UTC."""
    return (at - _EPOCH) // _MICROSECOND


def join(left: bytes, right: bytes) -> bytes:
    """The node above two nodes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Growth:
    """What new leaves make of a log: its frontier and root, and the nodes worth keeping for proofs."""

    frontier: bytes
    root: bytes
    kept: Mapping[Node, bytes]


def extend(frontier: bytes, size: int, leaves: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The new frontier and root of a log of this size after these leaves."""
    growth = grow(frontier, size, leaves)
    return growth.frontier, growth.root


def grow(frontier: bytes, size: int, leaves: Sequence[bytes]) -> Growth:
    """As `extend`, with the nodes that the leaves completed on every eighth level.

    A frontier is the roots of the perfect subtrees on the right edge, largest first: one for each bit of the size.
    """
    assert len(frontier) == 32 * size.bit_count(), "a frontier has one root for each bit of its size"
    edge = [frontier[at : at + 32] for at in range(0, len(frontier), 32)]
    kept: dict[Node, bytes] = {}
    for index, leaf in enumerate(leaves, size):
        node, level = leaf, 0
        while index >> level & 1:
            node, level = join(edge.pop(), node), level + 1
            if level % TILE_LEVELS == 0:
                kept[level, index >> level] = node
        edge.append(node)
    return Growth(b"".join(edge), _fold(edge), kept)


def _fold(edge: Sequence[bytes]) -> bytes:
    if not edge:
        return EMPTY_ROOT
    root = edge[-1]
    for left in reversed(edge[:-1]):
        root = join(left, root)
    return root


def perfect_root(nodes: Sequence[bytes]) -> bytes:
    """The node above two, four, eight … neighbouring nodes."""
    assert len(nodes).bit_count() == 1, "a perfect subtree has a power of two of leaves"
    row = list(nodes)
    while len(row) > 1:
        row = [join(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


# Proofs: made over perfect subtrees, so that whoever holds those answers in O(log n); checked with nothing but hashes.


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def _root_between(lo: int, hi: int, node: Callable[[Node], bytes]) -> bytes:
    size = hi - lo
    if size.bit_count() == 1:
        level = size.bit_length() - 1
        return node((level, lo >> level))
    middle = lo + _split(size)
    return join(_root_between(lo, middle, node), _root_between(middle, hi, node))


def root_of(size: int, node: Callable[[Node], bytes]) -> bytes:
    """The root of the first `size` leaves."""
    return _root_between(0, size, node) if size else EMPTY_ROOT


def prove_inclusion(index: int, size: int, node: Callable[[Node], bytes]) -> list[bytes]:
    """The audit path of a leaf in the log of this size (RFC 9162, 2.1.3.1)."""
    assert 0 <= index < size, "a leaf lies in the log"
    path: list[bytes] = []
    lo, hi = 0, size
    while hi - lo > 1:
        middle = lo + _split(hi - lo)
        if index < middle:
            path.append(_root_between(middle, hi, node))
            hi = middle
        else:
            path.append(_root_between(lo, middle, node))
            lo = middle
    return path[::-1]


def prove_consistency(old: int, new: int, node: Callable[[Node], bytes]) -> list[bytes]:
    """That the log of the old size is the beginning of the log of the new size (RFC 9162, 2.1.4.1)."""
    assert 0 < old <= new, "a log grows"
    path: list[bytes] = []
    lo, hi, whole = 0, new, True
    while old != hi:
        middle = lo + _split(hi - lo)
        if old <= middle:
            path.append(_root_between(middle, hi, node))
            hi = middle
        else:
            path.append(_root_between(lo, middle, node))
            lo, whole = middle, False
    if not whole:
        path.append(_root_between(lo, hi, node))
    return path[::-1]


def nodes_needed(prove: Callable[[Callable[[Node], bytes]], object]) -> list[Node]:
    """The nodes that a proof asks for, so that they can be fetched at once before it is made."""
    asked: list[Node] = []

    def note(node: Node) -> bytes:
        asked.append(node)
        return b""

    prove(note)
    return asked


# Checkpoints: what is signed, and the signed note (C2SP tlog-checkpoint) in which it is handed out.


def checkpoint_body(size: int, root: bytes, recorded_at: datetime, origin: str = ORIGIN) -> bytes:
    """What a checkpoint's signature is over: origin, size, root, and the time of record to the microsecond in UTC."""
    at = recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"{origin}\n{size}\n{b64encode(root).decode()}\n{at}\n".encode()


def receipt_body(fact: bytes, size: int, root: bytes, signed_at: datetime) -> bytes:
    """What a receipt's signature is over: the hash of what was filed, and how far the log was when it was on record."""
    at = signed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"{RECEIPTS}\n{fact.hex()}\n{size}\n{b64encode(root).decode()}\n{at}\n".encode()


def key_hash(public_key: bytes, name: str = ORIGIN) -> bytes:
    """Four bytes by which a signed note names its Ed25519 key."""
    return _hash(name.encode() + b"\n" + _ED25519 + public_key)[:4]


def verifier_key(public_key: bytes, name: str = ORIGIN) -> str:
    """The key as tools for signed notes read it: name, hash, and type with key."""
    return f"{name}+{key_hash(public_key, name).hex()}+{b64encode(_ED25519 + public_key).decode()}"


def signed_note(body: bytes, public_key: bytes, signature: bytes, name: str = ORIGIN) -> str:
    """A checkpoint or a receipt as text: its body, a blank line, and the signature line."""
    return f"{body.decode()}\n— {name} {b64encode(key_hash(public_key, name) + signature).decode()}\n"
