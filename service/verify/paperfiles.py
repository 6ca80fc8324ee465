"""The log of papers in three files beside the ledger's.

`papers.jsonl` has one entry a line, in order of seq, with its leaf; of a decision also what was entered, whose hash is `fact`; of
papers only where the export was asked for texts, since they have plates, numbers and prices. `paper_checkpoints.jsonl` has the
signed notes, `decisions.jsonl` what the row of each decision says now.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from service.verify.books import PAPERS
from service.verify.decided import DECISIONS, decision, fault
from service.verify.files import read_lines, read_notes
from service.verify.findings import Findings
from service.verify.sealed import Entry, Sealing

PAPERS_FILE, NOTES_FILE, DECISIONS_FILE = "papers.jsonl", "paper_checkpoints.jsonl", "decisions.jsonl"


def read_papers(folder: Path, public_keys: Mapping[int, bytes], findings: Findings) -> str:
    """Audit the three files, and note where a line or an entry is not what the others say; gives what was read, in one line."""
    if missing := [name for name in (PAPERS_FILE, NOTES_FILE) if not (folder / name).exists()]:
        findings.add("paper", None, f"there is no {' and no '.join(missing)}")
        return "no papers"
    sealing = Sealing(read_notes(folder / NOTES_FILE, PAPERS, public_keys, findings), public_keys, findings)
    texts = 0
    decided = Decided()
    for number, content in enumerate(read_lines(folder / PAPERS_FILE), 1):
        try:
            entry, text = _read(content)
            if content != written_entry(entry, text):
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError):
            findings.add("paper", None, f"line {number} of {PAPERS_FILE} cannot be read")
            continue
        sealing.read(entry, text)
        texts += text is not None
        decided.read(entry, text, findings)
    sealing.end()
    decided.end(folder / DECISIONS_FILE, findings)
    return f"{sealing.size} papers sealed, {sealing.older} of them older than their log, {texts} with their texts"


class Decided:
    """What was entered of each decision, and whether its row says so."""

    def __init__(self) -> None:
        self._entered: dict[tuple[str, UUID], tuple[bytes, str | None]] = {}

    def read(self, entry: Entry, text: str | None, findings: Findings) -> None:
        """The next entry of the log."""
        if entry.kind not in DECISIONS:
            return
        if (entry.kind, entry.subject_id) in self._entered:
            findings.add(entry.kind, None, f"{entry.kind} {entry.subject_id} was entered again, and never changes")
        bound = text if text is not None and _hash(text) == entry.fact else None
        self._entered[entry.kind, entry.subject_id] = entry.fact, bound

    def end(self, path: Path, findings: Findings) -> None:
        """All entries were read: here is what the rows say."""
        if not path.exists():
            # There was none before decisions were entered.
            if self._entered:
                findings.add("paper", None, f"there is no {path.name}")
            return
        for number, content in enumerate(read_lines(path), 1):
            text: Any = content.get("text")
            found = decision(text) if content == {"text": text} else None
            if found is None:
                findings.add("paper", None, f"line {number} of {path.name} cannot be read")
                continue
            kind, subject_id, _ = found
            fact, entered = self._entered.pop((kind, subject_id), (None, None))
            if fact != _hash(text):
                findings.add(kind, None, fault(kind, subject_id, text, entered, is_entered=fact is not None))
        for (kind, subject_id), (_, entered) in self._entered.items():
            findings.add(kind, None, fault(kind, subject_id, None, entered, is_entered=True))


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()


def written_entry(entry: Entry, text: str | None) -> dict[str, Any]:
    """What the line of an entry says."""
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
