"""The auditor holds what the offices have decided against what was entered of it, in the book and in an export (B5)."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

import migrations
from service.actions.deadlines import declare_outage, enter_days
from service.actions.policies import decide_policy
from service.db import Database
from service.domain.policies import Changes
from service.embedded import Endpoints
from service.store import papers
from service.verify import run_export
from service.verify.books import Books
from service.verify.database import export, verify
from service.verify.database.entered import papers_are_what_was_entered
from service.verify.database.paperfiles import write_papers
from service.verify.findings import Finding, Findings
from service.verify.paperfiles import read_papers
from tests import cast, yard
from tests.ledger.books import KEY

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
KEYS = {KEY.key_id: KEY.private.public_key().public_bytes_raw()}
MIGRATION = (Path(migrations.__file__).parent / "versions" / "0035_decided.sql").read_text(encoding="utf-8")
OTHER_WORDS = "UPDATE policy SET value = '30', reason = '仍试行'"
OUTAGE = "outage from 2026-03-02T08:00:00+08:00 (辽2)"

# What is done to the rows, and what is told of it.
TAMPERED = {
    OTHER_WORDS: {
        "policy slip_days from 2027-01-01 (辽1) is not what was entered: "
        'value is 30, and was 20; reason is "仍试行", and was "试行"'
    },
    "UPDATE policy SET recorded_at = recorded_at - interval '1 us'": {
        "policy slip_days from 2027-01-01 (辽1) is not what was entered: "
        'recorded_at is "2026-03-02T11:59:59.999999+08:00", and was "2026-03-02T12:00:00+08:00"'
    },
    "DELETE FROM policy": {"policy slip_days from 2027-01-01 (辽1) was entered, and is gone"},
    "UPDATE calendar_day SET is_worked = NOT is_worked": {
        "calendar_day 2026-10-10 (国办1) is not what was entered: is_worked is false, and was true"
    },
    "INSERT INTO calendar_day SELECT gen_random_uuid(), version, day + 1, is_worked, document_no, person_id, recorded_at"
    " FROM calendar_day": {"calendar_day 2026-10-11 (国办1) was never entered"},
    "UPDATE outage SET ends_at = ends_at + interval '1 day'": {
        f'{OUTAGE} is not what was entered: ends_at is "2026-03-03T14:00:00+08:00", and was "2026-03-02T14:00:00+08:00"'
    },
    "DELETE FROM outage": {f"{OUTAGE} was entered, and is gone"},
    "INSERT INTO outage SELECT gen_random_uuid(), version, starts_at, ends_at, reason, '辽3', person_id, recorded_at FROM outage": {
        "outage from 2026-03-02T08:00:00+08:00 (辽3) was never entered"
    },
    "UPDATE deadline_move SET due_on = due_on + 1 WHERE duty = 'contract-filing'": {
        "deadline_move of contract-filing {contract} to 2026-03-19 is not what was entered: "
        'due_on is "2026-03-19", and was "2026-03-18"'
    },
    "DELETE FROM deadline_move WHERE duty = 'contract-filing'": {
        "deadline_move of contract-filing {contract} to 2026-03-18 was entered, and is gone"
    },
    "UPDATE allotment_step SET recorded_at = recorded_at - interval '1 day'": {
        "allotment_step issue of allotment {allotment} on 2026-01-05 is not what was entered: "
        'recorded_at is "2026-03-01T12:00:00+08:00", and was "2026-03-02T12:00:00+08:00"'
    },
    "DELETE FROM allotment_step": {
        "allotment_step issue of allotment {allotment} on 2026-01-05 was entered, and is gone"
    },
    f"{OTHER_WORDS}; UPDATE paper SET text = replace(text, '20,', '30,') WHERE kind = 'policy'": {
        "policy slip_days from 2027-01-01 (辽1) is not what was entered",
        "entry {policy_seq}, of policy {policy}, binds another text",
    },
    "UPDATE paper SET text = NULL WHERE kind = 'policy'": {"entry {policy_seq}, of policy {policy}, has lost its text"},
}


@pytest.fixture
async def owner(committed: Database, endpoints: Endpoints) -> AsyncIterator[asyncpg.Connection]:
    """A book in which every sort of decision was made, and its owner, who can change all of it."""
    who = cast.PROVINCE.actor
    async with committed.transaction() as connection:
        await cast.enter(connection)
        await yard.grant(connection, 100_000, at=NOON, sign=KEY)
        await yard.contract(connection, at=NOON)
        change = Changes("slip_days", "", 20, date(2027, 1, 1))
        await decide_policy(connection, change, document_no="辽1", reason="试行", at=NOON, actor=who)
        await enter_days(connection, [(date(2026, 10, 10), True)], document_no="国办1", at=NOON, actor=who)
        hours = NOON - timedelta(hours=4), NOON + timedelta(hours=2)
        await declare_outage(connection, *hours, reason="机房断电", document_no="辽2", at=NOON, actor=who)
        while await papers.seal(connection, 4, at=NOON, sign=KEY):
            pass
    found = await asyncpg.connect(endpoints.owner_database_url)
    try:
        yield found
    finally:
        await found.close()


async def told_of_the_book(owner: asyncpg.Connection) -> set[str]:
    return {finding.message for finding in await verify(owner, KEYS, lambda _: None)}


async def test_a_decision_that_was_changed_is_told_by_its_column(owner: asyncpg.Connection, tmp_path: Path) -> None:
    """Which decision, which column, what it says and what it said; of the book, and of an export of it."""
    assert await told_of_the_book(owner) == set()
    names = {
        "contract": await owner.fetchval("SELECT id FROM contract"),
        "allotment": await owner.fetchval("SELECT allotment_id FROM allotment_step"),
        "policy": await owner.fetchval("SELECT id FROM policy"),
        "policy_seq": await owner.fetchval("SELECT seq FROM paper WHERE kind = 'policy'"),
    }
    for sentence, told in TAMPERED.items():
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute(sentence)
        expected = {message.format_map(names) for message in told}

        findings = Findings()
        await papers_are_what_was_entered(owner, Books.of(0), findings)
        rows_only = {message for message in expected if not message.startswith("entry ")}
        assert {finding.message for finding in findings.all()} == rows_only, sentence

        await write_papers(owner, KEYS, tmp_path, with_texts=False)
        findings = Findings()
        read_papers(tmp_path, KEYS, findings)
        assert {finding.message for finding in findings.all()} == expected, sentence
        await transaction.rollback()


async def test_a_decision_whose_entry_waits_is_in_the_next_export(
    owner: asyncpg.Connection, committed: Database, tmp_path: Path
) -> None:
    """An outsider is not told of what no signed root is over yet; a second entry, with another decision's words, is found."""

    async def exported(name: str) -> list[Finding]:
        (folder := tmp_path / name).mkdir()
        await export(owner, KEYS, folder)
        return run_export(folder, KEYS, lambda _: None)

    async with committed.transaction() as connection:
        who = cast.PROVINCE.actor
        await enter_days(connection, [(date(2026, 10, 11), True)], document_no="国办2", at=NOON, actor=who)
    assert await exported("waiting") == await verify(owner, KEYS, lambda _: None) == []
    assert len((tmp_path / "waiting" / "decisions.jsonl").read_text().splitlines()) == 7

    await owner.execute(
        "INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at, text)"
        " SELECT 'outage', outage.id, fact, FALSE, now(), text FROM paper, outage WHERE kind = 'policy'"
    )
    async with committed.transaction() as connection:
        await papers.seal(connection, 9, at=NOON, sign=KEY)
    outage_id = await owner.fetchval("SELECT id FROM outage")
    again = {f"outage {outage_id} was entered again, and never changes", f"{OUTAGE} is not what was entered"}
    assert {finding.message for finding in await exported("again")} == await told_of_the_book(owner) == again


async def test_a_changed_byte_of_exported_decisions_is_found(owner: asyncpg.Connection, tmp_path: Path) -> None:
    """Any byte of the file, its end, and the file itself; an export of before decisions were entered has none."""

    def told() -> set[str]:
        findings = Findings()
        read_papers(tmp_path, KEYS, findings)
        return {finding.message for finding in findings.all()}

    async def write() -> None:
        async with owner.transaction():
            await write_papers(owner, KEYS, tmp_path, with_texts=False)

    await write()
    path = tmp_path / "decisions.jsonl"
    whole = path.read_bytes()
    for at in range(0, len(whole), 41):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert told(), at
    path.write_bytes(whole[:-1])
    assert told()
    path.unlink()
    assert told() == {"there is no decisions.jsonl"}

    await owner.execute("DELETE FROM paper; DELETE FROM paper_checkpoint")
    await write()
    path.unlink()
    assert told() == set()


async def test_what_was_decided_before_is_entered_as_it_is_found(owner: asyncpg.Connection) -> None:
    """Schema 0035: a book of before gets its entries when it is brought to the newest shape."""
    entered = await owner.fetch("SELECT subject_id, fact, text FROM paper WHERE text IS NOT NULL ORDER BY subject_id")
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(
        "DROP VIEW decided; DELETE FROM paper WHERE text IS NOT NULL;"
        "ALTER TABLE paper DROP COLUMN text; ALTER TABLE paper_due DROP COLUMN text"
    )
    await owner.execute(MIGRATION)
    found = await owner.fetch("SELECT subject_id, fact, text FROM paper_due WHERE is_older ORDER BY subject_id")
    assert found == entered
    findings = Findings()
    await papers_are_what_was_entered(owner, Books.of(0), findings)
    assert findings.all() == []
    await transaction.rollback()
