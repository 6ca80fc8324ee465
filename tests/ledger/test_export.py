"""An exported book is audited from its files alone, and a byte that was changed anywhere is found."""

import json
import random
import re
import struct
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers

from service.db import Database
from service.embedded import Endpoints
from service.store.accounts import open_accounts
from service.verify import export, run_export
from service.verify.files import ENTRY
from tests.ledger.acts import CAST, history
from tests.ledger.books import KEY

pytestmark = pytest.mark.anyio

KEYS = {KEY.key_id: KEY.private.public_key().public_bytes_raw()}


FILES = ["entries.bin", "accounts.jsonl", "checkpoints.jsonl", "keys.json"]


def silent(_: str) -> None:
    """Nobody listens."""


@pytest.fixture
async def folder(committed: Database, endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export of a book with voids, claw-backs and replaces."""
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


async def test_an_export_is_audited_without_a_database(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    assert run_export(folder, KEYS, said.append) == []
    assert run_export(folder, say=silent) == []
    assert said[0].endswith("accounts: 0 differences")
    assert {finding.check for finding in run_export(folder, {KEY.key_id: bytes(32)}, silent)} >= {"signature"}

    monkeypatch.setattr("service.verify.files.WINDOW", 16)
    assert run_export(folder, KEYS, said.append) == []
    assert said[1] == said[0]


async def test_readers_in_other_processes_find_what_one_finds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "entries.bin"
    whole = path.read_bytes()
    for at in range(5, len(whole), len(whole) // 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        monkeypatch.setattr("service.verify.files.WINDOW", 2**14)
        alone = run_export(folder, say=silent)
        monkeypatch.setattr("service.verify.files.WINDOW", 16)
        assert run_export(folder, say=silent) == alone != []


def claimed(line: bytes) -> set[int]:
    """The size that a damaged line of checkpoints still claims, if any."""
    size = re.search(rb"\\n(\d+)\\n", line)
    return {int(size[1])} if size else set()


@pytest.mark.parametrize("name", FILES)
async def test_a_changed_byte_is_found_wherever_it_is(folder: Path, name: str) -> None:
    """Any byte, changed to anything: the entry is named by its seq, the checkpoint by its line or by the size that it
    had or now claims, and so on.
    """
    path = folder / name
    whole = path.read_bytes()

    @given(at=integers(0, len(whole) - 1), change=integers(1, 255))
    @settings(max_examples=settings.get_profile("ledger").max_examples // 3, deadline=None, database=None)
    def flip(at: int, change: int) -> None:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
        found = run_export(folder, say=silent)
        line = whole.count(b"\n", 0, at) + 1
        match name:
            case "entries.bin":
                assert at // ENTRY.size + 1 in {finding.seq for finding in found}, found
            case "accounts.jsonl":
                assert any(
                    finding.check == "account" and re.search(rf"(line|account) {line}\b", finding.message)
                    for finding in found
                ), found
            case "checkpoints.jsonl":
                told = {sizes[line - 1], *claimed(path.read_bytes().split(b"\n")[line - 1])}
                assert any(
                    finding.check in {"checkpoint", "root", "signature"}
                    and (finding.seq in told or f"line {line} of" in finding.message)
                    for finding in found
                ), found
            case _:
                assert {finding.check for finding in found} == {"signature"}, found

    sizes = [
        int(json.loads(note)["note"].split("\n")[1]) for note in (folder / "checkpoints.jsonl").read_text().splitlines()
    ]
    flip()
    path.write_bytes(whole)
    assert run_export(folder, say=silent) == []


@pytest.mark.parametrize("name", FILES)
async def test_a_file_that_was_cut_short_is_found(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-1])

    assert run_export(folder, say=silent)


async def test_a_debt_that_is_said_to_be_paid_twice_is_found(folder: Path) -> None:
    """The auditor goes on after an entry that leaves an account with less than no debt."""
    path = folder / "entries.bin"
    whole = path.read_bytes()
    seq, cover = 4, struct.calcsize(">qq16s qqq qqq q")

    assert ENTRY.unpack_from(whole, (seq - 1) * ENTRY.size)[10] == 0, "it covers nothing"
    last = (seq - 1) * ENTRY.size + cover + 7
    path.write_bytes(whole[:last] + b"\1" + whole[last + 1 :])

    assert seq in {finding.seq for finding in run_export(folder, say=silent)}
