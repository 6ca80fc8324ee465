"""The log of papers in two files beside the ledger's.

`papers.jsonl` has one entry a line, in order of seq, with its leaf; where the export was asked for texts, also what the paper
says, whose hash is `fact`: with plates, numbers and prices. `paper_checkpoints.jsonl` has the signed notes.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from service.verify.books import PAPERS
from service.verify.files import line_of, note_line, read_lines, read_notes
from service.verify.findings import Findings
from service.verify.sealed import CHECKPOINTS, ENTRIES, Entry, Sealing, paper_checkpoint, paper_entry

PAPERS_FILE, NOTES_FILE = "papers.jsonl", "paper_checkpoints.jsonl"
# A text that an entry no longer binds is another entry's, or none's.
TEXTS = f"""
SELECT entry.*, said.text
FROM ({ENTRIES}) AS entry
LEFT JOIN said
    ON said.kind = entry.kind AND said.id = entry.subject_id AND sha256(convert_to(said.text, 'UTF8')) = entry.fact
ORDER BY entry.seq
"""  # noqa: S608 - our own words


async def write_papers(
    connection: asyncpg.Connection, public_keys: Mapping[int, bytes], folder: Path, *, with_texts: bool
) -> None:
    """Write the two files into a folder."""
    with (folder / PAPERS_FILE).open("w", encoding="utf-8") as file:
        async for row in connection.cursor(TEXTS if with_texts else ENTRIES, prefetch=5_000):
            file.write(line_of(_written(paper_entry(row), row["text"] if with_texts else None)))
    with (folder / NOTES_FILE).open("w", encoding="utf-8") as file:
        async for row in connection.cursor(CHECKPOINTS, prefetch=5_000):
            file.write(note_line(paper_checkpoint(row), public_keys))


def read_papers(folder: Path, public_keys: Mapping[int, bytes], findings: Findings) -> str:
    """Audit the two files, and note where a line or an entry is not what the others say; gives what was read, in one line."""
    if missing := [name for name in (PAPERS_FILE, NOTES_FILE) if not (folder / name).exists()]:
        findings.add("paper", None, f"there is no {' and no '.join(missing)}")
        return "no papers"
    sealing = Sealing(read_notes(folder / NOTES_FILE, PAPERS, public_keys, findings), public_keys, findings)
    texts = 0
    for number, content in enumerate(read_lines(folder / PAPERS_FILE), 1):
        try:
            entry, text = _read(content)
            if content != _written(entry, text):
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError):
            findings.add("paper", None, f"line {number} of {PAPERS_FILE} cannot be read")
            continue
        sealing.read(entry)
        if text is not None:
            texts += 1
            if sha256(text.encode()).digest() != entry.fact:
                findings.add(
                    "paper", None, f"entry {entry.seq}, of {entry.kind} {entry.subject_id}, binds another text"
                )
    sealing.end()
    return f"{sealing.size} papers sealed, {sealing.older} of them older than their log, {texts} with their texts"


def _written(entry: Entry, text: str | None) -> dict[str, Any]:
    plain = {"subject_id": str(entry.subject_id), "fact": entry.fact.hex(), "leaf": entry.leaf.hex()}
    return {**entry._asdict(), **plain, **({} if text is None else {"text": text})}


def _read(content: Mapping[str, Any]) -> tuple[Entry, str | None]:
    facts = {name: content[name] for name in Entry._fields}
    if not all(
        type(facts[name]) is kind for name, kind in (("seq", int), ("is_older", bool), ("at", int), ("kind", str))
    ):
        raise ValueError
    text = content.get("text")
    if text is not None and not isinstance(text, str):
        raise ValueError
    hashes = {name: bytes.fromhex(facts[name]) for name in ("fact", "leaf")}
    return Entry(**{**facts, **hashes, "subject_id": UUID(facts["subject_id"])}), text
