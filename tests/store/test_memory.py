"""What a process remembers of the ledger's end is never believed without a look at the head."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import asyncpg
import pytest

from service.db import Database
from service.domain.changes import Void
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.store import ledger
from service.store.accounts import open_accounts
from service.store.ledger import Memory, Posted, Writing, written_before
from tests.ledger.books import KEY, MORNING, account, movement
from tests.ledger.rows import read

pytestmark = pytest.mark.anyio

ISSUE, MINE = account(AccountKind.ISSUE), account(AccountKind.QUOTA, 1)
LOADS = [account(AccountKind.LOAD, number) for number in range(1, 9)]


@pytest.fixture
async def a(committed: Database) -> dict[AccountKey, int]:
    """Accounts of a mine with a hundred kilograms of quota."""
    async with committed.transaction() as connection:
        accounts = await open_accounts(connection, [ISSUE, MINE, *LOADS])
        await ledger.append(connection, [movement(1, accounts[ISSUE], accounts[MINE], 100)], at=MORNING, sign=KEY)
    return accounts


async def post(database: Database, memory: Memory | None, movements: Sequence[Movement]) -> Posted:
    async with database.steady_transaction() as connection:
        return await ledger.append(connection, movements, at=MORNING, sign=KEY, memory=memory)


NOTE = """
WITH noted AS (
    INSERT INTO outbox (topic, message, recorded_at) VALUES ('alert', to_jsonb($1::bigint), $2) RETURNING 1
),

before AS MATERIALIZED (
    SELECT count(*) AS changed FROM noted
)

SELECT changed FROM before
"""


def note(number: int) -> Writing:
    """Something that is to be written before what is posted."""
    return Writing(NOTE, written_before(NOTE, 2), (number, MORNING))


async def places(database: Database) -> list[tuple[int, int, int]]:
    """Where each movement left and came: its number, and the first lines of its legs."""
    async with database.transaction(readonly=True) as connection:
        rows = await read(connection)
    return [(leg["movement"].int, leg["source_lo"], leg["target_lo"]) for leg in rows.legs]


async def test_who_is_alone_posts_without_a_look_and_says_the_same(
    committed: Database, a: dict[AccountKey, int]
) -> None:
    memory = Memory()
    found = []
    for number, load in enumerate(LOADS, 2):
        posted = await post(committed, memory, [movement(number, a[MINE], a[load], 15)])
        found.append((posted.seq, posted.act, posted.over_kg[UUID(int=number)]))

    assert memory.is_alone
    assert found == [(n, n, max(0, min(15, 15 * (n - 1) - 100))) for n in range(2, 10)]
    async with committed.transaction(readonly=True) as connection:
        assert (await ledger.balances(connection, [a[MINE]]))[a[MINE]] == ledger.Balance(100, 120, 0, 20)


async def test_two_processes_that_take_turns_never_write_one_place_twice(
    committed: Database, a: dict[AccountKey, int]
) -> None:
    ours, theirs = Memory(), Memory()
    for number, load in enumerate(LOADS, 2):
        await post(committed, ours if number % 3 else theirs, [movement(number, a[MINE], a[load], 5)])

    assert await places(committed) == [(1, 0, 0), *((n, 5 * (n - 2), 0) for n in range(2, 10))]


async def test_what_is_written_with_a_batch_is_written_once_wherever_the_head_is(
    committed: Database, a: dict[AccountKey, int]
) -> None:
    """Alone, after another process has posted, and while several batches are under way."""
    ours, theirs = Memory(), Memory()

    async def write(number: int, memory: Memory | None) -> None:
        async with committed.steady_transaction() as connection:
            moved = [movement(number, a[MINE], a[LOADS[0]], 5)]
            await ledger.append(connection, moved, at=MORNING, sign=KEY, memory=memory, writing=note(number))

    for number in range(2, 20):
        await write(number, None if number % 7 == 0 else theirs if number in (8, 9, 15) else ours)
    await asyncio.gather(*(write(number, theirs if number % 5 == 0 else ours) for number in range(20, 60)))

    async with committed.transaction(readonly=True) as connection:
        noted = [row["message"] for row in await connection.fetch("SELECT message FROM outbox")]
    assert sorted(noted) == list(range(2, 60))
    assert sorted(number for number, _, _ in await places(committed)) == list(range(1, 60))


async def test_a_batch_that_came_to_nothing_is_forgotten(committed: Database, a: dict[AccountKey, int]) -> None:
    memory = Memory()
    for number in (2, 3):
        await post(committed, memory, [movement(number, a[MINE], a[LOADS[0]], 5)])
    with suppress(ZeroDivisionError):
        async with committed.steady_transaction() as connection:
            await ledger.append(connection, [movement(4, a[MINE], a[LOADS[0]], 5)], at=MORNING, sign=KEY, memory=memory)
            raise ZeroDivisionError
    # Another one has the same seq and act now, from the same places: only the frontier tells them apart.
    await post(committed, None, [movement(5, a[MINE], a[LOADS[1]], 7)])
    await post(committed, memory, [movement(6, a[MINE], a[LOADS[0]], 5)])

    assert (await places(committed))[1:] == [(2, 0, 0), (3, 5, 5), (5, 10, 0), (6, 17, 10)]


async def test_what_was_struck_meanwhile_is_seen(committed: Database, a: dict[AccountKey, int]) -> None:
    memory = Memory()
    for number in (2, 3, 4):
        await post(committed, memory, [movement(number, a[MINE], a[LOADS[0]], 30)])
    async with committed.transaction() as connection:
        await ledger.revise(connection, [Void([UUID(int=3)], MORNING, bytes(32))], at=MORNING, sign=KEY)
    posted = await post(committed, memory, [movement(5, a[MINE], a[LOADS[1]], 35)])

    assert posted.over_kg == {UUID(int=5): 0}, "the kilograms that were given back go first"
    assert [place for place in await places(committed) if place[0] == 5] == [(5, 30, 0), (5, 90, 30)]


async def test_batches_under_way_at_once_go_on_where_the_one_before_ends(
    committed: Database, a: dict[AccountKey, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.ledger.memory.LONGEST_TURN_SECONDS", 60)
    memory = Memory()
    for number in (2, 3):
        await post(committed, memory, [movement(number, a[MINE], a[LOADS[0]], 1)])
    batches = [[movement(10 * n + m, a[MINE], a[LOADS[m]], 2) for m in range(3)] for n in range(1, 30)]
    await asyncio.gather(*(post(committed, memory, batch) for batch in batches))

    assert memory.is_alone, "none of them guessed amiss"
    found = (await places(committed))[3:]
    assert [source_lo for _, source_lo, _ in found] == list(range(2, 2 + 2 * len(found), 2))
    assert sorted(n for n, _, _ in found) == [10 * n + m for n in range(1, 30) for m in range(3)]


async def test_what_is_forgotten_for_its_size_is_read_again(
    committed: Database, a: dict[AccountKey, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.ledger.memory.MOST_ACCOUNTS", 2)
    memory = Memory()
    for number in range(2, 30):
        await post(committed, memory, [movement(number, a[MINE], a[LOADS[number % 5]], 2)])

    assert [source_lo for _, source_lo, _ in (await places(committed))[1:]] == list(range(0, 56, 2))


async def test_a_batch_that_could_not_be_signed_leaves_no_gap(committed: Database, a: dict[AccountKey, int]) -> None:
    class Failing:
        key_id = KEY.key_id

        def sign(self, message: bytes) -> bytes:
            raise ZeroDivisionError

    memory = Memory()
    for number in (2, 3):
        await post(committed, memory, [movement(number, a[MINE], a[LOADS[0]], 10)])
    with suppress(ZeroDivisionError):
        async with committed.steady_transaction() as connection:
            moved = [movement(4, a[MINE], a[LOADS[1]], 10)]
            await ledger.append(connection, moved, at=MORNING, sign=Failing(), memory=memory)
    await post(committed, memory, [movement(5, a[MINE], a[LOADS[1]], 10)])

    assert (await places(committed))[1:] == [(2, 0, 0), (3, 10, 10), (5, 20, 0)]


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_a_circle_through_the_turn_is_broken(
    committed: Database, a: dict[AccountKey, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One holds the head and wants a document; a batch that holds it waits for the turn of one that waits for the head."""
    monkeypatch.setattr("service.store.ledger.memory.LONGEST_TURN_SECONDS", 0.1)
    memory = Memory()
    for number in (2, 3):
        await post(committed, memory, [movement(number, a[MINE], a[LOADS[0]], 10)])
    document = "SELECT pg_advisory_xact_lock(1)"
    holds_the_document = asyncio.Event()

    async def with_a_document() -> None:
        async with committed.steady_transaction() as connection:
            await connection.execute(document)
            holds_the_document.set()
            moved = [movement(5, a[MINE], a[LOADS[2]], 10)]
            await ledger.append(connection, moved, at=MORNING, sign=KEY, memory=memory)

    async with asyncio.timeout(30):
        tasks = []
        with suppress(asyncpg.DeadlockDetectedError):
            async with committed.transaction() as connection:
                await ledger.lock_head(connection, at=MORNING)
                tasks.append(asyncio.create_task(post(committed, memory, [movement(4, a[MINE], a[LOADS[1]], 10)])))
                async with committed.pool.acquire() as looker:
                    while not await looker.fetchval(WAITING):
                        pass
                tasks.append(asyncio.create_task(with_a_document()))
                await holds_the_document.wait()
                await connection.execute(document)
        ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert all(not isinstance(one, BaseException) or isinstance(one, asyncpg.DeadlockDetectedError) for one in ended)
    found = await places(committed)
    assert [source_lo for _, source_lo, _ in found[1:]] == [10 * n for n in range(len(found) - 1)]
