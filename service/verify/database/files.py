"""The ledger written into the four files that an auditor elsewhere reads."""

import struct
from array import array
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from service.verify.database.entries import ACCOUNT_TEXT, LAST_SEQ, LAYOUT, windows
from service.verify.files import CHECKPOINTS, ENTRY, line_of, note_line, written_account, written_keys

TEXTS = f"SELECT id, mark, {ACCOUNT_TEXT} AS text FROM account ORDER BY id"  # noqa: S608 - our own words


async def write_export(connection: asyncpg.Connection, public_keys: Mapping[int, bytes], folder: Path) -> None:
    """Write the four files into a folder."""
    numbers = array("q", bytes(8 * (await connection.fetchval("SELECT coalesce(max(id), 0) FROM account") + 1)))
    with (folder / "accounts.jsonl").open("w", encoding="utf-8") as file:
        number = 0
        async for account, mark, text in connection.cursor(TEXTS, prefetch=5_000):
            number += 1
            numbers[account] = number
            file.write(line_of(written_account(mark, text)))
    with (
        (folder / "entries.bin").open("wb") as entries,
        (folder / CHECKPOINTS).open("w", encoding="utf-8") as checkpoints,
    ):
        async for window in windows(connection, await connection.fetchval(LAST_SEQ)):
            rows = struct.iter_unpack(LAYOUT.entry, window.entries)
            for seq, act, movement, source, lo, kg, target, *rest, at, fact, leaf in rows:
                ends = numbers[source], lo, kg, numbers[target]
                entries.write(ENTRY.pack(seq, act, movement, *ends, *rest, at + LAYOUT.epoch, fact, leaf))
            checkpoints.writelines(note_line(each, public_keys) for each in window.signed)
    (folder / "keys.json").write_text(line_of(written_keys(public_keys)), encoding="utf-8")
