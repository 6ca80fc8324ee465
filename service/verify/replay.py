"""One pass over all entries in order of seq: leaves, tree, checkpoints, places, debts."""

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO

import asyncpg

from service.verify.books import BOUNDARY, Books, Row
from service.verify.checkpoints import Checkpoints
from service.verify.columns import Columns
from service.verify.findings import Findings
from service.verify.places import Places

WINDOW = 50_000  # entries that are in memory at once

# COPY's binary rows have a fixed width here, so that a window is read by one structure; each 4x is a field's length.
ROW = struct.Struct(">2x 4xq4xq4x16s 4xq4xq4xq 4xq4xq4xq 4xq4xq4xi 4xq4x32s4x32s")
COPY_HEAD, COPY_TAIL = 19, 2
SINCE_1970 = 946_684_800_000_000  # microseconds from 1970 to 2000, from where PostgreSQL counts

LEG = struct.Struct(">3s qq16s 16sqq 16sqq qq Bq32s")
HOLE = struct.Struct(">3s qq16s 16sB qq Bqq32s")

ENTRIES = """
SELECT
    seq, act, movement, source, source_lo, source_kg, target, target_lo, target_kg, over_kg, cover_kg,
    source_behind::int + 2 * target_behind::int, occurred_at, fact, leaf
FROM leg WHERE seq > $1 AND seq <= $2
UNION ALL
SELECT
    seq, act, movement, account, lo, hi, 0::bigint, (side = 'out')::int::bigint, (kind = 'jump')::int::bigint, debt_kg,
    0::bigint, 0, occurred_at, fact, leaf
FROM hole WHERE seq > $1 AND seq <= $2
ORDER BY seq
"""
LAST_SEQ = "SELECT greatest(seq, (SELECT max(seq) FROM leg), (SELECT max(seq) FROM hole)) FROM head"
CUT_MOVEMENTS = "SELECT DISTINCT movement FROM hole WHERE kind = 'cut'"
CHECKPOINTS = "SELECT * FROM checkpoint WHERE size > $1 AND size <= $2 ORDER BY size"
ACCOUNTS = """
SELECT
    id,
    CASE WHEN kind IN ('issue', 'gained', 'suspense') THEN 1 WHEN kind = 'quota' THEN 2 ELSE 0 END AS sort,
    mark,
    concat_ws(
        E'\\n', '=' || kind, coalesce('=' || jurisdiction, '-'), coalesce('=' || owner_id, '-'),
        coalesce('=' || document_id, '-'), coalesce('=' || grade, '-'), coalesce('=' || year, '-'),
        coalesce('=' || earmark, '-')
    ) AS text
FROM account
"""


async def read_book(connection: asyncpg.Connection, public_keys: Mapping[int, bytes], findings: Findings) -> Books:
    """Read the book once, window by window, and note where an entry is not what those before it allow."""
    books = await _open(connection, findings)
    cut = {row["movement"].bytes for row in await connection.fetch(CUT_MOVEMENTS)}
    places = Places(books, findings, cut)
    checkpoints = Checkpoints(books, findings, public_keys)
    starts = range(0, await connection.fetchval(LAST_SEQ), WINDOW)
    window = await _window(connection, 0)
    for lo in starts:
        checkpoints.expect(window.checkpoints)
        # The server gathers the next window while this one is read.
        reading = asyncio.to_thread(_read, window.entries, books, findings, places, checkpoints)
        window, _ = await asyncio.gather(_window(connection, lo + WINDOW), reading)
    checkpoints.expect([])
    places.end_act()
    return books


@dataclass(frozen=True, slots=True)
class _Window:
    entries: memoryview
    checkpoints: list[asyncpg.Record]


async def _window(connection: asyncpg.Connection, lo: int) -> _Window:
    checkpoints = await connection.fetch(CHECKPOINTS, lo, lo + WINDOW)
    copied = BytesIO()
    await connection.copy_from_query(ENTRIES, lo, lo + WINDOW, output=copied, format="binary")
    return _Window(copied.getbuffer()[COPY_HEAD:-COPY_TAIL], checkpoints)


async def _open(connection: asyncpg.Connection, findings: Findings) -> Books:
    """The accounts' marks and sorts in two flat strings, at the places of their ids."""
    last = await connection.fetchval("SELECT coalesce(max(id), 0) FROM account")
    marks, sorts, accounts = bytearray(16 * (last + 1)), bytearray(last + 1), 0
    async for account, sort, mark, text in connection.cursor(ACCOUNTS, prefetch=5_000):
        if sha256(b"meisu account 1\n" + text.encode()).digest()[:16] != mark:
            findings.add("account", None, f"account {account} is not what its mark says")
        marks[16 * account : 16 * account + 16] = mark
        sorts[account] = sort
        accounts += 1
    return Books(Columns(last), bytes(marks), bytes(sorts), accounts)


def _written(row: Row, marks: bytes) -> bytes:
    seq, act, movement, source, lo, kg, target, target_lo, target_kg, over, cover, flags, at, fact, _ = row
    mark = marks[16 * source : 16 * source + 16]
    at += SINCE_1970
    if not target:
        return HOLE.pack(b"\x00\x01H", seq, act, movement, mark, target_lo, lo, kg, target_kg, over, at, fact)
    ends = mark, lo, kg, marks[16 * target : 16 * target + 16], target_lo, target_kg
    return LEG.pack(b"\x00\x01L", seq, act, movement, *ends, over, cover, flags, at, fact)


# One loop, since more calls per entry would cost a third of the speed.
def _read(  # noqa: PLR0912
    window: memoryview, books: Books, findings: Findings, places: Places, checkpoints: Checkpoints
) -> None:
    marks, sorts, edge, loose = books.marks, books.sorts, books.edge, books.loose
    ins, outs, followed = books.columns.ins, books.columns.outs, places.followed
    size = books.seq
    for row in ROW.iter_unpack(window):
        seq, act, movement, source, lo, kg, target, target_lo, target_kg, over, cover, flags, _, _, leaf = row
        if seq != size + 1:
            findings.add("gap", seq, f"it follows seq {size}")
        size = seq
        if act != places.act:
            places.begin_act(seq, act)

        if sha256(_written(row, marks)).digest() != leaf:
            findings.add("leaf", seq, "the entry is not what its leaf says")

        # The plain case, which is nearly all: both places follow the ends, and the ends alone say what is over and
        # what is covered. Everything else is looked at place by place.
        if not target:
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
        if target:
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
