"""The database as the migrations leave it."""

import asyncpg
import pytest

from service.db import Connection

BOOK = (
    "leg",
    "hole",
    "checkpoint",
    "account",
    "weighing",
    "filing",
    "slip",
    "audit",
    "revision",
    "allotment_step",
    "pool_excess",
)


@pytest.mark.parametrize("table", BOOK)
@pytest.mark.parametrize("deed", ["UPDATE", "DELETE", "TRUNCATE"])
async def test_the_service_cannot_change_the_book(connection: Connection, table: str, deed: str) -> None:
    assert not await connection.fetchval("SELECT has_table_privilege('meisu_service', $1, $2)", table, deed)


async def test_the_service_owns_nothing(connection: Connection) -> None:
    owned = await connection.fetchval("SELECT count(*) FROM pg_class WHERE relowner = 'meisu_service'::regrole")

    assert owned == 0


async def test_the_service_is_refused_an_edit_of_the_book(connection: Connection) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("UPDATE leg SET over_kg = 0")
