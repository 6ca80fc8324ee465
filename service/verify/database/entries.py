"""The book as it stands in the database, window by window."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Mapping

import asyncpg

from service.verify.books import BOUNDARY, QUOTA, Books, Layout, Signed, Window
from service.verify.findings import Findings
from service.verify.places import Places
from service.verify.readers import WINDOW, Readers
from service.verify.replay import Replay

# COPY's binary rows have a fixed width here, so that a window is read by one structure; each 4x is a field's length.
LAYOUT = Layout(
    ">2x 4xq4xq4x16s 4xq4xq4xq 4xq4xq4xq 4xq4xq4xi 4xq4x32s4x32s",
    struct.Struct(">2x 4xq4xq4x16s 4xq4xq4xq 4xq4xq4xq 4xq4xq4xi 12x36x36x"),
    946_684_800_000_000,
)
ACCOUNT = struct.Struct(">2x 4xq4x16s4xi")
COPY_HEAD, COPY_TAIL = 19, 2
MANY_BYTES, NAP_SECONDS = 2**16, 0.0003

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
LEGS = """
SELECT
    seq, act, movement, source, source_lo, source_kg, target, target_lo, target_kg, over_kg, cover_kg,
    source_behind::int + 2 * target_behind::int, occurred_at, fact, leaf
FROM leg WHERE seq > $1 AND seq <= $2
ORDER BY seq
"""
HAS_HOLES = "SELECT EXISTS (SELECT FROM hole WHERE seq > $1 AND seq <= $2)"
LAST_SEQ = "SELECT greatest((SELECT max(seq) FROM leg), (SELECT max(seq) FROM hole), 0)"
CUT_MOVEMENTS = "SELECT DISTINCT movement FROM hole WHERE kind = 'cut'"
CHECKPOINTS = "SELECT size, act, recorded_at, root, key_id, signature FROM checkpoint WHERE size > $1 AND size <= $2 ORDER BY size"
# Put together by ||, which costs a half of concat_ws.
ACCOUNT_TEXT = """(
    '=' || kind::text || coalesce(E'\\n=' || jurisdiction, E'\\n-') || coalesce(E'\\n=' || owner_id::text, E'\\n-')
    || coalesce(E'\\n=' || document_id::text, E'\\n-') || coalesce(E'\\n=' || grade, E'\\n-')
    || coalesce(E'\\n=' || year::text, E'\\n-') || coalesce(E'\\n=' || earmark, E'\\n-')
)"""
ACCOUNTS = f"""
SELECT
    id, mark, CASE WHEN kind IN ('issue', 'gained', 'suspense') THEN {BOUNDARY} WHEN kind = 'quota' THEN {QUOTA} ELSE 0 END
FROM account
"""  # noqa: S608
MISMARKED = f"""
SELECT array_agg(id) FROM account
WHERE substr(sha256(convert_to(E'meisu account 1\\n' || {ACCOUNT_TEXT}, 'UTF8')), 1, 16) <> mark
"""  # noqa: S608 - put together of our own words


async def read_book(connection: asyncpg.Connection, public_keys: Mapping[int, bytes], findings: Findings) -> Books:
    """Read the book once, and note where an entry is not what those before it allow."""
    last = await connection.fetchval(LAST_SEQ)
    with Readers(-(-last // WINDOW), LAYOUT) as readers:
        books = await read_accounts(connection, findings)
        places = Places(books, findings, await cut_movements(connection))
        readers.tell(books.marks, public_keys)
        replay = Replay(books, findings, places, LAYOUT, readers)
        async for window in windows(connection, last):
            await asyncio.to_thread(replay.read, window)
        await asyncio.to_thread(replay.end)
    return books


async def windows(connection: asyncpg.Connection, last: int) -> AsyncIterator[Window]:
    """All entries up to the last in order, and the checkpoints among and behind them; the next window comes while one is
    read."""
    coming = asyncio.create_task(_window(connection, 0, last))
    for lo in range(WINDOW, last, WINDOW):
        window = await coming
        coming = asyncio.create_task(_window(connection, lo, last))
        yield window
    yield await coming


async def _window(connection: asyncpg.Connection, lo: int, last: int) -> Window:
    hi = lo + WINDOW
    known = await connection.fetch(CHECKPOINTS, lo, hi if hi < last else 2**63 - 1)
    sentence = ENTRIES if await connection.fetchval(HAS_HOLES, lo, hi) else LEGS
    entries = await _copied(connection, sentence, lo, hi)
    return Window(lo, min(WINDOW, last - lo), entries, [Signed(*row) for row in known])


async def _copied(connection: asyncpg.Connection, sentence: str, *values: object) -> memoryview:
    parts: list[bytes] = []

    # Taken as it comes: into a file, asyncpg would write from another thread. The server sends eight kilobytes at a time, and to
    # wake for each of them costs twice as much as what is in them; who sleeps on it finds the socket full, and lets others work.
    async def take(part: bytes) -> None:
        parts.append(part)
        if len(part) < MANY_BYTES:
            time.sleep(NAP_SECONDS)  # noqa: ASYNC251

    await connection.copy_from_query(sentence, *values, output=take, format="binary")
    return memoryview(b"".join(parts))[COPY_HEAD:-COPY_TAIL]


async def cut_movements(connection: asyncpg.Connection) -> set[bytes]:
    """The movements of which something was taken back."""
    return {row["movement"].bytes for row in await connection.fetch(CUT_MOVEMENTS)}


async def read_accounts(connection: asyncpg.Connection, findings: Findings) -> Books:
    """Books with nothing in them but the accounts."""
    books = Books.of(await connection.fetchval("SELECT coalesce(max(id), 0) FROM account"))
    marks, sorts = books.marks, books.sorts
    rows = await _copied(connection, ACCOUNTS)
    books.accounts = len(rows) // ACCOUNT.size

    def take() -> None:
        for account, mark, sort in ACCOUNT.iter_unpack(rows):
            marks[16 * account : 16 * account + 16] = mark
            sorts[account] = sort

    # All rows: where one is asked for, the server works with one process only.
    (mismarked,), _ = await asyncio.gather(connection.fetch(MISMARKED), asyncio.to_thread(take))
    for account in sorted(mismarked["array_agg"] or []):
        findings.add("account", None, f"account {account} is not what its mark says")
    return books
