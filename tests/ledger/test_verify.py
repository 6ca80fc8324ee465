"""The auditor finds nothing in what the service wrote, and whatever anyone changed since."""

import asyncio
import random

import asyncpg
import pytest

from service.db import Database
from service.embedded import Endpoints
from service.store import ledger
from service.store.accounts import open_accounts
from service.verify import Finding
from service.verify.database import run, verify
from tests.ledger.acts import CAST, LOTS, history
from tests.ledger.books import KEY, MORNING, movement

pytestmark = pytest.mark.anyio

KEYS = {KEY.key_id: KEY.private.public_key().public_bytes_raw()}


async def fill(database: Database, seed: int, acts: int = 60) -> None:
    """A book with a random history, committed."""
    async with database.transaction() as connection:
        by_key = await open_accounts(connection, CAST)
        await history(connection, random.Random(seed), [by_key[key] for key in CAST], acts)


async def findings(endpoints: Endpoints, keys: dict[int, bytes] = KEYS) -> list[Finding]:
    connection = await asyncpg.connect(endpoints.database_url)
    try:
        return await verify(connection, keys, say=lambda _: None)
    finally:
        await connection.close()


@pytest.mark.parametrize("seed", range(100, 104))
async def test_nothing_is_found_in_what_the_service_wrote(
    committed: Database, endpoints: Endpoints, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.verify.database.entries.WINDOW", 32)
    await fill(committed, seed, acts=150)

    assert await findings(endpoints) == []


async def test_an_empty_book_is_in_order(endpoints: Endpoints) -> None:
    assert await findings(endpoints) == []


async def test_it_sums_up_what_it_read(committed: Database, endpoints: Endpoints) -> None:
    await fill(committed, seed=3, acts=10)
    said: list[str] = []

    assert await asyncio.to_thread(run, endpoints.database_url, KEYS, said.append) == []

    papers, book = said
    assert papers.startswith("0 papers sealed")
    assert book.endswith("accounts: 0 differences")


TAMPERED = [
    ("leaf", True, "UPDATE leg SET over_kg = over_kg + 1 WHERE seq = $1"),
    ("leaf", True, "UPDATE leg SET fact = sha256('another weighing') WHERE seq = $1"),
    ("leaf", True, "UPDATE leg SET occurred_at = occurred_at + interval '1 microsecond' WHERE seq = $1"),
    ("leaf", True, "UPDATE leg SET target_kg = target_kg + 1, source_kg = source_kg + 1 WHERE seq = $1"),
    ("leaf", True, "UPDATE leg SET source_behind = NOT source_behind WHERE seq = $1"),
    ("leaf", True, "UPDATE leg SET leaf = sha256('') WHERE seq = $1"),
    ("root", False, "UPDATE leg SET leaf = sha256('') WHERE seq = $1"),
    ("gap", False, "DELETE FROM leg WHERE seq = $1"),
    ("root", False, "UPDATE checkpoint SET root = sha256('') WHERE size >= $1"),
    ("signature", False, "UPDATE checkpoint SET recorded_at = recorded_at + interval '1 us' WHERE size >= $1"),
    ("checkpoint", False, "UPDATE checkpoint SET recorded_at = '2020-01-01' WHERE size >= $1"),
    ("head", False, "DELETE FROM checkpoint WHERE size >= $1"),
    ("head", False, "UPDATE head SET seq = seq + 1 WHERE $1 > 0"),
    ("head", False, "UPDATE head SET frontier = sha256('') WHERE $1 > 0"),
    ("head", False, "UPDATE head SET owing = owing + 1 WHERE $1 > 0"),
    ("loose", False, "INSERT INTO loose SELECT min(id) FROM account WHERE $1 > 0"),
    ("loose", False, "DELETE FROM loose WHERE $1 > 0"),
    ("overdraw", False, "UPDATE overdraw SET peak_kg = peak_kg + 1 WHERE $1 > 0"),
    ("overdraw", False, "DELETE FROM overdraw WHERE $1 > 0"),
    ("account", False, "UPDATE account SET year = year + 1 WHERE id = (SELECT target FROM leg WHERE seq = $1)"),
    ("place", False, "UPDATE hole SET hi = hi + 1 WHERE seq = (SELECT min(seq) FROM hole WHERE $1 > 0)"),
    ("evidence", False, "UPDATE hole SET debt_kg = debt_kg + 1 WHERE seq = (SELECT min(seq) FROM hole WHERE $1 > 0)"),
    ("cut", False, "DELETE FROM hole WHERE seq = (SELECT max(seq) FROM hole WHERE side = 'in' AND $1 > 0)"),
]


@pytest.mark.parametrize(("check", "is_located", "sentence"), TAMPERED)
async def test_whatever_was_changed_is_found(
    committed: Database, endpoints: Endpoints, check: str, is_located: bool, sentence: str
) -> None:
    await fill(committed, seed=1)
    owner = await asyncpg.connect(endpoints.owner_database_url)
    seq = await owner.fetchval(
        """SELECT min(seq) FROM leg
        WHERE NOT source_behind AND over_kg < source_kg AND seq > 5 AND leg.seq - 1 NOT IN (SELECT seq FROM hole)"""
    )

    assert await owner.execute(sentence, seq) not in ("UPDATE 0", "DELETE 0", "INSERT 0 0")
    await owner.close()

    found = await findings(endpoints)
    assert check in {finding.check for finding in found}
    if is_located:
        assert (found[0].check, found[0].seq) == (check, seq)


async def test_nodes_that_proofs_are_made_from_are_checked(committed: Database, endpoints: Endpoints) -> None:
    async with committed.transaction() as connection:
        lots = await open_accounts(connection, LOTS)
        batch = [movement(number, lots[LOTS[0]], lots[LOTS[1]], 1) for number in range(600)]
        await ledger.append(connection, batch, at=MORNING, sign=KEY)
    assert await findings(endpoints) == []

    owner = await asyncpg.connect(endpoints.owner_database_url)
    await owner.execute("UPDATE node SET hash = sha256('') WHERE index = 1")
    assert [finding.check for finding in await findings(endpoints)] == ["node"]
    await owner.execute("DELETE FROM node")
    await owner.close()
    assert [finding.check for finding in await findings(endpoints)] == ["node"]


async def test_another_key_did_not_sign(committed: Database, endpoints: Endpoints) -> None:
    await fill(committed, seed=2, acts=5)

    assert {finding.check for finding in await findings(endpoints, {})} == {"signature"}
    assert {finding.check for finding in await findings(endpoints, {KEY.key_id: bytes(32)})} == {"signature"}
