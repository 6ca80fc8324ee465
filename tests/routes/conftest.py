"""What most tests of the routes begin with: a moment, and a contract of a mine with quota."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from service.keys import Purpose
from tests import yard
from tests.routes.by import By
from tests.routes.ticketing import issue


@pytest.fixture
def now(app: FastAPI) -> datetime:
    at: datetime = app.state.clock.now()
    return at


@pytest.fixture
async def contract_id(app: FastAPI, now: datetime) -> UUID:
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 100_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        return await yard.contract(connection, at=now)


@pytest.fixture
async def ticket(by: By, contract_id: UUID, now: datetime) -> dict[str, Any]:
    return await issue(by, yard.ticket_in(contract_id, now))
