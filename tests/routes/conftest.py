"""What most tests of the routes begin with: a moment, and a contract of a mine with quota."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from service.keys import Purpose
from service.verify.database import verify
from tests import yard
from tests.routes.by import By
from tests.routes.ticketing import issue


@pytest.fixture
def now(app: FastAPI, request: pytest.FixtureRequest) -> datetime:
    """When a test's story begins: now, or as long ago as its module says (`BEGAN_AGO`)."""
    at: datetime = app.state.clock.now()
    ago: timedelta = getattr(request.module, "BEGAN_AGO", timedelta())
    return at - ago


@pytest.fixture
async def contract_id(app: FastAPI, now: datetime) -> UUID:
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 100_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        return await yard.contract(connection, at=now)


@pytest.fixture
async def ticket(by: By, contract_id: UUID, now: datetime) -> dict[str, Any]:
    return await issue(by, yard.ticket_in(contract_id, now))


@pytest.fixture
async def verified(app: FastAPI) -> AsyncIterator[None]:
    """After the test the book is recomputed from its rows, and must agree."""
    yield
    async with app.state.database.pool.acquire() as connection:
        assert await verify(connection, app.state.keys.public_keys(Purpose.LEDGER), lambda _: None) == []
