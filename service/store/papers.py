"""The log of papers: an entry is written with the row that it binds, and sealed soon after."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain import evidence
from service.domain.papers import PaperEntry, PaperKind
from service.store.evidence import Log
from service.store.ledger import Signer
from service.store.sentences import sentences

SQL = sentences("papers")
LOG = Log(evidence.PAPERS, SQL)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A paper's entry, and the text that its fact is the hash of: none of what was said before, nor of what others filed."""

    entry: PaperEntry
    text: str | None


async def enter(connection: Connection, kind: PaperKind, ids: Collection[UUID], *, at: datetime) -> None:
    """Bind what the rows of some papers say now; called by whatever writes what an entry binds."""
    await connection.execute(SQL["enter"], kind.value, list(ids), at)


async def enter_decisions(connection: Connection, kind: PaperKind, ids: Collection[UUID], *, at: datetime) -> None:
    """Bind what the rows of some decisions say, and keep their words: there are no plates and no prices in them."""
    await connection.execute(SQL["enter_decisions"], kind.value, list(ids), at)


async def seal(connection: Connection, most: int, *, at: datetime, sign: Signer) -> int:
    """Give the oldest waiting entries their places in the log, under a signed root; gives how many.

    Locks the head of the log of papers and nothing else: no deadlock, and nobody who files waits for it.
    """
    head = await connection.fetchrow(SQL["lock_head"])
    if head is None:
        return 0
    due = sorted(await connection.fetch(SQL["take_due"], most), key=lambda row: row["id"])
    if not due:
        return 0
    entries = [_entry(seq, row) for seq, row in enumerate(due, head["seq"] + 1)]
    leaves = [entry.leaf for entry in entries]
    growth = evidence.grow(head["frontier"], head["seq"], leaves)
    size = entries[-1].seq
    await connection.execute(
        SQL["seal"],
        [entry.seq for entry in entries],
        [entry.kind.value for entry in entries],
        [entry.subject_id for entry in entries],
        [entry.fact for entry in entries],
        [entry.is_older for entry in entries],
        [entry.entered_at for entry in entries],
        leaves,
        size,
        at,
        growth.root,
        sign.key_id,
        sign.sign(evidence.checkpoint_body(size, growth.root, at, evidence.PAPERS)),
        [level for level, _ in growth.kept],
        [index for _, index in growth.kept],
        list(growth.kept.values()),
        growth.frontier,
        [row["text"] for row in due],
    )
    return len(entries)


async def find_sealed(connection: Connection, subject_id: UUID, *, reader: UUID | None) -> list[Sealed]:
    """The sealed entries of a slip, a ticket with its acts, or a contract with its filings and amendments, oldest first.

    A firm (`reader`) is told the texts of what it has filed or done itself, an office those of all.
    """
    papers = {row["id"]: row["may_read"] for row in await connection.fetch(SQL["papers_of"], subject_id, reader)}
    return [
        Sealed(_entry(row["seq"], row), row["text"] if papers[row["subject_id"]] else None)
        for row in await connection.fetch(SQL["entries_of"], list(papers))
    ]


def _entry(seq: int, row: Record) -> PaperEntry:
    return PaperEntry(seq, PaperKind(row["kind"]), row["subject_id"], row["is_older"], row["entered_at"], row["fact"])
