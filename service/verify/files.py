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
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg

from service.verify.books import Books, Row
from service.verify.checkpoints import Checkpoints, Signed
from service.verify.database import ACCOUNTS, windows
from service.verify.findings import Findings
from service.verify.places import CUT, Places
from service.verify.replay import SINCE_1970, read_entries

WINDOW = 50_000

# seq, act, movement, source, lo, kg, target, lo, kg, over, cover, flags, occurred_at in microseconds since 1970, fact, leaf;
# of a hole: seq, act, movement, account, lo, hi, 0, side (1 out), kind (1 jump), debt, 0, 0, occurred_at, fact, leaf.
ENTRY = struct.Struct(">qq16s qqq qqq qq Bq 32s32s")


async def write_export(connection: asyncpg.Connection, public_keys: Mapping[int, bytes], folder: Path) -> None:
    """Write the four files into a folder."""
    numbers = array("q", bytes(8 * (await connection.fetchval("SELECT coalesce(max(id), 0) FROM account") + 1)))
    with (folder / "accounts.jsonl").open("w", encoding="utf-8") as file:
        number = 0
        async for account, mark, text in connection.cursor(f"{ACCOUNTS} ORDER BY id", prefetch=5_000):
            number += 1
            numbers[account] = number
            file.write(_line(_account(mark, text)))
    with (
        (folder / "entries.bin").open("wb") as entries,
        (folder / "checkpoints.jsonl").open("w", encoding="utf-8") as checkpoints,
    ):
        async for rows, signed in windows(connection):
            for seq, act, movement, source, lo, kg, target, *rest, at, fact, leaf in rows:
                ends = numbers[source], lo, kg, numbers[target]
                entries.write(ENTRY.pack(seq, act, movement, *ends, *rest, at + SINCE_1970, fact, leaf))
            checkpoints.writelines(_line(_note(each, _key_hash(public_keys, each.key_id))) for each in signed)
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
    places = Places(books, findings, {row[2] for row in _entries(folder) if row[6] == 0 and row[8] == CUT})
    checkpoints = Checkpoints(books, findings, public_keys)
    signed = _signed(folder / "checkpoints.jsonl", public_keys, findings)
    for rows, known in _windows(folder, signed):
        checkpoints.expect(known)
        read_entries(rows, books, findings, places, checkpoints)
    checkpoints.expect(list(signed))
    places.end_book()
    if (folder / "entries.bin").stat().st_size % ENTRY.size:
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


def _entries(folder: Path) -> Iterator[Row]:
    with (folder / "entries.bin").open("rb") as file:
        while window := file.read(WINDOW * ENTRY.size):
            yield from ENTRY.iter_unpack(window[: len(window) - len(window) % ENTRY.size])


def _windows(folder: Path, signed: Iterator[Signed]) -> Iterator[tuple[list[Row], list[Signed]]]:
    waiting = next(signed, None)
    entries = _entries(folder)
    while rows := [(*row[:12], row[12] - SINCE_1970, *row[13:]) for row in islice(entries, WINDOW)]:
        known = []
        while waiting and waiting.size <= rows[-1][0]:
            known.append(waiting)
            waiting = next(signed, None)
        yield rows, known
    if waiting:
        yield [], [waiting]
