"""What the service does by itself while it runs: tell committed messages, and sweep."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog
from redis.asyncio import Redis

from service.actions.sweeps import sweep
from service.clock import Clock
from service.db import Database
from service.domain.policies import Policies
from service.outbox import tell

SWEEP_SECONDS = 60.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def chores(database: Database, redis: Redis, clock: Clock, policies: Policies) -> AsyncIterator[None]:
    """Run the chores until the block ends; none of them ends the service."""
    tasks = [asyncio.create_task(tell(database, redis)), asyncio.create_task(_sweep(database, clock, policies))]
    try:
        yield
    finally:
        # Told again until they have ended: a cancellation can be lost in a driver that waits for two things at once.
        waiting = set(tasks)
        while waiting:
            for task in waiting:
                task.cancel()
            _, waiting = await asyncio.wait(waiting, timeout=1)
        await asyncio.gather(*tasks, return_exceptions=True)


async def _sweep(database: Database, clock: Clock, policies: Policies) -> None:
    while True:
        try:
            async with database.transaction() as connection:
                await sweep(connection, policies, at=clock.now())
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("This sweep failed; the next is tried as usual", error=str(error))
        await asyncio.sleep(SWEEP_SECONDS)
