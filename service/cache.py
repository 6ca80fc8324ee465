"""What may be lost: Valkey, for counting failed sign-ins together and for waking those who wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from resource import RLIMIT_NOFILE, getrlimit

from redis.asyncio import Redis

from service.streams import Streams, most_who_wait

SECONDS_TO_ANSWER = 1.0


class Cache:
    """Two clients of one Valkey: `commands` gives up soon, at `streams` one may wait for as long as it takes."""

    def __init__(self, commands: Redis, streams: Streams) -> None:
        self.commands = commands
        self.streams = streams

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str) -> AsyncIterator["Cache"]:
        """Both clients, closed at the end; nothing is sent yet, so Valkey may come later."""
        commands = Redis.from_url(url, socket_timeout=SECONDS_TO_ANSWER, socket_connect_timeout=SECONDS_TO_ANSWER)
        most = most_who_wait(getrlimit(RLIMIT_NOFILE)[0])
        # redis-py gives up on a read after 5 s unless told otherwise: a blocking read would end by itself.
        waiting = Redis.from_url(
            url, socket_timeout=None, socket_connect_timeout=SECONDS_TO_ANSWER, max_connections=most
        )
        try:
            yield cls(commands, Streams(waiting, most))
        finally:
            await commands.aclose()
            await waiting.aclose()
