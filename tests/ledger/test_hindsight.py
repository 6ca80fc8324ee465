"""Any history of loads and deeds, asked for later: each ticket is told as it stood at each moment (E53, W04)."""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI

from service.actions.sweeps import sweep
from service.actions.tickets import as_it_stood
from service.actions.weighings import Sent, weigh_all
from service.db import Connection
from service.domain.policies import DEFAULTS
from service.domain.tickets import Journey, Ticket
from service.domain.units import Kilograms
from service.keys import Purpose
from service.store.quotas import SQL
from service.store.tickets import ticket_and_journey
from tests import cast, yard
from tests.ledger.stories import Teller, World, any_order
from tests.ledger.test_hot_mine import prepare

pytestmark = pytest.mark.anyio
Seen = tuple[Ticket, Journey]


async def held(connection: Connection, at: datetime, *, now: bool) -> dict[str | None, int]:
    """What open tickets hold of the mine's quota, by earmark: now, or as it is told of a time (O01)."""
    asked = ([cast.PAIZHAI_MINE], at.year, at.year)
    rows = await (connection.fetch(SQL["held"], *asked) if now else connection.fetch(SQL["held_at"], *asked, at))
    return {row["earmark"]: row["kg"] for row in rows}


async def stand(connection: Connection) -> dict[UUID, Seen]:
    """How all tickets stand now."""
    rows = await connection.fetch("SELECT * FROM ticket")
    return {row["id"]: ticket_and_journey(row) for row in rows}


@pytest.mark.parametrize("seed", range(2))
async def test_e53_any_tickets_are_told_as_they_stood(app: FastAPI, pytestconfig: pytest.Config, seed: int) -> None:
    """W04, W09, W10, W11, E36, E39: told in any order, corrected, split, shared, refused, lost; some expired meanwhile."""
    await prepare(app, 4_000_000, 12, lambda n: f"辽E{min(n, 9):05}")
    begin = app.state.clock.now()
    sign = app.state.keys.current(Purpose.LEDGER)
    for turn in range(20 if pytestconfig.getoption("--soak") else 1):
        rng = random.Random(f"{seed} {turn}")
        async with app.state.database.pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            other = await yard.contract(
                connection, at=begin, buyer_id=cast.STRANGER.id, kg=Kilograms(9_000), mine_id=cast.PAIZHAI_MINE
            )
            rows = await connection.fetch("SELECT id, number, plate FROM ticket ORDER BY plate")
            named = {row["number"]: (row["id"], row["number"], row["plate"]) for row in rows}
            world = World(connection, app.state.keys, begin, named, other)
            teller = Teller(rng, begin)
            for number in list(named)[:9]:
                teller.story(number)
            teller.sharing(list(named)[9:])
            stood: dict[UUID, list[tuple[datetime, Seen]]] = {}
            order = any_order(rng, teller.steps)
            expiry = rng.randrange(len(order))
            holds = []
            for place, step in enumerate(order):
                world.at = world.now = world.at + timedelta(minutes=1)
                if place == expiry:
                    world.at = world.now = world.at + timedelta(hours=49)
                    assert await sweep(connection, DEFAULTS, at=world.at - timedelta(minutes=1))
                found = step.do(world)
                if isinstance(found, Sent):
                    await weigh_all(connection, [found], at=world.now, sign=sign)
                else:
                    await found
                holds.append((world.at, await held(connection, world.at, now=True)))
                for id_, seen in (await stand(connection)).items():
                    before = stood.setdefault(id_, [])
                    if not before or before[-1][1] != seen:
                        before.append((world.at, seen))
            for at, then in holds:
                assert await held(connection, at + timedelta(seconds=rng.randrange(60)), now=False) == then, at
            for id_, moments in stood.items():
                for at, (ticket, journey) in moments:
                    told = await as_it_stood(connection, id_, at + timedelta(seconds=rng.randrange(60)))
                    assert told is not None
                    assert (replace(told[0], acted_at=None), told[1]) == (replace(ticket, acted_at=None), journey), at
            await transaction.rollback()
