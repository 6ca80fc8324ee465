"""W04: what people did to loads, and what came back, ends the same among records in any order."""

import random
from bisect import bisect_right
from itertools import pairwise, permutations
from uuid import uuid4

import pytest
from fastapi import FastAPI

from service.domain.units import Kilograms
from service.domain.weighings import Direction
from tests import cast, yard
from tests.ledger.arrivals import lay_out
from tests.ledger.returns import Trade
from tests.ledger.stories import Teller, World, any_order, end_of_stories, stock_a_trader
from tests.ledger.test_hot_mine import prepare

pytestmark = pytest.mark.anyio


class OneByOne(random.Random):
    """No record waits for the next one."""

    def random(self) -> float:
        return 1.0


@pytest.mark.parametrize("seed", range(3))
async def test_w04_what_people_did_to_loads_stands_among_records_in_any_order(
    app: FastAPI, pytestconfig: pytest.Config, seed: int
) -> None:
    """W10, W11, E33, E35, E39: split, closed, refused in part, written off; records before and after, wherever that was lawful."""
    tickets = await prepare(app, 4_000_000, 12)
    at = app.state.clock.now()
    await lay_out(app)
    async with app.state.database.transaction() as connection:
        other = await yard.contract(
            connection, at=at, buyer_id=cast.STRANGER.id, kg=Kilograms(9_000), mine_id=cast.PAIZHAI_MINE
        )
        ids = {row["number"]: row["id"] for row in await connection.fetch("SELECT number, id FROM ticket")}
    orders = 40 if pytestconfig.getoption("--soak") else 4
    async with app.state.database.pool.acquire() as connection:
        named = {number: (ids[number], number, plate) for number, plate in tickets}
        world = World(connection, app.state.keys, at, named, other)
        rng = random.Random(seed)
        teller = Teller(rng, at)
        for number, _ in tickets:
            teller.story(number)
        first = await end_of_stories(world, any_order(rng, teller.steps), rng, is_audited=True)
        for _ in range(orders):
            end = await end_of_stories(world, any_order(rng, teller.steps), rng)
            for name, seen in end.items():
                assert seen == first[name], name


@pytest.mark.parametrize("seed", range(2))
async def test_w04_shared_weighings_and_corrections_stand_in_any_order(
    app: FastAPI, pytestconfig: pytest.Config, seed: int
) -> None:
    """E1, E36, W09: loads of one truck that share a weighing, refused in part, corrected and taken back since."""
    starts = (0, 2, 5, 7)
    tickets = await prepare(app, 4_000_000, 9, lambda n: f"辽E{bisect_right(starts, n):05}")
    at = app.state.clock.now()
    trucks = [[number for number, _ in tickets[start:end]] for start, end in pairwise((*starts, 9))]
    async with app.state.database.transaction() as connection:
        other = await yard.contract(
            connection, at=at, buyer_id=cast.STRANGER.id, kg=Kilograms(9_000), mine_id=cast.PAIZHAI_MINE
        )
        rows = await connection.fetch("SELECT id, number, plate FROM ticket")
    async with app.state.database.pool.acquire() as connection:
        named = {row["number"]: (row["id"], row["number"], row["plate"]) for row in rows}
        world = World(connection, app.state.keys, at, named, other)
        rng = random.Random(seed)
        teller = Teller(rng, at)
        for names in trucks:
            teller.sharing(names)
        first = await end_of_stories(world, any_order(rng, teller.steps), rng, is_audited=True)
        for n in range(40 if pytestconfig.getoption("--soak") else 4):
            end = await end_of_stories(world, any_order(rng, teller.steps), rng, is_audited=n % 10 == 0)
            for name, seen in end.items():
                assert seen == first[name], name


@pytest.mark.parametrize("seed", range(2))
async def test_w04_a_traders_loads_draw_the_same_lots_in_any_order(
    app: FastAPI, pytestconfig: pytest.Config, seed: int
) -> None:
    """R23: under two pledges and beyond them; some come back, are refused, split or lost, or are told by a second scale."""
    await prepare(app, 4_000_000, 1)
    named = await stock_a_trader(app, 6)
    at = app.state.clock.now()
    async with app.state.database.pool.acquire() as connection:
        world = World(connection, app.state.keys, at, named, uuid4())
        rng = random.Random(seed)
        teller = Teller(rng, at)
        for number in named:
            teller.story(number, source=2)
        first = await end_of_stories(world, any_order(rng, teller.steps), rng, is_audited=True)
        for _ in range(40 if pytestconfig.getoption("--soak") else 5):
            end = await end_of_stories(world, any_order(rng, teller.steps), rng)
            for name, seen in end.items():
                assert seen == first[name], name


@pytest.mark.parametrize("seed", range(3))
async def test_w10_what_a_lot_had_when_some_of_it_was_sent_back_is_the_same_in_any_order(
    app: FastAPI, pytestconfig: pytest.Config, seed: int
) -> None:
    """W04, R23: sales out of the lot are told before and after refusals of what came into it, and are refused themselves."""
    await prepare(app, 4_000_000, 1)
    named = await stock_a_trader(app, 5, coming=3)
    at = app.state.clock.now()
    async with app.state.database.pool.acquire() as connection:
        world = World(connection, app.state.keys, at, named, uuid4())
        rng = random.Random(seed)
        trade = Trade(rng, at)
        trade.trade(list(named))
        first = await end_of_stories(world, any_order(rng, trade.steps), rng, is_audited=True)
        assert any(row[:2] == ("lot", cast.PAIZHAI.id) for row in first["totals"]), "some lay there no longer"
        for n in range(40 if pytestconfig.getoption("--soak") else 4):
            end = await end_of_stories(world, any_order(rng, trade.steps), rng, is_audited=n % 10 == 0)
            for name, seen in end.items():
                assert seen == first[name], name


async def test_w10_what_was_sent_back_of_a_lot_while_a_sale_was_away_is_the_same_in_every_order(app: FastAPI) -> None:
    """W04: both come back without a word, told one by one or all at once."""
    await prepare(app, 4_000_000, 1)
    named = await stock_a_trader(app, 1, coming=1)
    at, rng = app.state.clock.now(), random.Random(0)
    stocked, bought, *_, sold = named
    async with app.state.database.pool.acquire() as connection:
        world = World(connection, app.state.keys, at, named, uuid4())
        trade = Trade(rng, at)
        trade.tell(sold, 2, Direction.OUT, 30_720, 257)
        trade.tell(sold, 1, Direction.IN, 30_555, 237)
        trade.tell(stocked, 0, Direction.BACK, 28_990, 225)
        trade.tell(sold, 2, Direction.BACK, 26_951, 162)
        first = await end_of_stories(world, trade.steps, rng, is_audited=True)
        [lot] = [row for row in first["totals"] if row[:3] == ("lot", cast.TRADER.id, "LM46")]
        # All of it was on the road: nothing is cut; 3 769 of the sale stayed away, and 28 990 are a movement of their own.
        assert [int(kg) for kg in lot[-2:]] == [30_000, 3_769 + 28_990]
        for order in permutations(trade.steps):
            end = await end_of_stories(world, order, rng)
            for name, seen in end.items():
                assert seen == first[name], name

        # Of two loads that come back the one did so earlier, says a second scale: less lay there of the other.
        trade = Trade(rng, at)
        told = [
            trade.tell(bought, 0, Direction.OUT, 31_000, 300),
            trade.tell(bought, 2, Direction.IN, 31_000, 290),
            trade.tell(sold, 2, Direction.OUT, 25_000, 280),
            trade.tell(sold, 2, Direction.BACK, 25_000, 120),
            trade.tell(stocked, 0, Direction.BACK, 20_000, 100),
            trade.tell(bought, 0, Direction.BACK, 31_000, 150),
            trade.tell(stocked, 1, Direction.BACK, 20_000, 200),
        ]
        first = await end_of_stories(world, told, OneByOne())
        [lot] = [row for row in first["totals"] if row[:3] == ("lot", cast.TRADER.id, "LM46")]
        assert [int(kg) for kg in lot[-2:]] == [61_000 - 20_000 - 16_000, 15_000], "16 000 of 31 000 lay there"
        for order in ((0, 1, 2, 3, 4, 6, 5), (6, 5, 4, 3, 2, 1, 0), (0, 1, 2, 3, 6, 5, 4)):
            end = await end_of_stories(world, [told[place] for place in order], OneByOne())
            for name, seen in end.items():
                assert seen == first[name], name
