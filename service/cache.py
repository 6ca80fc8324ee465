"""What may be lost: Valkey, for counting failed sign-ins together and for waking those who wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

SECONDS_TO_ANSWER = 1.0
# Each on a connection of its own: Valkey takes ten thousand, the library by itself makes a hundred.
MOST_WHO_WAIT = 5_000


class Cache:
    """Two clients of one Valkey: `commands` gives up soon, `waiting` may block for as long as it takes."""

    def __init__(self, commands: Redis, waiting: Redis) -> None:
        self.commands = commands
        self.waiting = waiting

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str) -> AsyncIterator["Cache"]:
        """Both clients, closed at the end; nothing is sent yet, so Valkey may come later."""
        commands = Redis.from_url(url, socket_timeout=SECONDS_TO_ANSWER, socket_connect_timeout=SECONDS_TO_ANSWER)
        # redis-py gives up on a read after 5 s unless told otherwise: a blocking read would end by itself.
        waiting = Redis.from_url(
            url, socket_timeout=None, socket_connect_timeout=SECONDS_TO_ANSWER, max_connections=MOST_WHO_WAIT
        )
        try:
            yield cls(commands, waiting)
        finally:
            await commands.aclose()
            await waiting.aclose()
