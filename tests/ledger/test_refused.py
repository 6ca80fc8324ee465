"""The auditor holds the loads of refused tickets against their accounts (W10, E33)."""

import random

import pytest
from fastapi import FastAPI

from service.db import Connection
from service.domain.weighings import Direction
from service.keys import Purpose
from service.verify.database import verify
from tests import cast, yard
from tests.ledger.returns import MINE, PLANT, Trade
from tests.ledger.stories import World, play
from tests.ledger.test_hot_mine import prepare

pytestmark = pytest.mark.anyio

WEIGHTS = ("UPDATE ticket SET out_kg = out_kg + 1000", "UPDATE ticket SET in_kg = in_kg + 1000")
REFUSED = ("UPDATE ticket SET refused_kg = refused_kg - 1000", "UPDATE ticket SET refused_kg = 0")


@pytest.mark.parametrize("then", ["", "lost", "redirected"])
async def test_what_was_refused_is_held_against_the_book(app: FastAPI, then: str) -> None:
    [(number, plate)] = await prepare(app, 10_000_000, 1)
    at, keys = app.state.clock.now(), app.state.keys

    async def found(connection: Connection) -> list[str]:
        return [one.check for one in await verify(connection, keys.public_keys(Purpose.LEDGER), lambda _: None)]

    async with app.state.database.pool.acquire() as connection:
        ticket_id = await connection.fetchval("SELECT id FROM ticket")
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        other = await yard.contract(connection, at=at, buyer_id=cast.STRANGER.id, mine_id=cast.PAIZHAI_MINE)
        world = World(connection, keys, at, {number: (ticket_id, number, plate)}, other)
        story = Trade(random.Random(0), at)
        outs = story.tell(number, MINE, Direction.OUT, 31_200, 200)
        ins = story.tell(number, PLANT, Direction.IN, 31_100, 100)
        story.refused(number, [outs], [ins], [], 5_000, then)
        await play(world, story.steps, random.Random(0))
        assert await found(connection) == []
        # What was written off has left the load as if its buyer had it: the lot, and the act, tell that.
        for sentence in WEIGHTS if then == "lost" else WEIGHTS + REFUSED:
            change = connection.transaction()
            await change.start()
            await connection.execute(sentence)
            assert "ticket" in await found(connection), sentence
            await change.rollback()
        await transaction.rollback()
