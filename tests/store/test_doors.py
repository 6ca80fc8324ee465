"""A database that goes away in the middle of a transaction is trouble of ours, and the door opens again."""

import os

import asyncpg
import pytest

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


async def test_a_mistake_of_ours_is_no_trouble(committed: Database) -> None:
    with pytest.raises(asyncpg.InterfaceError):
        async with committed.transaction() as connection:
            await connection.fetchval("SELECT $1::int + $2::int", 1)


async def test_a_patient_connection_lets_others_go_first_on_a_server_of_our_own(endpoints: Endpoints) -> None:
    for is_ours in (True, False):
        async with (
            Database.connect(endpoints.database_url, 1, is_ours=is_ours) as database,
            database.steady_transaction() as hurried,
            database.steady_transaction(is_patient=True) as patient,
        ):
            usual, given = (os.getpriority(os.PRIO_PROCESS, one.get_server_pid()) for one in (hurried, patient))
            expected = min(19, usual + PATIENT_NICE) if is_ours and _may_rank(hurried.get_server_pid()) else usual
            assert given == expected


def _may_rank(process_id: int) -> bool:
    try:
        os.setpriority(os.PRIO_PROCESS, process_id, os.getpriority(os.PRIO_PROCESS, process_id))
    except PermissionError:
        return False
    return True
