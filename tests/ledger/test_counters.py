"""What contracts count of their loads is what the legs say, whatever the scales have told."""

import random

import pytest
from fastapi import FastAPI

from service.actions.weighings import weigh_all
from service.db import Connection
from service.keys import Purpose
from service.verify.books import Books
from service.verify.database.papers import contracts_count_their_loads
from service.verify.findings import Finding, Findings
from tests.ledger.test_hot_mine import prepare, story

pytestmark = pytest.mark.anyio


async def found(connection: Connection) -> list[Finding]:
    findings = Findings()
    await contracts_count_their_loads(connection, Books.of(0), findings)
    return findings.all()


async def test_contracts_count_what_their_loads_say(app: FastAPI) -> None:
    tickets = await prepare(app, 150_000, 6)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    counted = set()
    async with app.state.database.pool.acquire() as connection:
        for seed in range(40):
            transaction = connection.transaction()
            await transaction.start()
            await weigh_all(connection, story(random.Random(seed), tickets, at), at=at, sign=sign)
            assert await found(connection) == [], seed
            counted.add(tuple(await connection.fetchrow("SELECT shipped_kg, received_kg FROM contract")))
            await transaction.rollback()
    assert len(counted) > 20


@pytest.mark.parametrize("column", ["shipped_kg", "received_kg"])
async def test_a_counter_that_says_otherwise_is_found(app: FastAPI, column: str) -> None:
    await prepare(app, 150_000, 1)
    async with app.state.database.transaction() as connection:
        await connection.execute(f"UPDATE contract SET {column} = {column} + 1")
        assert [finding.check for finding in await found(connection)] == ["contract"]
