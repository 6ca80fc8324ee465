"""Weighings against what their stations sent: the row says what was hashed when it came, and the leaves bind that hash."""

import hashlib
import json
from datetime import UTC

import asyncpg

from service.verify.books import Books
from service.verify.findings import Findings

SAID = """
SELECT
    id, ticket_id, body_hash, sequence, ticket_text, direction, plate, gross_kg, tare_kg, net_kg, grade, weighed_at, manual,
    manual_reason, second_person, tare_source, axles, mgo_per_mille, reading, stable, moisture_per_mille
FROM weighing ORDER BY id
"""
ALWAYS = ("direction", "plate", "gross_kg", "tare_kg", "grade")
OF_HANDS = ("manual", "manual_reason", "second_person", "tare_source")
LATER = ("axles", "mgo_per_mille", "reading", "stable")  # of which the first records could not speak


async def weighings_say_what_was_sent(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """What a weighing's row says comes to the hash of the record that was sent, and its net is the gross less the tare.

    Before the book kept what was scanned (schema 0025) the hash of a record with a ticket cannot be made again.
    """
    keeps_texts = False
    async for row in connection.cursor(SAID, prefetch=1_000):
        if row["net_kg"] != row["gross_kg"] - row["tare_kg"]:
            findings.add("weighing", None, f"the net of weighing {row['id']} is not its gross less its tare")
        if row["ticket_id"] is not None:
            keeps_texts = keeps_texts or row["ticket_text"] is not None
            if row["ticket_text"] is None:
                if keeps_texts:
                    findings.add("weighing", None, f"what was scanned for weighing {row['id']} is gone")
                continue
        if _hash_of(row) != row["body_hash"]:
            findings.add("weighing", None, f"weighing {row['id']} is not what its station sent")


def _hash_of(row: asyncpg.Record) -> bytes:
    said = [row["sequence"], row["ticket_text"], *(row[name] for name in ALWAYS)]
    said += [row["weighed_at"].astimezone(UTC).isoformat(), *(row[name] for name in OF_HANDS)]
    if any(row[name] is not None for name in (*LATER, "moisture_per_mille")):
        said += [row[name] for name in LATER]
    if row["moisture_per_mille"] is not None:
        said.append(row["moisture_per_mille"])
    return hashlib.sha256(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()).digest()
