"""What most tests of the routes begin with: a moment, and a contract of a mine with quota."""

from datetime import datetime
from uuid import UUID

import pytest
from fastapi import FastAPI

from service.keys import Purpose
from tests import yard


@pytest.fixture
def now(app: FastAPI) -> datetime:
    at: datetime = app.state.clock.now()
    return at


@pytest.fixture
async def contract_id(app: FastAPI, now: datetime) -> UUID:
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 100_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        return await yard.contract(connection, at=now)
