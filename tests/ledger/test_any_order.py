"""W04: in any order of arrival the end is the same: tickets, totals of every account, open flags."""

import random
from datetime import timedelta
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from service.actions.weighings import Sent
from service.domain.weighings import Direction, Record
from service.keys import Purpose
from tests import cast
from tests.ledger.arrivals import SCALES, day, end_of, lay_out, told_anyhow
from tests.ledger.test_hot_mine import prepare

pytestmark = pytest.mark.anyio


async def be_strict(app: FastAPI) -> None:
    """A licence that ended yesterday, a quota and a contract that are soon used up."""
    async with app.state.database.transaction() as connection:
        await connection.execute("UPDATE mine SET licence_valid_until = $1", app.state.clock.now() - timedelta(days=1))
        await connection.execute("UPDATE contract SET kg = 200_000")


async def test_w04_a_few_records_in_every_order(app: FastAPI) -> None:
    tickets = await prepare(app, 10_000_000, 2)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    async with app.state.database.pool.acquire() as connection:
        for seed in range(3):
            told = day(random.Random(seed), tickets, SCALES[:2], 4, at=at)
            ends = [
                await end_of(connection, [[one] for one in order], at=at, sign=sign) for order in permutations(told)
            ]
            for end in ends:
                assert end == ends[0], seed


@pytest.mark.parametrize("seed", range(5))
async def test_w04_a_day_in_any_order_cut_anywhere_and_repeated(app: FastAPI, seed: int) -> None:
    """Every flag that a record may raise, with its office, its parties and its facts, and those of quotas, pools and contracts."""
    tickets = await prepare(app, 150_000, 12, "辽C{:05}".format if seed % 2 else lambda n: f"辽C{n // 2:05}")
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    await lay_out(app)
    if seed > 2:
        await be_strict(app)
    rng = random.Random(seed)
    told = day(rng, tickets, SCALES, 60, at=at)
    async with app.state.database.pool.acquire() as connection:
        first = await end_of(connection, told_anyhow(rng, told, repeats=0), at=at, sign=sign)
        for _ in range(3):
            other = await end_of(connection, told_anyhow(rng, told, repeats=20), at=at, sign=sign)
            for name, seen in other.items():
                assert seen == first[name], name


@pytest.mark.parametrize("seed", range(2))
async def test_w04_days_later_with_the_sweeper_between_records_the_end_is_the_same(app: FastAPI, seed: int) -> None:
    """W07, E39: tickets run out, and loads are missed, until their records come; both close themselves then."""
    tickets = await prepare(app, 2_000_000, 24, lambda n: f"辽C{n // 2:05}")
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    await lay_out(app)
    rng, later = random.Random(seed), at + timedelta(days=5)
    told = day(rng, tickets, SCALES, 40, at=at)
    async with app.state.database.pool.acquire() as connection:
        ends = [
            await end_of(connection, told_anyhow(rng, told, repeats=10), at=later, sign=sign, sweeps=rng)
            for _ in range(3)
        ]
    for end in ends[1:]:
        for name, seen in end.items():
            assert seen == ends[0][name], name
    assert "never-weighed" in {row[0] for row in ends[0]["flags"]}


async def test_w04_two_stations_and_one_ticket_in_every_order(app: FastAPI) -> None:
    """E8, E9, E11: both stations weigh the load out while offline, one of them twice; the load arrives, and a part comes back."""
    [(number, plate), *_] = await prepare(app, 10_000_000, 1)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)

    def told(scale: int, sequence: int, direction: Direction, net_kg: int, minute: int, second: int = 0) -> Sent:
        station_id, person_id = SCALES[scale]
        when = at - timedelta(minutes=50 - minute) + timedelta(seconds=second)
        record = Record(
            UUID(int=100 * scale + sequence), sequence, number, direction, plate, 15_000 + net_kg, 15_000, None, when, False, None,
            None, "fresh",
        )  # fmt: skip
        return Sent(station_id, person_id, timedelta(), record)

    story = [
        told(0, 1, Direction.OUT, 31_200, 10),
        told(0, 2, Direction.OUT, 31_210, 10, second=40),
        told(1, 1, Direction.OUT, 30_900, 5),
        told(1, 2, Direction.IN, 30_880, 40),
        told(0, 3, Direction.BACK, 30_850, 45),
    ]
    async with app.state.database.pool.acquire() as connection:
        first = await end_of(connection, [story], at=at, sign=sign)
        assert [row[:3] for row in first["tickets"]] == [(number, "delivered", 30_900)]
        assert [row[:2] for row in first["flags"] if row[0] == "ticket-reused"] == [("ticket-reused", "ticket")]
        for order in permutations(story):
            assert await end_of(connection, [[one] for one in order], at=at, sign=sign) == first


async def test_w04_forty_one_stations_tell_two_thousand_records_in_any_order(
    app: FastAPI, pytestconfig: pytest.Config
) -> None:
    """The whole day of a province, with clocks up to an hour wrong; a fifth of it without --soak."""
    size = 2_000 if pytestconfig.getoption("--soak") else 400
    tickets = await prepare(app, 20_000_000, size // 4)
    await lay_out(app)
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    scales = [*SCALES, *[(uuid4(), uuid4()) for _ in range(41 - len(SCALES))]]
    async with app.state.database.transaction() as connection:
        await connection.executemany(
            "INSERT INTO station (id, name, jurisdiction, enterprise_id, created_at) VALUES ($1, $2, '210381', $3, $4)",
            [(station_id, f"磅{n}", cast.PLANT_TWO.id, at) for n, (station_id, _) in enumerate(scales[len(SCALES) :])],
        )
    rng = random.Random(41)
    told = day(rng, tickets, scales, size, at=at)
    async with app.state.database.pool.acquire() as connection:
        first = await end_of(connection, told_anyhow(rng, told, repeats=size // 4), at=at, sign=sign)
        other = await end_of(connection, told_anyhow(rng, told, repeats=size // 4), at=at, sign=sign)
    for name, seen in other.items():
        assert seen == first[name], name
    assert {row[1] for row in first["tickets"]} >= {"delivered", "returned", "out"}
