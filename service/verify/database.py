"""The book as it stands in the database, window by window."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from io import BytesIO

import asyncpg

from service.verify.books import Books, Row
from service.verify.checkpoints import Checkpoints, Signed
from service.verify.findings import Findings
from service.verify.places import Places
from service.verify.replay import read_entries

WINDOW = 50_000  # entries that are in memory at once

# COPY's binary rows have a fixed width here, so that a window is read by one structure; each 4x is a field's length.
ROW = struct.Struct(">2x 4xq4xq4x16s 4xq4xq4xq 4xq4xq4xq 4xq4xq4xi 4xq4x32s4x32s")
COPY_HEAD, COPY_TAIL = 19, 2

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
CHECKPOINTS = "SELECT size, act, recorded_at, root, key_id, signature FROM checkpoint WHERE size > $1 AND size <= $2 ORDER BY size"
ACCOUNTS = """
SELECT
    id,
    mark,
    concat_ws(
        E'\\n', '=' || kind, coalesce('=' || jurisdiction, '-'), coalesce('=' || owner_id, '-'),
        coalesce('=' || document_id, '-'), coalesce('=' || grade, '-'), coalesce('=' || year, '-'),
        coalesce('=' || earmark, '-')
    ) AS text
FROM account
"""


async def read_book(connection: asyncpg.Connection, public_keys: Mapping[int, bytes], findings: Findings) -> Books:
    """Read the book once, and note where an entry is not what those before it allow."""
    books = await read_accounts(connection, findings)
    places = Places(books, findings, await cut_movements(connection))
    checkpoints = Checkpoints(books, findings, public_keys)
    async for rows, signed in windows(connection):
        checkpoints.expect(signed)
        await asyncio.to_thread(read_entries, rows, books, findings, places, checkpoints)
    checkpoints.expect([])
    places.end_book()
    return books


async def windows(connection: asyncpg.Connection) -> AsyncIterator[tuple[Iterator[Row], list[Signed]]]:
    """All entries in order, and the checkpoints that fall among them; the next window comes while one is read."""
    ends = range(0, await connection.fetchval(LAST_SEQ), WINDOW)
    coming = asyncio.create_task(_window(connection, 0))
    for lo in ends:
        window, signed = await coming
        coming = asyncio.create_task(_window(connection, lo + WINDOW))
        yield ROW.iter_unpack(window), signed
    await coming


async def _window(connection: asyncpg.Connection, lo: int) -> tuple[memoryview, list[Signed]]:
    signed = [Signed(*row) for row in await connection.fetch(CHECKPOINTS, lo, lo + WINDOW)]
    copied = BytesIO()
    await connection.copy_from_query(ENTRIES, lo, lo + WINDOW, output=copied, format="binary")
    return copied.getbuffer()[COPY_HEAD:-COPY_TAIL], signed


async def cut_movements(connection: asyncpg.Connection) -> set[bytes]:
    """The movements of which something was taken back."""
    return {row["movement"].bytes for row in await connection.fetch(CUT_MOVEMENTS)}


async def read_accounts(connection: asyncpg.Connection, findings: Findings) -> Books:
    """Books with nothing in them but the accounts."""
    books = Books.of(await connection.fetchval("SELECT coalesce(max(id), 0) FROM account"))
    async for account, mark, text in connection.cursor(ACCOUNTS, prefetch=5_000):
        books.open(account, mark, text, findings)
    return books
