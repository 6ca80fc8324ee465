"""The log of papers as the database keeps it: its entries, its nodes, its signed roots."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import asyncpg

from service.verify.books import PAPERS, Signed
from service.verify.findings import Findings
from service.verify.sealed import Entry, Sealing

EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

ENTRIES = "SELECT seq, kind, subject_id, is_older, entered_at, fact, leaf, text FROM paper ORDER BY seq"
CHECKPOINTS = "SELECT size, recorded_at, root, key_id, signature FROM paper_checkpoint ORDER BY size"
NODES = "SELECT level, index, hash FROM paper_node ORDER BY level, index"


async def papers_are_sealed(
    connection: asyncpg.Connection, public_keys: Mapping[int, bytes], findings: Findings
) -> str:
    """Every entry lies where its number says under roots that the service has signed; gives what was read, in one line."""
    sealing = Sealing([paper_checkpoint(row) for row in await connection.fetch(CHECKPOINTS)], public_keys, findings)
    async for row in connection.cursor(ENTRIES, prefetch=5_000):
        sealing.read(paper_entry(row), row["text"])
    sealing.end()
    head = await connection.fetchrow("SELECT seq, frontier FROM paper_head")
    if head is None or (head["seq"], head["frontier"]) != (sealing.size, b"".join(sealing.edge)):
        findings.add("paper", None, "the head is not that of the entries")
    found: dict[int, bytes] = defaultdict(bytes)
    for row in await connection.fetch(NODES):
        found[row["level"]] += row["hash"]
    kept = sealing.kept
    for level in sorted(
        {level for level, nodes in found.items() if nodes != kept[level]} | (kept.keys() - found.keys())
    ):
        if found[level] != kept[level]:
            findings.add("paper", None, f"the nodes of level {level} are not those of the tree")
    due = await connection.fetchval("SELECT count(*) FROM paper_due")
    return f"{sealing.size} papers sealed, {sealing.older} of them older than their log, and {due} waiting"


def paper_entry(row: asyncpg.Record) -> Entry:
    """An entry as the database keeps it."""
    at = (row["entered_at"] - EPOCH) // MICROSECOND
    return Entry(row["seq"], row["kind"], row["subject_id"], row["is_older"], at, row["fact"], row["leaf"])


def paper_checkpoint(row: asyncpg.Record) -> Signed:
    """A signed root over papers as the database keeps it."""
    return Signed(row["size"], None, row["recorded_at"], row["root"], row["key_id"], row["signature"], PAPERS)
