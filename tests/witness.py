"""What an outsider checks of the log that was handed to him: that proofs prove what they say, and notes are well written."""

import hashlib
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.evidence import ORIGIN, checkpoint_body


def join(left: bytes, right: bytes) -> bytes:
    """The node above two others (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path proves that the leaf has this index in the log of this size and root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, node = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = join(step, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = join(node, step)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path proves that one log is the beginning of the other (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    steps = [old_root, *path] if old.bit_count() == 1 else list(path)
    if not steps:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    older = newer = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            older, newer = join(step, older), join(step, newer)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            newer = join(newer, step)
        at, last = at >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root


@dataclass(frozen=True)
class Note:
    """A signed checkpoint that was read back from its text."""

    body: bytes
    size: int
    root: bytes
    recorded_at: datetime
    key_hash: bytes
    signature: bytes


def read_note(text: str) -> Note:
    """Read a signed checkpoint of this log; ValueError where the text is not one."""
    head, blank, tail = text.partition("\n\n")
    lines = head.split("\n")
    name, _, encoded = tail.rstrip("\n").removeprefix("— ").rpartition(" ")
    signature = b64decode(encoded, validate=True)
    if not blank or len(lines) != 4 or lines[0] != ORIGIN or name != ORIGIN or len(signature) != 68:
        raise ValueError("not a signed checkpoint of this log")
    note = Note(
        body=f"{head}\n".encode(),
        size=int(lines[1]),
        root=b64decode(lines[2], validate=True),
        recorded_at=datetime.fromisoformat(lines[3]),
        key_hash=signature[:4],
        signature=signature[4:],
    )
    if checkpoint_body(note.size, note.root, note.recorded_at) != note.body:
        raise ValueError("not the one way to write this checkpoint")
    return note
