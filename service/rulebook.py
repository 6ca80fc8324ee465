"""The policy values in force, kept in the process: no request pays for reading them, and none goes by old ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from time import monotonic
from typing import Self

import asyncpg
import structlog

from service.db import prepare_connection
from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import Busy
from service.domain.units import shanghai_day
from service.enduring import enduring
from service.store import policies as store

LEASE_SECONDS = 1.0
SECONDS_BETWEEN_LOOKS = 0.4
SECONDS_TO_ANSWER = 5.0

log = structlog.get_logger(__name__)


class Rulebook:
    """What was decided, looked at again and again over a connection of its own.

    A process goes by what it saw for `lease` seconds at most; whoever decides waits for so long before the decision is
    confirmed. So with any number of processes, all that is asked after the confirmation goes by the new value.
    """

    def __init__(self, url: str, *, lease: float = LEASE_SECONDS) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None
        self._policies = DEFAULTS
        self._version = -1
        self._looked_at = float("-inf")
        self._turn = asyncio.Lock()
        self.lease = lease

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Self]:
        """The rulebook of a database, looked at until the block ends."""
        book = cls(url)
        await book.look()
        looking = asyncio.create_task(book._keep_looking())
        try:
            yield book
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await book._close()

    async def policies(self, at: datetime) -> Policies:
        """The values in force at a time; raises Busy when nobody can say which they are."""
        if monotonic() - self._looked_at > self.lease:
            try:
                await self.look()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                log.warning(f"Cannot see which policies are in force: {type(error).__name__}: {error}")
                raise Busy from error
        return self._policies.on(shanghai_day(at))

    async def look(self) -> None:
        """See whether something was decided, and read it."""
        began = monotonic()
        async with self._turn:
            if self._looked_at >= began:
                return  # somebody looked while this one waited
            began = monotonic()
            try:
                async with asyncio.timeout(SECONDS_TO_ANSWER):
                    await self._read()
            except BaseException:
                await self._close()
                raise
            self._looked_at = began

    async def wait_for_all(self) -> None:
        """Wait until no process goes by what was in force before."""
        await self.look()
        await asyncio.sleep(self.lease)

    async def _read(self) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._url)
            await prepare_connection(self._connection)
        if await store.version(self._connection) == self._version:
            return
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            version = await store.version(self._connection)
            history = await store.history(self._connection)
        self._policies = Policies(history=history)
        self._version = version

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            with enduring("look for policies"):
                await self.look()

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()
