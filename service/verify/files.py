"""The book in four files, for those who audit it without the service.

`accounts.jsonl` has one account a line, numbered from 1: its mark and the text whose hash the mark is. `entries.bin` has one
entry after the other in order of seq, 169 bytes each, big-endian, with accounts by their number. `checkpoints.jsonl` has
the signed notes. `keys.json` has the public keys by id; who knows them from elsewhere uses those.
"""

import json
import struct
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg

from service.verify.books import Books, Layout, Signed, Window
from service.verify.database import ACCOUNT_TEXT, LAST_SEQ, windows
from service.verify.database import LAYOUT as DATABASE
from service.verify.findings import Findings
from service.verify.places import CUT, Places
from service.verify.readers import WINDOW, Readers
from service.verify.replay import Replay

# seq, act, movement, source, lo, kg, target, lo, kg, over, cover, flags, occurred_at in microseconds since 1970, fact, leaf;
# of a hole: seq, act, movement, account, lo, hi, 0, side (1 out), kind (1 jump), debt, 0, 0, occurred_at, fact, leaf.
ENTRY = struct.Struct(">qq16s qqq qqq qq Bq 32s32s")
LAYOUT = Layout(ENTRY.format, struct.Struct(">qq16s qqq qqq qq B8x32x32x"), 0)
TEXTS = f"SELECT id, mark, {ACCOUNT_TEXT} AS text FROM account ORDER BY id"  # noqa: S608 - our own words


async def write_export(connection: asyncpg.Connection, public_keys: Mapping[int, bytes], folder: Path) -> None:
    """Write the four files into a folder."""
    numbers = array("q", bytes(8 * (await connection.fetchval("SELECT coalesce(max(id), 0) FROM account") + 1)))
    with (folder / "accounts.jsonl").open("w", encoding="utf-8") as file:
        number = 0
        async for account, mark, text in connection.cursor(TEXTS, prefetch=5_000):
            number += 1
            numbers[account] = number
            file.write(_line(_account(mark, text)))
    with (
        (folder / "entries.bin").open("wb") as entries,
        (folder / "checkpoints.jsonl").open("w", encoding="utf-8") as checkpoints,
    ):
        async for window in windows(connection, await connection.fetchval(LAST_SEQ)):
            rows = struct.iter_unpack(DATABASE.entry, window.entries)
            for seq, act, movement, source, lo, kg, target, *rest, at, fact, leaf in rows:
                ends = numbers[source], lo, kg, numbers[target]
                entries.write(ENTRY.pack(seq, act, movement, *ends, *rest, at + DATABASE.epoch, fact, leaf))
            checkpoints.writelines(_line(_note(each, _key_hash(public_keys, each.key_id))) for each in window.signed)
    (folder / "keys.json").write_text(_line(_written_keys(public_keys)), encoding="utf-8")


def read_export(folder: Path, public_keys: Mapping[int, bytes] | None, findings: Findings) -> Books:
    """Audit the files, and note where a line or an entry is not what the others say."""
    books = Books.of(sum(1 for _ in _lines(folder / "accounts.jsonl")))
    for number, content in enumerate(_lines(folder / "accounts.jsonl"), 1):
        try:
            mark, text = bytes.fromhex(content["mark"]), content["text"]
            if len(mark) != 16 or content != _account(mark, text):
                raise ValueError
            books.open(number, mark, text, findings)
        except (KeyError, TypeError, ValueError, AttributeError):
            findings.add("account", None, f"line {number} of accounts.jsonl cannot be read")
    if public_keys is None:
        public_keys = _keys(folder / "keys.json", findings)
    places = Places(books, findings, _cut_movements(folder))
    entries = folder / "entries.bin"
    count = entries.stat().st_size // ENTRY.size
    signed = _signed(folder / "checkpoints.jsonl", public_keys, findings)
    with Readers(-(-count // WINDOW), LAYOUT) as readers:
        readers.tell(books.marks, public_keys)
        replay = Replay(books, findings, places, LAYOUT, readers)
        for window in _windows(entries, count, signed):
            replay.read(window)
        replay.end()
    if entries.stat().st_size % ENTRY.size:
        findings.add("gap", books.seq + 1, "the last entry is not whole")
    return books


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Each line's content, empty where it is not written in the one way that `_line` writes it."""
    with path.open("rb") as file:
        for raw in file:
            try:
                content = json.loads(raw)
                yield content if isinstance(content, dict) and _line(content).encode() == raw else {}
            except (ValueError, RecursionError):
                yield {}


def _account(mark: bytes, text: str) -> dict[str, Any]:
    return {"mark": mark.hex(), "text": text}


def _note(signed: Signed, key_hash: bytes) -> dict[str, Any]:
    signature = b64encode(key_hash + signed.signature).decode()
    return {
        "act": signed.act,
        "key_id": signed.key_id,
        "note": f"{signed.body.decode()}\n— meisu/ledger {signature}\n",
    }


def _key_hash(public_keys: Mapping[int, bytes], key_id: int) -> bytes:
    return sha256(b"meisu/ledger\n\x01" + public_keys.get(key_id, b"")).digest()[:4]


def _signed(path: Path, public_keys: Mapping[int, bytes], findings: Findings) -> Iterator[Signed]:
    for number, content in enumerate(_lines(path), 1):
        try:
            body, _, signature = content["note"].partition("\n\n— meisu/ledger ")
            _, size, root, recorded_at = body.split("\n")
            key_hash, at = b64decode(signature), datetime.fromisoformat(recorded_at)
            signed = Signed(int(size), int(content["act"]), at, b64decode(root), int(content["key_id"]), key_hash[4:])
            if content != _note(signed, key_hash[:4]):
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError):
            findings.add("checkpoint", None, f"line {number} of checkpoints.jsonl cannot be read")
            continue
        if key_hash[:4] != _key_hash(public_keys, signed.key_id):
            findings.add("signature", signed.size, f"the note names another key than {signed.key_id}")
        yield signed


def _written_keys(public_keys: Mapping[int, bytes]) -> dict[str, Any]:
    return {str(key_id): b64encode(key).decode() for key_id, key in sorted(public_keys.items())}


def _keys(path: Path, findings: Findings) -> dict[int, bytes]:
    try:
        (content,) = _lines(path)
        found = {int(key_id): b64decode(key) for key_id, key in content.items()}
        if content != _written_keys(found) or {len(key) for key in found.values()} - {32}:
            raise ValueError
    except (TypeError, ValueError):
        findings.add("signature", None, "keys.json cannot be read")
        return {}
    return found


def _cut_movements(folder: Path) -> set[bytes]:
    found = set()
    with (folder / "entries.bin").open("rb") as file:
        while entries := file.read(WINDOW * ENTRY.size):
            whole = entries[: len(entries) - len(entries) % ENTRY.size]
            found |= {row[2] for row in LAYOUT.row.iter_unpack(whole) if row[6] == 0 and row[8] == CUT}
    return found


def _windows(path: Path, count: int, signed: Iterator[Signed]) -> Iterator[Window]:
    """The whole entries of a file, and the checkpoints among and behind them."""
    waiting = next(signed, None)
    with path.open("rb") as file:
        for lo in range(0, max(count, 1), WINDOW):
            due = min(WINDOW, count - lo)
            known = []
            while waiting and (waiting.size <= lo + WINDOW or lo + WINDOW >= count):
                known.append(waiting)
                waiting = next(signed, None)
            yield Window(lo, due, file.read(due * ENTRY.size), known)
