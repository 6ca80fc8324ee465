"""The auditor of a database: all that files have, and every paper, count and time besides; and it writes those files."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import asyncpg

from service.verify import Say
from service.verify.database.attachments import files_are_what_was_attached
from service.verify.database.checks import CHECKS
from service.verify.database.entries import read_book
from service.verify.database.files import write_export
from service.verify.database.paperfiles import write_papers
from service.verify.database.sealed import papers_are_sealed
from service.verify.findings import Finding, Findings

T = TypeVar("T")


async def verify(
    connection: asyncpg.Connection,
    public_keys: Mapping[int, bytes],
    say: Say = print,
    attachments: Path | None = None,
) -> list[Finding]:
    """Every difference between the book and what its entries come to, in one snapshot; the last line said sums it up.

    `public_keys` are the ledger's, 32 bytes each, by id. Memory grows with accounts (some 50 bytes each, and 16 in each
    reader) and with what was cut, not with entries. With the folder of attachments every file that the book names is
    read, too.
    """
    findings = Findings()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        books = await read_book(connection, public_keys, findings)
        for check in CHECKS:
            await check(connection, books, findings)
        say(await papers_are_sealed(connection, public_keys, findings))
        if attachments is not None:
            await files_are_what_was_attached(connection, attachments, findings)
    say(books.summary(findings.total))
    return findings.all()


def run(
    database_url: str, public_keys: Mapping[int, bytes], say: Say = print, attachments: Path | None = None
) -> list[Finding]:
    """`verify` of a database by its URL."""

    return asyncio.run(_attached(database_url, lambda connection: verify(connection, public_keys, say, attachments)))


async def export(
    connection: asyncpg.Connection, public_keys: Mapping[int, bytes], folder: Path, *, with_texts: bool = False
) -> None:
    """Write all that an outsider needs to audit the book without the service, in one snapshot, into an empty folder.

    Of papers their entries, and with texts what they say.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await write_export(connection, public_keys, folder)
        await write_papers(connection, public_keys, folder, with_texts=with_texts)


def write(database_url: str, public_keys: Mapping[int, bytes], folder: Path, *, with_texts: bool = False) -> None:
    """`export` of a database by its URL into a new folder, which is not there before all of it is.

    With texts the folder is for its owner alone.
    """
    with TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as beside:
        whole = Path(beside, folder.name)
        whole.mkdir(0o700 if with_texts else 0o777)
        asyncio.run(
            _attached(database_url, lambda connection: export(connection, public_keys, whole, with_texts=with_texts))
        )
        whole.rename(folder)


async def _attached(database_url: str, do: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    connection = await asyncpg.connect(database_url)
    try:
        return await do(connection)
    finally:
        await connection.close()
