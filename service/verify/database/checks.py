"""What is kept beside the entries, against what the entries come to: one function per check, all in CHECKS."""

from collections.abc import Awaitable, Callable

import asyncpg

from service.verify.books import Books
from service.verify.database.accounts import lots_and_loads_are_of_their_papers
from service.verify.database.allotments import allotments_stand_behind_their_entries
from service.verify.database.contracts import contracts_are_what_was_filed, days_are_what_the_calendar_says
from service.verify.database.entered import papers_are_what_was_entered
from service.verify.database.filings import (
    amendments_are_what_their_hashes_say,
    filings_are_what_their_hashes_say,
    runs_are_what_their_hashes_say,
    slips_are_what_their_hashes_say,
)
from service.verify.database.journeys import tickets_stand_where_they_were_brought
from service.verify.database.papers import (
    acts_stand_behind_their_entries,
    contracts_count_their_loads,
    runs_stand_behind_their_entries,
    tickets_are_what_their_loads_hold,
    weighings_stand_behind_their_entries,
)
from service.verify.database.pools import excesses_are_what_went_beyond
from service.verify.database.records import weighings_say_what_was_sent
from service.verify.database.signatures import devices_have_signed_what_is_kept
from service.verify.database.versions import weighings_have_every_version
from service.verify.findings import Findings

# When an entry happened, and when it was recorded.
TIMES = """
SELECT
    word.seq,
    (
        SELECT occurred_at FROM leg WHERE leg.seq = word.seq
        UNION ALL
        SELECT occurred_at FROM hole WHERE hole.seq = word.seq
    ) AS occurred_at,
    (SELECT recorded_at FROM checkpoint WHERE size >= word.seq ORDER BY size LIMIT 1) AS recorded_at
FROM unnest($1::bigint[]) AS word (seq)
"""

Check = Callable[[asyncpg.Connection, Books, Findings], Awaitable[None]]


async def head_is_the_end(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """The head is the last entry, under the last checkpoint."""
    head = await connection.fetchrow("SELECT * FROM head")
    if head is None:
        findings.add("head", None, "there is none")
        return
    size = await connection.fetchval("SELECT coalesce(max(size), 0) FROM checkpoint")
    for name, kept, meant in (
        ("seq", head["seq"], books.seq),
        ("act", head["act"], books.acts),
        ("frontier", head["frontier"], b"".join(books.edge)),
        ("last checkpoint", size, books.seq),
    ):
        if kept != meant:
            shown = "" if isinstance(meant, bytes) else f": {kept}, not {meant}"
            findings.add("head", None, f"its {name} is not that of the entries{shown}")
    if books.recorded_at and head["recorded_at"] != books.recorded_at:
        findings.add("head", None, "its time is not that of the last checkpoint")


async def nodes_are_of_the_tree(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """The nodes that proofs are made from are those of the tree over the leaves."""
    levels = {row["level"] for row in await connection.fetch("SELECT DISTINCT level FROM node")}
    for level in sorted(levels | books.kept.keys()):
        index, nodes = 0, books.kept[level]
        async for row in connection.cursor("SELECT index, hash FROM node WHERE level = $1 ORDER BY index", level):
            if row["index"] != index or row["hash"] != nodes[32 * index : 32 * index + 32]:
                findings.add("node", None, f"node {row['index']} of level {level} is not that of the tree")
            index += 1
        if 32 * index < len(nodes):
            findings.add("node", None, f"{len(nodes) // 32 - index} nodes of level {level} are missing")


async def loose_accounts_are_known(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """The accounts for which the ends of the columns are not enough are those that take the general sentence."""
    kept = {row["account"] for row in await connection.fetch("SELECT account FROM loose")}
    for account in sorted(books.loose - kept):
        findings.add("loose", None, f"account {account} has free places and is not known to")
    for account in sorted(kept - books.loose):
        findings.add("loose", None, f"account {account} has no free places and is kept as if it had")


async def overdraws_are_what_was_owed(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """Each episode opened, peaked and closed as the entries say, and there is no other."""
    owing = sum(not episode.closed_seq for episode in books.episodes)
    kept = await connection.fetchval("SELECT owing FROM head")
    if kept != owing:
        findings.add("head", None, f"{kept} quotas owe by it, and {owing} by the entries")
    rows = {(row["account"], row["opened_act"]): row for row in await connection.fetch("SELECT * FROM overdraw")}
    seqs = {seq for episode in books.episodes for seq in (episode.opened_seq, episode.closed_seq) if seq}
    times = {row["seq"]: row for row in await connection.fetch(TIMES, list(seqs))}
    for episode in books.episodes:
        row = rows.pop((episode.account, episode.opened_act), None)
        if row is None:
            findings.add("overdraw", episode.opened_seq, f"account {episode.account} owed, and no episode was opened")
            continue
        opened, closed = times[episode.opened_seq], times.get(episode.closed_seq)
        meant = {
            "opened_seq": episode.opened_seq,
            "opened_by": episode.opened_by,
            "debt_kg": episode.debt_kg,
            "peak_kg": episode.peak_kg,
            "closed_act": episode.closed_act,
            "covered_by": episode.covered_by,
            "occurred_at": opened["occurred_at"],
            "discovered_at": opened["recorded_at"],
            "closed_at": closed and closed["recorded_at"],
        }
        for name, value in meant.items():
            if row[name] != value:
                message = f"{name} of account {episode.account} is {row[name]}, not {value}"
                findings.add("overdraw", episode.opened_seq, message)
    for row in rows.values():
        findings.add("overdraw", row["opened_seq"], f"account {row['account']} did not owe, and an episode was opened")


CHECKS: tuple[Check, ...] = (
    head_is_the_end,
    nodes_are_of_the_tree,
    loose_accounts_are_known,
    overdraws_are_what_was_owed,
    excesses_are_what_went_beyond,
    allotments_stand_behind_their_entries,
    lots_and_loads_are_of_their_papers,
    weighings_say_what_was_sent,
    weighings_stand_behind_their_entries,
    weighings_have_every_version,
    tickets_are_what_their_loads_hold,
    tickets_stand_where_they_were_brought,
    contracts_count_their_loads,
    runs_stand_behind_their_entries,
    acts_stand_behind_their_entries,
    filings_are_what_their_hashes_say,
    amendments_are_what_their_hashes_say,
    slips_are_what_their_hashes_say,
    contracts_are_what_was_filed,
    days_are_what_the_calendar_says,
    runs_are_what_their_hashes_say,
    devices_have_signed_what_is_kept,
    papers_are_what_was_entered,
)
