"""What is said of a weighing after its first word: each version in its turn, with weights that its entries bind."""

from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from itertools import groupby, pairwise
from uuid import UUID

import asyncpg

from service.verify.books import Books
from service.verify.findings import Findings
from service.verify.papers import act_fact

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
        for fault in _faults(list(of_one)):
            findings.add("version", None, f"weighing {id_}: {fault}")
    for id_ in sorted({row["id"] for row in rows if row["because_of"] and row["because_of"] not in known}):
        findings.add("version", None, f"weighing {id_}: a version follows from a weighing that there is not")
    await _nothing_is_struck_in_silence(connection, findings)


def _faults(versions: Sequence[asyncpg.Record]) -> list[str]:
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
            faults.append(f"no entry binds version {number}")
    return faults


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
