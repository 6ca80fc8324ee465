"""Those who wait at the streams of Valkey for as long as they like: how many have room, and until when."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from redis.asyncio import Redis

from service.domain.refusals import Busy

WAIT_MILLISECONDS = 10_000
MOST_AT_ONCE = 100
# Each on a connection of its own: Valkey takes ten thousand, the library by itself makes a hundred.
MOST_WHO_WAIT = 5_000
FILES_OF_ONE = 2  # the caller's connection, and that to Valkey
FILES_OF_OTHERS = 256  # who asks and is answered, the database's connections, logs


log = structlog.get_logger(__name__)


class Streams:
    """A client of Valkey that may block, and room for so many who do."""

    def __init__(self, redis: Redis, most: int) -> None:
        self._redis = redis
        self._most = self._left = most
        self._reads = set[asyncio.Timeout]()
        self.is_over = False

    @contextmanager
    def room(self) -> Iterator[None]:
        """Room for one who waits; raises Busy where there is none."""
        if not self._left:
            log.warning(f"{self._most} wait at streams, and there are no files for more: raise the limit of open files")
            raise Busy
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1

    async def newest(self, stream: str) -> str:
        """The place of the last message."""
        newest: Any = await self._redis.xrevrange(stream, count=1)
        return str(newest[0][0], "ascii") if newest else "0-0"

    async def read(self, stream: str, place: str) -> list[tuple[str, bytes]]:
        """The next messages after a place, each with its own; none where none has come for a while, or the service is to end."""
        read = asyncio.timeout(0 if self.is_over else None)
        try:
            async with read:
                self._reads.add(read)
                try:
                    answer: Any = await self._redis.xread({stream: place}, count=MOST_AT_ONCE, block=WAIT_MILLISECONDS)
                finally:
                    self._reads.remove(read)
        except TimeoutError:
            if not read.expired():
                raise
            return []
        return [(at.decode(), fields[b"message"]) for at, fields in answer[0][1]] if answer else []

    def end(self) -> None:
        """Let nobody wait any longer, since the service is to end."""
        self.is_over = True
        for read in self._reads:
            read.reschedule(0)


def most_who_wait(files: int) -> int:
    """How many may wait at once in a process that may open so many files."""
    if files == resource.RLIM_INFINITY:
        return MOST_WHO_WAIT
    return max(0, min(MOST_WHO_WAIT, (files - FILES_OF_OTHERS) // FILES_OF_ONE))


def open_many_files() -> None:
    """Let this process, and the servers that it starts, open as many files as their limit can be raised to."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
