"""An exported book is audited from its files alone, and a byte that was changed anywhere is found."""

import json
import random
import re
import struct
import tracemalloc
from collections import Counter
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers

from service.actions.tickets import extend_ticket
from service.db import Connection, Database
from service.domain.policies import DEFAULTS
from service.embedded import Endpoints
from service.keys import KeyRing
from service.store import papers
from service.store.accounts import open_accounts
from service.verify import Finding, run_export
from service.verify.database import export
from service.verify.files import ENTRY, line_of, written_keys
from service.verify.findings import Findings
from service.verify.sealed import Entry
from tests import cast
from tests.ledger.acts import CAST, history
from tests.ledger.books import KEY
from tests.ledger.retold import NOON, lay_out

pytestmark = pytest.mark.anyio

KEYS = {KEY.key_id: KEY.private.public_key().public_bytes_raw()}
FACT = ENTRY.size - 64  # of an entry: the hash of what it is about, before its leaf


FILES = ["entries.bin", "accounts.jsonl", "checkpoints.jsonl", "keys.json", "papers.jsonl", "paper_checkpoints.jsonl"]


def silent(_: str) -> None:
    """Nobody listens."""


async def seal(connection: Connection, at: datetime) -> None:
    """Seal what waits, a few at a time."""
    while await papers.seal(connection, 3, at=at, sign=KEY):
        at += timedelta(seconds=1)


@pytest.fixture
async def folder(committed: Database, endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export of a book with voids, claw-backs and replaces, and of papers, one of which has two versions."""
    monkeypatch.setattr("service.verify.database.entries.WINDOW", 32)
    async with committed.transaction() as connection:
        await lay_out(connection, tmp_path)
        await seal(connection, NOON)
        ticket_id = await connection.fetchval("SELECT id FROM ticket ORDER BY id LIMIT 1")
        later = NOON + timedelta(hours=48)
        await extend_ticket(
            connection, ticket_id, later, "修路", at=NOON, keys=KeyRing.open(tmp_path, NOON), policies=DEFAULTS,
            actor=cast.PAIZHAI_CLERK.actor,
        )  # fmt: skip
        await seal(connection, NOON + timedelta(minutes=1))
        by_key = await open_accounts(connection, CAST)
        await history(connection, random.Random(11), [by_key[key] for key in CAST], 60)
    connection = await asyncpg.connect(endpoints.database_url)
    (out := tmp_path / "export").mkdir()
    try:
        await export(connection, KEYS, out, with_texts=True)
    finally:
        await connection.close()
    return out


async def test_an_export_is_audited_without_a_database(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    assert run_export(folder, KEYS, said.append) == []
    assert run_export(folder, say=silent) == []
    assert said[:2] == ["10 papers sealed, 0 of them older than their log, 9 with their texts", said[1]]
    assert said[1].endswith("accounts: 0 differences")
    assert {finding.check for finding in run_export(folder, {KEY.key_id: bytes(32)}, silent)} >= {"signature"}

    monkeypatch.setattr("service.verify.files.WINDOW", 16)
    assert run_export(folder, KEYS, said.append) == []
    assert said[:2] == said[2:]


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


def names(found: list[Finding], place: str) -> bool:
    """Whether a finding says where it is."""
    return any(re.search(place, finding.message) for finding in found)


@pytest.mark.parametrize("name", FILES)
async def test_a_changed_byte_is_found_wherever_it_is(folder: Path, name: str) -> None:
    """Any byte, changed to anything: the entry is named by its seq, the checkpoint by its line or by the size that it
    had or now claims, and so on.
    """
    path = folder / name
    whole = path.read_bytes()

    @given(at=integers(0, len(whole) - 1), change=integers(1, 255))
    @settings(max_examples=settings.get_profile("ledger").max_examples // 3, database=None)
    def flip(at: int, change: int) -> None:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
        found = run_export(folder, say=silent)
        line = whole.count(b"\n", 0, at) + 1
        match name:
            case "entries.bin":
                assert at // ENTRY.size + 1 in {finding.seq for finding in found}, found
            case "accounts.jsonl":
                assert names([each for each in found if each.check == "account"], rf"(line|account) {line}\b"), found
            case "checkpoints.jsonl":
                told = {sizes[line - 1], *claimed(path.read_bytes().split(b"\n")[line - 1])}
                assert any(
                    finding.check in {"checkpoint", "root", "signature"}
                    and (finding.seq in told or f"line {line} of" in finding.message)
                    for finding in found
                ), found
            case "papers.jsonl":
                assert names(found, rf"(line|entry) {line}\b"), found
            case "paper_checkpoints.jsonl":
                told = claimed(path.read_bytes().split(b"\n")[line - 1])
                assert names(found, rf"line {line} of|root over {''.join(map(str, told))} entries"), found
            case _:
                assert {finding.check for finding in found} <= {"signature", "paper"}, found
                assert "signature" in {finding.check for finding in found}

    sizes = [
        int(json.loads(note)["note"].split("\n")[1]) for note in (folder / "checkpoints.jsonl").read_text().splitlines()
    ]
    flip()
    path.write_bytes(whole)
    assert run_export(folder, say=silent) == []


async def test_an_account_that_is_not_what_it_was_is_told_before_what_follows_from_it(folder: Path) -> None:
    """Each entry that names it is counted, and the first few are told; an entry that was changed beside it is told as well."""
    ends = [row[3:7:3] for row in ENTRY.iter_unpack((folder / "entries.bin").read_bytes())]
    ((account, _),) = Counter(end for pair in ends for end in pair if end).most_common(1)
    named = [seq for seq, pair in enumerate(ends, 1) if account in pair]
    beside = next(seq for seq in range(len(ends), 0, -1) if seq not in named)
    lines = (folder / "accounts.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    lines[account - 1] = lines[account - 1].replace('"mark":"', '"mark":"00', 1)
    (folder / "accounts.jsonl").write_text("".join(lines), encoding="utf-8")
    entries = bytearray((folder / "entries.bin").read_bytes())
    entries[(beside - 1) * ENTRY.size + FACT] ^= 1
    (folder / "entries.bin").write_bytes(entries)

    said: list[str] = []
    found = run_export(folder, say=said.append)

    leaves = [one for one in found if one.check == "leaf"]
    assert (found[0].check, found[0].message) == ("account", f"line {account} of accounts.jsonl cannot be read")
    assert [one.seq for one in leaves] == [*named[:3], beside, None]
    assert leaves[-1].message == f"{len(named) - 3} more differences of this sort at account {account}"
    others = len([one for one in found if one.check != "leaf"])
    assert said[-1].endswith(f": {others + len(named) + 1} differences")


async def test_another_key_is_one_difference(folder: Path) -> None:
    """However much it has not signed; each note names the key by its hash, too."""
    (folder / "keys.json").write_text(line_of(written_keys({KEY.key_id: bytes(32)})))
    said: list[str] = []
    (found,) = run_export(folder, say=said.append)

    notes = sum((folder / name).read_bytes().count(b"\n") for name in ("checkpoints.jsonl", "paper_checkpoints.jsonl"))
    message = f"key {KEY.key_id} is not the one that signed: it fits none of {notes} signatures"
    assert (str(found), said[-1].rsplit(": ", 1)[1]) == (f"signature: {message}", "1 difference")


@pytest.mark.parametrize("fits_the_last", [False, True])
def test_of_a_key_that_has_signed_nothing_the_auditor_keeps_a_few_lines(*, fits_the_last: bool) -> None:
    """Whether it has signed something is known at the end of the book, and until then its memory must not grow."""
    findings, many = Findings(), 2_000
    tracemalloc.start()
    for size in range(many):
        findings.judge(7, "signature", size, f"key 7 did not sign the root over {size} entries", is_signed=False)
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    findings.judge(7, "signature", many, "", is_signed=fits_the_last)

    assert kept_bytes < 50_000
    if fits_the_last:
        *shown, rest = findings.all()
        assert [one.seq for one in shown] == list(range(20))
        assert (findings.total, rest.message) == (many, f"{many - 20} more differences of this sort")
    else:
        (one,) = findings.all()
        assert one.message == f"key 7 is not the one that signed: it fits none of {many + 1} signatures"


def test_where_each_thing_is_signed_by_another_key_the_auditor_keeps_a_few_lines() -> None:
    findings, many = Findings(), 2_000
    tracemalloc.start()
    for key_id in range(many):
        findings.judge(key_id, "signature", key_id, f"key {key_id} did not sign", is_signed=False)
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept_bytes < 50_000
    assert (findings.total, len(findings.all())) == (many, 21)


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


@pytest.mark.parametrize("name", ["checkpoints.jsonl", "paper_checkpoints.jsonl"])
async def test_b5_a_checkpoint_that_somebody_kept_is_of_the_same_log(folder: Path, name: str) -> None:
    """The log has only grown since, or else the checkpoint is refused: an old root that was written anew is not the one."""
    notes = [json.loads(line)["note"] for line in (folder / name).read_text().splitlines()]
    kept, size = notes[1], int(notes[1].split("\n")[1])
    assert run_export(folder, KEYS, silent, [kept]) == []

    root = kept.split("\n")[2]
    for other in (kept.replace(root, notes[2].split("\n")[2]), kept.replace(f"\n{size}\n", "\n100000\n")):
        (found,) = run_export(folder, KEYS, silent, [kept, other])
        assert (found.check, str(other.split("\n")[1]) in found.message) == ("checkpoint", True)


async def test_papers_that_were_written_anew_are_not_what_was_signed(folder: Path) -> None:
    """A paper whose text, fact and leaf were all changed to agree is found by the root over it; one taken out by its number."""
    path = folder / "papers.jsonl"
    lines = path.read_text().splitlines()
    place, forged = next(
        (n, each) for n, each in enumerate(map(json.loads, lines)) if each["kind"] == "ticket" and "text" in each
    )
    forged["text"] = forged["text"].replace("31000", "31001")
    entry = Entry(
        forged["seq"], forged["kind"], UUID(forged["subject_id"]), forged["is_older"], forged["at"],
        sha256(forged["text"].encode()).digest(), b"",
    )  # fmt: skip
    forged |= {"fact": entry.fact.hex(), "leaf": entry.meant.hex()}
    path.write_text("\n".join([*lines[:place], line_of(forged).rstrip(), *lines[place + 1 :], ""]))
    found = run_export(folder, KEYS, silent)
    assert {finding.message for finding in found} >= {"the root over 6 entries is not that of their leaves"}
    assert not names(found, "cannot be read|says")

    path.write_text("\n".join([*lines[:4], *lines[5:], ""]))
    assert names(run_export(folder, KEYS, silent), "entry 5 is missing")
    path.unlink()
    assert [finding.message for finding in run_export(folder, KEYS, silent)] == ["there is no papers.jsonl"]
