"""Background tasks of the running service: publish committed messages, sweep, and seal what was filed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from service.actions.sweeps import sweep
from service.clock import Clock
from service.db import Database
from service.enduring import enduring
from service.keys import KeyRing, Purpose
from service.outbox import tell
from service.rulebook import Rulebook
from service.store import papers

SWEEP_SECONDS = 60.0
SEAL_SECONDS = 1.0  # how long what was filed waits for its place in the log
SEALED_AT_ONCE = 1_000


@asynccontextmanager
async def chores(
    database: Database, redis: Redis, clock: Clock, rulebook: Rulebook, keys: KeyRing
) -> AsyncIterator[None]:
    """Run the chores until the block ends; none of them ends the service."""
    tasks = [
        asyncio.create_task(tell(database, redis)),
        asyncio.create_task(_sweep(database, clock, rulebook)),
        asyncio.create_task(_seal(database, clock, keys)),
    ]
    try:
        yield
    finally:
        # Cancelled again until they have ended: a cancellation can be lost in a driver that waits for two things at once.
        waiting = set(tasks)
        while waiting:
            for task in waiting:
                task.cancel()
            _, waiting = await asyncio.wait(waiting, timeout=1)
        await asyncio.gather(*tasks, return_exceptions=True)


async def _sweep(database: Database, clock: Clock, rulebook: Rulebook) -> None:
    while True:
        with enduring("sweep"):
            at = clock.now()
            policies = await rulebook.policies(at)
            async with database.transaction() as connection:
                await sweep(connection, policies, at=at)
        await asyncio.sleep(SWEEP_SECONDS)


async def _seal(database: Database, clock: Clock, keys: KeyRing) -> None:
    while True:
        sealed = 0
        with enduring("seal"):
            async with database.transaction() as connection:
                sign = keys.current(Purpose.LEDGER)
                sealed = await papers.seal(connection, SEALED_AT_ONCE, at=clock.now(), sign=sign)
        if sealed < SEALED_AT_ONCE:
            await asyncio.sleep(SEAL_SECONDS)
