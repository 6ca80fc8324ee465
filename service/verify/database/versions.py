"""What is said of a weighing after its first word: each version in its turn, with weights that its entries bind."""

from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from itertools import groupby, pairwise
from uuid import UUID

import asyncpg

from service.verify.books import Books
from service.verify.database.papers import act_fact
from service.verify.findings import Findings

Corrected = tuple[asyncpg.Record, asyncpg.Record]
"""What was said of a weighing before somebody said other weights, and what he said."""

# The weighing itself is the first version. Of each the facts of what was posted for it, and of what was struck of that.
SAID = """
SELECT
    said.*,
    ARRAY(SELECT DISTINCT leg.movement FROM leg WHERE leg.movement = ANY(said.movement_ids)) AS found,
    ARRAY(SELECT DISTINCT leg.fact FROM leg WHERE leg.movement = ANY(said.movement_ids)) AS posted,
    ARRAY(
        SELECT DISTINCT hole.fact FROM leg
        INNER JOIN hole ON hole.account = leg.target AND hole.side = 'in' AND hole.movement = leg.movement
        WHERE leg.movement = ANY(said.movement_ids) AND hole.kind = 'cut'
    ) AS struck,
    coalesce((SELECT sum(leg.target_kg) FROM leg WHERE leg.movement = ANY(said.movement_ids)), 0) > coalesce((
        SELECT sum(hole.hi - hole.lo) FROM hole
        WHERE hole.movement = ANY(said.movement_ids) AND hole.side = 'in' AND hole.kind = 'cut'
    ), 0) AS stands
FROM (
    SELECT
        id, 1 AS version, gross_kg, tare_kg, net_kg, status, movement_ids, NULL::uuid AS because_of, recorded_at
    FROM weighing WHERE id IN (SELECT weighing_id FROM weighing_version)
    UNION ALL
    SELECT weighing_id, version, gross_kg, tare_kg, net_kg, status, movement_ids, because_of, recorded_at
    FROM weighing_version
) AS said
ORDER BY id, version
"""
# What may have moved at most of a load that came back ($1), at a moment ($2): what was refused, or else what had arrived by a scale
# or by its share of a weighing, or what its source's scale said and went on by no other truck. Of words of one moment any may have
# been the last.
MOST = """
SELECT coalesce(acts.refused_kg, told.kg) AS kg
FROM weighing AS back
INNER JOIN ticket ON ticket.id = back.ticket_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(kg) FILTER (WHERE kind = 'split'), 0) AS split_kg, sum(kg) FILTER (WHERE kind = 'refused') AS refused_kg
    FROM ticket_act WHERE ticket_id = ticket.id AND done_at <= $2
) AS acts
CROSS JOIN LATERAL (
    SELECT ticket.planned_kg - acts.split_kg AS kg WHERE ticket.parent_id IS NOT NULL
    UNION ALL
    SELECT kg FROM ticket_act WHERE ticket_id = ticket.id AND kind = 'apportioned' AND done_at <= $2
    UNION ALL
    SELECT more.kg
    FROM ticket_act_version AS more
    INNER JOIN ticket_act AS act ON act.id = more.act_id
    WHERE act.ticket_id = ticket.id AND act.kind = 'apportioned' AND more.recorded_at <= $2
    UNION ALL
    SELECT word.net_kg - CASE word.direction WHEN 'out' THEN acts.split_kg ELSE 0 END
    FROM (
        SELECT said.*, lead(said.recorded_at) OVER (PARTITION BY said.id ORDER BY said.version) AS said_until
        FROM (
            SELECT id, direction, 1 AS version, net_kg, status, flags, recorded_at FROM weighing WHERE ticket_id = ticket.id
            UNION ALL
            SELECT weighing.id, weighing.direction, more.version, more.net_kg, more.status, more.flags, more.recorded_at
            FROM weighing_version AS more
            INNER JOIN weighing ON weighing.id = more.weighing_id
            WHERE weighing.ticket_id = ticket.id
        ) AS said
        WHERE said.direction <> 'back'
    ) AS word
    WHERE
        word.recorded_at <= $2 AND (word.said_until IS NULL OR word.said_until >= $2)
        AND word.status = 'accepted' AND NOT word.flags && ARRAY['ticket-reused', 'no-ticket', 'ticket-revoked']
) AS told
WHERE back.id = $1 AND back.direction = 'back'
"""
# Each weighing of which something was struck, with its ticket, and by what.
STRUCK = """
SELECT DISTINCT said.id, said.ticket_id, hole.fact
FROM (
    SELECT weighing.id, weighing.ticket_id, unnest(weighing.movement_ids) AS movement FROM weighing
    UNION ALL
    SELECT weighing.id, weighing.ticket_id, unnest(weighing_version.movement_ids)
    FROM weighing_version INNER JOIN weighing ON weighing.id = weighing_version.weighing_id
) AS said
INNER JOIN hole ON hole.movement = said.movement AND hole.kind = 'cut'
"""
WEIGHINGS = """
SELECT
    id, ticket_id,
    sha256(convert_to(E'meisu weighing 1\\n', 'UTF8') || uuid_send(id) || uuid_send(station_id) || body_hash) AS fact
FROM weighing
WHERE
    id = ANY($1) OR ticket_id = ANY($2)
    OR id IN (SELECT because_of FROM weighing_version WHERE weighing_id = ANY($1))
"""
# What a load had when some of it was sent back changes with what people file of its lot, too.
CAUSES = """
SELECT id FROM weighing WHERE id = ANY($1)
UNION ALL SELECT id FROM ticket_act WHERE id = ANY($1)
UNION ALL SELECT id FROM run WHERE id = ANY($1)
UNION ALL SELECT id FROM stocktake WHERE id = ANY($1)
"""
VERSIONS = "SELECT weighing_id, version, gross_kg, tare_kg, status FROM weighing_version WHERE weighing_id = ANY($1)"
ACTS = "SELECT id, ticket_id, kind, kg, reason FROM ticket_act WHERE ticket_id = ANY($1)"


async def weighings_have_every_version(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """Versions are only added, each for a reason; and nothing was struck of a weighing that no version tells of."""
    rows = await connection.fetch(SAID)
    causes = {row["because_of"] for row in rows} - {None}
    known = {row["id"] for row in await connection.fetch(CAUSES, list(causes))}
    for id_, of_one in groupby(rows, key=lambda row: row["id"]):
        unbound: list[Corrected] = []
        for fault in _faults(list(of_one), unbound):
            findings.add("version", None, f"weighing {id_}: {fault}")
        for before, after in unbound:
            if not await _moves_nothing(connection, before, after):
                findings.add("version", None, f"weighing {id_}: no entry binds version {after['version']}")
    for id_ in sorted({row["id"] for row in rows if row["because_of"] and row["because_of"] not in known}):
        findings.add("version", None, f"weighing {id_}: a version follows from a weighing that there is not")
    await _nothing_is_struck_in_silence(connection, findings)


def _faults(versions: Sequence[asyncpg.Record], unbound: list[Corrected]) -> list[str]:
    faults = []
    if [each["version"] for each in versions] != list(range(1, len(versions) + 1)):
        faults.append(f"versions {[each['version'] for each in versions]} are not all")
    for each in versions:
        number = each["version"]
        if each["net_kg"] != each["gross_kg"] - each["tare_kg"]:
            faults.append(f"the net of version {number} is not its gross less its tare")
        if len(each["found"]) != len(set(each["movement_ids"])):
            faults.append(f"version {number} names movements that there are not")
    for before, after in pairwise(versions):
        number, weights = after["version"], (after["gross_kg"], after["tare_kg"])
        if after["recorded_at"] < before["recorded_at"]:
            faults.append(f"version {number} is older than the one before it")
        if after["because_of"] is not None:
            if weights != (before["gross_kg"], before["tare_kg"]):
                faults.append(f"version {number} has other weights, and nobody corrected them")
            continue
        is_void = after["status"] == "void"
        fact = version_fact(after["id"], number, *((0, 0) if is_void else weights))
        is_bound = fact in after["posted"] or fact in before["struck"]
        moved = before["movement_ids"] if is_void else before["movement_ids"] or after["movement_ids"]
        # Of a load that had come back whole nothing was left to strike when its record was taken back.
        is_bound |= is_void and not before["stands"]
        if moved and (is_void or after["net_kg"] != before["net_kg"]) and not is_bound:
            unbound.append((before, after))
    return faults


async def _moves_nothing(connection: asyncpg.Connection, before: asyncpg.Record, after: asyncpg.Record) -> bool:
    """Whether a load that came back is corrected between weights of which none is less than what could move: that much does."""
    if after["status"] == "void":
        return False
    may_have_had = await connection.fetch(MOST, after["id"], after["recorded_at"])
    return any(min(before["net_kg"], row["kg"]) == min(after["net_kg"], row["kg"]) for row in may_have_had)


async def _nothing_is_struck_in_silence(connection: asyncpg.Connection, findings: Findings) -> None:
    struck = await connection.fetch(STRUCK)
    ids, tickets = {row["id"] for row in struck}, {row["ticket_id"] for row in struck} - {None}
    weighings = await connection.fetch(WEIGHINGS, list(ids), list(tickets))
    told = {row["fact"] for row in weighings}
    for row in await connection.fetch(VERSIONS, [row["id"] for row in weighings]):
        weights = (0, 0) if row["status"] == "void" else (row["gross_kg"], row["tare_kg"])
        told.add(version_fact(row["weighing_id"], row["version"], *weights))
    acts = defaultdict(set)
    for row in await connection.fetch(ACTS, list(tickets)):
        acts[row["ticket_id"]].add(act_fact(row))
    for row in struck:
        if row["fact"] not in told and row["fact"] not in acts[row["ticket_id"]]:
            findings.add(
                "version", None, f"weighing {row['id']}: something of it was taken back, and no version says so"
            )


def version_fact(weighing_id: UUID, version: int, gross_kg: int, tare_kg: int) -> bytes:
    """What entries bind of a correction; of one that takes the weighing back, no weights."""
    said = b"".join(number.to_bytes(8) for number in (version, gross_kg, tare_kg))
    return sha256(b"meisu weighing version 1\n" + weighing_id.bytes + said).digest()
