"""One window of the log by itself: are its leaves right, its signatures valid, and what stands over it in the tree?

Nothing here depends on other windows, so readers do it beside the replay, each a process that runs this text as a program
and needs nothing else of the service.
"""

import gc
import pickle
import re
import struct
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from mmap import mmap
from typing import Any, BinaryIO

if __name__ == "__main__":
    sys.path.append(sys.argv[1])  # a reader starts without looking for packages, in a third of the time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEPT_LEVELS = 8  # every eighth level of the tree is kept in the database
LEAF_BYTES = 32  # at the end of each entry
NOTHING = bytes(LEAF_BYTES)  # stands in the tree where an entry is missing
PAIRS = struct.Struct("64s")

LEG = struct.Struct(">3s qq16s 16sqq 16sqq qq Bq32s")
SIZES = {"q": 8, "i": 4, "B": 1}
# The fields of an entry that is a leg: where each stands in an entry, and in what its leaf binds.
SEQ, ACT, MOVEMENT, SOURCE, LO, KG, TARGET, TARGET_LO, TARGET_KG, OVER, COVER, FLAGS, AT, FACT, LEAF = range(15)
IN_A_LEAF = {
    SEQ: 3, ACT: 11, MOVEMENT: 19, LO: 51, KG: 59, TARGET_LO: 83, TARGET_KG: 91, OVER: 99, COVER: 107, FLAGS: 115, FACT: 124,
}  # fmt: skip
SOURCE_MARK, TARGET_MARK, AT_IN_A_LEAF = 35, 67, 116
BLOCK = 2**10  # entries that are turned at once: they stay in a core's own cache
HOLE = struct.Struct(">3s qq16s 16sB qq Bqq32s")
OF_A_LEG, OF_A_HOLE = b"\x00\x01L", b"\x00\x01H"

Stamp = tuple[int, bytes, int, bytes]
"""A checkpoint over so many of the window's leaves: the text that is signed, the key's id, the signature."""

Wrong = tuple[int, int, int]
"""An entry whose leaf is wrong: its seq, and the numbers of the accounts that it names."""

Answer = tuple[list[Wrong], list[tuple[int, bytes]], bytes, list[bytes], list[bool]]
"""Wrong leaves; the perfect subtrees over the window, with levels; the nodes to keep; of each checkpoint the node
over its leaves of this window; and whether its key signed it."""


class Fields:
    """Entries of a layout, read field by field: what is alike in all of them costs as little as one."""

    def __init__(self, layout: str) -> None:
        self.step = struct.calcsize(layout)
        self.places: list[tuple[int, int]] = []  # where a field begins, and its bytes
        at = 0
        for count, kind in re.findall(r"(\d*)([xsqiB])", layout):
            for size in [int(count or 1)] if kind in "xs" else [SIZES[kind]] * int(count or 1):
                if kind != "x":
                    self.places.append((at, size))
                at += size

    def of(self, entries: bytes, field: int) -> bytearray:
        """One field of all entries, side by side."""
        at, size = self.places[field]
        found = bytearray(len(entries) // self.step * size)
        for byte in range(size):
            found[byte::size] = entries[at + byte :: self.step]
        return found


def join(left: bytes, right: bytes) -> bytes:
    """The node above two nodes (RFC 6962)."""
    return sha256(b"\x01" + left + right).digest()


def fold(edge: Sequence[bytes]) -> bytes:
    """The node over perfect subtrees that stand side by side, largest first."""
    top = edge[-1]
    for left in edge[-2::-1]:
        top = join(left, top)
    return top


class Reader:
    """Reads windows: entries of one layout, whose accounts have these marks (16 bytes at each id) and whose times begin at
    an epoch (microseconds from 1970), with checkpoints signed by these keys."""

    def __init__(self, layout: str, epoch: int, public_keys: Mapping[int, bytes], marks: bytes | mmap) -> None:
        self._layout = struct.Struct(layout)
        self._fields = Fields(layout)
        self._epoch = epoch
        self._marks = marks
        self._keys = {key_id: Ed25519PublicKey.from_public_bytes(key) for key_id, key in public_keys.items()}

    def read(self, entries: bytes | memoryview, due: int, signed: Sequence[Stamp]) -> Answer:
        """Entries of which so many are due, and the checkpoints over them."""
        said, meant = bytearray(), bytearray()
        for at in range(0, len(entries), BLOCK * self._layout.size):
            block = bytes(entries[at : at + BLOCK * self._layout.size])
            said += self._fields.of(block, LEAF)
            meant += self._plain_leaves(block)
        leaves = bytes(said)
        wrong = [] if said == meant else self._wrong(entries)
        levels = [(leaves + NOTHING * (due - len(leaves) // LEAF_BYTES))[: LEAF_BYTES * due]]
        begun = sha256(b"\x01").copy  # a tenth quicker than to put the byte before each pair
        while len(levels[-1]) > LEAF_BYTES:
            row = levels[-1][: len(levels[-1]) & -2 * LEAF_BYTES]
            nodes = []
            for (pair,) in PAIRS.iter_unpack(row):
                node = begun()
                node.update(pair)
                nodes.append(node.digest())
            levels.append(b"".join(nodes))
        edge = self._edge(levels, due)
        kept = levels[KEPT_LEVELS] if len(levels) > KEPT_LEVELS else b""
        roots = [fold([node for _, node in self._edge(levels, size)]) for size, _, _, _ in signed]
        return wrong, edge, kept, roots, [self._is_signed(*stamp[1:]) for stamp in signed]

    def _plain_leaves(self, entries: bytes) -> bytes:
        """The leaves as they should be if all entries are legs, of today's sizes; nothing where they cannot be."""
        fields, bound = self._fields, LEG.size
        count = len(entries) // fields.step
        nothing = bytes(count)
        turned = bytearray(OF_A_LEG.ljust(bound, b"\x00") * count)
        for field, to in IN_A_LEAF.items():
            at, size = fields.places[field]
            if field == FLAGS:
                at, size = at + size - 1, 1
            for byte in range(size):
                # Most bytes of most numbers are zeros, as in what is turned already.
                if (found := entries[at + byte :: fields.step]) != nothing:
                    turned[to + byte :: bound] = found
        times = fields.of(entries, AT)
        ends = fields.of(entries, SOURCE), fields.of(entries, TARGET)
        if any(column[::8] != nothing for column in (times, *ends)):
            return b""
        times = bytearray(_each(times, lambda all_times, one: all_times + self._epoch * one))
        for byte in range(8):
            turned[AT_IN_A_LEAF + byte :: bound] = times[byte::8]
        for column, to in zip(ends, (SOURCE_MARK, TARGET_MARK), strict=True):
            places = array("q", _each(column, lambda accounts, _: accounts << 4))
            if sys.byteorder == "little":
                places.byteswap()
            marks = self._marks
            found = b"".join([marks[place : place + 16] for place in places])
            if len(found) != 16 * count:
                return b""
            for byte in range(16):
                turned[to + byte :: bound] = found[byte::16]
        return b"".join([sha256(each).digest() for (each,) in struct.iter_unpack(f"{bound}s", turned)])

    def _wrong(self, entries: bytes | memoryview) -> list[Wrong]:
        return [(row[0], row[3], row[6]) for row in self._layout.iter_unpack(entries) if self._leaf(row) != row[14]]

    def _leaf(self, row: tuple[Any, ...]) -> bytes:
        """The hash of what an entry says; none where its numbers are none that the service writes."""
        seq, act, movement, source, lo, kg, target, target_lo, target_kg, over, cover, flags, at, fact, _ = row
        marks, at = self._marks, at + self._epoch
        last = len(marks) // 16
        if not 0 < source < last or not 0 <= target < last or (not target and (cover or flags)):
            return b""
        mark = marks[16 * source : 16 * source + 16]
        try:
            if not target:
                hole = mark, target_lo, lo, kg, target_kg, over, at, fact
                return sha256(HOLE.pack(OF_A_HOLE, seq, act, movement, *hole)).digest()
            ends = mark, lo, kg, marks[16 * target : 16 * target + 16], target_lo, target_kg
            return sha256(LEG.pack(OF_A_LEG, seq, act, movement, *ends, over, cover, flags, at, fact)).digest()
        except struct.error:
            return b""

    def _edge(self, levels: Sequence[bytes], size: int) -> list[tuple[int, bytes]]:
        """The perfect subtrees over the first leaves, largest first."""
        return [
            (level, levels[level][LEAF_BYTES * ((size >> level) - 1) : LEAF_BYTES * (size >> level)])
            for level in range(len(levels) - 1, -1, -1)
            if size >> level & 1
        ]

    def _is_signed(self, body: bytes, key_id: int, signature: bytes) -> bool:
        try:
            self._keys[key_id].verify(signature, body)
        except (InvalidSignature, KeyError):
            return False
        return True


def _each(column: bytearray, reckon: Callable[[int, int], int]) -> bytes:
    """Numbers of eight bytes, none of which is near to overflowing, reckoned with as one: `one` is 1 in each of them."""
    ones = int.from_bytes(b"\x00\x00\x00\x00\x00\x00\x00\x01" * (len(column) // 8))
    return reckon(int.from_bytes(column), ones).to_bytes(len(column))


def main(asked: BinaryIO, said: BinaryIO, window: mmap, marks: int) -> None:
    """Read what is put into the window until nobody asks any more; the marks are there when the first word comes."""
    gc.disable()  # nothing here goes in circles, and there are a great many tuples
    try:
        layout, epoch, public_keys = pickle.load(asked)  # noqa: S301 - from the auditor that started us
        reader = Reader(layout, epoch, public_keys, mmap(marks, 0))
        while True:
            size, due, signed = pickle.load(asked)  # noqa: S301
            with memoryview(window) as whole, whole[:size] as entries:
                answer = reader.read(entries, due, signed)
            pickle.dump(answer, said)
            said.flush()
    except (EOFError, OSError, KeyboardInterrupt):
        pass


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer, mmap(int(sys.argv[2]), 0), int(sys.argv[3]))
