"""What was allotted against the hash that its entries bind: a walk ends in the tranche that was issued, and no other (R06, R14)."""

import json
from datetime import date
from hashlib import sha256
from uuid import UUID

import asyncpg

from service.verify.books import Books
from service.verify.findings import Findings

# In the order in which they are hashed; what an older version of the service issued has not the last, or neither of the last two.
TERMS = (
    "year", "quarter", "kind", "from_jurisdiction", "kg", "document_no", "issued_on", "to_jurisdiction", "mine_id", "project_id",
    "stock_id", "reason", "earmark", "approved_by", "cause", "application_id",
)  # fmt: skip
OLDER = (len(TERMS), len(TERMS) - 1, len(TERMS) - 2)
HASHED_AS = {"from_jurisdiction": "source"}

# Of each that was issued what its entries carried, with which hashes, and between which accounts.
ISSUED = """
SELECT
    allotment.*, step.taken_on, posted.*,
    coalesce(to_jurisdiction, coalesce(mine_id, project_id, stock_id)::text) AS holder
FROM allotment
LEFT JOIN allotment_step AS step ON step.allotment_id = allotment.id AND step.step = 'issue'
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(leg.target_kg), 0)::bigint AS posted_kg,
        array_agg(DISTINCT leg.fact) AS facts,
        array_agg(DISTINCT ARRAY[
            source.kind::text, source.jurisdiction, source.year::text,
            target.kind::text, coalesce(target.jurisdiction, target.owner_id::text), target.year::text, target.earmark
        ]::text[]) AS ways
    FROM leg
    INNER JOIN account AS source ON source.id = leg.source
    INNER JOIN account AS target ON target.id = leg.target
    WHERE leg.movement = allotment.id
) AS posted
WHERE allotment.state IN ('issued', 'published') OR step.id IS NOT NULL
"""
TAKEN_BACK = """
SELECT hole.fact, sum(hole.hi - hole.lo)::bigint AS kg
FROM account
INNER JOIN hole ON hole.account = account.id
WHERE account.kind IN ('pool', 'quota') AND hole.side = 'in' AND hole.kind = 'cut'
GROUP BY hole.fact
"""
# Books that know no allotments at all are those of the ledger alone.
LEFT_ALONE = """
SELECT leg.seq, leg.movement
FROM account
INNER JOIN leg ON leg.target = account.id
INNER JOIN account AS source ON source.id = leg.source
WHERE
    account.kind = 'quota' AND source.kind IN ('issue', 'pool') AND EXISTS (SELECT FROM allotment)
    AND NOT EXISTS (SELECT FROM allotment WHERE allotment.id = leg.movement)
"""
PROVINCE = "210000"


async def allotments_stand_behind_their_entries(
    connection: asyncpg.Connection, books: Books, findings: Findings
) -> None:
    """What was issued to whom, when and by which document is what the leaves bind; and so is what was taken back."""
    taken_back = {row["fact"]: row["kg"] for row in await connection.fetch(TAKEN_BACK)}
    async for row in connection.cursor(ISSUED, prefetch=1_000):
        if fault := _fault(row, taken_back):
            findings.add("allotment", None, f"allotment {row['id']} ({row['document_no']}): {fault}")
    for row in await connection.fetch(LEFT_ALONE):
        findings.add("allotment", row["seq"], f"allotment {row['movement']} was issued, and there is none")


def _fault(row: asyncpg.Record, taken_back: dict[bytes, int]) -> str | None:
    if row["taken_on"] != row["issued_on"]:
        return f"it says that it was issued on {row['issued_on']}, its steps say {row['taken_on']}"
    known = [_hash(row, names) for names in OLDER if not any(row[name] for name in TERMS[names:])]
    if row["kg"] < 0:
        kg = sum(taken_back.get(fact, 0) for fact in known)
        return None if kg == -row["kg"] else f"it takes {-row['kg']} kg back, its entries {kg} kg"
    if row["posted_kg"] != row["kg"]:
        return f"it says {row['kg']} kg, its entries {row['posted_kg']} kg"
    if len(row["facts"]) != 1 or row["facts"][0] not in known:
        return "it is not what its hash says"
    return None if row["ways"] == [_way(row)] else "its entries lead elsewhere"


def _way(row: asyncpg.Record) -> list[str | None]:
    year = str(row["year"])
    source = ["pool", row["from_jurisdiction"], year] if row["from_jurisdiction"] else ["issue", PROVINCE, year]
    return [*source, "pool" if row["to_jurisdiction"] else "quota", row["holder"], year, row["earmark"]]


def _hash(row: asyncpg.Record, names: int) -> bytes:
    said = {HASHED_AS.get(name, name): _plain(row[name]) for name in TERMS[:names]}
    text = json.dumps([str(row["id"]), said], ensure_ascii=False, separators=(",", ":"))
    return sha256(f"meisu allotment 1\n{text}".encode()).digest()


def _plain(value: object) -> object:
    return str(value) if isinstance(value, UUID | date) else value
