"""An exported book is audited from its files alone, and a byte that was changed anywhere is found."""

import random
from pathlib import Path

import asyncpg
import pytest

from service.db import Database
from service.embedded import Endpoints
from service.store.accounts import open_accounts
from service.verify import export, run_export
from service.verify.files import ENTRY
from tests.ledger.acts import CAST, history
from tests.ledger.books import KEY

pytestmark = pytest.mark.anyio

KEYS = {KEY.key_id: KEY.private.public_key().public_bytes_raw()}


def silent(_: str) -> None:
    """Nobody listens."""


@pytest.fixture
async def folder(committed: Database, endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export of a book with voids, claw-backs and replaces."""
    monkeypatch.setattr("service.verify.files.WINDOW", 16)
    monkeypatch.setattr("service.verify.database.WINDOW", 32)
    async with committed.transaction() as connection:
        by_key = await open_accounts(connection, CAST)
        await history(connection, random.Random(11), [by_key[key] for key in CAST], 60)
    connection = await asyncpg.connect(endpoints.database_url)
    try:
        await export(connection, KEYS, tmp_path)
    finally:
        await connection.close()
    return tmp_path


async def test_an_export_is_audited_without_a_database(folder: Path) -> None:
    said: list[str] = []

    assert run_export(folder, KEYS, said.append) == []
    assert run_export(folder, say=silent) == []
    assert said[0].endswith("accounts: 0 differences")
    assert {finding.check for finding in run_export(folder, {KEY.key_id: bytes(32)}, silent)} >= {"signature"}


async def test_a_changed_byte_is_found_wherever_it_is(folder: Path) -> None:
    rnd = random.Random(5)
    for name in ("entries.bin", "accounts.jsonl", "checkpoints.jsonl", "keys.json"):
        path = folder / name
        whole = path.read_bytes()
        for _ in range(40):
            at, bit = rnd.randrange(len(whole)), 1 << rnd.randrange(8)
            path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            found = run_export(folder, say=silent)
            assert found, (name, at, bit)
            if name == "entries.bin":
                assert at // ENTRY.size + 1 in {finding.seq for finding in found}, (at, bit, found)
        path.write_bytes(whole)
    assert run_export(folder, say=silent) == []


@pytest.mark.parametrize("name", ["entries.bin", "accounts.jsonl", "checkpoints.jsonl", "keys.json"])
async def test_a_file_that_was_cut_short_is_found(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-1])

    assert run_export(folder, say=silent)
