"""A stream of Valkey, read once for all who wait at it: how many have room, and until when."""

import asyncio
import resource
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.domain.refusals import Busy

SECONDS_TO_WAIT = 10.0
MOST_AT_ONCE = 100
MOST_KEPT = 1_000  # of the newest messages: who was away for a while finds what he missed among them
MOST_WHO_WAIT = 5_000
FILES_OF_OTHERS = 256  # who asks and is answered, the database's connections, logs

Place = tuple[int, int]
Message = tuple[Place, bytes]

log = structlog.get_logger(__name__)


class Lost(Exception):
    """Valkey does not answer any more; the log says so once, for all who waited."""


class Stream:
    """Messages in their order, with room for so many who wait for the next."""

    def __init__(self, name: str, commands: Redis, waiting: Redis, most: int) -> None:
        self._name = name
        self._commands = commands
        self._waiting = waiting
        self._most = self._left = most
        self._recent = deque[Message]()
        self._since: Place = (0, 0)
        self._last: Place = (0, 0)
        self._news = asyncio.Event()
        self._has_begun = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.is_over = False

    @contextmanager
    def room(self) -> Iterator[None]:
        """Room for one who waits; raises Busy where there is none."""
        if not self._left:
            log.warning(f"{self._most} wait at {self._name}, and there are no files for more: raise the limit of them")
            raise Busy
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1

    async def begin(self, place: str | None) -> str:
        """From where to read: a place, or where there is none, or none yet, the newest. Raises Lost."""
        await self._follow()
        return _text(self._last if place is None else min(_place(place), self._last))

    async def read(self, place: str) -> list[tuple[str, bytes]]:
        """The next messages after a place; none where none came for a while, or the service ends. Raises Lost, RedisError."""
        await self._follow()
        after = _place(place)
        if after < self._since:
            async with self._turn:
                found: Any = await self._commands.xrange(self._name, f"({place}", count=MOST_AT_ONCE)
            return [(at.decode(), fields[b"message"]) for at, fields in found]
        if after >= self._last and not self.is_over:
            with suppress(TimeoutError):
                async with asyncio.timeout(SECONDS_TO_WAIT):
                    await self._news.wait()
            self._check()
        newer = list(takewhile(lambda message: message[0] > after, reversed(self._recent)))
        return [(_text(at), message) for at, message in reversed(newer[-MOST_AT_ONCE:])]

    def end(self) -> None:
        """Let nobody wait any longer, since the service is to end."""
        self.is_over = True
        self._news.set()

    async def close(self) -> None:
        """Read no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def _follow(self) -> None:
        """See to it that somebody reads for all."""
        if self._following is None or self._following.done():
            self._has_begun = asyncio.Event()
            self._following = asyncio.create_task(self._keep_reading(self._has_begun))
        await self._has_begun.wait()
        self._check()

    def _check(self) -> None:
        if self._following is None or self._following.done():
            raise Lost

    async def _keep_reading(self, has_begun: asyncio.Event) -> None:
        try:
            newest: Any = await self._commands.xrevrange(self._name, count=MOST_KEPT)
            self._recent.clear()
            self._since = self._last = (0, 0)
            self._take(newest[::-1])
            if len(newest) == MOST_KEPT:
                self._since = self._recent[0][0]
            has_begun.set()
            while True:
                # Not "$": it would mean anew, at each read, the end of that moment, and lose what came between two reads.
                since: Any = {self._name: _text(self._last)}
                read: Any = await self._waiting.xread(since, count=MOST_AT_ONCE, block=int(SECONDS_TO_WAIT * 1000))
                if read:
                    self._take(read[0][1])
                    self._tell()
        except (RedisError, OSError) as error:
            log.warning(f"Those who wait at {self._name} are sent away: {type(error).__name__}: {error}")
        finally:
            has_begun.set()
            self._tell()

    def _take(self, entries: Any) -> None:
        for at, fields in entries:
            if len(self._recent) == MOST_KEPT:
                self._since, _ = self._recent.popleft()
            self._last = _place(at.decode())
            self._recent.append((self._last, fields[b"message"]))

    def _tell(self) -> None:
        self._news.set()
        if not self.is_over:
            self._news = asyncio.Event()


def _place(text: str) -> Place:
    milliseconds, _, number = text.partition("-")
    return int(milliseconds), int(number)


def _text(place: Place) -> str:
    return f"{place[0]}-{place[1]}"


def most_who_wait(files: int) -> int:
    """How many may wait at once in a process that may open so many files."""
    if files == resource.RLIM_INFINITY:
        return MOST_WHO_WAIT
    return max(0, min(MOST_WHO_WAIT, files - FILES_OF_OTHERS))


def open_many_files() -> None:
    """Let this process, and the servers that it starts, open as many files as their limit can be raised to."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
