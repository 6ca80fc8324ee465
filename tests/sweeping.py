"""The sweeper where a test wants it: once it is the service's own no longer."""

import asyncio
from datetime import datetime

import pytest
from fastapi import FastAPI

from service.actions.sweeps import sweep
from service.db import Connection
from service.store import sweeps

TRIES = 400


async def lead(connection: Connection) -> None:
    """Let nobody else sweep until this transaction ends; call it first, since who sweeps may wait for what this one holds."""
    for _ in range(TRIES):
        if await sweeps.lead(connection):
            return
        await asyncio.sleep(0.05)
    pytest.fail("the service sweeps for ever")


async def swept(app: FastAPI, at: datetime) -> None:
    """Sweep once, as of this moment."""
    policies = await app.state.rulebook.policies(at)
    async with app.state.database.transaction() as connection:
        await lead(connection)
        assert await sweep(connection, policies, at=at)
