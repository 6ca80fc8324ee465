"""The auditor: recomputes every hash, place, balance and overdraw from the entries, by code of its own.

Nothing here may import what it checks (`service.domain`, `service.store`): a shared error would not be found.
"""

import asyncio
from collections.abc import Callable, Mapping

import asyncpg

from service.verify.checks import CHECKS
from service.verify.findings import Finding, Findings
from service.verify.replay import read_book

__all__ = ["Finding", "run", "verify"]


async def verify(
    connection: asyncpg.Connection, public_keys: Mapping[int, bytes], say: Callable[[str], None] = print
) -> list[Finding]:
    """Every difference between the book and what its entries come to, in one snapshot; the last line said sums it up.

    `public_keys` are the ledger's, 32 bytes each, by id. Memory grows with accounts (some 30 bytes each) and with what
    was cut, not with entries.
    """
    findings = Findings()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        books = await read_book(connection, public_keys, findings)
        for check in CHECKS:
            await check(connection, books, findings)
    say(
        f"{books.legs} legs, {books.holes} holes, {books.acts} acts, {books.checkpoints} checkpoints, "
        f"{books.accounts} accounts: {findings.total} {'difference' if findings.total == 1 else 'differences'}"
    )
    return findings.all()


def run(database_url: str, public_keys: Mapping[int, bytes], say: Callable[[str], None] = print) -> list[Finding]:
    """`verify` of a database by its URL."""

    async def attached() -> list[Finding]:
        connection = await asyncpg.connect(database_url)
        try:
            return await verify(connection, public_keys, say)
        finally:
            await connection.close()

    return asyncio.run(attached())
