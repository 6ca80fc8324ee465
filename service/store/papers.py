"""The log of papers: an entry is written with the row that it binds, and sealed soon after."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from service.db import Connection
from service.domain import evidence
from service.domain.papers import PaperEntry, PaperKind
from service.store.ledger import Signer
from service.store.sentences import sentences

SQL = sentences("papers")
ENTER = {
    PaperKind.CONTRACT: SQL["enter_contracts"],
    PaperKind.FILING: SQL["enter_filings"],
    PaperKind.AMENDMENT: SQL["enter_amendments"],
    PaperKind.SLIP: SQL["enter_slips"],
    PaperKind.TICKET: SQL["enter_tickets"],
}


async def enter(connection: Connection, kind: PaperKind, ids: Collection[UUID], *, at: datetime) -> None:
    """Bind what the rows of some papers say now; called by whatever writes what an entry binds."""
    await connection.execute(ENTER[kind], list(ids), at)


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
    entries = [
        PaperEntry(seq, PaperKind(row["kind"]), row["subject_id"], row["is_older"], row["entered_at"], row["fact"])
        for seq, row in enumerate(due, head["seq"] + 1)
    ]
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
    )
    return len(entries)
