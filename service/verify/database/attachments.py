"""The papers that were attached, against the files that are kept of them."""

from hashlib import file_digest
from pathlib import Path

import asyncpg

from service.verify.findings import Findings

NAMED = "SELECT DISTINCT sha256, size FROM attachment ORDER BY sha256"


async def files_are_what_was_attached(connection: asyncpg.Connection, folder: Path, findings: Findings) -> int:
    """Each paper's file is there, and its bytes have the hash that was recorded; gives how many were read."""
    number = 0
    async for digest, size in connection.cursor(NAMED, prefetch=1_000):
        number += 1
        name = digest.hex()
        path = folder / name[:2] / name
        try:
            with path.open("rb") as file:
                found, length = file_digest(file, "sha256").digest(), file.tell()
        except OSError:
            findings.add("attachment", None, f"the file of {name} cannot be read")
            continue
        if (found, length) != (digest, size):
            findings.add("attachment", None, f"the file of {name} has other bytes than were attached")
    return number
