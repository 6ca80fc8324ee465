"""W04: in any order of arrival the end is the same: tickets, totals of every account, open flags."""

import random
from itertools import permutations

import pytest
from fastapi import FastAPI

from service.keys import Purpose
from tests import cast
from tests.ledger.arrivals import day, end_of, told_anyhow
from tests.ledger.test_hot_mine import prepare

pytestmark = pytest.mark.anyio

SCALES = [
    (person.station_id, person.id)
    for person in (cast.BRIDGE_7_DEVICE, cast.PLANT_TWO_DEVICE, cast.STRANGER_DEVICE)
    if person.station_id
]


async def lay_out(app: FastAPI) -> None:
    """Two of the stations an hour apart, so that a truck may be too fast."""
    async with app.state.database.transaction() as connection:
        for east, (station_id, _) in enumerate(SCALES[:2]):
            await connection.execute(
                "UPDATE station SET latitude = 40.8, longitude = $2 WHERE id = $1", station_id, 122.5 + east
            )


async def test_w04_a_few_records_in_every_order(app: FastAPI) -> None:
    tickets = await prepare(app, 10_000_000, 2)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    async with app.state.database.pool.acquire() as connection:
        for seed in range(6):
            told = day(random.Random(seed), tickets, SCALES[:2], 4, at=at)
            ends = [
                await end_of(connection, [[one] for one in order], at=at, sign=sign) for order in permutations(told)
            ]
            for end in ends:
                assert end == ends[0], seed


@pytest.mark.parametrize("seed", range(12))
async def test_w04_a_day_in_any_order_cut_anywhere_and_repeated(app: FastAPI, seed: int) -> None:
    tickets = await prepare(app, 2_000_000, 12)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    await lay_out(app)
    rng = random.Random(seed)
    told = day(rng, tickets, SCALES, 60, at=at)
    async with app.state.database.pool.acquire() as connection:
        first = await end_of(connection, told_anyhow(rng, told, repeats=0), at=at, sign=sign)
        for _ in range(3):
            other = await end_of(connection, told_anyhow(rng, told, repeats=20), at=at, sign=sign)
            for name, seen in other.items():
                assert seen == first[name], name
