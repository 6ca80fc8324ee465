"""From the outbox to the stream: committed messages are published in Valkey, which may lose some but never invents one."""

import asyncio
from contextlib import suppress

import orjson
from redis.asyncio import Redis

from service.db import Database
from service.enduring import enduring
from service.store import outbox

STREAM = "meisu:{topic}"
LONGEST_STREAM = 10_000
MOST_AT_ONCE = 500
IDLE_SECONDS = 1.0  # how long a message of another process may wait; our own commits wake us
RETRY_SECONDS = 5.0
# Every commit wakes us, and a look costs as much as half a weighing: those who watch can wait so long.
REST_SECONDS = 0.1


async def tell(database: Database, redis: Redis) -> None:
    """Move committed messages into their streams until cancelled; while Valkey is away, retry."""
    while True:
        database.committed.clear()
        told = None
        with enduring("tell"):
            told = await tell_once(database, redis)
        if told is None:
            await asyncio.sleep(RETRY_SECONDS)
        elif told < MOST_AT_ONCE:
            await asyncio.sleep(REST_SECONDS)
            # Not wait_for: that of Python 3.11 forgets a cancellation that comes together with the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await database.committed.wait()


async def tell_once(database: Database, redis: Redis) -> int:
    """Publish the oldest messages; gives how many. Each is published at least once."""
    async with database.pool.acquire() as connection, connection.transaction():
        messages = await outbox.take(connection, MOST_AT_ONCE)
        if messages:
            async with redis.pipeline(transaction=False) as pipeline:
                for message in messages:
                    body = orjson.dumps(message["message"])
                    pipeline.xadd(
                        STREAM.format(topic=message["topic"]),
                        {"message": body},
                        maxlen=LONGEST_STREAM,
                        approximate=True,
                    )
                await pipeline.execute()
    return len(messages)
