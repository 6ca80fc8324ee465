"""What may be lost: Valkey, for counting failed sign-ins together and for waking those who wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from resource import RLIMIT_NOFILE, getrlimit

from redis.asyncio import Redis

from service.outbox import STREAM
from service.streams import SECONDS_TO_WAIT, Stream, most_who_wait

SECONDS_TO_ANSWER = 1.0


class Cache:
    """A client of Valkey that gives up soon, for commands; and what is told of alerts, for which one may wait."""

    def __init__(self, commands: Redis, alerts: Stream) -> None:
        self.commands = commands
        self.alerts = alerts

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str) -> AsyncIterator["Cache"]:
        """Connected, and closed at the end; nothing is sent yet, so Valkey may come later."""
        commands = Redis.from_url(url, socket_timeout=SECONDS_TO_ANSWER, socket_connect_timeout=SECONDS_TO_ANSWER)
        # redis-py gives up on a read after 5 s unless told otherwise; a host that is lost says nothing, for ever.
        waiting = Redis.from_url(url, socket_timeout=2 * SECONDS_TO_WAIT, socket_connect_timeout=SECONDS_TO_ANSWER)
        files, _ = getrlimit(RLIMIT_NOFILE)
        alerts = Stream(STREAM.format(topic="alerts"), commands, waiting, most_who_wait(files))
        try:
            yield cls(commands, alerts)
        finally:
            await alerts.close()
            await commands.aclose()
            await waiting.aclose()
