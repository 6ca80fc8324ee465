"""Where the service's clock was set back, the book is what was done, in its order (E13)."""

from collections.abc import Callable
from datetime import timedelta

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from service.actions.deadlines import declare_outage
from service.embedded import Endpoints
from service.keys import Purpose
from service.store import papers
from service.verify.database import verify
from tests import cast
from tests.cast import ANSHAN, PAIZHAI_CLERK, PLANT_CLERK
from tests.routes.filing import ON_DAY_1, at, contract, slip
from tests.routes.quota import allot, base, fill_pools

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


async def test_what_was_on_record_is_known_to_what_comes_after_it_though_that_has_an_earlier_time(
    app: FastAPI, by: By, stage_endpoints: Endpoints
) -> None:
    now = at(app, ON_DAY_1)
    await fill_pools(by, 250_000)
    await allot(by(ANSHAN), base(250_000))
    async with app.state.database.transaction() as connection:
        told = {"reason": "机房断电", "document_no": "辽1", "at": now, "actor": cast.PROVINCE.actor}
        await declare_outage(connection, now - timedelta(days=2), now, **told)
    app.state.clock.stop_at(now - timedelta(hours=1))
    for clerk in (PAIZHAI_CLERK, PLANT_CLERK):
        filed = await by(clerk).post("/v1/contracts", json=contract())
    assert (filed.json()["state"], filed.json()["flags"]) == ("filed", [])
    assert (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())).status_code == 201
    async with app.state.database.transaction() as connection:
        await papers.seal(connection, 1_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))

    owner = await asyncpg.connect(stage_endpoints.owner_database_url)
    try:
        assert await verify(owner, app.state.keys.public_keys(Purpose.LEDGER), say=lambda _: None) == []
    finally:
        await owner.close()
