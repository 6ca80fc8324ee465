"""One pass over all entries in order of seq: leaves, tree, checkpoints, places, debts."""

import struct
from collections.abc import Iterable
from hashlib import sha256

from service.verify.books import BOUNDARY, Books, Row
from service.verify.checkpoints import Checkpoints
from service.verify.findings import Findings
from service.verify.places import Places

SINCE_1970 = 946_684_800_000_000  # microseconds from 1970 to 2000, from where PostgreSQL counts
MOST = 2**60  # no place is so far out: sums of two still fit the columns

LEG = struct.Struct(">3s qq16s 16sqq 16sqq qq Bq32s")
HOLE = struct.Struct(">3s qq16s 16sB qq Bqq32s")


def _written(row: Row, marks: bytes) -> bytes:
    """What the leaf is the hash of; struct.error where an entry's numbers are none that the service writes."""
    seq, act, movement, source, lo, kg, target, target_lo, target_kg, over, cover, flags, at, fact, _ = row
    last = len(marks) // 16
    if not 0 < source < last or not 0 <= target < last or lo > MOST or kg > MOST or target_lo > MOST:
        raise struct.error
    mark = marks[16 * source : 16 * source + 16]
    at += SINCE_1970
    if not target:
        if cover or flags or target_lo >> 1 or target_kg >> 1:
            raise struct.error
        return HOLE.pack(b"\x00\x01H", seq, act, movement, mark, target_lo, lo, kg, target_kg, over, at, fact)
    ends = mark, lo, kg, marks[16 * target : 16 * target + 16], target_lo, target_kg
    return LEG.pack(b"\x00\x01L", seq, act, movement, *ends, over, cover, flags, at, fact)


# One loop, since more calls per entry would cost a third of the speed.
def read_entries(  # noqa: PLR0912
    rows: Iterable[Row], books: Books, findings: Findings, places: Places, checkpoints: Checkpoints
) -> None:
    """Read entries in order, after those that were read before, and note where one is not what those allow."""
    marks, sorts, edge, loose = bytes(books.marks), books.sorts, books.edge, books.loose
    ins, outs, followed = books.columns.ins, books.columns.outs, places.followed
    size = books.seq
    for row in rows:
        seq, act, movement, source, lo, kg, target, target_lo, target_kg, over, cover, flags, _, _, leaf = row
        if seq != size + 1:
            findings.add("gap", size + 1, f"seq {seq} stands where it is due")
        size = seq
        if act != places.act:
            places.begin_act(seq, act)

        try:
            written = _written(row, marks)
        except struct.error:
            written = b""
        if sha256(written).digest() != leaf:
            findings.add("leaf", seq, "the entry is not what its leaf says")

        # The plain case, which is nearly all: both places follow the ends, and the ends alone say what is over and
        # what is covered. Everything else is looked at place by place.
        if not written:
            pass
        elif not target:
            books.holes += 1
            places.hole(row)
        elif (
            flags or lo != outs[source] or target_lo != ins[target] or (loose and (source in loose or target in loose))
        ):
            places.leg(row)
        else:
            come, gone = ins[source], outs[target]
            short = 0 if lo + kg <= come or sorts[source] == BOUNDARY else lo + kg - (come if come > lo else lo)
            paid = 0 if gone <= target_lo or sorts[target] == BOUNDARY else min(gone - target_lo, target_kg)
            if over != short or cover != paid:
                places.note_evidence(seq, over, cover, short, paid)
            outs[source] = lo + kg
            ins[target] = target_lo + target_kg
        if target and written:
            books.legs += 1
            if over or cover:
                places.owe(seq, movement, source, over)
                places.owe(seq, movement, target, -cover)
            if movement in followed:
                followed[movement].append(row)

        # The tree stands over the leaves as they are stored: whether they are right was just said.
        node, index = leaf, seq - 1
        level = 0
        while index & 1 and edge:
            node = sha256(b"\x01" + edge.pop() + node).digest()
            index >>= 1
            level += 1
            if not level & 7:
                books.kept[level] += node
        edge.append(node)
        if seq == checkpoints.size:
            checkpoints.check(act)
    books.seq = size
