"""The auditor: recomputes every hash, place, balance and overdraw from the entries, by code of its own.

Nothing here may import what it checks (`service.domain`, `service.store`): a shared error would not be found.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import asyncpg

from service.verify.attachments import files_are_what_was_attached
from service.verify.books import PAPERS
from service.verify.checks import CHECKS
from service.verify.database import read_book
from service.verify.files import CHECKPOINTS, compare_notes, read_export, read_keys, write_export
from service.verify.findings import Finding, Findings
from service.verify.paperfiles import NOTES_FILE, read_papers, write_papers
from service.verify.sealed import papers_are_sealed

__all__ = ["Finding", "export", "run", "run_export", "verify", "write"]

Say = Callable[[str], None]
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


def run_export(
    folder: Path, public_keys: Mapping[int, bytes] | None = None, say: Say = print, kept: Sequence[str] = ()
) -> list[Finding]:
    """Audit exported files; with the keys that one knows, or else with those that lie beside them.

    Signed notes that were kept from earlier days must be of these logs: they have only grown since.
    """
    findings = Findings()
    if public_keys is None:
        public_keys = read_keys(folder / "keys.json", findings)
    of_papers = [note for note in kept if note.startswith(f"{PAPERS}\n")]
    compare_notes(folder / CHECKPOINTS, [note for note in kept if note not in of_papers], findings)
    compare_notes(folder / NOTES_FILE, of_papers, findings)
    books = read_export(folder, public_keys, findings)
    say(read_papers(folder, public_keys, findings))
    say(books.summary(findings.total))
    return findings.all()


async def _attached(database_url: str, do: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    connection = await asyncpg.connect(database_url)
    try:
        return await do(connection)
    finally:
        await connection.close()
