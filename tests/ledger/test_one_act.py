"""What one record, correction or deed changes is one act, in whatever batch it comes; no size is signed inside (W04, O02)."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from service.actions.weighings import Sent, weigh_all
from service.db import Connection
from service.domain.weighings import Direction
from service.keys import Purpose
from tests.ledger.returns import MINE, TRADER, Trade
from tests.ledger.stories import Step, Teller, World, any_order, stock_a_trader
from tests.ledger.test_hot_mine import prepare

pytestmark = pytest.mark.anyio

ROWS = (
    "SELECT seq, act, source, source_lo, source_kg, target, target_lo, target_kg, over_kg, cover_kg, source_behind,"
    " target_behind, occurred_at FROM leg ORDER BY seq",
    "SELECT seq, act, account, side, lo, hi, kind, debt_kg, occurred_at FROM hole ORDER BY seq",
    "SELECT act, max(size) FROM checkpoint GROUP BY act ORDER BY act DESC LIMIT 1",
)


async def rows_of(connection: Connection) -> list[list[tuple[Any, ...]]]:
    """The rows of the ledger, with the accounts by what they are: a load that has no ticket is its record's, whose id is new."""
    accounts = {
        row["id"]: tuple(row.values())[1:]
        for row in await connection.fetch(
            "SELECT id, kind::text, owner_id, year, grade, CASE WHEN kind <> 'load' OR EXISTS ("
            "SELECT FROM ticket WHERE ticket.account = account.id) THEN document_id END FROM account"
        )
    }
    return [
        [
            tuple(accounts[value] if name in ("source", "target", "account") else value for name, value in row.items())
            for row in await connection.fetch(ask)
        ]
        for ask in ROWS
    ]


async def tell(app: FastAPI, world: World, steps: Sequence[Step]) -> list[tuple[int, int]]:
    """Hand records to the service's batcher as one request; gives the acts and the signed sizes that came of them."""
    before = await world.connection.fetchrow("SELECT act, seq FROM head")
    assert before is not None
    records = [sent for step in steps if isinstance(sent := step.do(world), Sent)]
    answers = await app.state.weighings.submit(records)
    assert {answer.status for answer in answers} == {"accepted"}
    assert [answer.id for answer in answers] == [sent.record.id for sent in records]
    return [
        (row["act"] - before["act"], row["size"] - before["seq"])
        for row in await world.connection.fetch(
            "SELECT act, size FROM checkpoint WHERE size > $1 ORDER BY size", before["seq"]
        )
    ]


@asynccontextmanager
async def loads(app: FastAPI, *, sales: int, coming: int = 0) -> AsyncIterator[tuple[World, list[str]]]:
    """A mine's ticket, then a trader's: what came or comes into two lots of 30 t, and the sales that draw them in turn."""
    [(number, plate)] = await prepare(app, 4_000_000, 1)
    named = await stock_a_trader(app, sales, coming=coming)
    async with app.state.database.pool.acquire() as connection:
        id_ = await connection.fetchval("SELECT id FROM ticket WHERE number = $1", number)
        tickets = {number: (id_, number, plate), **named}
        yield World(connection, app.state.keys, app.state.clock.now(), tickets, uuid4()), list(tickets)


async def test_r23_a_load_told_late_is_one_act_with_the_loads_that_draw_anew(app: FastAPI) -> None:
    """Another record of the same request is no part of it, and has an act and a size of its own."""
    async with loads(app, sales=3) as (world, (mine, first, late, last)):
        teller = Teller(random.Random(0), world.at)
        sold = [(first, 25_000, 60), (last, 10_000, 50)]
        assert [act for act, _ in await tell(app, world, [_sale(teller, *sale) for sale in sold])] == [2]
        batch = [_sale(teller, late, 10_000, 55), teller.tell(mine, MINE, Direction.OUT, 31_000, 40)]

        told = await tell(app, world, batch)

        drawn = await world.connection.fetch(
            "SELECT a.document_id AS ticket_id, leg.act, source_kg AS kg FROM leg INNER JOIN account AS a ON a.id = target"
            " WHERE act > $1 ORDER BY seq",
            (await world.connection.fetchval("SELECT act FROM head")) - 2,
        )
        ids = {name: id_ for name, (id_, _, _) in world.tickets.items()}
        of_late, of_mine = sorted({row["act"] for row in drawn})
        assert [act for act, _ in told] == [1, 2]
        assert {row["ticket_id"] for row in drawn if row["act"] == of_mine} == {ids[mine]}
        assert {row["ticket_id"] for row in drawn if row["act"] == of_late} == {ids[late], ids[last]}


async def test_w10_what_is_reckoned_anew_is_one_act_with_the_sale_told_late_and_says_so(app: FastAPI) -> None:
    """An arrival before it in the same request stirs the lot, too, but changes nothing of what was refused."""
    async with loads(app, sales=1, coming=1) as (world, (mine, stocked, coming, *_, sold)):
        trade = Trade(random.Random(0), world.at)
        await tell(app, world, [trade.tell(coming, MINE, Direction.OUT, 2_000, 300)])
        trade.stocked(stocked, 100)
        refused = trade.steps[-1].do(world)
        assert not isinstance(refused, Sent)
        async with world.connection.transaction():
            await refused
        sale = _sale(trade, sold, 25_000, 200)
        arrival = trade.tell(coming, TRADER, Direction.IN, 2_000, 290)

        told = await tell(app, world, [arrival, sale, trade.tell(mine, MINE, Direction.OUT, 31_000, 40)])

        sent = sale.do(world)
        assert isinstance(sent, Sent)
        [(kg, record_id)] = await world.connection.fetch(
            "SELECT v.kg, w.record_id FROM ticket_act_version AS v LEFT JOIN weighing AS w ON w.id = v.because_of"
        )
        assert (kg, record_id) == (22_000, sent.record.id), "7 t of 29 t lay there"
        assert [act for act, _ in told] == [1, 2, 3]


@pytest.mark.parametrize("is_trade", [True, False])
async def test_w04_every_row_and_act_is_the_same_however_the_stream_is_cut(
    app: FastAPI, pytestconfig: pytest.Config, is_trade: bool
) -> None:
    """R23, W10: sales out of pledged lots, told in any order, of which some come back, as does what came into the lots."""
    await prepare(app, 4_000_000, 1)
    named = await (stock_a_trader(app, 3, coming=3) if is_trade else stock_a_trader(app, 5))
    at, sign = app.state.clock.now(), app.state.keys.current(Purpose.LEDGER)
    async with app.state.database.pool.acquire() as connection:
        world = World(connection, app.state.keys, at, named, uuid4())
        for seed in range(40 if pytestconfig.getoption("--soak") else 1):
            rng = random.Random(seed)
            trade = Trade(rng, at)
            if is_trade:
                trade.trade(list(named))
            else:
                for name in named:
                    trade.story(name, source=TRADER)
            steps = any_order(rng, trade.steps)
            told = [sent for step in steps if step.ticket in named and isinstance(sent := _sent(step, world), Sent)]
            cuts = [[0, len(told)], sorted({0, len(told), *(rng.randrange(len(told)) for _ in range(4))})]
            singly = await _end_of(connection, [[one] for one in told], at=at, sign=sign)
            for cut in cuts:
                assert (
                    await _end_of(connection, [told[lo:hi] for lo, hi in pairwise(cut)], at=at, sign=sign) == singly
                ), seed


def _sale(teller: Teller, ticket: str, kg: int, minutes: int) -> Step:
    return teller.tell(ticket, TRADER, Direction.OUT, kg, minutes)


def _sent(step: Step, world: World) -> Sent | None:
    found = None if step.is_deed else step.do(world)
    return found if isinstance(found, Sent) else None


async def _end_of(connection: Connection, batches: Sequence[Sequence[Sent]], *, at: datetime, sign: Any) -> list[Any]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        for batch in batches:
            await weigh_all(connection, batch, at=at, sign=sign)
        return await rows_of(connection)
    finally:
        await transaction.rollback()
