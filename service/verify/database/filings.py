"""What was filed against the hash that stands for it, which its receipt names and its entries bind."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg

from service.verify.books import Books
from service.verify.findings import Findings

# In the order in which they are hashed. What was filed by an older version has none of the later ones.
TERMS = (
    "seller_id", "buyer_id", "signed_on", "kg", "grade", "valid_until", "mine_id", "proof", "earmark", "price_fen_per_t",
    "project_id", "stock_id", "is_framework", "framework_id",
)  # fmt: skip
NAMED = ("lot_id", "kg")
SLIP = ("enterprise_id", "number", "mine_id", "handed_on", "kg", "grade", "line_id", "earmark", "by_tickets")
SLIP_LATER = ("project_id", "stock_id")
STOCKTAKE = ("lot_id", "counted_kg", "counted_on", "reason", "document_no")
# What a contract's row says as its standing filing does; a mine that a filing leaves out may have been found.
COUNTS = (
    "seller_id", "buyer_id", "signed_on", "kg", "grade", "valid_until", "earmark", "project_id", "stock_id", "framework_id",
)  # fmt: skip

FILINGS = """
SELECT
    contract.number, filing.id, filing.contract_id, filing.enterprise_id, filing.party, filing.version, filing.filed_at,
    filing.first_filed_at, filing.fact, filing.terms::text AS terms
FROM filing INNER JOIN contract ON contract.id = filing.contract_id
ORDER BY filing.contract_id, filing.enterprise_id, filing.version
"""
SLIPS = """
SELECT slip.*, posted.facts, posted.kg AS posted_kg
FROM slip
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT leg.fact) AS facts, coalesce(sum(leg.target_kg), 0) AS kg
    FROM leg WHERE leg.movement = slip.movement_id
) AS posted
"""
RUNS = """
SELECT
    run.*,
    (
        SELECT json_agg(json_build_array(lot_id, kg) ORDER BY position)::text FROM run_input WHERE run_id = run.id
    ) AS inputs,
    (
        SELECT json_agg(json_build_array(kind, name, kg, ore_kg) ORDER BY position)::text FROM run_output WHERE run_id = run.id
    ) AS outputs
FROM run
"""
AMENDMENTS = (
    "SELECT id, contract_id, number, enterprise_id, terms::text AS terms, agreed_on, reason, fact FROM amendment"
)
STOCKTAKES = """
SELECT stocktake.*, posted.facts
FROM stocktake
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT leg.fact) AS facts FROM leg WHERE leg.movement = stocktake.movement_id
) AS posted
"""
# The seller's newest filing counts, or any buyer's newest until the seller files.
CONTRACTS = """
SELECT
    contract.*,
    EXISTS (SELECT FROM mine WHERE mine.id = contract.mine_id AND mine.enterprise_id = contract.seller_id) AS is_of_the_seller,
    ARRAY(
        SELECT DISTINCT ON (filing.enterprise_id) filing.terms::text FROM filing
        WHERE filing.contract_id = contract.id AND filing.party = CASE
            WHEN EXISTS (SELECT FROM filing AS own WHERE own.contract_id = contract.id AND own.party = 'seller') THEN 'seller'
            ELSE 'buyer'
        END
        ORDER BY filing.enterprise_id, filing.version DESC
    ) AS standing
FROM contract
"""


async def filings_are_what_their_hashes_say(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """Each version of a contract's filing, in turn and with its hash; and the contract says what the standing one says."""
    last: dict[tuple[UUID, UUID], int] = {}
    first: dict[tuple[UUID, UUID], datetime] = {}
    async for row in connection.cursor(FILINGS, prefetch=1_000):
        side = row["contract_id"], row["enterprise_id"]
        if row["version"] != last.get(side, 0) + 1:
            findings.add(
                "filing", None, f"contract {row['number']}: version {last.get(side, 0) + 1} of a side is missing"
            )
        last[side] = row["version"]
        if row["first_filed_at"] != first.setdefault(side, row["filed_at"]):
            findings.add(
                "filing", None, f"contract {row['number']}: filing {row['id']} says that its side filed earlier"
            )
        said = row["number"], row["party"], row["version"], _terms(row["terms"]), row["filed_at"]
        if _hash("filing", said) != row["fact"]:
            findings.add("filing", None, f"contract {row['number']}: filing {row['id']} is not what its hash says")
    async for row in connection.cursor(CONTRACTS, prefetch=1_000):
        standing = [json.loads(terms) for terms in row["standing"]]
        if not any(_is_said(row, terms) for terms in standing):
            findings.add("filing", None, f"contract {row['number']} does not say what its standing filing says")


async def amendments_are_what_their_hashes_say(
    connection: asyncpg.Connection, books: Books, findings: Findings
) -> None:
    """What one side of a contract proposed is what it proposed."""
    async for row in connection.cursor(AMENDMENTS, prefetch=1_000):
        who = row["contract_id"], row["number"], row["enterprise_id"]
        if _hash("amendment", (*who, _terms(row["terms"]), row["agreed_on"], row["reason"])) != row["fact"]:
            findings.add("filing", None, f"amendment {row['id']} is not what its hash says")


async def slips_are_what_their_hashes_say(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """A slip is what was filed, and so are the kilograms that it posted without tickets."""
    async for row in connection.cursor(SLIPS, prefetch=1_000):
        said = {name: row[name] for name in SLIP}
        later = {name: row[name] for name in SLIP_LATER}
        known = [_hash("slip", (said | later, row["filed_at"]))]
        if not any(later.values()):
            known.append(_hash("slip", (said, row["filed_at"])))
        if row["fact"] not in known:
            findings.add("slip", None, f"slip {row['number']} is not what its hash says")
        if (row["movement_id"] is None) != row["by_tickets"]:
            findings.add("slip", None, f"slip {row['number']} is posted by its tickets or by itself, and not by both")
        elif row["movement_id"] and (row["facts"], row["posted_kg"]) != ([row["fact"]], row["kg"]):
            findings.add(
                "slip", None, f"slip {row['number']} says {row['kg']} kg; its entries say {row['posted_kg']} kg"
            )


async def runs_are_what_their_hashes_say(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """What a plant has filed of its lines and of its counts is what it filed."""
    async for row in connection.cursor(RUNS, prefetch=1_000):
        inputs = [dict(zip(NAMED, each, strict=True)) for each in json.loads(row["inputs"] or "[]")]
        outputs = [
            dict(zip(("kind", "name", "kg", "ore_kg"), each, strict=True))
            for each in json.loads(row["outputs"] or "[]")
        ]
        run = {name: row[name] for name in ("number", "enterprise_id", "line_id", "ran_on")}
        run |= {"inputs": inputs, "outputs": outputs, "lost_kg": row["lost_kg"]}
        if _hash("run", (run, row["filed_at"])) != row["fact"]:
            findings.add("run", None, f"run {row['number']} is not what its hash says")
    async for row in connection.cursor(STOCKTAKES, prefetch=1_000):
        if _hash("stocktake", ({name: row[name] for name in STOCKTAKE}, row["filed_at"])) != row["fact"]:
            findings.add("stocktake", None, f"stocktake {row['id']} is not what its hash says")
        elif row["movement_id"] and row["facts"] != [row["fact"]]:
            findings.add("stocktake", None, f"the entries of stocktake {row['id']} bind another count")


def _is_said(row: asyncpg.Record, terms: Mapping[str, Any]) -> bool:
    if row["is_framework"] != terms.get("is_framework", False):
        return False
    mine_id = terms.get("mine_id")
    is_mine = _text(row["mine_id"]) == _text(mine_id) or (mine_id is None and row["is_of_the_seller"])
    return is_mine and all(_text(row[name]) == _text(terms.get(name)) for name in COUNTS)


def _terms(text: str) -> dict[str, Any]:
    """Terms as they were hashed: a column of JSON keeps their names and values, and no order."""
    terms = json.loads(text)
    if terms.get("proof") is not None:
        terms["proof"] = [{name: named[name] for name in NAMED} for named in terms["proof"]]
    return {name: terms[name] for name in TERMS if name in terms}


def _hash(kind: str, said: object) -> bytes:
    text = json.dumps(_plain(said), ensure_ascii=False, separators=(",", ":"))
    return sha256(f"meisu {kind} 1\n{text}".encode()).digest()


def _plain(said: object) -> object:
    """What is said in nothing but what JSON knows."""
    match said:
        case datetime():
            return said.astimezone(UTC).isoformat()
        case date() | UUID():
            return _text(said)
        case Mapping():
            return {name: _plain(each) for name, each in said.items()}
        case tuple() | list():
            return list(_each(said))
        case _:
            return said


def _each(said: "tuple[object, ...] | list[object]") -> Iterator[object]:
    return (_plain(each) for each in said)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
