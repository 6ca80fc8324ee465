"""The ledger in four files, for those who audit it without the service; papers lie beside it (`paperfiles`).

`accounts.jsonl` has one account a line, numbered from 1: its mark and the text whose hash the mark is. `entries.bin` has one
entry after the other in order of seq, 169 bytes each, big-endian, with accounts by their number. `checkpoints.jsonl` has
the signed notes. `keys.json` has the public keys by id; who knows them from elsewhere uses those.
"""

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from service.verify.books import LEDGER, Books, Layout, Signed, Window
from service.verify.findings import Findings
from service.verify.places import CUT, Places
from service.verify.readers import WINDOW, Readers
from service.verify.replay import Replay

# seq, act, movement, source, lo, kg, target, lo, kg, over, cover, flags, occurred_at in microseconds since 1970, fact, leaf;
# of a hole: seq, act, movement, account, lo, hi, 0, side (1 out), kind (1 jump), debt, 0, 0, occurred_at, fact, leaf.
ENTRY = struct.Struct(">qq16s qqq qqq qq Bq 32s32s")
CHECKPOINTS = "checkpoints.jsonl"
LAYOUT = Layout(ENTRY.format, struct.Struct(">qq16s qqq qqq qq B8x32x32x"), 0)


def read_export(folder: Path, public_keys: Mapping[int, bytes], findings: Findings) -> Books:
    """Audit the ledger's files, and note where a line or an entry is not what the others say."""
    books = Books.of(sum(1 for _ in read_lines(folder / "accounts.jsonl")))
    for number, content in enumerate(read_lines(folder / "accounts.jsonl"), 1):
        try:
            mark, text = bytes.fromhex(content["mark"]), content["text"]
            if len(mark) != 16 or content != written_account(mark, text):
                raise ValueError
            books.open(number, mark, text, findings)
        except (KeyError, TypeError, ValueError, AttributeError):
            findings.add("account", None, f"line {number} of accounts.jsonl cannot be read")
    places = Places(books, findings, _cut_movements(folder))
    entries = folder / "entries.bin"
    count = entries.stat().st_size // ENTRY.size
    signed = read_notes(folder / CHECKPOINTS, LEDGER, public_keys, findings)
    with Readers(-(-count // WINDOW), LAYOUT) as readers:
        readers.tell(books.marks, public_keys)
        replay = Replay(books, findings, places, LAYOUT, readers)
        for window in _windows(entries, count, signed):
            replay.read(window)
        replay.end()
    if entries.stat().st_size % ENTRY.size:
        findings.add("gap", books.seq + 1, "the last entry is not whole")
    return books


def line_of(content: Mapping[str, Any]) -> str:
    """The one way in which a line is written."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Each line's content, empty where it is not written in the one way that `line_of` writes it."""
    with path.open("rb") as file:
        for raw in file:
            try:
                content = json.loads(raw)
                yield content if isinstance(content, dict) and line_of(content).encode() == raw else {}
            except (ValueError, RecursionError):
                yield {}


def written_account(mark: bytes, text: str) -> dict[str, Any]:
    """What the line of an account says."""
    return {"mark": mark.hex(), "text": text}


def note_line(signed: Signed, public_keys: Mapping[int, bytes]) -> str:
    """A checkpoint as a line."""
    return line_of(_note(signed, _key_hash(public_keys, signed)))


def _note(signed: Signed, key_hash: bytes) -> dict[str, Any]:
    signature = b64encode(key_hash + signed.signature).decode()
    act = {} if signed.act is None else {"act": signed.act}
    return {**act, "key_id": signed.key_id, "note": f"{signed.body.decode()}\n— {signed.origin} {signature}\n"}


def _key_hash(public_keys: Mapping[int, bytes], signed: Signed) -> bytes:
    return sha256(f"{signed.origin}\n\x01".encode() + public_keys.get(signed.key_id, b"")).digest()[:4]


def read_notes(path: Path, origin: str, public_keys: Mapping[int, bytes], findings: Findings) -> Iterator[Signed]:
    """The checkpoints of a log, noting lines that cannot be read."""
    for number, content in enumerate(read_lines(path), 1):
        try:
            body, _, signature = content["note"].partition(f"\n\n— {origin} ")
            _, size, root, recorded_at = body.split("\n")
            key_hash, at = b64decode(signature), datetime.fromisoformat(recorded_at)
            act = int(content["act"]) if origin == LEDGER else None
            signed = Signed(int(size), act, at, b64decode(root), int(content["key_id"]), key_hash[4:], origin)
            if content != _note(signed, key_hash[:4]):
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError):
            findings.add("checkpoint", None, f"line {number} of {path.name} cannot be read")
            continue
        if key_hash[:4] != _key_hash(public_keys, signed):
            message = f"the note on line {number} of {path.name} names another key than {signed.key_id}"
            findings.doubt(signed.key_id, "signature", signed.size, message)
        yield signed


def compare_notes(path: Path, notes: Sequence[str], findings: Findings) -> None:
    """Hold checkpoints that somebody has kept against those of a log; of the log, the reading holds each against its leaves."""
    bodies = {str(content.get("note")).partition("\n\n")[0] for content in read_lines(path)} if path.exists() else set()
    for note in notes:
        body = note.partition("\n\n")[0]
        if body not in bodies:
            size = body.split("\n")[1:2]
            findings.add(
                "checkpoint", None, f"the log is not the one whose first {''.join(size)} entries the kept note signs"
            )


def written_keys(public_keys: Mapping[int, bytes]) -> dict[str, Any]:
    """What the line of the keys says."""
    return {str(key_id): b64encode(key).decode() for key_id, key in sorted(public_keys.items())}


def read_keys(path: Path, findings: Findings) -> dict[int, bytes]:
    """The public keys by id."""
    try:
        (content,) = read_lines(path)
        found = {int(key_id): b64decode(key) for key_id, key in content.items()}
        if content != written_keys(found) or {len(key) for key in found.values()} - {32}:
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
