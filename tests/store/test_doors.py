"""A database that goes away in the middle of a transaction is trouble of ours, and the door opens again."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from sqlmodel import func, select

from service.db import PATIENT_NICE, Connection, Database
from service.domain.refusals import Busy
from service.embedded import Endpoints
from service.problems import TROUBLE

pytestmark = pytest.mark.anyio


async def cut(connection: Connection, endpoints: Endpoints) -> None:
    """End the connection from the server's side."""
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    other = await asyncpg.connect(endpoints.database_url)
    try:
        assert await other.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    finally:
        await other.close()


async def test_a_connection_lost_before_the_commit_is_trouble(committed: Database, endpoints: Endpoints) -> None:
    async def lose(*sentences: str) -> None:
        async with committed.transaction() as connection:
            await cut(connection, endpoints)
            for sentence in sentences:
                await connection.execute(sentence)

    for sentences in ((), ("SELECT 1",)):
        with pytest.raises((Busy, *TROUBLE)):
            await lose(*sentences)

    async with committed.transaction() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_connection_lost_after_the_commit_is_no_trouble(
    committed: Database, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = asyncpg.Pool.release

    async def release_late(pool: asyncpg.Pool, connection: Connection) -> None:
        await cut(connection, endpoints)
        await release(pool, connection)

    monkeypatch.setattr(asyncpg.Pool, "release", release_late)
    async with committed.transaction() as connection:
        await connection.execute("INSERT INTO outbox (topic, message, recorded_at) VALUES ('alert', '{}', now())")
    monkeypatch.undo()

    async with committed.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 1


async def test_a_transaction_that_goes_on_begins_with_the_commit_before_it(
    committed: Database, endpoints: Endpoints
) -> None:
    keep = "INSERT INTO outbox (topic, message, recorded_at) VALUES ('alert', '{}', now())"
    seen: list[tuple[object, int]] = []

    async def look(*, goes_on: bool, over: int = 1) -> None:
        async with committed.steady_transaction(goes_on=lambda: goes_on) as connection:
            await connection.execute(keep)
            await connection.execute(f"SELECT 1 / {over}")
            seen.append((connection, await connection.fetchval("SELECT txid_current()")))

    for goes_on in (True, True, False):
        await look(goes_on=goes_on)
        async with committed.transaction(readonly=True) as connection:
            assert await connection.fetchval("SELECT count(*) FROM outbox") == len(seen), "it is committed"
    assert len({id(connection) for connection, _ in seen}) == 1
    assert len({number for _, number in seen}) == 3, "each is a transaction of its own"
    assert committed.steady.get_idle_size() == committed.steady.get_size()

    await look(goes_on=True)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await look(goes_on=True, over=0)
    async with committed.transaction(readonly=True) as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 4, "what has failed is rolled back"
    assert committed.steady.get_idle_size() == committed.steady.get_size(), "and nothing goes on from it"

    await look(goes_on=True)
    assert committed.steady.get_idle_size() < committed.steady.get_size()
    await committed.rest()
    assert committed.steady.get_idle_size() == committed.steady.get_size(), "who rests gives back what has begun"

    await look(goes_on=True)
    async with committed.steady_transaction(goes_on=lambda: True) as connection:
        pass
    await cut(connection, endpoints)
    await look(goes_on=False)
    assert len(seen) == 7, "one that was lost meanwhile is replaced"


@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_server_that_says_nothing_is_not_waited_for_without_end(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch, *, goes_on: bool
) -> None:
    monkeypatch.setattr("service.db.SECONDS_TO_ANSWER", 0.2)
    async with Database.connect(endpoints.database_url, 1) as database:
        async with database.steady_transaction(goes_on=lambda: goes_on) as connection:
            mute = connection.get_server_pid()
        os.kill(mute, signal.SIGSTOP)
        try:
            with pytest.raises(TROUBLE):
                async with database.steady_transaction() as connection:
                    await connection.execute("SELECT 1")
            async with database.steady_transaction() as connection:
                assert await connection.fetchval("SELECT 1") == 1, "the next one has another"
        finally:
            os.kill(mute, signal.SIGCONT)


async def test_who_reads_or_writes_by_himself_does_not_wait_for_such_a_server_either(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.db.MOST_SECONDS", 1.0)  # a new connection has that long, too
    mute: list[int] = []

    def stop(server: int) -> None:
        os.kill(server, signal.SIGSTOP)
        mute.append(server)

    async def read(database: Database, act: Callable[[int], None]) -> object:
        async with database.transaction(readonly=True) as connection:
            act(connection.get_server_pid())
            return await connection.fetchval("SELECT 1")

    async def read_in_a_savepoint(database: Database, act: Callable[[int], None]) -> object:
        async with database.transaction() as connection:
            act(connection.get_server_pid())
            async with connection.transaction():
                return await connection.fetchval("SELECT 1")

    async def register(database: Database, act: Callable[[int], None]) -> object:
        async with database.session() as session:
            act((await session.exec(select(func.pg_backend_pid()))).one())
            return (await session.exec(select(1))).one()

    async with Database.connect(endpoints.database_url, 1) as database:
        for ask in (read, read_in_a_savepoint, register):
            try:
                asked = asyncio.create_task(ask(database, stop))
                assert (await asyncio.wait([asked], timeout=20))[0], "nobody waits without end"
                assert isinstance(asked.exception(), (Busy, *TROUBLE))
                assert await ask(database, lambda _: None) == 1, "the next one has another"
            finally:
                while mute:
                    os.kill(mute.pop(), signal.SIGCONT)


async def test_both_doors_understand_the_same_address(endpoints: Endpoints) -> None:
    async with Database.connect(
        f"{endpoints.database_url}&sslmode=prefer&target_session_attrs=read-write", 1
    ) as database:
        async with database.transaction() as connection:
            assert await connection.fetchval("SELECT 1") == 1
        async with database.session() as session:
            assert (await session.exec(select(1))).one() == 1


async def test_a_sentence_from_before_a_migration_is_asked_again(committed: Database, endpoints: Endpoints) -> None:
    async def look() -> None:
        async with committed.steady_transaction() as connection:
            await connection.fetch("SELECT ARRAY(SELECT h FROM head AS h FOR UPDATE)")

    await look()
    owner = await asyncpg.connect(endpoints.owner_database_url)
    await owner.execute("ALTER TABLE head ADD COLUMN added_later integer")
    await owner.close()
    with pytest.raises(Busy):
        await look()
    await look()


async def test_a_mistake_of_ours_is_no_trouble(committed: Database) -> None:
    with pytest.raises(asyncpg.InterfaceError):
        async with committed.transaction() as connection:
            await connection.fetchval("SELECT $1::int + $2::int", 1)


async def test_a_patient_connection_lets_others_go_first_on_a_server_of_our_own(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    for files in (tmp_path, None):
        async with (
            Database.connect(endpoints.database_url, 1, files=files) as database,
            database.steady_transaction() as hurried,
            database.steady_transaction(is_patient=True) as patient,
        ):
            usual, given = (os.getpriority(os.PRIO_PROCESS, one.get_server_pid()) for one in (hurried, patient))
            expected = min(19, usual + PATIENT_NICE) if files and _may_rank(hurried.get_server_pid()) else usual
            assert given == expected


def _may_rank(process_id: int) -> bool:
    try:
        os.setpriority(os.PRIO_PROCESS, process_id, os.getpriority(os.PRIO_PROCESS, process_id))
    except PermissionError:
        return False
    return True
