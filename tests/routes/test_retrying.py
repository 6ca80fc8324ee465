"""Who is ended by the database so that another may go on hears nothing of it: what was asked for is done anew, and once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from service.embedded import Endpoints
from service.retrying import TRIES
from tests import cast
from tests.cast import LI, PAIZHAI_CLERK, PLANT_CLERK
from tests.routes.by import By
from tests.routes.filing import ON_DAY_1, contract, issue, receive, slip
from tests.routes.test_runs_file import kiln, run
from tests.routes.test_stocktakes import count

pytestmark = pytest.mark.anyio
Ask = Callable[[], Awaitable[httpx.Response]]
End = Callable[[int], Awaitable[None]]

# A sequence is not rolled back with what has drawn on it.
ENDS = """
CREATE SEQUENCE tries MINVALUE -10 START 1;
GRANT USAGE ON SEQUENCE tries TO meisu_service;
CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') <= 0 THEN
        RAISE EXCEPTION 'two wait for each other' USING ERRCODE = 'deadlock_detected';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ends AFTER INSERT ON audit FOR EACH STATEMENT EXECUTE FUNCTION ends();
"""
HTML = {"Accept": "text/html"}


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture
async def lot(app: FastAPI, by: By) -> UUID:
    """21 t of Paizhai Mine's ore that lie at Plant Two."""
    await issue(app, 8_000_000)
    terms = contract(kg=21_000)
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=terms)
    filed = await by(PLANT_CLERK).post("/v1/contracts", json=terms)
    return await receive(app, filed.json()["id"], cast.PLANT_TWO.id, 21_000)


@pytest.fixture
async def end(stage_endpoints: Endpoints) -> AsyncIterator[End]:
    """Have the database end the next transactions that change something, so many of them."""
    owner = await asyncpg.connect(stage_endpoints.owner_database_url)
    await owner.execute(ENDS)

    async def ending(times: int) -> None:
        await owner.execute(f"ALTER SEQUENCE tries RESTART WITH {1 - times}")

    yield ending
    await owner.close()


def asked(by: By, person: cast.Person, path: str, body: dict[str, Any]) -> Ask:
    return lambda: by(person).post(path, json=body, headers={"Idempotency-Key": "one"})


async def a_run(by: By, lot: UUID) -> Ask:
    return asked(by, PLANT_CLERK, "/v1/runs", run(await kiln(by), (lot, 10_000)))


async def a_run_by_a_form(by: By, lot: UUID) -> Ask:
    typed = {
        "number": "JG-2",
        "line_id": await kiln(by),
        "ran_on": "2026-03-02",
        f"lot:{lot}": "10",
        "kind-1": "product",
        "name-1": "轻烧粉",
        "kg-1": "5",
    }
    return lambda: by(PLANT_CLERK).post("/runs/new", data=typed, headers=HTML)


async def a_decision(by: By, lot: UUID) -> Ask:
    counted = (await by(PLANT_CLERK).post("/v1/stocktakes", json=count(lot, 990))).json()
    return asked(by, LI, f"/v1/stocktakes/{counted['id']}/decide", {"approve": True})


async def a_slip(by: By, lot: UUID) -> Ask:
    return asked(by, PAIZHAI_CLERK, "/v1/slips", slip(number="JJ-1", kg=1_000))


async def a_line(by: By, lot: UUID) -> Ask:
    body = {"enterprise_id": str(cast.PLANT_TWO.id), "name": "一号窑", "kind": "light_burnt", "kiln": "shaft"}
    return asked(by, LI, "/v1/lines", {**body, "status": "running", "ore_per_product": 2.1})


async def said(app: FastAPI) -> tuple[list[Any], list[Any]]:
    """What was done, and what it has left in the book."""
    async with app.state.database.transaction(readonly=True) as connection:
        deeds = await connection.fetch("SELECT id, deed FROM audit ORDER BY id")
        return deeds, await connection.fetch("SELECT seq, act, movement FROM leg ORDER BY seq")


async def test_what_the_database_ends_is_done_anew_and_once(app: FastAPI, by: By, lot: UUID, end: End) -> None:
    for deed in (a_run, a_run_by_a_form, a_decision, a_slip, a_line):
        ask = await deed(by, lot)
        deeds, legs = await said(app)

        await end(TRIES)
        busy = await ask()
        assert (busy.status_code, busy.headers["Retry-After"]) == (503, "1"), deed
        assert await said(app) == (deeds, legs), f"{deed}: what was ended has done nothing"

        await end(TRIES - 1)
        done = await ask()
        after = await said(app)
        assert done.status_code in (200, 201, 303), f"{deed}: {done.text}"
        assert len(after[0]) == len(deeds) + 1, f"{deed}: one deed, noted once"
        if not done.is_redirect:
            again = await ask()
            assert (again.text, "Idempotent-Replayed" in again.headers, await said(app)) == (done.text, True, after)
